import { CAST_KERN, CAST_USER } from '../../interpreter.ts';
import { ARENA_HIGH } from '../../memory.ts';
import { CALLBACK } from '../../program.ts';
import type { FunctionCode } from '../function-code.ts';
import type { Known } from '../shared.ts';
import * as w from '../wasm.ts';

// Arithmetic and moves.

export function alu64(f: FunctionCode, slot: number, op: number, d: number, s: number, off: number, imm: number): void {
  const { code } = f;
  const register = (op & 8) !== 0;
  const operand = (): void => {
    if (register) f.get(s);
    else code.i64(imm, imm >> 31);
  };
  const operation = op >> 4;
  if (alu64Narrow(f, operation, register, d, s, off, imm)) return;
  switch (operation) {
    case 0x3:
    case 0x9:
      divide(f, 64, d, register ? s : undefined, imm, operation === 9, off === 1);
      return;
    case 0x8:
      code.i64(0, 0);
      f.get(d);
      code.op(w.I64_SUB);
      f.set(d);
      return;
    case 0xb: {
      const known = register ? (off === 0 ? f.knownOf(s) : undefined) : numberFrom(imm);
      if (off === 1) {
        castAddress(f, slot, register, d, s, imm);
        return;
      }
      if (f.toNarrow(d)) {
        if (register) f.get32(s);
        else code.i32(imm);
        if (off === 8) code.op(w.I32_EXTEND8_S);
        else if (off === 16) code.op(w.I32_EXTEND16_S);
        f.set32(d);
      } else {
        operand();
        if (off === 8) code.op(w.I64_EXTEND8_S);
        else if (off === 16) code.op(w.I64_EXTEND16_S);
        else if (off === 32) code.op(w.I64_EXTEND32_S);
        f.set(d);
      }
      f.known[d] = known;
      return;
    }
    default: {
      const wasm = ALU64[operation];
      if (wasm === undefined) {
        f.illegal(slot);
        return;
      }
      const before = operation === 0 && !register ? f.known[d] : undefined;
      f.get(d);
      operand();
      code.op(wasm);
      f.set(d);
      if (before?.kind === 'frame') f.known[d] = { kind: 'frame', value: before.value + imm };
    }
  }
}

/** A 64-bit operation whose result comes of lower halves alone; false when it does not. */
function alu64Narrow(
  f: FunctionCode,
  op: number,
  register: boolean,
  d: number,
  s: number,
  off: number,
  imm: number,
): boolean {
  const { code } = f;
  const shift = !register && imm >= 0 && imm < 64;
  let wasm: number | undefined;
  switch (op) {
    case 0x0:
    case 0x1:
    case 0x2:
    case 0x4:
    case 0x5:
    case 0xa:
      if (!f.toNarrow(d)) return false;
      wasm = ALU32[op];
      break;
    case 0x6:
      if (!f.lower || !shift) return false;
      wasm = w.I32_SHL;
      break;
    case 0x7:
    case 0xc:
      // Numbers without an upper half are not negative.
      if (!f.isShort(d) || !shift) return false;
      wasm = w.I32_SHR_U;
      break;
    case 0x3:
    case 0x9:
      if (off !== 0 || !f.isShort(d) || !(register ? f.isShort(s) : imm > 0)) return false;
      divide(f, 32, d, register ? s : undefined, imm, op === 9, false);
      return true;
    default:
      return false;
  }
  const before = op === 0 && !register ? f.known[d] : undefined;
  if (shift && imm >= 32 && (op === 6 || op === 7 || op === 0xc)) code.i32(0);
  else {
    f.get32(d);
    if (register) f.get32(s);
    else code.i32(imm);
    code.op(wasm!);
  }
  f.set32(d);
  if (before?.kind === 'frame') f.known[d] = { kind: 'frame', value: before.value + imm };
  return true;
}

export function alu32(f: FunctionCode, slot: number, op: number, d: number, s: number, off: number, imm: number): void {
  const { code } = f;
  const register = (op & 8) !== 0;
  const operand = (): void => {
    if (register) f.get32(s);
    else code.i32(imm);
  };
  const operation = op >> 4;
  switch (operation) {
    case 0x3:
    case 0x9:
      divide(f, 32, d, register ? s : undefined, imm, operation === 9, off === 1);
      return;
    case 0x8:
      code.i32(0);
      f.get32(d);
      code.op(w.I32_SUB);
      f.set32(d);
      return;
    case 0xb:
      if (!register) {
        code.i32(imm);
        f.set32(d);
        f.known[d] = { kind: 'number', value: imm };
        return;
      }
      if (off !== 0 && off !== 8 && off !== 16) {
        f.illegal(slot);
        return;
      }
      operand();
      if (off === 8) code.op(w.I32_EXTEND8_S);
      else if (off === 16) code.op(w.I32_EXTEND16_S);
      f.set32(d);
      return;
    default: {
      const wasm = ALU32[operation];
      if (wasm === undefined) {
        f.illegal(slot);
        return;
      }
      f.get32(d);
      operand();
      code.op(wasm);
      f.set32(d);
    }
  }
}

/** `lddw`: a number, a map's address, or a callback. */
export function loadConstant(f: FunctionCode, d: number, low: number, high: number): void {
  if (f.toNarrow(d)) {
    f.code.i32(low);
    f.set32(d);
  } else {
    f.code.i64(low, high);
    f.set(d);
  }
  if (high === 0) f.known[d] = { kind: 'number', value: low };
  else if (high === (CALLBACK | 0)) f.known[d] = { kind: 'function', value: low };
}

/** Between the two views of an arena: programs use the low half, user space sees all of it. */
function castAddress(f: FunctionCode, slot: number, register: boolean, d: number, s: number, imm: number): void {
  const { code } = f;
  if (!register || (imm !== CAST_KERN && imm !== CAST_USER)) {
    f.illegal(slot);
    return;
  }
  f.get32(s);
  if (imm === CAST_KERN) {
    code.op1(w.CALL, f.shared.castKern);
    f.set32(d);
    return;
  }
  code.op(w.I64_EXTEND_U);
  if (imm === CAST_USER) {
    code.i64(0, ARENA_HIGH);
    code.i64(0, 0);
    f.get32(s);
    code.op(w.SELECT);
    code.op(w.I64_OR);
  }
  f.set(d);
}

/** Division as RFC 9669 (4.1) has it: by zero gives 0 or the dividend; the least number by -1 wraps. */
function divide(
  f: FunctionCode,
  bits: 32 | 64,
  d: number,
  s: number | undefined,
  imm: number,
  modulo: boolean,
  signed: boolean,
): void {
  const { code } = f;
  const wide = bits === 64;
  const value = (register: number): void => (wide ? f.get(register) : f.get32(register));
  const constant = (number: number): void => (wide ? code.i64(number, number >> 31) : code.i32(number));
  const type = wide ? w.I64 : w.I32;
  const divide = (): void => {
    const at = (modulo ? 2 : 0) + (signed ? 0 : 1);
    code.op((wide ? w.I64_DIV_S : w.I32_DIV_S) + at);
  };
  const byMinusOne = (): void => {
    if (!modulo) {
      constant(0);
      value(d);
      code.op(wide ? w.I64_SUB : w.I32_SUB);
    } else constant(0);
  };
  const byZero = (): void => (modulo ? value(d) : constant(0));
  if (s === undefined) {
    if (imm === 0) byZero();
    else if (imm === -1 && signed) byMinusOne();
    else {
      value(d);
      constant(imm);
      divide();
    }
  } else {
    value(s);
    code.op(wide ? w.I64_EQZ : w.I32_EQZ);
    code.op(w.IF);
    code.op(type);
    byZero();
    code.op(w.ELSE);
    if (signed) {
      value(s);
      constant(-1);
      code.op(wide ? w.I64_EQ : w.I32_EQ);
      code.op(w.IF);
      code.op(type);
      byMinusOne();
      code.op(w.ELSE);
    }
    value(d);
    value(s);
    divide();
    if (signed) code.op(w.END);
    code.op(w.END);
  }
  if (wide) f.set(d);
  else f.set32(d);
}

export function swap(f: FunctionCode, slot: number, d: number, bits: number, reverse: boolean): void {
  const { code } = f;
  if (bits !== 16 && bits !== 32 && bits !== 64) {
    f.illegal(slot);
    return;
  }
  if (bits === 64) {
    if (!reverse) {
      f.get(d);
      f.set(d);
      return;
    }
    // Halves change places, then the 16-bit parts of each, then their bytes.
    f.get(d);
    code.i64(32, 0);
    code.op(w.I64_ROTL);
    exchange(f, 16, 0x0000ffff);
    exchange(f, 8, 0x00ff00ff);
    f.set(d);
    return;
  }
  f.get32(d);
  if (bits === 16) {
    if (reverse) {
      code.op1(w.LOCAL_TEE, f.t32);
      code.i32(0xff);
      code.op(w.I32_AND);
      code.i32(8);
      code.op(w.I32_SHL);
      code.op1(w.LOCAL_GET, f.t32);
      code.i32(8);
      code.op(w.I32_SHR_U);
      code.i32(0xff);
      code.op(w.I32_AND);
      code.op(w.I32_OR);
    } else {
      code.i32(0xffff);
      code.op(w.I32_AND);
    }
  } else if (reverse) w.emitReverse(code, f.t32);
  f.set32(d);
}

/** Exchanges neighbouring groups of bits of the i64 on the stack. */
function exchange(f: FunctionCode, bits: number, mask: number): void {
  const { code } = f;
  code.op1(w.LOCAL_TEE, f.t64);
  code.i64(mask, mask);
  code.op(w.I64_AND);
  code.i64(bits, 0);
  code.op(w.I64_SHL);
  code.op1(w.LOCAL_GET, f.t64);
  code.i64(bits, 0);
  code.op(w.I64_SHR_U);
  code.i64(mask, mask);
  code.op(w.I64_AND);
  code.op(w.I64_OR);
}

const ALU64: Record<number, number> = {
  0: w.I64_ADD,
  1: w.I64_SUB,
  2: w.I64_MUL,
  4: w.I64_OR,
  5: w.I64_AND,
  6: w.I64_SHL,
  7: w.I64_SHR_U,
  10: w.I64_XOR,
  12: w.I64_SHR_S,
};

const ALU32: Record<number, number> = {
  0: w.I32_ADD,
  1: w.I32_SUB,
  2: w.I32_MUL,
  4: w.I32_OR,
  5: w.I32_AND,
  6: w.I32_SHL,
  7: w.I32_SHR_U,
  10: w.I32_XOR,
  12: w.I32_SHR_S,
};

const numberFrom = (imm: number): Known | undefined => (imm >= 0 ? { kind: 'number', value: imm } : undefined);
