import type { JumpOp } from '@skep/object';
import { INVERSE } from '../ir/constant.ts';
import type { CompareOp } from '../ir/ir.ts';

/** The compare that says the same of two values that are not negative. */
export const UNSIGNED = { slt: 'ult', sle: 'ule', sgt: 'ugt', sge: 'uge' } as const;

/** The jump that is taken when the compare holds. */
export const JUMPS: Readonly<Record<CompareOp, JumpOp>> = {
  eq: 'eq',
  ne: 'ne',
  ult: 'lt',
  ule: 'le',
  ugt: 'gt',
  uge: 'ge',
  slt: 'slt',
  sle: 'sle',
  sgt: 'sgt',
  sge: 'sge',
};

/** The jump that is taken when this one is not. */
export const INVERSE_JUMP: Readonly<Record<Exclude<JumpOp, 'set'>, JumpOp>> = {
  eq: JUMPS[INVERSE.eq],
  ne: JUMPS[INVERSE.ne],
  lt: JUMPS[INVERSE.ult],
  le: JUMPS[INVERSE.ule],
  gt: JUMPS[INVERSE.ugt],
  ge: JUMPS[INVERSE.uge],
  slt: JUMPS[INVERSE.slt],
  sle: JUMPS[INVERSE.sle],
  sgt: JUMPS[INVERSE.sgt],
  sge: JUMPS[INVERSE.sge],
};

export function isSigned(op: CompareOp): op is 'slt' | 'sle' | 'sgt' | 'sge' {
  return op === 'slt' || op === 'sle' || op === 'sgt' || op === 'sge';
}
