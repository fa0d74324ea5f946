import { ByteWriter, utf8Bytes } from '@skep/base';
import {
  BINDINGS,
  ELF_HEADER_SIZE,
  SECTION_HEADER_SIZE,
  SHF_INFO_LINK,
  SHN_ABS,
  SHN_COMMON,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  SYMBOL_SIZE,
  SYMBOL_TYPES,
  VISIBILITIES,
} from './constants.ts';
import type { ElfFile, ElfSection, ElfSymbol } from './model.ts';

/**
 * The bytes of a relocatable little-endian ELF64 object: `.strtab` (names of sections and symbols), the file's sections,
 * one `.rel…` for each that has relocations, `.symtab`. What the model cannot mean (a local symbol behind a global one, an
 * addend, an index outside) throws a plain Error: it is the caller's mistake.
 */
export function writeElf(file: ElfFile): Uint8Array {
  if (!file.littleEndian) throw new Error('writeElf writes little endian only');
  checkSymbols(file);
  const names = new StringTable();
  const relocated = file.sections.flatMap((section, index) => (section.relocations.length > 0 ? [index] : []));
  const count = 1 + file.sections.length + relocated.length + 2;
  if (count >= SHN_LORESERVE) throw new Error(`${count} sections are too many for ELF`);
  const symbolTable = count - 2;
  const stringTable = count - 1;

  const out = new ByteWriter(true, 4096);
  const headers = new ByteWriter(true, count * SECTION_HEADER_SIZE);
  const header = (name: string, type: number, flags: number, size: number, rest: Partial<Rest>) => {
    headers.u32(names.add(name)).u32(type).u64(BigInt(flags)).u64(0n);
    headers.u64(BigInt(rest.offset ?? out.offset - size)).u64(BigInt(size));
    headers.u32(rest.link ?? 0).u32(rest.info ?? 0);
    headers.u64(BigInt(rest.align ?? 1)).u64(BigInt(rest.entrySize ?? 0));
  };
  out.zeros(ELF_HEADER_SIZE);
  headers.zeros(SECTION_HEADER_SIZE);

  for (const section of file.sections) {
    out.align(Math.max(1, section.align));
    const { type, flags, align, entrySize } = section;
    if (type !== SHT_NOBITS) out.raw(section.data);
    const offset = type === SHT_NOBITS ? out.offset : out.offset - section.data.length;
    header(section.name, type, flags, sizeOf(section), { offset, align, entrySize });
  }
  for (const index of relocated) {
    const section = file.sections[index]!;
    out.align(8);
    for (const one of section.relocations) {
      if (one.addend !== 0) throw new Error(`${section.name}+${one.offset}: REL relocations carry no addend`);
      if (one.symbol < 0 || one.symbol >= file.symbols.length) throw new Error(`there is no symbol ${one.symbol}`);
      out
        .u64(BigInt(one.offset))
        .u32(one.type)
        .u32(one.symbol + 1);
    }
    const size = section.relocations.length * 16;
    const rest = { link: symbolTable, info: index + 1, align: 8, entrySize: 16 };
    header(`.rel${section.name}`, SHT_REL, SHF_INFO_LINK, size, rest);
  }

  out.align(8).zeros(SYMBOL_SIZE);
  for (const symbol of file.symbols) writeSymbol(out, symbol, names.add(symbol.name));
  const locals = 1 + file.symbols.filter((symbol) => symbol.binding === 'local').length;
  const rest = { link: stringTable, info: locals, align: 8, entrySize: SYMBOL_SIZE };
  header('.symtab', SHT_SYMTAB, 0, (file.symbols.length + 1) * SYMBOL_SIZE, rest);

  names.add('.strtab');
  const strings = names.toBytes();
  out.raw(strings);
  header('.strtab', SHT_STRTAB, 0, strings.length, {});

  out.align(8);
  const start = out.offset;
  out.raw(headers.toBytes());
  writeHeader(out, file.machine, start, count, stringTable);
  return out.toBytes();
}

interface Rest {
  readonly offset: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
}

function sizeOf(section: ElfSection): number {
  if (section.type !== SHT_NOBITS && section.size !== section.data.length)
    throw new Error(`section ${section.name} claims ${section.size} bytes and has ${section.data.length}`);
  return section.size;
}

function checkSymbols(file: ElfFile): void {
  let global = false;
  for (const symbol of file.symbols) {
    if (symbol.binding !== 'local') global = true;
    else if (global) throw new Error(`the local symbol ${symbol.name} stands behind a global one`);
    if (typeof symbol.section === 'number' && !file.sections[symbol.section])
      throw new Error(`symbol ${symbol.name} lies in section ${symbol.section}, which does not exist`);
  }
}

function writeSymbol(out: ByteWriter, symbol: ElfSymbol, name: number): void {
  out.u32(name);
  out.u8((BINDINGS.indexOf(symbol.binding) << 4) | SYMBOL_TYPES.indexOf(symbol.type));
  out.u8(VISIBILITIES.indexOf(symbol.visibility));
  out.u16(sectionNumber(symbol.section));
  out.u64(BigInt(symbol.value)).u64(BigInt(symbol.size));
}

function sectionNumber(section: ElfSymbol['section']): number {
  switch (section) {
    case 'undefined':
      return SHN_UNDEF;
    case 'absolute':
      return SHN_ABS;
    case 'common':
      return SHN_COMMON;
    default:
      return section + 1;
  }
}

function writeHeader(out: ByteWriter, machine: number, sections: number, count: number, stringTable: number): void {
  out.offset = 0;
  out.raw(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0)).zeros(8);
  out.u16(1).u16(machine).u32(1);
  out.u64(0n).u64(0n).u64(BigInt(sections)).u32(0);
  out.u16(ELF_HEADER_SIZE).u16(0).u16(0).u16(SECTION_HEADER_SIZE).u16(count).u16(stringTable);
}

class StringTable {
  private readonly offsets = new Map<string, number>([['', 0]]);
  private readonly out = new ByteWriter().u8(0);

  add(text: string): number {
    let offset = this.offsets.get(text);
    if (offset === undefined) {
      offset = this.out.offset;
      this.offsets.set(text, offset);
      this.out.raw(utf8Bytes(text)).u8(0);
    }
    return offset;
  }

  toBytes(): Uint8Array {
    return this.out.toBytes();
  }
}
