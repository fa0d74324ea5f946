import { log2Buckets } from '@skep/view';
import { addressBytes, addressText, FAMILIES, flowFilter } from '../frame/flows.ts';
import { INTERVAL, TIMESTAMP } from '../frame/options.ts';
import { taken } from '../frame/taken.ts';
import type { Tool } from '../frame/tool.ts';

interface Key {
  readonly address: Uint8Array;
  readonly family: number;
}

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
    ...FAMILIES,
    { flags: '-p, --lport', value: 'ports', summary: 'only these ports here: 80,443' },
    { flags: '-P, --rport', value: 'ports', summary: 'only these ports there' },
    { flags: '-a, --laddr', value: 'address', summary: 'only this address here' },
    { flags: '-A, --raddr', value: 'address', summary: 'only this address there' },
    INTERVAL,
    TIMESTAMP,
  ],
  everybody: 'segments arrive in interrupts, whoever is running',
  routes: [
    { name: 'tcp_probe', kind: 'exact', program: 'tcprtt', needs: [{ kind: 'tracepoint', name: 'tcp:tcp_probe' }] },
  ],
  examples: [
    { line: 'skep tcprtt', does: 'all connections until Ctrl-C' },
    { line: 'skep tcprtt -mB 10 1', does: 'milliseconds, by address there, over ten seconds' },
    { line: 'skep tcprtt -p 443 -e', does: 'of one service, with the average' },
  ],
  display(given) {
    const flows = flowFilter(given, { local: 'lport', remote: 'rport' });
    const addresses = [given.text('laddr'), given.text('raddr')].map((one) => one && addressBytes(one));
    const by = given.flag('byraddr') ? 2 : given.flag('byladdr') ? 1 : 0;
    return {
      kind: 'histograms',
      unit: given.flag('milliseconds') ? 'msecs' : 'usecs',
      globals: {
        ...flows.globals,
        by,
        ...(addresses[0] && { by_local_address: 1 }),
        ...(addresses[1] && { by_remote_address: 1 }),
      },
      prepare(loaded) {
        flows.prepare(loaded);
        const map = loaded.maps.get('addresses')!;
        for (const [side, address] of addresses.entries()) if (address) map.set({ address, side } as never, 1);
      },
      histograms(loaded) {
        return taken<Key, Entry>(loaded, 'histograms').map(([{ address, family }, { histogram, sum, count }]) => {
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
