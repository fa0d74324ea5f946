import type { Func, Global, Module } from '../ir/ir.ts';
import type { EmittedFunction } from './emit.ts';

/** Functions of one `SEC`, one after the other. */
export interface CodeSection {
  readonly name: string;
  readonly functions: { readonly emitted: EmittedFunction; readonly slot: number }[];
  /** 8-byte slots. */
  slots: number;
}

/** Variables of one section, each at its aligned offset. */
export interface DataSection {
  readonly name: string;
  readonly globals: { readonly global: Global; readonly offset: number }[];
  size: number;
  align: number;
  /** Nothing but zeros, which the file does not hold. */
  readonly zeros: boolean;
}

export interface Sections {
  readonly code: readonly CodeSection[];
  readonly data: readonly DataSection[];
  /** Declared elsewhere, and used. */
  readonly externs: readonly (Func | Global)[];
}

/**
 * Puts functions and variables into their sections: subprograms into `.text`, which comes first. Static ones that nobody
 * refers to are left out, unless a section of their own says that somebody outside looks for them.
 */
export function layoutSections(module: Module, functions: ReadonlyMap<Func, EmittedFunction>): Sections {
  const used = usedSymbols(module, functions);
  const code = new Map<string, CodeSection>();
  const text: CodeSection = { name: '.text', functions: [], slots: 0 };
  code.set('.text', text);
  const externs: (Func | Global)[] = [];
  for (const func of module.functions) {
    if (!used.has(func)) continue;
    const emitted = functions.get(func);
    if (emitted === undefined) {
      externs.push(func);
      continue;
    }
    const name = func.section ?? '.text';
    let section = code.get(name);
    if (section === undefined) {
      section = { name, functions: [], slots: 0 };
      code.set(name, section);
    }
    section.functions.push({ emitted, slot: section.slots });
    section.slots += emitted.slots;
  }
  if (text.functions.length === 0) code.delete('.text');
  const data = new Map<string, DataSection>();
  for (const global of module.globals) {
    if (!used.has(global)) continue;
    if (isDeclaration(global)) {
      externs.push(global);
      continue;
    }
    let section = data.get(global.section);
    if (section === undefined) {
      const peers = module.globals.filter((one) => one.section === global.section && !isDeclaration(one));
      const zeros = isZeroSection(global.section) && peers.every((one) => one.init === undefined);
      section = { name: global.section, globals: [], size: 0, align: 1, zeros };
      data.set(global.section, section);
    }
    const align = Math.max(1, global.align);
    const offset = Math.ceil(section.size / align) * align;
    section.globals.push({ global, offset });
    section.size = offset + global.size;
    section.align = Math.max(section.align, align);
  }
  return { code: [...code.values()], data: [...data.values()], externs };
}

/** The kernel or its configuration has it; `weak` there says that it may be missing. */
export function isDeclaration(global: Global): boolean {
  return global.linkage === 'extern' || global.section === '.ksyms' || global.section === '.kconfig';
}

function isZeroSection(name: string): boolean {
  return name === '.bss' || name.startsWith('.bss.');
}

function usedSymbols(module: Module, functions: ReadonlyMap<Func, EmittedFunction>): Set<Func | Global> {
  const used = new Set<Func | Global>();
  const work: (Func | Global)[] = [];
  const use = (symbol: Func | Global) => {
    if (used.has(symbol)) return;
    used.add(symbol);
    work.push(symbol);
  };
  for (const func of module.functions) {
    if (functions.has(func) && (func.linkage !== 'static' || func.section !== undefined)) use(func);
  }
  for (const global of module.globals) {
    if (isDeclaration(global)) continue;
    if (global.linkage !== 'static' || !isOrdinary(global.section)) use(global);
  }
  for (let symbol = work.pop(); symbol !== undefined; symbol = work.pop()) {
    if (symbol.kind === 'global') for (const one of symbol.relocations) use(one.target);
    else for (const fixup of functions.get(symbol)?.fixups ?? []) use(fixup.symbol);
  }
  return used;
}

/** Where a compiler puts variables of its own accord. */
function isOrdinary(section: string): boolean {
  return section === '.data' || section === '.bss' || section === '.rodata' || section.startsWith('.rodata.str');
}
