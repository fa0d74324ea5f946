import { functionCorrupt } from '../diagnostics.ts';
import { SHF_EXECINSTR, SHT_NOBITS, SHT_PROGBITS } from '../elf/constants.ts';
import type { ElfFile, ElfSection, ElfSymbol } from '../elf/model.ts';

/** A function of the object; slots count from the start of its section. */
export interface ObjectFunction {
  readonly name: string;
  readonly section: number;
  readonly slot: number;
  readonly slots: number;
  readonly global: boolean;
}

/** The symbols of an object, by what is asked of them. */
export class ObjectSymbols {
  readonly file: ElfFile;
  /** In the order of the file. */
  readonly functions: readonly ObjectFunction[];
  private readonly starts = new Map<string, ObjectFunction>();
  private readonly byName = new Map<string, ElfSymbol[]>();

  /** @throws SkepError E3408 */
  constructor(file: ElfFile) {
    this.file = file;
    const functions: ObjectFunction[] = [];
    for (const symbol of file.symbols) {
      const list = this.byName.get(symbol.name);
      if (list) list.push(symbol);
      else this.byName.set(symbol.name, [symbol]);
      if (symbol.type !== 'func' || typeof symbol.section !== 'number') continue;
      const found = functionOf(symbol, symbol.section, file.sections[symbol.section]!);
      const key = `${found.section}:${found.slot}`;
      if (!this.starts.has(key)) this.starts.set(key, found);
      functions.push(found);
    }
    functions.sort((a, b) => a.section - b.section || a.slot - b.slot);
    this.functions = functions;
  }

  section(name: string): { readonly section: ElfSection; readonly index: number } | undefined {
    const index = this.file.sections.findIndex((one) => one.name === name);
    return index < 0 ? undefined : { section: this.file.sections[index]!, index };
  }

  /** The function that starts there. */
  functionAt(section: number, slot: number): ObjectFunction | undefined {
    return this.starts.get(`${section}:${slot}`);
  }

  /** A variable of the name in the section; a global one if there are several. */
  variable(name: string, section: number): ElfSymbol | undefined {
    const list = (this.byName.get(name) ?? []).filter((one) => one.section === section && one.type !== 'section');
    return list.find((one) => one.binding !== 'local') ?? list[0];
  }

  /** The variable at an offset of a section. */
  variableAt(section: number, offset: number): ElfSymbol | undefined {
    const at = (one: ElfSymbol) => one.section === section && one.value === offset && one.type === 'object';
    return this.file.symbols.find(at);
  }

  undefined(): ElfSymbol[] {
    return this.file.symbols.filter((one) => one.section === 'undefined' && one.binding !== 'local' && one.name !== '');
  }
}

/** Whether the section holds instructions. */
export function isCode(section: ElfSection): boolean {
  return section.type === SHT_PROGBITS && (section.flags & SHF_EXECINSTR) !== 0;
}

/** What a data section becomes, by its name: the kernel lets programs write to all but rodata. */
export function dataKind(section: ElfSection): 'rodata' | 'data' | 'bss' | undefined {
  if (section.type === SHT_NOBITS) return /^\.bss(\.|$)/.test(section.name) ? 'bss' : undefined;
  if (section.type !== SHT_PROGBITS) return undefined;
  const found = /^\.(rodata|data|bss)(\.|$)/.exec(section.name);
  return found ? (found[1] as 'rodata' | 'data' | 'bss') : undefined;
}

function functionOf(symbol: ElfSymbol, index: number, section: ElfSection): ObjectFunction {
  const { name, value, size } = symbol;
  if (value % 8 !== 0 || size % 8 !== 0 || size === 0)
    throw functionCorrupt(name, `has ${size} bytes at ${value}: instructions have 8`);
  if (value + size > section.data.length) throw functionCorrupt(name, `ends behind the end of section ${section.name}`);
  return { name, section: index, slot: value / 8, slots: size / 8, global: symbol.binding !== 'local' };
}
