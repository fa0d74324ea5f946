/** Loads from and stores to the stack, of this function or of one that called it. */
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
import { touchFastcallStack } from '../program/fastcall.ts';
import { EMPTY_SLOT, type Frame, Slot } from '../state/frame.ts';
import {
  allOf,
  baseOf,
  CONST_PTR_TO_DYNPTR,
  NOT_INIT,
  PTR_TO_STACK,
  SCALAR,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_ITER,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
} from '../state/kinds.ts';
import { isConst, isNull, known, type Reg, tnumText, UNINIT, unknown } from '../state/reg.ts';
import { markSlotRead, STACK_ACCESS } from '../state/state.ts';
import { shareId } from './alu.ts';
import { destroyDynptr } from './dynptr.ts';
import { checkStackBounds, frameOf, type StackUse } from './stack-bounds.ts';

const slotOf = (off: number): number => (-off - 1) >> 3;
const byteOf = (off: number): number => (-off - 1) & 7;

export function storeToStack(x: Explorer, pointer: Reg, off: number, size: number, register: number): void {
  const frame = frameOf(x, pointer);
  if (isConst(pointer)) storeFixed(x, frame, off + pointer.vl, size, register);
  else storeVariable(x, frame, pointer, off, size, register);
}

function storeFixed(x: Explorer, frame: Frame, off: number, size: number, register: number): void {
  touchFastcallStack(x.program, x.program.subprograms[frame.subprogram]!, x.insn, off);
  const index = slotOf(off);
  const slot = frame.stack[index]!;
  if (!x.privileged && slot.spilled && slot.reg.type !== SCALAR && size !== 8)
    x.refuse('attempt to corrupt spilled pointer on stack');
  let value: Reg | undefined = register >= 0 ? x.frame.regs[register]! : undefined;
  const code = x.program.code[x.insn]!;
  const immediate = (code & 7) === 2;
  if (register < 0 && immediate) value = known(x.program.imm[x.insn]!);
  destroyDynptr(x, frame, index);
  x.trace?.touchSlot(index);
  const keeps = !x.kernel.early || (value !== undefined && !isNull(value) && isBounded(value));
  if (value !== undefined && off % 8 === 0 && value.type === SCALAR && x.privileged && keeps) {
    const fits = size === 8 || (value.uxh === 0 && (size === 4 || value.uxl >>> 0 < 2 ** (size * 8)));
    if (x.kernel.early && x.program.dst[x.insn] !== 10 && register >= 0) markPrecise(x, register);
    if (fits && register >= 0 && !x.kernel.early) value = shareId(x, register, value);
    let kept = value;
    if ((!fits || (x.kernel.early && size !== 8)) && kept.id !== 0) {
      kept = kept.clone();
      kept.id = 0;
      kept.off = 0;
    }
    spill(x, frame, index, kept, size);
  } else if (value !== undefined && value.type !== SCALAR && isSpillable(value)) {
    if (size !== 8) x.refuse('invalid size of register spill');
    if (frame !== x.frame && value.type === PTR_TO_STACK)
      x.refuse('cannot spill pointers to stack into stack frame of the caller');
    spill(x, frame, index, value, size);
  } else {
    let kinds = frame.stack[index]!.kinds;
    if (kinds >>> 28 === STACK_SPILL) kinds = scrub(kinds);
    if (kinds >>> 28 === STACK_ITER || kinds >>> 28 === STACK_DYNPTR) kinds = allOf(STACK_MISC);
    if (size === 8) frame.markSlotWritten(index);
    let kind = STACK_MISC;
    if (value !== undefined && isNull(value)) {
      if (register >= 0) markPrecise(x, register);
      kind = STACK_ZERO;
    }
    frame.stack[index] = new Slot(
      setBytes(kinds, off, size, kind),
      kind === STACK_MISC && kinds === 0 ? UNINIT : frame.stack[index]!.reg,
    );
    return;
  }
  x.recordStep(STACK_ACCESS | (index << 3) | frame.number, undefined);
}

/** Something is known of the number. */
const isBounded = (r: Reg): boolean =>
  !(
    (r.ml & r.mh) === -1 &&
    r.snh === -2147483648 &&
    r.snl === 0 &&
    r.sxh === 2147483647 &&
    r.sxl === -1 &&
    (r.unl | r.unh) === 0 &&
    (r.uxl & r.uxh) === -1 &&
    r.tn === -2147483648 &&
    r.tx === 2147483647 &&
    r.wn === 0 &&
    r.wx === -1
  );

const isSpillable = (reg: Reg): boolean => baseOf(reg.type) !== NOT_INIT && baseOf(reg.type) !== CONST_PTR_TO_DYNPTR;

/** The bytes of a spill become plain bytes. */
function scrub(kinds: number): number {
  let now = kinds;
  for (let i = 0; i < 8; i++) if (((now >>> (i * 4)) & 15) === STACK_SPILL) now = setNibble(now, i, STACK_MISC);
  return now;
}

const setNibble = (kinds: number, i: number, kind: number): number => (kinds & ~(15 << (i * 4))) | (kind << (i * 4));

function setBytes(kinds: number, off: number, size: number, kind: number): number {
  const first = byteOf(off);
  let now = kinds;
  for (let i = 0; i < size; i++) now = setNibble(now, (first - i) & 7, kind);
  return now;
}

function spill(x: Explorer, frame: Frame, index: number, value: Reg, size: number): void {
  const before = frame.stack[index]!;
  let kinds = before.kinds;
  if (size === 8) {
    kinds = allOf(STACK_SPILL);
    frame.markSlotWritten(index);
  } else {
    for (let i = 7; i > 7 - size; i--) kinds = setNibble(kinds, i, STACK_SPILL);
    // The rest of the slot: spilled bytes become plain ones.
    for (let i = 7 - size; i >= 0; i--) {
      const kind = (kinds >>> (i * 4)) & 15;
      if (
        kind === STACK_SPILL ||
        (kind === STACK_INVALID && x.privileged) ||
        kind === STACK_DYNPTR ||
        kind === STACK_ITER
      )
        kinds = setNibble(kinds, i, kind === STACK_INVALID ? STACK_INVALID : STACK_MISC);
    }
  }
  frame.stack[index] = new Slot(kinds, value);
}

function storeVariable(x: Explorer, frame: Frame, pointer: Reg, off: number, size: number, register: number): void {
  const least = pointer.snl + off;
  const most = pointer.sxl + off + size;
  touchFastcallStack(x.program, x.program.subprograms[frame.subprogram]!, x.insn, least);
  const value = register >= 0 ? x.frame.regs[register]! : undefined;
  const zero = value !== undefined ? isNull(value) : x.program.imm[x.insn] === 0 && !x.kernel.early;
  let zeroUsed = false;
  for (let i = least; i < most; i++) destroyDynptr(x, frame, slotOf(i));
  for (let i = least; i < most; i++) {
    const index = slotOf(i);
    const slot = frame.stack[index]!;
    x.trace?.touchSlot(index);
    const byte = byteOf(i);
    const kind = slot.kindAt(byte);
    if (!x.privileged && kind !== STACK_MISC && kind !== STACK_ZERO)
      x.refuse(`spilled ptr in range of var-offset stack write; insn ${x.insn}, ptr off: ${i}`);
    if (zero && kind === STACK_SPILL && slot.reg.type === SCALAR && isNull(slot.reg)) {
      zeroUsed = true;
      continue;
    }
    const kinds = slot.spilled ? scrub(slot.kinds) : slot.kinds;
    let now = STACK_MISC;
    if (zero && kind === STACK_ZERO) {
      now = STACK_ZERO;
      zeroUsed = true;
    }
    frame.stack[index] = new Slot(setNibble(kinds, byte, now), UNINIT);
  }
  if (zeroUsed && register >= 0) markPrecise(x, register);
}

/** What a load gives; undefined when only the access was asked for (`register` < 0). */
export function loadFromStack(
  x: Explorer,
  register: number,
  pointer: Reg,
  off: number,
  size: number,
  wanted: boolean,
): Reg | undefined {
  if (isConst(pointer)) return loadFixed(x, frameOf(x, pointer), off + pointer.vl, size, wanted);
  if (!wanted)
    x.refuse(
      `variable offset stack pointer cannot be passed into helper function; var_off=${tnumText(pointer)} off=${off} size=${size}`,
    );
  checkStackInitialized(x, register, pointer, off, size, false, 'read', undefined);
  const frame = frameOf(x, pointer);
  return zeros(frame, pointer.snl + off, pointer.sxl + off + size) ? known(0) : unknown();
}

function zeros(frame: Frame, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (frame.stack[slotOf(i)]!.kindAt(byteOf(i)) !== STACK_ZERO) return false;
  return true;
}

function loadFixed(x: Explorer, frame: Frame, off: number, size: number, wanted: boolean): Reg | undefined {
  touchFastcallStack(x.program, x.program.subprograms[frame.subprogram]!, x.insn, off);
  const index = slotOf(off);
  const slot = frame.stack[index]!;
  const step = STACK_ACCESS | (index << 3) | frame.number;
  if (!slot.spilled) {
    checkBytes(x, slot, off, size, off, size);
    x.readSlot(frame, index);
    if (!wanted) return undefined;
    return zeros(frame, off, off + size) ? known(0) : unknown();
  }
  const reg = slot.reg;
  let width = 1;
  for (let i = 7; i > 0 && slot.kindAt(i - 1) === STACK_SPILL; i--) width++;
  if (size === 8 && width === 8) {
    x.readSlot(frame, index);
    if (!wanted) {
      if (x.leaks(reg)) x.refuse(`leaking pointer from stack off ${off}`);
      return undefined;
    }
    x.recordStep(step, undefined);
    return reg;
  }
  if (reg.type !== SCALAR) x.refuse('invalid size of register fill');
  x.readSlot(frame, index);
  if (!wanted) return undefined;
  if (off % 8 === 0 && (x.kernel.early ? size === width : size <= width)) {
    const value = reg.clone();
    const needed = value.uxh !== 0 ? 64 : 32 - Math.clz32(value.uxl);
    if (needed > size * 8) {
      value.id = 0;
      value.off = 0;
    }
    x.recordStep(step, undefined);
    return value;
  }
  checkBytes(x, slot, off, size, off, size);
  let spilled = 0;
  let zero = 0;
  for (let i = 0; i < size; i++) {
    const kind = slot.kindAt((byteOf(off) - i) & 7);
    if (kind === STACK_SPILL) spilled++;
    else if (kind === STACK_ZERO) zero++;
  }
  if (spilled === size && isConst(reg) && (reg.vl | reg.vh) === 0) {
    x.recordStep(step, undefined);
    return known(0);
  }
  return zero === size ? known(0) : unknown();
}

function checkBytes(x: Explorer, slot: Slot, off: number, size: number, shown: number, shownSize: number): void {
  for (let i = 0; i < size; i++) {
    const kind = slot.kindAt((byteOf(off) - i) & 7);
    if (kind === STACK_MISC || kind === STACK_ZERO) continue;
    if (kind === STACK_SPILL && slot.spilled) continue;
    if (kind === STACK_INVALID && x.privileged && x.kernel.uninitStack) continue;
    x.refuse(`invalid read from stack off ${shown}+${i} size ${shownSize}`);
  }
}

/** Bytes that a helper will write without reading them. */
export interface Uninitialised {
  register: number;
  size: number;
}

/** Bytes that are read through a pointer of which a helper or a variable offset decides. */
export function checkStackInitialized(
  x: Explorer,
  register: number,
  pointer: Reg,
  off: number,
  size: number,
  zeroAllowed: boolean,
  use: StackUse,
  raw: Uninitialised | undefined,
): void {
  if (size === 0 && !zeroAllowed) x.refuse('invalid zero-sized read');
  const helper = use === 'helper-read' || use === 'helper-write';
  const what = helper && !x.kernel.helperReads ? ' indirect' : '';
  const clobbers = use === 'helper-write' || (helper && !x.kernel.helperReads);
  checkStackBounds(x, register, pointer, off, size, use);
  const frame = frameOf(x, pointer);
  let least: number;
  let most: number;
  let rawNow = raw;
  if (isConst(pointer)) least = most = pointer.vl + off;
  else {
    if (!x.privileged)
      x.refuse(`R${register}${what} variable offset stack access prohibited for !root, var_off=${tnumText(pointer)}`);
    rawNow = undefined;
    least = pointer.snl + off;
    most = pointer.sxl + off;
  }
  touchFastcallStack(x.program, x.program.subprograms[frame.subprogram]!, x.insn, least);
  if (rawNow !== undefined) {
    for (let i = least; i < most + size; i++) {
      const slot = frame.stack[slotOf(i)];
      if (slot?.kindAt(byteOf(i)) === STACK_DYNPTR) x.refuse(`potential write to dynptr at off=${i} disallowed`);
    }
    rawNow.register = register;
    rawNow.size = size;
    return;
  }
  for (let i = least; i < most + size; i++) {
    const index = slotOf(i);
    const slot = frame.stack[index] ?? EMPTY_SLOT;
    const byte = byteOf(i);
    const kind = slot.kindAt(byte);
    if (kind === STACK_MISC) {
      // Readable as it is.
    } else if (kind === STACK_ZERO || (kind === STACK_INVALID && x.privileged && x.kernel.uninitStack)) {
      if (clobbers) frame.stack[index] = new Slot(setNibble(slot.kinds, byte, STACK_MISC), slot.reg);
    } else if (slot.spilled && (slot.reg.type === SCALAR || x.privileged)) {
      if (clobbers) frame.stack[index] = new Slot(scrub(slot.kinds), unknown());
    } else if (isConst(pointer)) {
      x.refuse(`invalid${what} read from stack R${register} off ${least}+${i - least} size ${size}`);
    } else {
      x.refuse(`invalid${what} read from stack R${register} var_off ${tnumText(pointer)}+${i - least} size ${size}`);
    }
    markSlotRead(x.state, frame.number, index);
  }
}
