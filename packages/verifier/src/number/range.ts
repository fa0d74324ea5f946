/**
 * The ranges of a scalar and how they tighten each other: unsigned and signed, 64 and 32 bits, and the tnum. The order
 * of the steps is the kernel's, since it decides how far they get, and with it which programs pass.
 */
import type { KernelProfile } from '../profile.ts';
import { type Reg, setUnbounded, setUnbounded32, setUnbounded64, setValue } from '../state/reg.ts';
import { add64, hi, slt, sub64, ult } from './int64.ts';
import { tn, tnumIntersect, tnumRange } from './tnum.ts';

/** The rules of Linux before 6.8; set before a program is verified, which runs to its end without a pause. */
export let early = false;
/** Of {@link KernelProfile}, too. */
export let signedProducts = false;
export let wrappedSums = false;
export let unionProducts = false;
let singleValues = false;

export function useRules(
  kernel: Pick<KernelProfile, 'early' | 'signedProducts' | 'singleValues' | 'unionProducts' | 'wrappedSums'>,
): void {
  ({ early, signedProducts, singleValues, unionProducts, wrappedSums } = kernel);
}

/** Brings all ranges of a register that has just changed in line. */
export function sync(r: Reg): void {
  if (early) {
    fromTnum(r);
    deduceEarly(r);
    toTnum(r);
    fromTnum(r);
    return;
  }
  fromTnum(r);
  deduce(r);
  deduce(r);
  deduce(r);
  toTnum(r);
  fromTnum(r);
}

/** Narrows the ranges by the known bits. */
export function fromTnum(r: Reg): void {
  fromTnum32(r);
  // Signed: the least has an unknown sign bit set, the greatest has it clear.
  const leastH = r.vh | (r.mh & -2147483648);
  if (slt(r.snl, r.snh, r.vl, leastH)) {
    r.snl = r.vl;
    r.snh = leastH;
  }
  const mostL = r.vl | r.ml;
  const mostH = r.vh | (r.mh & 2147483647);
  if (slt(mostL, mostH, r.sxl, r.sxh)) {
    r.sxl = mostL;
    r.sxh = mostH;
  }
  if (ult(r.unl, r.unh, r.vl, r.vh)) {
    r.unl = r.vl;
    r.unh = r.vh;
  }
  const topH = r.vh | r.mh;
  if (ult(mostL, topH, r.uxl, r.uxh)) {
    r.uxl = mostL;
    r.uxh = topH;
  }
  if (singleValues) fromSingleValue(r);
}

/** Where the range holds one value only that has the known bits, it is that value. */
function fromSingleValue(r: Reg): void {
  const { vl, vh, ml, mh, unl, unh, uxl, uxh } = r;
  if ((unl & ~ml) === vl && (unh & ~mh) === vh) {
    const next = nextValue(r, unl, unh);
    if (ult(uxl, uxh, next, stepHigh)) becomes(r, unl, unh);
    return;
  }
  const l = nextValue(r, unl, unh);
  const h = stepHigh;
  const last = l === (vl | ml) && h === (vh | mh);
  if (last) becomes(r, l, h);
  else if (!ult(uxl, uxh, l, h)) {
    const next = nextValue(r, l, h);
    if (ult(uxl, uxh, next, stepHigh)) becomes(r, l, h);
  }
}

/**
 * The least number above this one that has the known bits; the greatest such number where there is none above. The
 * high half is in {@link stepHigh}.
 */
function nextValue({ vl, vh, ml, mh }: Reg, l: number, h: number): number {
  if (!ult(l, h, vl | ml, vh | mh)) {
    stepHigh = vh | mh;
    return vl | ml;
  }
  if (ult(l, h, vl, vh)) {
    stepHigh = vh;
    return vl;
  }
  // The unknown bits are counted up: known bits, and all below a known bit that is exceeded, hand the carry on.
  const dl = sub64(l, h, vl, vh);
  const dh = hi;
  const wrongH = dh & ~mh;
  const wrongL = dl & ~ml;
  const carryH = wrongH === 0 ? 0 : below(wrongH);
  const carryL = wrongH === 0 ? (wrongL === 0 ? 0 : below(wrongL)) : -1;
  const sum = add64(dl | carryL | ~ml, dh | carryH | ~mh, 1, 0);
  stepHigh = vh | (hi & mh);
  return vl | (sum & ml);
}

let stepHigh = 0;

/** Ones from the highest bit that is set downwards. */
const below = (bits: number): number => -1 >>> Math.clz32(bits);

function becomes(r: Reg, l: number, h: number): void {
  r.vl = l;
  r.vh = h;
  r.ml = r.mh = 0;
  setValue(r, l, h);
}

export function fromTnum32(r: Reg): void {
  const least = r.vl | (r.ml & -2147483648);
  if (least > r.tn) r.tn = least;
  const most = r.vl | (r.ml & 2147483647);
  if (most < r.tx) r.tx = most;
  if (r.vl >>> 0 > r.wn >>> 0) r.wn = r.vl;
  const top = r.vl | r.ml;
  if (top >>> 0 < r.wx >>> 0) r.wx = top;
}

function deduce(r: Reg): void {
  deduce32(r);
  deduce64(r);
  deduceMixed(r);
}

/** Signed and unsigned ranges of the same width learn from each other, once. */
function deduceEarly(r: Reg): void {
  if (r.tn >= 0 || r.tx < 0) {
    r.tn = r.wn = r.tn >>> 0 > r.wn >>> 0 ? r.tn : r.wn;
    r.tx = r.wx = r.tx >>> 0 < r.wx >>> 0 ? r.tx : r.wx;
  } else if (r.wx >= 0) {
    r.tn = r.wn;
    r.tx = r.wx = r.tx >>> 0 < r.wx >>> 0 ? r.tx : r.wx;
  } else if (r.wn < 0) {
    r.tn = r.wn = r.tn >>> 0 > r.wn >>> 0 ? r.tn : r.wn;
    r.tx = r.wx;
  }
  const raise = (): void => {
    raiseU(r, r.snl, r.snh);
    r.snl = r.unl;
    r.snh = r.unh;
  };
  const lower = (): void => {
    lowerU(r, r.sxl, r.sxh);
    r.sxl = r.uxl;
    r.sxh = r.uxh;
  };
  if (r.snh >= 0 || r.sxh < 0) {
    raise();
    lower();
  } else if (r.uxh >= 0) {
    r.snl = r.unl;
    r.snh = r.unh;
    lower();
  } else if (r.unh < 0) {
    raise();
    r.sxl = r.uxl;
    r.sxh = r.uxh;
  }
}

/** What the 64-bit ranges say of the lower half, where they fit into it. */
export function lowerFromWide(r: Reg): void {
  setUnbounded32(r);
  if (r.snh === r.snl >> 31 && r.sxh === r.sxl >> 31) {
    r.tn = r.snl;
    r.tx = r.sxl;
  }
  if (r.unh === 0 && r.uxh === 0) {
    r.wn = r.unl;
    r.wx = r.uxl;
  }
  sync(r);
}

/** After a comparison of lower halves: the 64-bit ranges, where the upper half is known to be 0. */
export function wideFromLower(r: Reg): void {
  if ((r.vh | r.mh) === 0) zeroExtend(r);
  else setUnbounded64(r);
  sync(r);
}

function deduce32(r: Reg): void {
  if (r.unh === r.uxh) {
    if (r.unl >>> 0 > r.wn >>> 0) r.wn = r.unl;
    if (r.uxl >>> 0 < r.wx >>> 0) r.wx = r.uxl;
    if (r.unl <= r.uxl) narrow32(r, r.unl, r.uxl);
  }
  if (r.snh === r.sxh) {
    if (r.snl >>> 0 <= r.sxl >>> 0) {
      if (r.snl >>> 0 > r.wn >>> 0) r.wn = r.snl;
      if (r.sxl >>> 0 < r.wx >>> 0) r.wx = r.sxl;
    }
    if (r.snl <= r.sxl) narrow32(r, r.snl, r.sxl);
  }
  // A range over one boundary of the upper half, from negative to not negative in the lower.
  if (((r.unh + 1) | 0) === r.uxh && r.unl < 0 && r.uxl >= 0) narrow32(r, r.unl, r.uxl);
  if (((r.snh + 1) | 0) === r.sxh && r.snl < 0 && r.sxl >= 0) narrow32(r, r.snl, r.sxl);
  if (r.wn <= r.wx) narrow32(r, r.wn, r.wx);
  if (r.tn >>> 0 <= r.tx >>> 0) {
    if (r.tn >>> 0 > r.wn >>> 0) r.wn = r.tn;
    if (r.tx >>> 0 < r.wx >>> 0) r.wx = r.tx;
  } else if (r.wx >>> 0 < r.tn >>> 0) {
    r.tn = r.wn;
    if (r.tx >>> 0 < r.wx >>> 0) r.wx = r.tx;
  } else if (r.tx >>> 0 < r.wn >>> 0) {
    r.tx = r.wx;
    if (r.tn >>> 0 > r.wn >>> 0) r.wn = r.tn;
  }
}

function narrow32(r: Reg, least: number, most: number): void {
  if (least > r.tn) r.tn = least;
  if (most < r.tx) r.tx = most;
}

function raiseU(r: Reg, l: number, h: number): void {
  if (ult(r.unl, r.unh, l, h)) {
    r.unl = l;
    r.unh = h;
  }
}
function lowerU(r: Reg, l: number, h: number): void {
  if (ult(l, h, r.uxl, r.uxh)) {
    r.uxl = l;
    r.uxh = h;
  }
}
function raiseS(r: Reg, l: number, h: number): void {
  if (slt(r.snl, r.snh, l, h)) {
    r.snl = l;
    r.snh = h;
  }
}
function lowerS(r: Reg, l: number, h: number): void {
  if (slt(l, h, r.sxl, r.sxh)) {
    r.sxl = l;
    r.sxh = h;
  }
}

function deduce64(r: Reg): void {
  if (!slt(r.uxl, r.uxh, r.unl, r.unh)) {
    raiseS(r, r.unl, r.unh);
    lowerS(r, r.uxl, r.uxh);
  }
  if (!ult(r.sxl, r.sxh, r.snl, r.snh)) {
    raiseU(r, r.snl, r.snh);
    lowerU(r, r.sxl, r.sxh);
  } else if (ult(r.uxl, r.uxh, r.snl, r.snh)) {
    r.snl = r.unl;
    r.snh = r.unh;
    lowerU(r, r.sxl, r.sxh);
  } else if (ult(r.sxl, r.sxh, r.unl, r.unh)) {
    r.sxl = r.uxl;
    r.sxh = r.uxh;
    raiseU(r, r.snl, r.snh);
  }
}

function deduceMixed(r: Reg): void {
  embed(r, r.wn, r.wx);
  if (r.tn >>> 0 <= r.tx >>> 0) embed(r, r.tn, r.tx);
  const above = r.snh > -1 || (r.snh === -1 && r.snl < 0);
  const below = r.sxh < 0 || (r.sxh === 0 && r.sxl >= 0);
  if (r.tn >= 0 && above && below) {
    r.snl = r.unl = r.tn;
    r.sxl = r.uxl = r.tx;
    r.snh = r.sxh = r.unh = r.uxh = 0;
    tnumRange(r.tn, 0, r.tx, 0);
    tnumIntersect(r.vl, r.vh, r.ml, r.mh, tn.vl, tn.vh, tn.ml, tn.mh);
    takeTnum(r);
  }
}

/** The low halves lie in [least, most]. */
function embed(r: Reg, least: number, most: number): void {
  if (least >>> 0 > r.unl >>> 0) r.unl = least;
  if (most >>> 0 < r.uxl >>> 0) r.uxl = most;
  if (least >>> 0 > r.snl >>> 0) r.snl = least;
  if (most >>> 0 < r.sxl >>> 0) r.sxl = most;
}

function toTnum(r: Reg): void {
  tnumRange(r.unl, r.unh, r.uxl, r.uxh);
  tnumIntersect(r.vl, r.vh, r.ml, r.mh, tn.vl, tn.vh, tn.ml, tn.mh);
  const { vl, vh, ml, mh } = tn;
  tnumRange(r.wn, 0, r.wx, 0);
  tnumIntersect(vl, 0, ml, 0, tn.vl, tn.vh, tn.ml, tn.mh);
  r.vl = tn.vl;
  r.ml = tn.ml;
  r.vh = vh;
  r.mh = mh;
}

export function takeTnum(r: Reg): void {
  r.vl = tn.vl;
  r.vh = tn.vh;
  r.ml = tn.ml;
  r.mh = tn.mh;
}

/** The upper half becomes 0. */
export function zeroExtend(r: Reg): void {
  r.vh = 0;
  r.mh = 0;
  r.unl = r.wn;
  r.unh = 0;
  r.uxl = r.wx;
  r.uxh = 0;
  r.snh = 0;
  r.sxh = 0;
  if (r.tn >= 0 && r.tx >= 0) {
    r.snl = r.tn;
    r.sxl = r.tx;
  } else {
    r.snl = 0;
    r.sxl = -1;
  }
}

/** Keeps the low `size` bytes of a number that was loaded, zero-extended. */
export function coerce(r: Reg, size: number): void {
  if (size >= 8) return;
  const mask = size === 4 ? -1 : (1 << (size * 8)) - 1;
  r.vl &= mask;
  r.ml &= mask;
  r.vh = 0;
  r.mh = 0;
  // Bits that are cut off must be the same in both bounds, or the range means nothing.
  if (r.unh === r.uxh && (r.unl & ~mask) === (r.uxl & ~mask)) {
    r.unl &= mask;
    r.uxl &= mask;
  } else {
    r.unl = 0;
    r.uxl = mask;
  }
  r.unh = 0;
  r.uxh = 0;
  r.snl = r.unl;
  r.snh = 0;
  r.sxl = r.uxl;
  r.sxh = 0;
  if (early) {
    if (size < 4) lowerFromWide(r);
    return;
  }
  if (size < 4) {
    r.tn = -2147483648;
    r.tx = 2147483647;
    r.wn = 0;
    r.wx = -1;
  }
  sync(r);
}

/** Empty ranges mean a path that cannot be taken; like the kernel, know nothing then. */
export function repair(r: Reg): void {
  if (early) return;
  const bad =
    ult(r.uxl, r.uxh, r.unl, r.unh) || slt(r.sxl, r.sxh, r.snl, r.snh) || r.wn >>> 0 > r.wx >>> 0 || r.tn > r.tx;
  const constOff =
    (r.ml | r.mh) === 0 &&
    (r.unl !== r.vl ||
      r.unh !== r.vh ||
      r.uxl !== r.vl ||
      r.uxh !== r.vh ||
      r.snl !== r.vl ||
      r.snh !== r.vh ||
      r.sxl !== r.vl ||
      r.sxh !== r.vh);
  const const32Off = r.ml === 0 && (r.wn !== r.vl || r.wx !== r.vl || r.tn !== r.vl || r.tx !== r.vl);
  if (bad || constOff || const32Off) setUnbounded(r);
}

/** Bits of the tnum are lost above, ranges with them. */
export function forgetUpper(r: Reg): void {
  r.vh = 0;
  r.mh = 0;
  setUnbounded64(r);
}

/** [min, max] of `a` holds that of `b`. */
export function rangeWithin(a: Reg, b: Reg): boolean {
  return (
    !ult(b.unl, b.unh, a.unl, a.unh) &&
    !ult(a.uxl, a.uxh, b.uxl, b.uxh) &&
    !slt(b.snl, b.snh, a.snl, a.snh) &&
    !slt(a.sxl, a.sxh, b.sxl, b.sxh) &&
    a.wn >>> 0 <= b.wn >>> 0 &&
    a.wx >>> 0 >= b.wx >>> 0 &&
    a.tn <= b.tn &&
    a.tx >= b.tx
  );
}
