import { left, right } from '../frame/columns.ts';
import type { Tool } from '../frame/tool.ts';
import { loadLine, TOP } from '../frame/top.ts';

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

const SORT = ['all', 'reads', 'writes', 'rbytes', 'wbytes'];

export const filetop: Tool = {
  name: 'filetop',
  summary: 'Files by how much is read and written, as a top view',
  intervals: true,
  every: 1,
  options: [
    { flags: '-a, --all-files', summary: 'pipes, sockets and devices too', global: 'all_files' },
    { flags: '-s, --sort', value: 'column', summary: 'what counts', choices: SORT, fallback: 'all' },
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
    const sort = given.text('sort') ?? 'all';
    return {
      kind: 'table',
      top: !given.flag('noclear'),
      columns: [
        left('TID', 'tid', 7),
        left('COMM', 'comm', 16),
        right('READS', 'reads', 6),
        right('WRITES', 'writes', 6),
        right('R_Kb', 'r_kb', 7, (kb) => String(Math.floor(Number(kb)))),
        right('W_Kb', 'w_kb', 7, (kb) => String(Math.floor(Number(kb)))),
        left('T', 'type', 1),
        left('FILE', 'file', 24),
      ],
      title: () => loadLine(given),
      rows(loaded) {
        const map = loaded.maps.get('entries')!;
        const rows = map.entries().map(([key, value]) => {
          map.delete(key as never);
          const { pid, tid, regular, comm, name } = key as unknown as Who;
          const { reads, writes, read_bytes, written_bytes } = value as unknown as Entry;
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
        type Line = (typeof rows)[number];
        const weight = (one: Line): number => {
          if (sort === 'reads') return one.reads;
          if (sort === 'writes') return one.writes;
          if (sort === 'rbytes') return one.r_bytes;
          return sort === 'wbytes' ? one.w_bytes : one.r_bytes + one.w_bytes;
        };
        return rows.sort((a, b) => weight(b) - weight(a)).slice(0, given.number('maxrows') ?? 20);
      },
    };
  },
};
