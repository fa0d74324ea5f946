/**
 * Where the value of a scalar decided something, all registers that it came from must be compared exactly by pruning.
 * Walks back over the instructions of the path, from state to parent state, with the set of such registers and slots.
 */

import { MAIN } from '../state/frame.ts';
import { SCALAR } from '../state/kinds.ts';
import { DST_IS_STACK, SRC_IS_STACK, STACK_ACCESS, type State, type Step } from '../state/state.ts';
import type { Explorer } from './explorer.ts';

const ARGUMENTS = 0b111110;
const LOAD_ACQUIRE = 0x100;

/** Registers and slots that are wanted, by frame. */
class Wanted {
  frame = 0;
  readonly regs = new Int32Array(16);
  readonly low = new Int32Array(16);
  readonly high = new Int32Array(16);

  get empty(): boolean {
    for (let f = 0; f <= this.frame; f++) if ((this.regs[f]! | this.low[f]! | this.high[f]!) !== 0) return false;
    return true;
  }
  has(register: number): boolean {
    return (this.regs[this.frame]! & (1 << register)) !== 0;
  }
  set(register: number, frame = this.frame): void {
    this.regs[frame]! |= 1 << register;
  }
  clear(register: number): void {
    this.regs[this.frame]! &= ~(1 << register);
  }
  hasSlot(frame: number, slot: number): boolean {
    return ((slot < 32 ? this.low[frame]! >>> slot : this.high[frame]! >>> (slot - 32)) & 1) !== 0;
  }
  setSlot(frame: number, slot: number): void {
    if (slot < 32) this.low[frame]! |= 1 << slot;
    else this.high[frame]! |= 1 << (slot - 32);
  }
  clearSlot(frame: number, slot: number): void {
    if (slot < 32) this.low[frame]! &= ~(1 << slot);
    else this.high[frame]! &= ~(1 << (slot - 32));
  }
}

/** The value of a register of the current frame decided something. */
export function markPrecise(x: Explorer, register: number): void {
  if (x.frame.regs[register]?.type !== SCALAR) x.refuse('verifier bug: backtracking misuse');
  if (!x.privileged) return;
  const wanted = new Wanted();
  wanted.frame = x.state.frames.length - 1;
  wanted.set(register);
  walk(x, wanted);
}

/** The value in a slot of the stack decided something. */
export function markSlotPrecise(x: Explorer, frame: number, slot: number): void {
  if (!x.privileged) return;
  const wanted = new Wanted();
  wanted.frame = x.state.frames.length - 1;
  wanted.setSlot(frame, slot);
  walk(x, wanted);
}

/** The rest of the path will be as in `old`: what mattered there matters here. */
export function propagatePrecision(x: Explorer, old: State): void {
  if (!x.privileged) return;
  const wanted = new Wanted();
  wanted.frame = x.state.frames.length - 1;
  for (let f = old.frames.length - 1; f >= 0; f--) {
    const frame = old.frames[f]!;
    for (let r = 0; r < 10; r++)
      if (frame.regs[r]!.type === SCALAR && ((frame.precise & (x.live === undefined ? frame.read : -1)) >>> r) & 1)
        wanted.set(r, f);
    for (let s = 0; s < frame.stack.length; s++) {
      const slot = frame.stack[s]!;
      if (slot.spilled && slot.reg.type === SCALAR && frame.slotPrecise(s) && frame.slotRead(s)) wanted.setSlot(f, s);
    }
  }
  if (!wanted.empty) walk(x, wanted);
}

function walk(x: Explorer, wanted: Wanted): void {
  let state = x.state;
  let last = x.insn;
  let first = state.firstInsn;
  let after = -1;
  let skip = true;
  for (;;) {
    if (last < 0) {
      // The entry of a global function or of the program: arguments have no past.
      const frame = state.frames[0]!;
      if (state.frames.length === 1 && frame.subprogram > 0 && frame.callsite === MAIN) {
        for (let r = 1; r <= 5; r++) if (wanted.has(r) && frame.regs[r]!.type === SCALAR) frame.precise |= 1 << r;
        return;
      }
      break;
    }
    let left = state.steps.length;
    for (let at = last; ; ) {
      if (skip) skip = false;
      else {
        const step = left > 0 && state.steps[left - 1]!.index === at ? state.steps[left - 1] : undefined;
        if (!back(x, at, after, step, wanted)) {
          everythingPrecise(x);
          return;
        }
      }
      if (wanted.empty) return;
      after = at;
      if (at === state.firstInsn && (left === 0 || (left === 1 && state.steps[0]!.index === at))) break;
      if (left > 0 && state.steps[left - 1]!.index === at) at = state.steps[--left]!.previous;
      else at -= 1;
      if (at < 0) break;
    }
    if (state.parent === undefined) break;
    state = state.parent;
    markIn(state, wanted);
    if (wanted.empty) return;
    after = first;
    last = state.lastInsn;
    first = state.firstInsn;
  }
  if (!wanted.empty) everythingPrecise(x);
}

/** Marks what is wanted in a stored state; what was marked before needs no further walk. */
function markIn(state: State, wanted: Wanted): void {
  for (let f = wanted.frame; f >= 0; f--) {
    const frame = state.frames[f];
    if (frame === undefined) {
      wanted.regs[f] = wanted.low[f] = wanted.high[f] = 0;
      continue;
    }
    for (let r = 0; r < 10; r++) {
      const bit = 1 << r;
      if (!(wanted.regs[f]! & bit)) continue;
      if (frame.regs[r]!.type !== SCALAR || frame.precise & bit) wanted.regs[f]! &= ~bit;
      else frame.precise |= bit;
    }
    if ((wanted.low[f]! | wanted.high[f]!) === 0) continue;
    for (let s = 0; s < 64; s++) {
      if (!wanted.hasSlot(f, s)) continue;
      const slot = frame.stack[s];
      if (slot === undefined || !slot.spilled || slot.reg.type !== SCALAR || frame.slotPrecise(s))
        wanted.clearSlot(f, s);
      else frame.markSlotPrecise(s);
    }
  }
}

function everythingPrecise(x: Explorer): void {
  for (let state = x.state.parent; state !== undefined; state = state.parent) {
    for (const frame of state.frames) {
      for (let r = 0; r < 10; r++) if (frame.regs[r]!.type === SCALAR) frame.precise |= 1 << r;
      for (let s = 0; s < frame.stack.length; s++) {
        const slot = frame.stack[s]!;
        if (slot.spilled && slot.reg.type === SCALAR) frame.markSlotPrecise(s);
      }
    }
  }
}

function syncLinked(step: Step | undefined, wanted: Wanted): void {
  const linked = step?.linked;
  if (linked === undefined) return;
  const any = linked.some((one) =>
    one.register ? (wanted.regs[one.frame]! & (1 << one.index)) !== 0 : wanted.hasSlot(one.frame, one.index),
  );
  if (!any) return;
  for (const one of linked) {
    if (one.register) wanted.set(one.index, one.frame);
    else wanted.setSlot(one.frame, one.index);
  }
}

/** Undoes one instruction: what must be known before it. False where that cannot be told. */
function back(x: Explorer, at: number, after: number, step: Step | undefined, wanted: Wanted): boolean {
  const { code: codes, dst: dsts, src: srcs, imm: imms } = x.program;
  const code = codes[at]!;
  if (code === 0) return true;
  const dst = dsts[at]!;
  const src = srcs[at]!;
  const op = code & 0xf0;
  syncLinked(step, wanted);
  const acquires = (code & 0xe7) === 0xc3 && imms[at] === LOAD_ACQUIRE;
  switch (acquires ? 1 : code & 7) {
    case 4:
    case 7: {
      if (!wanted.has(dst)) return true;
      if (op === 0xd0 || op === 0x80) return true;
      if (op === 0xb0) {
        wanted.clear(dst);
        if (code & 8 && src !== 10) wanted.set(src);
      } else if (code & 8 && src !== 10) wanted.set(src);
      break;
    }
    case 1: {
      if (!wanted.has(dst)) return true;
      wanted.clear(dst);
      if (step === undefined || !(step.flags & STACK_ACCESS)) return true;
      wanted.setSlot(step.flags & 7, (step.flags >> 3) & 63);
      break;
    }
    case 2:
    case 3: {
      if (wanted.has(dst)) return false;
      if (step === undefined || !(step.flags & STACK_ACCESS)) return true;
      const frame = step.flags & 7;
      const slot = (step.flags >> 3) & 63;
      if (!wanted.hasSlot(frame, slot)) return true;
      wanted.clearSlot(frame, slot);
      if ((code & 7) === 3) wanted.set(src);
      break;
    }
    case 5:
    case 6: {
      if (op === 0x80 && src === 1) {
        if (x.program.subprogramAt(at + imms[at]! + 1)?.global) {
          if (wanted.regs[wanted.frame]! & ARGUMENTS) return false;
          wanted.clear(0);
          return true;
        }
        if (wanted.regs[wanted.frame]! & ~ARGUMENTS || wanted.low[wanted.frame]! | wanted.high[wanted.frame]!)
          return false;
        if (wanted.frame === 0) return false;
        wanted.regs[wanted.frame - 1]! |= wanted.regs[wanted.frame]! & ARGUMENTS;
        wanted.regs[wanted.frame] = 0;
        wanted.frame -= 1;
        return true;
      }
      if (op === 0x80 && x.callsSyncCallback(at) && at !== after - 1) {
        if (wanted.regs[wanted.frame]! & ~ARGUMENTS || wanted.low[wanted.frame]! | wanted.high[wanted.frame]!)
          return false;
        if (wanted.frame === 0) return false;
        wanted.regs[wanted.frame] = 0;
        wanted.frame -= 1;
        return true;
      }
      if (op === 0x80) {
        if (src === 2 && imms[at] === 0) return false;
        wanted.clear(0);
        if (wanted.regs[wanted.frame]! & ARGUMENTS) return false;
      } else if (op === 0x90) {
        if (after >= 0 && x.callsCallback[after]) wanted.regs[wanted.frame]! &= ~ARGUMENTS;
        if (wanted.regs[wanted.frame]! & ARGUMENTS) return false;
        const r0 = after > 0 && codes[after - 1] === 0x85 && srcs[after - 1] === 1 && wanted.has(0);
        wanted.clear(0);
        if (wanted.frame >= 7) return false;
        wanted.frame += 1;
        if (r0) wanted.set(0);
        return true;
      } else if (code & 8 && op !== 0) {
        if (!wanted.has(dst) && !wanted.has(src)) return true;
        if (step === undefined || !(step.flags & SRC_IS_STACK)) wanted.set(src);
        if (step === undefined || !(step.flags & DST_IS_STACK)) wanted.set(dst);
      }
      break;
    }
    case 0: {
      if (!wanted.has(dst)) return true;
      wanted.clear(dst);
      if (code >> 5 === 1 || code >> 5 === 2) return false;
      break;
    }
  }
  syncLinked(step, wanted);
  return true;
}
