import { FRAME_SIZE, MAX_FRAMES } from '../../memory.ts';
import type { FunctionCode } from '../function-code.ts';
import { SIZES } from '../instruction.ts';
import type { Atom } from '../stack.ts';
import * as w from '../wasm.ts';

// Pieces of the stack that are held in locals.

/** A load from pieces of the stack; false when they are not in locals. */
export function loadAtoms(f: FunctionCode, op: number, d: number, s: number, off: number): boolean {
  const { code } = f;
  const offset = f.stack?.offset(s);
  const size = SIZES[(op >> 3) & 3]!;
  if (offset === undefined) return false;
  const atoms = f.stack!.whole(offset + off, size);
  if (atoms === undefined) {
    flush(f, f.stack!.within(offset + off, offset + off + size));
    return false;
  }
  if (size === 8) {
    join64(f, atoms, offset + off);
    f.set(d);
    return true;
  }
  join32(f, atoms, offset + off, size);
  if (op >> 5 === 4) {
    if (size < 4) code.op(size === 1 ? w.I32_EXTEND8_S : w.I32_EXTEND16_S);
    if (!f.toNarrow(d)) {
      code.op(w.I64_EXTEND_S);
      f.set(d);
      return true;
    }
  }
  f.set32(d);
  return true;
}

/** A store to pieces of the stack; true when nothing of it goes to memory. */
export function storeAtoms(f: FunctionCode, op: number, d: number, s: number, off: number, imm: number): boolean {
  const { code } = f;
  const offset = f.stack?.offset(d);
  if (offset === undefined) return false;
  const [from, size] = [offset + off, SIZES[(op >> 3) & 3]!];
  const atoms = f.stack!.within(from, from + size);
  for (const atom of atoms) {
    const at = atom.at - from;
    if ((op & 7) === 2) {
      const part = at >= 4 ? imm >> 31 : imm >> (8 * at);
      if (atom.size === 8) code.i64(imm, imm >> 31);
      else code.i32(part);
    } else if (atom.size === 8) f.get(s);
    else if (at === 0) f.get32(s);
    else if (at < 4) {
      f.get32(s);
      code.i32(8 * at);
      code.op(w.I32_SHR_U);
    } else {
      f.get(s);
      code.i64(8 * at, 0);
      code.op(w.I64_SHR_U);
      code.op(w.I32_WRAP);
    }
    code.op1(w.LOCAL_SET, atomLocal(f, atom));
  }
  return atoms.reduce((sum, one) => sum + one.size, 0) === size;
}

export function load32(f: FunctionCode, register: number, at: number): void {
  const { stack } = f;
  const offset = stack?.offset(register);
  const atoms = offset === undefined ? undefined : stack!.whole(offset + at, 4);
  if (atoms && atoms[0]!.size <= 4) join32(f, atoms, offset! + at, 4);
  else {
    if (offset !== undefined) flush(f, stack!.within(offset + at, offset + at + 4));
    const known = f.knownOf(register);
    const near = known?.kind === 'frame' && known.value + at >= 0;
    if (near) f.code.op1(w.LOCAL_GET, f.frame);
    else f.get32(register);
    f.code.access(w.I32_LOAD, near ? known.value + at : at);
  }
}

/**
 * Pieces of the stack that a callee may look at: from where its arguments point, or all where functions of the program
 * are called, which count from there in both directions.
 */
export function shown(
  f: FunctionCode,
  registers: readonly number[],
  sizes: Readonly<Record<number, number>> | undefined,
  all: boolean,
): Atom[] {
  const { stack } = f;
  if (stack === undefined) return [];
  const found = new Set<Atom>();
  for (const register of registers) {
    const at = stack.offset(register);
    if (at === undefined) continue;
    const size = sizes?.[register];
    if (sizes !== undefined && size === undefined) continue;
    const end = size === undefined ? MAX_FRAMES * FRAME_SIZE : at + size;
    for (const atom of stack.within(all ? 0 : at, end)) found.add(atom);
  }
  return [...found];
}

export function flush(f: FunctionCode, atoms: readonly Atom[]): void {
  const { code } = f;
  for (const atom of atoms) {
    code.op1(w.LOCAL_GET, f.frame);
    code.op1(w.LOCAL_GET, atomLocal(f, atom));
    code.access(ATOM_STORES[atom.size], atom.at);
  }
}

export function reload(f: FunctionCode, atoms: readonly Atom[]): void {
  const { code } = f;
  for (const atom of atoms) {
    code.op1(w.LOCAL_GET, f.frame);
    code.access(ATOM_LOADS[atom.size], atom.at);
    code.op1(w.LOCAL_SET, atomLocal(f, atom));
  }
}

function atomLocal(f: FunctionCode, atom: Atom): number {
  let local = f.atomLocals.get(atom.at);
  if (local === undefined) {
    local = f.local(atom.size === 8 ? w.I64 : w.I32);
    f.atomLocals.set(atom.at, local);
  }
  return local;
}

/** Leaves at most four bytes of the stack, from pieces of which only the lower bytes count. */
function join32(f: FunctionCode, atoms: readonly Atom[], from: number, size: number): void {
  const { code } = f;
  atoms.forEach((atom, i) => {
    code.op1(w.LOCAL_GET, atomLocal(f, atom));
    const last = i === atoms.length - 1 && size === 4;
    if (atom.size < 4 && !last) {
      code.i32(atom.size === 1 ? 0xff : 0xffff);
      code.op(w.I32_AND);
    }
    if (atom.at > from) {
      code.i32(8 * (atom.at - from));
      code.op(w.I32_SHL);
    }
    if (i > 0) code.op(w.I32_OR);
  });
}

/** Leaves eight bytes of the stack. */
function join64(f: FunctionCode, atoms: readonly Atom[], from: number): void {
  const { code } = f;
  if (atoms.length === 1) {
    code.op1(w.LOCAL_GET, atomLocal(f, atoms[0]!));
    return;
  }
  for (const half of [0, 4]) {
    join32(
      f,
      atoms.filter((one) => (one.at - from) >> 2 === half >> 2),
      from + half,
      4,
    );
    code.op(w.I64_EXTEND_U);
    if (half > 0) {
      code.i64(32, 0);
      code.op(w.I64_SHL);
      code.op(w.I64_OR);
    }
  }
}

const ATOM_LOADS = { 1: w.I32_LOAD8_U, 2: w.I32_LOAD16_U, 4: w.I32_LOAD, 8: w.I64_LOAD } as const;
const ATOM_STORES = { 1: w.I32_STORE8, 2: w.I32_STORE16, 4: w.I32_STORE, 8: w.I64_STORE } as const;
