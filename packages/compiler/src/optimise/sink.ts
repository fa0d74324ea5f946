import { dominatorsOf, graphOf, loopsOf } from '../ir/graph.ts';
import type { Block, Func, Inst, Value } from '../ir/ir.ts';
import { forEachOperand, isLocal } from '../ir/uses.ts';

/**
 * Moves what only one other block needs to where it is needed, so that the paths that do not lead there need not
 * compute it. Only arithmetic with one operand that is not constant: its operand lives longer and it less.
 */
export function sinkInstructions(func: Func): boolean {
  const graph = graphOf(func);
  if (graph.order.length === 1) return false;
  const depth = new Map<Block, number>();
  for (const loop of loopsOf(graph, dominatorsOf(graph))) {
    for (const index of loop.blocks) depth.set(graph.order[index]!, (depth.get(graph.order[index]!) ?? 0) + 1);
  }
  const users = usersOf(graph.order);
  let changed = false;
  for (const block of graph.order.toReversed()) {
    const moved = new Set<Inst>();
    for (const inst of block.insts.toReversed()) {
      const to = isMovable(inst) ? users.get(inst) : undefined;
      if (to === undefined || to === 'many' || to === block) continue;
      if ((depth.get(to) ?? 0) > (depth.get(block) ?? 0)) continue;
      const at = to.insts.findIndex((user) => uses(user, inst));
      to.insts.splice(at < 0 ? to.insts.length : at, 0, inst);
      moved.add(inst);
    }
    if (moved.size === 0) continue;
    changed = true;
    block.insts = block.insts.filter((inst) => !moved.has(inst));
  }
  return changed;
}

type Users = Map<Value, Block | 'many'>;

/** The one block that uses each value. */
function usersOf(order: readonly Block[]): Users {
  const users: Users = new Map();
  for (const block of order) {
    const visit = (value: Value) => {
      if (isLocal(value)) note(users, value, block);
    };
    for (const inst of block.insts) forEachOperand(inst, visit);
    forEachOperand(block.term, visit);
  }
  return users;
}

function note(users: Users, value: Value, block: Block): void {
  const known = users.get(value);
  if (known === undefined) users.set(value, block);
  else if (known !== block) users.set(value, 'many');
}

function isMovable(inst: Inst): boolean {
  if (inst.kind === 'cast') return true;
  return inst.kind === 'binary' && (inst.a.kind === 'const' || inst.b.kind === 'const');
}

function uses(user: Inst, value: Value): boolean {
  let found = false;
  forEachOperand(user, (operand) => {
    if (operand === value) found = true;
  });
  return found;
}
