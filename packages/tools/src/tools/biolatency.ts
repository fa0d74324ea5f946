import { log2Buckets } from '@skep/view';
import { averageText } from '../frame/averages.ts';
import { TIMESTAMP } from '../frame/options.ts';
import { requestFlags } from '../frame/requests.ts';
import { taken } from '../frame/taken.ts';
import type { Tool } from '../frame/tool.ts';

interface Key {
  readonly device: number;
  readonly flags: number;
}

interface Entry {
  readonly histogram: { readonly slots: readonly number[] };
  readonly sum: bigint;
  readonly count: bigint;
}

export const biolatency: Tool = {
  name: 'biolatency',
  summary: 'How long requests to disks take, as a histogram',
  intervals: true,
  options: [
    { flags: '-Q, --queued', summary: 'with the time in the queue of the operating system', global: 'from_queue' },
    { flags: '-m, --milliseconds', summary: 'in milliseconds', global: 'milliseconds' },
    { flags: '-D, --disks', summary: 'a histogram for each disk', global: 'by_disk' },
    { flags: '-F, --flags', summary: 'a histogram for each kind of request', global: 'by_flags' },
    { flags: '-e, --extension', summary: 'also average, sum and number', global: 'sums' },
    { flags: '-d, --disk', value: 'name', summary: 'only this disk' },
    TIMESTAMP,
  ],
  refused: [{ flags: '-j, --json', instead: 'use `-o json`, or `-o jsonl`' }],
  routes: [
    {
      name: 'block',
      kind: 'exact',
      program: 'biolatency',
      needs: [{ kind: 'tracepoint', name: 'block:block_rq_issue' }],
    },
  ],
  examples: [
    { line: 'skep biolatency', does: 'all disks until Ctrl-C' },
    { line: 'skep biolatency -mD 1 10', does: 'milliseconds, a histogram for each disk, every second, ten times' },
    { line: 'skep biolatency -F -o json', does: 'reads, writes and others apart, as JSON' },
  ],
  display(given) {
    const disk = given.text('disk');
    const unit = given.flag('milliseconds') ? 'msecs' : 'usecs';
    return {
      kind: 'histograms',
      unit,
      globals: disk === undefined ? {} : { target_device: given.names.diskNumber(disk) },
      histograms(loaded) {
        return taken<Key, Entry>(loaded, 'histograms').map(([{ device, flags }, { histogram, sum, count }]) => {
          const labels = [
            ...(given.flag('disks') ? [`disk = ${given.names.disk(device)}`] : []),
            ...(given.flag('flags') ? [`flags = ${requestFlags(flags)}`] : []),
          ];
          if (given.flag('extension')) labels.push(averageText(sum, count, unit));
          return { label: labels.length === 0 ? undefined : labels.join(' '), buckets: log2Buckets(histogram.slots) };
        });
      },
    };
  },
};
