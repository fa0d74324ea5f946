import { log2Buckets } from '@skep/view';
import { TIMESTAMP } from '../frame/options.ts';
import { requestFlags } from '../frame/requests.ts';
import type { Tool } from '../frame/tool.ts';

export const biolatency: Tool = {
  name: 'biolatency',
  summary: 'How long requests to disks take, as a histogram',
  intervals: true,
  options: [
    { flags: '-Q, --queued', summary: 'with the time in the queue of the operating system', global: 'from_queue' },
    { flags: '-m, --milliseconds', summary: 'in milliseconds', global: 'milliseconds' },
    { flags: '-D, --disks', summary: 'a histogram for each disk', global: 'by_disk' },
    { flags: '-F, --flags', summary: 'a histogram for each kind of request', global: 'by_flags' },
    { flags: '-d, --disk', value: 'name', summary: 'only this disk' },
    TIMESTAMP,
  ],
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
    return {
      kind: 'histograms',
      unit: given.flag('milliseconds') ? 'msecs' : 'usecs',
      globals: disk === undefined ? {} : { target_device: given.names.diskNumber(disk) },
      histograms(loaded) {
        const map = loaded.maps.get('histograms')!;
        return [...map.entries()].map(([key, value]) => {
          const { device, flags } = key as unknown as { device: number; flags: number };
          map.delete(key as never);
          const labels = [
            ...(given.flag('disks') ? [`disk = ${given.names.disk(device)}`] : []),
            ...(given.flag('flags') ? [`flags = ${requestFlags(flags)}`] : []),
          ];
          const { slots } = value as unknown as { slots: number[] };
          return { label: labels.length === 0 ? undefined : labels.join(' '), buckets: log2Buckets(slots) };
        });
      },
    };
  },
};
