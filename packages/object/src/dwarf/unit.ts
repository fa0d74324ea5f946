import { dwarfCorrupt } from '../diagnostics.ts';
import { AT, FORM, UNIT } from './constants.ts';
import { Cursor, textAt } from './cursor.ts';

/** Sections of a file with debug information, by name, uncompressed; `.dwo` ones of split files under their whole names. */
export interface DebugSections {
  section(name: string): Uint8Array | undefined;
}

/** A kind of entries, as `.debug_abbrev` describes it. */
interface Abbreviation {
  readonly tag: number;
  readonly children: boolean;
  readonly attributes: readonly { readonly name: number; readonly form: number; readonly constant: bigint }[];
}

/** Where a unit's parts lie in a package of split units; of other files, everything starts at 0. */
export interface Contribution {
  readonly abbrev: number;
  readonly strOffsets: number;
  readonly line: number;
  readonly rnglists: number;
}

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
  /** Of the split unit that this stands for, or that this is. */
  readonly id: bigint | undefined;
  readonly contribution: Contribution | undefined;
  /** The unit in the program itself, of a split one: it has the addresses. */
  skeleton: Unit | undefined;
  private readonly info: Uint8Array;
  private readonly offsetSize: number;
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
        return this.read(cursor, this.direct(cursor.uleb()), constant);
    }
    if (form >= FORM.strx1 && form <= FORM.strx4) return this.textOf(cursor.uint(form - FORM.strx1 + 1));
    if (form >= FORM.addrx1 && form <= FORM.addrx4) return this.addressOf(cursor.uint(form - FORM.addrx1 + 1));
    this.skip(cursor, form);
    return undefined;
  }

  /** Steps over a value. */
  skip(cursor: Cursor, form: number): void {
    const fixed = FIXED[form];
    if (fixed !== undefined) {
      cursor.skip(fixed);
      return;
    }
    switch (form) {
      case FORM.addr:
        cursor.skip(this.addressSize);
        return;
      case FORM.strp:
      case FORM.lineStrp:
      case FORM.secOffset:
      case FORM.strpSup:
      case FORM.gnuRefAlt:
      case FORM.gnuStrpAlt:
        cursor.skip(this.offsetSize);
        return;
      case FORM.refAddr:
        cursor.skip(this.version === 2 ? this.addressSize : this.offsetSize);
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
        this.skip(cursor, this.direct(cursor.uleb()));
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

  private direct(form: number): number {
    if (form === FORM.indirect) throw dwarfCorrupt('an indirect form names itself');
    return form;
  }

  private textOf(index: number): string | undefined {
    const offsets = this.section('.debug_str_offsets');
    if (offsets === undefined) return undefined;
    const at = this.base.strOffsets + index * this.offsetSize;
    return textAt(this.section('.debug_str'), new Cursor(offsets, at).uint(this.offsetSize));
  }

  private addressOf(index: number): number | undefined {
    // The linker fills in addresses only in the program itself.
    if (this.skeleton) return this.skeleton.addressOf(index);
    const addresses = this.section('.debug_addr');
    if (addresses === undefined) return undefined;
    return new Cursor(addresses, this.base.addr + index * this.addressSize).uint(this.addressSize);
  }

  /** Where the unit's own tables begin. They are told by its first entry, whose own texts already need them. */
  private get base() {
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

  /** Addresses that an entry covers, each from and to (exclusive). */
  ranges(entry: Entry): readonly (readonly [number, number])[] {
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
    const base = (this.skeleton ?? this).root?.number(AT.lowPc) ?? 0;
    return this.version === 5 ? this.rangeList(list, base) : this.oldRangeList(Number(list), base);
  }

  private rangeList(list: number | bigint | { index: number }, base: number): [number, number][] {
    const section = this.section('.debug_rnglists');
    if (section === undefined) return [];
    const at =
      typeof list === 'object'
        ? this.base.rnglists +
          new Cursor(section, this.base.rnglists + list.index * this.offsetSize).uint(this.offsetSize)
        : Number(list);
    const cursor = new Cursor(section, at);
    const found: [number, number][] = [];
    for (;;) {
      const kind = cursor.u8();
      switch (kind) {
        case 0:
          return found;
        case 1:
          base = this.addressOf(cursor.uleb()) ?? 0;
          break;
        case 2:
          found.push([this.addressOf(cursor.uleb()) ?? 0, this.addressOf(cursor.uleb()) ?? 0]);
          break;
        case 3: {
          const start = this.addressOf(cursor.uleb()) ?? 0;
          found.push([start, start + cursor.uleb()]);
          break;
        }
        case 4:
          found.push([base + cursor.uleb(), base + cursor.uleb()]);
          break;
        case 5:
          base = cursor.uint(this.addressSize);
          break;
        case 6:
          found.push([cursor.uint(this.addressSize), cursor.uint(this.addressSize)]);
          break;
        case 7: {
          const start = cursor.uint(this.addressSize);
          found.push([start, start + cursor.uleb()]);
          break;
        }
        default:
          throw dwarfCorrupt(`a range of kind ${kind}`);
      }
    }
  }

  private oldRangeList(offset: number, base: number): [number, number][] {
    const section = (this.skeleton ?? this).section('.debug_ranges');
    if (section === undefined) return [];
    const start = this.skeleton?.root?.number(AT.gnuRangesBase) ?? 0;
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
}

export type Value = number | bigint | string | Uint8Array | { readonly index: number };

/** A debugging information entry: a function, a type, a member … */
export class Entry {
  readonly unit: Unit;
  readonly offset: number;
  private readonly start: number;
  private readonly abbreviation: Abbreviation;

  constructor(unit: Unit, offset: number, start: number, abbreviation: Abbreviation) {
    this.unit = unit;
    this.offset = offset;
    this.start = start;
    this.abbreviation = abbreviation;
  }

  get tag(): number {
    return this.abbreviation.tag;
  }

  value(name: number): Value | undefined {
    const { unit } = this;
    if (!this.abbreviation.attributes.some((one) => one.name === name)) return undefined;
    const cursor = this.cursor();
    for (const one of this.abbreviation.attributes) {
      if (one.name === name) return unit.read(cursor, one.form, one.constant);
      if (one.form !== FORM.implicitConst) unit.skip(cursor, one.form);
    }
    return undefined;
  }

  formOf(name: number): number | undefined {
    return this.abbreviation.attributes.find((one) => one.name === name)?.form;
  }

  number(name: number): number | undefined {
    const value = this.value(name);
    return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined;
  }

  text(name: number): string | undefined {
    const value = this.value(name);
    return typeof value === 'string' ? value : undefined;
  }

  /** The entries below it. */
  *children(): Generator<Entry> {
    if (!this.abbreviation.children) return;
    for (let entry = this.unit.entry(this.behind()); entry; entry = entry.next()) yield entry;
  }

  /** The entry behind this one and everything below it; undefined when it was the last child. */
  next(): Entry | undefined {
    const sibling = this.value(AT.sibling);
    // Going back would go round in circles.
    if (typeof sibling === 'number' && sibling > this.offset) return this.unit.entry(sibling);
    let at = this.behind();
    let depth = this.abbreviation.children ? 1 : 0;
    while (depth > 0) {
      if (at >= this.unit.end) return undefined;
      const entry = this.unit.entry(at);
      if (entry === undefined) {
        depth -= 1;
        at += 1;
      } else {
        at = entry.behind();
        if (entry.abbreviation.children) depth += 1;
      }
    }
    return this.unit.entry(at);
  }

  /** The offset behind its own attributes. */
  private behind(): number {
    const cursor = this.cursor();
    for (const { form } of this.abbreviation.attributes) if (form !== FORM.implicitConst) this.unit.skip(cursor, form);
    return cursor.at;
  }

  private cursor(): Cursor {
    return this.unit.cursorAt(this.start);
  }
}

/** Tables of abbreviations, which units share. */
export class AbbreviationCache {
  private readonly tables = new Map<string, ReadonlyMap<number, Abbreviation>>();
  private readonly sections = new Map<Uint8Array, number>();

  at(section: Uint8Array, offset: number): ReadonlyMap<number, Abbreviation> {
    if (!this.sections.has(section)) this.sections.set(section, this.sections.size);
    const key = `${this.sections.get(section)}:${offset}`;
    let table = this.tables.get(key);
    if (table === undefined) {
      table = readAbbreviations(section, offset);
      this.tables.set(key, table);
    }
    return table;
  }
}

function readAbbreviations(section: Uint8Array, offset: number): ReadonlyMap<number, Abbreviation> {
  const table = new Map<number, Abbreviation>();
  const cursor = new Cursor(section, offset);
  while (!cursor.done) {
    const code = cursor.uleb();
    if (code === 0) break;
    const tag = cursor.uleb();
    const children = cursor.u8() !== 0;
    const attributes: { name: number; form: number; constant: bigint }[] = [];
    for (;;) {
      const name = cursor.uleb();
      const form = cursor.uleb();
      const constant = form === FORM.implicitConst ? cursor.sleb() : 0n;
      if (name === 0 && form === 0) break;
      attributes.push({ name, form, constant });
    }
    table.set(code, { tag, children, attributes });
  }
  return table;
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
  38: 2,
  42: 2,
  39: 3,
  43: 3,
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
