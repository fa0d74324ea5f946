import { SkepError } from '@skep/base';
import { AbbreviationCache } from './abbreviations.ts';
import { AT, TAG, UNIT } from './constants.ts';
import type { Entry } from './entry.ts';
import { type LineTable, readLines } from './line-program.ts';
import { readPackageIndex } from './split.ts';
import { type DebugType, TypeReader } from './types.ts';
import { type DebugSections, Unit } from './unit.ts';

/** Where debug information is: the sections of a program, or of the file that was split off it. */
export interface DebugFiles extends DebugSections {
  /** Sections of a file with units that were split off (`.dwo`), as the unit names it. */
  split?(name: string, directory: string): DebugSections | undefined;
  /** Sections of the package with all units that were split off (`.dwp`). */
  readonly package?: (() => DebugSections | undefined) | undefined;
}

/** A function, as debug information describes it. */
export interface DebugFunction {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: DebugType }[];
  readonly result: DebugType;
}

/** What runs at an address, innermost first: functions that were inlined, then the one that they are in. */
export interface DebugFrame {
  readonly function: string | undefined;
  readonly inlined: boolean;
  /** Of the source; for outer frames, where the inner one was called. */
  readonly file: string | undefined;
  readonly line: number | undefined;
}

/**
 * Debug information of a program (DWARF 2 to 5): parameters of its functions, its types, and which line of the source an
 * address comes from. Only units that are asked for are read; nothing is kept of the others than where they begin.
 */
export class DebugInfo {
  private readonly files: DebugFiles;
  private readonly abbreviations = new AbbreviationCache();
  private readonly types = new TypeReader((unit, offset) => this.entryAt(unit, offset));
  private readonly lines = new Map<Unit, LineTable>();
  private readonly splits = new Map<Unit, Unit>();
  private readonly infos = new Map<DebugSections, ReturnType<typeof readPackageIndex> | undefined>();
  private list: readonly Unit[] | undefined;

  constructor(files: DebugFiles) {
    this.files = files;
  }

  /** Whether there is any. */
  get present(): boolean {
    return this.files.section('.debug_info') !== undefined;
  }

  /** A function by its name, or by the one that the linker knows; the first that has a body. */
  function(name: string): DebugFunction | undefined {
    const entry = this.findFunction(name);
    return entry && this.describe(entry, name);
  }

  /** `struct foo`, `union bar`, `enum baz`, or a name of a typedef or base type. */
  type(name: string): DebugType | undefined {
    const [, word, plain] = /^(?:(struct|union|enum|class) )?(.+)$/.exec(name) ?? [];
    const tags = word === undefined ? [TAG.typedef, TAG.base, TAG.class] : TAGS[word]!;
    for (const unit of this.units()) {
      for (const entry of topLevel(unit)) {
        if (!(tags as readonly number[]).includes(entry.tag) || entry.value(AT.declaration) !== undefined) continue;
        if (entry.text(AT.name) === plain) return this.types.type(entry);
      }
    }
    return undefined;
  }

  /** Addresses, as the linker laid them out, where code of a line begins: of each stretch the first. */
  addressesOfLine(file: string, line: number): number[] {
    const found = new Set<number>();
    for (const unit of this.units()) {
      const { rows, files } = this.linesOf(unit);
      const wanted = files.map((one) => one === file || one.endsWith(`/${file}`));
      for (const [i, row] of rows.entries()) {
        if (row.line !== line || row.end || !row.statement || !wanted[row.file]) continue;
        const before = rows[i - 1];
        if (before && !before.end && before.line === line && before.file === row.file) continue;
        found.add(row.address);
      }
    }
    return [...found].sort((a, b) => a - b);
  }

  /** Addresses at which copies of an inlined function begin. */
  inlinedAt(name: string): number[] {
    const found = new Set<number>();
    for (const unit of this.units()) {
      const visit = (entry: Entry, depth: number): void => {
        if (depth > MAX_DEPTH) return;
        if (entry.tag === TAG.inlinedSubroutine && this.nameOf(entry) === name) {
          const [range] = entry.ranges;
          if (range) found.add(range[0]);
        }
        if (SCOPES.has(entry.tag)) for (const one of entry.children()) visit(one, depth + 1);
      };
      for (const entry of topLevel(unit)) visit(entry, 0);
    }
    return [...found].sort((a, b) => a - b);
  }

  /** The functions and lines that an address stands for; empty when nothing is known. */
  framesAt(address: number): DebugFrame[] {
    for (const unit of this.units()) {
      if (!this.covers(unit, address)) continue;
      const chain: Entry[] = [];
      for (const entry of topLevel(unit)) {
        if (entry.tag !== TAG.subprogram || !contains(entry, address)) continue;
        chain.push(entry);
        this.descend(entry, address, chain, 0);
        break;
      }
      const { rows, files } = this.linesOf(unit);
      let best: { file: number; line: number } | undefined;
      for (const [i, row] of rows.entries()) {
        const next = rows[i + 1];
        if (!row.end && row.address <= address && next && address < next.address) best = row;
      }
      let file = best && files[best.file];
      let line = best?.line;
      if (chain.length === 0 && best === undefined) continue;
      const frames: DebugFrame[] = [];
      for (const entry of chain.reverse()) {
        const inlined = entry.tag === TAG.inlinedSubroutine;
        frames.push({ function: this.nameOf(entry), inlined, file, line });
        if (!inlined) break;
        file = files[entry.number(AT.callFile) ?? -1];
        line = entry.number(AT.callLine);
      }
      return frames.length > 0 ? frames : [{ function: undefined, inlined: false, file, line }];
    }
    return [];
  }

  private descend(entry: Entry, address: number, chain: Entry[], depth: number): void {
    if (depth > MAX_DEPTH) return;
    for (const one of entry.children()) {
      if ((one.tag !== TAG.inlinedSubroutine && one.tag !== TAG.lexicalBlock) || !contains(one, address)) continue;
      if (one.tag === TAG.inlinedSubroutine) chain.push(one);
      this.descend(one, address, chain, depth + 1);
      return;
    }
  }

  private covers(unit: Unit, address: number): boolean {
    const root = (unit.skeleton ?? unit).root;
    if (root === undefined) return false;
    const ranges = root.ranges;
    return ranges.length === 0 || ranges.some(([low, high]) => address >= low && address < high);
  }

  private findFunction(name: string): Entry | undefined {
    let declared: Entry | undefined;
    for (const unit of this.units()) {
      for (const entry of topLevel(unit)) {
        if (entry.tag !== TAG.subprogram) continue;
        if (entry.text(AT.name) !== name && this.nameOf(entry) !== name && this.linkageName(entry) !== name) continue;
        if (entry.value(AT.lowPc) !== undefined || entry.value(AT.ranges) !== undefined) return entry;
        declared ??= entry;
      }
    }
    return declared;
  }

  private describe(entry: Entry, name: string): DebugFunction {
    const origin = this.origin(entry) ?? entry;
    const parametersOf = (one: Entry) => [...one.children()].filter((child) => child.tag === TAG.formalParameter);
    const own = parametersOf(entry);
    const parameters = (own.length > 0 ? own : parametersOf(origin)).map((one, i) => {
      const from = this.origin(one) ?? one;
      return {
        name: from.text(AT.name) ?? one.text(AT.name) ?? `arg${i}`,
        type: this.types.of(one.value(AT.type) === undefined ? from : one),
      };
    });
    return { name, parameters, result: this.types.of(entry.value(AT.type) === undefined ? origin : entry) };
  }

  /** What an entry is a copy or the body of. */
  private origin(entry: Entry): Entry | undefined {
    const offset = entry.value(AT.abstractOrigin) ?? entry.value(AT.specification);
    return typeof offset === 'number' ? this.entryAt(entry.unit, offset) : undefined;
  }

  private nameOf(entry: Entry): string | undefined {
    return this.lookUp(entry, AT.name);
  }

  private linkageName(entry: Entry): string | undefined {
    return this.lookUp(entry, AT.linkageName);
  }

  private lookUp(entry: Entry, name: number): string | undefined {
    let one: Entry | undefined = entry;
    for (let i = 0; one && i < 8; i++) {
      const text = one.text(name);
      if (text !== undefined) return text;
      one = this.origin(one);
    }
    return undefined;
  }

  private linesOf(unit: Unit): LineTable {
    let table = this.lines.get(unit);
    if (table === undefined) {
      const own = unit.skeleton ?? unit;
      const offset = own.root?.number(AT.stmtList);
      table = offset === undefined ? { rows: [], files: [] } : readLines(own, offset, own.root?.text(AT.compDir) ?? '');
      this.lines.set(unit, table);
    }
    return table;
  }

  private entryAt(unit: Unit, offset: number): Entry | undefined {
    if (offset >= unit.start && offset < unit.end) return unit.entry(offset);
    const other = this.units().find((one) => one.sections === unit.sections && offset >= one.start && offset < one.end);
    return other?.entry(offset);
  }

  /** All units, those that were split off in place of what stands for them. */
  private units(): readonly Unit[] {
    this.list ??= this.readUnits(this.files, '').map((one) => this.whole(one));
    return this.list;
  }

  private readUnits(sections: DebugSections, suffix: string, index?: ReturnType<typeof readPackageIndex>): Unit[] {
    const info = sections.section(`.debug_info${suffix}`);
    const found: Unit[] = [];
    const byStart = index && new Map([...index.values()].map((one) => [one.info, one]));
    for (let at = 0; info && at + 11 <= info.length; ) {
      const unit = new Unit(sections, suffix, info, at, byStart?.get(at), this.abbreviations);
      found.push(unit);
      at = unit.end;
    }
    return found;
  }

  private whole(unit: Unit): Unit {
    const { root } = unit;
    const name = root?.text(AT.dwoName) ?? root?.text(AT.gnuDwoName);
    if (name === undefined || unit.id === undefined || (unit.version === 5 && unit.kind !== UNIT.skeleton)) return unit;
    const known = this.splits.get(unit);
    if (known) return known;
    const made = this.splitUnit(unit, name, root?.text(AT.compDir) ?? '');
    if (made === undefined) return unit;
    made.skeleton = unit;
    this.splits.set(unit, made);
    return made;
  }

  private splitUnit(unit: Unit, name: string, directory: string): Unit | undefined {
    const sources = [this.files.split?.(name, directory), this.files.package?.()];
    for (const sections of sources) {
      if (sections === undefined) continue;
      try {
        if (!this.infos.has(sections)) {
          const index = sections.section('.debug_cu_index');
          this.infos.set(sections, index && readPackageIndex(index));
        }
        const found = this.readUnits(sections, '.dwo', this.infos.get(sections)).find((one) => one.id === unit.id);
        if (found) return found;
      } catch (error) {
        // What was split off may be of another build; the program itself still has its addresses.
        if (!(error instanceof SkepError)) throw error;
      }
    }
    return undefined;
  }
}

/** Entries below a unit and its namespaces. */
function* topLevel(unit: Unit): Generator<Entry> {
  const { root } = unit;
  if (root) yield* below(root, 0);
}

function* below(entry: Entry, depth: number): Generator<Entry> {
  for (const one of entry.children()) {
    yield one;
    if (one.tag === TAG.namespace && depth < MAX_DEPTH) yield* below(one, depth + 1);
  }
}

function contains(entry: Entry, address: number): boolean {
  return entry.ranges.some(([low, high]) => address >= low && address < high);
}

/** Deeper nesting than any program has. */
const MAX_DEPTH = 64;
const SCOPES: ReadonlySet<number> = /* @__PURE__ */ new Set([TAG.subprogram, TAG.lexicalBlock, TAG.inlinedSubroutine]);
const TAGS: Readonly<Record<string, readonly number[]>> = {
  struct: [TAG.structure, TAG.class],
  class: [TAG.class, TAG.structure],
  union: [TAG.union],
  enum: [TAG.enumeration],
};
