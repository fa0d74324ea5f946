import { log2Buckets } from '@skep/view';
import { TIMESTAMP } from '../frame/options.ts';
import type { Tool } from '../frame/tool.ts';

export const cpudist: Tool = {
  name: 'cpudist',
  summary: 'How long tasks have a processor, or are without one, as a histogram',
  intervals: true,
  options: [
    { flags: '-O, --offcpu', summary: 'how long they are without one', global: 'off' },
    { flags: '-m, --milliseconds', summary: 'in milliseconds', global: 'milliseconds' },
    { flags: '-P, --pids', summary: 'a histogram for each process' },
    { flags: '-L, --tids', summary: 'a histogram for each thread' },
    TIMESTAMP,
  ],
  routes: [
    {
      name: 'sched',
      kind: 'exact',
      program: 'cpudist',
      needs: [{ kind: 'tracepoint', name: 'sched:sched_switch' }],
    },
  ],
  examples: [
    { line: 'skep cpudist', does: 'all tasks until Ctrl-C' },
    { line: 'skep cpudist -O -- sleep 1', does: 'how long one command is off the processor' },
    { line: 'skep cpudist -mP 1 10', does: 'milliseconds, by process, every second, ten times' },
  ],
  display(given) {
    const name = given.flag('tids') ? 'tid' : given.flag('pids') ? 'pid' : undefined;
    return {
      kind: 'histograms',
      unit: given.flag('milliseconds') ? 'msecs' : 'usecs',
      globals: { by: name === 'tid' ? 2 : name === 'pid' ? 1 : 0 },
      histograms(loaded) {
        const map = loaded.maps.get('histograms')!;
        return [...map.entries()].map(([key, value]) => {
          map.delete(key as number);
          const { histogram, comm } = value as unknown as { histogram: { slots: number[] }; comm: string };
          return { label: name && `${name} = ${key} ${comm}`, buckets: log2Buckets(histogram.slots) };
        });
      },
    };
  },
};
