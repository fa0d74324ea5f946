import { dwarfCorrupt } from '../diagnostics.ts';
import { Cursor } from './cursor.ts';
import type { Contribution } from './unit.ts';

/**
 * The index of a package of split units (`.debug_cu_index` of a `.dwp`): where in its sections the parts of each unit lie,
 * by the unit's id. Section 7.3.5 of the standard, and GNU's form before it.
 */
export function readPackageIndex(section: Uint8Array): Map<bigint, Contribution & { readonly info: number }> {
  const cursor = new Cursor(section);
  const word = cursor.u32();
  // Version 5 writes it in two bytes, and two of padding.
  const version = (word & 0xffff) === 5 ? 5 : word;
  if (version !== 5 && version !== 2) throw dwarfCorrupt(`an index of units of version ${version}`);
  const columns = cursor.u32();
  const units = cursor.u32();
  const slots = cursor.u32();
  const hashes = cursor.at;
  const indexes = hashes + 8 * slots;
  const kinds = indexes + 4 * slots;
  const offsets = kinds + 4 * columns;
  if (columns > 16 || offsets + 8 * columns * units > section.length)
    throw dwarfCorrupt('an index of units is cut off');
  const names = version === 5 ? MODERN : OLD;
  const number = (at: number) => new Cursor(section, at).u32();
  const found = new Map<bigint, Contribution & { info: number }>();
  for (let slot = 0; slot < slots; slot++) {
    const row = number(indexes + 4 * slot);
    if (row === 0 || row > units) continue;
    const contribution = { info: 0, abbrev: 0, strOffsets: 0, line: 0, rnglists: 0 };
    for (let column = 0; column < columns; column++) {
      const name = names[number(kinds + 4 * column)];
      if (name) contribution[name] = number(offsets + 4 * ((row - 1) * columns + column));
    }
    found.set(new Cursor(section, hashes + 8 * slot).big(), contribution);
  }
  return found;
}

type Column = 'info' | 'abbrev' | 'line' | 'strOffsets' | 'rnglists';
const MODERN: Readonly<Record<number, Column>> = { 1: 'info', 3: 'abbrev', 4: 'line', 6: 'strOffsets', 8: 'rnglists' };
const OLD: Readonly<Record<number, Column>> = { 1: 'info', 3: 'abbrev', 4: 'line', 6: 'strOffsets' };
