import { PTR_TO_STACK, STACK_SPILL } from './kinds.ts';
import { pointer, type Reg, UNINIT } from './reg.ts';

/** Eight bytes of stack; immutable. Nibble i of `kinds` is the byte at offset `-8 * (index + 1) + (7 - i)`. */
export class Slot {
  readonly kinds: number;
  /** The spilled register, or what a dynptr or an iterator needs. */
  readonly reg: Reg;

  constructor(kinds: number, reg: Reg) {
    this.kinds = kinds;
    this.reg = reg;
  }

  kindAt(i: number): number {
    return (this.kinds >>> (i * 4)) & 15;
  }

  /** A register was spilled here; what is overwritten from below is no spill any more. */
  get spilled(): boolean {
    return this.kinds >>> 28 === STACK_SPILL;
  }
}

export const EMPTY_SLOT = new Slot(0, UNINIT);

export const MAIN = -1;

/**
 * One function's registers and stack. Beside the values stand, as bit masks over the registers and the 64 slots:
 * what was `written` since the state's checkpoint, what was `read` after it, what must be compared exactly (`precise`).
 */
export class Frame {
  regs: Reg[] = [];
  /** Slot 0 is the one below the frame pointer. */
  stack: Slot[] = [];
  callsite = MAIN;
  readonly number: number;
  readonly subprogram: number;
  /** A callback runs again and again, and its references are its own. */
  callback = false;
  asyncCallback = false;
  exceptionCallback = false;
  /** The comparison of a tree of allocated objects. */
  treeCallback = false;
  callbackDepth = 0;
  asyncEntries = 0;
  /** What a callback may return; also of global functions that are exception callbacks. */
  returnLeast = 0;
  returnMost = 0;

  written = 0;
  read = 0;
  precise = 0;
  writtenLow = 0;
  writtenHigh = 0;
  readLow = 0;
  readHigh = 0;
  preciseLow = 0;
  preciseHigh = 0;
  /** For each register the frame of the parent state that it continues; -1 for none. Shared: never changed in place. */
  links: readonly number[] = NO_LINKS;
  /** The stack continues that of the frame with the same number in the parent state. */
  stackLinked = false;

  constructor(number: number, subprogram: number) {
    this.number = number;
    this.subprogram = subprogram;
  }

  clone(): Frame {
    const f = new Frame(this.number, this.subprogram);
    f.regs = this.regs.slice();
    f.stack = this.stack.slice();
    f.callsite = this.callsite;
    f.callback = this.callback;
    f.asyncCallback = this.asyncCallback;
    f.exceptionCallback = this.exceptionCallback;
    f.treeCallback = this.treeCallback;
    f.callbackDepth = this.callbackDepth;
    f.asyncEntries = this.asyncEntries;
    f.returnLeast = this.returnLeast;
    f.returnMost = this.returnMost;
    f.written = this.written;
    f.writtenLow = this.writtenLow;
    f.writtenHigh = this.writtenHigh;
    f.links = this.links;
    f.stackLinked = this.stackLinked;
    return f;
  }

  slotWritten(index: number): boolean {
    return ((index < 32 ? this.writtenLow >>> index : this.writtenHigh >>> (index - 32)) & 1) !== 0;
  }

  markSlotWritten(index: number): void {
    if (index < 32) this.writtenLow |= 1 << index;
    else this.writtenHigh |= 1 << (index - 32);
  }

  slotRead(index: number): boolean {
    return ((index < 32 ? this.readLow >>> index : this.readHigh >>> (index - 32)) & 1) !== 0;
  }

  markSlotRead(index: number): void {
    if (index < 32) this.readLow |= 1 << index;
    else this.readHigh |= 1 << (index - 32);
  }

  slotPrecise(index: number): boolean {
    return ((index < 32 ? this.preciseLow >>> index : this.preciseHigh >>> (index - 32)) & 1) !== 0;
  }

  markSlotPrecise(index: number): void {
    if (index < 32) this.preciseLow |= 1 << index;
    else this.preciseHigh |= 1 << (index - 32);
  }

  /** Makes the stack at least as deep as `slots`. */
  grow(slots: number): void {
    while (this.stack.length < slots) this.stack.push(EMPTY_SLOT);
  }
}

export const NO_LINKS: readonly number[] = [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1];

/** Nothing is known but where its stack is. */
export function newFrame(number: number, subprogram: number): Frame {
  const frame = new Frame(number, subprogram);
  for (let r = 0; r < 10; r++) frame.regs.push(UNINIT);
  const stack = pointer(PTR_TO_STACK);
  stack.aux = number;
  frame.regs.push(stack);
  return frame;
}
