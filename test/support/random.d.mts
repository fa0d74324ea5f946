/** Choices that a seed decides: what a random test has found can be had again. */
export class Random {
  constructor(seed: number);
  /** 32 bits, unsigned. */
  next(): number;
  /** 0 ≤ x < 1 */
  fraction(): number;
  /** 0 … `limit` - 1; 0 where that is nothing. */
  below(limit: number): number;
  /** True in so many of a hundred cases. */
  chance(percent: number): boolean;
  pick<T>(list: readonly T[]): T;
}
