import {
  buildBtfExt,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  encode,
  type Insn,
  writeElf,
} from '@skep/object';
import type { Func, Global, Module } from '../ir/ir.ts';
import { debugInfo, declareInBtf, type LineOptions } from './btf.ts';
import type { EmittedFunction } from './emit.ts';
import { type CodeSection, type DataSection, layoutSections, type Sections } from './sections.ts';

const SHT_PROGBITS = 1;
const SHT_NOBITS = 8;
const SHF_WRITE = 1;
const SHF_ALLOC = 2;
const SHF_EXECINSTR = 4;
const SHF_MERGE = 16;
const SHF_STRINGS = 32;
const EM_BPF = 247;
const R_BPF_64_64 = 1;
const R_BPF_64_ABS64 = 2;
const R_BPF_64_32 = 10;

/** Puts the ELF object together: code, data, symbols, relocations, `.BTF` and `.BTF.ext`. */
export function buildObject(
  module: Module,
  functions: ReadonlyMap<Func, EmittedFunction>,
  fileName: string,
  lines: LineOptions = {},
): Uint8Array {
  const sections = layoutSections(module, functions);
  const ids = declareInBtf(module, sections.code, sections.data, sections.externs);
  const ext = debugInfo(sections.code, ids, fileName, lines);
  const symbols = new Symbols(sections);
  const out: ElfSection[] = [];
  for (const section of sections.code) out.push(codeSection(section, symbols));
  for (const section of sections.data) out.push(dataSection(section, symbols));
  // The strings of .BTF.ext lie in .BTF, which therefore is written last.
  const extBytes = buildBtfExt(ext, module.types);
  out.push(plainSection('.BTF', module.types.toBytes()));
  // libbpf takes one that says nothing for a damaged one.
  if (sections.code.length > 0) out.push(plainSection('.BTF.ext', extBytes));
  return writeElf({ littleEndian: true, machine: EM_BPF, sections: out, symbols: symbols.list });
}

interface Place {
  readonly section: number;
  /** Bytes. */
  readonly offset: number;
}

/** The symbol table: sections first, then what is static, then what others may see. */
class Symbols {
  readonly list: ElfSymbol[] = [];
  private readonly places = new Map<Func | Global, Place>();
  private readonly indexOf = new Map<Func | Global, number>();
  /** Section symbols have the section's index here. */
  private readonly sectionSymbols: number;

  constructor({ code, data, externs }: Sections) {
    const named: { symbol: Func | Global; place: Place | undefined; size: number }[] = [];
    for (const [i, section] of code.entries()) {
      for (const { emitted, slot } of section.functions)
        named.push({ symbol: emitted.func, place: { section: i, offset: slot * 8 }, size: emitted.slots * 8 });
    }
    for (const [i, section] of data.entries()) {
      for (const { global, offset } of section.globals)
        named.push({ symbol: global, place: { section: code.length + i, offset }, size: global.size });
    }
    for (const symbol of externs) named.push({ symbol, place: undefined, size: 0 });
    this.sectionSymbols = 0;
    for (let i = 0; i < code.length + data.length; i++) {
      this.list.push({
        name: '',
        value: 0,
        size: 0,
        binding: 'local',
        type: 'section',
        visibility: 'default',
        section: i,
      });
    }
    for (const local of [true, false]) {
      for (const { symbol, place, size } of named) {
        if (place) this.places.set(symbol, place);
        if ((symbol.linkage === 'static') !== local || isAnonymous(symbol)) continue;
        this.indexOf.set(symbol, this.list.length);
        this.list.push({
          name: symbol.name,
          value: place ? place.offset : 0,
          size,
          binding: local ? 'local' : symbol.linkage === 'weak' ? 'weak' : 'global',
          type: place === undefined ? 'notype' : symbol.kind === 'func' ? 'func' : 'object',
          visibility: symbol.hidden ? 'hidden' : 'default',
          section: place ? place.section : 'undefined',
        });
      }
    }
  }

  /** How an instruction refers to the symbol: static ones by their section, whose symbol has a larger addend. */
  reference(symbol: Func | Global): { index: number; addend: number } {
    const place = this.places.get(symbol);
    if (place !== undefined && symbol.linkage === 'static' && !isMap(symbol))
      return { index: this.sectionSymbols + place.section, addend: place.offset };
    return { index: this.indexOf.get(symbol)!, addend: 0 };
  }

  /** How data refers to it: by name where it has one. */
  named(symbol: Func | Global): { index: number; addend: number } {
    const index = this.indexOf.get(symbol);
    return index === undefined ? this.reference(symbol) : { index, addend: 0 };
  }

  place(symbol: Func | Global): Place | undefined {
    return this.places.get(symbol);
  }
}

/** String literals have no symbol. */
function isAnonymous(symbol: Func | Global): boolean {
  return symbol.kind === 'global' && symbol.linkage === 'static' && symbol.type === 0;
}

function isMap(symbol: Func | Global): boolean {
  return symbol.kind === 'global' && (symbol.section === '.maps' || symbol.section === 'maps');
}

function codeSection(section: CodeSection, symbols: Symbols): ElfSection {
  const insns: Insn[] = [];
  const relocations: ElfRelocation[] = [];
  for (const { emitted, slot } of section.functions) {
    const base = insns.length;
    for (const insn of emitted.insns) insns.push(insn);
    for (const fixup of emitted.fixups) {
      const at = base + fixup.index;
      const insn = insns[at]!;
      const { symbol } = fixup;
      const { index, addend } = symbols.reference(symbol);
      const offset = (slot + fixup.slot) * 8;
      if (insn.kind === 'ld_imm64') {
        const value = BigInt.asUintN(32, BigInt(addend + fixup.addend));
        insns[at] = { ...insn, imm: { kind: 'value', value } };
        relocations.push({ offset, type: R_BPF_64_64, symbol: index, addend: 0 });
        continue;
      }
      const place = symbols.place(symbol);
      const own = place !== undefined && symbol.linkage === 'static' && (symbol as Func).section === undefined;
      if (own && section.name === '.text') {
        insns[at] = { kind: 'call', target: { kind: 'local', off: place.offset / 8 - (slot + fixup.slot) - 1 } };
        continue;
      }
      insns[at] = { kind: 'call', target: { kind: 'local', off: addend / 8 - 1 } };
      relocations.push({ offset, type: R_BPF_64_32, symbol: index, addend: 0 });
    }
  }
  const data = encode(insns);
  return {
    name: section.name,
    type: SHT_PROGBITS,
    flags: SHF_ALLOC | SHF_EXECINSTR,
    align: 8,
    entrySize: 0,
    size: data.length,
    data,
    relocations,
  };
}

function dataSection(section: DataSection, symbols: Symbols): ElfSection {
  const data = new Uint8Array(section.zeros ? 0 : section.size);
  const view = new DataView(data.buffer);
  const relocations: ElfRelocation[] = [];
  for (const { global, offset } of section.globals) {
    if (global.init && !section.zeros) data.set(global.init, offset);
    for (const one of global.relocations) {
      const { index, addend } = symbols.named(one.target);
      const at = offset + one.offset;
      view.setBigUint64(at, BigInt.asUintN(64, BigInt(addend + one.addend)), true);
      relocations.push({ offset: at, type: R_BPF_64_ABS64, symbol: index, addend: 0 });
    }
  }
  const { name } = section;
  const strings = name.startsWith('.rodata.str');
  const readOnly = name === '.rodata' || name.startsWith('.rodata.');
  return {
    name,
    type: section.zeros ? SHT_NOBITS : SHT_PROGBITS,
    flags: strings ? SHF_ALLOC | SHF_MERGE | SHF_STRINGS : readOnly ? SHF_ALLOC : SHF_ALLOC | SHF_WRITE,
    align: section.align,
    entrySize: strings ? 1 : 0,
    size: section.size,
    data,
    relocations,
  };
}

function plainSection(name: string, data: Uint8Array): ElfSection {
  return { name, type: SHT_PROGBITS, flags: 0, align: 4, entrySize: 0, size: data.length, data, relocations: [] };
}
