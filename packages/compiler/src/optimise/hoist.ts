import { dominatorsOf, type Edge, graphOf, loopsOf } from '../ir/graph.ts';
import type { Block, Func, Inst, Value } from '../ir/ir.ts';
import { forEachOperand, isLocal } from '../ir/uses.ts';

/**
 * Makes addresses that do not change in an iterator's loop before it. From one of its iterations to the next verifiers
 * forget the bounds of numbers, but not what pointers point to (Linux, `widen_imprecise_scalars`): `table[row]` in a loop
 * over columns is known only where `row` was checked.
 */
export function hoistAddresses(func: Func): boolean {
  if (!func.blocks.some(asksIterator)) return false;
  const graph = graphOf(func);
  const home = new Map<Value, Block>();
  for (const block of graph.order) for (const inst of block.insts) home.set(inst, block);
  let changed = false;
  for (const loop of loopsOf(graph, dominatorsOf(graph))) {
    const blocks = [...loop.blocks].sort((a, b) => a - b).map((index) => graph.order[index]!);
    if (!blocks.some(asksIterator)) continue;
    const before = graph.edges[loop.header]!.filter(({ from }) => !loop.blocks.has(graph.indexOf.get(from)!));
    const [entry] = before;
    if (entry === undefined || before.length > 1) continue;
    const stays = constantsOf(blocks);
    const checked = checkedIn(blocks, stays);
    let to: Block | undefined;
    for (const block of blocks) {
      for (const inst of block.insts.slice()) {
        if (inst.kind !== 'ptradd' || inst.offset.kind === 'const' || !stays.has(inst)) continue;
        // Before it was compared nothing is known of it.
        if (rootsOf(inst.offset, stays).some((root) => checked.has(root))) continue;
        to ??= blockBefore(func, entry);
        move(inst, to, stays, home);
        changed = true;
      }
    }
  }
  return changed;
}

/** Whoever comes through it goes on to where the edge leads. */
function blockBefore(func: Func, { from, target }: Edge): Block {
  if (from.term.kind === 'jump') return from;
  const { span } = from.term;
  const block: Block = { params: [], insts: [], term: { kind: 'jump', target: { ...target }, span } };
  func.blocks.splice(func.blocks.indexOf(from) + 1, 0, block);
  target.block = block;
  target.args = [];
  return block;
}

function asksIterator(block: Block): boolean {
  return block.insts.some(
    (inst) => inst.kind === 'call' && inst.callee.kind === 'func' && /^bpf_iter_\w+_next$/.test(inst.callee.func.name),
  );
}

/** What the loop computes anew each time although it is the same: arithmetic with values from before the loop. */
function constantsOf(blocks: readonly Block[]): Set<Value> {
  const inside = new Set<Value>();
  for (const block of blocks) for (const value of [...block.params, ...block.insts]) inside.add(value);
  const stays = new Set<Value>();
  for (const block of blocks) {
    for (const inst of block.insts) {
      if (inst.kind !== 'binary' && inst.kind !== 'cast' && inst.kind !== 'ptradd') continue;
      let same = true;
      forEachOperand(inst, (value) => {
        if (value.kind === 'core' || (inside.has(value) && !stays.has(value))) same = false;
      });
      if (same) stays.add(inst);
    }
  }
  return stays;
}

/** The values from before the loop that it compares, in whatever arithmetic. */
function checkedIn(blocks: readonly Block[], stays: ReadonlySet<Value>): Set<Value> {
  const checked = new Set<Value>();
  for (const { insts } of blocks) {
    for (const inst of insts) {
      if (inst.kind !== 'compare') continue;
      for (const value of [inst.a, inst.b]) for (const root of rootsOf(value, stays)) checked.add(root);
    }
  }
  return checked;
}

function rootsOf(value: Value, stays: ReadonlySet<Value>): Value[] {
  if (!stays.has(value)) return isLocal(value) ? [value] : [];
  const roots: Value[] = [];
  forEachOperand(value as Inst, (operand) => roots.push(...rootsOf(operand, stays)));
  return roots;
}

/** With what it is computed of. */
function move(inst: Inst, to: Block, stays: Set<Value>, home: Map<Value, Block>): void {
  forEachOperand(inst, (value) => {
    if (stays.has(value)) move(value as Inst, to, stays, home);
  });
  const from = home.get(inst)!;
  from.insts.splice(from.insts.indexOf(inst), 1);
  to.insts.push(inst);
  home.set(inst, to);
  stays.delete(inst);
}
