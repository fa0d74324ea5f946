import type { AluOp } from '@skep/object';
import { bitsOf, typeOf } from '../ir/constant.ts';
import type { BinaryInst, BinaryOp, CastInst, CoreInst, ScalarType, Value } from '../ir/ir.ts';
import { fits32, MachineInst, type VReg } from './machine.ts';
import { patchesImmediate } from './needs.ts';
import { maxBits, shiftCount, unboundedBits } from './range.ts';
import type { Selector } from './select.ts';

/**
 * Arithmetic on zero-extended registers. Where a 64-bit operation cannot leave anything above the type's width, it is
 * used, because the verifier knows most about it; where it can, a 32-bit one (v3) clears the rest for free, and narrower
 * types are masked.
 */
export function selectBinary(out: Selector, inst: BinaryInst): VReg {
  const type = inst.type as ScalarType;
  const bits = bitsOf(type);
  let { op, a, b } = inst;
  if (COMMUTES.has(op) && a.kind === 'const') [a, b] = [b, a];
  if (patchesImmediate(inst)) {
    const dst = out.fresh();
    out.into(dst, inst.a);
    out.alui(ALU[op as keyof typeof ALU], dst, Number((inst.b as CoreInst).value)).core = inst.b as CoreInst;
    return dst;
  }
  if (op === 'sdiv' || op === 'srem') {
    if (maxBits(a) < bits && maxBits(b) < bits) op = op === 'sdiv' ? 'udiv' : 'urem';
    else return signedDivision(out, op, type, a, b);
  }
  if (op === 'ashr' && maxBits(a) < bits) op = 'lshr';
  const dst = out.fresh();
  if (op === 'udiv' || op === 'urem') {
    divide(out, op, type, dst, a, b);
    return dst;
  }
  if (op === 'shl' || op === 'lshr' || op === 'ashr') {
    shift(out, op, inst, dst, a, b);
    return dst;
  }
  out.into(dst, a);
  const wraps = bits < 64 && (op === 'add' || op === 'sub' || op === 'mul') && unboundedBits(inst) > bits;
  const narrow = bits === 32 && out.cpu.alu32 && (wraps || ((op === 'or' || op === 'xor') && isNegative(b)));
  operate(out, ALU[op as keyof typeof ALU], dst, b, narrow ? 32 : 64, wraps || op === 'and');
  if (wraps && !narrow && !out.isLow(inst)) out.normalise(dst, type);
  return dst;
}

export function selectCast(out: Selector, inst: CastInst): VReg {
  const { value } = inst;
  const from = typeOf(value) as ScalarType;
  const to = inst.type as ScalarType;
  switch (inst.op) {
    case 'zext':
    case 'ptrtoint':
    case 'inttoptr':
      return out.reg(value);
    case 'trunc': {
      if (maxBits(value) <= bitsOf(to)) return out.reg(value);
      // Half of a pointer cannot be stored, so that one is truncated all the same.
      if (out.isLow(inst) && !isPointer(value)) return out.reg(value);
      const dst = out.fresh();
      if (to === 'i32') out.zext32(dst, out.reg(value));
      else {
        out.into(dst, value);
        out.normalise(dst, to);
      }
      return dst;
    }
    case 'cast_kern':
    case 'cast_user':
      return out.castSpace(inst.op, value);
    case 'sext':
      return signExtend(out, value, from, to);
  }
}

function signExtend(out: Selector, value: Value, from: ScalarType, to: ScalarType): VReg {
  const bits = bitsOf(from);
  if (maxBits(value) < bits || out.isSigned(value)) return out.reg(value);
  const dst = out.fresh();
  if (from === 'i1') {
    out.set(dst, 'i64', 0n);
    out.alu('sub', dst, out.reg(value));
    out.normalise(dst, to);
    return dst;
  }
  if (to === 'i32' && out.cpu.alu32) {
    if (out.cpu.v4) {
      const inst = new MachineInst('movsx', undefined);
      inst.dst = dst;
      inst.a = out.reg(value);
      inst.bits = bits as 8 | 16;
      inst.width = 32;
      inst.span = out.position;
      out.emit(inst);
      return dst;
    }
    out.into(dst, value);
    out.alui('lsh', dst, 32 - bits, 32);
    out.alui('arsh', dst, 32 - bits, 32);
    return dst;
  }
  out.sext64(dst, out.reg(value), bits);
  out.normalise(dst, to);
  return dst;
}

/** `dst op= b`; `signed` says that a negative constant may stand sign-extended: what it sets is cleared later. */
function operate(out: Selector, op: AluOp, dst: VReg, b: Value, width: 32 | 64, signed: boolean): void {
  const imm = b.kind === 'const' && (signed || width === 32) && fits32(b.value) ? Number(b.value) : out.immediate(b);
  if (imm !== undefined) out.alui(op, dst, imm, width);
  else out.alu(op, dst, out.reg(b), width);
}

function divide(out: Selector, op: 'udiv' | 'urem', type: ScalarType, dst: VReg, a: Value, b: Value): void {
  if (b.kind === 'const' && b.value === 0n) {
    if (op === 'urem') out.into(dst, a);
    else out.set(dst, 'i64', 0n);
    return;
  }
  out.into(dst, a);
  const alu = op === 'udiv' ? 'div' : 'mod';
  if (type !== 'i32' || !out.cpu.alu32) {
    operate(out, alu, dst, b, 64, false);
    return;
  }
  operate(out, alu, dst, b, 32, false);
  // From Linux 6.12 on the verifier forgets the upper half of what a 32-bit division makes.
  out.zext32(dst, dst);
}

function shift(out: Selector, op: 'shl' | 'lshr' | 'ashr', inst: BinaryInst, dst: VReg, a: Value, b: Value): void {
  const type = inst.type as ScalarType;
  const bits = bitsOf(type);
  const alu = op === 'shl' ? 'lsh' : op === 'lshr' ? 'rsh' : 'arsh';
  const narrow = bits === 32 && out.cpu.alu32 && (b.kind !== 'const' || op === 'ashr' || unboundedBits(inst) > 32);
  if (op === 'ashr' && bits < 64 && !narrow) out.sext64(dst, out.reg(a), bits);
  else out.into(dst, a);
  if (b.kind === 'const') {
    const count = shiftCount(b, bits);
    if (count !== 0) out.alui(alu, dst, count, narrow ? 32 : 64);
    else if (narrow) return;
  } else {
    let count = out.reg(b);
    if (bits < 64 && !narrow && maxBits(b) > 5) {
      const masked = out.fresh();
      out.mov(masked, count);
      out.alui('and', masked, 31);
      count = masked;
    }
    out.alu(alu, dst, count, narrow ? 32 : 64);
  }
  if (bits === 64 || narrow) return;
  if (op === 'ashr' || (op === 'shl' && unboundedBits(inst) > bits)) out.normalise(dst, type);
}

/**
 * v4 divides by sign. Below, the magnitudes are divided and the sign is put back: `x s>> 63` is 0 or -1, and
 * `(x ^ s) - s` negates where it is -1.
 */
function signedDivision(out: Selector, op: 'sdiv' | 'srem', type: ScalarType, a: Value, b: Value): VReg {
  const bits = bitsOf(type);
  const dst = out.fresh();
  if (b.kind === 'const' && b.value === 0n) {
    if (op === 'srem') out.into(dst, a);
    else out.set(dst, 'i64', 0n);
    return dst;
  }
  if (out.cpu.v4 && bits >= 32) {
    out.into(dst, a);
    const width = bits === 32 ? 32 : 64;
    operate(out, op === 'sdiv' ? 'sdiv' : 'smod', dst, b, width, true);
    if (width === 32) out.zext32(dst, dst);
    return dst;
  }
  const negative = out.fresh();
  const flip = (reg: VReg, sign: VReg) => {
    out.alu('xor', reg, sign);
    out.alu('sub', reg, sign);
  };
  const magnitude = (value: Value): { reg: VReg; sign: VReg | undefined } => {
    const reg = out.fresh();
    if (maxBits(value) < bits) {
      out.into(reg, value);
      return { reg, sign: undefined };
    }
    if (value.kind === 'const') out.set(reg, 'i64', value.value);
    else out.sext64(reg, out.reg(value), bits);
    const sign = out.fresh();
    out.mov(sign, reg);
    out.alui('arsh', sign, 63);
    flip(reg, sign);
    return { reg, sign };
  };
  const x = magnitude(a);
  let sign = x.sign;
  if (b.kind === 'const') {
    const size = b.value < 0n ? -b.value : b.value;
    const alu = op === 'sdiv' ? 'div' : 'mod';
    if (fits32(size)) out.alui(alu, x.reg, Number(size));
    else {
      const divisor = out.fresh();
      out.set(divisor, 'i64', size);
      out.alu(alu, x.reg, divisor);
    }
    if (op === 'sdiv' && b.value < 0n) {
      out.mov(negative, x.reg);
      out.set(x.reg, 'i64', 0n);
      out.alu('sub', x.reg, negative);
    }
  } else {
    const y = magnitude(b);
    out.alu(op === 'sdiv' ? 'div' : 'mod', x.reg, y.reg);
    if (op === 'sdiv' && y.sign !== undefined) {
      if (sign === undefined) sign = y.sign;
      else out.alu('xor', sign, y.sign);
    }
  }
  if (sign !== undefined) flip(x.reg, sign);
  out.mov(dst, x.reg);
  out.normalise(dst, type);
  return dst;
}

const COMMUTES: ReadonlySet<BinaryOp> = new Set(['add', 'mul', 'and', 'or', 'xor']);
const ALU = {
  add: 'add',
  sub: 'sub',
  mul: 'mul',
  and: 'and',
  or: 'or',
  xor: 'xor',
  shl: 'lsh',
  lshr: 'rsh',
  ashr: 'arsh',
} as const;

function isNegative(value: Value): boolean {
  return value.kind === 'const' && value.value < 0n;
}

function isPointer(value: Value): boolean {
  let at = value;
  while (at.kind === 'cast') at = at.value;
  return typeOf(at) === 'ptr';
}
