import { bitsOf, constant, typeOf } from '../ir/constant.ts';
import type { CastInst, Func, Inst, ScalarType, Value } from '../ir/ir.ts';

/**
 * Signed comparisons of narrow integers as those of the sign-extended values. For instruction sets without 32-bit
 * comparisons, which need the extended value anyway: made here, an index that is extended too is the value that was
 * checked, and not another register with the same bits, of which a verifier knows nothing.
 */
export function widenCompares(func: Func): boolean {
  let changed = false;
  for (const block of func.blocks) {
    if (!block.insts.some(isNarrowSigned)) continue;
    changed = true;
    const kept: Inst[] = [];
    const extended = (value: Value, inst: Inst): Value => {
      if (value.kind === 'const') return constant('i64', value.value);
      const cast: CastInst = { kind: 'cast', op: 'sext', type: 'i64', value, span: inst.span };
      kept.push(cast);
      return cast;
    };
    for (const inst of block.insts) {
      if (isNarrowSigned(inst) && inst.kind === 'compare') {
        inst.a = extended(inst.a, inst);
        inst.b = extended(inst.b, inst);
      }
      kept.push(inst);
    }
    block.insts = kept;
  }
  return changed;
}

function isNarrowSigned(inst: Inst): boolean {
  if (inst.kind !== 'compare' || !inst.op.startsWith('s')) return false;
  const type = typeOf(inst.a) as ScalarType;
  return type !== 'ptr' && bitsOf(type) < 64;
}
