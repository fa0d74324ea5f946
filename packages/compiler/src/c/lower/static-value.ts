import { constant, evaluateBinary, evaluateByteSwap, evaluateCompare } from '../../ir/constant.ts';
import type { Func, Global, ScalarType } from '../../ir/ir.ts';
import type { BinaryExpr, Expr } from '../ast.ts';
import { constantOf } from '../constant.ts';
import { strip } from '../types.ts';
import { BINARY_OPS, COMPARE_OPS } from './operators.ts';
import { changesSpace } from './place.ts';
import { irTypeOf, isSigned } from './types.ts';
import type { Unit } from './unit.ts';

/** A number, or an address: that of `symbol` and `addend` bytes more. */
export interface StaticValue {
  readonly symbol: Global | Func | undefined;
  readonly addend: bigint;
}

/** What an expression is before the program runs; undefined when that is not known. Numbers are signed, of their width. */
export function staticValue(unit: Unit, e: Expr): StaticValue | undefined {
  switch (e.kind) {
    case 'int':
      return number(e, e.value);
    case 'address':
      return staticPlace(unit, e.place);
    case 'cast':
      return staticCast(unit, e);
    case 'unary': {
      const operand = staticNumber(unit, e.operand);
      if (operand === undefined) return undefined;
      return number(e, e.op === '-' ? -operand : e.op === '~' ? ~operand : operand === 0n ? 1n : 0n);
    }
    case 'binary':
      return staticBinary(unit, e);
    case 'logical': {
      const left = staticNumber(unit, e.left);
      if (left === undefined) return undefined;
      if ((left !== 0n) === (e.op === '||')) return number(e, left !== 0n ? 1n : 0n);
      const right = staticNumber(unit, e.right);
      return right === undefined ? undefined : number(e, right !== 0n ? 1n : 0n);
    }
    case 'conditional': {
      const condition = staticNumber(unit, e.condition);
      return condition === undefined ? undefined : staticValue(unit, condition !== 0n ? e.then : e.else);
    }
    case 'builtin': {
      const swapped = SWAPS[e.name];
      const operand = swapped && e.args[0] && staticNumber(unit, e.args[0]);
      if (swapped === undefined || operand === undefined) return undefined;
      return number(e, BigInt.asUintN(64, evaluateByteSwap(swapped, operand)));
    }
    default:
      return undefined;
  }
}

/** The address of a place. */
export function staticPlace(unit: Unit, e: Expr): StaticValue | undefined {
  switch (e.kind) {
    case 'var': {
      const { storage } = e.variable;
      return storage === 'local' || storage === 'param' ? undefined : { symbol: unit.globalOf(e.variable), addend: 0n };
    }
    case 'func':
      return { symbol: unit.funcOf(e.function), addend: 0n };
    case 'string':
      return { symbol: unit.stringOf(e.bytes), addend: 0n };
    case 'compound':
      return e.variable.storage === 'local' ? undefined : { symbol: unit.globalOf(e.variable), addend: 0n };
    case 'deref':
      return staticValue(unit, e.pointer);
    case 'member': {
      const place = staticPlace(unit, e.place);
      return place && moved(place, BigInt(e.field.bitOffset >> 3));
    }
    case 'index': {
      const base = e.ofArray ? staticPlace(unit, e.base) : staticValue(unit, e.base);
      const subscript = staticNumber(unit, e.subscript);
      return base && subscript !== undefined ? moved(base, subscript * BigInt(e.scale)) : undefined;
    }
    default:
      return undefined;
  }
}

/** The number that an expression is, or undefined. */
export function staticNumber(unit: Unit, e: Expr): bigint | undefined {
  const value = staticValue(unit, e);
  return value === undefined || value.symbol !== undefined ? undefined : value.addend;
}

const SWAPS: Readonly<Record<string, ScalarType>> = { bswap16: 'i16', bswap32: 'i32', bswap64: 'i64' };

function staticCast(unit: Unit, e: Extract<Expr, { kind: 'cast' }>): StaticValue | undefined {
  if (e.op === 'decay') return staticPlace(unit, e.operand);
  if (e.op === 'load') {
    const known = constantOf(e);
    return known?.kind === 'int' ? number(e, known.value) : undefined;
  }
  if (e.op === 'void') return undefined;
  const value = staticValue(unit, e.operand);
  if (value === undefined) return undefined;
  if (e.op === 'bool') return number(e, value.symbol !== undefined || value.addend !== 0n ? 1n : 0n);
  if (e.op === 'pointer' && changesSpace(e) && (value.symbol !== undefined || value.addend !== 0n)) return undefined;
  if (value.symbol !== undefined) return irTypeOf(e.type) === 'i64' || irTypeOf(e.type) === 'ptr' ? value : undefined;
  // Numbers are kept signed: widening an unsigned one must not spread its top bit.
  return number(e, isSigned(e.operand.type) ? value.addend : unsigned(e.operand, value.addend));
}

function staticBinary(unit: Unit, e: BinaryExpr): StaticValue | undefined {
  const left = staticValue(unit, e.left);
  const right = staticValue(unit, e.right);
  if (left === undefined || right === undefined) return undefined;
  const pointer = strip(e.left.type).kind === 'pointer';
  if (pointer && e.scale !== undefined && (e.op === '+' || e.op === '-')) {
    const scale = BigInt(e.scale);
    if (strip(e.right.type).kind === 'pointer') {
      if (left.symbol !== right.symbol || scale === 0n) return undefined;
      return { symbol: undefined, addend: (left.addend - right.addend) / scale };
    }
    if (right.symbol !== undefined) return undefined;
    return moved(left, e.op === '+' ? right.addend * scale : -right.addend * scale);
  }
  if (left.symbol !== undefined || right.symbol !== undefined) {
    const moves = e.op === '+' || (e.op === '-' && right.symbol === undefined);
    if (!moves || (left.symbol !== undefined && right.symbol !== undefined)) return undefined;
    return { symbol: left.symbol ?? right.symbol, addend: left.addend + (e.op === '+' ? right.addend : -right.addend) };
  }
  const type = scalar(e.left);
  if (type === undefined) return undefined;
  const signed = isSigned(e.left.type);
  const a = constant(type, left.addend).value;
  const b = constant(type, right.addend).value;
  const compare = COMPARE_OPS[e.op];
  if (compare !== undefined) return number(e, evaluateCompare(compare(signed), type, a, b) ? 1n : 0n);
  const op = BINARY_OPS[e.op]!(signed);
  if ((e.op === '/' || e.op === '%') && b === 0n) return undefined;
  return number(e, evaluateBinary(op, type, a, b));
}

function moved(value: StaticValue, by: bigint): StaticValue {
  return { symbol: value.symbol, addend: value.addend + by };
}

function number(e: Expr, value: bigint): StaticValue {
  const type = scalar(e);
  return { symbol: undefined, addend: type === undefined ? value : constant(type, value).value };
}

function unsigned(e: Expr, value: bigint): bigint {
  const type = scalar(e);
  return BigInt.asUintN(type === 'i8' ? 8 : type === 'i16' ? 16 : type === 'i32' ? 32 : 64, value);
}

function scalar(e: Expr): ScalarType | undefined {
  const type = irTypeOf(e.type);
  return type === 'void' ? undefined : type;
}
