import { clock, left, right } from '../frame/columns.ts';
import { signalName } from '../frame/signals.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly cgroup: bigint;
  readonly pid: number;
  readonly uid: number;
  readonly target: number;
  readonly signal: number;
  readonly result: number;
  readonly comm: string;
}

export const killsnoop: Tool = {
  name: 'killsnoop',
  summary: 'Show the signals that processes send',
  options: [
    { flags: '-x, --failed', summary: 'only those that could not be sent', global: 'only_failed' },
    { flags: '-s, --signal', value: 'number', kind: 'integer', summary: 'only this signal', global: 'target_signal' },
    { flags: '-T, --tpid', value: 'pid', kind: 'integer', summary: 'only signals to this process' },
  ],
  refused: [
    { flags: '-n, --name', instead: 'number and name are both shown' },
    { flags: '-k, --kill', instead: 'signals of kill, tkill and tgkill are all it shows' },
  ],
  routes: [
    {
      name: 'syscalls',
      kind: 'exact',
      program: 'killsnoop',
      needs: [{ kind: 'tracepoint', name: 'syscalls:sys_enter_kill' }],
    },
  ],
  examples: [
    { line: "skep killsnoop -c 'sleep 9 & kill $!'", does: 'what a shell sends' },
    { line: 'skep killsnoop -s 9', does: 'who kills without mercy' },
    { line: 'skep killsnoop -x -o jsonl', does: 'what was not permitted or had no target' },
  ],
  display(given) {
    const target = given.number('tpid');
    return {
      kind: 'rows',
      columns: [
        clock(),
        left('PID', 'pid', 7),
        left('COMM', 'comm', 16),
        left('SIG', 'signal', 4),
        left('NAME', 'name', 8),
        right('TPID', 'target', 7),
        right('RESULT', 'result', 6),
      ],
      row(record) {
        const event = record as unknown as Event;
        if (target !== undefined && event.target !== target) return undefined;
        return { ...event, time: given.realtime(event.time), name: signalName(event.signal) };
      },
    };
  },
};
