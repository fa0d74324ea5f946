import { dwarfCorrupt } from '../diagnostics.ts';
import type { Abbreviation, AbbreviationCache } from './abbreviations.ts';
import { AT, FORM, UNIT } from './constants.ts';
import { Cursor, textAt } from './cursor.ts';
import { Entry, type Value } from './entry.ts';
import { directForm, skipValue } from './forms.ts';

/**
 * A unit of `.debug_info`: what came from one source file. Entries are read when they are asked for; of the others only
 * the length is found out.
 */
export class Unit {
  readonly sections: DebugSections;
  /** `.dwo` behind the names of a split file's sections. */
  readonly suffix: string;
  readonly start: number;
  readonly end: number;
  readonly version: number;
  readonly kind: number;
  readonly addressSize: number;
  /** 8 in 64-bit DWARF, otherwise 4. */
  readonly offsetSize: number;
  /** Of the split unit that this stands for, or that this is. */
  readonly id: bigint | undefined;
  readonly contribution: Contribution | undefined;
  /** The unit in the program itself, of a split one: it has the addresses. */
  skeleton: Unit | undefined;
  private readonly info: Uint8Array;
  private readonly first: number;
  private readonly abbreviations: ReadonlyMap<number, Abbreviation>;
  private bases: { readonly strOffsets: number; readonly addr: number; readonly rnglists: number } | undefined;

  constructor(
    sections: DebugSections,
    suffix: string,
    info: Uint8Array,
    start: number,
    contribution: Contribution | undefined,
    abbreviations: AbbreviationCache,
  ) {
    this.sections = sections;
    this.suffix = suffix;
    this.info = info;
    this.start = start;
    this.contribution = contribution;
    const cursor = new Cursor(info, start);
    let length = cursor.u32();
    this.offsetSize = length === 0xffff_ffff ? 8 : 4;
    if (this.offsetSize === 8) length = cursor.u64();
    this.end = cursor.at + length;
    if (this.end > info.length) throw dwarfCorrupt('a unit reaches over its section');
    this.version = cursor.u16();
    if (this.version < 2 || this.version > 5) throw dwarfCorrupt(`version ${this.version}, which is none of 2 to 5`);
    let abbrev: number;
    let kind: number = UNIT.compile;
    let id: bigint | undefined;
    if (this.version === 5) {
      kind = cursor.u8();
      this.addressSize = cursor.u8();
      abbrev = cursor.uint(this.offsetSize);
      if (kind === UNIT.skeleton || kind === UNIT.splitCompile) id = cursor.big();
      else if (kind === UNIT.type || kind === UNIT.splitType) cursor.skip(8 + this.offsetSize);
    } else {
      abbrev = cursor.uint(this.offsetSize);
      this.addressSize = cursor.u8();
    }
    this.kind = kind;
    this.first = cursor.at;
    const table = this.section('.debug_abbrev');
    if (table === undefined) throw dwarfCorrupt('.debug_abbrev is missing');
    this.abbreviations = abbreviations.at(table, abbrev + (contribution?.abbrev ?? 0));
    const old = id ?? this.root?.value(AT.gnuDwoId);
    this.id = typeof old === 'number' ? BigInt(old) : typeof old === 'bigint' ? old : undefined;
  }

  get root(): Entry | undefined {
    return this.entry(this.first);
  }

  cursorAt(offset: number): Cursor {
    return new Cursor(this.info, offset);
  }

  section(name: string): Uint8Array | undefined {
    return this.sections.section(name + this.suffix) ?? (this.suffix === '' ? undefined : this.sections.section(name));
  }

  /** The entry at an offset of `.debug_info`; undefined where a list of children ends. */
  entry(offset: number): Entry | undefined {
    if (offset < this.first || offset >= this.end) return undefined;
    const cursor = new Cursor(this.info, offset);
    const code = cursor.uleb();
    if (code === 0) return undefined;
    const abbreviation = this.abbreviations.get(code);
    if (!abbreviation) throw dwarfCorrupt(`entry ${offset} is of kind ${code}, which is not described`);
    return new Entry(this, offset, cursor.at, abbreviation);
  }

  /** The value of an attribute whose bytes the cursor is at. References are offsets of `.debug_info`. */
  read(cursor: Cursor, form: number, constant: bigint): Value | undefined {
    switch (form) {
      case FORM.addr:
        return cursor.uint(this.addressSize);
      case FORM.data1:
      case FORM.flag:
        return cursor.u8();
      case FORM.data2:
        return cursor.u16();
      case FORM.data4:
        return cursor.u32();
      case FORM.data8: {
        const value = cursor.big();
        return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
      }
      case FORM.sdata:
        return cursor.sleb();
      case FORM.udata:
      case FORM.loclistx:
        return cursor.uleb();
      case FORM.implicitConst:
        return constant;
      case FORM.flagPresent:
        return 1;
      case FORM.string:
        return cursor.text();
      case FORM.strp:
        return textAt(this.section('.debug_str'), cursor.uint(this.offsetSize));
      case FORM.lineStrp:
        return textAt(this.section('.debug_line_str'), cursor.uint(this.offsetSize));
      case FORM.strx:
      case FORM.gnuStrIndex:
        return this.textOf(cursor.uleb());
      case FORM.addrx:
      case FORM.gnuAddrIndex:
        return this.addressOf(cursor.uleb());
      case FORM.ref1:
        return this.start + cursor.u8();
      case FORM.ref2:
        return this.start + cursor.u16();
      case FORM.ref4:
        return this.start + cursor.u32();
      case FORM.ref8:
        return this.start + cursor.u64();
      case FORM.refUdata:
        return this.start + cursor.uleb();
      case FORM.refAddr:
        return cursor.uint(this.version === 2 ? this.addressSize : this.offsetSize);
      case FORM.secOffset:
        return cursor.uint(this.offsetSize);
      case FORM.rnglistx:
        return { index: cursor.uleb() };
      case FORM.exprloc:
      case FORM.block:
        return cursor.take(cursor.uleb());
      case FORM.block1:
        return cursor.take(cursor.u8());
      case FORM.block2:
        return cursor.take(cursor.u16());
      case FORM.block4:
        return cursor.take(cursor.u32());
      case FORM.data16:
        return cursor.take(16);
      case FORM.indirect:
        return this.read(cursor, directForm(cursor.uleb()), constant);
    }
    if (form >= FORM.strx1 && form <= FORM.strx4) return this.textOf(cursor.uint(form - FORM.strx1 + 1));
    if (form >= FORM.addrx1 && form <= FORM.addrx4) return this.addressOf(cursor.uint(form - FORM.addrx1 + 1));
    skipValue(cursor, form, this);
    return undefined;
  }

  private textOf(index: number): string | undefined {
    const offsets = this.section('.debug_str_offsets');
    if (offsets === undefined) return undefined;
    const at = this.base.strOffsets + index * this.offsetSize;
    return textAt(this.section('.debug_str'), new Cursor(offsets, at).uint(this.offsetSize));
  }

  /** An address by its index in `.debug_addr`. */
  addressOf(index: number): number | undefined {
    // The linker fills in addresses only in the program itself.
    if (this.skeleton) return this.skeleton.addressOf(index);
    const addresses = this.section('.debug_addr');
    if (addresses === undefined) return undefined;
    return new Cursor(addresses, this.base.addr + index * this.addressSize).uint(this.addressSize);
  }

  /** Where the unit's own tables begin. They are told by its first entry, whose own texts already need them. */
  get base() {
    if (this.bases === undefined) {
      const split = this.suffix !== '';
      const modern = this.version === 5;
      this.bases = {
        strOffsets: (this.contribution?.strOffsets ?? 0) + (modern ? 2 * this.offsetSize : 0),
        addr: modern ? 8 : 0,
        rnglists: (this.contribution?.rnglists ?? 0) + (modern ? 12 : 0),
      };
      const { root } = this;
      const number = (name: number) => {
        const value = root?.value(name);
        return typeof value === 'number' ? value : undefined;
      };
      if (!split)
        this.bases = {
          strOffsets: number(AT.strOffsetsBase) ?? this.bases.strOffsets,
          addr: number(AT.addrBase) ?? number(AT.gnuAddrBase) ?? this.bases.addr,
          rnglists: number(AT.rnglistsBase) ?? this.bases.rnglists,
        };
    }
    return this.bases;
  }
}

/** Sections of a file with debug information, by name, uncompressed; `.dwo` ones of split files under their whole names. */
export interface DebugSections {
  section(name: string): Uint8Array | undefined;
}

/** Where a unit's parts lie in a package of split units; of other files, everything starts at 0. */
export interface Contribution {
  readonly abbrev: number;
  readonly strOffsets: number;
  readonly line: number;
  readonly rnglists: number;
}
