/**
 * Tristate numbers: `value` holds the bits that are known to be 1, `mask` those that are not known. Functions leave their
 * result in {@link tn}. The operations are those of the kernel's `lib/tnum`, whose results programs' verdicts depend on.
 */
import { mul64, high as productHigh } from '@skep/base';
import { add64, hi, sar64, shl64, shr64, sub64 } from './int64.ts';

/** The last result. */
export const tn = { vl: 0, vh: 0, ml: 0, mh: 0 };

function set(vl: number, vh: number, ml: number, mh: number): void {
  tn.vl = vl;
  tn.vh = vh;
  tn.ml = ml;
  tn.mh = mh;
}

/** The narrowest tnum that holds every number of [min, max]. */
export function tnumRange(minl: number, minh: number, maxl: number, maxh: number): void {
  const cl = minl ^ maxl;
  const ch = minh ^ maxh;
  if (ch !== 0) {
    const bits = 32 - Math.clz32(ch);
    const keep = bits === 32 ? 0 : -1 << bits;
    set(0, minh & keep, -1, ~keep);
    return;
  }
  const bits = 32 - Math.clz32(cl);
  const keep = bits === 32 ? 0 : -1 << bits;
  set(minl & keep, minh, ~keep, 0);
}

export function tnumAdd(
  avl: number,
  avh: number,
  aml: number,
  amh: number,
  bvl: number,
  bvh: number,
  bml: number,
  bmh: number,
): void {
  const sml = add64(aml, amh, bml, bmh);
  const smh = hi;
  const svl = add64(avl, avh, bvl, bvh);
  const svh = hi;
  const sigmal = add64(sml, smh, svl, svh);
  const sigmah = hi;
  const ml = (sigmal ^ svl) | aml | bml;
  const mh = (sigmah ^ svh) | amh | bmh;
  set(svl & ~ml, svh & ~mh, ml, mh);
}

export function tnumSub(
  avl: number,
  avh: number,
  aml: number,
  amh: number,
  bvl: number,
  bvh: number,
  bml: number,
  bmh: number,
): void {
  const dvl = sub64(avl, avh, bvl, bvh);
  const dvh = hi;
  const alphal = add64(dvl, dvh, aml, amh);
  const alphah = hi;
  const betal = sub64(dvl, dvh, bml, bmh);
  const betah = hi;
  const ml = (alphal ^ betal) | aml | bml;
  const mh = (alphah ^ betah) | amh | bmh;
  set(dvl & ~ml, dvh & ~mh, ml, mh);
}

/** As {@link tnumMul} since Linux 6.18: where a bit is not known, what either sum may be. */
export function tnumMulUnion(
  avl: number,
  avh: number,
  aml: number,
  amh: number,
  bvl: number,
  bvh: number,
  bml: number,
  bmh: number,
): void {
  set(0, 0, 0, 0);
  while ((avl | avh | aml | amh) !== 0) {
    if ((avl | aml) & 1) {
      const { vl, vh, ml, mh } = tn;
      tnumAdd(vl, vh, ml, mh, bvl, bvh, bml, bmh);
      if (!(avl & 1)) {
        const l = (vl ^ tn.vl) | ml | tn.ml;
        const h = (vh ^ tn.vh) | mh | tn.mh;
        set(vl & tn.vl & ~l, vh & tn.vh & ~h, l, h);
      }
    }
    avl = shr64(avl, avh, 1);
    avh = hi;
    aml = shr64(aml, amh, 1);
    amh = hi;
    bvl = shl64(bvl, bvh, 1);
    bvh = hi;
    bml = shl64(bml, bmh, 1);
    bmh = hi;
  }
}

export function tnumMul(
  avl: number,
  avh: number,
  aml: number,
  amh: number,
  bvl: number,
  bvh: number,
  bml: number,
  bmh: number,
): void {
  const productl = mul64(avl, avh, bvl, bvh);
  const producth = productHigh;
  set(0, 0, 0, 0);
  while ((avl | avh | aml | amh) !== 0) {
    if (avl & 1) tnumAdd(tn.vl, tn.vh, tn.ml, tn.mh, 0, 0, bml, bmh);
    else if (aml & 1) tnumAdd(tn.vl, tn.vh, tn.ml, tn.mh, 0, 0, bvl | bml, bvh | bmh);
    avl = shr64(avl, avh, 1);
    avh = hi;
    aml = shr64(aml, amh, 1);
    amh = hi;
    bvl = shl64(bvl, bvh, 1);
    bvh = hi;
    bml = shl64(bml, bmh, 1);
    bmh = hi;
  }
  tnumAdd(productl, producth, 0, 0, tn.vl, tn.vh, tn.ml, tn.mh);
}

export function tnumAnd(
  avl: number,
  avh: number,
  aml: number,
  amh: number,
  bvl: number,
  bvh: number,
  bml: number,
  bmh: number,
): void {
  const vl = avl & bvl;
  const vh = avh & bvh;
  set(vl, vh, (avl | aml) & (bvl | bml) & ~vl, (avh | amh) & (bvh | bmh) & ~vh);
}

export function tnumOr(
  avl: number,
  avh: number,
  aml: number,
  amh: number,
  bvl: number,
  bvh: number,
  bml: number,
  bmh: number,
): void {
  const vl = avl | bvl;
  const vh = avh | bvh;
  set(vl, vh, (aml | bml) & ~vl, (amh | bmh) & ~vh);
}

export function tnumXor(
  avl: number,
  avh: number,
  aml: number,
  amh: number,
  bvl: number,
  bvh: number,
  bml: number,
  bmh: number,
): void {
  const ml = aml | bml;
  const mh = amh | bmh;
  set((avl ^ bvl) & ~ml, (avh ^ bvh) & ~mh, ml, mh);
}

/** What both say; the caller knows that they agree. */
export function tnumIntersect(
  avl: number,
  avh: number,
  aml: number,
  amh: number,
  bvl: number,
  bvh: number,
  bml: number,
  bmh: number,
): void {
  const ml = aml & bml;
  const mh = amh & bmh;
  set((avl | bvl) & ~ml, (avh | bvh) & ~mh, ml, mh);
}

export function tnumShl(vl: number, vh: number, ml: number, mh: number, n: number): void {
  const l = shl64(vl, vh, n);
  const h = hi;
  const m = shl64(ml, mh, n);
  set(l, h, m, hi);
}

export function tnumShr(vl: number, vh: number, ml: number, mh: number, n: number): void {
  const l = shr64(vl, vh, n);
  const h = hi;
  const m = shr64(ml, mh, n);
  set(l, h, m, hi);
}

export function tnumSar64(vl: number, vh: number, ml: number, mh: number, n: number): void {
  const l = sar64(vl, vh, n);
  const h = hi;
  const m = sar64(ml, mh, n);
  set(l, h, m, hi);
}

/** Every number of b is one of a. */
export function tnumIn(
  avl: number,
  avh: number,
  aml: number,
  amh: number,
  bvl: number,
  bvh: number,
  bml: number,
  bmh: number,
): boolean {
  return (bml & ~aml) === 0 && (bmh & ~amh) === 0 && (bvl & ~aml) === avl && (bvh & ~amh) === avh;
}
