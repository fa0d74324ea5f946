/** A bar of a histogram: values from `from` up to and with `to`. */
export interface Bucket {
  readonly from: bigint;
  readonly to: bigint;
  readonly count: number;
}

/**
 * The buckets of a log2 histogram: slot 0 holds 0 and 1, slot n what has its highest bit at n. From slot 0 to the last one
 * that is not empty; none at all when every slot is empty.
 */
export function log2Buckets(slots: readonly number[]): Bucket[] {
  const last = slots.findLastIndex((count) => count > 0);
  return slots.slice(0, last + 1).map((count, slot) => ({
    from: slot === 0 ? 0n : 1n << BigInt(slot),
    to: (1n << BigInt(slot + 1)) - 1n,
    count,
  }));
}

/** The buckets of a linear histogram: slot n holds the values from `start + n * step`. */
export function linearBuckets(slots: readonly number[], step = 1, start = 0): Bucket[] {
  const first = slots.findIndex((count) => count > 0);
  const last = slots.findLastIndex((count) => count > 0);
  if (first < 0) return [];
  return slots.slice(first, last + 1).map((count, i) => {
    const from = start + (first + i) * step;
    return { from: BigInt(from), to: BigInt(from + step - 1), count };
  });
}

/** Bars of stars, as bcc's users know them; ends with a line break. Empty when there are no buckets. */
export function histogramText(buckets: readonly Bucket[], unit: string): string {
  if (buckets.length === 0) return '';
  // Ranges of 32 bits fit into ten digits; larger ones get twice the room and shorter bars.
  const wide = buckets.at(-1)!.to > 0xffff_ffffn;
  const digits = wide ? 20 : 10;
  const stars = wide ? 20 : 40;
  const most = Math.max(1, ...buckets.map((one) => one.count));
  const single = buckets.every((one) => one.from === one.to);
  const head = `${' '.repeat(wide ? 15 : 5)}${unit.padEnd(single ? digits - 5 : wide ? 29 : 19)} : count     distribution\n`;
  const lines = buckets.map(({ from, to, count }) => {
    const range = single
      ? String(from).padStart(digits).padEnd(digits)
      : `${String(from).padStart(digits)} -> ${String(to).padEnd(digits)}`;
    return `${range} : ${String(count).padEnd(8)} |${'*'.repeat(Math.floor((count * stars) / most)).padEnd(stars)}|\n`;
  });
  return head + lines.join('');
}
