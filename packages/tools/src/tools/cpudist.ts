import { log2Buckets } from '@skep/view';
import { averageText } from '../frame/averages.ts';
import { TIMESTAMP } from '../frame/options.ts';
import { taken } from '../frame/taken.ts';
import type { Tool } from '../frame/tool.ts';

interface Entry {
  readonly histogram: { readonly slots: readonly number[] };
  readonly sum: bigint;
  readonly count: bigint;
  readonly comm: string;
}

export const cpudist: Tool = {
  name: 'cpudist',
  summary: 'How long tasks have a processor, or are without one, as a histogram',
  intervals: true,
  options: [
    { flags: '-O, --offcpu', summary: 'how long they are without one', global: 'off' },
    { flags: '-m, --milliseconds', summary: 'in milliseconds', global: 'milliseconds' },
    { flags: '-P, --pids', summary: 'a histogram for each process' },
    { flags: '-L, --tids', summary: 'a histogram for each thread' },
    { flags: '-I, --include-idle', summary: 'idle processors too', global: 'with_idle' },
    { flags: '-e, --extension', summary: 'also average, sum and number', global: 'sums' },
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
    const unit = given.flag('milliseconds') ? 'msecs' : 'usecs';
    return {
      kind: 'histograms',
      unit,
      globals: { by: name === 'tid' ? 2 : name === 'pid' ? 1 : 0 },
      histograms(loaded) {
        return taken<number, Entry>(loaded, 'histograms').map(([key, { histogram, comm, sum, count }]) => {
          const labels = [
            ...(name ? [`${name} = ${key} ${comm}`] : []),
            ...(given.flag('extension') ? [averageText(sum, count, unit)] : []),
          ];
          return { label: labels.length === 0 ? undefined : labels.join(', '), buckets: log2Buckets(histogram.slots) };
        });
      },
    };
  },
};
