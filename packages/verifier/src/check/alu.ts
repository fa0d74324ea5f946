/** Arithmetic: on numbers, and the little that is allowed on pointers. */
import { LIMITS, MAP } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
import { add64, hi, signedText, slt, sub64, ult } from '../number/int64.ts';
import { coerce, sync, takeTnum, zeroExtend } from '../number/range.ts';
import { addRanges64, arithmetic, OP, subRanges64 } from '../number/scalar.ts';
import { tnumAdd, tnumSub } from '../number/tnum.ts';
import {
  baseOf,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  mayBeNull,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TO_TP_BUFFER,
  SCALAR,
  typeName,
} from '../state/kinds.ts';
import {
  ADD_CONST,
  ADD_CONST32,
  ADD_CONST64,
  isConst,
  isConst32,
  known,
  type Reg,
  setUnbounded,
  setUnbounded32,
  tnumText,
  unknown,
} from '../state/reg.ts';
import { mapBounds } from './regions.ts';
import { commitMask, planMask, sanitizeScalar } from './sanitize.ts';

export const MAX_VAR_OFF = 1 << 29;
const SYMBOL: Record<number, string> = {
  0: '+=',
  16: '-=',
  32: '*=',
  48: '/=',
  64: '|=',
  80: '&=',
  96: '<<=',
  112: '>>=',
  128: 'neg',
  144: '%=',
  160: '^=',
  176: '=',
  192: 's>>=',
  208: 'endian',
};

export function checkAlu(x: Explorer): void {
  const { program, insn } = x;
  const code = program.code[insn]!;
  const op = code & 0xf0;
  const wide = (code & 7) === 7;
  const fromReg = (code & 8) !== 0;
  const dst = program.dst[insn]!;
  const src = program.src[insn]!;
  const off = program.off[insn]!;
  const imm = program.imm[insn]!;
  if (op === OP.end || op === OP.neg) {
    checkUnary(x, op, wide, fromReg, dst, src, off, imm);
    return;
  }
  if (op === OP.mov) {
    checkMove(x, wide, fromReg, dst, src, off, imm);
    return;
  }
  if (
    fromReg
      ? imm !== 0 || (off !== 0 && (off !== 1 || !x.kernel.cpu4 || (op !== OP.div && op !== OP.mod)))
      : src !== 0 || (off !== 0 && (off !== 1 || !x.kernel.cpu4 || (op !== OP.div && op !== OP.mod)))
  )
    x.refuse('BPF_ALU uses reserved fields');
  if (fromReg) x.read(src);
  const before = x.read(dst);
  if ((op === OP.mod || op === OP.div) && !fromReg && imm === 0) x.refuse('div by zero');
  if ((op === OP.lsh || op === OP.rsh || op === OP.arsh) && !fromReg) {
    const width = wide ? 64 : 32;
    if (imm < 0 || imm >= width) x.refuse(`invalid shift ${imm}`);
  }
  x.writeOnly(dst);
  const operand = fromReg ? x.frame.regs[src]! : known(imm);
  x.set(dst, compute(x, before, operand, op, wide, fromReg, dst, src));
}

function checkUnary(
  x: Explorer,
  op: number,
  wide: boolean,
  fromReg: boolean,
  dst: number,
  src: number,
  off: number,
  imm: number,
): void {
  if (op === OP.neg) {
    if (fromReg || src !== 0 || off !== 0 || imm !== 0) x.refuse('BPF_NEG uses reserved fields');
  } else if (src !== 0 || off !== 0 || (imm !== 16 && imm !== 32 && imm !== 64) || (wide && fromReg))
    x.refuse('BPF_END uses reserved fields');
  const reg = x.read(dst);
  if (x.leaks(reg)) x.refuse(`R${dst} pointer arithmetic prohibited`);
  x.writeOnly(dst);
  if (op === OP.neg && x.kernel.negation && reg.type === SCALAR) {
    const negative = known(0);
    arithmetic(negative, OP.sub, reg, wide);
    x.set(dst, negative);
  } else if (op === OP.end && x.kernel.negation && reg.type === SCALAR) x.set(dst, swapped(reg, imm, wide, fromReg));
  else x.set(dst, unknown());
}

/** The bytes of a number, turned round or cut off; the machine is taken to be little endian. */
function swapped(reg: Reg, bits: number, always: boolean, toBig: boolean): Reg {
  if (bits === 64 && !always && !toBig) return reg;
  const d = reg.clone();
  d.id = 0;
  d.off = 0;
  if (always || toBig) {
    const turn = (n: number): number => ((n & 255) << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24);
    const { vl, vh, ml, mh } = d;
    setUnbounded(d);
    d.vl = bits === 64 ? turn(vh) : bits === 32 ? turn(vl) : turn(vl) >>> 16;
    d.ml = bits === 64 ? turn(mh) : bits === 32 ? turn(ml) : turn(ml) >>> 16;
    d.vh = bits === 64 ? turn(vl) : 0;
    d.mh = bits === 64 ? turn(ml) : 0;
  }
  if (bits < 64) coerce(d, bits / 8);
  else sync(d);
  return d;
}

function checkMove(
  x: Explorer,
  wide: boolean,
  fromReg: boolean,
  dst: number,
  src: number,
  off: number,
  imm: number,
): void {
  const cast = wide && fromReg && off === 1;
  if (fromReg) {
    const widths = wide ? off === 8 || off === 16 || off === 32 : off === 8 || off === 16;
    if (cast) {
      if (imm !== 1 && imm !== 0x10000) x.refuse('addr_space_cast insn can only convert between address space 1 and 0');
      if (![...x.maps.values()].some((map) => map.type === MAP.BPF_MAP_TYPE_ARENA))
        x.refuse('addr_space_cast insn can only be used in a program that has an associated arena');
    } else if (imm !== 0 || (off !== 0 && !(widths && x.kernel.cpu4))) x.refuse('BPF_MOV uses reserved fields');
    x.read(src);
  } else if (src !== 0 || off !== 0) x.refuse('BPF_MOV uses reserved fields');
  x.writeOnly(dst);
  if (!fromReg) {
    const reg = known(imm);
    if (!wide) {
      reg.vh = reg.snh = reg.sxh = reg.unh = reg.uxh = 0;
    }
    x.set(dst, reg);
    return;
  }
  const from = x.frame.regs[src]!;
  if (cast) {
    const reg = unknown();
    if (imm === 1) {
      reg.type = PTR_TO_ARENA;
    }
    x.set(dst, reg);
    return;
  }
  if (wide) {
    if (off === 0) {
      x.set(dst, shareId(x, src, from));
      return;
    }
    if (x.leaks(from)) x.refuse(`R${src} sign-extension part of pointer`);
    if (from.type !== SCALAR) {
      x.set(dst, unknown());
      return;
    }
    const fits = from.uxh === 0 && from.uxl >>> 0 < 2 ** (off - 1);
    const source = fits ? shareId(x, src, from) : from;
    const to = source.clone();
    if (!fits) {
      to.id = 0;
      to.off = 0;
    }
    signExtend(to, off >> 3, true);
    x.set(dst, to);
    return;
  }
  if (x.leaks(from)) x.refuse(`R${src} partial copy of pointer`);
  if (from.type !== SCALAR) {
    const reg = unknown();
    zeroExtend(reg);
    reg.vh = 0;
    reg.mh = 0;
    sync(reg);
    x.set(dst, reg);
    return;
  }
  if (off === 0) {
    const fits = from.uxh === 0 && !x.kernel.early;
    const source = fits ? shareId(x, src, from) : from;
    const to = source.clone();
    if (!fits) {
      to.id = 0;
      to.off = 0;
    }
    zeroExtend(to);
    sync(to);
    x.set(dst, to);
    return;
  }
  const fits = from.uxh === 0 && from.uxl >>> 0 < 2 ** (off - 1);
  const source = fits ? shareId(x, src, from) : from;
  const to = source.clone();
  if (!fits) {
    to.id = 0;
    to.off = 0;
  }
  signExtend(to, off >> 3, false);
  zeroExtend(to);
  sync(to);
  x.set(dst, to);
}

/** Copies of a number are narrowed together: they get an id. */
export function shareId(x: Explorer, register: number, reg: Reg): Reg {
  if (reg.type !== SCALAR) return reg;
  if (reg.id & ADD_CONST || (reg.id === 0 && !isConst(reg))) {
    const marked = reg.clone();
    if (reg.id & ADD_CONST) {
      marked.id = 0;
      marked.off = 0;
    }
    if (!isConst(marked)) marked.id = x.freshId();
    x.set(register, marked);
    return marked;
  }
  return reg;
}

/** Sign-extends the low `size` bytes, to 64 bits or to 32. */
export function signExtend(r: Reg, size: number, wide: boolean): void {
  const shift = 32 - size * 8;
  if (isConst(r) || (isConst32(r) && size <= 4 && !wide)) {
    const value = shift > 0 ? (r.vl << shift) >> shift : r.vl;
    const constant = known(value);
    copyNumbers(r, constant);
    if (!wide) {
      r.vh = r.mh = 0;
    }
    return;
  }
  const top = wide
    ? size === 4
      ? r.snh === r.sxh
      : r.snh === r.sxh && r.snl >> (size * 8) === r.sxl >> (size * 8)
    : r.tn >> (size * 8) === r.tx >> (size * 8);
  if (top) {
    const least = shift > 0 ? ((wide ? r.snl : r.tn) << shift) >> shift : wide ? r.snl : r.tn;
    const most = shift > 0 ? ((wide ? r.sxl : r.tx) << shift) >> shift : wide ? r.sxl : r.tx;
    const low = Math.min(least, most);
    const high = Math.max(least, most);
    if (least >= 0 === most >= 0) {
      setSignedRange(r, low, high, size, wide);
      return;
    }
  }
  const low = size === 4 ? -2147483648 : -(2 ** (size * 8 - 1));
  const high = size === 4 ? 2147483647 : 2 ** (size * 8 - 1) - 1;
  const blank = unknown();
  copyNumbers(r, blank);
  r.snl = low;
  r.snh = -1;
  r.sxl = high;
  r.sxh = 0;
  r.unl = r.unh = 0;
  r.uxl = r.uxh = -1;
  r.tn = low;
  r.tx = high;
  r.wn = 0;
  r.wx = -1;
}

function setSignedRange(r: Reg, low: number, high: number, _size: number, wide: boolean): void {
  const blank = unknown();
  copyNumbers(r, blank);
  if (wide) {
    r.snl = low;
    r.snh = low >> 31;
    r.sxl = high;
    r.sxh = high >> 31;
    r.unl = low;
    r.unh = low >> 31;
    r.uxl = high;
    r.uxh = high >> 31;
  }
  r.tn = low;
  r.tx = high;
  r.wn = low;
  r.wx = high;
  sync(r);
}

function copyNumbers(to: Reg, from: Reg): void {
  to.vl = from.vl;
  to.vh = from.vh;
  to.ml = from.ml;
  to.mh = from.mh;
  to.snl = from.snl;
  to.snh = from.snh;
  to.sxl = from.sxl;
  to.sxh = from.sxh;
  to.unl = from.unl;
  to.unh = from.unh;
  to.uxl = from.uxl;
  to.uxh = from.uxh;
  to.tn = from.tn;
  to.tx = from.tx;
  to.wn = from.wn;
  to.wx = from.wx;
}

function compute(
  x: Explorer,
  d: Reg,
  s: Reg,
  op: number,
  wide: boolean,
  fromReg: boolean,
  dst: number,
  src: number,
): Reg {
  if (d.type === PTR_TO_ARENA || (fromReg && s.type === PTR_TO_ARENA)) {
    const reg = unknown();
    reg.type = PTR_TO_ARENA;
    return reg;
  }
  if (d.type !== SCALAR) {
    if (s.type !== SCALAR) {
      if (op === OP.sub && x.privileged) return unknown();
      x.refuse(`R${dst} pointer ${SYMBOL[op]} pointer prohibited`);
    }
    if (fromReg) markPrecise(x, src);
    return pointerArithmetic(x, d, s, op, wide, dst, true);
  }
  if (s.type !== SCALAR) {
    markPrecise(x, dst);
    return pointerArithmetic(x, s, d, op, wide, dst, false);
  }
  if ((op === OP.and || op === OP.or) && isConst(s)) {
    const forked = maybeFork(x, d, dst);
    if (forked !== undefined) d = forked;
  }
  sanitizeScalar(x, op, dst);
  const result = d.clone();
  arithmetic(result, op, s, wide);
  const step =
    x.privileged && !x.kernel.early && d.id !== 0 && !(d.id & ADD_CONST) && !(fromReg && src === dst)
      ? linkedStep(x, d, s, op, wide)
      : undefined;
  if (step === undefined) {
    result.id = 0;
    result.off = 0;
  } else {
    result.id |= wide ? ADD_CONST64 : ADD_CONST32;
    result.off = step;
  }
  return result;
}

/** How far a number moves away from those that it is linked to; undefined where the link ends. */
function linkedStep(x: Explorer, before: Reg, s: Reg, op: number, wide: boolean): number | undefined {
  if (!x.kernel.linkedSteps) return op === OP.add && wide && isConst(s) && s.vh === 0 && s.vl >= 0 ? s.vl : undefined;
  if (op !== OP.add && op !== OP.sub) return undefined;
  if (wide ? !isConst(s) || s.vh !== s.vl >> 31 : !isConst32(s) || before.uxh !== 0) return undefined;
  if (op === OP.add) return s.vl;
  return s.vl === -2147483648 ? undefined : -s.vl | 0;
}

/** `-1 or 0` is followed as two values: the idiom of masks from comparisons. */
function maybeFork(x: Explorer, d: Reg, dst: number): Reg | undefined {
  const wide = d.snl === -1 && d.snh === -1 && d.sxl === 0 && d.sxh === 0;
  const narrow = d.tn === -1 && d.tx === 0;
  if (!wide && !narrow) return undefined;
  if (!x.kernel.cpu4) return undefined;
  const branch = x.fork(x.insn, x.insn);
  const zero = d.clone();
  const minus = d.clone();
  if (wide) {
    copyNumbers(zero, known(0));
    copyNumbers(minus, known(-1));
  } else {
    zero.vl = zero.ml = 0;
    zero.tn = zero.tx = zero.wn = zero.wx = 0;
    minus.vl = -1;
    minus.ml = 0;
    minus.tn = minus.tx = minus.wn = minus.wx = -1;
  }
  branch.frame.regs[dst] = zero;
  return minus;
}

function pointerArithmetic(
  x: Explorer,
  p: Reg,
  o: Reg,
  op: number,
  wide: boolean,
  dst: number,
  pointerIsDst: boolean,
): Reg {
  const constant = isConst(o);
  if (
    (constant && (o.snl !== o.sxl || o.snh !== o.sxh || o.unl !== o.uxl || o.unh !== o.uxh)) ||
    slt(o.sxl, o.sxh, o.snl, o.snh) ||
    ult(o.uxl, o.uxh, o.unl, o.unh)
  )
    return unknown();
  if (!wide) {
    if (op === OP.sub && x.privileged) return unknown();
    x.refuse(`R${dst} 32-bit pointer arithmetic prohibited`);
  }
  if (mayBeNull(p.type)) x.refuse(`R${dst} pointer arithmetic on ${typeName(p.type)} prohibited, null-check it first`);
  const base = baseOf(p.type);
  const zero = constant && (o.vl | o.vh) === 0 && op === OP.add;
  if (
    !MOVABLE.has(base) &&
    !(base === PTR_TO_FLOW_KEYS && constant) &&
    !((base === CONST_PTR_TO_MAP || base === PTR_TO_FLOW_KEYS) && zero)
  )
    x.refuse(`R${dst} pointer arithmetic on ${typeName(p.type)} prohibited`);
  saneOffset(x, o, p.type);
  saneOffset(x, p, p.type);
  const mask = planMask(x, p, o, op, dst, pointerIsDst);
  const d = p.clone();
  setUnbounded32(d);
  switch (op) {
    case OP.add: {
      const fixed = constant ? smallSum(p.off, o.vl, o.vh) : undefined;
      if (fixed !== undefined) {
        d.off = fixed;
        break;
      }
      addRanges64(d, p, o);
      tnumAdd(p.vl, p.vh, p.ml, p.mh, o.vl, o.vh, o.ml, o.mh);
      takeTnum(d);
      if (base === PTR_TO_PACKET || base === PTR_TO_PACKET_META) {
        d.id = x.freshId();
        d.aux = 0;
      }
      break;
    }
    case OP.sub: {
      if (!pointerIsDst) x.refuse(`R${dst} tried to subtract pointer from scalar`);
      if (p.type === PTR_TO_STACK) x.refuse(`R${dst} subtraction from stack pointer prohibited`);
      const negL = sub64(0, 0, o.vl, o.vh);
      const fixed = constant ? smallSum(p.off, negL, hi) : undefined;
      if (fixed !== undefined) {
        d.off = fixed;
        break;
      }
      subRanges64(d, o, p);
      tnumSub(p.vl, p.vh, p.ml, p.mh, o.vl, o.vh, o.ml, o.mh);
      takeTnum(d);
      if (base === PTR_TO_PACKET || base === PTR_TO_PACKET_META) {
        d.id = x.freshId();
        if (o.snh < 0) d.aux = 0;
      }
      break;
    }
    case OP.and:
    case OP.or:
    case OP.xor:
      x.refuse(`R${dst} bitwise operator ${SYMBOL[op]} on pointer prohibited`);
      break;
    default:
      x.refuse(`R${dst} pointer arithmetic with ${SYMBOL[op]} operator prohibited`);
  }
  saneOffset(x, d, p.type);
  sync(d);
  if (!x.privileged) checkUnprivilegedRange(x, d, dst);
  commitMask(x, d, op, dst, mask);
  return d;
}

const MOVABLE = new Set([
  PTR_TO_CTX,
  PTR_TO_MAP_VALUE,
  PTR_TO_MAP_KEY,
  PTR_TO_STACK,
  PTR_TO_PACKET_META,
  PTR_TO_PACKET,
  PTR_TO_TP_BUFFER,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TO_BUF,
  PTR_TO_FUNC,
  CONST_PTR_TO_DYNPTR,
]);

/** `off + value` when it is an int32. */
function smallSum(off: number, l: number, h: number): number | undefined {
  const low = add64(off, off >> 31, l, h);
  return hi === low >> 31 ? low : undefined;
}

function saneOffset(x: Explorer, r: Reg, type: number): void {
  if (isConst(r) && !between(r.vl, r.vh))
    x.refuse(`math between ${typeName(type)} pointer and ${signedText(r.vl, r.vh)} is not allowed`);
  if (r.off >= MAX_VAR_OFF || r.off <= -MAX_VAR_OFF)
    x.refuse(`${typeName(type)} pointer offset ${r.off} is not allowed`);
  if (r.snl === 0 && r.snh === -2147483648)
    x.refuse(`math between ${typeName(type)} pointer and register with unbounded min value is not allowed`);
  if (!between(r.snl, r.snh))
    x.refuse(`value ${signedText(r.snl, r.snh)} makes ${typeName(type)} pointer be out of bounds`);
}

/** Strictly between the greatest offsets. */
const between = (l: number, h: number): boolean =>
  (h === 0 && l >= 0 && l < MAX_VAR_OFF) || (h === -1 && l < 0 && l > -MAX_VAR_OFF);

function checkUnprivilegedRange(x: Explorer, d: Reg, dst: number): void {
  if (d.type === PTR_TO_STACK) {
    if (!isConst(d))
      x.refuse(`R${dst} variable stack access prohibited for !root, var_off=${tnumText(d)} off=${d.off + d.vl}`);
    const off = d.off + d.vl;
    if (off >= 0 || off < -LIMITS.stack)
      x.refuse(`R${dst} stack pointer arithmetic goes out of range, prohibited for !root; off=${off}`);
  } else if (d.type === PTR_TO_MAP_VALUE && mapBounds(d, d.off, 1) !== undefined)
    x.refuse(`R${dst} pointer arithmetic of map value goes out of range, prohibited for !root`);
}
