import type { Bucket, Document, Row } from '../../packages/tools/test/guest/document.ts';

/** Cells of the lines that a pattern matches, joined: `pick(text, /(\S+) +(\d+)/)`. */
export function pick(text: string, pattern: RegExp): string[] {
  return text.split('\n').flatMap((line) => {
    const found = pattern.exec(line);
    return found ? [found.slice(1).join(' ').trim()] : [];
  });
}

/** `pick` for one pattern, as tools have it that print the same columns. */
export function picking(pattern: RegExp): (text: string) => string[] {
  return (text) => pick(text, pattern);
}

/** Cells of the events that are meant. */
export function cells(document: Document, mine: (row: Row) => boolean, ...names: readonly string[]): string[] {
  return events(document)
    .filter(mine)
    .map((row) => names.map((name) => String(row[name])).join(' '));
}

export function events(document: Document): readonly Row[] {
  return document.events ?? [];
}

export function tableRows(document: Document): readonly Row[] {
  return (document.intervals ?? []).flatMap((one) => one.rows ?? []);
}

export function stacks(document: Document) {
  return (document.intervals ?? []).flatMap((one) => one.stacks ?? []);
}

/**
 * Histograms of libbpf-tools and bcc (`65536 -> 131071 : 8 |****|`), and those of bpftrace (`[64K, 128K) 8 |@@@@|`).
 */
export function theirBuckets(text: string): Bucket[] {
  const arrows = [...text.matchAll(/^ *(\d+) -> (\d+) *: (\d+)/gm)].map(([, from, to, count]) => ({
    ...{ from: Number(from), to: Number(to), count: Number(count) },
  }));
  const brackets = [...text.matchAll(/^\[(\d+)([KMG]?)(?:, (\d+)([KMG]?)\)|\]) +(\d+) /gm)].map(
    ([, from, unit, to, units, count]) => ({
      ...{ from: Number(from) * UNITS[unit!]!, to: Number(to ?? from) * UNITS[units ?? '']!, count: Number(count) },
    }),
  );
  return [...arrows, ...brackets];
}
const UNITS: { readonly [letter: string]: number } = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

export function ourBuckets(document: Document): Bucket[] {
  return (document.intervals ?? []).flatMap((one) => (one.histograms ?? []).flatMap((it) => it.buckets));
}

/** How many fell into buckets from a value on. */
export function above(buckets: readonly Bucket[], value: number): number {
  return buckets.filter((one) => one.from >= value).reduce((sum, one) => sum + one.count, 0);
}

/** The port of the client is another one each time. */
export function anyPort(line: string): string {
  return line.replace(/\b\d{5}\b/, 'client');
}

/** Two tools that look at the same machine from different moments on never count alike: what matters is that both did. */
export function some(count: number, what: string): string[] {
  return [count > 0 ? what : `no ${what}`];
}

export function once(lines: readonly string[]): string[] {
  return [...new Set(lines)];
}
