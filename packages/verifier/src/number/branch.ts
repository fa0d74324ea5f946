/** What a conditional jump tells: which way it must go, and what is known of its operands on either way. */
import { isConst, isConst32, type Reg, setUnbounded, setValue } from '../state/reg.ts';
import { add64, hi, slt, ult } from './int64.ts';
import { lowerFromWide, repair, sync, takeTnum, wideFromLower } from './range.ts';
import { tn, tnumIntersect } from './tnum.ts';

/** Upper nibbles of the opcodes of jumps. */
export const JMP = {
  ja: 0x00,
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  set: 0x40,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
  call: 0x80,
  exit: 0x90,
  lt: 0xa0,
  le: 0xb0,
  slt: 0xc0,
  sle: 0xd0,
  cond: 0xe0,
} as const;
/** `!(a & b)`. */
const NOT_SET = 0x48;

const FLIPPED: Record<number, number> = {
  [JMP.ge]: JMP.le,
  [JMP.gt]: JMP.lt,
  [JMP.le]: JMP.ge,
  [JMP.lt]: JMP.gt,
  [JMP.sge]: JMP.sle,
  [JMP.sgt]: JMP.slt,
  [JMP.sle]: JMP.sge,
  [JMP.slt]: JMP.sgt,
};
const OPPOSITE: Record<number, number> = {
  [JMP.eq]: JMP.ne,
  [JMP.ne]: JMP.eq,
  [JMP.set]: NOT_SET,
  [NOT_SET]: JMP.set,
  [JMP.ge]: JMP.lt,
  [JMP.gt]: JMP.le,
  [JMP.le]: JMP.gt,
  [JMP.lt]: JMP.ge,
  [JMP.sge]: JMP.slt,
  [JMP.sgt]: JMP.sle,
  [JMP.sle]: JMP.sgt,
  [JMP.slt]: JMP.sge,
};

/** The same comparison with its operands exchanged. */
export const flip = (op: number): number => FLIPPED[op] ?? op;

/** 1: always taken, 0: never, -1: it depends. */
export function decide(a: Reg, b: Reg, op: number, wide: boolean): number {
  if (!wide) return decide32(a, b, op);
  switch (op) {
    case JMP.eq:
      return differ(a, b) ? 0 : isConst(a) && isConst(b) ? 1 : -1;
    case JMP.ne:
      return differ(a, b) ? 1 : isConst(a) && isConst(b) ? 0 : -1;
    case JMP.set: {
      if (!isConst(b)) [a, b] = [b, a];
      if (!isConst(b)) return -1;
      if ((a.vl & b.vl) | (a.vh & b.vh)) return 1;
      return ((a.vl | a.ml) & b.vl) | ((a.vh | a.mh) & b.vh) ? -1 : 0;
    }
    case JMP.gt:
      return ult(b.uxl, b.uxh, a.unl, a.unh) ? 1 : !ult(b.unl, b.unh, a.uxl, a.uxh) ? 0 : -1;
    case JMP.sgt:
      return slt(b.sxl, b.sxh, a.snl, a.snh) ? 1 : !slt(b.snl, b.snh, a.sxl, a.sxh) ? 0 : -1;
    case JMP.lt:
      return ult(a.uxl, a.uxh, b.unl, b.unh) ? 1 : !ult(a.unl, a.unh, b.uxl, b.uxh) ? 0 : -1;
    case JMP.slt:
      return slt(a.sxl, a.sxh, b.snl, b.snh) ? 1 : !slt(a.snl, a.snh, b.sxl, b.sxh) ? 0 : -1;
    case JMP.ge:
      return !ult(a.unl, a.unh, b.uxl, b.uxh) ? 1 : ult(a.uxl, a.uxh, b.unl, b.unh) ? 0 : -1;
    case JMP.sge:
      return !slt(a.snl, a.snh, b.sxl, b.sxh) ? 1 : slt(a.sxl, a.sxh, b.snl, b.snh) ? 0 : -1;
    case JMP.le:
      return !ult(b.unl, b.unh, a.uxl, a.uxh) ? 1 : ult(b.uxl, b.uxh, a.unl, a.unh) ? 0 : -1;
    case JMP.sle:
      return !slt(b.snl, b.snh, a.sxl, a.sxh) ? 1 : slt(b.sxl, b.sxh, a.snl, a.snh) ? 0 : -1;
    default:
      return -1;
  }
}

function differ(a: Reg, b: Reg): boolean {
  const commonL = ~(a.ml | b.ml);
  const commonH = ~(a.mh | b.mh);
  return (
    ((a.vl ^ b.vl) & commonL) !== 0 ||
    ((a.vh ^ b.vh) & commonH) !== 0 ||
    ult(b.uxl, b.uxh, a.unl, a.unh) ||
    ult(a.uxl, a.uxh, b.unl, b.unh) ||
    slt(b.sxl, b.sxh, a.snl, a.snh) ||
    slt(a.sxl, a.sxh, b.snl, b.snh) ||
    differ32(a, b)
  );
}

function differ32(a: Reg, b: Reg): boolean {
  return (
    ((a.vl ^ b.vl) & ~(a.ml | b.ml)) !== 0 ||
    a.wn >>> 0 > b.wx >>> 0 ||
    a.wx >>> 0 < b.wn >>> 0 ||
    a.tn > b.tx ||
    a.tx < b.tn
  );
}

function decide32(a: Reg, b: Reg, op: number): number {
  const an = a.wn >>> 0;
  const ax = a.wx >>> 0;
  const bn = b.wn >>> 0;
  const bx = b.wx >>> 0;
  switch (op) {
    case JMP.eq:
      return differ32(a, b) ? 0 : isConst32(a) && isConst32(b) ? 1 : -1;
    case JMP.ne:
      return differ32(a, b) ? 1 : isConst32(a) && isConst32(b) ? 0 : -1;
    case JMP.set:
      if (!isConst32(b)) [a, b] = [b, a];
      if (!isConst32(b)) return -1;
      return a.vl & b.vl ? 1 : (a.vl | a.ml) & b.vl ? -1 : 0;
    case JMP.gt:
      return an > bx ? 1 : ax <= bn ? 0 : -1;
    case JMP.sgt:
      return a.tn > b.tx ? 1 : a.tx <= b.tn ? 0 : -1;
    case JMP.lt:
      return ax < bn ? 1 : an >= bx ? 0 : -1;
    case JMP.slt:
      return a.tx < b.tn ? 1 : a.tn >= b.tx ? 0 : -1;
    case JMP.ge:
      return an >= bx ? 1 : ax < bn ? 0 : -1;
    case JMP.sge:
      return a.tn >= b.tx ? 1 : a.tx < b.tn ? 0 : -1;
    case JMP.le:
      return ax <= bn ? 1 : an > bx ? 0 : -1;
    case JMP.sle:
      return a.tx <= b.tn ? 1 : a.tn > b.tx ? 0 : -1;
    default:
      return -1;
  }
}

/** As {@link refine}, by the rules of Linux before 6.8: `b` is a constant, and only `a` is narrowed. */
export function refineEarly(ta: Reg, fa: Reg, b: Reg, op: number, wide: boolean): void {
  narrowEarly(ta, b, op, wide);
  narrowEarly(fa, b, OPPOSITE[op] ?? 0, wide);
  for (const r of [fa, ta]) {
    if (wide) lowerFromWide(r);
    else wideFromLower(r);
  }
}

function narrowEarly(a: Reg, b: Reg, op: number, wide: boolean): void {
  const { type, id, off } = a;
  switch (op) {
    case JMP.eq:
      if (wide) setValue(a, b.vl, b.vh);
      else {
        a.vl = a.tn = a.tx = a.wn = a.wx = b.vl;
        a.ml = 0;
      }
      a.type = type;
      a.id = id;
      a.off = off;
      return;
    case JMP.ne:
      return;
    case NOT_SET:
      a.vl &= ~b.vl;
      a.ml &= ~b.vl;
      if (wide) {
        a.vh &= ~b.vh;
        a.mh &= ~b.vh;
      }
      return;
    default: {
      const other = b.clone();
      narrow(a, other, op, wide);
    }
  }
}

/** Narrows private copies of the operands: `ta`, `tb` where the jump is taken, `fa`, `fb` where it is not. */
export function refine(ta: Reg, tb: Reg, fa: Reg, fb: Reg, op: number, wide: boolean): void {
  narrow(fa, fb, OPPOSITE[op] ?? 0, wide);
  sync(fa);
  sync(fb);
  narrow(ta, tb, op, wide);
  sync(ta);
  sync(tb);
  repair(ta);
  repair(tb);
  repair(fa);
  repair(fb);
}

function narrow(a: Reg, b: Reg, op: number, wide: boolean): void {
  switch (op) {
    case JMP.ge:
    case JMP.gt:
    case JMP.sge:
    case JMP.sgt:
      narrow(b, a, flip(op), wide);
      return;
    case JMP.eq:
      narrowEqual(a, b, wide);
      return;
    case JMP.ne:
      if (wide ? isConst(b) : isConst32(b)) narrowNotEqual(a, b, wide);
      else if (wide ? isConst(a) : isConst32(a)) narrowNotEqual(b, a, wide);
      return;
    case JMP.set:
    case NOT_SET: {
      if (!(wide ? isConst(b) : isConst32(b))) [a, b] = [b, a];
      if (!(wide ? isConst(b) : isConst32(b))) return;
      const l = b.vl;
      const h = wide ? b.vh : 0;
      if (op === JMP.set) {
        if (!oneBit(l, h)) return;
        a.vl |= l;
        a.ml &= ~l;
        a.vh |= h;
        a.mh &= ~h;
      } else {
        // The kernel forgets the ranges here and takes them from the known bits again.
        setUnbounded(a);
        a.vl &= ~l;
        a.ml &= ~l;
        a.vh &= ~h;
        a.mh &= ~h;
      }
      return;
    }
    case JMP.le:
      if (wide) {
        if (ult(b.uxl, b.uxh, a.uxl, a.uxh)) setUx(a, b.uxl, b.uxh);
        if (ult(b.unl, b.unh, a.unl, a.unh)) setUn(b, a.unl, a.unh);
      } else {
        if (b.wx >>> 0 < a.wx >>> 0) a.wx = b.wx;
        if (a.wn >>> 0 > b.wn >>> 0) b.wn = a.wn;
      }
      return;
    case JMP.lt:
      if (wide) {
        const l = add64(b.uxl, b.uxh, -1, -1);
        const h = hi;
        if (ult(l, h, a.uxl, a.uxh)) setUx(a, l, h);
        const nl = add64(a.unl, a.unh, 1, 0);
        const nh = hi;
        if (ult(b.unl, b.unh, nl, nh)) setUn(b, nl, nh);
      } else {
        const most = (b.wx - 1) | 0;
        if (most >>> 0 < a.wx >>> 0) a.wx = most;
        const least = (a.wn + 1) | 0;
        if (least >>> 0 > b.wn >>> 0) b.wn = least;
      }
      return;
    case JMP.sle:
      if (wide) {
        if (slt(b.sxl, b.sxh, a.sxl, a.sxh)) setSx(a, b.sxl, b.sxh);
        if (slt(b.snl, b.snh, a.snl, a.snh)) setSn(b, a.snl, a.snh);
      } else {
        if (b.tx < a.tx) a.tx = b.tx;
        if (a.tn > b.tn) b.tn = a.tn;
      }
      return;
    case JMP.slt:
      if (wide) {
        const l = add64(b.sxl, b.sxh, -1, -1);
        const h = hi;
        if (slt(l, h, a.sxl, a.sxh)) setSx(a, l, h);
        const nl = add64(a.snl, a.snh, 1, 0);
        const nh = hi;
        if (slt(b.snl, b.snh, nl, nh)) setSn(b, nl, nh);
      } else {
        const most = (b.tx - 1) | 0;
        if (most < a.tx) a.tx = most;
        const least = (a.tn + 1) | 0;
        if (least > b.tn) b.tn = least;
      }
      return;
  }
}

const setUx = (r: Reg, l: number, h: number): void => {
  r.uxl = l;
  r.uxh = h;
};
const setUn = (r: Reg, l: number, h: number): void => {
  r.unl = l;
  r.unh = h;
};
const setSx = (r: Reg, l: number, h: number): void => {
  r.sxl = l;
  r.sxh = h;
};
const setSn = (r: Reg, l: number, h: number): void => {
  r.snl = l;
  r.snh = h;
};

function oneBit(l: number, h: number): boolean {
  const one = (n: number): boolean => n !== 0 && (n & (n - 1)) === 0;
  return (one(l) && h === 0) || (l === 0 && one(h));
}

function narrowEqual(a: Reg, b: Reg, wide: boolean): void {
  if (!wide) {
    if (b.wn >>> 0 > a.wn >>> 0) a.wn = b.wn;
    if (b.wx >>> 0 < a.wx >>> 0) a.wx = b.wx;
    if (b.tn > a.tn) a.tn = b.tn;
    if (b.tx < a.tx) a.tx = b.tx;
    b.wn = a.wn;
    b.wx = a.wx;
    b.tn = a.tn;
    b.tx = a.tx;
    tnumIntersect(a.vl, 0, a.ml, 0, b.vl, 0, b.ml, 0);
    a.vl = b.vl = tn.vl;
    a.ml = b.ml = tn.ml;
    return;
  }
  if (ult(a.unl, a.unh, b.unl, b.unh)) setUn(a, b.unl, b.unh);
  if (ult(b.uxl, b.uxh, a.uxl, a.uxh)) setUx(a, b.uxl, b.uxh);
  if (slt(a.snl, a.snh, b.snl, b.snh)) setSn(a, b.snl, b.snh);
  if (slt(b.sxl, b.sxh, a.sxl, a.sxh)) setSx(a, b.sxl, b.sxh);
  setUn(b, a.unl, a.unh);
  setUx(b, a.uxl, a.uxh);
  setSn(b, a.snl, a.snh);
  setSx(b, a.sxl, a.sxh);
  tnumIntersect(a.vl, a.vh, a.ml, a.mh, b.vl, b.vh, b.ml, b.mh);
  takeTnum(a);
  takeTnum(b);
}

/** `a` is not the constant `b`: a bound that equals it moves by one. */
function narrowNotEqual(a: Reg, b: Reg, wide: boolean): void {
  const l = b.vl;
  const h = b.vh;
  if (!wide) {
    if (a.wn === l) a.wn = (a.wn + 1) | 0;
    if (a.wx === l) a.wx = (a.wx - 1) | 0;
    if (a.tn === l) a.tn = (a.tn + 1) | 0;
    if (a.tx === l) a.tx = (a.tx - 1) | 0;
    return;
  }
  if (a.unl === l && a.unh === h) setUn(a, add64(l, h, 1, 0), hi);
  if (a.uxl === l && a.uxh === h) setUx(a, add64(l, h, -1, -1), hi);
  if (a.snl === l && a.snh === h) setSn(a, add64(l, h, 1, 0), hi);
  if (a.sxl === l && a.sxh === h) setSx(a, add64(l, h, -1, -1), hi);
}
