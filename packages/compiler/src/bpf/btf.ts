import { lineText, positionOf, type Span } from '@skep/base';
import type { BtfBuilder, BtfExt, BtfId, BtfLinkage, CoreRelocation, FuncInfo, LineInfo } from '@skep/object';
import { bytesOf } from '../ir/constant.ts';
import type { Func, Global, IrType, Linkage, Module } from '../ir/ir.ts';
import type { EmittedFunction } from './emit.ts';
import { type CodeSection, type DataSection, isDeclaration } from './sections.ts';

/** Adds functions, variables and data sections to the module's types. Returns the ids of the functions. */
export function declareInBtf(
  module: Module,
  code: readonly CodeSection[],
  data: readonly DataSection[],
  externs: readonly (Func | Global)[],
): Map<Func, BtfId> {
  const { types } = module;
  const ids = new Map<Func, BtfId>();
  for (const section of code) {
    for (const { emitted } of section.functions) {
      const { func } = emitted;
      ids.set(func, declareFunction(types, func));
    }
  }
  for (const section of data) {
    const vars = section.globals
      .filter(({ global }) => global.type !== 0)
      .map(({ global, offset }) => ({ type: declareVariable(types, global), offset, size: global.size }));
    if (vars.length > 0) types.add({ kind: 'datasec', name: section.name, size: section.size, vars });
  }
  // Where the kernel's externs lie is for the loader to say, where other files' lie for the linker: those have no section.
  const bySection = new Map<string, { type: BtfId; offset: number; size: number }[]>();
  for (const symbol of externs) {
    if (symbol.kind === 'global' && symbol.type === 0) continue;
    const type = symbol.kind === 'func' ? declareFunction(types, symbol) : declareVariable(types, symbol);
    const name = symbol.section;
    if (name === undefined || DEFAULT_SECTIONS.has(name)) continue;
    const list = bySection.get(name) ?? [];
    bySection.set(name, list);
    list.push({ type, offset: 0, size: symbol.kind === 'func' ? 0 : symbol.size });
  }
  for (const [name, vars] of bySection) if (vars.length > 0) types.add({ kind: 'datasec', name, size: 0, vars });
  return ids;
}

/** Where variables go that name no section. */
const DEFAULT_SECTIONS: ReadonlySet<string> = new Set(['.data', '.bss', '.rodata']);

/** Functions, lines and CO-RE relocations by section; the first instruction of each function has a line. */
export function debugInfo(
  code: readonly CodeSection[],
  ids: ReadonlyMap<Func, BtfId>,
  fileName: string,
  options: LineOptions = {},
): BtfExt {
  const sections = new Map<string, { funcs: FuncInfo[]; lines: LineInfo[]; core: CoreRelocation[] }>();
  for (const section of code) {
    const funcs: FuncInfo[] = [];
    const lines: LineInfo[] = [];
    const core: CoreRelocation[] = [];
    for (const { emitted, slot } of section.functions) {
      funcs.push({ slot, type: ids.get(emitted.func)! });
      for (const line of lineInfoOf(emitted, fileName, options)) lines.push({ ...line, slot: slot + line.slot });
      for (const one of emitted.core) {
        const { root, access, relocation } = one.core;
        core.push({ slot: slot + one.slot, type: root, access, kind: relocation });
      }
    }
    sections.set(section.name, { funcs, lines, core });
  }
  return { sections };
}

export interface LineOptions {
  /** An entry for every change of column, not only of line. */
  readonly columns?: boolean | undefined;
  /** Where a place comes from, in C that was made of another file; undefined of what stands for nothing there. */
  readonly origin?: ((span: Span) => Span | undefined) | undefined;
}

/** Slots count from the start of the function. */
export function lineInfoOf(
  emitted: EmittedFunction,
  fileName: string,
  { columns = false, origin }: LineOptions = {},
): LineInfo[] {
  const lines: LineInfo[] = [];
  const { starts, func } = emitted;
  const spans = origin ? emitted.spans.map((span) => span && origin(span)) : emitted.spans;
  const first = spans[0] ?? (origin ? undefined : func.span) ?? spans.find((span) => span !== undefined);
  let last: typeof first;
  let line = -1;
  for (const [i, own] of spans.entries()) {
    const span = i === 0 ? first : own;
    if (span === undefined) {
      if (i === 0) lines.push({ slot: 0, file: fileName, text: '', line: 0, column: 0 });
      continue;
    }
    if (span === last) continue;
    const position = positionOf(span.file, span.start);
    const sameFile = last !== undefined && last.file === span.file;
    last = span;
    if (sameFile && position.line === line && !columns) continue;
    line = position.line;
    lines.push({
      slot: starts[i]!,
      file: span.file.name,
      text: lineText(span.file, line),
      line,
      column: position.column,
    });
  }
  return lines;
}

const LINKAGES: Readonly<Record<Linkage, BtfLinkage>> = {
  global: 'global',
  weak: 'global',
  static: 'static',
  extern: 'extern',
};

function declareFunction(types: BtfBuilder, func: Func): BtfId {
  const linkage = func.blocks.length === 0 ? 'extern' : LINKAGES[func.linkage];
  const id = types.add({ kind: 'func', name: func.name, type: namedPrototype(types, func), linkage });
  for (const { component, value } of func.declTags) types.add({ kind: 'decl_tag', name: value, type: id, component });
  return id;
}

/** The kernel refuses the BTF when a parameter of a function has no name. */
function namedPrototype(types: BtfBuilder, func: Func): BtfId {
  if (func.type === 0) {
    const params = func.params.map((param, i) => ({
      name: param.name ?? `arg${i + 1}`,
      type: scalarType(types, param.type),
    }));
    return types.add({ kind: 'func_proto', result: scalarType(types, func.result), params });
  }
  const proto = types.type(func.type);
  if (proto.kind !== 'func_proto' || proto.params.every((param) => param.name !== '' || param.type === 0))
    return func.type;
  const params = proto.params.map((param, i) =>
    param.name !== '' || param.type === 0 ? param : { ...param, name: func.params[i]?.name ?? `arg${i + 1}` },
  );
  return types.add({ ...proto, params });
}

/** For functions that were made without C types. */
function scalarType(types: BtfBuilder, type: IrType): BtfId {
  if (type === 'void') return 0;
  if (type === 'ptr') return types.add({ kind: 'ptr', type: 0 });
  const size = bytesOf(type);
  return types.add({
    kind: 'int',
    name: `u${size * 8}`,
    size,
    bits: size * 8,
    offset: 0,
    signed: false,
    char: false,
    bool: false,
  });
}

function declareVariable(types: BtfBuilder, global: Global): BtfId {
  const id = types.add({
    kind: 'var',
    name: global.name,
    type: global.type,
    linkage: isDeclaration(global) ? 'extern' : LINKAGES[global.linkage],
  });
  for (const { component, value } of global.declTags) types.add({ kind: 'decl_tag', name: value, type: id, component });
  return id;
}
