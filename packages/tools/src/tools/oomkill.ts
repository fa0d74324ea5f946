import { clock, left, right } from '../frame/columns.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly cgroup: bigint;
  readonly by: number;
  readonly victim: number;
  readonly pages: bigint;
  readonly by_comm: string;
  readonly comm: string;
}

export const oomkill: Tool = {
  name: 'oomkill',
  summary: 'Show the processes that the kernel kills for want of memory',
  options: [],
  routes: [
    {
      name: 'kprobe',
      kind: 'exact',
      program: 'oomkill',
      programs: ['oom_kill_process'],
      needs: [{ kind: 'kprobe', name: 'oom_kill_process' }],
    },
    {
      name: 'mark_victim',
      kind: 'approximate',
      misses: 'how many pages were allowed',
      program: 'oomkill',
      programs: ['mark_victim'],
      needs: [{ kind: 'tracepoint', name: 'oom:mark_victim' }],
    },
  ],
  examples: [
    { line: 'skep oomkill', does: 'every kill, as it happens' },
    { line: 'skep oomkill -o wide', does: 'with container and pod' },
    { line: 'skep oomkill -o jsonl >> oom.log', does: 'for a log' },
  ],
  display(given) {
    return {
      kind: 'rows',
      columns: [
        clock(),
        left('BY', 'by', 7),
        left('BY COMM', 'by_comm', 16),
        left('PID', 'victim', 7),
        left('COMM', 'comm', 16),
        right('PAGES', 'pages', 10),
      ],
      row(record) {
        const event = record as unknown as Event;
        const { time, pages } = event;
        return { ...event, time: given.realtime(time), pages: pages === 0n ? null : pages };
      },
    };
  },
};
