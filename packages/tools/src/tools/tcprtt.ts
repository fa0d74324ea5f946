import { log2Buckets } from '@skep/view';
import { addressText, FLOWS, flowGlobals } from '../frame/flows.ts';
import { INTERVAL, TIMESTAMP } from '../frame/options.ts';
import type { Tool } from '../frame/tool.ts';

interface Entry {
  readonly histogram: { readonly slots: readonly number[] };
  readonly sum: bigint;
  readonly count: bigint;
}

export const tcprtt: Tool = {
  name: 'tcprtt',
  summary: 'Round-trip times of TCP connections, as a histogram',
  intervals: true,
  options: [
    { flags: '-m, --milliseconds', summary: 'in milliseconds', global: 'milliseconds' },
    { flags: '-b, --byladdr', summary: 'a histogram for each address here' },
    { flags: '-B, --byraddr', summary: 'a histogram for each address there' },
    { flags: '-e, --extension', summary: 'also averages' },
    ...FLOWS,
    INTERVAL,
    TIMESTAMP,
  ],
  routes: [
    { name: 'tcp_probe', kind: 'exact', program: 'tcprtt', needs: [{ kind: 'tracepoint', name: 'tcp:tcp_probe' }] },
  ],
  examples: [
    { line: 'skep tcprtt', does: 'all connections until Ctrl-C' },
    { line: 'skep tcprtt -mB 10 1', does: 'milliseconds, by address there, over ten seconds' },
    { line: 'skep tcprtt -L 443 -e', does: 'of one service, with the average' },
  ],
  display(given) {
    const by = given.flag('byraddr') ? 2 : given.flag('byladdr') ? 1 : 0;
    return {
      kind: 'histograms',
      unit: given.flag('milliseconds') ? 'msecs' : 'usecs',
      globals: { ...flowGlobals(given), by },
      histograms(loaded) {
        const map = loaded.maps.get('histograms')!;
        return map.entries().map(([key, value]) => {
          map.delete(key as never);
          const { address, family } = key as unknown as { address: Uint8Array; family: number };
          const { histogram, sum, count } = value as unknown as Entry;
          const who =
            by === 0
              ? 'All Addresses'
              : `${by === 1 ? 'Local' : 'Remote'} Address = ${addressText(address, family === 2 ? 4 : 6)}`;
          const average = given.flag('extension') ? ` [AVG ${count === 0n ? 0n : sum / count}]` : '';
          return { label: who + average, buckets: log2Buckets(histogram.slots) };
        });
      },
    };
  },
};
