import {
  constant,
  evaluateBinary,
  evaluateByteSwap,
  evaluateCast,
  evaluateCompare,
  isSpaceCast,
} from '../ir/constant.ts';
import type { Const, Inst, ScalarType, Value } from '../ir/ir.ts';

/** What an instruction computes from constants, and from values that are known to be some. */
export function evaluate(inst: Inst, known: ReadonlyMap<Value, Const>): Const | undefined {
  const type = inst.type as ScalarType;
  if (inst.kind === 'cast' && !isSpaceCast(inst.op)) {
    const value = constantOf(inst.value, known);
    return value && constant(type, evaluateCast(inst.op, value.type, type, value.value));
  }
  if (inst.kind === 'bswap') {
    const value = constantOf(inst.value, known);
    return value && constant(type, evaluateByteSwap(type, value.value));
  }
  if (inst.kind !== 'binary' && inst.kind !== 'compare') return undefined;
  const a = constantOf(inst.a, known);
  const b = constantOf(inst.b, known);
  if (a === undefined || b === undefined) return undefined;
  if (inst.kind === 'binary') return constant(type, evaluateBinary(inst.op, type, a.value, b.value));
  return constant('i1', evaluateCompare(inst.op, a.type, a.value, b.value) ? 1n : 0n);
}

export function constantOf(value: Value, known: ReadonlyMap<Value, Const>): Const | undefined {
  return value.kind === 'const' ? value : known.get(value);
}
