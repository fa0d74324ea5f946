import type { Flow } from './dominators.ts';
import {
  BLOCK,
  BR,
  BR_IF,
  BR_TABLE,
  type Code,
  ELSE,
  END,
  I32_EQZ,
  IF,
  LOCAL_GET,
  LOCAL_SET,
  LOOP,
  SELECT,
  VOID,
} from './wasm.ts';

/** What the structurer asks of the translator. */
export interface Nodes {
  /** Code of a node without the jump at its end; an exit returns. */
  body(node: number): void;
  /** Leaves 1 on the stack when the first of two successors follows. */
  condition(node: number): void;
  readonly successors: readonly (readonly number[])[];
  /** An i32 local that is free. */
  readonly label: number;
}

/**
 * Writes a graph as WebAssembly's blocks and loops: every node inside its dominator, joins behind blocks that are left
 * by `br` (Ramsey, "Beyond Relooper", 2022), with a stack of its own in place of recursion. Graphs with loops of
 * several entries become one loop around a jump table.
 */
export function structure(code: Code, flow: Flow, nodes: Nodes): void {
  if (flow.reducible) nested(code, flow, nodes);
  else dispatched(code, flow, nodes);
}

const TREE = 0;
const WITHIN = 1;
const BRANCH = 2;
const OPCODE = 3;

function nested(code: Code, flow: Flow, nodes: Nodes): void {
  const { order, position, dominator, isHeader, isMerge } = flow;
  const { successors } = nodes;
  /** The joins that a node dominates at once, the last in order first. */
  const joins: (number[] | undefined)[] = new Array(successors.length);
  for (let i = order.length - 1; i > 0; i--) {
    const node = order[i]!;
    if (isMerge[node] === 0) continue;
    const above = dominator[node]!;
    const list = joins[above];
    if (list) list.push(node);
    else joins[above] = [node];
  }
  /** How many labels were open when the node's loop, or the block before it, was. */
  const loopAt = new Int32Array(successors.length);
  const blockAt = new Int32Array(successors.length);
  let height = 0;
  const kinds: number[] = [];
  const first: number[] = [];
  const second: number[] = [];
  const push = (kind: number, a: number, b = 0): void => {
    kinds.push(kind);
    first.push(a);
    second.push(b);
  };
  const open = (opcode: number): void => {
    code.op(opcode);
    code.op(VOID);
    height += 1;
  };
  /** The depth of the label that leads to a node, or undefined when its code follows right here. */
  const label = (from: number, to: number): number | undefined => {
    if (position[to]! <= position[from]!) return height - 1 - loopAt[to]!;
    return isMerge[to] === 1 ? height - 1 - blockAt[to]! : undefined;
  };
  push(TREE, order[0]!);
  while (kinds.length > 0) {
    const kind = kinds.pop()!;
    const node = first.pop()!;
    const argument = second.pop()!;
    switch (kind) {
      case OPCODE:
        code.op(node);
        if (node === END) height -= 1;
        break;
      case TREE:
        if (isHeader[node] === 1) {
          loopAt[node] = height;
          open(LOOP);
          push(OPCODE, END);
        }
        push(WITHIN, node, 0);
        break;
      case WITHIN: {
        const join = joins[node]?.[argument];
        if (join !== undefined) {
          blockAt[join] = height;
          open(BLOCK);
          push(TREE, join);
          push(OPCODE, END);
          push(WITHIN, node, argument + 1);
          break;
        }
        nodes.body(node);
        const next = successors[node]!;
        if (next.length === 1) push(BRANCH, node, next[0]!);
        else if (next.length === 2) {
          nodes.condition(node);
          const [yes, no] = [label(node, next[0]!), label(node, next[1]!)];
          if (yes !== undefined) {
            code.op1(BR_IF, yes);
            push(BRANCH, node, next[1]!);
          } else if (no !== undefined) {
            code.op(I32_EQZ);
            code.op1(BR_IF, no);
            push(BRANCH, node, next[0]!);
          } else {
            open(IF);
            push(OPCODE, END);
            push(BRANCH, node, next[1]!);
            push(OPCODE, ELSE);
            push(BRANCH, node, next[0]!);
          }
        }
        break;
      }
      case BRANCH: {
        const to = label(node, argument);
        if (to === undefined) push(TREE, argument);
        else code.op1(BR, to);
        break;
      }
    }
  }
}

function dispatched(code: Code, flow: Flow, nodes: Nodes): void {
  const { order, position } = flow;
  const count = order.length;
  code.i32(0);
  code.op1(LOCAL_SET, nodes.label);
  code.op(LOOP);
  code.op(VOID);
  for (let i = 0; i < count; i++) {
    code.op(BLOCK);
    code.op(VOID);
  }
  code.op1(LOCAL_GET, nodes.label);
  code.op(BR_TABLE);
  code.unsigned(count - 1);
  for (let i = 0; i < count; i++) code.unsigned(i);
  order.forEach((node, i) => {
    code.op(END);
    nodes.body(node);
    const next = nodes.successors[node]!;
    if (next.length === 0) return;
    code.i32(position[next[0]!]!);
    if (next.length === 2) {
      code.i32(position[next[1]!]!);
      nodes.condition(node);
      code.op(SELECT);
    }
    code.op1(LOCAL_SET, nodes.label);
    code.op1(BR, count - 1 - i);
  });
  code.op(END);
}
