import type { Diagnostic } from '@skep/base';
import { linkMissing, linkUnsupported } from '../diagnostics.ts';
import {
  R_BPF_64_32,
  R_BPF_64_64,
  R_BPF_64_ABS32,
  R_BPF_64_ABS64,
  R_BPF_64_NODYLD32,
  SHF_EXECINSTR,
} from '../elf/constants.ts';
import type { ElfRelocation, ElfSymbol } from '../elf/model.ts';
import type { LinkInput } from './input.ts';
import type { LinkedSections } from './sections.ts';
import type { GlobalSymbol, LinkedSymbols } from './symbols.ts';

export interface Relocated {
  /** By linked section. */
  readonly relocations: readonly (readonly ElfRelocation[])[];
  readonly table: { readonly symbols: readonly ElfSymbol[]; readonly problems: readonly Diagnostic[] };
}

/** The symbol table of the linked object and its relocations; moves the addends that lie in the sections' data. */
export function relocate(
  inputs: readonly LinkInput[],
  sections: LinkedSections,
  resolved: LinkedSymbols,
  partial: boolean,
): Relocated {
  const table = new SymbolTable(inputs, sections, resolved);
  const relocations: ElfRelocation[][] = sections.list.map(() => []);
  const problems: Diagnostic[] = [];
  const missing = new Map<string, Set<string>>();
  for (const input of inputs) {
    for (const [index, section] of input.file.sections.entries()) {
      const place = input.places[index];
      if (!place) continue;
      const linked = sections.list[place.section]!;
      for (const one of section.relocations) {
        if (input.isDead(index, one.offset)) continue;
        const symbol = input.file.symbols[one.symbol]!;
        const number = table.numberOf(input, one.symbol);
        if (number === undefined || one.addend !== 0) {
          const what = number === undefined ? `it refers to ${targetOf(input, symbol)}, which is left out` : 'RELA';
          problems.push(
            linkUnsupported(
              `${input.name}, section ${section.name}+${one.offset}`,
              what,
              'compile it with clang or skep',
            ),
          );
          continue;
        }
        const global = symbol.binding === 'local' ? undefined : resolved.globals.get(symbol.name);
        if (global && isMissing(global, inputs) && !partial) {
          const users = missing.get(symbol.name) ?? new Set();
          missing.set(symbol.name, users.add(input.name));
        }
        if (symbol.type === 'section') {
          const delta = input.places[symbol.section as number]!.offset;
          if (
            !moveAddend(linked.data, place.offset + one.offset, one.type, delta, (linked.flags & SHF_EXECINSTR) !== 0)
          )
            problems.push(
              linkUnsupported(
                `${input.name}, section ${section.name}+${one.offset}`,
                `relocations of type ${one.type} cannot be moved`,
                'compile it with clang or skep',
              ),
            );
        }
        relocations[place.section]!.push({ ...one, offset: place.offset + one.offset, symbol: number });
      }
    }
  }
  for (const [name, users] of missing) problems.push(linkMissing(name, [...users]));
  return { relocations, table: { symbols: table.symbols, problems } };
}

function targetOf(input: LinkInput, symbol: ElfSymbol): string {
  const { section, name } = symbol;
  return (
    name || (typeof section === 'number' ? `section ${input.sectionName(section)}` : `a symbol that is ${section}`)
  );
}

/** Weak symbols may be missing, and the kernel's are not expected here. */
function isMissing(global: GlobalSymbol, inputs: readonly LinkInput[]): boolean {
  if (global.definition || global.users.every((one) => one.weak)) return false;
  return !inputs.some((input) => input.kernelNames.has(global.name));
}

/** References to a section count from its start, which has moved; whether the type is one that can be moved. */
function moveAddend(data: Uint8Array, at: number, type: number, delta: number, isCode: boolean): boolean {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  switch (type) {
    case R_BPF_64_64:
      if (at + 8 > data.length) return false;
      view.setInt32(at + 4, view.getInt32(at + 4, true) + delta, true);
      return true;
    case R_BPF_64_32:
      // Calls count in instructions, and from the one behind.
      if (at + 8 > data.length) return false;
      view.setInt32(at + 4, view.getInt32(at + 4, true) + delta / 8, true);
      return true;
    case R_BPF_64_ABS64:
      if (isCode || at + 8 > data.length) return false;
      view.setBigUint64(at, view.getBigUint64(at, true) + BigInt(delta), true);
      return true;
    case R_BPF_64_ABS32:
    case R_BPF_64_NODYLD32:
      if (isCode || at + 4 > data.length) return false;
      view.setUint32(at, view.getUint32(at, true) + delta, true);
      return true;
    default:
      return false;
  }
}

class SymbolTable {
  /** One for each section, then the local ones of all files, then the global ones. */
  readonly symbols: ElfSymbol[] = [];
  private readonly locals: Map<number, number>[] = [];
  private readonly globals = new Map<string, number>();

  constructor(inputs: readonly LinkInput[], sections: LinkedSections, resolved: LinkedSymbols) {
    for (const [index] of sections.list.entries()) {
      const place = { value: 0, size: 0, section: index };
      this.symbols.push({ name: '', binding: 'local', type: 'section', visibility: 'default', ...place });
    }
    for (const input of inputs) this.locals.push(this.addLocals(input));
    for (const global of resolved.globals.values()) this.addGlobal(global);
  }

  /** The number here of a symbol of an input; undefined when it is left out. */
  numberOf(input: LinkInput, index: number): number | undefined {
    const symbol = input.file.symbols[index]!;
    if (symbol.type === 'section')
      return typeof symbol.section === 'number' ? input.places[symbol.section]?.section : undefined;
    return symbol.binding === 'local' ? this.locals[input.index]!.get(index) : this.globals.get(symbol.name);
  }

  private addLocals(input: LinkInput): Map<number, number> {
    const numbers = new Map<number, number>();
    const used = new Set(input.file.sections.flatMap((one) => one.relocations.map((relocation) => relocation.symbol)));
    for (const [index, symbol] of input.file.symbols.entries()) {
      if (symbol.binding !== 'local' || typeof symbol.section !== 'number' || symbol.type === 'section') continue;
      const place = input.places[symbol.section];
      // Labels of branches have no type; only those that something refers to matter.
      if (!place || (symbol.type === 'notype' && !used.has(index))) continue;
      numbers.set(index, this.symbols.length);
      this.symbols.push({ ...symbol, section: place.section, value: symbol.value + place.offset });
    }
    return numbers;
  }

  private addGlobal(global: GlobalSymbol): void {
    const { name, definition } = global;
    if (!definition && global.users.length === 0) return;
    this.globals.set(name, this.symbols.length);
    if (!definition) {
      const binding = global.users.every((one) => one.weak) ? 'weak' : 'global';
      const nowhere = { value: 0, size: 0, section: 'undefined' } as const;
      this.symbols.push({ name, binding, type: 'notype', visibility: 'default', ...nowhere });
      return;
    }
    const { symbol, input, section } = definition;
    const place = input.places[section]!;
    this.symbols.push({
      ...symbol,
      visibility: global.hidden ? 'hidden' : symbol.visibility,
      section: place.section,
      value: symbol.value + place.offset,
    });
  }
}
