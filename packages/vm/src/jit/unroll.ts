import { analyse, findLoops } from './dominators.ts';
import type { Block, Graph } from './graph.ts';

/**
 * Repeats the bodies of small innermost loops, so that the engine's own check at every turn of a loop (and our budget)
 * is paid once for several. The copies keep every exit: nothing needs to be known about the number of turns.
 */
export function unroll(graph: Graph): Graph {
  const flow = analyse(graph.blocks.map((block) => block.next));
  if (!flow.reducible || !flow.isHeader.includes(1)) return graph;
  const loops = findLoops(
    graph.blocks.map((block) => block.next),
    flow,
    (node) => blockSize(graph.blocks[node]!),
  );
  const members = new Map<number, number[]>();
  for (const header of loops.leaves) {
    if (loops.total[header]! <= LARGEST && !graph.blocks[header]!.remainder) members.set(header, []);
  }
  for (const node of flow.order) members.get(loops.innermost[node]!)?.push(node);
  let room = MOST_ADDED;
  for (const [header, nodes] of members) {
    const size = loops.total[header]!;
    const copies = Math.min(MOST_COPIES, Math.floor(TARGET / size));
    room -= size * (copies - 1);
    if (room < 0) break;
    repeat(graph.blocks, header, nodes, copies);
  }
  return graph;
}

export function blockSize(block: Block): number {
  return block.to - block.from + 1;
}

/** Instructions of a loop with all its copies, and how many copies there are at most. */
const TARGET = 128;
const LARGEST = TARGET / 2;
const MOST_COPIES = 16;
/** Instructions that one function may grow by. */
const MOST_ADDED = 4096;

function repeat(blocks: Block[], header: number, nodes: readonly number[], copies: number): void {
  const inside = new Set(nodes);
  /** Every copy's node by the original's. */
  const maps: Map<number, number>[] = [];
  for (let i = 1; i < copies; i++) {
    const map = new Map<number, number>();
    for (const node of nodes) {
      map.set(node, blocks.length);
      blocks.push({ ...blocks[node]!, next: [...blocks[node]!.next] });
    }
    maps.push(map);
  }
  const rename = (node: number, own: Map<number, number> | undefined, header2: number): void => {
    const { next } = blocks[node]!;
    next.forEach((to, i) => {
      if (to === header) next[i] = header2;
      else if (own && inside.has(to)) next[i] = own.get(to)!;
    });
  };
  for (let i = 0; i < maps.length; i++) {
    const following = i + 1 < maps.length ? maps[i + 1]!.get(header)! : header;
    for (const node of nodes) rename(maps[i]!.get(node)!, maps[i], following);
  }
  if (maps.length > 0) for (const node of nodes) rename(node, undefined, maps[0]!.get(header)!);
}
