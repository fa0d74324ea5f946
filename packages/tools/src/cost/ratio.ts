/** How much longer one thing takes than another, from pairs of measurements. */
export interface Ratio {
  /** The geometric mean of the pairs' ratios. */
  readonly ratio: number;
  /** Where the true ratio lies with 95 % confidence, if rounds vary as these did (Student's t, of the logarithms). */
  readonly low: number;
  readonly high: number;
}

/** At least two pairs `[without, with]`, both positive. */
export function ratioOf(pairs: readonly (readonly [number, number])[]): Ratio {
  const logs = pairs.map(([without, with_]) => Math.log(with_ / without));
  const mean = logs.reduce((sum, one) => sum + one, 0) / logs.length;
  const variance = logs.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (logs.length - 1);
  const half = student(logs.length - 1) * Math.sqrt(variance / logs.length);
  return { ratio: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) };
}

/** The 97.5 % quantile of Student's distribution with so many degrees of freedom. */
function student(freedom: number): number {
  const listed = QUANTILES[freedom - 1];
  // Cornish and Fisher's expansion: right to three decimals from here on.
  const z = 1.959964;
  return listed ?? z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2);
}

const QUANTILES = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
