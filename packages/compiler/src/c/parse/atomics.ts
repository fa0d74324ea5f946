import type { Span } from '@skep/base';
import type { BuiltinName, Expr, Stmt } from '../ast.ts';
import { constantOf } from '../constant.ts';
import type { CType } from '../ctype.ts';
import { BOOL, integerOf, isInteger, pointee, pointerTo, qualify, sizeOf, strip, unqualified, VOID } from '../types.ts';
import { args, type Handler, make, places } from './builtin-arguments.ts';
import { assignTo, cast, convert, errorExpr, isError, rvalue } from './conversions.ts';
import { badBuiltin, unsupportedBuiltin } from './diagnostics.ts';
import { binary, deref, temporary } from './operators.ts';
import type { Parser } from './parser.ts';

/** `__sync_…` and `__atomic_…`, by name. Memory orders are checked by nobody: all atomic operations of eBPF are in full order. */
export function atomics(): [string, Handler][] {
  const list: [string, Handler][] = [];
  for (const op of ['add', 'sub', 'or', 'and', 'xor'] as const) {
    const name: BuiltinName = `atomic_fetch_${op}`;
    list.push([`__sync_fetch_and_${op}`, atomic(name, 0)], [`__atomic_fetch_${op}`, atomic(name, 1)]);
  }
  for (const op of ['add', 'sub'] as const) {
    const name: BuiltinName = `atomic_${op}_fetch`;
    list.push([`__sync_${op}_and_fetch`, atomic(name, 0)], [`__atomic_${op}_fetch`, atomic(name, 1)]);
  }
  for (const [op, sign] of [
    ['or', '|'],
    ['and', '&'],
    ['xor', '^'],
  ] as const) {
    const name: BuiltinName = `atomic_fetch_${op}`;
    list.push(
      [`__sync_${op}_and_fetch`, fetchAfter(name, sign, 0)],
      [`__atomic_${op}_fetch`, fetchAfter(name, sign, 1)],
    );
  }
  list.push(
    ['__sync_lock_test_and_set', atomic('atomic_exchange', 0)],
    ['__sync_swap', atomic('atomic_exchange', 0)],
    ['__atomic_exchange_n', atomic('atomic_exchange', 1)],
    ['__sync_val_compare_and_swap', compareExchange('atomic_compare_exchange_value')],
    ['__sync_bool_compare_and_swap', compareExchange('atomic_compare_exchange_bool')],
    ['__atomic_compare_exchange_n', compareExchangeInto(false)],
    ['__atomic_compare_exchange', compareExchangeInto(true)],
    ['__atomic_load_n', atomicLoad],
    ['__atomic_store_n', atomicStore],
    ['__atomic_load', loadInto],
    ['__atomic_store', storeFrom],
    ['__atomic_exchange', exchangeInto],
    [
      '__sync_synchronize',
      (p, name, span) => {
        p.report(unsupportedBuiltin(span, name));
        places(p, name, span, 0);
        return errorExpr(span);
      },
    ],
  );
  return list;
}

/** The address of an integer (or pointer) that atomics can work on: of 4 or 8 bytes, to be only read or written of 1 and 2 too. */
function atomicAddress(p: Parser, name: string, pointer: Expr, least: 1 | 4 = 4): CType | undefined {
  const to = pointee(pointer.type);
  const size = to && (integerOf(to)?.size ?? (strip(to).kind === 'pointer' ? 8 : undefined));
  if (to !== undefined && size !== undefined && size >= least && size <= 8) return to;
  const sizes = least === 1 ? '1 to 8' : '4 or 8';
  p.report(
    badBuiltin(
      pointer.span,
      `'${name}' needs the address of an integer of ${sizes} bytes`,
      size === undefined ? undefined : 'eBPF has atomic operations only for these sizes',
    ),
  );
  return undefined;
}

/** `extra`: how many memory-order arguments follow. */
function atomic(which: BuiltinName, extra: number): Handler {
  return (p, name, span) => {
    const given = args(p, name, span, 2 + extra);
    if (given === undefined) return errorExpr(span);
    const type = atomicAddress(p, name, given[0]!);
    if (type === undefined) return errorExpr(span);
    const value = operand(p, given[1]!, type, name);
    return isError(value) ? value : make(which, [given[0]!, value], unqualified(type), span);
  };
}

function operand(p: Parser, value: Expr, type: CType, name: string): Expr {
  return isInteger(value.type) && isInteger(type)
    ? convert(value, unqualified(type))
    : assignTo(p, value, unqualified(type), `passing an argument of '${name}'`);
}

/** `or_and_fetch`: what was there, or-ed again. The value is evaluated once. */
function fetchAfter(which: BuiltinName, op: '|' | '&' | '^', extra: number): Handler {
  return (p, name, span) => {
    const before = atomic(which, extra)(p, name, span);
    if (isError(before) || before.kind !== 'builtin') return before;
    const value = before.args[1]!;
    if (constantOf(value) !== undefined || isSimple(value) || p.fn === undefined)
      return convert(binary(p, op, before, value, span), before.type);
    const [declare, read] = hold(p, value);
    const again = { ...before, args: [before.args[0]!, read(), ...before.args.slice(2)] };
    const result = convert(binary(p, op, again, read(), span), before.type);
    return { kind: 'statement', body: [declare], value: result, type: result.type, span };
  };
}

/** Reading it twice gives the same and does nothing else. */
function isSimple(value: Expr): boolean {
  if (value.kind === 'cast' && value.op === 'int') return isSimple(value.operand);
  return (
    value.kind === 'cast' &&
    value.op === 'load' &&
    value.operand.kind === 'var' &&
    value.operand.variable.storage === 'local'
  );
}

function compareExchange(which: 'atomic_compare_exchange_value' | 'atomic_compare_exchange_bool'): Handler {
  return (p, name, span) => {
    const given = args(p, name, span, 3);
    if (given === undefined) return errorExpr(span);
    const type = atomicAddress(p, name, given[0]!);
    if (type === undefined) return errorExpr(span);
    const expected = operand(p, given[1]!, type, name);
    const value = operand(p, given[2]!, type, name);
    if (isError(expected) || isError(value)) return errorExpr(span);
    const result = which === 'atomic_compare_exchange_bool' ? BOOL : unqualified(type);
    return make(which, [given[0]!, expected, value], result, span);
  };
}

/** `__atomic_compare_exchange_n(at, expected, value, …)`: what was there goes to `*expected` where it was something else. */
function compareExchangeInto(indirect: boolean): Handler {
  return (p, name, span) => {
    const given = args(p, name, span, 6);
    const type = given && atomicAddress(p, name, given[0]!);
    if (given === undefined || type === undefined) return errorExpr(span);
    const bare = unqualified(type);
    const [expected, readExpected] = hold(p, given[1]!);
    const wanted = operand(p, rvalue(p, deref(p, readExpected(), span)), type, name);
    const value = operand(p, indirect ? rvalue(p, deref(p, given[2]!, span)) : given[2]!, type, name);
    if (isError(wanted) || isError(value)) return errorExpr(span);
    const [before, readBefore] = hold(p, wanted);
    const [after, readAfter] = hold(
      p,
      make('atomic_compare_exchange_value', [given[0]!, readBefore(), value], bare, span),
    );
    const store = assigned(deref(p, readExpected(), span), readAfter());
    const missed = binary(p, '!=', readAfter(), readBefore(), span);
    const then: Stmt = { kind: 'expression', expr: store, span };
    const body: Stmt[] = [expected, before, after, { kind: 'if', condition: missed, then, else: undefined, span }];
    const same = convert(binary(p, '==', readAfter(), readBefore(), span), BOOL);
    return { kind: 'statement', body, value: same, type: BOOL, span };
  };
}

/** `__atomic_exchange(at, &value, &before, order)` */
function exchangeInto(p: Parser, name: string, span: Span): Expr {
  const given = args(p, name, span, 4);
  const type = given && atomicAddress(p, name, given[0]!);
  if (given === undefined || type === undefined) return errorExpr(span);
  const value = operand(p, rvalue(p, deref(p, given[1]!, span)), type, name);
  if (isError(value)) return value;
  const before = make('atomic_exchange', [given[0]!, value], unqualified(type), span);
  return written(p, deref(p, given[2]!, span), before);
}

/** Aligned loads of up to 8 bytes are atomic in eBPF; volatile keeps them as they are. */
function atomicLoad(p: Parser, name: string, span: Span): Expr {
  const given = args(p, name, span, 2);
  const type = given && atomicAddress(p, name, given[0]!, 1);
  if (given === undefined || type === undefined) return errorExpr(span);
  return rvalue(p, deref(p, volatilePointer(given[0]!, type), span));
}

function atomicStore(p: Parser, name: string, span: Span): Expr {
  const given = args(p, name, span, 3);
  const type = given && atomicAddress(p, name, given[0]!, 1);
  if (given === undefined || type === undefined) return errorExpr(span);
  return written(p, deref(p, volatilePointer(given[0]!, type), span), operand(p, given[1]!, type, name));
}

/** `__atomic_load(at, &value, order)` */
function loadInto(p: Parser, name: string, span: Span): Expr {
  const given = args(p, name, span, 3);
  const type = given && atomicAddress(p, name, given[0]!, 1);
  if (given === undefined || type === undefined) return errorExpr(span);
  const value = rvalue(p, deref(p, volatilePointer(given[0]!, type), span));
  return written(p, deref(p, given[1]!, span), value);
}

/** `__atomic_store(at, &value, order)` */
function storeFrom(p: Parser, name: string, span: Span): Expr {
  const given = args(p, name, span, 3);
  const type = given && atomicAddress(p, name, given[0]!, 1);
  if (given === undefined || type === undefined) return errorExpr(span);
  const value = operand(p, rvalue(p, deref(p, given[1]!, span)), type, name);
  return written(p, deref(p, volatilePointer(given[0]!, type), span), value);
}

function written(p: Parser, place: Expr, value: Expr): Expr {
  if (isError(place) || isError(value)) return errorExpr(value.span);
  const bare = unqualified(place.type);
  const fitting = isInteger(bare) ? convert(value, bare) : assignTo(p, value, bare, 'storing an atomic value');
  return isError(fitting) ? fitting : cast('void', assigned(place, fitting), VOID, true, value.span);
}

function assigned(place: Expr, value: Expr): Expr {
  const type = unqualified(place.type);
  return { kind: 'assign', op: undefined, place, value, computeType: type, scale: undefined, type, span: value.span };
}

/** A variable of its own for a value, and how that is read: it is evaluated once. */
function hold(p: Parser, value: Expr): [declare: Stmt, read: () => Expr] {
  const variable = temporary(p, unqualified(value.type), value.span);
  const part = { offset: 0, type: variable.type, bitField: undefined, value };
  variable.init = { type: variable.type, size: sizeOf(variable.type) ?? 8, parts: [part], span: value.span };
  const read = (): Expr => rvalue(p, { kind: 'var', variable, type: variable.type, span: value.span });
  return [{ kind: 'declare', variables: [variable], span: value.span }, read];
}

function volatilePointer(pointer: Expr, to: CType): Expr {
  return cast('pointer', pointer, pointerTo(qualify(to, { const: false, volatile: true, restrict: false })), true);
}
