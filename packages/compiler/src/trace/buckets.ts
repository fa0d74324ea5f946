import type { AggregateType } from './type.ts';

/** The values that a bucket of a histogram stands for: `low <= n < high`; undefined where there is no end. */
export function bucketRange(
  type: AggregateType,
  bucket: bigint,
): { readonly low: bigint | undefined; readonly high: bigint | undefined } {
  if (type.name === 'lhist') {
    const [min, max, step] = type.args as [bigint, bigint, bigint];
    if (bucket === 0n) return { low: undefined, high: min };
    const last = (max - min) / step;
    if (bucket > last) return { low: max, high: undefined };
    const low = min + (bucket - 1n) * step;
    return { low, high: low + step };
  }
  if (bucket === 0n) return { low: undefined, high: 0n };
  const bits = (type.args[0] as bigint | undefined) ?? 0n;
  const index = bucket - 1n;
  if (index < 1n << (bits + 1n)) return { low: index, high: index + 1n };
  const shift = (index >> bits) - 1n;
  const low = ((index & ((1n << bits) - 1n)) + (1n << bits)) << shift;
  return { low, high: low + (1n << shift) };
}
