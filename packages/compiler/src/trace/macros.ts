import { SkepError, type Span } from '@skep/base';
import type { BlockNode, Expression, MacroNode, Script, Statement, TypeName } from './ast.ts';
import { badCall, tooManyExpansions, unhygienic } from './diagnostics.ts';

type Block = BlockNode & { readonly span: Span; readonly expandedAt?: readonly Span[] | undefined };

/** Macros of a script, by name; several may share one when they take different arguments. */
export class Macros {
  private readonly byName = new Map<string, MacroNode[]>();
  private readonly expanding: MacroNode[] = [];
  private count = 0;

  constructor(scripts: readonly Script[]) {
    for (const script of scripts) {
      for (const macro of script.macros) {
        const list = this.byName.get(macro.name) ?? [];
        list.push(macro);
        this.byName.set(macro.name, list);
      }
    }
  }

  get names(): Iterable<string> {
    return this.byName.keys();
  }

  /** A copy of a block in which every call of a macro is the macro's body. */
  expandBlock(block: Block): Block {
    return new Copy(this, undefined).block(block);
  }

  expandExpression(value: Expression): Expression {
    return new Copy(this, undefined).expression(value);
  }

  /** The body of the macro that a call means; undefined when it means none. */
  expand(name: string, args: readonly Expression[], span: Span, outer: readonly Span[]): Block | undefined {
    const list = this.byName.get(name);
    if (list === undefined) return undefined;
    const fitting = list.filter((one) => one.params.length === args.length);
    const macro =
      fitting.find((one) => one.params.every((param, i) => exactly(param.kind, args[i]!))) ??
      fitting.find((one) => one.params.every((param, i) => accepts(param.kind, args[i]!)));
    if (macro === undefined) {
      if (isBuiltIn(name)) return undefined;
      const wanted = list.map((one) => one.params.length).join(' or ');
      if (fitting.length === 0)
        throw new SkepError(
          badCall(`Call to macro ${name} has wrong number arguments. Expected: ${wanted} but got ${args.length}`, span),
        );
      const at = fitting[0]!.params.findIndex((param, i) => !accepts(param.kind, args[i]!));
      const param = fitting[0]!.params[at]!;
      throw new SkepError(
        badCall(
          `Mismatched arg to macro ${name}. Macro expects a ${param.kind} for parameter ${param.name}`,
          args[at]!.span,
          `pass a ${param.kind}`,
        ),
      );
    }
    // A macro of the user in whose body its own name stands means the built-in one there.
    if (this.expanding.includes(macro)) {
      if (isBuiltIn(name)) return undefined;
      throw new SkepError(tooManyExpansions(name, span));
    }
    this.expanding.push(macro);
    const bound = new Map(macro.params.map((param, i) => [param.name, args[i]!]));
    const copy = new Copy(this, { bound, suffix: `'${++this.count}`, at: [span, ...outer] });
    const body = copy.block(macro.body);
    this.expanding.pop();
    return body;
  }
}

let isBuiltIn: (name: string) => boolean = () => false;
/** Which names mean something without macros; set by the table of functions. */
export function setBuiltIns(test: (name: string) => boolean): void {
  isBuiltIn = test;
}

function exactly(kind: 'variable' | 'map' | 'expression', arg: Expression): boolean {
  return kind === 'expression' ? arg.kind !== 'variable' && arg.kind !== 'map' : arg.kind === kind;
}
function accepts(kind: 'variable' | 'map' | 'expression', arg: Expression): boolean {
  return kind === 'expression' || arg.kind === kind;
}

interface Expansion {
  readonly bound: ReadonlyMap<string, Expression>;
  /** Behind the names of the macro's own variables; it cannot be written in a script. */
  readonly suffix: string;
  readonly at: readonly Span[];
}

/** Copies a tree, with parameters replaced. */
class Copy {
  private readonly macros: Macros;
  private readonly expansion: Expansion | undefined;

  constructor(macros: Macros, expansion: Expansion | undefined) {
    this.macros = macros;
    this.expansion = expansion;
  }

  block(block: Block): Block {
    const statements = block.statements.map((one) => this.statement(one));
    return { ...this.here(block), statements, value: block.value && this.expression(block.value) };
  }

  private here<T extends { readonly span: Span; readonly expandedAt?: readonly Span[] | undefined }>(node: T): T {
    return this.expansion ? { ...node, expandedAt: this.expansion.at } : { ...node };
  }

  private statement(one: Statement): Statement {
    const node = this.here(one);
    switch (node.kind) {
      case 'expression':
        return { ...node, value: this.expression(node.value) };
      case 'assign':
        return {
          ...node,
          target: node.target.kind === 'name' ? node.target : this.expression(node.target),
          value: this.expression(node.value),
        };
      case 'let':
        return {
          ...node,
          variable: this.variable(node.variable),
          declared: node.declared && this.typeName(node.declared),
          value: node.value && this.expression(node.value),
        };
      case 'unroll':
        return { ...node, count: this.expression(node.count), body: this.block(node.body) };
      case 'while':
        return { ...node, condition: this.expression(node.condition), body: this.block(node.body) };
      case 'for': {
        const { over } = node;
        return {
          ...node,
          variable: this.variable(node.variable),
          over:
            over.kind === 'map'
              ? { kind: 'map', map: this.expression(over.map) }
              : { kind: 'range', from: this.expression(over.from), to: this.expression(over.to) },
          body: this.block(node.body),
        };
      }
      case 'return':
        return { ...node, value: node.value && this.expression(node.value) };
      default:
        return node;
    }
  }

  private variable<T extends Expression & { kind: 'variable' }>(node: T): T {
    const copy = this.expression(node);
    if (copy.kind !== 'variable') throw new SkepError(unhygienic(node.name, node.span));
    return copy as T;
  }

  expression(one: Expression): Expression {
    const node = this.here(one);
    const go = (value: Expression) => this.expression(value);
    switch (node.kind) {
      case 'variable': {
        const bound = this.expansion?.bound.get(node.name);
        if (bound) return clone(bound);
        return this.expansion ? { ...node, name: `${node.name}${this.expansion.suffix}` } : node;
      }
      case 'map': {
        const bound = this.expansion?.bound.get(node.name);
        if (bound) return clone(bound);
        if (this.expansion) throw new SkepError(unhygienic(node.name, node.span));
        return node;
      }
      case 'name': {
        const bound = this.expansion?.bound.get(node.name);
        if (bound) return clone(bound);
        return this.macros.expand(node.name, [], node.span, this.expansion?.at ?? []) ?? node;
      }
      case 'call': {
        const args = node.args.map(go);
        // Arguments were copied in their own place: the body takes them as they are.
        return this.macros.expand(node.name, args, node.span, this.expansion?.at ?? []) ?? { ...node, args };
      }
      case 'element': {
        const map = go(node.map);
        const key = go(node.key);
        if (map.kind !== 'map') return { kind: 'index', base: map, index: key, span: node.span };
        return { ...node, map, key };
      }
      case 'member':
        return { ...node, base: go(node.base) };
      case 'index':
        return { ...node, base: go(node.base), index: go(node.index) };
      case 'unary':
      case 'step':
      case 'comptime':
        return { ...node, operand: go(node.operand) };
      case 'binary':
        return { ...node, left: go(node.left), right: go(node.right) };
      case 'conditional':
        return {
          ...node,
          condition: go(node.condition),
          consequent: node.consequent && go(node.consequent),
          otherwise: go(node.otherwise),
        };
      case 'cast':
        return { ...node, to: this.typeName(node.to), operand: go(node.operand) };
      case 'tuple':
        return { ...node, items: node.items.map(go) };
      case 'record':
        return { ...node, fields: node.fields.map((field) => ({ name: field.name, value: go(field.value) })) };
      case 'block':
        return this.block(node);
      case 'ifElse':
        return {
          ...node,
          condition: go(node.condition),
          consequent: this.block(node.consequent),
          otherwise: node.otherwise && go(node.otherwise),
        };
      case 'sizeof':
      case 'typeinfo':
        return { ...node, of: this.typeOrExpression(node.of) };
      case 'offsetof':
        return { ...node, of: this.typeOrExpression(node.of) };
      case 'typeof':
        return { ...node, of: this.typeName(node.of) };
      default:
        return node;
    }
  }

  private typeOrExpression(of: TypeName | Expression): TypeName | Expression {
    return of.kind === 'type' ? this.typeName(of) : this.expression(of);
  }

  /** A bare name that is a parameter means what was passed: a type in `typeof`, or the type of an expression. */
  private typeName(type: TypeName): TypeName {
    const bound = type.base === undefined ? undefined : this.expansion?.bound.get(type.base);
    if (bound === undefined)
      return { ...type, typeofExpression: type.typeofExpression && this.expression(type.typeofExpression) };
    if (bound.kind === 'typeof')
      return { ...bound.of, modifiers: [...bound.of.modifiers, ...type.modifiers], span: type.span };
    return { ...type, base: undefined, typeofExpression: clone(bound) };
  }
}

/** What is put in place of a parameter stands there by itself: its types may differ from place to place. */
function clone<T>(node: T): T {
  if (Array.isArray(node)) return node.map(clone) as T;
  if (typeof node !== 'object' || node === null) return node;
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(node)) copy[name] = SHARED.has(name) ? value : clone(value);
  return copy as T;
}
const SHARED: ReadonlySet<string> = new Set(['span', 'nameSpan', 'expandedAt']);

/** Names as the script has them: those of macros carry a mark behind. */
export function shown(name: string): string {
  return name.replace(/'.*$/, '');
}
