import type { MachineBlock, MachineFunction } from './machine.ts';

/**
 * Puts the blocks in the order in which they will stand: loops stay together, the expected way falls through. Drops what
 * cannot be reached, and sets `index` and `depth`.
 */
export function orderBlocks(fn: MachineFunction): void {
  const entry = fn.blocks[0]!;
  for (const block of fn.blocks) block.index = -1;
  const first = postOrder(entry, (block) => block.successors).reverse();
  number(first);
  measureLoops(first);
  const order = postOrder(entry, (block) => {
    const { successors } = block;
    if (successors.length < 2) return successors;
    // `asm goto`: it falls into the first.
    if (block.insts.at(-1)?.op === 'asm') return successors.toReversed();
    // The one that is visited last follows its block.
    const [taken, other] = successors as [MachineBlock, MachineBlock];
    const deeper = taken.depth !== other.depth ? (taken.depth > other.depth ? 0 : 1) : undefined;
    // Verifiers go the way first that falls through: where what is done makes a range wider, the other is then known.
    const follow = deeper ?? block.likely ?? (other.isEdge && !taken.isEdge ? 0 : 1);
    return follow === 0 ? [other, taken] : [taken, other];
  }).reverse();
  number(order);
  fn.blocks = order;
}

function number(order: readonly MachineBlock[]): void {
  for (const [i, block] of order.entries()) block.index = i;
}

function postOrder(entry: MachineBlock, next: (block: MachineBlock) => readonly MachineBlock[]): MachineBlock[] {
  const seen = new Set<MachineBlock>([entry]);
  const out: MachineBlock[] = [];
  const path = [{ block: entry, successors: next(entry), at: 0 }];
  while (path.length > 0) {
    const top = path[path.length - 1]!;
    const to = top.successors[top.at++];
    if (to === undefined) {
      out.push(top.block);
      path.pop();
    } else if (!seen.has(to)) {
      seen.add(to);
      path.push({ block: to, successors: next(to), at: 0 });
    }
  }
  return out;
}

/** An edge that goes back in reverse post order closes a loop; its blocks are those that reach it without the header. */
function measureLoops(order: readonly MachineBlock[]): void {
  const latches = new Map<MachineBlock, MachineBlock[]>();
  for (const block of order) {
    block.depth = 0;
    for (const to of block.successors) {
      if (to.index > block.index) continue;
      const list = latches.get(to);
      if (list) list.push(block);
      else latches.set(to, [block]);
    }
  }
  if (latches.size === 0) return;
  const before: MachineBlock[][] = order.map(() => []);
  for (const block of order) for (const to of block.successors) before[to.index]!.push(block);
  for (const [header, ends] of latches) {
    const inside = new Set<MachineBlock>([header]);
    const work = [...ends];
    for (let block = work.pop(); block !== undefined; block = work.pop()) {
      if (inside.has(block) || block.index < header.index) continue;
      inside.add(block);
      work.push(...before[block.index]!);
    }
    for (const block of inside) block.depth += 1;
  }
}
