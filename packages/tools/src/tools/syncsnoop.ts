import { clock, left, milliseconds } from '../frame/columns.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly took: bigint;
  readonly cgroup: bigint;
  readonly pid: number;
  readonly call: number;
  readonly result: number;
  readonly comm: string;
}

export const syncsnoop: Tool = {
  name: 'syncsnoop',
  summary: 'Show who has files written to disk (sync, fsync …), and how long it takes',
  options: [],
  routes: [
    {
      name: 'syscalls',
      kind: 'exact',
      program: 'syncsnoop',
      needs: [{ kind: 'tracepoint', name: 'syscalls:sys_enter_fsync' }],
    },
  ],
  examples: [
    { line: "skep syncsnoop -c 'sync -d /etc/hosts'", does: 'what one command has written' },
    { line: 'skep syncsnoop', does: 'everybody on the machine' },
    { line: "skep syncsnoop --filter 'took > 10000000' -o jsonl", does: 'what takes longer than 10 ms' },
  ],
  display(given) {
    return {
      kind: 'rows',
      columns: [
        clock(),
        left('PID', 'pid', 7),
        left('COMM', 'comm', 16),
        left('CALL', 'call', 15),
        milliseconds('LAT(ms)', 'took', 9),
      ],
      row(record) {
        const event = record as unknown as Event;
        return { ...event, time: given.realtime(event.time), call: CALLS[event.call] ?? String(event.call) };
      },
    };
  },
};

/** In the order of the program's `enum call`. */
const CALLS = ['sync', 'fsync', 'fdatasync', 'msync', 'sync_file_range', 'syncfs'];
