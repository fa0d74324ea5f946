import type { Btf } from '@skep/object';
import { hexText } from '../number/int64.ts';
import type { MapInfo } from '../program/maps.ts';
import { NOT_INIT, SCALAR } from './kinds.ts';

/** Set in {@link Reg.id} of a scalar that is another one plus {@link Reg.off}, by 64-bit or by 32-bit arithmetic. */
export const ADD_CONST64 = 1 << 30;
export const ADD_CONST32 = 1 << 29;
export const ADD_CONST = ADD_CONST64 | ADD_CONST32;

/**
 * What is known of a register or of a spilled one. States share registers: one that is in a state is never changed, a
 * change makes a copy. What belongs to a place rather than to its value (liveness, precision) stands in the frame.
 *
 * Numbers are halves, `l` and `h`: the tnum `v`/`m`, unsigned bounds `un` … `ux`, signed bounds `sn` … `sx`, and those of
 * the low 32 bits, `wn` … `wx` unsigned (kept as int32) and `tn` … `tx` signed.
 */
export class Reg {
  type: number = NOT_INIT;
  off = 0;
  id = 0;
  /** The reference it holds, 0 for none. */
  ref = 0;
  /** packet: range; mem: size; stack: frame; func: subprogram; dynptr on the stack: its kind; iterator: its state. */
  aux = 0;
  /** map: instance behind inner maps; dynptr: whether it is the first slot; iterator: depth. */
  aux2 = 0;
  map: MapInfo | undefined = undefined;
  btf: Btf | undefined = undefined;
  btfId = 0;
  vl = 0;
  vh = 0;
  ml = 0;
  mh = 0;
  snl = 0;
  snh = 0;
  sxl = 0;
  sxh = 0;
  unl = 0;
  unh = 0;
  uxl = 0;
  uxh = 0;
  tn = 0;
  tx = 0;
  wn = 0;
  wx = 0;

  clone(): Reg {
    const r = new Reg();
    r.type = this.type;
    r.off = this.off;
    r.id = this.id;
    r.ref = this.ref;
    r.aux = this.aux;
    r.aux2 = this.aux2;
    r.map = this.map;
    r.btf = this.btf;
    r.btfId = this.btfId;
    r.vl = this.vl;
    r.vh = this.vh;
    r.ml = this.ml;
    r.mh = this.mh;
    r.snl = this.snl;
    r.snh = this.snh;
    r.sxl = this.sxl;
    r.sxh = this.sxh;
    r.unl = this.unl;
    r.unh = this.unh;
    r.uxl = this.uxl;
    r.uxh = this.uxh;
    r.tn = this.tn;
    r.tx = this.tx;
    r.wn = this.wn;
    r.wx = this.wx;
    return r;
  }
}

export const UNINIT = new Reg();

/** A scalar of which nothing is known. */
export function unknown(): Reg {
  const r = new Reg();
  r.type = SCALAR;
  r.ml = -1;
  r.mh = -1;
  setUnbounded(r);
  return r;
}

/** A pointer without offset. */
export function pointer(type: number): Reg {
  const r = new Reg();
  r.type = type;
  return r;
}

/** A scalar of one value; with one argument a sign-extended int32. */
export function known(l: number, h = l >> 31): Reg {
  const r = new Reg();
  r.type = SCALAR;
  setValue(r, l, h);
  return r;
}

/** Only one value is possible; the kind stays. */
export function setValue(r: Reg, l: number, h: number): void {
  r.vl = l;
  r.vh = h;
  r.ml = 0;
  r.mh = 0;
  r.snl = r.sxl = r.unl = r.uxl = l;
  r.snh = r.sxh = r.unh = r.uxh = h;
  r.tn = r.tx = r.wn = r.wx = l;
}

export function setUnbounded64(r: Reg): void {
  r.snl = 0;
  r.snh = -2147483648;
  r.sxl = -1;
  r.sxh = 2147483647;
  r.unl = 0;
  r.unh = 0;
  r.uxl = -1;
  r.uxh = -1;
}

export function setUnbounded32(r: Reg): void {
  r.tn = -2147483648;
  r.tx = 2147483647;
  r.wn = 0;
  r.wx = -1;
}

export function setUnbounded(r: Reg): void {
  setUnbounded64(r);
  setUnbounded32(r);
}

export const isConst = (r: Reg): boolean => (r.ml | r.mh) === 0;
export const isConst32 = (r: Reg): boolean => r.ml === 0;
export const isNull = (r: Reg): boolean => r.type === SCALAR && (r.ml | r.mh | r.vl | r.vh) === 0;

/** All that the kernel compares before the ids. */
export function sameButIds(a: Reg, b: Reg): boolean {
  return (
    sameButNumbers(a, b) &&
    a.vl === b.vl &&
    a.vh === b.vh &&
    a.ml === b.ml &&
    a.mh === b.mh &&
    a.snl === b.snl &&
    a.snh === b.snh &&
    a.sxl === b.sxl &&
    a.sxh === b.sxh &&
    a.unl === b.unl &&
    a.unh === b.unh &&
    a.uxl === b.uxl &&
    a.uxh === b.uxh &&
    a.tn === b.tn &&
    a.tx === b.tx &&
    a.wn === b.wn &&
    a.wx === b.wx
  );
}

export function sameButNumbers(a: Reg, b: Reg): boolean {
  return (
    a.type === b.type &&
    a.off === b.off &&
    a.aux === b.aux &&
    a.aux2 === b.aux2 &&
    a.map === b.map &&
    a.btf === b.btf &&
    a.btfId === b.btfId
  );
}

/** `(value; mask)` as the kernel prints it. */
export function tnumText(r: Reg): string {
  const hex = (l: number, h: number): string => (l === 0 && h === 0 ? '0x0' : hexText(l, h));
  if (isConst(r)) return hexText(r.vl, r.vh);
  return `(${hex(r.vl, r.vh)}; ${hex(r.ml, r.mh)})`;
}
