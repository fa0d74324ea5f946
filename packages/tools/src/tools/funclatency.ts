import { EXIT, SkepError } from '@skep/base';
import { log2Buckets } from '@skep/view';
import { badLevel, badPlace } from '../diagnostics.ts';
import { averageText } from '../frame/averages.ts';
import { INTERVAL, TIMESTAMP } from '../frame/options.ts';
import { placeName, placesFor } from '../frame/places.ts';
import { taken } from '../frame/taken.ts';
import type { Given, Tool } from '../frame/tool.ts';

interface Entry {
  readonly sum: bigint;
  readonly count: bigint;
  readonly histogram: { readonly slots: readonly number[] };
}

export const funclatency: Tool = {
  name: 'funclatency',
  summary: 'How long functions take, as a histogram',
  description: 'Functions are written as for `skep funccount`.',
  argument: { name: 'function', summary: 'which; * and ? as in file names', required: true },
  options: [
    INTERVAL,
    { flags: '-u, --microseconds', summary: 'in microseconds' },
    { flags: '-m, --milliseconds', summary: 'in milliseconds' },
    { flags: '-F, --function', summary: 'a histogram for each function', global: 'each' },
    { flags: '-r, --regexp', summary: 'the function is a regular expression' },
    {
      flags: '-l, --level',
      value: 'n',
      kind: 'integer',
      summary: 'of a function that calls itself, time so many calls within each other (default: 1, the outermost)',
    },
    TIMESTAMP,
  ],
  refused: [{ flags: '-k, --kprobes', instead: 'kprobes are what it uses' }],
  routes: [{ name: 'probes', kind: 'exact', program: programOf, needs: [] }],
  examples: [
    {
      line: 'skep funclatency c:getaddrinfo -m -- getent ahosts localhost',
      does: 'how long names take in one command',
    },
    { line: 'skep funclatency vfs_read -u', does: 'a function of the kernel, in microseconds' },
    { line: "skep funclatency -F 'vfs_f*' -i 5", does: 'several, apart, every five seconds' },
  ],
  display(given) {
    const places = placesFor(given);
    const [unit, size] = given.flag('milliseconds')
      ? ['msecs', 1_000_000]
      : given.flag('microseconds')
        ? ['usecs', 1000]
        : (['nsecs', 1] as const);
    return {
      kind: 'histograms',
      unit: unit as string,
      globals: { unit: size as number },
      histograms(loaded) {
        return taken<bigint, Entry>(loaded, 'histograms').map(([place, { sum, count, histogram }]) => {
          const name = placeName(places, place, given);
          const average = averageText(sum, count, unit as string);
          const label = given.flag('function') ? `Function = ${name}, ${average}` : average;
          return { label, buckets: log2Buckets(histogram.slots) };
        });
      },
    };
  },
};

/** More calls within each other than anybody tells apart in a histogram. */
const MOST_LEVELS = 32;

function programOf(given: Given): string {
  const { single, multi } = placesFor(given);
  const each = single.map((one, i) => {
    if (one.exit === undefined) throw new SkepError(badPlace(given.args[0]!), EXIT.usage);
    return `PLACE(${i}, ${JSON.stringify(one.entry)}, ${JSON.stringify(one.exit)})\n`;
  });
  const all = multi ? `PLACES(${JSON.stringify(multi.entry)}, ${JSON.stringify(multi.exit)})\n` : '';
  const levels = given.number('level') ?? 1;
  if (levels < 1 || levels > MOST_LEVELS) throw new SkepError(badLevel(levels, MOST_LEVELS), EXIT.usage);
  return `#define LEVELS ${levels}\n#include "tool.h"\n#include "funclatency.h"\n${each.join('')}${all}`;
}
