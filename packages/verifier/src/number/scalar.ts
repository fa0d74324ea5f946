/** Arithmetic on what is known of numbers. Registers that are passed as destination are private to the caller. */
import { mul64, high as productHigh } from '@skep/base';
import { SCALAR } from '../state/kinds.ts';
import { isConst, isConst32, type Reg, setUnbounded, setUnbounded32, setUnbounded64, setValue } from '../state/reg.ts';
import { add64, hi, sar64, shl64, shr64, slt, sub64, toNumber, toUnsignedNumber, ult } from './int64.ts';
import {
  early,
  forgetUpper,
  fromTnum,
  fromTnum32,
  signedProducts,
  sync,
  takeTnum,
  unionProducts,
  wrappedSums,
  zeroExtend,
} from './range.ts';
import {
  tnumAdd,
  tnumAnd,
  tnumMul,
  tnumMulUnion,
  tnumOr,
  tnumSar64,
  tnumShl,
  tnumShr,
  tnumSub,
  tnumXor,
} from './tnum.ts';

export const OP = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
  end: 0xd0,
} as const;

/** `d op= s`; `op` is the upper nibble of the opcode, `wide` a 64-bit operation. */
export function arithmetic(d: Reg, op: number, s: Reg, wide: boolean): void {
  if (!computable(op, s, wide)) {
    forget(d);
    return;
  }
  const { vl, vh, ml, mh } = d;
  switch (op) {
    case OP.add:
      add(d, s);
      break;
    case OP.sub:
      sub32(d, s);
      subRanges64(d, s, d, wrappedSums);
      tnumSub(vl, vh, ml, mh, s.vl, s.vh, s.ml, s.mh);
      takeTnum(d);
      break;
    case OP.mul:
      (unionProducts ? tnumMulUnion : tnumMul)(vl, vh, ml, mh, s.vl, s.vh, s.ml, s.mh);
      takeTnum(d);
      mul(d, s);
      break;
    case OP.and:
      tnumAnd(vl, vh, ml, mh, s.vl, s.vh, s.ml, s.mh);
      takeTnum(d);
      and(d, s);
      break;
    case OP.or:
      tnumOr(vl, vh, ml, mh, s.vl, s.vh, s.ml, s.mh);
      takeTnum(d);
      or(d, s);
      break;
    case OP.xor:
      tnumXor(vl, vh, ml, mh, s.vl, s.vh, s.ml, s.mh);
      takeTnum(d);
      xor(d, s);
      break;
    case OP.lsh:
      if (wide) shiftLeft64(d, s);
      else shiftLeft32(d, s);
      break;
    case OP.rsh:
      if (wide) shiftRight64(d, s);
      else shiftRight32(d, s);
      break;
    case OP.arsh:
      if (wide) shiftSigned64(d, s);
      else shiftSigned32(d, s);
      break;
  }
  if (!wide) zeroExtend(d);
  sync(d);
}

/** A scalar of which nothing is known any more. */
export function forget(d: Reg): void {
  d.type = SCALAR;
  d.off = 0;
  d.id = 0;
  d.ref = 0;
  d.aux = 0;
  d.aux2 = 0;
  d.map = undefined;
  d.btf = undefined;
  d.btfId = 0;
  d.vl = d.vh = 0;
  d.ml = d.mh = -1;
  setUnbounded(d);
}

function computable(op: number, s: Reg, wide: boolean): boolean {
  switch (op) {
    case OP.add:
    case OP.sub:
    case OP.and:
    case OP.xor:
    case OP.or:
    case OP.mul:
      return true;
    case OP.lsh:
    case OP.rsh:
    case OP.arsh: {
      const single = wide
        ? isConst(s) && s.snl === s.sxl && s.snh === s.sxh && s.unl === s.uxl && s.unh === s.uxh
        : isConst32(s) && s.tn === s.tx && s.wn === s.wx;
      return single && s.uxh === 0 && s.uxl >>> 0 < (wide ? 64 : 32);
    }
    default:
      return false;
  }
}

/** Without the final {@link sync}: also used for registers that are linked by a constant distance. */
export function add(d: Reg, s: Reg): void {
  const { vl, vh, ml, mh } = d;
  const tnSum = d.tn + s.tn;
  const txSum = d.tx + s.tx;
  if (tnSum < -2147483648 || tnSum > 2147483647 || txSum < -2147483648 || txSum > 2147483647) {
    d.tn = -2147483648;
    d.tx = 2147483647;
  } else {
    d.tn = tnSum;
    d.tx = txSum;
  }
  const wnSum = (d.wn >>> 0) + (s.wn >>> 0);
  const wxSum = (d.wx >>> 0) + (s.wx >>> 0);
  if (wrappedSums ? wnSum <= 0xffffffff && wxSum > 0xffffffff : wnSum > 0xffffffff || wxSum > 0xffffffff) {
    d.wn = 0;
    d.wx = -1;
  } else {
    d.wn = wnSum | 0;
    d.wx = wxSum | 0;
  }
  addRanges64(d, d, s, wrappedSums);
  tnumAdd(vl, vh, ml, mh, s.vl, s.vh, s.ml, s.mh);
  takeTnum(d);
}

/** 64-bit ranges of a + b into d, which may be a. Unsigned sums may be `wrapped` where all of them are. */
export function addRanges64(d: Reg, a: Reg, b: Reg, wrapped = false): void {
  const snl = add64(a.snl, a.snh, b.snl, b.snh);
  const snh = hi;
  const sxl = add64(a.sxl, a.sxh, b.sxl, b.sxh);
  const sxh = hi;
  const overflow = (~(a.snh ^ b.snh) & (a.snh ^ snh)) < 0 || (~(a.sxh ^ b.sxh) & (a.sxh ^ sxh)) < 0;
  const unl = add64(a.unl, a.unh, b.unl, b.unh);
  const unh = hi;
  const uxl = add64(a.uxl, a.uxh, b.uxl, b.uxh);
  const uxh = hi;
  const least = ult(unl, unh, a.unl, a.unh);
  const most = ult(uxl, uxh, a.uxl, a.uxh);
  const carry = wrapped ? most && !least : least || most;
  setSigned(d, overflow, snl, snh, sxl, sxh);
  setUnsigned(d, carry, unl, unh, uxl, uxh);
}

/** 64-bit ranges of a - b. */
export function subRanges64(d: Reg, b: Reg, a: Reg = d, wrapped = false): void {
  const snl = sub64(a.snl, a.snh, b.sxl, b.sxh);
  const snh = hi;
  const sxl = sub64(a.sxl, a.sxh, b.snl, b.snh);
  const sxh = hi;
  const overflow = ((a.snh ^ b.sxh) & (a.snh ^ snh)) < 0 || ((a.sxh ^ b.snh) & (a.sxh ^ sxh)) < 0;
  const borrow = ult(a.unl, a.unh, b.uxl, b.uxh) && !(wrapped && ult(a.uxl, a.uxh, b.unl, b.unh));
  const unl = sub64(a.unl, a.unh, b.uxl, b.uxh);
  const unh = hi;
  const uxl = sub64(a.uxl, a.uxh, b.unl, b.unh);
  const uxh = hi;
  setSigned(d, overflow, snl, snh, sxl, sxh);
  setUnsigned(d, borrow, unl, unh, uxl, uxh);
}

function setSigned(d: Reg, lost: boolean, nl: number, nh: number, xl: number, xh: number): void {
  d.snl = lost ? 0 : nl;
  d.snh = lost ? -2147483648 : nh;
  d.sxl = lost ? -1 : xl;
  d.sxh = lost ? 2147483647 : xh;
}

function setUnsigned(d: Reg, lost: boolean, nl: number, nh: number, xl: number, xh: number): void {
  d.unl = lost ? 0 : nl;
  d.unh = lost ? 0 : nh;
  d.uxl = lost ? -1 : xl;
  d.uxh = lost ? -1 : xh;
}

function sub32(d: Reg, s: Reg): void {
  const least = d.tn - s.tx;
  const most = d.tx - s.tn;
  if (least < -2147483648 || least > 2147483647 || most < -2147483648 || most > 2147483647) {
    d.tn = -2147483648;
    d.tx = 2147483647;
  } else {
    d.tn = least;
    d.tx = most;
  }
  if (d.wn >>> 0 < s.wx >>> 0 && !(wrappedSums && d.wx >>> 0 < s.wn >>> 0)) {
    d.wn = 0;
    d.wx = -1;
  } else {
    const low = (d.wn - s.wx) | 0;
    d.wx = (d.wx - s.wn) | 0;
    d.wn = low;
  }
}

function mul(d: Reg, s: Reg): void {
  if (signedProducts) {
    mulRanges32(d, s);
    mulSigned64(d, s);
    mulUnsigned64(d, s);
    return;
  }
  if (s.tn < 0 || d.tn < 0 || s.wx >>> 0 > 0xffff || d.wx >>> 0 > 0xffff) {
    setUnbounded32(d);
  } else {
    d.wn = Math.imul(d.wn, s.wn);
    d.wx = Math.imul(d.wx, s.wx);
    d.tn = d.wx < 0 ? -2147483648 : d.wn;
    d.tx = d.wx < 0 ? 2147483647 : d.wx;
  }
  if (s.snh < 0 || d.snh < 0 || s.uxh !== 0 || d.uxh !== 0) {
    setUnbounded64(d);
    return;
  }
  d.unl = mul64(d.unl, 0, s.unl, 0);
  d.unh = productHigh;
  d.uxl = mul64(d.uxl, 0, s.uxl, 0);
  d.uxh = productHigh;
  setSigned(d, d.uxh < 0, d.unl, d.unh, d.uxl, d.uxh);
}

function mulRanges32(d: Reg, s: Reg): void {
  const products = [d.tn * s.tn, d.tn * s.tx, d.tx * s.tn, d.tx * s.tx];
  const least = Math.min(...products);
  const most = Math.max(...products);
  const lost = least < -2147483648 || most > 2147483647;
  d.tn = lost ? -2147483648 : least | 0;
  d.tx = lost ? 2147483647 : most | 0;
  if ((d.wx >>> 0) * (s.wx >>> 0) > 0xffffffff) {
    d.wn = 0;
    d.wx = -1;
  } else {
    d.wn = Math.imul(d.wn, s.wn);
    d.wx = Math.imul(d.wx, s.wx);
  }
}

function mulUnsigned64(d: Reg, s: Reg): void {
  const { unl, unh, uxl, uxh } = d;
  if (tooLarge(uxl, uxh, s.uxl, s.uxh)) {
    setUnsigned(d, true, 0, 0, 0, 0);
    return;
  }
  d.unl = mul64(unl, unh, s.unl, s.unh);
  d.unh = productHigh;
  d.uxl = mul64(uxl, uxh, s.uxl, s.uxh);
  d.uxh = productHigh;
}

/** Whether the product of two unsigned numbers needs more than 64 bits. */
function tooLarge(al: number, ah: number, bl: number, bh: number): boolean {
  if (ah === 0 && bh === 0) return false;
  if (ah !== 0 && bh !== 0) return true;
  const upper = ah !== 0 ? (ah >>> 0) * (bl >>> 0) : (bh >>> 0) * (al >>> 0);
  mul64(al, 0, bl, 0);
  return upper + (productHigh >>> 0) > 0xffffffff;
}

function mulSigned64(d: Reg, s: Reg): void {
  let [nl, nh, xl, xh] = [-1, 2147483647, 0, -2147483648];
  for (let corner = 0; corner < 4; corner++) {
    const [al, ah] = corner & 1 ? [d.sxl, d.sxh] : [d.snl, d.snh];
    const [bl, bh] = corner & 2 ? [s.sxl, s.sxh] : [s.snl, s.snh];
    const size = Math.abs(toNumber(al, ah) * toNumber(bl, bh));
    // As a double the product is a little off: near the limit it is computed exactly.
    const lost = size > 0x7ffffffffffff000 && (size > 0x8000000000001000 || !fitsExactly(al, ah, bl, bh));
    if (lost) {
      setSigned(d, true, 0, 0, 0, 0);
      return;
    }
    const l = mul64(al, ah, bl, bh);
    const h = productHigh;
    if (slt(l, h, nl, nh)) [nl, nh] = [l, h];
    if (slt(xl, xh, l, h)) [xl, xh] = [l, h];
  }
  setSigned(d, false, nl, nh, xl, xh);
}

function fitsExactly(al: number, ah: number, bl: number, bh: number): boolean {
  const wide = (l: number, h: number): bigint => (BigInt(h) << 32n) | BigInt(l >>> 0);
  const product = wide(al, ah) * wide(bl, bh);
  return BigInt.asIntN(64, product) === product;
}

/** The signed ranges are the unsigned ones where those do not cross the sign. */
function signedFromUnsigned32(d: Reg, s: Reg): void {
  const crosses = early ? d.tn < 0 || s.tn < 0 : d.wn > d.wx;
  d.tn = crosses ? -2147483648 : d.wn;
  d.tx = crosses ? 2147483647 : d.wx;
}

function signedFromUnsigned64(d: Reg, s: Reg): void {
  const crosses = early ? d.snh < 0 || s.snh < 0 : slt(d.uxl, d.uxh, d.unl, d.unh);
  setSigned(d, crosses, d.unl, d.unh, d.uxl, d.uxh);
}

/** Whether the result of a bitwise operation is one number; `d` already has the tnum of the result. */
function bitwiseKnown32(d: Reg, s: Reg): boolean {
  if (!isConst32(s) || !isConst32(d)) return false;
  d.wn = d.wx = d.tn = d.tx = d.vl;
  return true;
}

function bitwiseKnown64(d: Reg, s: Reg): boolean {
  if (!isConst(s) || !isConst(d)) return false;
  setValue(d, d.vl, d.vh);
  return true;
}

function and(d: Reg, s: Reg): void {
  if (!bitwiseKnown32(d, s)) {
    d.wn = d.vl;
    if (s.wx >>> 0 < d.wx >>> 0) d.wx = s.wx;
    signedFromUnsigned32(d, s);
  }
  if (bitwiseKnown64(d, s)) return;
  d.unl = d.vl;
  d.unh = d.vh;
  if (ult(s.uxl, s.uxh, d.uxl, d.uxh)) {
    d.uxl = s.uxl;
    d.uxh = s.uxh;
  }
  signedFromUnsigned64(d, s);
  fromTnum(d);
}

function or(d: Reg, s: Reg): void {
  if (!bitwiseKnown32(d, s)) {
    if (s.wn >>> 0 > d.wn >>> 0) d.wn = s.wn;
    d.wx = d.vl | d.ml;
    signedFromUnsigned32(d, s);
  }
  if (bitwiseKnown64(d, s)) return;
  if (ult(d.unl, d.unh, s.unl, s.unh)) {
    d.unl = s.unl;
    d.unh = s.unh;
  }
  d.uxl = d.vl | d.ml;
  d.uxh = d.vh | d.mh;
  signedFromUnsigned64(d, s);
  fromTnum(d);
}

function xor(d: Reg, s: Reg): void {
  if (!bitwiseKnown32(d, s)) {
    d.wn = d.vl;
    d.wx = d.vl | d.ml;
    signedFromUnsigned32(d, s);
  }
  if (bitwiseKnown64(d, s)) return;
  d.unl = d.vl;
  d.unh = d.vh;
  d.uxl = d.vl | d.ml;
  d.uxh = d.vh | d.mh;
  signedFromUnsigned64(d, s);
  fromTnum(d);
}

function shiftLeftRange32(d: Reg, n: number): void {
  d.tn = -2147483648;
  d.tx = 2147483647;
  if (n > 31 || d.wx >>> 0 > 2 ** (31 - n)) {
    d.wn = 0;
    d.wx = -1;
  } else {
    d.wn <<= n;
    d.wx <<= n;
  }
}

function shiftLeft32(d: Reg, s: Reg): void {
  const n = s.wn;
  shiftLeftRange32(d, n);
  d.vl <<= n;
  d.ml <<= n;
  forgetUpper(d);
  fromTnum32(d);
}

function shiftLeft64(d: Reg, s: Reg): void {
  const n = s.unl;
  if (n === 32) {
    d.snh = d.tn;
    d.sxh = d.tx;
    d.snl = d.sxl = 0;
  } else {
    d.snl = 0;
    d.snh = -2147483648;
    d.sxl = -1;
    d.sxh = 2147483647;
  }
  if (toUnsignedNumber(d.uxl, d.uxh) > 2 ** (63 - n)) {
    d.unl = d.unh = 0;
    d.uxl = d.uxh = -1;
  } else {
    d.unl = shl64(d.unl, d.unh, n);
    d.unh = hi;
    d.uxl = shl64(d.uxl, d.uxh, n);
    d.uxh = hi;
  }
  shiftLeftRange32(d, n);
  tnumShl(d.vl, d.vh, d.ml, d.mh, n);
  takeTnum(d);
  fromTnum(d);
}

function shiftRight32(d: Reg, s: Reg): void {
  const n = s.wn;
  d.tn = -2147483648;
  d.tx = 2147483647;
  d.vl = (d.vl >>> n) | 0;
  d.ml = (d.ml >>> n) | 0;
  d.wn = (d.wn >>> n) | 0;
  d.wx = (d.wx >>> n) | 0;
  forgetUpper(d);
  fromTnum32(d);
}

function shiftRight64(d: Reg, s: Reg): void {
  const n = s.unl;
  setSigned(d, true, 0, 0, 0, 0);
  tnumShr(d.vl, d.vh, d.ml, d.mh, n);
  takeTnum(d);
  d.unl = shr64(d.unl, d.unh, n);
  d.unh = hi;
  d.uxl = shr64(d.uxl, d.uxh, n);
  d.uxh = hi;
  setUnbounded32(d);
  fromTnum(d);
}

function shiftSigned32(d: Reg, s: Reg): void {
  const n = s.wn;
  d.tn >>= n;
  d.tx >>= n;
  d.vl >>= n;
  d.ml >>= n;
  d.wn = 0;
  d.wx = -1;
  forgetUpper(d);
  fromTnum32(d);
}

function shiftSigned64(d: Reg, s: Reg): void {
  const n = s.unl;
  d.snl = sar64(d.snl, d.snh, n);
  d.snh = hi;
  d.sxl = sar64(d.sxl, d.sxh, n);
  d.sxh = hi;
  tnumSar64(d.vl, d.vh, d.ml, d.mh, n);
  takeTnum(d);
  setUnsigned(d, true, 0, 0, 0, 0);
  setUnbounded32(d);
  fromTnum(d);
}
