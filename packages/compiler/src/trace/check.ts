import { type Diagnostic, Diagnostics, SkepError, type Span, suggest } from '@skep/base';
import type { BlockNode, Expression, MapDeclaration, Statement, TypeName, VariableSymbol } from './ast.ts';
import type { CTypes } from './c-types.ts';
import { index, member } from './check/access.ts';
import { fold, isLiteral, positionalNumber } from './check/constants.ts';
import { binary, cast, step, unary } from './check/operators.ts';
import { Scopes } from './check/scopes.ts';
import { block } from './check/statements.ts';
import { baseType, sizeForCast } from './check/written-types.ts';
import type { TraceConfig } from './config.ts';
import { contextOf, type ProbeContext } from './context.ts';
import {
  badCall,
  keyMismatch,
  mapScalar,
  mismatch,
  notConstant,
  undefinedMap,
  undefinedVariable,
  unknownField,
  unknownFunction,
  unknownName,
  unknownType,
  unresolved,
  warning,
} from './diagnostics.ts';
import { FUNCTIONS, functionNames } from './functions/index.ts';
import type { Probe } from './probe.ts';
import type { TraceTarget } from './target.ts';
import {
  asNumber,
  BOOL,
  type IntType,
  literalType,
  NONE,
  pointer,
  promote,
  type StructType,
  sameType,
  showType,
  sizeOf,
  string,
  type TraceType,
} from './type.ts';

/** One program: an action with its probe. Its tree is its own. */
export interface ProgramUnit {
  readonly probe: Probe;
  readonly context: ProbeContext;
  readonly predicate: Expression | undefined;
  readonly body: BlockNode & { readonly span: Span };
  readonly name: string;
  /** Something asks how long stacks are. */
  readonly measuresStacks: boolean;
}

export interface MapInfo {
  readonly name: string;
  key: TraceType | undefined;
  scalar: boolean | undefined;
  value: TraceType | undefined;
  readonly span: Span;
  readonly declaration: MapDeclaration | undefined;
  used: boolean;
}

export interface CheckOptions {
  readonly target: TraceTarget;
  readonly types: CTypes;
  readonly config: TraceConfig;
  readonly positional: readonly string[];
  /** `--name=value` behind `--`. */
  readonly named: ReadonlyMap<string, string>;
  readonly unsafe: boolean;
  readonly childPid: number;
}

/**
 * Gives every expression its type. Types of variables and maps follow from all their uses: the trees are walked until
 * nothing changes, then once more to say what is wrong.
 */
export class Checker {
  readonly options: CheckOptions;
  readonly maps = new Map<string, MapInfo>();
  readonly diagnostics = new Diagnostics();
  readonly namedOptions = new Map<string, { summary: string | undefined }>();
  unit!: ProgramUnit;
  /** Errors count only in the last walk. */
  final = false;
  private changed = false;
  private symbols = 0;

  constructor(options: CheckOptions, declarations: readonly MapDeclaration[]) {
    this.options = options;
    for (const declaration of declarations) {
      if (!MAP_TYPES.includes(declaration.mapType))
        throw new SkepError(
          badCall(
            `Invalid bpf map type: ${declaration.mapType}`,
            declaration.span,
            `choose one of ${MAP_TYPES.join(', ')}`,
          ),
        );
      this.maps.set(declaration.name, {
        name: declaration.name,
        key: undefined,
        scalar: undefined,
        value: undefined,
        span: declaration.span,
        declaration,
        used: false,
      });
    }
  }

  /** Throws SkepError with everything that is wrong. */
  check(units: readonly ProgramUnit[]): void {
    for (const unit of units) {
      this.unit = unit;
      new Scopes(this, () => ++this.symbols).program(unit);
    }
    this.diagnostics.check();
    for (let round = 0; round < 60; round++) {
      this.changed = false;
      this.walk(units);
      if (!this.changed) break;
    }
    this.final = true;
    this.walk(units);
    for (const map of this.maps.values()) {
      if (!map.used) this.warn(`Unused map: ${map.name}`, map.span);
      else if (map.value === undefined) this.diagnostics.add(undefinedMap(map.name, map.span));
    }
    this.diagnostics.check();
  }

  private walk(units: readonly ProgramUnit[]): void {
    for (const unit of units) {
      this.unit = unit;
      if (unit.predicate) this.condition(unit.predicate);
      block(this, unit.body, true);
    }
  }

  report(diagnostic: Diagnostic): undefined {
    if (this.final) this.diagnostics.add(diagnostic);
    return undefined;
  }

  warn(message: string, span: Span, help?: string): void {
    if (this.final) this.diagnostics.add(warning(message, span, help));
  }

  setVariable(symbol: VariableSymbol, type: TraceType, span: Span): void {
    const before = symbol.type;
    const next = before === undefined ? type : promote(before, type);
    if (next === undefined) {
      this.report(
        mismatch(
          `Type mismatch for ${shown(symbol.name)}: trying to assign value of type '${showType(type)}' when variable already has a type '${showType(before!)}'`,
          span,
          'use another variable',
        ),
      );
      return;
    }
    if (before === undefined || !sameType(before, next)) {
      symbol.type = next;
      this.changed = true;
    }
  }

  setMapValue(map: MapInfo, type: TraceType, span: Span): void {
    const before = map.value;
    const next = before === undefined ? type : promote(before, type);
    if (next === undefined) {
      this.report(
        mismatch(
          `Type mismatch for ${map.name}: trying to assign value of type '${showType(type)}' when map already has a type '${showType(before!)}'`,
          span,
          'a map holds one kind of values',
        ),
      );
      return;
    }
    if (before === undefined || !sameType(before, next)) {
      map.value = next;
      this.changed = true;
    }
  }

  // Maps

  mapOf(node: Expression & { kind: 'map' }): MapInfo {
    let map = this.maps.get(node.name);
    if (map === undefined) {
      map = {
        name: node.name,
        key: undefined,
        scalar: undefined,
        value: undefined,
        span: node.span,
        declaration: undefined,
        used: true,
      };
      this.maps.set(node.name, map);
    }
    map.used = true;
    return map;
  }

  /** The map of `@x` or `@x[key]`, with its key noted. */
  access(node: Expression & { kind: 'map' | 'element' }): MapInfo | undefined {
    const map = this.mapOf(node.kind === 'map' ? node : node.map);
    if (node.kind === 'map') {
      if (map.scalar === false) {
        this.report(
          mapScalar(
            `${map.name} used as a map without an explicit key (scalar map), previously used with an explicit key (non-scalar map)`,
            node.span,
          ),
        );
        return undefined;
      }
      if (map.scalar === undefined) {
        map.scalar = true;
        this.changed = true;
      }
      return map;
    }
    if (map.scalar === true) {
      this.report(
        mapScalar(
          `${map.name} used as a map with an explicit key (non-scalar map), previously used without an explicit key (scalar map)`,
          node.span,
        ),
      );
      return undefined;
    }
    if (map.scalar === undefined) {
      map.scalar = false;
      this.changed = true;
    }
    const key = this.rvalue(node.key);
    if (key) this.noteKey(map, key, node.span);
    return map;
  }

  noteKey(map: MapInfo, key: TraceType, span: Span): void {
    if (
      key.kind === 'none' ||
      (key.kind === 'special' && (key.name === 'timestamp_mode' || key.name === 'stack_mode'))
    ) {
      this.report(mismatch(`${showType(key)} cannot be used as a map key`, span));
      return;
    }
    const before = map.key;
    const next = before === undefined ? key : promote(before, key);
    if (next === undefined) {
      this.report(keyMismatch(map.name, keyText(key), keyText(before!), span));
      return;
    }
    if (before === undefined || !sameType(before, next)) {
      map.key = next;
      this.changed = true;
    }
  }

  // Expressions

  condition(value: Expression): void {
    const type = this.rvalue(value);
    if (!type) return;
    if (type.kind !== 'int' && type.kind !== 'bool' && type.kind !== 'pointer')
      this.report(mismatch(`Invalid condition: ${showType(type)}`, value.span, 'compare it with something'));
  }

  /** The type of a value: an element of `count()` and its kind is a number. */
  rvalue(value: Expression): TraceType | undefined {
    if (value.kind === 'typeof')
      return this.report(mismatch('A type is not a value', value.span, 'write sizeof(type), or cast something to it'));
    const type = this.visit(value);
    return type && (aggregateCall(value) ? type : asNumber(type));
  }

  visit(node: Expression, statement = false): TraceType | undefined {
    const type = this.typeOf(node, statement);
    if (this.final && type === undefined && this.diagnostics.errors === 0) this.report(unresolved('this', node.span));
    if (type) node.type = type;
    return type;
  }

  private typeOf(node: Expression, statement: boolean): TraceType | undefined {
    switch (node.kind) {
      case 'int':
        return literalType(node.value);
      case 'string':
        return string(byteLength(node.value) + 1);
      case 'bool':
        return BOOL;
      case 'positional': {
        const literal = this.positional(node);
        return typeof literal === 'bigint' ? literalType(literal) : string(byteLength(literal) + 1);
      }
      case 'positionalCount':
        return literalType(BigInt(this.options.positional.length));
      case 'variable': {
        if (node.symbol === undefined) return undefined;
        if (node.symbol.type === undefined && this.final)
          return this.report(undefinedVariable(shown(node.name), node.span));
        return node.symbol.type;
      }
      case 'map':
      case 'element': {
        const map = this.access(node);
        if (map?.value === undefined && this.final && map) this.report(undefinedMap(map.name, node.span));
        return map?.value;
      }
      case 'name':
        return this.named(node);
      case 'call':
        return this.call(node);
      case 'member':
        return member(this, node);
      case 'index':
        return index(this, node);
      case 'unary':
        return unary(this, node);
      case 'step':
        return step(this, node);
      case 'binary': {
        const left = this.rvalue(node.left);
        const right = this.rvalue(node.right);
        if (!left || !right) return undefined;
        const value = this.constant(node);
        if (
          value !== undefined &&
          left.kind === 'int' &&
          right.kind === 'int' &&
          !COMPARES.has(node.op) &&
          isLiteral(node.left) &&
          isLiteral(node.right)
        )
          return literalType(value);
        return binary(this, node.op, left, right, node.span);
      }
      case 'conditional': {
        this.condition(node.condition);
        const then = node.consequent
          ? this.rvalue(node.consequent)
          : node.condition.type && asNumber(node.condition.type);
        const otherwise = this.rvalue(node.otherwise);
        if (!then || !otherwise) return then ?? otherwise;
        if (then.kind === 'none' && otherwise.kind === 'none') return NONE;
        return (
          promote(then, otherwise) ??
          this.report(
            mismatch(
              `Branches must return the same type or compatible types: have '${showType(then)}' and '${showType(otherwise)}'`,
              node.span,
            ),
          )
        );
      }
      case 'cast':
        return cast(this, node);
      case 'tuple': {
        const items = node.items.map((one) => this.rvalue(one));
        for (const [i, item] of items.entries())
          if (item?.kind === 'none')
            this.report(mismatch('Map type none cannot exist inside a tuple.', node.items[i]!.span));
        return items.includes(undefined) ? undefined : { kind: 'tuple', items: items as TraceType[] };
      }
      case 'record': {
        const fields = node.fields.map((one) => ({ name: one.name, type: this.rvalue(one.value) }));
        return fields.some((one) => one.type === undefined)
          ? undefined
          : { kind: 'record', fields: fields as { name: string; type: TraceType }[] };
      }
      case 'block':
        return block(this, node, statement);
      case 'ifElse': {
        const known = node.condition.kind === 'comptime' ? this.comptime(node.condition) : undefined;
        if (known !== undefined) {
          if (known) return block(this, node.consequent, statement);
          return node.otherwise ? this.visit(node.otherwise, statement) : NONE;
        }
        this.condition(node.condition);
        const then = block(this, node.consequent, statement);
        const otherwise = node.otherwise ? this.visit(node.otherwise, statement) : NONE;
        if (statement || !otherwise) return statement ? NONE : undefined;
        if (then.kind === 'none' || otherwise.kind === 'none') return NONE;
        return (
          promote(then, otherwise) ??
          this.report(
            mismatch(
              `Branches must return the same type or compatible types: have '${showType(then)}' and '${showType(otherwise)}'`,
              node.span,
            ),
          )
        );
      }
      case 'sizeof': {
        const type = this.typeOrExpression(node.of);
        return type && literalType(BigInt(sizeOf(type)));
      }
      case 'offsetof': {
        const value = this.offset(node);
        return value === undefined ? undefined : literalType(BigInt(value));
      }
      case 'typeinfo': {
        const type = this.typeOrExpression(node.of);
        return (
          type && {
            kind: 'record',
            fields: [
              { name: 'btf_id', type: literalType(0n) },
              { name: 'base_type', type: string(baseName(type).length + 1) },
              { name: 'full_type', type: string(showType(type).length + 1) },
            ],
          }
        );
      }
      case 'typeof':
        return this.typeNamed(node.of, false);
      case 'comptime': {
        const type = this.rvalue(node.operand);
        if (
          this.final &&
          this.constant(node.operand) === undefined &&
          node.operand.kind !== 'string' &&
          this.textOf(node.operand) === undefined
        )
          this.report(notConstant('what stands behind comptime', node.operand.span));
        return type;
      }
    }
  }

  /** What a condition known before the program runs is; undefined when it is not known yet. */
  comptime(node: Expression): boolean | undefined {
    if (node.kind !== 'comptime') return undefined;
    this.rvalue(node.operand);
    const value = this.constant(node.operand);
    return value === undefined ? undefined : value !== 0n;
  }

  positional(node: Expression & { kind: 'positional' }): bigint | string {
    const text = this.options.positional[node.index - 1];
    if (text === undefined) return 0n;
    return positionalNumber(text) ?? text;
  }

  private named(node: Expression & { kind: 'name' }): TraceType | undefined {
    const { name } = node;
    const found = FUNCTIONS.get(name);
    if (found && !found.onlyCalled) return found.check(this, { ...node, kind: 'call', args: [] });
    const parameter = /^(s?)arg(\d+)$/.exec(name);
    if (parameter) return FUNCTIONS.get('arg0')!.check(this, { ...node, kind: 'call', args: [] });
    const constant = this.options.types.constant(name);
    if (constant) return constant.kind === 'int' ? constant.type : string(byteLength(constant.value) + 1);
    return this.report(unknownName(name, node.span, suggest(name, functionNames())));
  }

  private call(node: Expression & { kind: 'call' }): TraceType | undefined {
    const found = FUNCTIONS.get(node.name);
    if (found === undefined) {
      for (const arg of node.args) this.visit(arg);
      return this.report(unknownFunction(node.name, node.span, suggest(node.name, functionNames())));
    }
    const [least, most] = found.arity;
    if (node.args.length < least || node.args.length > most) {
      const wanted =
        least === most
          ? `${least} argument${least === 1 ? '' : 's'}`
          : node.args.length < least
            ? `at least ${least} argument${least === 1 ? '' : 's'}`
            : `up to ${most} argument${most === 1 ? '' : 's'}`;
      return this.report(
        badCall(
          `${node.name}() requires ${wanted} (${node.args.length} provided)`,
          node.span,
          `it is called as ${found.signature}`,
        ),
      );
    }
    return found.check(this, node);
  }

  // Types as written

  /** `report`: say so when there is none. `from` gives the size of `[]`. */
  typeNamed(name: TypeName, report: boolean, from?: TraceType): TraceType | undefined {
    let type: TraceType | undefined;
    if (name.typeofExpression) {
      type = this.visit(name.typeofExpression);
      // The type of a map by itself is that of its keys.
      if (name.typeofExpression.kind === 'map') {
        const map = this.maps.get(name.typeofExpression.name);
        type = map?.scalar === false ? map.key : type;
      }
      type = type && asNumber(type);
    } else if (name.base !== undefined) {
      type = baseType(this, name.base);
      if (type === undefined && report) return this.report(unknownType(name.base, name.span));
    }
    for (const modifier of name.modifiers) {
      if (type === undefined) return undefined;
      if (modifier === '*') type = pointer(type, 'none');
      else if (type.kind === 'string' && type.size === 0) type = string(modifier ?? 0);
      else if (type.kind === 'buffer' && type.size === 0) type = { kind: 'buffer', size: modifier ?? 0 };
      else {
        const size = sizeOf(type);
        const count: number = modifier ?? (from && size > 0 ? Math.floor(sizeForCast(from) / size) : 0);
        type = { kind: 'array', of: type, count };
      }
    }
    return type;
  }

  typeOrExpression(of: TypeName | Expression): TraceType | undefined {
    const type = of.kind === 'type' ? this.typeNamed(of, true) : this.visit(of);
    return type && asNumber(type);
  }

  offset(node: Expression & { kind: 'offsetof' }): number | undefined {
    let type = this.typeOrExpression(node.of);
    let at = 0;
    for (const name of node.path) {
      if (type === undefined) return undefined;
      if (type.kind === 'pointer') type = type.to;
      if (type.kind === 'record') {
        this.report(mismatch('offsetof works on structs', node.span));
        return undefined;
      }
      if (type.kind !== 'struct') return this.report(mismatch(`'${showType(type)}' is not a C type.`, node.span));
      const fields: ReturnType<StructType['fields']> = type.fields();
      const field = fields.find((one) => one.name === name);
      if (!field)
        return this.report(
          unknownField(
            `'${type.name}'`,
            name,
            node.span,
            suggest(
              name,
              fields.map((one) => one.name),
            ),
          ),
        );
      at += field.offset;
      type = field.type;
    }
    return at;
  }

  // What is known before the program runs

  /** The value of an integer expression made of literals. */
  constant(node: Expression): bigint | undefined {
    switch (node.kind) {
      case 'int':
        return node.value;
      case 'bool':
        return node.value ? 1n : 0n;
      case 'positional': {
        const value = this.positional(node);
        return typeof value === 'bigint' ? value : undefined;
      }
      case 'positionalCount':
        return BigInt(this.options.positional.length);
      case 'name': {
        if (FUNCTIONS.has(node.name))
          return FUNCTIONS.get(node.name)!.constant?.(this, { ...node, kind: 'call', args: [] });
        const constant = /^s?arg\d+$/.test(node.name) ? undefined : this.options.types.constant(node.name);
        return constant?.kind === 'int' ? constant.value : undefined;
      }
      case 'call':
        return FUNCTIONS.get(node.name)?.constant?.(this, node);
      case 'sizeof': {
        const type = this.typeOrExpression(node.of);
        return type && BigInt(sizeOf(type));
      }
      case 'offsetof': {
        const value = this.offset(node);
        return value === undefined ? undefined : BigInt(value);
      }
      case 'comptime':
        return this.constant(node.operand);
      case 'block':
        return node.statements.length === 0 && node.value ? this.constant(node.value) : undefined;
      case 'cast': {
        const value = this.constant(node.operand);
        const type = node.type;
        if (value === undefined || type?.kind !== 'int') return undefined;
        return type.signed ? BigInt.asIntN(type.size * 8, value) : BigInt.asUintN(type.size * 8, value);
      }
      case 'unary': {
        const value = this.constant(node.operand);
        if (value === undefined) return undefined;
        if (node.op === '-') return -value;
        if (node.op === '+') return value;
        if (node.op === '~') return ~value;
        return node.op === '!' ? (value === 0n ? 1n : 0n) : undefined;
      }
      case 'conditional': {
        const condition = this.constant(node.condition);
        if (condition === undefined) return undefined;
        return condition !== 0n
          ? node.consequent
            ? this.constant(node.consequent)
            : condition
          : this.constant(node.otherwise);
      }
      case 'binary': {
        const left = this.constant(node.left);
        const right = this.constant(node.right);
        if (left !== undefined && right !== undefined) return fold(node.op, left, right);
        if (left !== undefined && ((node.op === '&&' && left === 0n) || (node.op === '||' && left !== 0n)))
          return node.op === '||' ? 1n : 0n;
        if (node.op === '==' || node.op === '!=') {
          const [a, b] = [this.textOf(node.left), this.textOf(node.right)];
          if (a !== undefined && b !== undefined) return (a === b) === (node.op === '==') ? 1n : 0n;
          const [s, t] = [node.left, node.right];
          if (s.kind === 'typeinfo' && t.kind === 'typeinfo') {
            const [x, y] = [this.typeOrExpression(s.of), this.typeOrExpression(t.of)];
            if (x && y) return (showType(x) === showType(y)) === (node.op === '==') ? 1n : 0n;
          }
        }
        return undefined;
      }
      default:
        return undefined;
    }
  }

  /** The text of a string expression made of literals. */
  textOf(node: Expression): string | undefined {
    switch (node.kind) {
      case 'string':
        return node.value;
      case 'positional': {
        const value = this.positional(node);
        return typeof value === 'string' ? value : undefined;
      }
      case 'comptime':
        return this.textOf(node.operand);
      case 'name': {
        if (FUNCTIONS.has(node.name))
          return FUNCTIONS.get(node.name)!.text?.(this, { ...node, kind: 'call', args: [] });
        const constant = /^s?arg\d+$/.test(node.name) ? undefined : this.options.types.constant(node.name);
        return constant?.kind === 'string' ? constant.value : undefined;
      }
      case 'call':
        return FUNCTIONS.get(node.name)?.text?.(this, node);
      case 'block':
        return node.statements.length === 0 && node.value ? this.textOf(node.value) : undefined;
      case 'conditional': {
        const condition = this.constant(node.condition);
        if (condition === undefined) return undefined;
        return condition !== 0n ? node.consequent && this.textOf(node.consequent) : this.textOf(node.otherwise);
      }
      case 'member': {
        if (node.base.kind !== 'typeinfo') return undefined;
        const type = this.typeOrExpression(node.base.of);
        return (
          type &&
          (node.name === 'base_type' || node.name === 'base_ty'
            ? baseName(type)
            : node.name === 'full_type' || node.name === 'full_ty'
              ? showType(type)
              : undefined)
        );
      }
      default:
        return undefined;
    }
  }
}

/** Whether the body of a loop becomes a function that the kernel calls: loops over maps, and those without fixed ends. */
export function isCallback(loop: Statement & { kind: 'for' }): boolean {
  if (loop.over.kind === 'map') return true;
  const { from, to } = loop.over;
  return !(from.kind === 'int' && to.kind === 'int' && to.value - from.value <= 64n);
}

/** `count()` and its kind, also as the value of a block. */
export function aggregateCall(value: Expression): (Expression & { kind: 'call' }) | undefined {
  if (value.kind === 'call') return FUNCTIONS.get(value.name)?.aggregate ? value : undefined;
  if (value.kind === 'block' && value.value) return aggregateCall(value.value);
  return undefined;
}

/** Two integers together: whether they count as signed. */
export function signOf(left: IntType, right: IntType): boolean {
  if (left.flexible && !right.flexible) return right.signed;
  if (right.flexible && !left.flexible) return left.signed;
  return left.signed || right.signed;
}

export function contextFor(probe: Probe, types: CTypes, target: TraceTarget): ProbeContext {
  return contextOf(probe, types, target);
}

/** Names as the script has them: those of macros carry a mark behind. */
export function shown(name: string): string {
  return name.replace(/'.*$/, '');
}

/** A string of the script holds a byte in each character. */
export function byteLength(text: string): number {
  return text.length;
}

export function isExit(value: Expression): boolean {
  return (
    (value.kind === 'call' && value.name === 'exit') ||
    (value.kind === 'block' && value.value !== undefined && isExit(value.value))
  );
}

function keyText(type: TraceType): string {
  return type.kind === 'tuple' ? showType(type) : showType(type);
}

export function describe(value: Expression): string {
  return value.span.file.text.slice(value.span.start, value.span.end);
}

export function assignable(to: TraceType, from: TraceType): boolean {
  if (to.kind === 'int' && from.kind === 'int') return true;
  if (to.kind === 'pointer' && from.kind === 'pointer') return true;
  if (to.kind === 'string' && from.kind === 'string') return true;
  return promote(to, from) !== undefined;
}

/** Which kind of type it is, as scripts compare it. */
export function baseName(type: TraceType): string {
  return type.kind === 'special' ? type.name : type.kind;
}

export const COMPARES: ReadonlySet<string> = new Set(['==', '!=', '<', '>', '<=', '>=']);
export const MAP_TYPES = ['hash', 'lruhash', 'percpuhash', 'percpulruhash'];
