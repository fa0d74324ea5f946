import { cString } from '@skep/base';
import { elfCorrupt, elfUnsupported, notElf } from '../diagnostics.ts';
import {
  BINDINGS,
  ELF_HEADER_SIZE,
  SECTION_HEADER_SIZE,
  SHN_ABS,
  SHN_COMMON,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHN_XINDEX,
  SHT_NOBITS,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  SYMBOL_SIZE,
  SYMBOL_TYPES,
  VISIBILITIES,
} from './constants.ts';
import type { ElfFile, ElfRelocation, ElfSection, ElfSymbol } from './model.ts';

/**
 * Reads a relocatable ELF64 object of either byte order. Every offset and count is checked against the file before
 * anything is allocated for it. Section data are views into the file, not copies.
 * @throws SkepError E3001 – E3003
 */
export function readElf(file: Uint8Array, name = 'the file'): ElfFile {
  // Node's Buffer would leak into the sections: its slice() is a view.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < 16 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46)
    throw notElf(name, bytes.length === 0 ? 'it is empty' : 'it does not start with 7f 45 4c 46');
  if (bytes[4] !== 2) throw elfUnsupported('32-bit', 'BPF objects are 64-bit: compile with -target bpf');
  if (bytes[5] !== 1 && bytes[5] !== 2) throw elfCorrupt(`byte order ${bytes[5]}`);
  if (bytes.length < ELF_HEADER_SIZE) throw elfCorrupt('its header is cut off');
  const input = new Input(bytes, bytes[5] === 1);
  const fileType = input.u16(16);
  if (fileType !== ET_REL)
    throw elfUnsupported(`type ${fileType}, not a relocatable object`, 'give the object before linking (-c)');
  const headers = readHeaders(input);
  const table = headers.findIndex((header) => header.type === SHT_SYMTAB);
  const keptAt = new Int32Array(headers.length).fill(-1);
  const kept: number[] = [];
  for (const [index, header] of headers.entries()) {
    if (index === 0 || MADE_BY_WRITER.has(header.type) || (header.type === SHT_STRTAB && !header.isData)) continue;
    keptAt[index] = kept.length;
    kept.push(index);
  }
  const symbols = table < 0 ? [] : readSymbols(input, headers, table, keptAt);
  const relocations = new Map<number, ElfRelocation[]>();
  for (const header of headers) {
    if (header.type !== SHT_REL && header.type !== SHT_RELA) continue;
    if (header.info >= headers.length || keptAt[header.info] === -1)
      throw elfCorrupt(`${header.name} relocates section ${header.info}, which does not exist`);
    if (header.link !== table) throw elfCorrupt(`${header.name} uses another symbol table`);
    const list = readRelocations(input, header, headers[header.info]!, symbols.length);
    const before = relocations.get(header.info);
    if (before) before.push(...list);
    else relocations.set(header.info, list);
  }
  const sections = kept.map((index): ElfSection => {
    const header = headers[index]!;
    return {
      name: header.name,
      type: header.type,
      flags: header.flags,
      align: header.align,
      entrySize: header.entrySize,
      size: header.size,
      data: header.type === SHT_NOBITS ? EMPTY : bytes.subarray(header.offset, header.offset + header.size),
      relocations: relocations.get(index) ?? [],
    };
  });
  return { littleEndian: input.littleEndian, machine: input.u16(18), sections, symbols };
}

const ET_REL = 1;
const EMPTY = /* @__PURE__ */ new Uint8Array(0);
const MADE_BY_WRITER: ReadonlySet<number> = /* @__PURE__ */ new Set([SHT_SYMTAB, SHT_REL, SHT_RELA, SHT_SYMTAB_SHNDX]);

interface Header {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
  /** A string table that is no part of the file's bookkeeping. */
  readonly isData: boolean;
}

/** Numbers of the file; 64-bit ones must be safe integers, which any offset into a file that fits in memory is. */
class Input {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  private readonly view: DataView;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.bytes = bytes;
    this.littleEndian = littleEndian;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(at: number): number {
    return this.view.getUint8(at);
  }
  u16(at: number): number {
    return this.view.getUint16(at, this.littleEndian);
  }
  u32(at: number): number {
    return this.view.getUint32(at, this.littleEndian);
  }
  u64(at: number): number {
    const first = this.u32(at);
    const second = this.u32(at + 4);
    return this.littleEndian ? second * 2 ** 32 + first : first * 2 ** 32 + second;
  }
}

function readHeaders(input: Input): Header[] {
  const offset = input.u64(40);
  const count = input.u16(60);
  const nameTable = input.u16(62);
  if (input.u16(58) !== SECTION_HEADER_SIZE && count > 0)
    throw elfCorrupt(`its section headers have ${input.u16(58)} bytes, not ${SECTION_HEADER_SIZE}`);
  if (nameTable === SHN_XINDEX || (count === 0 && offset !== 0))
    throw elfUnsupported('more than 65279 sections (SHN_XINDEX)', 'split the source into several objects');
  if (offset + count * SECTION_HEADER_SIZE > input.bytes.length)
    throw elfCorrupt(`its section headers (${count} at ${offset}) end behind the end (${input.bytes.length})`);
  if (count > 0 && nameTable >= count) throw elfCorrupt(`its section names lie in section ${nameTable} of ${count}`);
  const at = (index: number) => offset + index * SECTION_HEADER_SIZE;
  const tables = new Set([nameTable]);
  for (let i = 0; i < count; i++) if (input.u32(at(i) + 4) === SHT_SYMTAB) tables.add(input.u32(at(i) + 40));
  const headers: Header[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const base = at(i);
    const header = {
      name: '',
      type: input.u32(base + 4),
      flags: input.u64(base + 8),
      offset: input.u64(base + 24),
      size: input.u64(base + 32),
      link: input.u32(base + 40),
      info: input.u32(base + 44),
      align: input.u64(base + 48),
      entrySize: input.u64(base + 56),
      isData: !tables.has(i),
    };
    if (i > 0 && header.type !== SHT_NOBITS && header.type !== 0 && header.offset + header.size > input.bytes.length)
      throw elfCorrupt(`section ${i} (${header.size} bytes at ${header.offset}) ends behind the end`);
    if (header.size > MAX_SECTION) throw elfCorrupt(`section ${i} claims ${header.size} bytes`);
    if (header.type !== SHT_NOBITS) total += header.size;
    headers.push(header);
  }
  // Else a small file could claim that each of its sections is all of it.
  if (total > input.bytes.length) throw elfCorrupt('its sections overlap');
  const names = headers[nameTable];
  return headers.map((header, i) =>
    i === 0 || !names ? header : { ...header, name: textOf(input, names, input.u32(at(i)), `section ${i}`) },
  );
}

/** `SHT_NOBITS` takes no room in the file: what a map's value can hold bounds it (u32). */
const MAX_SECTION = 0xffff_ffff;

function textOf(input: Input, table: Header, offset: number, whose: string): string {
  if (offset === 0) return '';
  if (table.type !== SHT_STRTAB || offset >= table.size) throw elfCorrupt(`the name of ${whose} lies outside`);
  const end = table.offset + Math.min(table.size, offset + MAX_NAME);
  const text = cString(input.bytes.subarray(table.offset + offset, end));
  if (text.length === MAX_NAME) throw elfCorrupt(`the name of ${whose} has no end`);
  return text;
}

/** Longer than any name that compilers make, so that a file of one long name cannot be read again and again. */
const MAX_NAME = 4096;

function readSymbols(input: Input, headers: readonly Header[], table: number, keptAt: Int32Array): ElfSymbol[] {
  const header = headers[table]!;
  const names = headers[header.link];
  if (header.size % SYMBOL_SIZE !== 0) throw elfCorrupt(`its symbol table has ${header.size} bytes`);
  if (!names || names.type !== SHT_STRTAB) throw elfCorrupt(`the names of symbols lie in section ${header.link}`);
  const symbols: ElfSymbol[] = [];
  for (let i = 1; i * SYMBOL_SIZE < header.size; i++) {
    const at = header.offset + i * SYMBOL_SIZE;
    const info = input.u8(at + 4);
    const index = input.u16(at + 6);
    const name = textOf(input, names, input.u32(at), `symbol ${i}`);
    const binding = BINDINGS[info >> 4];
    const type = SYMBOL_TYPES[info & 15];
    if (!binding || !type)
      throw elfUnsupported(
        `symbol ${i} (${name}) of binding ${info >> 4} and type ${info & 15}`,
        'use plain C symbols',
      );
    const section = sectionOf(index, keptAt);
    if (section === undefined) {
      // Section symbols of tables that the writer makes stay in place, so that indices of relocations hold.
      if (index === SHN_XINDEX)
        throw elfUnsupported('more than 65279 sections (SHN_XINDEX)', 'split the source into several objects');
      if (index >= headers.length) throw elfCorrupt(`symbol ${i} (${name}) lies in section ${index}`);
    }
    symbols.push({
      name,
      value: input.u64(at + 8),
      size: input.u64(at + 16),
      binding,
      type,
      visibility: VISIBILITIES[input.u8(at + 5) & 3]!,
      section: section ?? 'undefined',
    });
  }
  return symbols;
}

function sectionOf(index: number, keptAt: Int32Array): ElfSymbol['section'] | undefined {
  if (index === SHN_UNDEF) return 'undefined';
  if (index === SHN_ABS) return 'absolute';
  if (index === SHN_COMMON) return 'common';
  if (index >= SHN_LORESERVE || index >= keptAt.length || keptAt[index] === -1) return undefined;
  return keptAt[index];
}

function readRelocations(input: Input, header: Header, target: Header, symbols: number): ElfRelocation[] {
  const step = header.type === SHT_RELA ? 24 : 16;
  if (header.size % step !== 0) throw elfCorrupt(`${header.name} has ${header.size} bytes`);
  const list: ElfRelocation[] = [];
  for (let at = header.offset; at < header.offset + header.size; at += step) {
    const offset = input.u64(at);
    const type = input.u32(at + (input.littleEndian ? 8 : 12));
    const symbol = input.u32(at + (input.littleEndian ? 12 : 8)) - 1;
    if (offset >= target.size) throw elfCorrupt(`${header.name} relocates ${offset}, behind the end of ${target.name}`);
    if (symbol < 0 || symbol >= symbols) throw elfCorrupt(`${header.name} uses symbol ${symbol + 1} of ${symbols}`);
    const low = step === 24 ? input.u64(at + 16) : 0;
    list.push({ offset, type, symbol, addend: low >= 2 ** 63 ? low - 2 ** 64 : low });
  }
  return list;
}
