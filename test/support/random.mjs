// @ts-check
/** Choices that a seed decides (mulberry32): what a random test has found can be had again. */
export class Random {
  /** @param {number} seed */
  constructor(seed) {
    this.state = seed | 0;
  }

  /** 32 bits, unsigned. */
  next() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 ≤ x < 1 */
  fraction() {
    return this.next() / 2 ** 32;
  }

  /** 0 … `limit` - 1; 0 where that is nothing. @param {number} limit */
  below(limit) {
    return limit > 0 ? this.next() % limit : 0;
  }

  /** True in so many of a hundred cases. @param {number} percent */
  chance(percent) {
    return this.below(100) < percent;
  }

  /** @template T @param {readonly T[]} list @returns {T} */
  pick(list) {
    return /** @type {T} */ (list[this.below(list.length)]);
  }
}
