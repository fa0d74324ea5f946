import { dominatorsOf, type Graph, graphOf } from '../ir/graph.ts';
import type { Block, Func, Inst, LoadInst, Value } from '../ir/ir.ts';
import { forEachOperand, targetsOf } from '../ir/uses.ts';

/**
 * Moves loads behind the branch at the end of their block where only one way needs what they read: programs read what
 * they check the bounds of only afterwards, which verifiers refuse unless the compiler puts it right, as clang does.
 */
export function sinkLoads(func: Func): boolean {
  const graph = graphOf(func);
  const loads = new Map<Value, Set<number>>();
  for (const [i, block] of graph.order.entries()) {
    if (comparesValues(block) && waysOnlyFrom(graph, i).length > 0)
      for (const load of lastLoads(block)) loads.set(load, new Set());
  }
  if (loads.size === 0) return false;
  for (const [i, block] of graph.order.entries()) {
    const visit = (value: Value) => loads.get(value)?.add(i);
    for (const inst of block.insts) forEachOperand(inst, visit);
    forEachOperand(block.term, visit);
  }
  const dominators = dominatorsOf(graph);
  let changed = false;
  for (const [i, block] of graph.order.entries()) {
    for (const inst of block.insts.toReversed()) {
      const users = loads.get(inst);
      if (users === undefined || users.size === 0) continue;
      const way = waysOnlyFrom(graph, i).find((to) => [...users].every((user) => dominators.dominates(to, user)));
      if (way === undefined) continue;
      block.insts.splice(block.insts.indexOf(inst), 1);
      graph.order[way]!.insts.unshift(inst);
      changed = true;
    }
  }
  return changed;
}

/** Behind a check against a number nothing is gained, and the address would only live longer. */
function comparesValues({ term }: Block): boolean {
  if (term.kind !== 'branch' || term.condition.kind !== 'compare') return false;
  const { a, b } = term.condition;
  return a.kind !== 'const' && b.kind !== 'const';
}

/** The blocks that only this one leads to. */
function waysOnlyFrom(graph: Graph, from: number): number[] {
  return targetsOf(graph.order[from]!.term)
    .map(({ block }) => graph.indexOf.get(block)!)
    .filter((to) => graph.edges[to]!.length === 1);
}

/** Loads behind which the block writes nothing. */
function lastLoads(block: Block): LoadInst[] {
  const found: LoadInst[] = [];
  for (const inst of block.insts.toReversed()) {
    if (!isQuiet(inst)) break;
    if (inst.kind === 'load' && inst.address.kind !== 'alloca' && inst.address.kind !== 'global') found.push(inst);
  }
  return found;
}

function isQuiet(inst: Inst): boolean {
  switch (inst.kind) {
    case 'load':
      return !inst.volatile;
    case 'binary':
    case 'bswap':
    case 'cast':
    case 'compare':
    case 'core':
    case 'note':
    case 'ptradd':
    case 'select':
      return true;
    default:
      return false;
  }
}
