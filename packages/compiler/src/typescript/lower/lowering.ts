import { type Diagnostic, type Diagnostics, SkepError, type Span, suggest } from '@skep/base';
import type { Btf } from '@skep/object';
import type { ProbeContext } from '../contexts.ts';
import type { ModuleHome } from '../declarations.ts';
import * as say from '../diagnostics.ts';
import { placed } from '../origins.ts';
import { bare, type Expression, type Node, spanOf } from '../syntax.ts';
import { describe, type Type } from '../types.ts';
import { safe } from './c-names.ts';
import type { Value } from './value.ts';

/** A C function in the making: the program of a probe, or a function of the module for certain types of arguments. */
export class Lowering {
  lines: string[] = [];
  readonly shared: Shared;
  readonly context: ProbeContext | undefined;
  /** Of static functions: what `return` was given so far. */
  result: Type | undefined;
  /** The first of these, or the first that is no constant. */
  given: Value | undefined;
  readonly isHelper: boolean;
  scopes: Map<string, Local>[] = [new Map()];
  /** Something in it is wrong, and that was said. */
  failed = false;
  /** Constants that are known not to be undefined. */
  known = new Set<Local>();
  private made = 0;
  private place: number | undefined;

  constructor(shared: Shared, context: ProbeContext | undefined, helper: string | undefined) {
    this.shared = shared;
    this.context = context;
    this.isHelper = helper !== undefined;
  }

  bind(name: string, local: Local): void {
    this.scopes.at(-1)!.set(name, local);
  }

  get resultType(): Type | undefined {
    return this.result;
  }

  /** Goes on with the next statement after a problem, so that all are found. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof SkepError)) throw error;
      this.failed = true;
      // A function is made for several types of arguments; what is wrong with it is said once.
      for (const one of error.diagnostics) if (!this.wasSaid(one)) this.shared.diagnostics.add(one);
      return undefined;
    }
  }

  private wasSaid({ code, span }: Diagnostic): boolean {
    return this.shared.diagnostics.list.some(
      (one) => one.code === code && one.span?.file === span?.file && one.span?.start === span?.start,
    );
  }

  /** What an expression says and what it needs said before, apart from what was said. */
  aside<T>(work: () => T): { value: T; lines: string[] } {
    const outer = this.lines;
    this.lines = [];
    try {
      const value = work();
      return { value, lines: this.lines };
    } finally {
      this.lines = outer;
    }
  }

  unknown(name: string, node: Node) {
    const names = [...this.scopes.flatMap((one) => [...one.keys()]), ...this.shared.home.bindings.keys()];
    return say.unknownName(name, suggest(name, names), this.span(node));
  }

  declare(type: string, name: string, c: string): string {
    const kept = this.name(name);
    this.emit(`${type} ${kept} = ${c};`);
    return kept;
  }

  defined(value: Value, what: string, node: Node): Value {
    if (value.ok !== undefined)
      this.fail(
        say.maybeUndefined(
          what === 'this' || what.startsWith('the ') ? `\`${this.text(node)}\`` : what,
          this.span(node),
        ),
      );
    if (value.type.kind === 'undefined') this.fail(say.wrongType('undefined', 'a value', this.span(node)));
    return value;
  }

  number(given: Value, node: Node): Value {
    const value = this.defined(given, 'this', node);
    if (value.type.kind !== 'number') this.fail(say.wrongType(describe(value.type), 'number', this.span(node)));
    return value;
  }

  local(name: string): Local | undefined {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const found = this.scopes[i]!.get(name);
      if (found) return found;
    }
    return undefined;
  }

  localOf(given: Expression): Local | undefined {
    const node = bare(given);
    return node.type === 'Identifier' ? this.local(node.name) : undefined;
  }

  name(of: string): string {
    return `${safe(of)}_${++this.made}`;
  }

  emit(line: string): void {
    this.lines.push(placed(`  ${line}`, this.shared.home.index, this.place));
  }

  /** What follows stands for this place in the file. */
  at(node: Node): void {
    this.place = node.start ?? undefined;
  }

  /** What the work says stands for this place, what follows for where it was. */
  within<T>(node: Node, work: () => T): T {
    const outer = this.place;
    this.at(node);
    const result = work();
    this.place = outer;
    return result;
  }

  span(node: Node): Span {
    return spanOf(this.shared.home.file, node);
  }

  text(node: Node): string {
    const text = this.shared.home.file.text.slice(node.start ?? 0, node.end ?? 0).replace(/\s+/g, ' ');
    return text.length > 40 ? `${text.slice(0, 39)}…` : text;
  }

  fail(diagnostic: ReturnType<typeof say.noProbes>): never {
    throw new SkepError(diagnostic);
  }
}

/** What functions of a module share. */
export interface Shared {
  /** The module of the function that is being made. */
  readonly home: ModuleHome;
  readonly diagnostics: Diagnostics;
  readonly btf: (() => Btf | undefined) | undefined;
  /** C names of maps, events and parameters. */
  readonly symbols: ReadonlyMap<string, string>;
  /** Static functions that were made so far, by name and types of arguments. */
  readonly functions: Map<string, Made>;
  /** Their texts, callees first. */
  readonly texts: string[];
  /** Maps that `take` and `add` are done on: one C function each. */
  readonly operations: Map<string, string>;
}

export interface Made {
  readonly name: string;
  /** Undefined while it is being made. */
  readonly result: Type | undefined;
  readonly busy: boolean;
  /** Something in it is wrong, and that was said. */
  readonly broken?: boolean;
}

export type Members = ReadonlyMap<string, { readonly value: Value; readonly node: Node }>;

export interface Local {
  /** `broken`: its declaration is wrong, and that was said. */
  readonly kind: 'const' | 'let' | 'counter' | 'broken';
  readonly value: Value;
  /** Of a constant that is an object written out: what it has. */
  readonly members?: Members;
}
