import { log2Buckets, type Row } from '@skep/view';
import type { Value } from 'skep';
import { left, right } from './columns.ts';
import { ON_CPU, TIMESTAMP } from './options.ts';
import { taken } from './taken.ts';
import type { Display, Given, ToolOption } from './tool.ts';

export const interruptOptions: readonly ToolOption[] = [
  { flags: '-d, --dist', summary: 'a histogram for each', global: 'distribution' },
  { flags: '-N, --nanoseconds', summary: 'in nanoseconds', global: 'nanoseconds' },
  { flags: '-C, --events', summary: 'how many, instead of how long' },
  ON_CPU,
  TIMESTAMP,
];

interface Entry {
  readonly count: bigint;
  readonly time: bigint;
  readonly histogram: { readonly slots: readonly number[] };
}

/** Counts and times of interrupts from the map `entries`, as a table or as histograms. */
export function interruptDisplay(given: Given, title: string, name: string, nameOf: (key: Value) => string): Display {
  const nanoseconds = given.flag('nanoseconds');
  if (given.flag('dist')) {
    return {
      kind: 'histograms',
      unit: nanoseconds ? 'nsecs' : 'usecs',
      histograms(loaded) {
        return taken<Value, Entry>(loaded, 'entries').map(([key, { histogram }]) => ({
          label: `${name} = ${nameOf(key)}`,
          buckets: log2Buckets(histogram.slots),
        }));
      },
    };
  }
  const counting = given.flag('events');
  const column = counting
    ? right('TOTAL_count', 'count', 11)
    : right(`TOTAL_${nanoseconds ? 'nsecs' : 'usecs'}`, 'time', 11, (ns) =>
        String(nanoseconds ? ns : Math.floor(Number(ns) / 1000)),
      );
  return {
    kind: 'table',
    columns: [left(title, name, 26), column],
    rows(loaded) {
      const rows = taken<Value, Entry>(loaded, 'entries').map(
        ([key, { count, time }]): Row => ({ [name]: nameOf(key), count: Number(count), time }),
      );
      const by = counting ? 'count' : 'time';
      return rows.sort((a, b) => Number(a[by]) - Number(b[by]));
    },
  };
}
