import type { Func, Inst, Param, Value } from '../ir/ir.ts';
import { forEachOperand, isLocal, isRemovable, targetsOf } from '../ir/uses.ts';

/** Removes what nobody needs: instructions without effect, and parameters of blocks together with their arguments. */
export function eliminateDeadCode(func: Func): boolean {
  const live = new Set<Value>();
  const work: (Inst | Param)[] = [];
  const mark = (value: Value) => {
    if (!isLocal(value) || live.has(value)) return;
    live.add(value);
    work.push(value);
  };
  const homes = new Map<Param, { block: Func['blocks'][number]; at: number }>();
  const sources = new Map<Func['blocks'][number], Value[][]>();
  for (const block of func.blocks) {
    for (const [at, param] of block.params.entries()) homes.set(param, { block, at });
    for (const inst of block.insts) if (!isRemovable(inst)) mark(inst);
    const { term } = block;
    if (term.kind === 'branch') mark(term.condition);
    else if (term.kind === 'asm-goto') for (const input of term.asm.inputs) mark(input);
    else if ((term.kind === 'switch' || term.kind === 'return') && term.value !== undefined) mark(term.value);
    for (const target of targetsOf(term)) {
      const list = sources.get(target.block);
      if (list === undefined) sources.set(target.block, [target.args]);
      else list.push(target.args);
    }
  }
  for (let value = work.pop(); value !== undefined; value = work.pop()) {
    if (value.kind !== 'param') {
      forEachOperand(value, mark);
      continue;
    }
    const home = homes.get(value);
    if (home !== undefined) for (const args of sources.get(home.block) ?? []) mark(args[home.at]!);
  }
  let changed = false;
  for (const block of func.blocks) {
    const insts = block.insts.filter((inst) => live.has(inst));
    for (const inst of insts) {
      if (inst.kind === 'note' && inst.value !== undefined && isLocal(inst.value) && !live.has(inst.value))
        inst.value = undefined;
    }
    if (insts.length !== block.insts.length) {
      block.insts = insts;
      changed = true;
    }
    for (let at = block.params.length - 1; at >= 0; at--) {
      if (live.has(block.params[at]!)) continue;
      block.params.splice(at, 1);
      for (const args of sources.get(block) ?? []) args.splice(at, 1);
      changed = true;
    }
  }
  return changed;
}
