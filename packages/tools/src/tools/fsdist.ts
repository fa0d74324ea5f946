import { log2Buckets } from '@skep/view';
import { FILE_ROUTES, FILE_SYSTEM, magicOf, OPERATIONS } from '../frame/file-systems.ts';
import { TIMESTAMP } from '../frame/options.ts';
import type { Tool } from '../frame/tool.ts';

export const fsdist: Tool = {
  name: 'fsdist',
  summary: 'How long calls on files take, as histograms by call',
  description: 'As ext4dist, xfsdist and others with `--type`.',
  intervals: true,
  options: [
    FILE_SYSTEM,
    { flags: '-m, --milliseconds', summary: 'in milliseconds', global: 'milliseconds' },
    TIMESTAMP,
  ],
  routes: FILE_ROUTES,
  examples: [
    { line: 'skep fsdist', does: 'all file systems until Ctrl-C' },
    { line: 'skep fsdist -t ext4 -m 1 10', does: 'ext4, in milliseconds, every second, ten times' },
    { line: 'skep fsdist -- du -s /usr/share/doc', does: 'of one command' },
  ],
  display(given) {
    return {
      kind: 'histograms',
      unit: given.flag('milliseconds') ? 'msecs' : 'usecs',
      globals: { distribution: 1, target_magic: magicOf(given.text('type')) },
      histograms(loaded) {
        const map = loaded.maps.get('histograms')!;
        return map.entries().map(([key, value]) => {
          const { slots } = value as unknown as { slots: number[] };
          map.set(key as number, { slots: slots.map(() => 0) });
          return { label: `operation = ${OPERATIONS[key as number]!.name}`, buckets: log2Buckets(slots) };
        });
      },
    };
  },
};
