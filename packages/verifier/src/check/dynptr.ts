/** Dynptrs: two slots of the stack that helpers fill with a bounded piece of memory. */
import type { Explorer } from '../explore/explorer.ts';
import { EMPTY_SLOT, type Frame, Slot } from '../state/frame.ts';
import { allOf, baseOf, CONST_PTR_TO_DYNPTR, PTR_TO_MEM, PTR_TO_STACK, STACK_DYNPTR } from '../state/kinds.ts';
import { isConst, pointer, type Reg } from '../state/reg.ts';
import { checkStackBounds, frameOf } from './stack-bounds.ts';

export const DYNPTR = { any: 0, local: 1, ringbuf: 2, skb: 3, xdp: 4 } as const;
const REFERENCED = new Set<number>([DYNPTR.ringbuf]);
export const DYNPTR_NAMES = ['?', 'local', 'ringbuf', 'skb', 'xdp'];

/** A store over part of a dynptr ends it; one that holds a reference may not be lost. */
export function destroyDynptr(x: Explorer, frame: Frame, index: number): void {
  const slot = frame.stack[index];
  if (slot === undefined || slot.kindAt(7) !== STACK_DYNPTR) return;
  const first = slot.reg.aux2 === 1 ? index : index + 1;
  const reg = frame.stack[first]!.reg;
  if (REFERENCED.has(reg.aux)) x.refuse('cannot overwrite referenced dynptr');
  frame.markSlotWritten(first);
  frame.markSlotWritten(first - 1);
  frame.stack[first] = EMPTY_SLOT;
  frame.stack[first - 1] = EMPTY_SLOT;
  const { id } = reg;
  x.eachReg(x.state, (one) => (baseOf(one.type) === PTR_TO_MEM && one.aux2 === id && id !== 0 ? x.invalid() : one));
}

/** The upper slot of the dynptr a stack pointer points to; undefined when it does not point to one slot pair. */
function dynptrSlot(x: Explorer, _register: number, reg: Reg): number {
  if (!isConst(reg)) x.refuse('dynptr has to be at a constant offset');
  const off = reg.off + reg.vl;
  if (off % 8 !== 0) x.refuse(`cannot pass in dynptr at an offset=${off}`);
  const index = (-off - 1) >> 3;
  if (index < 1 || index > 63) x.refuse(`cannot pass in dynptr at an offset=${off}`);
  return index;
}

/** The slots are free for a new dynptr, or hold one that may be written over. */
export function checkUninitialized(x: Explorer, register: number, reg: Reg): void {
  if (!isPlace(reg)) x.refuse('Dynptr has to be an uninitialized dynptr');
  checkStackBounds(x, register, reg, reg.off, 16, 'write');
  const frame = frameOf(x, reg);
  const index = dynptrSlot(x, register, reg);
  for (const at of x.kernel.early ? [index, index - 1] : [])
    if (frame.stack[at]?.kindAt(7) === STACK_DYNPTR) x.refuse('Dynptr has to be an uninitialized dynptr');
  destroyDynptr(x, frame, index);
  destroyDynptr(x, frame, index - 1);
}

function isPlace(reg: Reg): boolean {
  if (reg.type !== PTR_TO_STACK || !isConst(reg)) return false;
  const off = reg.off + reg.vl;
  return off % 8 === 0 && (-off - 1) >> 3 >= 1;
}

export function makeDynptr(x: Explorer, register: number, reg: Reg, kind: number, ref: number): number {
  const frame = frameOf(x, reg);
  const index = dynptrSlot(x, register, reg);
  destroyDynptr(x, frame, index);
  destroyDynptr(x, frame, index - 1);
  const id = x.freshId();
  const held = ref !== 0 ? ref : REFERENCED.has(kind) ? x.acquire() : 0;
  for (const [at, first] of [
    [index, 1],
    [index - 1, 0],
  ] as const) {
    const info = pointer(CONST_PTR_TO_DYNPTR);
    info.aux = kind;
    info.aux2 = first;
    info.id = id;
    info.ref = held;
    x.trace?.touchSlot(at);
    frame.stack[at] = new Slot(allOf(STACK_DYNPTR), info);
    frame.markSlotWritten(at);
  }
  return id;
}

/** The dynptr that an argument is; undefined when it is none. */
export function dynptrOf(x: Explorer, reg: Reg): Reg | undefined {
  if (reg.type === CONST_PTR_TO_DYNPTR) return reg;
  if (reg.type !== PTR_TO_STACK || !isConst(reg)) return undefined;
  const off = reg.off + reg.vl;
  if (off % 8 !== 0) return undefined;
  const index = (-off - 1) >> 3;
  const frame = frameOf(x, reg);
  const slot = frame.stack[index];
  const below = frame.stack[index - 1];
  if (slot === undefined || below === undefined) return undefined;
  if (slot.kinds !== allOf(STACK_DYNPTR) || slot.reg.aux2 !== 1 || below.kinds !== allOf(STACK_DYNPTR))
    return undefined;
  x.readSlot(frame, index);
  x.readSlot(frame, index - 1);
  return slot.reg;
}

/** Gives back what the dynptr holds; all dynptrs and slices of the same memory end. */
export function releaseDynptr(x: Explorer, reg: Reg): void {
  const frame = frameOf(x, reg);
  const off = reg.off + reg.vl;
  const index = (-off - 1) >> 3;
  const info = frame.stack[index]!.reg;
  const { ref } = info;
  if (ref === 0) {
    frame.stack[index] = EMPTY_SLOT;
    frame.stack[index - 1] = EMPTY_SLOT;
    return;
  }
  x.release(ref);
  for (const one of x.state.frames) {
    for (let s = 0; s < one.stack.length; s++) {
      const slot = one.stack[s]!;
      if (slot.kindAt(7) !== STACK_DYNPTR || slot.reg.ref !== ref) continue;
      const { id } = slot.reg;
      one.markSlotWritten(s);
      one.stack[s] = EMPTY_SLOT;
      x.eachReg(x.state, (held) => (baseOf(held.type) === PTR_TO_MEM && held.aux2 === id ? x.invalid() : held));
    }
  }
}
