import { dwarfCorrupt } from '../diagnostics.ts';
import { AT, FORM, RLE } from './constants.ts';
import { Cursor } from './cursor.ts';
import type { Entry } from './entry.ts';
import type { Unit } from './unit.ts';

/** Addresses that an entry covers, each from and to (exclusive). */
export function rangesOf(entry: Entry): readonly (readonly [number, number])[] {
  const { unit } = entry;
  const low = entry.number(AT.lowPc);
  const high = entry.value(AT.highPc);
  if (low !== undefined && high !== undefined) {
    const form = entry.formOf(AT.highPc);
    const absolute =
      form === FORM.addr || form === FORM.addrx || (form !== undefined && form >= FORM.addrx1 && form <= FORM.addrx4);
    return [[low, absolute ? Number(high) : low + Number(high)]];
  }
  const list = entry.value(AT.ranges);
  if (list === undefined || typeof list === 'string' || list instanceof Uint8Array) return [];
  const base = (unit.skeleton ?? unit).root?.number(AT.lowPc) ?? 0;
  return unit.version === 5 ? rangeList(unit, list, base) : oldRangeList(unit, Number(list), base);
}

function rangeList(unit: Unit, list: number | bigint | { index: number }, base: number): [number, number][] {
  const section = unit.section('.debug_rnglists');
  if (section === undefined) return [];
  const at =
    typeof list === 'object'
      ? unit.base.rnglists +
        new Cursor(section, unit.base.rnglists + list.index * unit.offsetSize).uint(unit.offsetSize)
      : Number(list);
  const cursor = new Cursor(section, at);
  const found: [number, number][] = [];
  for (;;) {
    const kind = cursor.u8();
    switch (kind) {
      case RLE.endOfList:
        return found;
      case RLE.baseAddressx:
        base = unit.addressOf(cursor.uleb()) ?? 0;
        break;
      case RLE.startxEndx:
        found.push([unit.addressOf(cursor.uleb()) ?? 0, unit.addressOf(cursor.uleb()) ?? 0]);
        break;
      case RLE.startxLength: {
        const start = unit.addressOf(cursor.uleb()) ?? 0;
        found.push([start, start + cursor.uleb()]);
        break;
      }
      case RLE.offsetPair:
        found.push([base + cursor.uleb(), base + cursor.uleb()]);
        break;
      case RLE.baseAddress:
        base = cursor.uint(unit.addressSize);
        break;
      case RLE.startEnd:
        found.push([cursor.uint(unit.addressSize), cursor.uint(unit.addressSize)]);
        break;
      case RLE.startLength: {
        const start = cursor.uint(unit.addressSize);
        found.push([start, start + cursor.uleb()]);
        break;
      }
      default:
        throw dwarfCorrupt(`a range of kind ${kind}`);
    }
  }
}

function oldRangeList(unit: Unit, offset: number, base: number): [number, number][] {
  const section = (unit.skeleton ?? unit).section('.debug_ranges');
  if (section === undefined) return [];
  const start = unit.skeleton?.root?.number(AT.gnuRangesBase) ?? 0;
  const cursor = new Cursor(section, start + offset);
  const found: [number, number][] = [];
  for (;;) {
    const low = cursor.big();
    const high = cursor.big();
    if (low === 0n && high === 0n) return found;
    if (low === 0xffff_ffff_ffff_ffffn) base = Number(high);
    else found.push([base + Number(low), base + Number(high)]);
  }
}
