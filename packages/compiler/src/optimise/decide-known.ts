import { FALSE } from '../ir/constant.ts';
import type { Func, Value } from '../ir/ir.ts';
import { replaceValues } from '../ir/uses.ts';

/** Values of which nobody learnt what they are are not known before the program runs: `__builtin_constant_p` is 0. */
export function decideKnown(func: Func): boolean {
  const answers = new Map<Value, Value>();
  for (const block of func.blocks) {
    for (const inst of block.insts) if (inst.kind === 'known') answers.set(inst, FALSE);
    if (answers.size > 0) block.insts = block.insts.filter((inst) => !answers.has(inst));
  }
  replaceValues(func, answers);
  return answers.size > 0;
}
