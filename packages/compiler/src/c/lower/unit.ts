import type { Diagnostics } from '@skep/base';
import { BtfBuilder } from '@skep/object';
import { createFunc, createParam } from '../../ir/build.ts';
import type { Func, Global, Linkage, Module, Param } from '../../ir/ir.ts';
import { loopTailRecursion } from '../../optimise/index.ts';
import type { DeclAttributes, FunctionDecl, TranslationUnit, VariableDecl } from '../ast.ts';
import { asFunction } from '../types.ts';
import { BtfTypes } from './btf-types.ts';
import { dataAmongCode } from './diagnostics.ts';
import { lowerFunction } from './function.ts';
import { fillGlobal, openGlobal, openString } from './globals.ts';
import { refuseRecursion } from './recursion.ts';
import { irTypeOf, isAggregate } from './types.ts';

/** Where the file's functions and variables become the module's. */
export interface Unit {
  readonly module: Module;
  readonly types: BtfTypes;
  readonly diagnostics: Diagnostics;
  /** Variables are asked for: their memory says which it is. */
  readonly notesVariables: boolean;
  funcOf(decl: FunctionDecl): Func;
  globalOf(variable: VariableDecl, owner?: string): Global;
  /** The literal's bytes in `.rodata.str1.1`; equal literals share one global. */
  stringOf(bytes: Uint8Array): Global;
  /** A constant without a name in C, in `.rodata`. */
  constantOf(name: string, bytes: Uint8Array, align: number): Global;
  /** What is declared nowhere: a name in the object, for its loader to fill in. */
  undefinedSymbol(name: string): Global;
}

/**
 * The typed tree as IR. Lowered is what an object must hold: functions and variables with external linkage or `used`,
 * and what they reach. Problems go to `diagnostics`; when it has errors the module is incomplete.
 */
export function lower(
  tree: TranslationUnit,
  name: string,
  diagnostics: Diagnostics,
  { variables = false }: { readonly variables?: boolean } = {},
): Module {
  const unit = new UnitLowering(tree, name, diagnostics, variables);
  return unit.run();
}

class UnitLowering implements Unit {
  readonly module: Module;
  readonly types: BtfTypes;
  readonly diagnostics: Diagnostics;
  readonly notesVariables: boolean;
  private readonly tree: TranslationUnit;
  private readonly funcs = new Map<FunctionDecl, Func>();
  private readonly variables = new Map<VariableDecl, Global>();
  private readonly externs = new Map<string, VariableDecl>();
  private readonly undefinedSymbols = new Map<string, Global>();
  private readonly strings = new Map<string, Global>();
  private readonly names = new Set<string>();
  private readonly pending: FunctionDecl[] = [];

  constructor(tree: TranslationUnit, name: string, diagnostics: Diagnostics, variables: boolean) {
    this.tree = tree;
    this.notesVariables = variables;
    this.diagnostics = diagnostics;
    const builder = new BtfBuilder();
    this.module = { name, functions: [], globals: [], types: builder };
    this.types = new BtfTypes(builder);
  }

  run(): Module {
    for (const decl of this.tree.functions) {
      if (decl.body !== undefined && (decl.storage === 'extern' || decl.attributes.used)) this.funcOf(decl);
    }
    for (const variable of this.tree.variables) {
      const kept = variable.storage === 'global' || (variable.storage === 'static' && variable.attributes.used);
      if (kept) this.globalOf(variable);
    }
    for (let decl = this.pending.pop(); decl !== undefined; decl = this.pending.pop()) {
      lowerFunction(this, decl, this.funcs.get(decl)!);
    }
    this.arrange();
    for (const func of this.module.functions) loopTailRecursion(func);
    refuseRecursion(this.module, this.diagnostics);
    return this.module;
  }

  funcOf(decl: FunctionDecl): Func {
    const known = this.funcs.get(decl);
    if (known !== undefined) return known;
    const { attributes, body } = decl;
    const type = asFunction(decl.type)!;
    const { params, sret } = this.paramsOf(decl);
    const result = sret ? 'void' : (irTypeOf(type.result) ?? 'void');
    const mustInline = body !== undefined && this.mustInline(decl, params.length, sret);
    const func = createFunc(attributes.symbol ?? decl.name, {
      linkage: linkageOf(decl),
      hidden: attributes.hidden,
      used: attributes.used,
      section: attributes.section,
      inline: inliningOf(attributes, mustInline),
      naked: attributes.naked,
      params,
      result,
      declTags: [
        ...attributes.declTags.map((value) => ({ component: -1, value })),
        ...decl.params.flatMap((param, component) => param.attributes.declTags.map((value) => ({ component, value }))),
      ],
      span: decl.span,
    });
    // Most functions are inlined and never need a prototype in BTF, whose parameters may drag in half the kernel.
    let id: number | undefined;
    Object.defineProperty(func, 'type', {
      enumerable: true,
      configurable: true,
      get: () => {
        id ??= this.types.prototype(
          type,
          decl.params.map((param) => param.name),
        );
        return id;
      },
    });
    this.funcs.set(decl, func);
    if (body !== undefined) this.pending.push(decl);
    return func;
  }

  globalOf(declaration: VariableDecl, owner?: string): Global {
    const variable = this.canonical(declaration);
    const known = this.variables.get(variable);
    if (known !== undefined) return known;
    const plain = variable.attributes.symbol ?? variable.name;
    const wanted = owner === undefined ? plain : `${owner}.${plain}`;
    const global = openGlobal(this, variable, this.unique(wanted));
    this.variables.set(variable, global);
    fillGlobal(this, variable, global);
    return global;
  }

  stringOf(bytes: Uint8Array): Global {
    let key = '';
    for (const byte of bytes) key += String.fromCharCode(byte);
    let global = this.strings.get(key);
    if (global === undefined) {
      global = openString(this.unique('.L.str'), bytes);
      this.strings.set(key, global);
      this.module.globals.push(global);
    }
    return global;
  }

  constantOf(name: string, bytes: Uint8Array, align: number): Global {
    const global: Global = {
      kind: 'global',
      name: this.unique(name),
      linkage: 'static',
      hidden: false,
      section: '.rodata',
      size: bytes.length,
      align,
      init: bytes,
      relocations: [],
      type: 0,
      declTags: [],
      constant: true,
      span: undefined,
    };
    this.module.globals.push(global);
    return global;
  }

  undefinedSymbol(name: string): Global {
    let global = this.undefinedSymbols.get(name);
    if (global === undefined) {
      global = {
        kind: 'global',
        name,
        linkage: 'extern',
        hidden: false,
        section: '.data',
        size: 0,
        align: 1,
        init: undefined,
        relocations: [],
        type: 0,
        declTags: [],
        constant: false,
        span: undefined,
      };
      this.undefinedSymbols.set(name, global);
      this.module.globals.push(global);
    }
    return global;
  }

  /** Declarations in several blocks (`extern … __kconfig`) are one variable: its definition where there is one. */
  private canonical(variable: VariableDecl): VariableDecl {
    if (variable.storage !== 'extern') return variable;
    let first = this.externs.get(variable.name);
    if (first === undefined) {
      const { name } = variable;
      first = this.tree.variables.find((one) => one.storage === 'global' && one.name === name) ?? variable;
      this.externs.set(name, first);
    }
    return first;
  }

  private unique(name: string): string {
    let unique = name;
    for (let i = 1; this.names.has(unique); i++) unique = `${name}.${i}`;
    this.names.add(unique);
    return unique;
  }

  /** A struct result is written through a pointer that comes first; struct parameters are pointers to copies. */
  private paramsOf(decl: FunctionDecl): { params: Param[]; sret: boolean } {
    const type = asFunction(decl.type)!;
    const sret = isAggregate(type.result);
    const params: Param[] = sret ? [createParam('ptr', 'result')] : [];
    for (const [i, param] of type.params.entries()) {
      const ir = irTypeOf(param.type);
      const name = decl.params[i]?.name ?? param.name;
      const context = i === 0 && isEntry(decl) && ir === 'ptr';
      params.push(createParam(ir === undefined || ir === 'void' ? 'ptr' : ir, name, context ? 'context' : undefined));
    }
    return { params, sret };
  }

  /** What registers cannot pass can only be inlined; the parser lets static functions have it. */
  private mustInline(decl: FunctionDecl, count: number, sret: boolean): boolean {
    return sret || count > 5 || asFunction(decl.type)!.params.some((param) => isAggregate(param.type));
  }

  /** In the order of the source, so that the object does not depend on the order of lowering. */
  private arrange(): void {
    const { functions, globals } = this.module;
    for (const decl of this.tree.functions) {
      const func = this.funcs.get(decl);
      if (func !== undefined) functions.push(func);
    }
    const named: Global[] = [];
    const placed = new Set<Global>();
    const place = (variable: VariableDecl) => {
      const global = this.variables.get(variable);
      if (global === undefined || placed.has(global)) return;
      placed.add(global);
      named.push(global);
    };
    for (const variable of this.tree.variables) place(variable);
    for (const decl of this.tree.functions) if (this.funcs.has(decl)) decl.locals.forEach(place);
    for (const variable of this.variables.keys()) place(variable);
    globals.unshift(...named);
    this.refuseMixedSections();
  }

  /** A section holds code or data: no linker and no loader takes both. */
  private refuseMixedSections(): void {
    const code = new Map<string, string>();
    for (const { section, name, blocks } of this.module.functions)
      if (section !== undefined && blocks.length > 0 && !code.has(section)) code.set(section, name);
    for (const { name, section, span, linkage } of this.module.globals) {
      const func = linkage === 'extern' ? undefined : code.get(section);
      if (func !== undefined) this.diagnostics.add(dataAmongCode(name, section, func, span));
    }
  }
}

function inliningOf(attributes: DeclAttributes, must: boolean): Func['inline'] {
  if (attributes.naked) return 'never';
  if (attributes.alwaysInline || must) return 'always';
  return attributes.noinline ? 'never' : 'auto';
}

function linkageOf(decl: FunctionDecl): Linkage {
  if (decl.attributes.weak) return 'weak';
  if (decl.body === undefined) return 'extern';
  return decl.storage === 'static' ? 'static' : 'global';
}

/** An entry program: its section says what it is attached to, and its first parameter is the context. */
function isEntry(decl: FunctionDecl): boolean {
  const { section } = decl.attributes;
  return section !== undefined && !section.startsWith('.') && decl.body !== undefined;
}
