import { type Diagnostics, positionOf } from '@skep/base';
import { frameTooLarge } from './diagnostics.ts';
import type { MachineFunction } from './machine.ts';

/** `MAX_BPF_STACK` of the kernel. */
export const MAX_STACK = 512;

/**
 * Gives every slot its offset from r10: the most aligned first, so that nothing is lost between them, and small ones
 * before large ones. Returns the size of the frame, a multiple of 8.
 */
export function layoutFrame(fn: MachineFunction, diagnostics: Diagnostics): number {
  let depth = 0;
  const order = fn.slots
    .map((slot, index) => ({ slot, index }))
    .sort((a, b) => b.slot.align - a.slot.align || a.slot.size - b.slot.size || a.index - b.index);
  for (const { slot } of order) {
    depth += slot.size;
    depth += (slot.align - (depth % slot.align)) % slot.align;
    slot.offset = -depth;
  }
  const size = (depth + 7) & ~7;
  if (size > MAX_STACK) {
    const largest = order
      .map((one) => one.slot)
      .filter((slot) => slot.alloca !== undefined)
      .sort((a, b) => b.size - a.size)
      .slice(0, 5);
    const notes = largest.map((slot) => {
      const { name, span } = slot.alloca!;
      const line = span ? `, line ${positionOf(span.file, span.start).line}` : '';
      return { message: `${name ?? 'a temporary'} takes ${slot.size} bytes${line}`, span };
    });
    const spills = fn.slots.filter((slot) => slot.alloca === undefined).length;
    if (spills > 0) notes.push({ message: `values that found no register take ${spills * 8} bytes`, span: undefined });
    diagnostics.add(frameTooLarge(fn.func.name, size, fn.func.span, notes));
  }
  return size;
}
