import { constant, FALSE, undef } from '../../ir/constant.ts';
import type { ScalarType, Value } from '../../ir/ir.ts';
import type { BinaryExpr, CastExpr, Expr } from '../ast.ts';
import type { CType } from '../ctype.ts';
import { strip } from '../types.ts';
import { floatingPoint, wideInteger } from './diagnostics.ts';
import { lowerAggregate, lowerValue } from './expression.ts';
import { accessibleBase, alignOfPlace, type Place, temporary } from './place.ts';
import type { FunctionState } from './state.ts';
import { irTypeOf, isAggregate, isSigned } from './types.ts';

// 128-bit integers live in memory: they are copied, compared for equality, and converted from and to 64 bits.

function halves(fn: FunctionState, e: Expr): [Value, Value] {
  const place = lowerAggregate(fn, e);
  const at = (offset: number) =>
    fn.b.load('i64', accessibleBase(fn, place), {
      offset: place.offset + offset,
      align: Math.min(8, alignOfPlace(place)),
      volatile: place.volatile,
    });
  return [at(0), at(8)];
}

function isWide(type: CType): boolean {
  const bare = strip(type);
  return bare.kind === 'int' && bare.size === 16;
}

export function wideEquality(fn: FunctionState, e: BinaryExpr): Value {
  const { b } = fn;
  if (!isWide(e.left.type) || (e.op !== '==' && e.op !== '!=')) {
    refuseMemoryType(fn, e.left.type, e, `'${e.op}'`);
    return FALSE;
  }
  const [low, high] = halves(fn, e.left);
  const [otherLow, otherHigh] = halves(fn, e.right);
  const differs = b.arithmetic('or', b.arithmetic('xor', low, otherLow), b.arithmetic('xor', high, otherHigh));
  return b.test(e.op === '==' ? 'eq' : 'ne', differs, constant('i64', 0));
}

export function wideTruth(fn: FunctionState, e: Expr): Value {
  const { b } = fn;
  if (!isWide(e.type)) {
    refuseMemoryType(fn, e.type, e, 'a test');
    return FALSE;
  }
  const [low, high] = halves(fn, e);
  return b.test('ne', b.arithmetic('or', low, high), constant('i64', 0));
}

export function narrowWide(fn: FunctionState, e: CastExpr): Value {
  if (!isWide(e.operand.type)) return outOfRegisters(fn, e.operand, 'a conversion');
  return fn.b.resize(halves(fn, e.operand)[0], irTypeOf(e.type) as ScalarType, false);
}

export function convertWide(fn: FunctionState, e: CastExpr): Place {
  const slot = temporary(fn, e.type, 'wide');
  const { operand } = e;
  if (!isWide(e.type)) {
    refuseMemoryType(fn, e.type, e, 'a conversion');
    return slot;
  }
  if (isWide(operand.type)) return lowerAggregate(fn, operand);
  if (isAggregate(operand.type)) {
    refuseMemoryType(fn, operand.type, e, 'a conversion');
    return slot;
  }
  const { b } = fn;
  const low = b.resize(lowerValue(fn, operand), 'i64', isSigned(operand.type));
  const high = isSigned(operand.type) ? b.arithmetic('ashr', low, constant('i64', 63)) : constant('i64', 0);
  b.store(low, slot.base, { align: 8 });
  b.store(high, slot.base, { offset: 8, align: 8 });
  return slot;
}

/** The same where a value is wanted: gives one that nobody will see. */
export function outOfRegisters(fn: FunctionState, e: Expr, what: string): Value {
  const type = 'operand' in e && isAggregate(e.operand.type) ? e.operand.type : e.type;
  refuseMemoryType(fn, isAggregate(type) || e.kind !== 'binary' ? type : e.left.type, e, what);
  return undef('i64');
}

/** Says that something is asked of a type that has no registers. */
export function refuseMemoryType(fn: FunctionState, type: CType, e: Expr, what: string): void {
  const refuse = strip(type).kind === 'float' ? floatingPoint : wideInteger;
  fn.unit.diagnostics.add(refuse(what, e.span));
}
