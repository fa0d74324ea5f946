import { HELPERS } from '@skep/abi';
import { type Graph, isLocalCall, width } from './graph.ts';

/** Registers (bits 0 … 10) that a function may read before it writes them. */
function liveAtEntry(code: Int32Array, graph: Graph): number {
  const { blocks } = graph;
  const uses = new Int32Array(blocks.length);
  const kills = new Int32Array(blocks.length);
  blocks.forEach((block, i) => {
    let used = 0;
    let killed = 0;
    if (block.context === 0) {
      if (block.before?.kind === 'leave') killed |= 1;
      const last = block.end === 'branch' || block.end === 'exit' ? block.slot : block.to - 1;
      for (let slot = block.from; slot <= last; slot += width(code, slot)) {
        used |= reads(code, slot) & ~killed;
        killed |= writes(code, slot);
      }
    } else if (block.before?.kind === 'enter') used = 0b111110;
    uses[i] = used;
    kills[i] = killed;
  });
  const live = Int32Array.from(uses);
  const predecessors: number[][] = blocks.map(() => []);
  blocks.forEach((block, i) => {
    for (const next of block.next) predecessors[next]!.push(i);
  });
  const work = blocks.map((_, i) => i);
  while (work.length > 0) {
    const node = work.pop()!;
    for (const from of predecessors[node]!) {
      const now = live[from]! | (live[node]! & ~kills[from]!);
      if (now === live[from]) continue;
      live[from] = now;
      work.push(from);
    }
  }
  return live[0]!;
}

/** How many of r1 … r5 a helper takes. */
export function argumentCount(id: number): number {
  return counts.get(id) ?? 5;
}

const counts = new Map(HELPERS.map((one) => [one.id, one.variadic ? 5 : one.params.length]));

const ALL_ARGUMENTS = 0b111110;

/** Registers that an instruction reads; too many do no harm. */
function reads(code: Int32Array, slot: number): number {
  const word = code[2 * slot]!;
  const op = word & 0xff;
  const dst = 1 << ((word >>> 8) & 15);
  const src = 1 << ((word >>> 12) & 15);
  switch (op & 7) {
    case 7:
    case 4:
      if (op >> 4 === 0xb) return (op & 8) !== 0 ? src : 0;
      return (op & 8) !== 0 && op >> 4 !== 0xd ? dst | src : dst;
    case 1:
      return src;
    case 2:
      return dst;
    case 3:
      return dst | src | (op >> 5 === 6 ? 1 : 0);
    case 0:
      // Loads of classic BPF look at the packet in r6.
      return op === 0x18 ? 0 : (1 << 6) | (op >> 5 === 2 ? src : 0);
    default:
      if (op === 0x85) {
        return isLocalCall(code, slot) ? ALL_ARGUMENTS : ((1 << argumentCount(code[2 * slot + 1]!)) - 1) << 1;
      }
      if (op === 0x95) return 1;
      if (op === 0x05 || op === 0x06) return 0;
      return (op & 8) !== 0 ? dst | src : dst;
  }
}

/** Registers that an instruction overwrites for certain. */
function writes(code: Int32Array, slot: number): number {
  const word = code[2 * slot]!;
  const op = word & 0xff;
  const kind = op & 7;
  if (kind === 7 || kind === 4 || kind === 1 || op === 0x18) return 1 << ((word >>> 8) & 15);
  return op === 0x85 || kind === 0 ? 1 : 0;
}

/** Which of r1 … r5 a function takes: those that it may read before it writes them. */
export function parameters(code: Int32Array, graph: Graph): number[] {
  const live = liveAtEntry(code, graph);
  return [1, 2, 3, 4, 5].filter((register) => (live & (1 << register)) !== 0);
}
