import { positionOf, type SourceFile, type Span } from '@skep/base';
import type { BlockNode, Expression, VariableSymbol } from './ast.ts';
import type { Checker, ProgramUnit } from './check.ts';
import { zero } from './emit/bytes.ts';
import { type CFunction, functionsText, type WrittenFunction } from './emit/c-functions.ts';
import { cType, plus } from './emit/c-text.ts';
import { block } from './emit/statements.ts';
import { into, ref, value } from './emit/values.ts';
import type { ActionOf } from './model.ts';
import type { Output } from './output.ts';
import { type AddressSpace, asNumber, INT64, isScalar, layoutOf, sameType, sizeOf, type TraceType } from './type.ts';

/**
 * Writes one program as C. Values that fit a register become C variables; strings, tuples and what else has bytes lie in
 * rooms: on the stack while they are small together, else in a map of which every CPU has an element. Names of
 * variables stand in the text as `@{name}` until it is known where they live.
 *
 * This class holds the text and the variables; what each kind of expression and statement becomes is in `emit/`, and for
 * functions of the language in `functions/`.
 */
export class Emitter {
  readonly checker: Checker;
  readonly unit: ProgramUnit;
  readonly out: Output;
  /** What `break` and `continue` mean, from the outside in. */
  readonly loops: ('c' | 'callback')[] = [];
  private readonly main: CFunction = { lines: [], locals: [], outer: undefined, usesContext: true };
  private readonly functions: WrittenFunction[] = [];
  private readonly variables = new Map<VariableSymbol, string>();
  /** By the loop whose body it is. */
  private readonly bodies = new Map<object, CFunction>();
  private fn: CFunction = this.main;
  private count = 0;
  private line = 0;
  private file: SourceFile | undefined;
  private expanded: readonly Span[] = [];
  private returned: string | undefined;

  constructor(checker: Checker, unit: ProgramUnit, out: Output) {
    this.checker = checker;
    this.unit = unit;
    this.out = out;
  }

  /** The whole program: functions of its loops, then itself; `head` is how that begins, where it is part of another. */
  program(head = `SEC(${JSON.stringify(this.unit.context.section)}) int ${this.unit.name}(void *ctx)`): string {
    const { unit, out } = this;
    if (out.pid !== undefined && OF_ANY_PROCESS.has(unit.probe.kind))
      this.emit(`if ((u32)(${this.task()} >> 32) != ${out.pid}) return 0;`);
    if (out.guard) this.emit(`if (!${out.guard.condition}) return 0;`);
    if (unit.predicate) {
      this.at(unit.predicate.span);
      this.emit(`if (!(${this.truth(unit.predicate)})) return 0;`);
    }
    this.block(unit.body, undefined);
    this.functions.push({ head, fn: this.main, callback: false });
    const scratch = `scratch_${unit.name}`;
    const { text, usesScratch } = functionsText(this.functions, scratch, out.cpus);
    if (usesScratch) out.scratches.push(scratch);
    return text;
  }

  // Lines

  emit(line: string): void {
    this.fn.lines.push(line);
  }

  /** What follows stands for this place in the script. */
  at(span: Span): void {
    const { line } = positionOf(span.file, span.start);
    if (line === this.line && span.file === this.file) return;
    this.line = line;
    this.file = span.file;
    this.emit(`#line ${line} ${JSON.stringify(span.file.name)}`);
  }

  // Variables and rooms

  /** A C variable of a scalar type with this value. */
  keep(type: TraceType, value: string): string {
    return this.scratchVariable(cType(type), value);
  }

  /** A C variable of any C type. */
  scratchVariable(type: string, value: string): string {
    const name = this.local(type, 8);
    this.emit(`  ${name} = ${value};`);
    return name;
  }

  /** Room for so many bytes: a `char *`. */
  room(size: number, shared = false): string {
    return this.local(undefined, size, shared);
  }

  /** A C variable of that type, or room for bytes. Those that are shared can be used by bodies of loops. */
  local(scalar: string | undefined, size: number, shared = false): string {
    const name = `t${++this.count}`;
    this.fn.locals.push({ name, scalar, size, shared });
    return `@{${name}}`;
  }

  /** A variable of the script. */
  variable(symbol: VariableSymbol): string {
    let name = this.variables.get(symbol);
    if (name === undefined) {
      const type = symbol.type!;
      name = `v${symbol.id}`;
      const home = (symbol.home && this.bodies.get(symbol.home)) ?? this.main;
      const scalar = isScalar(type) ? cType(type) : undefined;
      home.locals.push({ name, scalar, size: sizeOf(type), shared: symbol.shared });
      this.variables.set(symbol, name);
    }
    return `@{${name}}`;
  }

  /** The program's context. */
  context(): string {
    for (let fn: CFunction | undefined = this.fn; fn; fn = fn.outer) fn.usesContext = true;
    return 'ctx';
  }

  /** The current process (upper half) and thread, as the tracing process numbers them. */
  task(): string {
    const own = this.checker.options.target.pidNamespace?.();
    if (own === undefined) return 'bpf_get_current_pid_tgid()';
    this.out.helpers.add('namespacedTask');
    return `skep_namespaced_task(${own.device}ULL, ${own.inode}ULL)`;
  }

  /** Where addresses lead that do not say it themselves. */
  space(space: AddressSpace): AddressSpace {
    return space === 'none' ? this.unit.context.space : space;
  }

  mapSymbol(name: string): string {
    return this.out.mapSymbol(name);
  }

  // Functions

  /** A name of the program's own for a function. */
  functionName(stem: string): string {
    return `${this.unit.name}_${stem}${++this.count}`;
  }

  /** Writes the body of a loop as a function of its own. Whether that uses the program's context. */
  callback(loop: object, head: string, write: () => void): boolean {
    const { fn: outer, line, file } = this;
    const fn: CFunction = { lines: [], locals: [], outer, usesContext: false };
    this.bodies.set(loop, fn);
    this.fn = fn;
    this.line = 0;
    this.loops.push('callback');
    write();
    this.loops.pop();
    this.fn = outer;
    this.line = line;
    this.file = file;
    this.functions.push({ head, fn, callback: true });
    return fn.usesContext;
  }

  /** Ends the program, from within loops too. */
  leave(value?: string): void {
    if (this.fn.outer === undefined) {
      this.emit(`  return ${value !== undefined && RETURNS.has(this.unit.probe.kind) ? `(int)(${value})` : '0'};`);
      return;
    }
    if (this.returned === undefined) {
      this.main.locals.push({ name: 'returned', scalar: 'u64', size: 8, shared: true });
      this.returned = '@{returned}';
    }
    this.emit(`  ${this.returned} = 1;`);
    this.emit('  return 1;');
  }

  /** Stands behind a callback's loop: where that ended the program, what is around it ends too. */
  leaveIfReturned(): void {
    if (this.returned === undefined) return;
    this.emit(`  if (${this.returned}) {`);
    this.leave();
    this.emit('  }');
  }

  // Statements and expressions: `emit/`

  /** `result`: what becomes of the value of a block. */
  block(node: BlockNode, result: ((value: Expression) => void) | undefined): void {
    block(this, node, result);
  }

  /** The value of an expression whose type fits a register: a C expression without effects. */
  value(node: Expression): string {
    return value(this, node);
  }

  /** A scalar of the type that is wanted. */
  valueAs(node: Expression, type: TraceType): string {
    const made = this.value(node);
    if (sameType(asNumber(node.type!), type)) return made;
    return type.kind === 'bool' ? `((${made}) != 0)` : `(${cType(type)})(${made})`;
  }

  /** A C condition; what is no number is true. */
  truth(node: Expression): string {
    const logical = node.kind === 'binary' && (node.op === '&&' || node.op === '||');
    return logical || isScalar(asNumber(node.type!)) ? this.value(node) : '1';
  }

  /** The bytes of an expression, in the layout of its type: a `char *`. */
  ref(node: Expression): string {
    return ref(this, node);
  }

  /** Puts the value of an expression somewhere, as a value of `type`. */
  into(node: Expression, type: TraceType, dest: string): void {
    into(this, node, type, dest);
  }

  // Records for user space

  /** Sends the arguments of an action, each as a value of its own type. */
  action(
    action: ActionOf,
    span: Span,
    args: readonly Expression[] = [],
    types: readonly TraceType[] = args.map((one) => asNumber(one.type!)),
  ): void {
    const made = this.out.action(action, span, this.expanded, types);
    const { size, offsets, padded } = layoutOf(made.record);
    const room = this.room(size);
    if (padded) zero(this, room, size);
    for (const [i, arg] of args.entries()) this.into(arg, types[i]!, plus(room, offsets[i + 1]!));
    this.emit(`  *(u64 *)${room} = ${made.id};`);
    this.emit(`  skep_send(${room}, ${size});`);
  }

  /** Where macros were called around the place that is being written. */
  within(node: { readonly expandedAt?: readonly Span[] | undefined }): void {
    this.expanded = node.expandedAt ?? [];
  }

  /** A statement that tells what a helper answered. */
  helperError(helper: string, message: string, span: Span, always: boolean, code = '0'): string {
    if (!always && !this.out.helperErrors) return ';';
    return this.report({ kind: 'helperError', helper, message, always }, span, code);
  }

  /** A statement that tells something that happened. */
  notice(message: string, span: Span): string {
    return this.report({ kind: 'notice', message }, span, '0');
  }

  private report(action: ActionOf, span: Span, code: string): string {
    const { id } = this.out.action(action, span, this.expanded, [INT64]);
    return `skep_error(${id}, ${code});`;
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
