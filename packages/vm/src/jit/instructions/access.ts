import { NULL_END, SCRATCH } from '../../memory.ts';
import type { FunctionCode } from '../function-code.ts';
import { SIZES } from '../instruction.ts';
import * as w from '../wasm.ts';
import { loadAtoms, storeAtoms } from './stack-locals.ts';

// Loads, stores and atomic operations.

export function load(f: FunctionCode, slot: number, op: number, d: number, s: number, off: number): void {
  const wasm = LOADS[op];
  if (wasm === undefined) {
    f.illegal(slot);
    return;
  }
  if (loadAtoms(f, op, d, s, off)) return;
  f.mark(slot);
  const offset = address(f, slot, s, off, SIZES[(op >> 3) & 3]!, true);
  const narrow = f.toNarrow(d) ? NARROW_LOADS[op] : undefined;
  f.code.access(narrow ?? wasm, offset);
  if (narrow === undefined) f.set(d);
  else f.set32(d);
}

export function store(f: FunctionCode, slot: number, op: number, d: number, s: number, off: number, imm: number): void {
  const wasm = STORES[op | 1];
  if (wasm === undefined) {
    f.illegal(slot);
    return;
  }
  if (storeAtoms(f, op, d, s, off, imm)) return;
  f.mark(slot);
  const size = SIZES[(op >> 3) & 3]!;
  const offset = address(f, slot, d, off, size, false);
  if (size < 8) {
    if ((op & 7) === 2) f.code.i32(imm);
    else f.get32(s);
    f.code.access(NARROW_STORES[op | 1]!, offset);
  } else {
    if ((op & 7) === 2) f.code.i64(imm, imm >> 31);
    else f.get(s);
    f.code.access(wasm, offset);
  }
}

/** One thread runs at a time, so an atomic operation is a read and a write. */
export function atomic(
  f: FunctionCode,
  slot: number,
  op: number,
  d: number,
  s: number,
  off: number,
  imm: number,
): void {
  const { code } = f;
  const size = SIZES[(op >> 3) & 3]!;
  const [load, store] = [LOADS[(op & 0x18) | 0x61]!, STORES[(op & 0x18) | 0x63]!];
  f.mark(slot);
  if (imm === 0x100) {
    // The access is checked as a write is: no memory outside of the machine can be meant.
    code.access(load, address(f, slot, s, off, size, false));
    f.set(d);
    return;
  }
  if (imm === 0x110) {
    const offset = address(f, slot, d, off, size, false);
    f.get(s);
    code.access(store, offset);
    return;
  }
  const operation = ATOMICS[imm & ~1];
  if (size < 4 || operation === undefined || imm === 0xe0 || imm === 0xf0) {
    f.illegal(slot);
    return;
  }
  const offset = address(f, slot, d, off, size, false);
  code.op1(w.LOCAL_TEE, f.t32);
  code.op1(w.LOCAL_GET, f.t32);
  code.access(load, offset);
  code.op1(w.LOCAL_SET, f.t64);
  if (imm === 0xf1) {
    f.get(s);
    code.op1(w.LOCAL_GET, f.t64);
    code.op1(w.LOCAL_GET, f.t64);
    f.get(0);
    if (size === 4) {
      code.op(w.I32_WRAP);
      code.op(w.I64_EXTEND_U);
    }
    code.op(w.I64_EQ);
    code.op(w.SELECT);
  } else if (imm === 0xe1) f.get(s);
  else {
    code.op1(w.LOCAL_GET, f.t64);
    f.get(s);
    code.op(operation);
  }
  code.access(store, offset);
  if (imm === 0xf1) {
    code.op1(w.LOCAL_GET, f.t64);
    f.set(0);
  } else if ((imm & 1) === 1) {
    code.op1(w.LOCAL_GET, f.t64);
    f.set(s);
  }
}

/** A load of classic BPF; beyond the packet's end the function ends with 0. */
export function packetLoad(f: FunctionCode, slot: number, op: number, s: number, imm: number): void {
  const { code, shared } = f;
  f.mark(slot);
  code.i32(op);
  code.i32(imm);
  if (op >> 5 === 2) {
    f.get32(s);
    code.op(w.I32_ADD);
  }
  f.get(6);
  code.i64(32, 0);
  code.op(w.I64_SHR_U);
  code.op(w.I32_WRAP);
  f.get32(6);
  code.i32(slot);
  code.op1(w.CALL, shared.packetLoad);
  code.op(w.I32_EQZ);
  code.op(w.IF);
  code.op(w.VOID);
  f.saveFuel();
  code.i64(0, 0);
  code.op(w.RETURN);
  code.op(w.END);
  code.i32(0);
  code.access(w.I64_LOAD, shared.cells);
  f.set(0);
}

/**
 * Leaves the i32 address of `register + off` on the stack and gives the offset that the access adds. Checked unless
 * trusted: `load` says that bytes from outside of the machine's memory will do.
 */
function address(f: FunctionCode, slot: number, register: number, off: number, size: number, load: boolean): number {
  const { code } = f;
  const known = f.knownOf(register);
  if (known?.kind === 'frame' && known.value + off >= 0 && known.value + off < NEAR) {
    code.op1(w.LOCAL_GET, f.frame);
    return known.value + off;
  }
  const outside = load && f.shared.kernelLoads;
  const far = outside && off > SCRATCH;
  const least = f.checked[register];
  const needed = least === undefined || off < least;
  if (outside ? needed || f.shared.trust !== 'unverified' : needed && f.shared.trust === 'unverified') {
    // What passes here lies so that greater offsets lead to memory too, or past its end, where accesses trap.
    if (!outside) f.checked[register] = off;
    f.mark(slot);
    if (f.isNarrow(register)) {
      // What runs over the end is below NULL_END again, or as far above.
      f.get32(register);
      code.i32(off - NULL_END);
      code.op(w.I32_ADD);
      code.i32(ADDRESSES);
      code.op(w.I32_GE_U);
    } else {
      f.get(register);
      code.i64(off - NULL_END, -1);
      code.op(w.I64_ADD);
      code.i64(ADDRESSES, 0);
      code.op(w.I64_GE_U);
    }
    code.op(w.IF);
    code.op(outside ? w.I32 : w.VOID);
    f.get(register);
    code.i32(off);
    if (outside) code.i32(size);
    code.i32(slot);
    code.op1(w.CALL, outside ? f.shared.outside : f.shared.wild);
    if (!outside) {
      code.op(w.UNREACHABLE);
      code.op(w.END);
    } else {
      // What stands outside is copied to a place of its own, from which the access' offset is taken off again: not
      // when that leads below 0, as an address and its offset do not wrap.
      if (off > 0 && !far) {
        code.i32(off);
        code.op(w.I32_SUB);
      }
      code.op(w.ELSE);
    }
    f.get32(register);
    if (off < 0 || far) {
      code.i32(off);
      code.op(w.I32_ADD);
    }
    if (outside) code.op(w.END);
    return far ? 0 : Math.max(off, 0);
  }
  f.get32(register);
  if (off >= 0) return off;
  code.i32(off);
  code.op(w.I32_ADD);
  return 0;
}

/**
 * An address (register and offset) less {@link NULL_END} below 2^32 - 3 · 2^16, as the low half of a number, means that
 * the register's high half is zero whatever the offset. Nothing above is memory.
 */
export const ADDRESSES = -0x30000;

/** So far above a frame is memory always: the first megabyte is there from the start. */
const NEAR = 0x8000;

const LOADS: Record<number, number> = {
  97: w.I64_LOAD32_U,
  105: w.I64_LOAD16_U,
  113: w.I64_LOAD8_U,
  121: w.I64_LOAD,
  129: w.I64_LOAD32_S,
  137: w.I64_LOAD16_S,
  145: w.I64_LOAD8_S,
};

/** Loads of at most 32 bits into 32 bits. */
const NARROW_LOADS: Record<number, number> = {
  97: w.I32_LOAD,
  105: w.I32_LOAD16_U,
  113: w.I32_LOAD8_U,
  129: w.I32_LOAD,
  137: w.I32_LOAD16_S,
  145: w.I32_LOAD8_S,
};

/** By the opcode of the store of a register. */
const STORES: Record<number, number> = {
  99: w.I64_STORE32,
  107: w.I64_STORE16,
  115: w.I64_STORE8,
  123: w.I64_STORE,
};

const NARROW_STORES: Record<number, number> = {
  99: w.I32_STORE,
  107: w.I32_STORE16,
  115: w.I32_STORE8,
};

/** The operation of the fetching and the plain form; exchanges need none. */
const ATOMICS: Record<number, number> = {
  0: w.I64_ADD,
  64: w.I64_OR,
  80: w.I64_AND,
  160: w.I64_XOR,
  224: 0,
  240: 0,
};
