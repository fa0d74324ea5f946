import { clock, left, right } from '../frame/columns.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly cgroup: bigint;
  readonly pid: number;
  readonly result: number;
  readonly call: number;
  readonly comm: string;
  readonly path: string;
}

export const statsnoop: Tool = {
  name: 'statsnoop',
  summary: 'Show the paths that processes ask about (stat)',
  options: [
    { flags: '-x, --failed', summary: 'only those that are not there, or may not be seen', global: 'only_failed' },
    { flags: '-t, --timestamp', summary: 'the time of day' },
    { flags: '-s, --sysname', summary: 'the system call' },
  ],
  routes: [
    {
      name: 'syscalls',
      kind: 'exact',
      program: 'statsnoop',
      needs: [{ kind: 'tracepoint', name: 'syscalls:sys_enter_newfstatat' }],
    },
  ],
  examples: [
    { line: 'skep statsnoop -- ls -l /etc/hosts', does: 'what one command asks about' },
    { line: 'skep statsnoop -x', does: 'searches that find nothing, on the whole machine' },
    {
      line: "skep statsnoop --filter 'comm = node and err = 2' -o jsonl",
      does: 'what Node looks for in vain, as JSON lines',
    },
  ],
  display(given) {
    return {
      kind: 'rows',
      columns: [
        ...(given.flag('timestamp') ? [clock()] : []),
        left('PID', 'pid', 7),
        left('COMM', 'comm', 16),
        right('RET', 'ret', 4),
        right('ERR', 'err', 3),
        ...(given.flag('sysname') ? [left('SYSCALL', 'call', 10)] : []),
        left('PATH', 'path', 40),
      ],
      row(record) {
        const { time, result, call, ...event } = record as unknown as Event;
        return {
          time: given.realtime(time),
          ...event,
          call: CALLS[call] ?? String(call),
          ret: result < 0 ? -1 : result,
          err: Math.max(0, -result),
        };
      },
    };
  },
};

/** In the order of the program's `enum`. */
const CALLS = ['newfstatat', 'statx', 'stat', 'lstat', 'statfs'];
