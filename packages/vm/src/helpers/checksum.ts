/** Internet checksums over 32-bit words as they lie in memory (include/net/checksum.h); all results are unsigned. */
export function add(a: number, b: number): number {
  const sum = a + b;
  return sum > 0xffffffff ? sum - 0xffffffff : sum;
}

export function subtract(a: number, b: number): number {
  return add(a, ~b >>> 0);
}

/** To 16 bits, complemented. */
export function fold(sum: number): number {
  let folded = (sum >>> 16) + (sum & 0xffff);
  folded = (folded >>> 16) + (folded & 0xffff);
  return ~folded & 0xffff;
}

/** The checksum after `from` became `to` in what it covers. */
export function replace(check: number, from: number, to: number): number {
  return fold(add(subtract(~check & 0xffff, from), to));
}

/** The same for a difference that `bpf_csum_diff` gave. */
export function replaceByDifference(check: number, difference: number): number {
  return fold(add(difference, ~check & 0xffff));
}
