import { LIMITS } from '@skep/abi';
import { type Diagnostics, positionOf } from '@skep/base';
import { frameTooLarge } from './diagnostics.ts';
import type { FrameSlot, MachineFunction, MachineInst } from './machine.ts';

/**
 * Gives every slot its offset from r10: variables first, the most aligned before others, so that nothing is lost between
 * them, and small ones before large ones; then what registers were moved to, so that a program that writes beyond a
 * variable, as far as the verifier can tell, writes into another one. Returns the size of the frame, a multiple of 8.
 */
export function layoutFrame(fn: MachineFunction, diagnostics: Diagnostics): number {
  const order = fn.slots
    .map((slot, index) => ({ slot, index, spill: slot.alloca === undefined ? 1 : 0 }))
    .sort((a, b) => a.spill - b.spill || b.slot.align - a.slot.align || a.slot.size - b.slot.size || a.index - b.index);
  const slots = order.map((one) => one.slot);
  const counters = countersOf(fn);
  let size = place(slots, counters);
  if (size > LIMITS.stack && counters.size > 0) size = place(slots, new Set());
  if (size > LIMITS.stack) {
    const largest = slots
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

function place(slots: readonly FrameSlot[], counters: ReadonlySet<FrameSlot>): number {
  let depth = 0;
  for (const slot of slots) {
    if (counters.has(slot)) depth = (depth + 7) & ~7;
    const align = counters.has(slot) ? 4 : slot.align;
    depth += slot.size;
    depth += (align - (depth % align)) % align;
    slot.offset = -depth;
    if (counters.has(slot)) depth += 4;
  }
  return (depth + 7) & ~7;
}

/**
 * Numbers of 4 bytes that loops count, and do not ask for. Verifiers remember the value of what is stored at the start of
 * 8 bytes, and prune nothing while it is another one on each path; in the upper half it is just a number.
 */
function countersOf(fn: MachineFunction): Set<FrameSlot> {
  const found = new Set<FrameSlot>();
  const asked = new Set<FrameSlot>();
  for (const block of fn.blocks) {
    if (block.depth === 0) continue;
    for (const [at, { op, slot }] of block.insts.entries()) {
      if (slot?.alloca === undefined || slot.size !== 4) continue;
      if (op === 'store') found.add(slot);
      else if (op === 'atomic' || (op === 'load' && !isCounted(block.insts, at))) asked.add(slot);
    }
  }
  for (const slot of asked) found.delete(slot);
  return found;
}

/** What is loaded is changed and goes back. */
function isCounted(insts: readonly MachineInst[], load: number): boolean {
  const { dst, slot } = insts[load]!;
  for (let at = load + 1; ; at++) {
    const inst = insts[at];
    if (inst?.op === 'store') return inst.slot === slot && inst.b === dst;
    if (inst?.dst !== dst || (inst.op !== 'alui' && inst.op !== 'alu' && inst.op !== 'zext')) return false;
  }
}
