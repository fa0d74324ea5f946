import type { Diagnostic } from '@skep/base';
import type { Btf } from '../btf/btf.ts';
import { BtfBuilder } from '../btf/builder.ts';
import { referencesOf, TypeClasses, withReferences } from '../btf/classes.ts';
import { buildBtfExt } from '../btf/ext.ts';
import type { BtfDatasec, BtfExtSection, BtfId } from '../btf/model.ts';
import { aboutFile, btfBadId, btfCorrupt } from '../diagnostics.ts';
import { SHT_PROGBITS } from '../elf/constants.ts';
import type { ElfSection } from '../elf/model.ts';
import type { LinkInput } from './input.ts';
import { compareDeclarations } from './match.ts';
import type { LinkedSections } from './sections.ts';
import type { GlobalSymbol, LinkedSymbols } from './symbols.ts';

export interface LinkedTypes {
  /** `.BTF` and `.BTF.ext`; none when no input has types. */
  readonly sections: readonly ElfSection[];
  readonly problems: readonly Diagnostic[];
}

/** The types of all inputs, each once, and what `.BTF.ext` says of the code where it lies now. */
export function mergeTypes(
  inputs: readonly LinkInput[],
  sections: LinkedSections,
  resolved: LinkedSymbols,
): LinkedTypes {
  if (inputs.every((one) => one.btf === undefined)) return { sections: [], problems: [] };
  const classes = new TypeClasses(inputs.map((one) => one.btf));
  const merge = new Merge(inputs, classes, resolved);
  merge.addTypes();
  merge.addDatasecs(sections);
  merge.addTags();
  const info = merge.ext(sections);
  const ext = buildBtfExt({ sections: info }, merge.builder);
  const made = [section('.BTF', merge.builder.toBytes())];
  // libbpf takes one that says nothing for a damaged one.
  if (info.size > 0) made.push(section('.BTF.ext', ext));
  return { sections: made, problems: compareDeclarations(inputs, classes, resolved) };
}

function section(name: string, data: Uint8Array): ElfSection {
  return { name, type: SHT_PROGBITS, flags: 0, align: 4, entrySize: 0, size: data.length, data, relocations: [] };
}

class Merge {
  readonly builder = new BtfBuilder();
  private readonly inputs: readonly LinkInput[];
  private readonly classes: TypeClasses;
  /** From a class to the id here. */
  private readonly ids = new Map<number, BtfId>();
  /** From the class of a declaration to that of the definition it means. */
  private readonly aliases = new Map<number, number>();
  /** Declarations of an input that another one stands for, by input. */
  private readonly replaced: readonly Set<BtfId>[];

  constructor(inputs: readonly LinkInput[], classes: TypeClasses, resolved: LinkedSymbols) {
    this.inputs = inputs;
    this.classes = classes;
    this.replaced = inputs.map(() => new Set<BtfId>());
    for (const global of resolved.globals.values()) this.replace(global);
    for (const input of inputs) this.dropLeftOut(input);
  }

  /** All but sections and tags, in the order of the inputs. */
  addTypes(): void {
    const found: number[] = [];
    for (const { index, btf } of this.inputs) {
      for (const id of btf?.ids() ?? []) {
        const kind = btf!.kind(id);
        if (kind === 'datasec' || kind === 'decl_tag' || this.replaced[index]!.has(id)) continue;
        const of = this.canonical(index, id);
        if (this.ids.has(of)) continue;
        this.ids.set(of, this.builder.reserve());
        found.push(of);
      }
    }
    for (const of of found) {
      const { file, id } = this.classes.representative(of);
      this.builder.set(
        this.ids.get(of)!,
        withReferences(this.btf(file).type(id), (target) => this.idOf(file, target)),
      );
    }
  }

  /** Sections of variables: those of the linked object with the places there, those of the kernel as they are. */
  addDatasecs(sections: LinkedSections): void {
    const made = new Map<string, { size: number; vars: BtfDatasec['vars'][number][] }>();
    for (const input of this.inputs) {
      for (const { type } of input.datasecs) {
        const index = input.symbols.section(type.name)?.index;
        const place = index === undefined ? undefined : input.places[index];
        let section = made.get(type.name);
        if (!section) {
          section = { size: sections.list.find((one) => one.name === type.name)?.size ?? 0, vars: [] };
          made.set(type.name, section);
        }
        for (const one of type.vars) {
          if (this.replaced[input.index]!.has(one.type)) continue;
          const id = this.idOf(input.index, one.type);
          const offset = place ? place.offset + offsetOf(input, type, one, index!) : one.offset;
          section.vars.push({ type: id, offset, size: one.size || sizeOf(input.btf!, one.type) });
        }
      }
    }
    for (const [name, { size, vars }] of made) {
      if (vars.length === 0) continue;
      vars.sort((a, b) => a.offset - b.offset);
      this.builder.add({ kind: 'datasec', name, size, vars });
    }
  }

  addTags(): void {
    for (const { index, btf } of this.inputs) {
      for (const id of btf?.ids() ?? []) {
        if (btf!.kind(id) !== 'decl_tag') continue;
        const tag = btf!.type(id);
        const target = referencesOf(tag)[0]!;
        if (this.replaced[index]!.has(target)) continue;
        this.builder.add(withReferences(tag, (one) => this.idOf(index, one)));
      }
    }
  }

  /** Functions, lines and CO-RE relocations, without those of code that nothing uses. */
  ext(sections: LinkedSections): Map<string, BtfExtSection> {
    const made = new Map<string, { funcs: object[]; lines: object[]; core: object[] }>();
    for (const input of this.inputs) {
      for (const [name, info] of input.ext?.sections ?? []) {
        const index = input.symbols.section(name)?.index;
        const place = index === undefined ? undefined : input.places[index];
        if (!place) continue;
        const linked = sections.list[place.section]!.name;
        const into = made.get(linked) ?? { funcs: [], lines: [], core: [] };
        made.set(linked, into);
        const delta = place.offset / 8;
        const lives = (one: { readonly slot: number }) => !input.isDead(index!, one.slot * 8);
        const typed = <T extends { readonly slot: number; readonly type: BtfId }>(one: T) => ({
          ...one,
          slot: one.slot + delta,
          type: this.idOf(input.index, one.type),
        });
        into.funcs.push(...info.funcs.filter(lives).map(typed));
        into.lines.push(...info.lines.filter(lives).map((one) => ({ ...one, slot: one.slot + delta })));
        into.core.push(...info.core.filter(lives).map(typed));
      }
    }
    return made as unknown as Map<string, BtfExtSection>;
  }

  private btf(file: number): Btf {
    return this.inputs[file]!.btf!;
  }

  private canonical(file: number, id: BtfId): number {
    const of = this.classes.of(file, id);
    return this.aliases.get(of) ?? of;
  }

  private idOf(file: number, id: BtfId): BtfId {
    if (id === 0) return 0;
    const found = this.ids.get(this.canonical(file, id));
    if (found !== undefined) return found;
    const { name } = this.inputs[file]!;
    return aboutFile(name, () => {
      const { count } = this.btf(file);
      throw id < count ? btfCorrupt(`something refers to [${id}], a ${this.btf(file).kind(id)}`) : btfBadId(id, count);
    });
  }

  /** The definition's declaration stands for all; without a definition, the first one does. */
  private replace(global: GlobalSymbol): void {
    const { name, definition, losers, users } = global;
    const declared = (input: LinkInput) => input.declarations.get(name);
    const first = definition?.input ?? users.map((one) => one.input).find((one) => declared(one) !== undefined);
    const chosen = first && declared(first);
    if (first === undefined || chosen === undefined) return;
    const of = this.classes.of(first.index, chosen);
    for (const { input } of [...losers, ...users]) {
      const id = declared(input);
      if (id === undefined || input === first) continue;
      this.replaced[input.index]!.add(id);
      const other = this.classes.of(input.index, id);
      if (other !== of) this.aliases.set(other, of);
    }
  }

  /** Variables of sections that an object has once, like the license, are there once. */
  private dropLeftOut(input: LinkInput): void {
    for (const { type } of input.datasecs) {
      const index = input.symbols.section(type.name)?.index;
      if (index === undefined || input.places[index] !== undefined) continue;
      for (const one of type.vars) this.replaced[input.index]!.add(one.type);
    }
  }
}

/** Where a variable lies in its input's section: compilers leave that to the symbols, linkers write it. */
function offsetOf(input: LinkInput, datasec: BtfDatasec, one: BtfDatasec['vars'][number], section: number): number {
  if (datasec.size > 0) return one.offset;
  return input.symbols.variable(input.btf!.name(one.type), section)?.value ?? one.offset;
}

function sizeOf(btf: Btf, id: BtfId): number {
  return btf.kind(id) === 'var' ? btf.sizeOf(id) : 0;
}
