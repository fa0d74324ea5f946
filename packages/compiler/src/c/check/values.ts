import type { BinaryExpr, CallExpr, CompoundStmt, Expr, Stmt } from '../ast.ts';
import { integerConstant } from '../constant.ts';
import type { CType, IntType } from '../ctype.ts';
import {
  alwaysCompares,
  beyondArray,
  comparesSelf,
  comparesSigns,
  comparesStrings,
  selfAssigned,
  valueUnused,
} from '../parse/diagnostics.ts';
import type { Parser } from '../parse/parser.ts';
import { asArray, integerOf, isVolatile, strip } from '../types.ts';
import { checkFormat } from './format.ts';
import { forEachInitial, forEachOperand, forEachPart } from './walk.ts';

/** What is computed but cannot be meant: comparisons that always go one way, values that nobody takes, and so on. */
export function checkValues(p: Parser, body: CompoundStmt): void {
  statement(body);

  function statement(s: Stmt): void {
    if (s.kind === 'expression') unused(s.expr);
    if (s.kind === 'declare') {
      for (const { init } of s.variables) if (init !== undefined) forEachInitial(init, (e) => expression(e, false));
      return;
    }
    forEachPart(s, (e) => expression(e, false), statement);
  }

  /** `address`: only the address of what `e` designates is taken. */
  function expression(e: Expr, address: boolean): void {
    switch (e.kind) {
      case 'binary':
        comparison(p, e);
        break;
      case 'assign':
        if (
          e.op === undefined &&
          e.value.kind === 'cast' &&
          e.value.op === 'load' &&
          sameVariable(e.place, e.value.operand)
        )
          p.reportLate(selfAssigned(e.span, nameOf(e.place)));
        break;
      case 'index':
        bounds(p, e, address);
        break;
      case 'call':
        call(p, e);
        break;
      case 'address':
        expression(e.place, true);
        return;
      case 'statement':
        for (const one of e.body) statement(one);
        if (e.value !== undefined) expression(e.value, false);
        return;
      case 'member':
        expression(e.place, address);
        return;
      default:
    }
    forEachOperand(e, (one) => expression(one, false));
  }

  function unused(e: Expr): void {
    const idle =
      e.kind === 'binary' ||
      e.kind === 'unary' ||
      (e.kind === 'cast' && e.op === 'load' && e.operand.kind !== 'deref' && !isVolatile(e.operand.type));
    if (idle && strip(e.type).kind !== 'record') p.reportLate(valueUnused(e.span));
  }
}

function comparison(p: Parser, e: BinaryExpr): void {
  const { op, left, right } = e;
  if (op !== '==' && op !== '!=' && op !== '<' && op !== '>' && op !== '<=' && op !== '>=') return;
  if (isString(left) || isString(right)) {
    p.reportLate(comparesStrings(e.span));
    return;
  }
  const [a, b] = [original(left), original(right)];
  if (a.kind === 'cast' && b.kind === 'cast' && a.op === 'load' && b.op === 'load') {
    if (sameVariable(a.operand, b.operand) && !isVolatile(a.operand.type)) {
      p.reportLate(comparesSelf(e.span, op === '==' || op === '<=' || op === '>='));
      return;
    }
  }
  const [x, y] = [integerOf(a.type), integerOf(b.type)];
  if (x === undefined || y === undefined) return;
  const value = integerConstant(right);
  if (value !== undefined) alwaysSame(p, e, op, a, x, value);
  else if (integerConstant(left) !== undefined) return;
  else signs(p, e, x, y, a, b);
}

/** `u8 == 256`, `unsigned < 0`: the type of the left side decides. */
function alwaysSame(p: Parser, e: BinaryExpr, op: BinaryExpr['op'], a: Expr, type: IntType, value: bigint): void {
  if (a.kind === 'int' || type.bool || isEnum(a.type) || isBitField(a)) return;
  const bits = BigInt(type.size * 8);
  const [least, most] = type.signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  if (value < least || value > most) {
    // A constant that was converted to the unsigned common type says nothing about what was written.
    if (integerOf(e.left.type)!.size <= type.size) return;
    const truth = op === '!=' || ((op === '<' || op === '<=') === value > most && op !== '==');
    p.reportLate(alwaysCompares(e.span, a.type, value, truth, false));
  } else if (!type.signed && value === 0n && (op === '<' || op === '>='))
    p.reportLate(alwaysCompares(e.span, a.type, value, op === '>=', true));
}

function signs(p: Parser, e: BinaryExpr, x: IntType, y: IntType, a: Expr, b: Expr): void {
  const common = integerOf(e.left.type)!;
  if (common.signed) return;
  const signed = x.signed && x.size <= common.size ? a : y.signed && y.size <= common.size ? b : undefined;
  if (signed === undefined || x.signed === y.signed || isBitField(signed)) return;
  if (signed.kind === 'binary' || signed.kind === 'unary') if (integerConstant(signed) !== undefined) return;
  p.reportLate(comparesSigns(e.span, a.type, b.type));
}

function bounds(p: Parser, e: Extract<Expr, { kind: 'index' }>, address: boolean): void {
  const array = e.ofArray ? asArray(e.base.type) : undefined;
  const at = integerConstant(e.subscript);
  if (array?.count === undefined || at === undefined) return;
  // The last member of a struct may be longer than it says.
  if (e.base.kind === 'member' && array.count <= 1) return;
  const most = BigInt(array.count) + (address ? 0n : -1n);
  if (at < 0n || at > most) p.reportLate(beyondArray(e.span, e.base.type, at));
}

function call(p: Parser, e: CallExpr): void {
  if (e.callee.kind === 'func') checkFormat(p, e.callee.function, e);
}

/** Without the conversions that C does by itself. */
function original(e: Expr): Expr {
  let at = e;
  while (at.kind === 'cast' && at.implicit && at.op === 'int') at = at.operand;
  return at;
}

function isString(e: Expr): boolean {
  return e.kind === 'cast' && e.op === 'decay' && e.operand.kind === 'string';
}

function isEnum(type: CType): boolean {
  return strip(type).kind === 'enum';
}

function isBitField(e: Expr): boolean {
  return e.kind === 'cast' && e.op === 'load' && e.operand.kind === 'member' && e.operand.field.bitWidth !== undefined;
}

function sameVariable(a: Expr, b: Expr): boolean {
  if (a.kind === 'var' && b.kind === 'var') return a.variable === b.variable;
  return a.kind === 'member' && b.kind === 'member' && a.field === b.field && sameVariable(a.place, b.place);
}

function nameOf(e: Expr): string {
  if (e.kind === 'var') return e.variable.name;
  return e.kind === 'member' ? e.field.name || 'it' : 'it';
}
