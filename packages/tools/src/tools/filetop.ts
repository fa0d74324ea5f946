import { kilobytes, left, right } from '../frame/columns.ts';
import { taken } from '../frame/taken.ts';
import type { Tool } from '../frame/tool.ts';
import { heaviest, loadLine, sortedBy, TOP } from '../frame/top.ts';

interface Who {
  readonly pid: number;
  readonly tid: number;
  readonly regular: number;
  readonly comm: string;
  readonly name: string;
}

interface Entry {
  readonly reads: bigint;
  readonly writes: bigint;
  readonly read_bytes: bigint;
  readonly written_bytes: bigint;
}

export const filetop: Tool = {
  name: 'filetop',
  summary: 'Files by how much is read and written, as a top view',
  intervals: true,
  every: 1,
  options: [
    { flags: '-a, --all-files', summary: 'pipes, sockets and devices too', global: 'all_files' },
    sortedBy('reads', 'writes', 'rbytes', 'wbytes'),
    { flags: '--read-only', summary: 'only what is read', global: 'only_reads' },
    { flags: '--write-only', summary: 'only what is written', global: 'only_writes' },
    ...TOP,
  ],
  refused: [
    {
      flags: '--directory',
      value: 'dir',
      instead: 'only names of files are known, not of their folders; `--filter` chooses among them',
    },
  ],
  routes: [
    {
      name: 'syscalls',
      kind: 'approximate',
      misses: 'what is read and written through mapped memory, sendfile, splice and io_uring',
      program: 'filetop',
      needs: [{ kind: 'tracepoint', name: 'syscalls:sys_enter_read' }],
    },
  ],
  examples: [
    { line: 'skep filetop 1', does: 'every second' },
    { line: 'skep filetop -C -s writes 5 1', does: 'what is written most often in five seconds' },
    { line: "skep filetop -c 'cat /etc/passwd > /tmp/copy'", does: 'what one command reads and writes' },
  ],
  display(given) {
    return {
      kind: 'table',
      top: !given.flag('noclear'),
      columns: [
        left('TID', 'tid', 7),
        left('COMM', 'comm', 16),
        right('READS', 'reads', 6),
        right('WRITES', 'writes', 6),
        kilobytes('R_Kb', 'r_kb', 7),
        kilobytes('W_Kb', 'w_kb', 7),
        left('T', 'type', 1),
        left('FILE', 'file', 24),
      ],
      title: () => loadLine(given),
      rows(loaded) {
        const rows = taken<Who, Entry>(loaded, 'entries').map(([who, entry]) => {
          const { pid, tid, regular, comm, name } = who;
          const { reads, writes, read_bytes, written_bytes } = entry;
          return {
            pid,
            tid,
            comm,
            reads: Number(reads),
            writes: Number(writes),
            r_kb: Number(read_bytes) / 1024,
            w_kb: Number(written_bytes) / 1024,
            r_bytes: Number(read_bytes),
            w_bytes: Number(written_bytes),
            type: regular ? 'R' : 'O',
            file: name,
          };
        });
        return heaviest(given, rows, {
          all: (one) => one.r_bytes + one.w_bytes,
          reads: (one) => one.reads,
          writes: (one) => one.writes,
          rbytes: (one) => one.r_bytes,
          wbytes: (one) => one.w_bytes,
        });
      },
    };
  },
};
