import { utf8Bytes } from '@skep/base';
import type { NameArrays } from './stored-index.ts';

/**
 * From names to values, over a BTF string table: open addressing on hashes of the bytes, so that indexing a kernel's
 * hundred thousand names makes no JavaScript strings. Equal names keep the order in which they were given.
 */
export class NameIndex {
  private readonly strings: Uint8Array;
  /** Split BTF takes some of its names from its base's strings: those few are listed apart. */
  private readonly outside = new Map<string, number[]>();
  private readonly start: number;
  private readonly offsets: Uint32Array;
  private readonly values: Int32Array;
  private readonly mask: number;
  /** One more than the position in the two arrays; 0 where the slot is free. */
  private readonly slots: Int32Array;

  /** Values whose names have `___` behind their first character. */
  readonly flavoured: number[];

  /** `nameOffsets` and `values` run in parallel; offsets of '' are left out. */
  constructor(table: StringTable, nameOffsets: Uint32Array, values: Int32Array, count: number, stored?: NameArrays) {
    const strings = table.bytes;
    if (stored) {
      this.strings = strings;
      this.start = table.start;
      this.offsets = stored.offsets;
      this.values = stored.values;
      this.slots = stored.slots;
      this.mask = stored.slots.length - 1;
      this.flavoured = [...stored.flavoured];
      return;
    }
    this.flavoured = [];
    let named = 0;
    for (let i = 0; i < count; i++) if (nameOffsets[i]! > 0) named++;
    let size = 16;
    while (size < named * 1.5) size *= 2;
    const slots = new Int32Array(size);
    const mask = size - 1;
    this.strings = strings;
    this.start = table.start;
    this.offsets = nameOffsets;
    this.values = values;
    this.mask = mask;
    this.slots = slots;
    for (let i = 0; i < count; i++) {
      const offset = nameOffsets[i]! - table.start;
      if (offset < 0) {
        this.addOutside(nameOffsets[i]! === 0 ? '' : table.outside(nameOffsets[i]!), values[i]!);
        continue;
      }
      // The offsets of enumerators are not checked when BTF is parsed.
      if (offset >= strings.length || strings[offset] === 0) continue;
      let hash = SEED;
      let underscores = 0;
      let flavoured = false;
      const end = offset + MAX_HASHED;
      for (let at = offset, byte = strings[at]!; byte !== 0 && at < end; byte = strings[++at]!) {
        hash = Math.imul(hash ^ byte, PRIME);
        underscores = byte === UNDERSCORE ? underscores + 1 : 0;
        if (underscores === 3 && at > offset + 2) flavoured = true;
      }
      if (flavoured) this.flavoured.push(values[i]!);
      let slot = (hash ^ (hash >>> 15)) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = i + 1;
    }
  }

  /** An index that {@link arrays} was asked of before, over the same strings. */
  static from(table: StringTable, stored: NameArrays): NameIndex {
    return new NameIndex(table, stored.offsets, stored.values, 0, stored);
  }

  /** All that it computed; names of a base's strings are not in it. */
  get arrays(): NameArrays {
    const { offsets, values, slots } = this;
    return { offsets, values, slots, flavoured: Int32Array.from(this.flavoured) };
  }

  /** Calls `visit` with each value of the name, in order, until it returns true. */
  each(name: string, visit: (value: number) => boolean): void {
    for (const value of this.outside.get(name) ?? []) if (visit(value)) return;
    const wanted = utf8Bytes(name);
    let hash = SEED;
    if (wanted.includes(0)) return;
    for (let i = 0; i < wanted.length && i < MAX_HASHED; i++) hash = Math.imul(hash ^ wanted[i]!, PRIME);
    const { slots, mask } = this;
    for (let slot = (hash ^ (hash >>> 15)) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const at = slots[slot]! - 1;
      if (this.matches(this.offsets[at]! - this.start, wanted) && visit(this.values[at]!)) return;
    }
  }

  private addOutside(name: string, value: number): void {
    if (name === '') return;
    if (name.indexOf('___', 1) > 0) this.flavoured.push(value);
    const values = this.outside.get(name);
    if (values) values.push(value);
    else this.outside.set(name, [value]);
  }

  private matches(offset: number, wanted: Uint8Array): boolean {
    const strings = this.strings;
    for (let i = 0; i < wanted.length; i++) if (strings[offset + i] !== wanted[i]) return false;
    return strings[offset + wanted.length] === 0;
  }
}

/** A string section whose first byte has the offset `start`; offsets below lie in the base's. */
export interface StringTable {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly outside: (offset: number) => string;
}

/** Of a longer name only the start counts for its hash; the kernel takes 511 bytes. */
const MAX_HASHED = 512;
const UNDERSCORE = 0x5f;
/** FNV-1a. */
const SEED = 0x811c9dc5 | 0;
const PRIME = 0x01000193;
