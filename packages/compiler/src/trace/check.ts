import { type Diagnostic, Diagnostics, SkepError, type Span, suggest } from '@skep/base';
import type { BlockNode, Expression, MapDeclaration, Statement, TypeName, VariableSymbol } from './ast.ts';
import type { CTypes } from './c-types.ts';
import type { TraceConfig } from './config.ts';
import { contextOf, type ProbeContext } from './context.ts';
import { fromDebugType } from './debug-types.ts';
import {
  badAssignment,
  badCall,
  badIndex,
  badOperand,
  keyMismatch,
  mapScalar,
  mismatch,
  notConstant,
  redeclared,
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
  INT64,
  type IntType,
  int,
  isCastable,
  isCompound,
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
  UINT64,
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
      this.block(unit.body, true);
    }
  }

  report(diagnostic: Diagnostic): undefined {
    if (this.final) this.diagnostics.add(diagnostic);
    return undefined;
  }

  warn(message: string, span: Span, help?: string): void {
    if (this.final) this.diagnostics.add(warning(message, span, help));
  }

  // Statements

  private block(block: BlockNode, statement: boolean): TraceType {
    for (const [i, one] of block.statements.entries()) {
      this.statement(one);
      const ends =
        one.kind === 'return' ||
        one.kind === 'break' ||
        one.kind === 'continue' ||
        (one.kind === 'expression' && isExit(one.value));
      const next = block.statements[i + 1] ?? block.value;
      if (ends && next) this.warn('Unreachable statement', next.span, 'remove it');
    }
    if (!block.value) return NONE;
    const type = this.visit(block.value) ?? NONE;
    if (statement) this.discarded(block.value, type);
    return type;
  }

  private statement(one: Statement): void {
    switch (one.kind) {
      case 'expression': {
        const type = this.visit(one.value, true);
        if (type) this.discarded(one.value, type);
        return;
      }
      case 'assign':
        this.assign(one);
        return;
      case 'let': {
        const { symbol } = one.variable;
        if (!symbol) return;
        if (one.declared && !symbol.declared) {
          const type = this.typeNamed(one.declared, true);
          if (type?.kind === 'string' && type.size === 0) {
            // `let $a: string = …` takes the size of what is assigned.
          } else if (type) {
            symbol.declared = type;
            this.setVariable(symbol, type, one.span);
          }
        }
        if (one.value) {
          const type = this.rvalue(one.value);
          if (type) this.assignVariable(symbol, type, one.value, one.variable.span);
        }
        one.variable.type = symbol.type;
        return;
      }
      case 'unroll': {
        const count = this.visit(one.count) && this.constant(one.count);
        if (count === undefined) this.report(notConstant('the count of unroll', one.count.span));
        else if (count > 100n) this.report(badCall('unroll maximum value is 100', one.span, 'use a `for` loop'));
        else if (count < 1n) this.report(badCall('unroll minimum value is 1', one.span, 'use a `for` loop'));
        this.block(one.body, true);
        return;
      }
      case 'while':
        this.condition(one.condition);
        this.block(one.body, true);
        return;
      case 'for': {
        const { over } = one;
        let type: TraceType | undefined;
        if (over.kind === 'range') {
          const from = this.rvalue(over.from);
          const to = this.rvalue(over.to);
          for (const [side, bound] of [
            [over.from, from],
            [over.to, to],
          ] as const)
            if (bound && bound.kind !== 'int')
              this.report(
                mismatch(
                  `Loop range requires an integer for the start and end values, got ${showType(bound)}`,
                  side.span,
                ),
              );
          type = INT64;
        } else if (over.map.kind === 'map') {
          const map = this.mapOf(over.map);
          if (map.scalar)
            this.report(
              mapScalar(
                `${map.name} has no explicit keys (scalar map), and cannot be used for iteration`,
                over.map.span,
              ),
            );
          if (map.value?.kind === 'aggregate' && !isCastable(map.value))
            this.report(mapScalar(`Loop expression does not support type: ${showType(map.value)}`, over.map.span));
          if (map.key && map.value) type = { kind: 'tuple', items: [map.key, asNumber(map.value)] };
        } else
          this.report(
            badCall(
              'a loop goes over a map or a range',
              over.map.span,
              'write `for ($kv : @map)` or `for ($i : 0..10)`',
            ),
          );
        if (type && one.variable.symbol) this.setVariable(one.variable.symbol, type, one.variable.span);
        one.variable.type = one.variable.symbol?.type;
        this.block(one.body, true);
        return;
      }
      case 'return':
        if (one.value) this.rvalue(one.value);
        return;
      default:
        return;
    }
  }

  private discarded(value: Expression, type: TraceType): void {
    if (type.kind === 'none') return;
    if (value.kind === 'call' && FUNCTIONS.get(value.name)?.discardable) return;
    if (value.kind === 'step' || (value.kind === 'block' && type.kind === 'aggregate')) return;
    if (type.kind === 'aggregate' && value.kind === 'call') {
      this.report(badAssignment(`${value.name}() must be assigned directly to a map`, value.span));
      return;
    }
    if (value.kind === 'conditional' || value.kind === 'ifElse' || value.kind === 'block') return;
    this.warn('Return value discarded.', value.span, 'write `_ = …` if you mean it');
  }

  private assign(one: Statement & { kind: 'assign' }): void {
    const { target } = one;
    if (target.kind === 'name') {
      this.rvalue(one.value);
      return;
    }
    if (target.kind === 'variable') {
      const { symbol } = target;
      const type = one.op ? this.combined(one.op, target, one.value, one.span) : this.rvalue(one.value);
      if (symbol && type) this.assignVariable(symbol, type, one.value, one.span);
      target.type = symbol?.type;
      return;
    }
    if (target.kind !== 'map' && target.kind !== 'element') {
      this.visit(target);
      this.rvalue(one.value);
      this.report(badAssignment('only variables and maps can be assigned to', target.span));
      return;
    }
    const map = this.access(target);
    const call = aggregateCall(one.value);
    let type = one.op
      ? this.combined(one.op, target, one.value, one.span)
      : call
        ? this.visit(one.value)
        : this.rvalue(one.value);
    if (!map || !type) return;
    if (call && type.kind === 'aggregate' && one.op)
      this.report(badAssignment(`${showType(type)} can only be assigned`, one.span));
    if (type.kind === 'none') {
      this.report(badAssignment(`Value '${describe(one.value)}' cannot be assigned to a map.`, one.span));
      return;
    }
    if (type.kind === 'special' && (type.name === 'timestamp_mode' || type.name === 'stack_mode'))
      this.report(badAssignment(`${type.mode ?? showType(type)} cannot be assigned`, one.value.span));
    if (map.value && isCastable(map.value) && type.kind !== 'aggregate') {
      this.report(
        mismatch(
          `Type mismatch for ${map.name}: trying to assign value of type '${showType(type)}' when map already has a type '${showType(map.value)}'`,
          one.span,
          'a map holds one kind of values',
        ),
      );
      return;
    }
    if (type.kind === 'int' && type.flexible && !map.value) type = { ...type };
    this.setMapValue(map, type, one.span);
    target.type = map.value;
  }

  private combined(
    op: import('./ast.ts').BinaryOperator,
    target: Expression,
    value: Expression,
    span: Span,
  ): TraceType | undefined {
    const left = this.rvalue(target) ?? (target.kind !== 'variable' ? INT64 : undefined);
    const right = this.rvalue(value);
    if (!left || !right) return undefined;
    // What an assignment with an operator stores keeps the size that the variable has, unless it must grow.
    return this.binary(op, left, right, span);
  }

  private assignVariable(symbol: VariableSymbol, type: TraceType, value: Expression, span: Span): void {
    if (type.kind === 'none' || type.kind === 'aggregate') {
      this.report(badAssignment(`Value '${describe(value)}' cannot be assigned to a scratch variable.`, span));
      return;
    }
    if (symbol.declared) {
      const { declared } = symbol;
      const literal = this.constant(value);
      if (declared.kind === 'int' && literal !== undefined && value.kind !== 'cast' && !fits(literal, declared))
        this.report(
          mismatch(
            `Type mismatch for ${symbol.name}: trying to assign value ${literal} to variable of type '${showType(declared)}'`,
            span,
            `cast it: (${showType(declared)})`,
          ),
        );
      if (!assignable(declared, type))
        this.report(
          mismatch(
            `Type mismatch for ${shown(symbol.name)}: trying to assign value of type '${showType(type)}' when variable already has a type '${showType(declared)}'`,
            span,
          ),
        );
      return;
    }
    this.setVariable(symbol, type, span);
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
        return this.member(node);
      case 'index':
        return this.index(node);
      case 'unary':
        return this.unary(node);
      case 'step':
        return this.step(node);
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
        return this.binary(node.op, left, right, node.span);
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
        return this.cast(node);
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
        return this.block(node, statement);
      case 'ifElse': {
        const known = node.condition.kind === 'comptime' ? this.comptime(node.condition) : undefined;
        if (known !== undefined) {
          if (known) return this.block(node.consequent, statement);
          return node.otherwise ? this.visit(node.otherwise, statement) : NONE;
        }
        this.condition(node.condition);
        const then = this.block(node.consequent, statement);
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

  private member(node: Expression & { kind: 'member' }): TraceType | undefined {
    const base = this.rvalue(node.base);
    if (!base) return undefined;
    const type = base.kind === 'pointer' ? base.to : base;
    const { name } = node;
    if (type.kind === 'tuple') {
      const item = type.items[Number(name)];
      if (item === undefined)
        return this.report(
          badIndex(`Invalid tuple index: ${name}. Found ${type.items.length} elements in tuple.`, node.span),
        );
      return item;
    }
    if (type.kind === 'record') {
      const field = type.fields.find((one) => one.name === name);
      return (
        field?.type ??
        this.report(
          unknownField(
            'the record',
            name,
            node.nameSpan,
            suggest(
              name,
              type.fields.map((one) => one.name),
            ),
          ),
        )
      );
    }
    if (type.kind === 'struct') {
      const field = type.fields().find((one) => one.name === name);
      if (field) return this.withSpace(field.type, base, node);
      const names = type.fields().map((one) => one.name);
      if (names.length === 0) return this.report(unknownType(type.name, node.span));
      return this.report(unknownField(type.name, name, node.nameSpan, suggest(name, names)));
    }
    return this.report(
      mismatch(
        `Can not access field '${name}' on expression of type '${showType(type)}'`,
        node.span,
        'cast it to a pointer to the struct that it is',
      ),
    );
  }

  /** Pointers in kernel memory point to kernel memory, unless they say otherwise. */
  private withSpace(type: TraceType, base: TraceType, node: Expression): TraceType {
    if (type.kind !== 'pointer' || type.space !== 'none') return type;
    return pointer(type.to, this.spaceOf(base, node));
  }

  private spaceOf(base: TraceType, node: Expression): import('./type.ts').AddressSpace {
    if (base.kind === 'pointer') return base.space === 'bpf' ? this.unit.context.space : base.space;
    if (node.kind === 'member' || node.kind === 'index') {
      const inner = node.base.type;
      if (inner && node.base !== node) return this.spaceOf(inner.kind === 'pointer' ? inner : NONE, node.base);
    }
    return this.unit.context.space;
  }

  private index(node: Expression & { kind: 'index' }): TraceType | undefined {
    const base = this.rvalue(node.base);
    const index = this.rvalue(node.index);
    if (!base || !index) return undefined;
    if (index.kind !== 'int')
      return this.report(
        badIndex(
          `The array index operator [] accepts positive (castable) integer indices only. Got type ${showType(index)}.`,
          node.index.span,
        ),
      );
    const at = this.constant(node.index);
    if (at !== undefined && at < 0n)
      return this.report(
        badIndex(`The array index operator [] accepts positive integer indices. Got ${at}.`, node.index.span),
      );
    switch (base.kind) {
      case 'pointer':
        if (base.to.kind === 'none')
          return this.report(badOperand('[]', `'${showType(base)}'`, node.span, 'cast it to a pointer to something'));
        return this.withSpace(base.to, base, node);
      case 'array':
        if (at !== undefined && at >= BigInt(base.count) && base.count > 0)
          return this.report(badIndex(`the index ${at} is out of bounds for array of size ${base.count}`, node.span));
        return this.withSpace(base.of, base, node);
      case 'string':
      case 'buffer':
        return base.kind === 'string' ? int(1, true) : int(1, false);
      case 'tuple': {
        if (at === undefined) return this.report(notConstant('the index of a tuple', node.index.span));
        return (
          base.items[Number(at)] ??
          this.report(badIndex(`Invalid tuple index: ${at}. Found ${base.items.length} elements in tuple.`, node.span))
        );
      }
      default:
        return this.report(
          badOperand('[]', `'${showType(base)}'`, node.span, 'it works on arrays, pointers, strings and tuples'),
        );
    }
  }

  private unary(node: Expression & { kind: 'unary' }): TraceType | undefined {
    const { op, operand } = node;
    if (op === '&') {
      if (operand.kind === 'variable') {
        const type = this.visit(operand);
        if (operand.symbol) operand.symbol.addressed = true;
        return type && pointer(type, 'bpf');
      }
      if (operand.kind === 'map' || operand.kind === 'element') {
        const type = this.visit(operand);
        return type && pointer(asNumber(type), 'bpf');
      }
      const type = this.visit(operand);
      if (
        type &&
        (operand.kind === 'member' || operand.kind === 'index' || (operand.kind === 'unary' && operand.op === '*'))
      )
        return pointer(type, this.spaceOf(NONE, operand));
      return this.report(
        badOperand('&', `'${type ? showType(type) : '?'}'`, node.span, 'take the address of a variable or a map'),
      );
    }
    const type = this.rvalue(operand);
    if (!type) return undefined;
    switch (op) {
      case '*':
        if (type.kind === 'pointer') {
          if (type.to.kind === 'none')
            return this.report(badOperand('*', `'${showType(type)}'`, node.span, 'cast it to a pointer to something'));
          return this.withSpace(type.to, type, node);
        }
        if (type.kind === 'int') return UINT64;
        // `*args` is `args`.
        if (type.kind === 'struct' && operand.kind === 'name') return type;
        return this.report(badOperand('*', `'${showType(type)}'`, node.span, 'it follows pointers'));
      case '!':
        if (type.kind === 'int' || type.kind === 'bool' || type.kind === 'pointer') return BOOL;
        return this.report(badOperand('!', `'${showType(type)}'`, node.span));
      default: {
        if (type.kind !== 'int') return this.report(badOperand(op, `'${showType(type)}'`, node.span));
        const value = this.constant(node);
        if (value !== undefined && isLiteral(operand) && op === '-') return literalType(value);
        return op === '-' || type.signed ? INT64 : UINT64;
      }
    }
  }

  private step(node: Expression & { kind: 'step' }): TraceType | undefined {
    const { operand } = node;
    if (operand.kind === 'variable') {
      const type = this.visit(operand);
      if (!type || !operand.symbol) return undefined;
      if (type.kind === 'pointer' || operand.symbol.declared) return type;
      if (type.kind !== 'int') return this.report(badOperand(node.op, `'${showType(type)}'`, node.span));
      const result = type.signed || node.op === '--' ? INT64 : UINT64;
      this.setVariable(operand.symbol, result, node.span);
      return result;
    }
    if (operand.kind === 'map' || operand.kind === 'element') {
      const map = this.access(operand);
      if (!map) return undefined;
      if (map.value?.kind === 'pointer') {
        operand.type = map.value;
        return map.value;
      }
      const type = map.value ?? INT64;
      if (type.kind !== 'int') return this.report(badOperand(node.op, `'${showType(type)}'`, node.span));
      const result = type.signed || node.op === '--' ? INT64 : UINT64;
      this.setMapValue(map, result, node.span);
      operand.type = map.value;
      return result;
    }
    this.visit(operand);
    return this.report(badAssignment(`The ${node.op} operator must be applied to a map or variable`, node.span));
  }

  binary(op: import('./ast.ts').BinaryOperator, left: TraceType, right: TraceType, span: Span): TraceType | undefined {
    const bad = () => this.report(badOperand(op, `'${showType(left)}', '${showType(right)}'`, span));
    const logical = op === '&&' || op === '||';
    const equality = op === '==' || op === '!=';
    if (left.kind === 'bool' && right.kind === 'bool')
      return logical || COMPARES.has(op) || op === '&' || op === '|' || op === '^' ? BOOL : INT64;
    if (left.kind === 'pointer' || right.kind === 'pointer') {
      const [first, other] = left.kind === 'pointer' ? [left, right] : [right as TraceType & { kind: 'pointer' }, left];
      if (other.kind === 'pointer') {
        if (logical) return BOOL;
        if (!COMPARES.has(op)) return bad();
        if (left.kind === 'pointer' && right.kind === 'pointer' && !sameType(left.to, right.to))
          this.warn(`comparison of distinct pointer types: ${showType(left.to)}, ${showType(right.to)}`, span);
        return BOOL;
      }
      if (other.kind !== 'int' && other.kind !== 'bool') return bad();
      if (COMPARES.has(op) || logical) return BOOL;
      if (op === '+' || (op === '-' && left.kind === 'pointer')) return first;
      return bad();
    }
    const numeric = (type: TraceType) => type.kind === 'int' || type.kind === 'bool';
    if (numeric(left) && numeric(right)) {
      if (logical || COMPARES.has(op)) return BOOL;
      const l = left.kind === 'bool' ? UINT64 : (left as IntType);
      const r = right.kind === 'bool' ? UINT64 : (right as IntType);
      if ((op === '/' || op === '%') && ((l.signed && !l.flexible) || (r.signed && !r.flexible)))
        this.warn(
          `signed operands for '${op}' can lead to undefined behavior (cast to unsigned to silence warning)`,
          span,
        );
      if (op === '<<' || op === '>>') return l.signed ? INT64 : UINT64;
      if (op === '-') return INT64;
      return signOf(l, r) ? INT64 : UINT64;
    }
    if (equality) {
      if (left.kind === 'string' && right.kind === 'string') return BOOL;
      if (left.kind === 'buffer' && right.kind === 'buffer') return BOOL;
      if (left.kind === 'array' && right.kind === 'array' && sizeOf(left) === sizeOf(right)) return BOOL;
      if (isCompound(left) && isCompound(right))
        return promote(left, right)
          ? BOOL
          : this.report(
              mismatch(`Type mismatch for '${op}': comparing ${showType(left)} with ${showType(right)}`, span),
            );
      if (left.kind === 'special' && right.kind === 'special' && left.name === right.name) return BOOL;
      if (left.kind === 'special' && right.kind === 'string' && left.name === 'inet') return BOOL;
    }
    if (left.kind === 'string' || right.kind === 'string')
      return this.report(
        mismatch(`Type mismatch for '${op}': comparing ${showType(left)} with ${showType(right)}`, span),
      );
    return bad();
  }

  private cast(node: Expression & { kind: 'cast' }): TraceType | undefined {
    const from = this.rvalue(node.operand);
    const to = this.typeNamed(node.to, true, from);
    if (!from || !to) return undefined;
    const bad = () => this.report(mismatch(`Cannot cast from "${showType(from)}" to "${showType(to)}"`, node.span));
    switch (to.kind) {
      case 'int':
        if (from.kind === 'int' || from.kind === 'bool' || from.kind === 'pointer') return to;
        if (from.kind === 'array' || from.kind === 'string')
          return sizeOf(from) <= 8 && [1, 2, 4, 8].includes(sizeOf(from)) ? to : bad();
        if (from.kind === 'special' && (from.name === 'ksym' || from.name === 'usym' || from.name === 'username'))
          return to;
        if (from.kind === 'special' && from.name === 'inet') return to;
        return bad();
      case 'bool':
        return from.kind === 'int' || from.kind === 'bool' || from.kind === 'pointer'
          ? to
          : from.kind === 'string'
            ? to
            : bad();
      case 'pointer':
        if (from.kind === 'int' || from.kind === 'bool')
          return pointer(to.to, to.space === 'none' ? this.unit.context.space : to.space);
        if (from.kind === 'pointer') return pointer(to.to, from.space);
        if (from.kind === 'array' || from.kind === 'special') return pointer(to.to, this.unit.context.space);
        return bad();
      case 'array':
        if (from.kind === 'int' || from.kind === 'bool')
          return sizeOf(to) === sizeOf(from) || (isLiteral(node.operand) && sizeOf(to) >= sizeOf(from))
            ? to
            : this.report(
                mismatch(
                  `Cannot cast from "${showType(from)}" to "${showType(to)}"`,
                  node.span,
                  'both have the same number of bytes',
                ),
              );
        if (from.kind === 'string' || from.kind === 'array' || from.kind === 'special') return to;
        return bad();
      case 'string':
        if (from.kind === 'string' || from.kind === 'array') return to.size === 0 ? string(sizeOf(from)) : to;
        if (from.kind === 'pointer' || from.kind === 'int')
          return to.size === 0 ? string(this.options.config.max_strlen) : to;
        return bad();
      case 'buffer':
        return to;
      case 'struct':
        if (from.kind === 'struct' && from.name === to.name) return to;
        return this.report(
          mismatch(
            `Cannot cast to struct/union type: "${to.name}". ${from.kind === 'pointer' ? `Try a pointer: (${to.name} *)` : ''}`.trim(),
            node.span,
            'cast to a pointer and follow it',
          ),
        );
      case 'special':
        return from.kind === 'int' || from.kind === 'special' ? to : bad();
      default:
        return sameType(from, to) ? to : promote(from, to) && isCompound(to) ? to : bad();
    }
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
      type = this.baseType(name.base);
      if (type === undefined && report) return this.report(unknownType(name.base, name.span));
    }
    for (const modifier of name.modifiers) {
      if (type === undefined) return undefined;
      if (modifier === '*') type = pointer(type, 'none');
      else if (type.kind === 'string' && type.size === 0) type = string(modifier ?? 0);
      else if (type.kind === 'buffer' && type.size === 0) type = { kind: 'buffer', size: modifier ?? 0 };
      else {
        const size = sizeOf(type);
        const count: number = modifier ?? (from && size > 0 ? Math.floor(this.sizeForCast(from) / size) : 0);
        type = { kind: 'array', of: type, count };
      }
    }
    return type;
  }

  private sizeForCast(from: TraceType): number {
    // A literal is as wide as the machine's integers when nothing says otherwise.
    return from.kind === 'int' && from.flexible ? 8 : sizeOf(from);
  }

  private baseType(base: string): TraceType | undefined {
    switch (base) {
      case 'string':
        return string(0);
      case 'buffer':
        return { kind: 'buffer', size: 0 };
      case 'inet':
        return { kind: 'special', name: 'inet' };
      case 'username_t':
        return { kind: 'special', name: 'username' };
      case 'usym_t':
      case 'ksym_t':
        return { kind: 'special', name: base === 'usym_t' ? 'usym' : 'ksym' };
      case 'kstack_t':
      case 'ustack_t':
        return { kind: 'special', name: base === 'kstack_t' ? 'kstack' : 'ustack' };
    }
    const constant =
      /^\w+$/.test(base) && !FUNCTIONS.has(base) && this.options.types.type(base) === undefined
        ? this.options.types.constant(base)
        : undefined;
    if (constant?.kind === 'int') return constant.type;
    return (
      this.programType(base) ??
      this.options.types.type(base) ??
      (/^(struct|union|enum) /.test(base)
        ? undefined
        : (this.options.types.type(`struct ${base}`) ?? this.builtInType(base)))
    );
  }

  /** A type of the traced program, which goes before the kernel's of that name, and behind the script's own. */
  private programType(base: string): TraceType | undefined {
    const { probe } = this.unit;
    if (!('binary' in probe) || (/^\w+$/.test(base) && FUNCTIONS.has(base))) return undefined;
    const known = this.options.types.type(base);
    if (known && !(known.kind === 'struct' && known.kernel)) return undefined;
    const found = this.options.target.executable?.(probe.binary)?.debug?.()?.type(base);
    return found && fromDebugType(found, 'user');
  }

  /** A name that is no type but a builtin: its type. */
  private builtInType(base: string): TraceType | undefined {
    const found = FUNCTIONS.get(base);
    return found && !found.onlyCalled
      ? found.check(this, { kind: 'call', name: base, args: [], span: this.unit.body.span })
      : undefined;
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

/** Finds the variable that each name means. */
class Scopes {
  private readonly checker: Checker;
  private readonly nextId: () => number;
  private readonly scopes: Map<string, VariableSymbol>[] = [];
  /** The innermost loop whose body is a function of its own. */
  private home: object | undefined;

  constructor(checker: Checker, nextId: () => number) {
    this.checker = checker;
    this.nextId = nextId;
  }

  program(unit: ProgramUnit): void {
    this.scopes.push(new Map());
    if (unit.predicate) this.expression(unit.predicate);
    this.block(unit.body);
    this.scopes.pop();
  }

  private block(block: BlockNode): void {
    this.scopes.push(new Map());
    for (const one of block.statements) this.statement(one);
    if (block.value) this.expression(block.value);
    this.scopes.pop();
  }

  private statement(one: Statement): void {
    switch (one.kind) {
      case 'expression':
        this.expression(one.value);
        return;
      case 'assign':
        this.expression(one.value);
        if (one.target.kind === 'variable') {
          const found = this.find(one.target.name);
          if (found) this.use(one.target, found);
          else if (one.op) this.checker.diagnostics.add(undefinedVariable(shown(one.target.name), one.target.span));
          else one.target.symbol = this.declare(one.target.name, one.target.span);
        } else if (one.target.kind !== 'name') this.expression(one.target);
        return;
      case 'let': {
        if (one.value) this.expression(one.value);
        if (one.declared) this.type(one.declared);
        const before = this.scopes.at(-1)!.get(one.variable.name);
        if (before) this.checker.diagnostics.add(redeclared(shown(one.variable.name), one.variable.span, before.span));
        one.variable.symbol = this.declare(one.variable.name, one.variable.span);
        return;
      }
      case 'unroll':
        this.expression(one.count);
        this.block(one.body);
        return;
      case 'while':
        this.expression(one.condition);
        this.block(one.body);
        return;
      case 'for': {
        if (one.over.kind === 'map') this.expression(one.over.map);
        else {
          this.expression(one.over.from);
          this.expression(one.over.to);
        }
        const before = this.home;
        if (isCallback(one)) this.home = one;
        this.scopes.push(new Map());
        one.variable.symbol = this.declare(one.variable.name, one.variable.span);
        this.block(one.body);
        this.scopes.pop();
        this.home = before;
        return;
      }
      case 'return':
        if (one.value) this.expression(one.value);
    }
  }

  private type(name: TypeName): void {
    if (name.typeofExpression) this.expression(name.typeofExpression);
  }

  private expression(node: Expression): void {
    switch (node.kind) {
      case 'variable': {
        const found = this.find(node.name);
        if (found) this.use(node, found);
        else this.checker.diagnostics.add(undefinedVariable(shown(node.name), node.span));
        return;
      }
      case 'element':
        this.expression(node.key);
        return;
      case 'call': {
        // `find()` gives its variable a value.
        for (const arg of node.args) this.expression(arg);
        return;
      }
      case 'member':
        this.expression(node.base);
        return;
      case 'index':
        this.expression(node.base);
        this.expression(node.index);
        return;
      case 'unary':
      case 'step':
      case 'comptime':
        this.expression(node.operand);
        return;
      case 'binary':
        this.expression(node.left);
        this.expression(node.right);
        return;
      case 'conditional':
        this.expression(node.condition);
        if (node.consequent) this.expression(node.consequent);
        this.expression(node.otherwise);
        return;
      case 'cast':
        this.type(node.to);
        this.expression(node.operand);
        return;
      case 'tuple':
        for (const one of node.items) this.expression(one);
        return;
      case 'record':
        for (const one of node.fields) this.expression(one.value);
        return;
      case 'block':
        this.block(node);
        return;
      case 'ifElse':
        this.expression(node.condition);
        this.block(node.consequent);
        if (node.otherwise) this.expression(node.otherwise);
        return;
      case 'sizeof':
      case 'offsetof':
      case 'typeinfo':
        if (node.of.kind === 'type') this.type(node.of);
        else this.expression(node.of);
        return;
      case 'typeof':
        this.type(node.of);
    }
  }

  private find(name: string): VariableSymbol | undefined {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const found = this.scopes[i]!.get(name);
      if (found) return found;
    }
    return undefined;
  }

  private use(node: Expression & { kind: 'variable' }, symbol: VariableSymbol): void {
    node.symbol = symbol;
    if (symbol.home !== this.home) symbol.shared = true;
  }

  private declare(name: string, span: Span): VariableSymbol {
    const symbol: VariableSymbol = {
      name,
      span,
      declared: undefined,
      type: undefined,
      home: this.home,
      shared: false,
      id: this.nextId(),
      addressed: false,
    };
    this.scopes.at(-1)!.set(name, symbol);
    return symbol;
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

export function positionalNumber(text: string): bigint | undefined {
  if (!/^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(text)) return undefined;
  const negative = text.startsWith('-');
  const digits = negative ? text.slice(1) : text;
  const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  return negative ? -value : value;
}

function isExit(value: Expression): boolean {
  return (
    (value.kind === 'call' && value.name === 'exit') ||
    (value.kind === 'block' && value.value !== undefined && isExit(value.value))
  );
}

function keyText(type: TraceType): string {
  return type.kind === 'tuple' ? showType(type) : showType(type);
}

function describe(value: Expression): string {
  return value.span.file.text.slice(value.span.start, value.span.end);
}

export function isLiteral(node: Expression): boolean {
  switch (node.kind) {
    case 'int':
    case 'positional':
    case 'positionalCount':
    case 'sizeof':
    case 'offsetof':
      return true;
    case 'unary':
      return (node.op === '-' || node.op === '+' || node.op === '~') && isLiteral(node.operand);
    case 'binary':
      return !COMPARES.has(node.op) && isLiteral(node.left) && isLiteral(node.right);
    default:
      return false;
  }
}

function fits(value: bigint, type: IntType): boolean {
  return (type.signed ? BigInt.asIntN(type.size * 8, value) : BigInt.asUintN(type.size * 8, value)) === value;
}

function assignable(to: TraceType, from: TraceType): boolean {
  if (to.kind === 'int' && from.kind === 'int') return true;
  if (to.kind === 'pointer' && from.kind === 'pointer') return true;
  if (to.kind === 'string' && from.kind === 'string') return true;
  return promote(to, from) !== undefined;
}

/** Which kind of type it is, as scripts compare it. */
export function baseName(type: TraceType): string {
  return type.kind === 'special' ? type.name : type.kind;
}

function fold(op: string, left: bigint, right: bigint): bigint | undefined {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0n ? undefined : left / right;
    case '%':
      return right === 0n ? undefined : left % right;
    case '<<':
      return right >= 0n && right < 64n ? BigInt.asUintN(64, left << right) : undefined;
    case '>>':
      return right >= 0n && right < 64n ? left >> right : undefined;
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case '&&':
      return left !== 0n && right !== 0n ? 1n : 0n;
    case '||':
      return left !== 0n || right !== 0n ? 1n : 0n;
    case '==':
      return left === right ? 1n : 0n;
    case '!=':
      return left !== right ? 1n : 0n;
    case '<':
      return left < right ? 1n : 0n;
    case '>':
      return left > right ? 1n : 0n;
    case '<=':
      return left <= right ? 1n : 0n;
    case '>=':
      return left >= right ? 1n : 0n;
    default:
      return undefined;
  }
}

export const COMPARES: ReadonlySet<string> = new Set(['==', '!=', '<', '>', '<=', '>=']);
export const MAP_TYPES = ['hash', 'lruhash', 'percpuhash', 'percpulruhash'];
