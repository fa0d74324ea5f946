import type { AllocaInst, Value } from './ir.ts';

/** How a variable on the stack is aligned: more than C asks for where that costs nothing, so that words can be used. */
export function stackAlign(alloca: AllocaInst): number {
  const { size } = alloca;
  const natural = size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
  return Math.min(8, Math.max(alloca.align, natural));
}

/** The alignment of an address: what is known about the place, or at least what the source promises. */
export function alignmentAt(address: Value, offset: number, promised: number): number {
  const { root, distance } = constantPlace(address);
  const base =
    root.kind === 'alloca'
      ? stackAlign(root)
      : root.kind === 'global' && root.linkage !== 'extern' && root.linkage !== 'weak'
        ? root.align
        : undefined;
  if (base === undefined) return promised;
  const at = distance + offset;
  const known = at === 0 ? base : Math.min(base, at & -at);
  return root.kind === 'alloca' ? known : Math.max(known, promised);
}

/** Follows additions of constants. */
export function constantPlace(address: Value): { root: Value; distance: number } {
  let distance = 0;
  let root = address;
  while (root.kind === 'ptradd' && root.offset.kind === 'const') {
    distance += Number(root.offset.value);
    root = root.base;
  }
  return { root, distance };
}
