import type { Block, Func, Target } from './ir.ts';
import { targetsOf } from './uses.ts';

/** An edge of the control flow: `target` is the object inside of the terminator of `from`. */
export interface Edge {
  readonly from: Block;
  readonly target: Target;
}

/** The control flow of a function as it was when the graph was made. Blocks that cannot be reached are not in it. */
export interface Graph {
  /** Reverse post order: a block comes before what it dominates, and after its predecessors except over back edges. */
  readonly order: readonly Block[];
  readonly indexOf: ReadonlyMap<Block, number>;
  /** By index: the edges that enter the block, one for each, from reachable blocks only. */
  readonly edges: readonly (readonly Edge[])[];
}

export function graphOf(func: Func): Graph {
  const order = reversePostOrder(func);
  const indexOf = new Map<Block, number>();
  for (const [i, block] of order.entries()) indexOf.set(block, i);
  const edges: Edge[][] = order.map(() => []);
  for (const from of order) {
    for (const target of targetsOf(from.term)) edges[indexOf.get(target.block)!]!.push({ from, target });
  }
  return { order, indexOf, edges };
}

export function reversePostOrder(func: Func): Block[] {
  const entry = func.blocks[0];
  if (entry === undefined) return [];
  const seen = new Set<Block>([entry]);
  const out: Block[] = [];
  const path: { block: Block; targets: readonly Target[]; next: number }[] = [];
  // The last successor is visited first, so that in the result the first one follows its block.
  const open = (block: Block) => {
    const targets = targetsOf(block.term);
    path.push({ block, targets, next: targets.length });
  };
  open(entry);
  while (path.length > 0) {
    const top = path[path.length - 1]!;
    if (top.next === 0) {
      out.push(top.block);
      path.pop();
      continue;
    }
    top.next -= 1;
    const next = top.targets[top.next]!.block;
    if (!seen.has(next)) {
      seen.add(next);
      open(next);
    }
  }
  return out.reverse();
}

/** The dominator tree over the indices of a {@link Graph}. */
export interface Dominators {
  /** The immediate dominator of each block; the entry is its own. */
  readonly parent: Int32Array;
  readonly children: readonly (readonly number[])[];
  /** Every path from the entry to `b` leads through `a`; a block dominates itself. */
  dominates(a: number, b: number): boolean;
}

/** Cooper, Harvey, Kennedy: "A simple, fast dominance algorithm". */
export function dominatorsOf(graph: Graph): Dominators {
  const count = graph.order.length;
  const parent = new Int32Array(count).fill(-1);
  if (count > 0) parent[0] = 0;
  const predecessors = graph.edges.map((list) => list.map((edge) => graph.indexOf.get(edge.from)!));
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 1; i < count; i++) {
      let best = -1;
      for (const from of predecessors[i]!) {
        if (parent[from] === -1) continue;
        best = best === -1 ? from : meet(parent, from, best);
      }
      if (parent[i] !== best) {
        parent[i] = best;
        changed = true;
      }
    }
  }
  const children: number[][] = Array.from({ length: count }, () => []);
  for (let i = 1; i < count; i++) children[parent[i]!]!.push(i);
  const enter = new Int32Array(count);
  const leave = new Int32Array(count);
  let clock = 0;
  const path: { node: number; next: number }[] = [];
  if (count > 0) path.push({ node: 0, next: 0 });
  while (path.length > 0) {
    const top = path[path.length - 1]!;
    if (top.next === 0) enter[top.node] = clock++;
    const child = children[top.node]![top.next++];
    if (child !== undefined) {
      path.push({ node: child, next: 0 });
    } else {
      leave[top.node] = clock++;
      path.pop();
    }
  }
  return {
    parent,
    children,
    dominates: (a, b) => enter[a]! <= enter[b]! && leave[b]! <= leave[a]!,
  };
}

function meet(parent: Int32Array, a: number, b: number): number {
  let x = a;
  let y = b;
  while (x !== y) {
    while (x > y) x = parent[x]!;
    while (y > x) y = parent[y]!;
  }
  return x;
}

/** The dominance frontier of each block, by index. */
export function frontiersOf(graph: Graph, dominators: Dominators): readonly ReadonlySet<number>[] {
  const frontiers = graph.order.map(() => new Set<number>());
  for (const [i, edges] of graph.edges.entries()) {
    if (edges.length < 2) continue;
    for (const edge of edges) {
      for (let at = graph.indexOf.get(edge.from)!; at !== dominators.parent[i]; at = dominators.parent[at]!) {
        frontiers[at]!.add(i);
      }
    }
  }
  return frontiers;
}

/** A natural loop. Loops that share a header are one loop. */
export interface Loop {
  /** Index of the block that every iteration goes through. */
  readonly header: number;
  /** The blocks that jump back to the header. */
  readonly latches: readonly number[];
  /** Header and latches included. */
  readonly blocks: ReadonlySet<number>;
}

/** Natural loops, inner ones before those that contain them. */
export function loopsOf(graph: Graph, dominators: Dominators): Loop[] {
  const loops: Loop[] = [];
  for (let header = graph.order.length - 1; header >= 0; header--) {
    const latches: number[] = [];
    for (const edge of graph.edges[header]!) {
      const from = graph.indexOf.get(edge.from)!;
      if (dominators.dominates(header, from) && !latches.includes(from)) latches.push(from);
    }
    if (latches.length === 0) continue;
    const blocks = new Set<number>([header]);
    const work = [...latches];
    for (let at = work.pop(); at !== undefined; at = work.pop()) {
      if (blocks.has(at)) continue;
      blocks.add(at);
      for (const edge of graph.edges[at]!) work.push(graph.indexOf.get(edge.from)!);
    }
    loops.push({ header, latches, blocks });
  }
  return loops;
}

/** Drops the blocks that cannot be reached; the order of the others stays. Returns whether there were any. */
export function removeUnreachable(func: Func): boolean {
  const reached = new Set(reversePostOrder(func));
  if (reached.size === func.blocks.length) return false;
  func.blocks = func.blocks.filter((block) => reached.has(block));
  return true;
}
