import { clock, left, right } from '../frame/columns.ts';
import { signalName } from '../frame/signals.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly start: bigint;
  readonly cgroup: bigint;
  readonly pid: number;
  readonly tid: number;
  readonly ppid: number;
  readonly exit_code: number;
  readonly comm: string;
}

export const exitsnoop: Tool = {
  name: 'exitsnoop',
  summary: 'Show the processes that end: how long they lived, and why they ended',
  options: [
    { flags: '-x, --failed', summary: 'only those that failed or were killed', global: 'only_failed' },
    { flags: '-T, --per-thread', summary: 'threads too', global: 'threads' },
    { flags: '-t, --timestamp', summary: 'the time of day' },
    { flags: '--utc', summary: 'the time of day in Greenwich' },
    { flags: '--label', value: 'text', summary: 'this in front of each line' },
  ],
  routes: [
    {
      name: 'sched',
      kind: 'exact',
      program: 'exitsnoop',
      needs: [{ kind: 'tracepoint', name: 'sched:sched_process_exit' }],
    },
  ],
  examples: [
    { line: 'skep exitsnoop -c \'true; false; sh -c "kill -9 \\$\\$"\'', does: 'what becomes of what a shell starts' },
    { line: 'skep exitsnoop -x', does: 'only what failed, on the whole machine' },
    { line: "skep exitsnoop --filter 'age < 0.01' -o jsonl", does: 'what hardly lived, as JSON lines' },
  ],
  display(given) {
    const label = given.text('label');
    return {
      kind: 'rows',
      columns: [
        ...(label === undefined ? [] : [left('LABEL', 'label', Math.max(5, label.length))]),
        ...(given.flag('utc') ? [clock('TIME-UTC', 'time', 'utc')] : given.flag('timestamp') ? [clock()] : []),
        left('PCOMM', 'comm', 16),
        left('PID', 'pid', 7),
        left('PPID', 'ppid', 7),
        left('TID', 'tid', 7),
        right('AGE(s)', 'age', 8, (seconds) => Number(seconds).toFixed(2)),
        left('EXIT_CODE', 'exit', 24),
      ],
      row(record) {
        const { time, start, cgroup, pid, tid, ppid, exit_code, comm } = record as unknown as Event;
        const age = Number(time - start) / 1e9;
        const signal = exit_code & 0x7f;
        const code = (exit_code >> 8) & 0xff;
        const core = (exit_code & 0x80) !== 0;
        const how = signal === 0 ? (code === 0 ? '0' : `code ${code}`) : `signal ${signal} (${signalName(signal)})`;
        return {
          ...(label !== undefined && { label }),
          time: given.realtime(time),
          comm,
          pid,
          ppid,
          tid,
          age,
          exit: core ? `${how}, core dumped` : how,
          code,
          signal,
          cgroup,
        };
      },
    };
  },
};
