import { dwarfCorrupt } from '../diagnostics.ts';
import { FORM } from './constants.ts';
import type { Cursor } from './cursor.ts';

/** Steps over a value. */
export function skipValue(cursor: Cursor, form: number, unit: Sizes): void {
  const fixed = FIXED[form];
  if (fixed !== undefined) {
    cursor.skip(fixed);
    return;
  }
  switch (form) {
    case FORM.addr:
      cursor.skip(unit.addressSize);
      return;
    case FORM.strp:
    case FORM.lineStrp:
    case FORM.secOffset:
    case FORM.strpSup:
    case FORM.gnuRefAlt:
    case FORM.gnuStrpAlt:
      cursor.skip(unit.offsetSize);
      return;
    case FORM.refAddr:
      cursor.skip(unit.version === 2 ? unit.addressSize : unit.offsetSize);
      return;
    case FORM.sdata:
    case FORM.udata:
    case FORM.refUdata:
    case FORM.strx:
    case FORM.addrx:
    case FORM.loclistx:
    case FORM.rnglistx:
    case FORM.gnuAddrIndex:
    case FORM.gnuStrIndex:
      while (cursor.u8() >= 128);
      return;
    case FORM.string: {
      const end = cursor.bytes.indexOf(0, cursor.at);
      cursor.skip((end < 0 ? cursor.bytes.length : end + 1) - cursor.at);
      return;
    }
    case FORM.indirect:
      skipValue(cursor, directForm(cursor.uleb()), unit);
      return;
    case FORM.exprloc:
    case FORM.block:
      cursor.skip(cursor.uleb());
      return;
    case FORM.block1:
      cursor.skip(cursor.u8());
      return;
    case FORM.block2:
      cursor.skip(cursor.u16());
      return;
    case FORM.block4:
      cursor.skip(cursor.u32());
      return;
    default:
      throw dwarfCorrupt(`an attribute of form ${form}, which is not known`);
  }
}

/** What sizes of values depend on. */
interface Sizes {
  readonly version: number;
  readonly addressSize: number;
  readonly offsetSize: number;
}

/** The form that an indirect one names. */
export function directForm(form: number): number {
  if (form === FORM.indirect) throw dwarfCorrupt('an indirect form names itself');
  return form;
}

/** Bytes of values that always have the same number of them. */
const FIXED: Readonly<Record<number, number>> = {
  [FORM.data1]: 1,
  [FORM.flag]: 1,
  [FORM.ref1]: 1,
  [FORM.strx1]: 1,
  [FORM.addrx1]: 1,
  [FORM.data2]: 2,
  [FORM.ref2]: 2,
  [FORM.strx1 + 1]: 2,
  [FORM.addrx1 + 1]: 2,
  [FORM.strx1 + 2]: 3,
  [FORM.addrx1 + 2]: 3,
  [FORM.data4]: 4,
  [FORM.ref4]: 4,
  [FORM.refSup4]: 4,
  [FORM.strx4]: 4,
  [FORM.addrx4]: 4,
  [FORM.data8]: 8,
  [FORM.ref8]: 8,
  [FORM.refSup8]: 8,
  [FORM.refSig8]: 8,
  [FORM.data16]: 16,
  [FORM.flagPresent]: 0,
  [FORM.implicitConst]: 0,
};
