import { positionOf, type Span } from '@skep/base';
import type { BinaryOperator, BlockNode, Expression, Statement, VariableSymbol } from './ast.ts';
import {
  aggregateCall,
  baseName,
  type Checker,
  COMPARES,
  isCallback,
  type MapInfo,
  type ProgramUnit,
} from './check.ts';
import { storeAggregate } from './functions/aggregates.ts';
import { FUNCTIONS } from './functions/index.ts';
import type { Action } from './model.ts';
import type { Output } from './output.ts';
import {
  type AddressSpace,
  type AggregateType,
  asNumber,
  INT64,
  type IntType,
  int,
  isCastable,
  isCompound,
  isScalar,
  layoutOf,
  partsOf,
  promote,
  type StructField,
  sameType,
  showType,
  sizeOf,
  type TraceType,
  UINT64,
} from './type.ts';

/** Where a value lies: an address that the program may use (`here`), or one that must be read by a helper. */
export interface Place {
  /** C: a `char *` when it is here, else a `u64`. */
  readonly at: string;
  readonly space: 'here' | 'context' | AddressSpace;
  readonly field?: StructField;
}

/** A C function in the making: the program, or the body of a loop. */
interface CFunction {
  readonly lines: string[];
  readonly locals: Local[];
  readonly outer: CFunction | undefined;
  usesContext: boolean;
}

interface Local {
  readonly name: string;
  /** C type of a scalar; undefined for bytes. */
  readonly scalar: string | undefined;
  readonly size: number;
  readonly shared: boolean;
}

/**
 * Writes one program as C. Values that fit a register become C variables; strings, tuples and what else has bytes lie in
 * rooms: on the stack while they are small together, else in a map of which every CPU has an element. Names of
 * variables stand in the text as `@{name}` until it is known where they live.
 */
export class Emitter {
  readonly checker: Checker;
  readonly unit: ProgramUnit;
  readonly out: Output;
  private fn: CFunction;
  private readonly functions: { readonly head: string; readonly fn: CFunction; readonly callback: boolean }[] = [];
  private readonly places = new Map<string, Local>();
  private readonly variables = new Map<VariableSymbol, string>();
  private readonly loops: ('c' | 'callback')[] = [];
  private count = 0;
  private line = 0;
  private span: Span;
  private returned: string | undefined;

  constructor(checker: Checker, unit: ProgramUnit, out: Output) {
    this.checker = checker;
    this.unit = unit;
    this.out = out;
    this.span = unit.body.span;
    this.fn = { lines: [], locals: [], outer: undefined, usesContext: true };
  }

  /** The whole program: functions of its loops, then itself. */
  program(): string {
    const { unit } = this;
    const main = this.fn;
    if (this.out.pid !== undefined && OF_ANY_PROCESS.has(unit.probe.kind))
      this.emit(`if ((u32)(${this.task()} >> 32) != ${this.out.pid}) return 0;`);
    if (this.out.guard) this.emit(`if (!${this.out.guard.condition}) return 0;`);
    if (unit.predicate) {
      this.at(unit.predicate.span);
      this.emit(`if (!(${this.truth(unit.predicate)})) return 0;`);
    }
    this.block(unit.body, undefined);
    this.functions.push({
      head: `SEC(${JSON.stringify(unit.context.section)}) int ${unit.name}(void *ctx)`,
      fn: main,
      callback: false,
    });
    return this.finish();
  }

  private finish(): string {
    const { name } = this.unit;
    const several = this.functions.length > 1;
    const scratch: Local[] = [];
    const text: string[] = [];
    for (const { fn } of this.functions) {
      const bytes = fn.locals.filter((one) => one.scalar === undefined).reduce((sum, one) => sum + one.size, 0);
      const limit = several ? 96 : 224;
      for (const local of fn.locals)
        if (local.shared || (local.scalar === undefined && (bytes > limit ? local.size > 16 : false)))
          scratch.push(local);
    }
    const inScratch = new Set(scratch);
    const resolve = (line: string) =>
      line.replace(/@\{(\w+)\}/g, (_, id: string) => {
        const local = this.places.get(id)!;
        const where = inScratch.has(local) ? `S->${id}` : id;
        return local.scalar === undefined ? `((char *)${where})` : where;
      });
    if (scratch.length > 0) {
      this.out.scratches.push(`scratch_${name}`);
      text.push(`struct scratch_${name} {`);
      for (const one of scratch)
        text.push(
          one.scalar === undefined
            ? `  u64 ${one.name}[${Math.max(1, Math.ceil(one.size / 8))}];`
            : `  u64 ${one.name}_pad[0]; ${one.scalar} ${one.name};`,
        );
      text.push('};');
      text.push(
        `struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, ${this.out.cpus}); __type(key, u32); __type(value, struct scratch_${name}); } scratch_${name} SEC(".maps");`,
      );
    }
    for (const { head, fn, callback } of this.functions) {
      text.push(`${head} {`);
      if (scratch.length > 0) {
        text.push(`  u32 skep_cpu = bpf_get_smp_processor_id();`);
        text.push(`  struct scratch_${name} *S = bpf_map_lookup_elem(&scratch_${name}, &skep_cpu);`);
        text.push('  if (!S) return 0;');
      }
      if (callback && fn.usesContext) text.push('  void *ctx = skep_loop->ctx;');
      for (const one of fn.locals) {
        if (inScratch.has(one)) continue;
        text.push(
          one.scalar === undefined
            ? `  u64 ${one.name}[${Math.max(1, Math.ceil(one.size / 8))}];`
            : `  ${one.scalar} ${one.name} = ${one.scalar.startsWith('struct') ? '{}' : '0'};`,
        );
      }
      text.push(...fn.lines.map(resolve), '  return 0;', '}');
    }
    return text.join('\n');
  }

  // Pieces of text

  emit(line: string): void {
    this.fn.lines.push(line);
  }

  /** What follows stands for this place in the script. */
  at(span: Span): void {
    const { line } = positionOf(span.file, span.start);
    this.span = span;
    if (line === this.line && span.file === this.span.file) return;
    this.line = line;
    this.emit(`#line ${line} ${JSON.stringify(span.file.name)}`);
  }

  /** A C variable of a scalar type with this value. */
  keep(type: TraceType, value: string): string {
    const name = this.local(cType(type), 8, false);
    this.emit(`  @{${name}} = ${value};`);
    return `@{${name}}`;
  }

  /** A C variable of any C type. */
  scratchVariable(type: string, value: string): string {
    const name = this.local(type, 8, false);
    this.emit(`  @{${name}} = ${value};`);
    return `@{${name}}`;
  }

  /** Room for so many bytes: a `char *`. */
  room(size: number, shared = false): string {
    return `@{${this.local(undefined, size, shared)}}`;
  }

  private local(scalar: string | undefined, size: number, shared: boolean): string {
    const name = `t${++this.count}`;
    const local: Local = { name, scalar, size, shared };
    this.places.set(name, local);
    this.fn.locals.push(local);
    return name;
  }

  /** The current process (upper half) and thread, as the tracing process numbers them. */
  task(): string {
    const own = this.checker.options.target.pidNamespace?.();
    if (own === undefined) return 'bpf_get_current_pid_tgid()';
    this.out.helpers.add('namespacedTask');
    return `skep_namespaced_task(${own.device}ULL, ${own.inode}ULL)`;
  }

  /** The program's context. */
  context(): string {
    for (let fn: CFunction | undefined = this.fn; fn; fn = fn.outer) fn.usesContext = true;
    return 'ctx';
  }

  private variable(symbol: VariableSymbol): string {
    let name = this.variables.get(symbol);
    if (name === undefined) {
      const type = symbol.type!;
      name = `v${symbol.id}`;
      const local: Local = {
        name,
        scalar: isScalar(type) ? cType(type) : undefined,
        size: sizeOf(type),
        shared: symbol.shared,
      };
      this.places.set(name, local);
      this.homeOf(symbol).locals.push(local);
      this.variables.set(symbol, name);
    }
    return `@{${name}}`;
  }

  private homeOf(symbol: VariableSymbol): CFunction {
    return (symbol.home && this.bodies.get(symbol.home)) ?? this.main();
  }
  private readonly bodies = new Map<object, CFunction>();

  private main(): CFunction {
    let { fn } = this;
    while (fn.outer) fn = fn.outer;
    return fn;
  }

  // Statements

  /** `result`: what becomes of the value of a block. */
  private block(block: BlockNode, result: ((value: Expression) => void) | undefined): void {
    for (const one of block.statements) this.statement(one);
    if (block.value) {
      this.at(block.value.span);
      if (result) result(block.value);
      else this.discard(block.value);
    }
  }

  private statement(one: Statement): void {
    this.at(one.span);
    switch (one.kind) {
      case 'expression':
        this.discard(one.value);
        return;
      case 'assign':
        this.assign(one);
        return;
      case 'let': {
        const { symbol } = one.variable;
        if (!symbol?.type) return;
        if (one.value) this.setVariable(symbol, one.value);
        else if (isScalar(symbol.type)) this.emit(`  ${this.variable(symbol)} = 0;`);
        else this.zero(this.variable(symbol), sizeOf(symbol.type));
        return;
      }
      case 'unroll': {
        const count = Number(this.checker.constant(one.count) ?? 0n);
        for (let i = 0; i < count; i++) this.block(one.body, undefined);
        return;
      }
      case 'while':
        this.emit('  for (;;) {');
        this.emit(`  if (!(${this.truth(one.condition)})) break;`);
        this.loops.push('c');
        this.block(one.body, undefined);
        this.loops.pop();
        this.emit('  }');
        return;
      case 'for':
        this.loop(one);
        return;
      case 'break':
        this.emit(this.loops.at(-1) === 'callback' ? '  return 1;' : '  break;');
        return;
      case 'continue':
        this.emit(this.loops.at(-1) === 'callback' ? '  return 0;' : '  continue;');
        return;
      case 'return': {
        const value = one.value && (isScalar(asNumber(one.value.type!)) ? this.value(one.value) : undefined);
        this.leave(value);
      }
    }
  }

  /** Ends the program, from within loops too. */
  leave(value?: string): void {
    if (this.fn.outer === undefined) {
      this.emit(`  return ${value !== undefined && RETURNS.has(this.unit.probe.kind) ? `(int)(${value})` : '0'};`);
      return;
    }
    this.emit(`  ${this.returnedFlag()} = 1;`);
    this.emit('  return 1;');
  }

  private returnedFlag(): string {
    if (this.returned === undefined) {
      const name = 'returned';
      const local: Local = { name, scalar: 'u64', size: 8, shared: true };
      this.places.set(name, local);
      this.main().locals.push(local);
      this.returned = `@{${name}}`;
    }
    return this.returned;
  }

  private loop(one: Statement & { kind: 'for' }): void {
    const { over } = one;
    if (!isCallback(one) && over.kind === 'range') {
      const index = this.scratchVariable('s64', this.value(over.from));
      const end = this.scratchVariable('s64', this.value(over.to));
      this.emit(`  for (; ${index} < ${end}; ${index}++) {`);
      this.setLoopVariable(one, index);
      this.loops.push('c');
      this.block(one.body, undefined);
      this.loops.pop();
      this.emit('  }');
      return;
    }
    const name = `${this.unit.name}_loop${++this.count}`;
    let start: string | undefined;
    let rounds: string | undefined;
    if (over.kind === 'range') {
      const shared = this.local('s64', 8, true);
      start = `@{${shared}}`;
      this.emit(`  ${start} = ${this.value(over.from)};`);
      const end = this.scratchVariable('s64', this.value(over.to));
      rounds = this.scratchVariable('u32', `${end} > ${start} ? (u32)(${end} - ${start}) : 0`);
    }
    const outer = this.fn;
    const body: CFunction = { lines: [], locals: [], outer, usesContext: false };
    this.fn = body;
    this.bodies.set(one, body);
    this.loops.push('callback');
    const before = this.line;
    this.line = 0;
    if (over.kind === 'range') this.setLoopVariable(one, `${start} + (s64)skep_i`);
    else this.entry(one, over.map as Expression & { kind: 'map' });
    this.block(one.body, undefined);
    this.loops.pop();
    this.fn = outer;
    this.line = before;
    const head =
      over.kind === 'range'
        ? `static long ${name}(u64 skep_i, struct skep_loop *skep_loop)`
        : `static long ${name}(void *skep_map, char *skep_key, char *skep_value, struct skep_loop *skep_loop)`;
    this.functions.push({ head, fn: body, callback: true });
    const context = `@{${this.local('struct skep_loop', 8, false)}}`;
    if (body.usesContext) this.emit(`  ${context}.ctx = ${this.context()};`);
    if (over.kind === 'range') this.emit(`  bpf_loop(${rounds}, ${name}, &${context}, 0);`);
    else
      this.emit(
        `  bpf_for_each_map_elem(&${this.mapSymbol((over.map as Expression & { kind: 'map' }).name)}, ${name}, &${context}, 0);`,
      );
    if (this.returned !== undefined) {
      this.emit(`  if (${this.returned}) {`);
      this.leave();
      this.emit('  }');
    }
  }

  private setLoopVariable(one: Statement & { kind: 'for' }, value: string): void {
    const { symbol } = one.variable;
    if (symbol?.type) this.emit(`  ${this.variable(symbol)} = ${value};`);
  }

  /** The key and the value that a loop over a map is at, as a tuple. */
  private entry(one: Statement & { kind: 'for' }, node: Expression & { kind: 'map' }): void {
    const { symbol } = one.variable;
    const map = this.checker.mapOf(node);
    if (symbol?.type?.kind !== 'tuple' || !map.key || !map.value) return;
    const variable = this.variable(symbol);
    const { offsets, padded } = layoutOf(symbol.type);
    if (padded) this.zero(variable, sizeOf(symbol.type));
    this.convert(`${variable} + ${offsets[0]}`, symbol.type.items[0]!, 'skep_key', map.key);
    const value = isCastable(map.value) ? this.sumUp(map.value, node.name, 'skep_key') : undefined;
    if (value === undefined)
      this.convert(`${variable} + ${offsets[1]}`, symbol.type.items[1]!, 'skep_value', map.value);
    else this.storeScalar(`${variable} + ${offsets[1]}`, symbol.type.items[1]!, value);
  }

  private discard(value: Expression): void {
    if (value.kind === 'block') this.block(value, undefined);
    else if (value.kind === 'ifElse') this.ifElse(value, undefined);
    else if (value.kind === 'conditional') {
      this.emit(`  if (${this.truth(value.condition)}) {`);
      if (value.consequent) this.discard(value.consequent);
      this.emit('  } else {');
      this.discard(value.otherwise);
      this.emit('  }');
    } else if (value.kind === 'call' || value.kind === 'name') {
      const type = value.type && asNumber(value.type);
      const bytes = type && type.kind !== 'none' && type.kind !== 'aggregate' && !isScalar(type);
      this.callFunction(value, bytes ? this.room(sizeOf(type)) : undefined, true);
    } else if (value.kind === 'step') this.step(value);
    else if (value.type && value.type.kind !== 'none') {
      if (isScalar(asNumber(value.type))) this.value(value);
      else if (value.type.kind !== 'aggregate' && value.kind !== 'typeof') this.ref(value);
    }
  }

  private ifElse(node: Expression & { kind: 'ifElse' }, result: ((value: Expression) => void) | undefined): void {
    const known = node.condition.kind === 'comptime' ? this.checker.comptime(node.condition) : undefined;
    const other = () => {
      if (!node.otherwise) return;
      if (node.otherwise.kind === 'ifElse') this.ifElse(node.otherwise, result);
      else if (node.otherwise.kind === 'block') this.block(node.otherwise, result);
    };
    if (known === true) this.block(node.consequent, result);
    else if (known === false) other();
    else {
      this.emit(`  if (${this.truth(node.condition)}) {`);
      this.block(node.consequent, result);
      if (node.otherwise) {
        this.emit('  } else {');
        other();
      }
      this.emit('  }');
    }
  }

  private assign(one: Statement & { kind: 'assign' }): void {
    const { target, value, op } = one;
    if (target.kind === 'name') {
      this.discard(value);
      return;
    }
    if (target.kind === 'variable') {
      const { symbol } = target;
      if (!symbol?.type) return;
      if (op) this.emit(`  ${this.variable(symbol)} = ${this.binaryOf(op, target, value, one.span, symbol.type)};`);
      else this.setVariable(symbol, value);
      return;
    }
    if (target.kind !== 'map' && target.kind !== 'element') return;
    const map = this.checker.mapOf(target.kind === 'map' ? target : target.map);
    const call = aggregateCall(value);
    if (call && map.value?.kind === 'aggregate') {
      // A block around it is run first.
      let inner: Expression = value;
      while (inner.kind === 'block') {
        for (const statement of inner.statements) this.statement(statement);
        inner = inner.value!;
      }
      storeAggregate(this, map, map.value, target, inner as Expression & { kind: 'call' });
      return;
    }
    const { value: type } = map;
    if (!type) return;
    const key = this.key(target, map);
    let source: string;
    if (isScalar(type)) {
      const computed = op ? this.binaryOf(op, target, value, one.span, type) : this.valueAs(value, type);
      const room = this.room(8);
      this.storeScalar(room, type, computed);
      source = room;
    } else if (!op && value.type && sameType(value.type, type)) source = this.ref(value);
    else {
      source = this.room(sizeOf(type));
      this.into(value, type, source);
    }
    this.updateMap(map, key, source, one.span);
  }

  updateMap(map: MapInfo, key: string, value: string, span: Span): void {
    const error = this.helperError(
      'map_update_elem',
      "Map full; can't update element. Try increasing max_map_keys config or manually setting the max entries in a map declaration e.g. `let @a = hash(5000)`",
      span,
      true,
    );
    this.emit(`  if (bpf_map_update_elem(&${this.mapSymbol(map.name)}, ${key}, ${value}, 0)) ${error}`);
  }

  private setVariable(symbol: VariableSymbol, value: Expression): void {
    const type = symbol.type!;
    const variable = this.variable(symbol);
    if (isScalar(type)) {
      this.emit(`  ${variable} = ${this.valueAs(value, type)};`);
      return;
    }
    // The value may read the variable: it is made aside first, unless it plainly does not.
    if (
      value.kind === 'string' ||
      value.kind === 'variable' ||
      value.kind === 'element' ||
      value.kind === 'map' ||
      value.kind === 'call' ||
      value.kind === 'name' ||
      value.kind === 'unary'
    )
      this.into(value, type, variable);
    else {
      const aside = this.room(sizeOf(type));
      this.into(value, type, aside);
      this.copy(variable, aside, sizeOf(type));
    }
  }

  // Values

  /** A scalar of the type that is wanted. */
  valueAs(node: Expression, type: TraceType): string {
    const value = this.value(node);
    const from = asNumber(node.type!);
    if (sameType(from, type)) return value;
    if (type.kind === 'bool') return `((${value}) != 0)`;
    return `(${cType(type)})(${value})`;
  }

  truth(node: Expression): string {
    if ((node.kind === 'binary' && (node.op === '&&' || node.op === '||')) || isScalar(asNumber(node.type!)))
      return this.value(node);
    return '1';
  }

  /** The value of an expression whose type fits a register: a C expression without effects. */
  value(node: Expression): string {
    const type = asNumber(node.type!);
    if (type.kind === 'int' || type.kind === 'bool') {
      const constant = this.checker.constant(node);
      if (constant !== undefined) return literal(constant, type);
    }
    switch (node.kind) {
      case 'variable':
        return this.keep(type, this.variable(node.symbol!));
      case 'map':
      case 'element':
        return this.readMap(node);
      case 'name':
      case 'call':
        return this.callFunction(node, undefined, false);
      case 'member':
      case 'index':
        return this.load(this.place(node), type, node.span);
      case 'unary':
        return this.unary(node);
      case 'step':
        return this.step(node);
      case 'binary':
        return this.binary(node);
      case 'conditional':
        return this.conditional(node, type);
      case 'cast':
        return this.cast(node, type);
      case 'comptime':
        return this.value(node.operand);
      case 'block': {
        let result = '0';
        this.block(node, (value) => {
          result = this.value(value);
        });
        return result;
      }
      case 'ifElse': {
        const result = this.keep(type, '0');
        this.ifElse(node, (value) => this.emit(`  ${result} = ${this.valueAs(value, type)};`));
        return result;
      }
      default:
        throw new Error(`no value of ${node.kind}`);
    }
  }

  private conditional(node: Expression & { kind: 'conditional' }, type: TraceType): string {
    const condition = this.value(node.condition);
    const result = this.keep(type, '0');
    this.emit(`  if (${condition}) {`);
    this.emit(
      `  ${result} = ${node.consequent ? this.valueAs(node.consequent, type) : `(${cType(type)})(${condition})`};`,
    );
    this.emit('  } else {');
    this.emit(`  ${result} = ${this.valueAs(node.otherwise, type)};`);
    this.emit('  }');
    return result;
  }

  /** The bytes of an expression, in the layout of its type: a `char *`. */
  ref(node: Expression): string {
    const type = asNumber(node.type!);
    if (node.kind === 'variable') return this.variable(node.symbol!);
    if (node.kind === 'member' || node.kind === 'index') {
      const place = this.place(node);
      if (place.space === 'here' && !place.field?.bits) return place.at;
      const room = this.room(sizeOf(type));
      this.readInto(place, type, room, node.span);
      return room;
    }
    const room = this.room(sizeOf(type));
    this.into(node, type, room);
    return room;
  }

  /** Puts the value of an expression somewhere, as a value of `type`. */
  into(node: Expression, type: TraceType, dest: string): void {
    const own = asNumber(node.type!);
    if (isScalar(type)) {
      this.storeScalar(dest, type, this.valueAs(node, type));
      return;
    }
    if (type.kind === 'string') {
      const text =
        this.checker.textOf(node) ?? (node.kind === 'positional' ? String(this.checker.positional(node)) : undefined);
      if (text !== undefined) {
        this.storeText(dest, type.size, text);
        return;
      }
    }
    switch (node.kind) {
      case 'tuple':
        if (type.kind === 'tuple') {
          const { offsets, padded, size } = layoutOf(type);
          if (padded) this.zero(dest, size);
          for (const [i, item] of node.items.entries()) this.into(item, type.items[i]!, plus(dest, offsets[i]!));
          return;
        }
        break;
      case 'record':
        if (type.kind === 'record') {
          const { offsets, padded, size } = layoutOf(type);
          if (padded) this.zero(dest, size);
          for (const field of node.fields) {
            const at = type.fields.findIndex((one) => one.name === field.name);
            this.into(field.value, type.fields[at]!.type, plus(dest, offsets[at]!));
          }
          return;
        }
        break;
      case 'conditional':
        this.emit(`  if (${this.truth(node.condition)}) {`);
        if (node.consequent) this.into(node.consequent, type, dest);
        else this.into(node.condition, type, dest);
        this.emit('  } else {');
        this.into(node.otherwise, type, dest);
        this.emit('  }');
        return;
      case 'ifElse':
        this.ifElse(node, (value) => this.into(value, type, dest));
        return;
      case 'block':
        this.block(node, (value) => this.into(value, type, dest));
        return;
      case 'comptime':
        this.into(node.operand, type, dest);
        return;
    }
    if (!sameLayout(own, type)) {
      this.convert(dest, type, this.ref(node), own);
      return;
    }
    switch (node.kind) {
      case 'variable':
        this.copy(dest, this.variable(node.symbol!), sizeOf(type));
        return;
      case 'map':
      case 'element':
        this.readMapInto(node, type, dest);
        return;
      case 'name':
      case 'call':
        this.callFunction(node, dest, false);
        return;
      case 'member':
      case 'index':
        this.readInto(this.place(node), type, dest, node.span);
        return;
      case 'unary':
        if (node.op === '*') {
          // `*args` is `args`.
          if (node.operand.type?.kind === 'struct') this.into(node.operand, type, dest);
          else this.readInto(this.place(node), type, dest, node.span);
          return;
        }
        break;
      case 'cast':
        this.castInto(node, type, dest);
        return;
      case 'typeinfo': {
        if (type.kind !== 'record') break;
        const of = this.checker.typeOrExpression(node.of)!;
        const { offsets } = layoutOf(type);
        this.zero(dest, sizeOf(type));
        for (const [i, text] of [baseName(of), showType(of)].entries())
          this.storeText(plus(dest, offsets[i + 1]!), sizeOf(type.fields[i + 1]!.type), text);
        return;
      }
    }
    throw new Error(`no bytes of ${node.kind}`);
  }

  // Places in memory

  /** Where what `.`, `[]` and `*` name lies. */
  private place(node: Expression): Place {
    switch (node.kind) {
      case 'unary': {
        if (node.op !== '*') break;
        const type = asNumber(node.operand.type!);
        return {
          at: this.value(node.operand),
          space: type.kind === 'pointer' ? this.space(type.space) : this.unit.context.space,
        };
      }
      case 'member': {
        const base = asNumber(node.base.type!);
        if (base.kind === 'pointer') {
          const field = this.fieldOf(base.to, node.name);
          const address = this.value(node.base);
          return { at: this.memberAddress(address, base.to, field), space: this.space(base.space), field };
        }
        const inner = this.place(node.base);
        if (isCompound(base)) {
          const index =
            base.kind === 'tuple' ? Number(node.name) : base.fields.findIndex((one) => one.name === node.name);
          return { at: plus(inner.at, layoutOf(base).offsets[index]!), space: inner.space };
        }
        const field = this.fieldOf(base, node.name);
        if (inner.space === 'here' || inner.space === 'context')
          return { at: plus(inner.at, field.offset), space: inner.space, field };
        return { at: this.memberAddress(inner.at, base, field), space: inner.space, field };
      }
      case 'index': {
        const base = asNumber(node.base.type!);
        const constant = this.checker.constant(node.index);
        const size = sizeOf(node.type!);
        if (base.kind === 'tuple')
          return {
            at: plus(this.place(node.base).at, layoutOf(base).offsets[Number(constant)]!),
            space: this.place(node.base).space,
          };
        if (base.kind === 'pointer') {
          const address = this.value(node.base);
          const at =
            constant === undefined
              ? `(${address} + (u64)(s64)${this.value(node.index)} * ${size})`
              : plus64(address, Number(constant) * size);
          return { at: this.keep(UINT64, at), space: this.space(base.space) };
        }
        const inner = this.place(node.base);
        const head = base.kind === 'buffer' ? 4 : 0;
        if (constant !== undefined)
          return {
            at:
              inner.space === 'here' || inner.space === 'context'
                ? plus(inner.at, head + Number(constant) * size)
                : plus64(inner.at, head + Number(constant) * size),
            space: inner.space,
          };
        const index = this.keep(UINT64, `(u64)(${this.value(node.index)})`);
        const count =
          base.kind === 'array' ? base.count : base.kind === 'string' || base.kind === 'buffer' ? base.size : 0;
        if (count > 0) {
          this.emit(
            `  if (${index} >= ${count}) { ${this.notice('Array access out of bounds. This can lead to unexpected results.', node.span)} ${index} = 0; }`,
          );
        }
        const offset = `${index} * ${size}`;
        if (inner.space === 'here' || inner.space === 'context') {
          // An address that varies is read by a helper.
          return { at: this.keep(UINT64, `(u64)(${inner.at}) + ${head} + ${offset}`), space: 'bpf' };
        }
        return { at: this.keep(UINT64, `${inner.at} + ${offset}`), space: inner.space };
      }
      case 'variable':
        return { at: this.variable(node.symbol!), space: 'here' };
      case 'name':
      case 'call':
        if (node.name === 'args' || node.name === 'ctx') {
          const { shape } = this.unit.context;
          if (shape === 'record' || shape === 'slots' || shape === 'iterator')
            return { at: `((char *)${this.context()})`, space: 'context' };
        }
        break;
      case 'cast':
        break;
    }
    const type = asNumber(node.type!);
    if (isScalar(type)) {
      const room = this.room(8);
      this.storeScalar(room, type, this.value(node));
      return { at: room, space: 'here' };
    }
    return { at: this.ref(node), space: 'here' };
  }

  private space(space: AddressSpace): AddressSpace {
    return space === 'none' ? this.unit.context.space : space;
  }

  private fieldOf(type: TraceType, name: string): StructField {
    if (isCompound(type)) {
      const index = type.kind === 'tuple' ? Number(name) : type.fields.findIndex((one) => one.name === name);
      return { name, type: partsOf(type)[index]!, offset: layoutOf(type).offsets[index]! };
    }
    if (type.kind !== 'struct') throw new Error(`no field ${name}`);
    return type.fields().find((one) => one.name === name)!;
  }

  /** The kernel's structs differ from kernel to kernel: the offset is filled in when the program is loaded. */
  private memberAddress(base: string, type: TraceType, field: StructField): string {
    if (type.kind === 'struct' && type.kernel && !type.anonymous && !field.bits) {
      this.out.vmlinux = true;
      return this.keep(UINT64, `(u64)&((${type.name} *)(${base}))->${field.name}`);
    }
    return plus64(base, field.offset);
  }

  private load(place: Place, type: TraceType, span: Span): string {
    const { field } = place;
    if (field?.dataLocation) return this.keep(type, `(u64)${this.context()} + (*(u32 *)(${place.at}) & 0xffff)`);
    if (field?.bits && type.kind === 'int') {
      const size = field.bits.offset + field.bits.width > type.size * 8 ? 8 : type.size;
      const unit = this.load({ at: place.at, space: place.space }, int(size, false), span);
      const shiftUp = 64 - field.bits.offset - field.bits.width;
      return this.keep(type, `(${cType(type)})(((u64)${unit} << ${shiftUp}) >> ${64 - field.bits.width})`);
    }
    if (place.space === 'here') return this.keep(type, `*(${cType(type)} *)(${place.at})`);
    if (place.space === 'context' && (this.unit.context.shape !== 'iterator' || type.kind !== 'pointer'))
      return this.keep(type, `*(${cType(type)} *)(${place.at})`);
    if (place.space === 'context') {
      // Loaded plainly it would be a pointer that may be null, which the verifier lets nobody calculate with.
      const pointer = this.keep(type, '0');
      this.emit(`  bpf_probe_read_kernel(&${pointer}, 8, ${place.at});`);
      return pointer;
    }
    const result = this.keep(type, '0');
    this.read(place.space, `&${result}`, sizeOf(type), place.at, span);
    return result;
  }

  private readInto(place: Place, type: TraceType, dest: string, span: Span): void {
    if (place.field?.dataLocation) {
      this.storeScalar(dest, type, this.load(place, type, span));
      return;
    }
    if (place.space === 'here') this.copy(dest, place.at, sizeOf(type));
    else if (place.space === 'context') this.read('kernel', dest, sizeOf(type), place.at, span);
    else this.read(place.space, dest, sizeOf(type), place.at, span);
  }

  /** Reads memory of elsewhere; bytes that cannot be read are zero. */
  read(space: AddressSpace, dest: string, size: number | string, address: string, span: Span): void {
    if (size === 0) return;
    const user = this.space(space) === 'user';
    const call = `bpf_probe_read_${user ? 'user' : 'kernel'}(${dest}, ${size}, (void *)(${address}))`;
    if (this.out.helperErrors) {
      const code = this.scratchVariable('s64', call);
      this.emit(
        `  if (${code} < 0) ${this.helperError(user ? 'probe_read_user' : 'probe_read_kernel', 'Bad address', span, false, code)}`,
      );
    } else this.emit(`  ${call};`);
  }

  // Maps

  mapSymbol(name: string): string {
    return this.out.mapSymbol(name);
  }

  /** The key of an access: a pointer. */
  key(node: Expression & { kind: 'map' | 'element' }, map: MapInfo): string {
    const bucketed = map.value?.kind === 'aggregate' && BUCKETED.has(map.value.name);
    if (node.kind === 'map' || !map.key) {
      const room = this.room(bucketed ? 16 : 8);
      this.emit(`  *(u64 *)${room} = 0;`);
      return room;
    }
    return this.keyOf(node.key, map);
  }

  keyOf(node: Expression, map: MapInfo): string {
    const type = map.key!;
    const size = sizeOf(type);
    const bucketed = map.value?.kind === 'aggregate' && BUCKETED.has(map.value.name);
    const whole = bucketed ? Math.ceil(size / 8) * 8 + 8 : size;
    if (!bucketed && node.kind === 'variable' && node.type && sameType(node.type, type) && !isScalar(type))
      return this.variable(node.symbol!);
    const room = this.room(whole);
    if (bucketed && size % 8 !== 0) this.zero(room, whole - 8);
    this.into(node, type, room);
    return room;
  }

  private readMap(node: Expression & { kind: 'map' | 'element' }): string {
    const map = this.checker.mapOf(node.kind === 'map' ? node : node.map);
    const key = this.key(node, map);
    const value = map.value!;
    if (isCastable(value)) return this.sumUp(value, map.name, key);
    const type = asNumber(value);
    const pointer = this.lookup(map, key);
    const result = this.keep(type, '0');
    this.emit(`  if (${pointer}) ${result} = *(${cType(type)} *)${pointer};${this.missing(node)}`);
    return result;
  }

  lookup(map: MapInfo, key: string): string {
    return this.scratchVariable('char *', `bpf_map_lookup_elem(&${this.mapSymbol(map.name)}, ${key})`);
  }

  private missing(node: Expression): string {
    if (!this.out.helperErrors || node.kind === 'map') return '';
    return ` else ${this.helperError('map_lookup_elem', "Can't lookup map element because it does not exist.", node.span, false, '0')}`;
  }

  private readMapInto(node: Expression & { kind: 'map' | 'element' }, type: TraceType, dest: string): void {
    const map = this.checker.mapOf(node.kind === 'map' ? node : node.map);
    const pointer = this.lookup(map, this.key(node, map));
    this.emit(`  if (${pointer}) {`);
    this.copy(dest, pointer, sizeOf(type));
    this.emit('  } else {');
    this.zero(dest, sizeOf(type));
    this.emit('  }');
  }

  /** What all CPUs have of `count()` and its kind. */
  sumUp(type: AggregateType, map: string, key: string): string {
    const result = this.scratchVariable(type.signed ? 's64' : 'u64', '0');
    const other =
      type.name === 'avg' || type.name === 'min' || type.name === 'max' ? this.scratchVariable('u64', '0') : '';
    const cpu = this.scratchVariable('u32', '0');
    const value = type.signed ? '(s64)' : '';
    this.emit(`  for (${cpu} = 0; ${cpu} < ${this.out.cpus}; ${cpu}++) {`);
    this.emit(`  u64 *skep_one = bpf_map_lookup_percpu_elem(&${this.mapSymbol(map)}, ${key}, ${cpu});`);
    switch (type.name) {
      case 'count':
      case 'sum':
        this.emit(`  if (skep_one) ${result} += skep_one[0];`);
        break;
      case 'avg':
        this.emit(`  if (skep_one) { ${result} += skep_one[0]; ${other} += skep_one[1]; }`);
        break;
      default: {
        const better = type.name === 'min' ? '<' : '>';
        this.emit(
          `  if (skep_one && skep_one[1] && (!${other} || ${value}skep_one[0] ${better} ${result})) { ${result} = skep_one[0]; ${other} = 1; }`,
        );
      }
    }
    this.emit('  }');
    if (type.name === 'avg')
      this.emit(
        `  if (${other}) ${result} = ${type.signed ? `skep_divide(${result}, (s64)${other})` : `${result} / ${other}`};`,
      );
    if (type.name === 'avg' && type.signed) this.out.helpers.add('divide');
    return result;
  }

  // Operators

  private unary(node: Expression & { kind: 'unary' }): string {
    const type = asNumber(node.type!);
    const { operand, op } = node;
    switch (op) {
      case '&':
        return this.addressOf(operand);
      case '*':
        return this.load(this.place(node), type, node.span);
      case '!':
        return this.keep(type, `!(${this.value(operand)})`);
      default:
        return this.keep(type, `${op}(${wide(asNumber(operand.type!) as IntType)}(${this.value(operand)}))`);
    }
  }

  private addressOf(operand: Expression): string {
    if (operand.kind === 'variable') {
      const variable = this.variable(operand.symbol!);
      return isScalar(operand.symbol!.type!) ? `((u64)&${variable})` : `((u64)${variable})`;
    }
    if (operand.kind === 'map' || operand.kind === 'element') {
      const map = this.checker.mapOf(operand.kind === 'map' ? operand : operand.map);
      if (operand.kind === 'map' && map.scalar === false) return `((u64)&${this.mapSymbol(map.name)})`;
      return this.keep(UINT64, `(u64)${this.lookup(map, this.key(operand, map))}`);
    }
    const place = this.place(operand);
    return this.keep(UINT64, `(u64)(${place.at})`);
  }

  private step(node: Expression & { kind: 'step' }): string {
    const { operand, op, prefix } = node;
    const type = asNumber(node.type ?? operand.type!);
    const by = type.kind === 'pointer' ? Math.max(1, sizeOf(type.to)) : 1;
    const sign = op === '++' ? '+' : '-';
    if (operand.kind === 'variable') {
      const variable = this.variable(operand.symbol!);
      const before = prefix ? '' : this.keep(type, variable);
      this.emit(`  ${variable} = ${variable} ${sign} ${by};`);
      return prefix ? this.keep(type, variable) : before;
    }
    if (operand.kind !== 'map' && operand.kind !== 'element') throw new Error('a step of no variable');
    const map = this.checker.mapOf(operand.kind === 'map' ? operand : operand.map);
    const key = this.key(operand, map);
    const stored = map.value!;
    const pointer = this.lookup(map, key);
    const before = this.keep(stored, '0');
    // In place, so that an increment costs one lookup.
    this.emit(
      `  if (${pointer}) { ${before} = *(${cType(stored)} *)${pointer}; *(${cType(stored)} *)${pointer} = ${before} ${sign} ${by}; } else {`,
    );
    const room = this.room(8);
    this.emit(`  *(${cType(stored)} *)${room} = (${cType(stored)})(${sign}${by});`);
    this.updateMap(map, key, room, node.span);
    this.emit('  }');
    return prefix ? this.keep(stored, `${before} ${sign} ${by}`) : before;
  }

  private binary(node: Expression & { kind: 'binary' }): string {
    const { op, left, right } = node;
    if (op === '&&' || op === '||') {
      const result = this.scratchVariable('u8', `(${this.truth(left)}) != 0`);
      this.emit(`  if (${op === '&&' ? '' : '!'}${result}) {`);
      this.emit(`  ${result} = (${this.truth(right)}) != 0;`);
      this.emit('  }');
      return result;
    }
    return this.binaryOf(op, left, right, node.span, asNumber(node.type!));
  }

  private binaryOf(op: BinaryOperator, left: Expression, right: Expression, span: Span, type: TraceType): string {
    const l = asNumber(left.type!);
    const r = asNumber(right.type!);
    if (!isScalar(l) || !isScalar(r)) return this.compareBytes(op, left, l, right, r, type);
    const a = this.value(left);
    const b = this.value(right);
    if (l.kind === 'pointer' || r.kind === 'pointer') {
      if (COMPARES.has(op)) return this.keep(type, `((u64)${a} ${op} (u64)(${b}))`);
      const [base, baseType, offset] = l.kind === 'pointer' ? [a, l, b] : [b, r as TraceType & { kind: 'pointer' }, a];
      return this.keep(type, `${base} ${op} (u64)(s64)(${offset}) * ${Math.max(1, sizeOf(baseType.to))}`);
    }
    const li = l.kind === 'int' ? l : UINT64;
    const ri = r.kind === 'int' ? r : UINT64;
    const lSigned = li.flexible && !ri.flexible ? ri.signed : li.signed;
    const rSigned = ri.flexible && !li.flexible ? li.signed : ri.signed;
    const bothSigned = lSigned && rSigned;
    const to = bothSigned ? 's64' : 'u64';
    const x = `(${to})${wide(li)}(${a})`;
    const y = `(${to})${wide(ri)}(${b})`;
    const result = type.kind === 'int' || type.kind === 'bool' ? cType(type) : 'u64';
    switch (op) {
      case '/':
      case '%':
        return this.divide(op, x, y, bothSigned, this.checker.constant(right), span, type);
      case '<<':
        return this.keep(type, `(${result})((u64)${wide(li)}(${a}) << (((u64)(${b})) & 63))`);
      case '>>':
        return this.keep(type, `(${result})((${li.signed ? 's64' : 'u64'})${wide(li)}(${a}) >> (((u64)(${b})) & 63))`);
      default:
        return this.keep(type, COMPARES.has(op) ? `(${x} ${op} ${y})` : `(${result})(${x} ${op} ${y})`);
    }
  }

  private divide(
    op: '/' | '%',
    x: string,
    y: string,
    signed: boolean,
    by: bigint | undefined,
    span: Span,
    type: TraceType,
  ): string {
    const result = this.keep(signed ? INT64 : UINT64, x);
    const divisor = this.keep(signed ? INT64 : UINT64, y);
    if (signed) this.out.helpers.add('divide');
    const compute = signed
      ? op === '/'
        ? `skep_divide(${result}, ${divisor})`
        : `skep_modulo(${result}, ${divisor})`
      : `${result} ${op} ${divisor}`;
    if (by !== undefined && by !== 0n) this.emit(`  ${result} = ${compute};`);
    else {
      this.emit(
        `  if (${divisor} == 0) { ${this.notice('Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.', span)} ${result} = 1; }`,
      );
      this.emit(`  else ${result} = ${compute};`);
    }
    return this.keep(type, result);
  }

  private compareBytes(
    op: BinaryOperator,
    left: Expression,
    l: TraceType,
    right: Expression,
    r: TraceType,
    type: TraceType,
  ): string {
    const equal =
      l.kind === 'string' && r.kind === 'string'
        ? this.compareStrings(left, l.size, right, r.size)
        : this.compareSame(left, l, right, r);
    return this.keep(type, op === '==' ? equal : `!${equal}`);
  }

  private compareSame(left: Expression, l: TraceType, right: Expression, r: TraceType): string {
    const common = promote(l, r) ?? l;
    const make = (node: Expression, own: TraceType): string => {
      if (sameLayout(own, common)) return this.ref(node);
      const room = this.room(sizeOf(common));
      this.into(node, common, room);
      return room;
    };
    return this.bytesEqual(make(left, l), make(right, r), sizeOf(common));
  }

  private compareStrings(left: Expression, leftSize: number, right: Expression, rightSize: number): string {
    const literal = this.checker.textOf(left) ?? this.checker.textOf(right);
    if (literal !== undefined && this.checker.textOf(left) !== undefined && this.checker.textOf(right) !== undefined)
      return this.checker.textOf(left) === this.checker.textOf(right) ? '1' : '0';
    if (literal !== undefined && literal.length < 48) {
      const [node, size] = this.checker.textOf(left) !== undefined ? [right, rightSize] : [left, leftSize];
      const text = literal.replace(/\0.*$/s, '');
      const at = this.ref(node);
      const result = this.scratchVariable('u8', '1');
      const count = Math.min(text.length + 1, size);
      this.emit(
        `  if (${[...Array(count).keys()].map((i) => `${at}[${i}] != ${signedByte(text.charCodeAt(i) || 0)}`).join(' || ')}) ${result} = 0;`,
      );
      return result;
    }
    const [a, b] = [this.ref(left), this.ref(right)];
    return this.compareText(a, b, Math.min(leftSize, rightSize));
  }

  /** Whether two texts are the same, in at most so many bytes. */
  compareText(a: string, b: string, size: number): string {
    const result = this.scratchVariable('u8', '1');
    const i = this.scratchVariable('u32', '0');
    this.emit(
      `  for (${i} = 0; ${i} < ${size}; ${i}++) { if (${a}[${i}] != ${b}[${i}]) { ${result} = 0; break; } if (!${a}[${i}]) break; }`,
    );
    return result;
  }

  bytesEqual(a: string, b: string, size: number): string {
    if (size === 0) return '1';
    const result = this.scratchVariable('u8', '1');
    const i = this.scratchVariable('u32', '0');
    this.emit(`  for (${i} = 0; ${i} < ${size}; ${i}++) if (${a}[${i}] != ${b}[${i}]) { ${result} = 0; break; }`);
    return result;
  }

  private cast(node: Expression & { kind: 'cast' }, to: TraceType): string {
    const { operand } = node;
    const from = asNumber(operand.type!);
    // A small integer becomes an address without its sign.
    if (from.kind === 'int' && to.kind === 'pointer')
      return this.keep(to, `(u64)(u${from.size * 8})(${this.value(operand)})`);
    if (isScalar(from))
      return this.keep(
        to,
        to.kind === 'bool'
          ? `((${this.value(operand)}) != 0)`
          : `(${cType(to)})${from.kind === 'int' ? wide(from) : ''}(${this.value(operand)})`,
      );
    const at = this.ref(operand);
    if (to.kind === 'bool') return this.keep(to, `(${at}[0] != 0)`);
    if (to.kind === 'pointer') return this.keep(to, `(u64)${at}`);
    // Bytes become a number as they lie.
    const room = this.room(8);
    this.emit(`  *(u64 *)${room} = 0;`);
    this.copy(room, at, Math.min(8, sizeOf(from)));
    return this.keep(to, `*(${cType(to)} *)${room}`);
  }

  private castInto(node: Expression & { kind: 'cast' }, type: TraceType, dest: string): void {
    const { operand } = node;
    const from = asNumber(operand.type!);
    const size = sizeOf(type);
    if (type.kind === 'string' && isScalar(from)) {
      this.readString(this.space(from.kind === 'pointer' ? from.space : 'none'), dest, type.size, this.value(operand));
      return;
    }
    if (isScalar(from)) {
      const room = this.room(8);
      this.emit(`  *(u64 *)${room} = (u64)${from.kind === 'int' ? wide(from) : ''}(${this.value(operand)});`);
      this.zero(dest, size);
      this.copy(dest, room, Math.min(8, size));
      return;
    }
    if (isCompound(type)) {
      this.into(operand, type, dest);
      return;
    }
    const at = this.ref(operand);
    const count = Math.min(size, sizeOf(from));
    this.copy(dest, at, count);
    if (count < size) this.zero(plus(dest, count), size - count);
  }

  /** A string of elsewhere; what is behind its end is zero. */
  readString(space: AddressSpace, dest: string, size: number | string, address: string, room = size): void {
    this.zero(dest, Number(room));
    this.emit(
      `  bpf_probe_read_${this.space(space) === 'user' ? 'user' : 'kernel'}_str(${dest}, ${size}, (void *)(${address}));`,
    );
  }

  callFunction(node: Expression & { kind: 'name' | 'call' }, dest: string | undefined, discarded: boolean): string {
    const call = node.kind === 'call' ? node : { ...node, kind: 'call' as const, args: [] };
    const constant = this.checker.options.types;
    const found = FUNCTIONS.get(node.name) ?? (/^s?arg\d+$/.test(node.name) ? FUNCTIONS.get('arg0') : undefined);
    if (!found) {
      const value = constant.constant(node.name);
      if (value?.kind === 'string' && dest) this.storeText(dest, sizeOf(node.type!), value.value);
      return value?.kind === 'int' ? literal(value.value, INT64) : '0';
    }
    return found.emit(this, call, dest, discarded) ?? '0';
  }

  /** A `char *` to the bytes of a variable, or of a copy. */
  addressable(node: Expression): string {
    if (node.kind === 'variable') {
      const variable = this.variable(node.symbol!);
      return isScalar(node.symbol!.type!) ? `((char *)&${variable})` : variable;
    }
    const type = asNumber(node.type!);
    if (!isScalar(type)) return this.ref(node);
    const room = this.room(8);
    this.storeScalar(room, type, this.value(node));
    return room;
  }

  /** Where something lies in the kernel or a process, as a number. */
  addressOfPlace(node: Expression): string {
    const place = this.place(node);
    return this.keep(UINT64, `(u64)(${place.at})`);
  }

  // Bytes

  storeScalar(dest: string, type: TraceType, value: string): void {
    this.emit(`  *(${cType(type)} *)(${dest}) = ${value};`);
  }

  storeText(dest: string, size: number, text: string): void {
    const bytes = [...text.slice(0, Math.max(0, size - 1))].map((c) => c.charCodeAt(0));
    if (size <= 64) {
      for (let at = 0; at < size; at += 8) {
        const width = Math.min(8, size - at);
        if (width === 8) {
          let word = 0n;
          for (let i = 7; i >= 0; i--) word = (word << 8n) | BigInt(bytes[at + i] ?? 0);
          this.emit(
            `  *(u64 *)(${plus(dest, at)}) = 0x${word.toString(16)}ULL;`.replace('*(u64 *)', this.alignedFor(dest, at)),
          );
        } else for (let i = 0; i < width; i++) this.emit(`  (${dest})[${at + i}] = ${signedByte(bytes[at + i] ?? 0)};`);
      }
      return;
    }
    this.zero(dest, size);
    const name = this.out.text(bytes);
    this.copy(dest, `((char *)${name})`, bytes.length);
  }

  /** Rooms begin at multiples of eight, strings inside tuples may not. */
  private alignedFor(dest: string, at: number): string {
    const offset = at + [...dest.matchAll(/\+ (\d+)/g)].reduce((sum, one) => sum + Number(one[1]), 0);
    return offset % 8 === 0 ? '*(u64 *)' : '*(skep_unaligned *)';
  }

  copy(dest: string, source: string, size: number): void {
    if (size === 0 || dest === source) return;
    if (size > 256) this.emit(`  bpf_probe_read_kernel(${dest}, ${size}, ${source});`);
    else this.emit(`  __builtin_memcpy(${dest}, ${source}, ${size});`);
  }

  zero(dest: string, size: number): void {
    if (size === 0) return;
    // Reading from nowhere fails, and leaves zeros.
    if (size > 256) this.emit(`  bpf_probe_read_kernel(${dest}, ${size}, 0);`);
    else this.emit(`  __builtin_memset(${dest}, 0, ${size});`);
  }

  /** Bytes of one type as another: strings and integers that grew, parts that stand elsewhere. */
  convert(dest: string, to: TraceType, source: string, from: TraceType): void {
    if (sameLayout(to, from) && !isScalar(to)) {
      this.copy(dest, source, sizeOf(to));
      return;
    }
    if (isScalar(to)) {
      this.emit(`  *(${cType(to)} *)(${dest}) = *(${cType(from)} *)(${source});`);
      return;
    }
    if ((to.kind === 'string' && from.kind === 'string') || (to.kind === 'buffer' && from.kind === 'buffer')) {
      const count = Math.min(sizeOf(to), sizeOf(from));
      this.copy(dest, source, count);
      if (sizeOf(to) > count) this.zero(plus(dest, count), sizeOf(to) - count);
      else if (to.kind === 'string') this.emit(`  (${dest})[${count - 1}] = 0;`);
      return;
    }
    if (isCompound(to) && isCompound(from)) {
      const { offsets, padded, size } = layoutOf(to);
      const sources = layoutOf(from).offsets;
      if (padded) this.zero(dest, size);
      for (const [i, part] of partsOf(to).entries()) {
        const j =
          to.kind === 'record' && from.kind === 'record'
            ? from.fields.findIndex((one) => one.name === to.fields[i]!.name)
            : i;
        this.convert(plus(dest, offsets[i]!), part, plus(source, sources[j]!), partsOf(from)[j]!);
      }
      return;
    }
    const count = Math.min(sizeOf(to), sizeOf(from));
    this.copy(dest, source, count);
    if (sizeOf(to) > count) this.zero(plus(dest, count), sizeOf(to) - count);
  }

  // Records for user space

  /** Sends the arguments of an action, each as a value of its own type. */
  action(
    action: ActionOf,
    span: Span,
    args: readonly Expression[] = [],
    types: readonly TraceType[] = args.map((one) => asNumber(one.type!)),
  ): void {
    const made = this.out.action(action, span, this.expandedAt(span), types);
    const { size, offsets, padded } = layoutOf(made.record);
    const room = this.room(size);
    if (padded) this.zero(room, size);
    for (const [i, arg] of args.entries()) this.into(arg, types[i]!, plus(room, offsets[i + 1]!));
    this.emit(`  *(u64 *)${room} = ${made.id};`);
    this.emit(`  skep_send(${room}, ${size});`);
  }

  private expanded: readonly Span[] = [];
  /** Where macros were called around the place that is being written. */
  within(node: { readonly expandedAt?: readonly Span[] | undefined }): void {
    this.expanded = node.expandedAt ?? [];
  }
  private expandedAt(_: Span): readonly Span[] {
    return this.expanded;
  }

  /** A statement that tells what a helper answered. */
  helperError(helper: string, message: string, span: Span, always: boolean, code = '0'): string {
    if (!always && !this.out.helperErrors) return ';';
    const made = this.out.action({ kind: 'helperError', helper, message, always }, span, this.expanded, [INT64]);
    return `skep_error(${made.id}, ${code});`;
  }

  notice(message: string, span: Span): string {
    const made = this.out.action({ kind: 'notice', message }, span, this.expanded, [INT64]);
    return `skep_error(${made.id}, 0);`;
  }
}

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;
/** An action without what every action has. */
export type ActionOf = Without<Action, 'id' | 'span' | 'expandedAt' | 'record'>;

/** The C type of a value in a register. */
export function cType(type: TraceType): string {
  if (type.kind === 'int') return `${type.signed ? 's' : 'u'}${type.size * 8}`;
  return type.kind === 'bool' ? 'u8' : 'u64';
}

/** A cast to 64 bits that keeps the value. */
function wide(type: TraceType): string {
  return type.kind === 'int' && type.signed ? '(s64)' : '(u64)';
}

export function literal(value: bigint, type: TraceType): string {
  if (type.kind === 'bool') return value === 0n ? '0' : '1';
  const signed = type.kind !== 'int' || type.signed;
  const wrapped = signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  if (wrapped === -(1n << 63n)) return '(-0x7fffffffffffffffLL - 1)';
  return wrapped < 0n ? `(${wrapped}LL)` : `${wrapped}${signed ? 'LL' : 'ULL'}`;
}

export function plus(pointer: string, offset: number): string {
  return offset === 0 ? pointer : `(${pointer} + ${offset})`;
}

function plus64(address: string, offset: number): string {
  return offset === 0 ? address : `(${address} + ${offset}ULL)`;
}

function signedByte(byte: number): number {
  return byte > 127 ? byte - 256 : byte;
}

/** Same bytes, whatever else the types say. */
export function sameLayout(a: TraceType, b: TraceType): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'int':
      return a.size === (b as IntType).size;
    case 'tuple': {
      const { items } = b as typeof a;
      return a.items.length === items.length && a.items.every((one, i) => sameLayout(one, items[i]!));
    }
    case 'record': {
      const { fields } = b as typeof a;
      return (
        a.fields.length === fields.length &&
        a.fields.every((one, i) => one.name === fields[i]!.name && sameLayout(one.type, fields[i]!.type))
      );
    }
    case 'pointer':
    case 'bool':
      return true;
    default:
      return sizeOf(a) === sizeOf(b);
  }
}

/** Probes that cannot be set for one process. */
const OF_ANY_PROCESS: ReadonlySet<string> = new Set([
  'kprobe',
  'kretprobe',
  'fentry',
  'fexit',
  'tracepoint',
  'rawtracepoint',
]);

/** Probes whose program says something by what it returns. */
const RETURNS: ReadonlySet<string> = new Set(['test']);
const BUCKETED: ReadonlySet<string> = new Set(['hist', 'lhist', 'tseries']);
