import { clock, left, right } from '../frame/columns.ts';
import { BY_MAP } from '../frame/options.ts';
import { matching } from '../frame/pattern.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly cgroup: bigint;
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly cpu: number;
  readonly result: number;
  readonly args_size: number;
  readonly comm: string;
  readonly pcomm: string;
  readonly args: Uint8Array;
}

export const execsnoop: Tool = {
  name: 'execsnoop',
  summary: 'Show the programs that are started, with their arguments',
  options: [
    { flags: '-x, --fails', summary: 'failed ones too', global: 'also_failed' },
    { flags: '-T, --time', summary: 'the time of day' },
    { flags: '-t, --timestamp', summary: 'seconds since the first one' },
    { flags: '-u, --uid', value: 'uid', kind: 'integer', summary: 'only this user', global: 'target_uid' },
    { flags: '-U, --print-uid', summary: 'the user' },
    { flags: '-q, --quote', summary: 'arguments in quotes' },
    { flags: '-n, --name', value: 'text', summary: 'only commands whose name matches this expression' },
    { flags: '-l, --line', value: 'text', summary: 'only those with an argument that matches this expression' },
    {
      flags: '-P, --ppid',
      value: 'pid',
      kind: 'integer',
      summary: 'only what this process starts',
      global: 'target_ppid',
    },
    { flags: '-C, --print-cpu', summary: 'the processor' },
    { flags: '-M, --print-pcomm', summary: "the parent's name" },
    { flags: '--max-args', value: 'n', kind: 'integer', summary: 'so many arguments at most', global: 'most_args' },
  ],
  refused: BY_MAP,
  routes: [
    {
      name: 'syscalls',
      kind: 'exact',
      program: 'execsnoop',
      needs: [{ kind: 'tracepoint', name: 'syscalls:sys_enter_execve' }],
    },
  ],
  examples: [
    { line: "skep execsnoop -c 'ls /etc | wc -l'", does: 'what a shell starts' },
    { line: 'skep execsnoop -x -T', does: 'everything on the machine, failed attempts too, with the time' },
    { line: "skep execsnoop -U --filter 'uid = 0' -o jsonl", does: 'what root starts, as JSON lines' },
  ],
  display(given) {
    let first: bigint | undefined;
    const named = matching(given.text('name'));
    const written = matching(given.text('line'));
    const quoted = (word: string) => (given.flag('quote') ? JSON.stringify(word) : word);
    return {
      kind: 'rows',
      columns: [
        ...(given.flag('time') ? [clock()] : []),
        ...(given.flag('timestamp') ? [right('TIME(s)', 'since', 8, (ns) => (Number(ns) / 1e9).toFixed(3))] : []),
        ...(given.flag('printUid') ? [left('UID', 'uid', 6)] : []),
        ...(given.flag('printCpu') ? [right('CPU', 'cpu', 3)] : []),
        ...(given.flag('printPcomm') ? [left('PARENT', 'pcomm', 16)] : []),
        left('PCOMM', 'comm', 16),
        left('PID', 'pid', 7),
        left('PPID', 'ppid', 7),
        right('RET', 'ret', 3),
        left('ARGS', 'args', 40),
      ],
      row(record) {
        const { time, cgroup, pid, ppid, uid, cpu, result, args_size, comm, pcomm, args } = record as unknown as Event;
        // Each argument ends with a zero.
        const words = new TextDecoder().decode(args.subarray(0, Math.max(0, args_size - 1))).split('\0');
        if (!named(comm) || !words.some(written)) return undefined;
        first ??= time;
        const shown = words.map(quoted).join(' ');
        return {
          time: given.realtime(time),
          since: time - first,
          cgroup,
          pid,
          ppid,
          uid,
          cpu,
          pcomm,
          comm,
          ret: result,
          args: shown,
        };
      },
    };
  },
};
