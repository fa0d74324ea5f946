/** A control flow graph in the order in which code is laid out, and who dominates whom. Node 0 is the entry. */
export interface Flow {
  /** Reachable nodes in reverse postorder. */
  readonly order: Int32Array;
  /** A node's place in {@link order}; -1 when it cannot be reached. */
  readonly position: Int32Array;
  /** The immediate dominator; of the entry -1. */
  readonly dominator: Int32Array;
  /** Nodes that an edge leads back to. */
  readonly isHeader: Uint8Array;
  /** Whether more than one edge leads forward to the node. */
  readonly isMerge: Uint8Array;
  /** Every loop has one entry: no edge leads back to a node that does not dominate where it came from. */
  readonly reducible: boolean;
}

/** Everything here takes time of about the number of edges, and no recursion: programs have up to a million nodes. */
export function analyse(successors: readonly (readonly number[])[]): Flow {
  const count = successors.length;
  const position = new Int32Array(count).fill(-1);
  const { order, tree, preorder, number } = walk(successors);
  order.forEach((node, i) => {
    position[node] = i;
  });
  const predecessors = invert(successors, number);
  const dominator = lengauerTarjan(count, preorder, number, tree, predecessors);
  const isHeader = new Uint8Array(count);
  const isMerge = new Uint8Array(count);
  const forward = new Int32Array(count);
  const { enter, leave } = intervals(order, dominator);
  let reducible = true;
  for (const node of order) {
    for (const next of successors[node]!) {
      if (position[next]! > position[node]!) {
        forward[next]! += 1;
        if (forward[next]! > 1) isMerge[next] = 1;
      } else {
        isHeader[next] = 1;
        if (enter[next]! > enter[node]! || leave[next]! < leave[node]!) reducible = false;
      }
    }
  }
  return { order, position, dominator, isHeader, isMerge, reducible };
}

interface Walk {
  readonly order: Int32Array;
  readonly preorder: Int32Array;
  /** Preorder numbers; -1 when not reached. */
  readonly number: Int32Array;
  /** The parent in the depth-first tree. */
  readonly tree: Int32Array;
}

function walk(successors: readonly (readonly number[])[]): Walk {
  const count = successors.length;
  const number = new Int32Array(count).fill(-1);
  const tree = new Int32Array(count).fill(-1);
  const preorder: number[] = [0];
  const post: number[] = [];
  const stack = [0];
  const next = new Int32Array(count);
  number[0] = 0;
  while (stack.length > 0) {
    const node = stack.at(-1)!;
    const list = successors[node]!;
    // Last edge first: of two branches the first is laid out first, being finished last.
    const i = list.length - 1 - next[node]!;
    if (i < 0) {
      post.push(node);
      stack.pop();
      continue;
    }
    next[node]! += 1;
    const to = list[i]!;
    if (number[to] !== -1) continue;
    number[to] = preorder.length;
    tree[to] = node;
    preorder.push(to);
    stack.push(to);
  }
  return { order: Int32Array.from(post.reverse()), preorder: Int32Array.from(preorder), number, tree };
}

function invert(successors: readonly (readonly number[])[], number: Int32Array): number[][] {
  const lists: number[][] = successors.map(() => []);
  successors.forEach((list, node) => {
    if (number[node] !== -1) for (const next of list) lists[next]!.push(node);
  });
  return lists;
}

/** Lengauer and Tarjan, "A fast algorithm for finding dominators in a flowgraph" (1979), with path compression. */
function lengauerTarjan(
  count: number,
  preorder: Int32Array,
  number: Int32Array,
  tree: Int32Array,
  predecessors: readonly (readonly number[])[],
): Int32Array {
  const semi = Int32Array.from(number);
  const ancestor = new Int32Array(count).fill(-1);
  const best = Int32Array.from({ length: count }, (_, i) => i);
  const dominator = new Int32Array(count).fill(-1);
  const buckets: (number[] | undefined)[] = new Array(count);
  const path: number[] = [];
  const evaluate = (node: number): number => {
    if (ancestor[node] === -1) return node;
    let top = node;
    while (ancestor[ancestor[top]!] !== -1) {
      path.push(top);
      top = ancestor[top]!;
    }
    while (path.length > 0) {
      const one = path.pop()!;
      const above = ancestor[one]!;
      if (semi[best[above]!]! < semi[best[one]!]!) best[one] = best[above]!;
      ancestor[one] = ancestor[above]!;
    }
    return best[node]!;
  };
  for (let i = preorder.length - 1; i > 0; i--) {
    const node = preorder[i]!;
    for (const from of predecessors[node]!) {
      const reached = semi[evaluate(from)]!;
      if (reached < semi[node]!) semi[node] = reached;
    }
    const at = preorder[semi[node]!]!;
    const bucket = buckets[at];
    if (bucket) bucket.push(node);
    else buckets[at] = [node];
    const parent = tree[node]!;
    ancestor[node] = parent;
    for (const one of buckets[parent] ?? []) {
      const least = evaluate(one);
      dominator[one] = semi[least]! < semi[one]! ? least : parent;
    }
    buckets[parent] = undefined;
  }
  for (let i = 1; i < preorder.length; i++) {
    const node = preorder[i]!;
    if (dominator[node] !== preorder[semi[node]!]) dominator[node] = dominator[dominator[node]!]!;
  }
  return dominator;
}

/** Numbers at entering and leaving a node of the dominator tree: a dominates b when a's interval holds b's. */
function intervals(order: Int32Array, dominator: Int32Array): { enter: Int32Array; leave: Int32Array } {
  const enter = new Int32Array(dominator.length);
  const leave = new Int32Array(dominator.length);
  const size = new Int32Array(dominator.length).fill(1);
  // A dominator stands before what it dominates, so sizes add up backwards and places are handed out forwards.
  for (let i = order.length - 1; i > 0; i--) size[dominator[order[i]!]!]! += size[order[i]!]!;
  const next = new Int32Array(dominator.length);
  for (const node of order) {
    const above = dominator[node]!;
    enter[node] = above < 0 ? 0 : next[above]!;
    if (above >= 0) next[above]! += size[node]!;
    next[node] = enter[node]! + 1;
    leave[node] = enter[node]! + size[node]! - 1;
  }
  return { enter, leave };
}

/** The loops of a reducible graph. */
export interface Loops {
  /** Header of the innermost loop around a node (a header is in its own); -1 outside of loops. */
  readonly innermost: Int32Array;
  /** Headers of loops that hold no other. */
  readonly leaves: readonly number[];
  /** Sum of the sizes of a loop's nodes, inner loops with them, by header. */
  readonly total: Int32Array;
}

export function findLoops(
  successors: readonly (readonly number[])[],
  flow: Flow,
  size: (node: number) => number,
): Loops {
  const count = successors.length;
  const { order, position, isHeader } = flow;
  const predecessors: number[][] = successors.map(() => []);
  for (const node of order) for (const next of successors[node]!) predecessors[next]!.push(node);
  const innermost = new Int32Array(count).fill(-1);
  const total = new Int32Array(count);
  const hasInner = new Uint8Array(count);
  /** Nodes of a finished loop stand for their header. */
  const into = Int32Array.from({ length: count }, (_, i) => i);
  const find = (node: number): number => {
    let root = node;
    while (into[root] !== root) root = into[root]!;
    for (let at = node; into[at] !== root; ) {
      const next = into[at]!;
      into[at] = root;
      at = next;
    }
    return root;
  };
  const leaves: number[] = [];
  for (let i = order.length - 1; i >= 0; i--) {
    const header = order[i]!;
    if (isHeader[header] === 0) continue;
    innermost[header] = header;
    total[header] = size(header);
    const work: number[] = [];
    for (const from of predecessors[header]!) if (position[from]! >= i) work.push(find(from));
    while (work.length > 0) {
      const node = work.pop()!;
      if (node === header || into[node] !== node) continue;
      into[node] = header;
      if (isHeader[node] === 1) {
        hasInner[header] = 1;
        total[header]! += total[node]!;
      } else {
        innermost[node] = header;
        total[header]! += size(node);
      }
      for (const from of predecessors[node]!) work.push(find(from));
    }
    if (hasInner[header] === 0) leaves.push(header);
  }
  return { innermost, leaves, total };
}
