import { bitsOf, constant } from '../ir/constant.ts';
import type { BinaryInst, BinaryOp, Func, Inst, ScalarType, Value } from '../ir/ir.ts';
import { replaceValues } from '../ir/uses.ts';

/**
 * Signed division and remainder for machines without them (before `-mcpu=v4`): of the magnitudes, with the sign put
 * back. The smallest number works out as its magnitude does not fit but wraps to itself; division by zero gives what
 * the machine gives, 0 and the dividend.
 */
export function expandSignedDivision(func: Func): boolean {
  const replacements = new Map<Value, Value>();
  for (const block of func.blocks) {
    if (!block.insts.some(isSigned)) continue;
    const kept: Inst[] = [];
    for (const inst of block.insts) {
      if (isSigned(inst)) replacements.set(inst, expand(inst, kept));
      else kept.push(inst);
    }
    block.insts = kept;
  }
  replaceValues(func, replacements);
  return replacements.size > 0;
}

function isSigned(inst: Inst): inst is BinaryInst {
  return inst.kind === 'binary' && (inst.op === 'sdiv' || inst.op === 'srem');
}

function expand(inst: BinaryInst, into: Inst[]): Value {
  const { span } = inst;
  const type = inst.type as ScalarType;
  const make = (op: BinaryOp, a: Value, b: Value): Value => {
    const made: Inst = { kind: 'binary', op, type, a, b, span };
    into.push(made);
    return made;
  };
  const last = constant(type, bitsOf(type) - 1);
  const zero = constant(type, 0);
  /** All ones when negative. */
  const signOf = (value: Value): Value =>
    value.kind === 'const' ? (value.value < 0n ? constant(type, -1) : zero) : make('ashr', value, last);
  const negateBy = (value: Value, sign: Value): Value => {
    if (sign.kind === 'const' && sign.value === 0n) return value;
    if (value.kind === 'const' && sign.kind === 'const') return constant(type, -value.value);
    return make('sub', make('xor', value, sign), sign);
  };
  const signA = signOf(inst.a);
  const signB = signOf(inst.b);
  const a = negateBy(inst.a, signA);
  const b = negateBy(inst.b, signB);
  if (inst.op === 'srem') return negateBy(make('urem', a, b), signA);
  const sign = signB.kind === 'const' && signB.value === 0n ? signA : make('xor', signA, signB);
  return negateBy(make('udiv', a, b), sign);
}
