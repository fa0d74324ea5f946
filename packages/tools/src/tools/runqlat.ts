import { log2Buckets } from '@skep/view';
import { TIMESTAMP } from '../frame/options.ts';
import { taken } from '../frame/taken.ts';
import type { Tool } from '../frame/tool.ts';

interface Entry {
  readonly histogram: { readonly slots: readonly number[] };
  readonly comm: string;
}

export const runqlat: Tool = {
  name: 'runqlat',
  summary: 'How long tasks wait for a processor, as a histogram',
  intervals: true,
  options: [
    { flags: '-m, --milliseconds', summary: 'in milliseconds', global: 'milliseconds' },
    { flags: '-P, --pids', summary: 'a histogram for each process' },
    { flags: '-L, --tids', summary: 'a histogram for each thread' },
    { flags: '--pidnss', summary: 'a histogram for each pid namespace' },
    TIMESTAMP,
  ],
  routes: [
    {
      name: 'sched',
      kind: 'exact',
      program: 'runqlat',
      needs: [{ kind: 'tracepoint', name: 'sched:sched_switch' }],
    },
  ],
  examples: [
    { line: 'skep runqlat', does: 'all tasks until Ctrl-C' },
    { line: 'skep runqlat 1 10', does: 'every second, ten times' },
    { line: 'skep runqlat -m -P', does: 'in milliseconds, a histogram for each process' },
  ],
  display(given) {
    const by = BY.findIndex(({ option }) => given.flag(option));
    const name = BY[by]?.name;
    return {
      kind: 'histograms',
      unit: given.flag('milliseconds') ? 'msecs' : 'usecs',
      globals: { by: by + 1 },
      histograms(loaded) {
        return taken<number, Entry>(loaded, 'histograms').map(([key, { histogram, comm }]) => {
          const label = name && `${name} = ${key}${name === 'pidns' ? '' : ` ${comm}`}`;
          return { label, buckets: log2Buckets(histogram.slots) };
        });
      },
    };
  },
};

/** In the order of the program's `enum`, behind "nothing". */
const BY = [
  { option: 'pids', name: 'pid' },
  { option: 'tids', name: 'tid' },
  { option: 'pidnss', name: 'pidns' },
];
