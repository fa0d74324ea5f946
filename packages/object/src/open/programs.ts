import { hookOfSection, PSEUDO_CALL, PSEUDO_IMM64 } from '@skep/abi';
import type { Btf } from '../btf/btf.ts';
import type { BtfExt, BtfExtSection, CoreRelocation, FuncInfo, LineInfo } from '../btf/model.ts';
import { functionCorrupt, relocationUnsupported, symbolUndefined } from '../diagnostics.ts';
import { R_BPF_64_32, R_BPF_64_64 } from '../elf/constants.ts';
import type { ElfRelocation } from '../elf/model.ts';
import type { CodeReference, HookSpec, ProgramSpec } from '../spec.ts';
import type { DataMaps } from './data.ts';
import { type Externs, KCONFIG } from './externs.ts';
import type { CollectedMaps } from './maps.ts';
import { isCode, type ObjectFunction, type ObjectSymbols } from './symbols.ts';

/** What the names in code can stand for. */
export interface Referents {
  readonly maps: CollectedMaps;
  readonly data: DataMaps;
  readonly externs: Externs;
}

/**
 * The programs: every function outside of `.text`, where subprograms live. Each gets copies of all the subprograms
 * that it reaches, because the kernel loads one program at a time. @throws SkepError E3406 – E3408
 */
export function collectPrograms(
  symbols: ObjectSymbols,
  ext: BtfExt | undefined,
  referents: Referents,
  btf: Btf | undefined,
): ProgramSpec[] {
  const sections = symbols.file.sections;
  const parts = new Parts(symbols, ext, referents);
  const programs: ProgramSpec[] = [];
  for (const entry of symbols.functions) {
    const section = sections[entry.section]!;
    if (!isCode(section) || section.name === '.text') continue;
    // A static function here is a subprogram that was put beside its caller.
    if (!entry.global) continue;
    programs.push(assemble(parts, entry, section.name, exceptionCallback(symbols, btf, entry)));
  }
  return programs;
}

/** The function that `__exception_cb(name)` names: a tag of the program's function. @throws SkepError E3408 */
function exceptionCallback(
  symbols: ObjectSymbols,
  btf: Btf | undefined,
  entry: ObjectFunction,
): ObjectFunction | undefined {
  const type = btf?.find(entry.name, 'func');
  const tags = type === undefined ? [] : btf!.tagsOf(type).filter((one) => one.startsWith(EXCEPTION_CALLBACK));
  // Two of them are the kernel's to refuse.
  if (tags.length !== 1) return undefined;
  const name = tags[0]!.slice(EXCEPTION_CALLBACK.length);
  const found = symbols.functions.find((one) => one.name === name);
  if (found === undefined) throw symbolUndefined(name, entry.name);
  return found;
}

const EXCEPTION_CALLBACK = 'exception_callback:';

function assemble(
  parts: Parts,
  entry: ObjectFunction,
  section: string,
  thrown: ObjectFunction | undefined,
): ProgramSpec {
  const order = reach(parts, thrown ? [entry, thrown] : [entry]);
  const placed = new Map<ObjectFunction, number>();
  let slots = 0;
  for (const one of order) {
    placed.set(one, slots);
    slots += one.slots;
  }

  const code = new Uint8Array(slots * 8);
  const view = new DataView(code.buffer);
  const references: CodeReference[] = [];
  const core: CoreRelocation[] = [];
  const lineInfo: LineInfo[] = [];
  const funcInfo: FuncInfo[] = [];
  const functions: { name: string; slot: number }[] = [];
  for (const one of order) {
    const base = placed.get(one)!;
    const part = parts.of(one);
    code.set(part.code, base * 8);
    functions.push({ name: one.name, slot: base });
    for (const call of part.calls) {
      const slot = base + call.slot;
      view.setInt32(slot * 8 + 4, placed.get(call.target)! - slot - 1, true);
      if (call.address) references.push({ kind: 'func', slot, name: call.target.name });
    }
    for (const reference of part.references) references.push({ ...reference, slot: base + reference.slot });
    for (const info of part.core) core.push({ ...info, slot: base + info.slot });
    for (const info of part.lines) lineInfo.push({ ...info, slot: base + info.slot });
    for (const info of part.funcs) funcInfo.push({ ...info, slot: base + info.slot });
  }
  references.sort((a, b) => a.slot - b.slot);
  // The kernel wants the type of every function or of none.
  const typed = funcInfo.length === order.length;
  const autoload = !section.startsWith('?');
  return {
    name: entry.name,
    section,
    hook: hookOf(autoload ? section : section.slice(1)),
    autoload,
    code,
    references,
    core,
    funcInfo: typed ? funcInfo : [],
    lineInfo: typed ? lineInfo : [],
    functions,
    ...(thrown !== undefined && { exceptionCallback: placed.get(thrown)! }),
  };
}

/** The same program, to be attached to what another section name says: another function, another file. */
export function withSection(program: ProgramSpec, section: string): ProgramSpec {
  return { ...program, section, hook: hookOf(section) };
}

/**
 * A function and all that it calls, each once, a callee and its callees before the caller's next one: the order of libbpf,
 * so that programs are the same bit for bit.
 */
function reach(parts: Parts, roots: readonly ObjectFunction[]): ObjectFunction[] {
  const order = new Set<ObjectFunction>();
  for (const root of roots) {
    if (order.has(root)) continue;
    order.add(root);
    // Not by recursion: a chain of calls in a damaged object may be long.
    const open = [parts.of(root).calls.values()];
    while (open.length > 0) {
      const next = open.at(-1)!.next();
      if (next.done) open.pop();
      else if (!order.has(next.value.target)) {
        order.add(next.value.target);
        open.push(parts.of(next.value.target).calls.values());
      }
    }
  }
  return [...order];
}

function hookOf(section: string): HookSpec | undefined {
  const hook = hookOfSection(section);
  if (!hook) return undefined;
  const { programType, attachType, target, sleepable, flags } = hook;
  return { programType, attachType, target, sleepable, flags };
}

/** A function ready to be placed; slots count from its start. */
interface Part {
  readonly code: Uint8Array;
  readonly calls: readonly Call[];
  readonly references: readonly CodeReference[];
  readonly funcs: readonly FuncInfo[];
  readonly lines: readonly LineInfo[];
  readonly core: readonly CoreRelocation[];
}

interface Call {
  readonly slot: number;
  readonly target: ObjectFunction;
  /** Its address is taken rather than called. */
  readonly address: boolean;
}

const OP_CALL = 0x85;
const OP_LD_IMM64 = 0x18;

/** Resolves the relocations of each function once, whoever needs it. */
class Parts {
  private readonly symbols: ObjectSymbols;
  private readonly referents: Referents;
  private readonly infos = new Map<string, BtfExtSection>();
  private readonly relocations = new Map<number, ElfRelocation[]>();
  private readonly parts = new Map<ObjectFunction, Part>();

  constructor(symbols: ObjectSymbols, ext: BtfExt | undefined, referents: Referents) {
    this.symbols = symbols;
    this.referents = referents;
    for (const [name, { funcs, lines, core }] of ext?.sections ?? [])
      this.infos.set(name, { funcs: bySlot(funcs), lines: bySlot(lines), core: bySlot(core) });
  }

  of(one: ObjectFunction): Part {
    let part = this.parts.get(one);
    if (!part) {
      part = this.resolve(one);
      this.parts.set(one, part);
    }
    return part;
  }

  private resolve(one: ObjectFunction): Part {
    const section = this.symbols.file.sections[one.section]!;
    const code = section.data.slice(one.slot * 8, (one.slot + one.slots) * 8);
    const calls: Call[] = [];
    const references: CodeReference[] = [];
    const relocations = between(this.relocationsOf(one.section), one.slot * 8, one.slots * 8, (r) => r.offset);
    let next = 0;
    for (let slot = 0; slot < one.slots; slot++) {
      const relocation = relocations[next]?.offset === (one.slot + slot) * 8 ? relocations[next++] : undefined;
      const at = slot * 8;
      if (code[at] === OP_LD_IMM64) {
        if (slot + 1 >= one.slots) throw functionCorrupt(one.name, 'ends within a 64-bit load');
        if (relocation) this.load(one, code, slot, relocation, calls, references);
        slot++;
      } else if (relocation) this.call(one, code, slot, relocation, calls, references);
      else if (code[at] === OP_CALL && code[at + 1]! >> 4 === PSEUDO_CALL.local)
        calls.push({
          slot,
          target: this.target(one, slot, one.section, one.slot + slot + imm(code, slot) + 1),
          address: false,
        });
    }
    if (next < relocations.length)
      throw relocationUnsupported(
        `${one.name}+${relocations[next]!.offset / 8 - one.slot}`,
        'a relocation hits no instruction',
      );
    const info = this.infos.get(section.name);
    const cut = <T extends { readonly slot: number }>(list: readonly T[] | undefined): T[] =>
      between(list ?? [], one.slot, one.slots, (i) => i.slot).map((i) => ({ ...i, slot: i.slot - one.slot }));
    return {
      code,
      calls,
      references,
      funcs: cut(info?.funcs).filter((i) => i.slot === 0),
      lines: cut(info?.lines),
      core: cut(info?.core),
    };
  }

  private call(
    one: ObjectFunction,
    code: Uint8Array,
    slot: number,
    relocation: ElfRelocation,
    calls: Call[],
    references: CodeReference[],
  ): void {
    const where = `${one.name}+${slot}`;
    if (code[slot * 8] !== OP_CALL || relocation.type !== R_BPF_64_32)
      throw relocationUnsupported(where, `relocation ${relocation.type} of opcode 0x${code[slot * 8]!.toString(16)}`);
    const symbol = this.symbols.file.symbols[relocation.symbol]!;
    if (typeof symbol.section === 'number') {
      const target = this.target(one, slot, symbol.section, Math.floor(symbol.value / 8) + imm(code, slot) + 1);
      setSource(code, slot, PSEUDO_CALL.local);
      calls.push({ slot, target, address: false });
      return;
    }
    const found = this.referents.externs.byName.get(symbol.name);
    if (!found) throw symbolUndefined(symbol.name, where);
    if (found.kind !== 'function') throw relocationUnsupported(where, `${symbol.name} is called, but is no function`);
    setSource(code, slot, PSEUDO_CALL.kfunc);
    setImm(code, slot, 0);
    references.push({ kind: 'kfunc', slot, name: symbol.name, btfId: found.type, weak: found.weak });
  }

  private load(
    one: ObjectFunction,
    code: Uint8Array,
    slot: number,
    relocation: ElfRelocation,
    calls: Call[],
    references: CodeReference[],
  ): void {
    const where = `${one.name}+${slot}`;
    if (relocation.type !== R_BPF_64_64)
      throw relocationUnsupported(where, `relocation ${relocation.type} of a 64-bit load`);
    const { symbols, referents } = this;
    const symbol = symbols.file.symbols[relocation.symbol]!;
    const addend = imm(code, slot);
    const offset = symbol.value + addend;
    if (typeof symbol.section !== 'number') {
      const found = referents.externs.byName.get(symbol.name);
      if (!found) throw symbolUndefined(symbol.name, where);
      if (found.kind === 'kconfig') {
        setMapValue(code, slot, found.offset + addend);
        references.push({ kind: 'map-value', slot, map: KCONFIG, offset: found.offset + addend });
      } else references.push({ kind: 'ksym', slot, name: symbol.name, btfId: found.type, weak: found.weak });
      return;
    }
    const section = symbols.file.sections[symbol.section]!;
    if (referents.maps.holds(symbol.section)) {
      const map = referents.maps.at(symbol.section, offset);
      if (map === undefined)
        throw relocationUnsupported(where, `byte ${offset} of section ${section.name} is used, where no map starts`);
      setSource(code, slot, PSEUDO_IMM64.map_fd);
      setImm(code, slot, 0);
      references.push({ kind: 'map', slot, map });
      return;
    }
    if (isCode(section)) {
      if (offset % 8 !== 0) throw relocationUnsupported(where, `the address ${offset} lies within an instruction`);
      const target = this.target(one, slot, symbol.section, offset / 8);
      setSource(code, slot, PSEUDO_IMM64.func);
      calls.push({ slot, target, address: true });
      return;
    }
    const map = referents.data.bySection.get(symbol.section);
    if (map === undefined)
      throw relocationUnsupported(
        where,
        `${symbol.name || 'data'} lies in section ${section.name}, which is no map`,
        'put variables into .data, .bss or .rodata, or sections whose names start so',
      );
    if (offset < 0 || offset > section.size)
      throw relocationUnsupported(where, `byte ${offset} lies outside of section ${section.name}`);
    setMapValue(code, slot, offset);
    references.push({ kind: 'map-value', slot, map, offset });
  }

  private target(one: ObjectFunction, slot: number, section: number, targetSlot: number): ObjectFunction {
    const target = this.symbols.functionAt(section, targetSlot);
    if (target) return target;
    const name = this.symbols.file.sections[section]!.name;
    throw relocationUnsupported(
      `${one.name}+${slot}`,
      `it calls slot ${targetSlot} of ${name}, where no function starts`,
    );
  }

  private relocationsOf(section: number): ElfRelocation[] {
    let list = this.relocations.get(section);
    if (!list) {
      list = [...this.symbols.file.sections[section]!.relocations].sort((a, b) => a.offset - b.offset);
      this.relocations.set(section, list);
    }
    return list;
  }
}

function imm(code: Uint8Array, slot: number): number {
  const at = slot * 8 + 4;
  return code[at]! | (code[at + 1]! << 8) | (code[at + 2]! << 16) | (code[at + 3]! << 24);
}

function setImm(code: Uint8Array, slot: number, value: number): void {
  new DataView(code.buffer, code.byteOffset).setInt32(slot * 8 + 4, value, true);
}

function setSource(code: Uint8Array, slot: number, source: number): void {
  code[slot * 8 + 1] = (code[slot * 8 + 1]! & 0x0f) | (source << 4);
}

/** The host puts the map into the first slot; the second says where in its value. */
function setMapValue(code: Uint8Array, slot: number, offset: number): void {
  setSource(code, slot, PSEUDO_IMM64.map_value);
  setImm(code, slot, 0);
  setImm(code, slot + 1, offset);
}

function bySlot<T extends { readonly slot: number }>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => a.slot - b.slot);
}

/** The elements of a sorted list whose places are in [start, start + length). */
function between<T>(list: readonly T[], start: number, length: number, placeOf: (one: T) => number): T[] {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (placeOf(list[middle]!) < start) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < list.length && placeOf(list[end]!) < start + length) end++;
  return list.slice(low, end);
}
