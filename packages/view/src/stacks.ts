/** How often, or for how long, one stack was seen. */
export interface StackCount {
  /** The outermost function first, as folded stacks and flame graphs have them. */
  readonly frames: readonly string[];
  readonly value: number;
}

/** `main;read;vfs_read 12`: a line for each stack, equal ones added up, most first. What flame graph tools read. */
export function foldedStacks(stacks: readonly StackCount[]): string {
  const sums = new Map<string, number>();
  for (const { frames, value } of stacks) {
    const line = frames.map((one) => one.replaceAll(';', ':').replaceAll('\n', ' ')).join(';');
    sums.set(line, (sums.get(line) ?? 0) + value);
  }
  return [...sums]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .map(([line, value]) => `${line} ${value}\n`)
    .join('');
}
