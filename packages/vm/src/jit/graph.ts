import { helperId } from '@skep/abi';
import { CALLBACK } from '../program.ts';
import type { VectorLoop } from './vector.ts';

/** A straight run of instructions in one {@link Graph}. */
export interface Block {
  /** Which copy of which function it belongs to: 0 is the function itself, others were inlined. See {@link Graph.depth}. */
  readonly context: number;
  /** Instructions of the block, by slot, without the jump that ends it. */
  readonly from: number;
  readonly to: number;
  /** What happens before the first instruction: arguments go into an inlined function, or its result comes out. */
  readonly before: { readonly kind: 'enter' | 'leave'; readonly other: number; readonly call: number } | undefined;
  readonly end: 'goto' | 'branch' | 'exit';
  /** The slot of the jump or exit; for blocks that just run on, the slot after them. */
  readonly slot: number;
  /** Blocks that may follow; of a branch first the one when the condition holds. */
  readonly next: number[];
  /** Turns of the loop that follows, done here several at once; and the first block of such a loop. */
  readonly vector?: VectorLoop;
  readonly remainder?: true;
}

/** One function (the program or a subprogram) as WebAssembly will see it. Block 0 is the entry. */
export interface Graph {
  readonly entry: number;
  readonly blocks: Block[];
  /** How many frames a context lies above the function's own. */
  readonly depth: readonly number[];
}

/** Everything that a program may run: its functions by the slot of their entry, the program itself first. */
export interface Functions {
  readonly graphs: Graph[];
  /** Entries of functions whose address the program takes, for callbacks. */
  readonly callbacks: readonly number[];
  /** The most frames that can be in use, or undefined when functions call themselves. */
  readonly depth: number | undefined;
}

/** Undefined when the program is too strange to be worth compiling: the interpreter runs it. */
export function buildFunctions(code: Int32Array): Functions | undefined {
  const callbacks = callbackEntries(code);
  const scans = new Map<number, Scan>();
  const work = [0, ...callbacks];
  const slots = code.length >> 1;
  if (slots > MAX_SLOTS) return undefined;
  let budget = 4 * slots + 1024;
  while (work.length > 0) {
    const entry = work.pop()!;
    if (scans.has(entry)) continue;
    if (scans.size * slots > MAX_SCANNED) return undefined;
    const scan = scanFunction(code, entry);
    if (scan === undefined) return undefined;
    // Functions may share instructions by jumping into one another; each then gets its own copy.
    budget -= scan.count;
    if (budget < 0) return undefined;
    scans.set(entry, scan);
    for (const one of scan.calls) work.push(one);
  }
  const needed = new Set([0, ...callbacks]);
  const graphs: Graph[] = [];
  for (const entry of needed) {
    const graph = instantiate(code, entry, scans);
    graphs.push(graph);
    for (const block of graph.blocks) {
      for (let slot = block.from; slot < block.to; slot += width(code, slot)) {
        if (isLocalCall(code, slot)) needed.add(slot + 1 + code[2 * slot + 1]!);
      }
    }
  }
  return { graphs, callbacks, depth: frames(scans, callbacks) };
}

/** Straight code of so many instructions fills about half of what a WebAssembly function may hold. */
const MAX_SLOTS = 1 << 19;

/** Slots looked at, all functions together: a program of a million instructions has at most some hundred functions. */
const MAX_SCANNED = 1 << 28;

interface Scan {
  /** Reachable slots that begin a block. */
  readonly leaders: Uint8Array;
  readonly first: number;
  /** Reachable instructions in ascending order. */
  readonly slots: Int32Array;
  readonly count: number;
  readonly calls: readonly number[];
  /** It runs callbacks in its own frames (bpf_loop). */
  readonly repeats: boolean;
  /** It ends by going on in another program, perhaps. */
  readonly tails: boolean;
  /** It loads from packets in the way of classic BPF, which ends the function where there is no packet. */
  readonly loads: boolean;
}

export const opcode = (code: Int32Array, slot: number): number => code[2 * slot]! & 0xff;
export const width = (code: Int32Array, slot: number): 1 | 2 => (opcode(code, slot) === 0x18 ? 2 : 1);

export function isLocalCall(code: Int32Array, slot: number): boolean {
  return opcode(code, slot) === 0x85 && ((code[2 * slot]! >>> 12) & 15) === 1;
}

function isHelper(code: Int32Array, slot: number, id: number): boolean {
  return opcode(code, slot) === 0x85 && (code[2 * slot]! & 0xf000) === 0 && code[2 * slot + 1] === id;
}

export const TAIL_CALL = helperId('bpf_tail_call');
export const LOOP = helperId('bpf_loop');

function isJump(op: number): boolean {
  if (op === 0x05 || op === 0x06) return true;
  return ((op & 7) === 5 || (op & 7) === 6) && op !== 0x85 && op !== 0x95;
}

function target(code: Int32Array, slot: number): number {
  const op = opcode(code, slot);
  return slot + 1 + (op === 0x06 ? code[2 * slot + 1]! : code[2 * slot]! >> 16);
}

function callbackEntries(code: Int32Array): number[] {
  const slots = code.length >> 1;
  const found = new Set<number>();
  for (let slot = 0; slot < slots; slot += width(code, slot)) {
    if (opcode(code, slot) !== 0x18 || code[2 * slot + 3] !== (CALLBACK | 0)) continue;
    const entry = code[2 * slot + 1]!;
    if (entry >= 0 && entry < slots) found.add(entry);
  }
  return [...found];
}

/** What can be reached from an entry without following calls; undefined when r10 is written or the end is run past. */
function scanFunction(code: Int32Array, entry: number): Scan | undefined {
  const slots = code.length >> 1;
  const seen = new Uint8Array(slots);
  const leaders = new Uint8Array(slots);
  const calls = new Set<number>();
  const work = [entry];
  let tails = false;
  let repeats = false;
  let loads = false;
  leaders[entry] = 1;
  let count = 0;
  while (work.length > 0) {
    let slot = work.pop()!;
    for (;;) {
      if (slot < 0 || slot >= slots) return undefined;
      if (seen[slot] === 1) break;
      seen[slot] = 1;
      count += 1;
      const op = opcode(code, slot);
      if (writesFrame(code, slot)) return undefined;
      if (isPacketLoad(op)) loads = true;
      if (op === 0x95) break;
      if (isJump(op)) {
        const to = target(code, slot);
        if (to < 0 || to >= slots) return undefined;
        leaders[to] = 1;
        if (op === 0x05 || op === 0x06) {
          slot = to;
          continue;
        }
        work.push(to);
        if (slot + 1 < slots) leaders[slot + 1] = 1;
      }
      if (isHelper(code, slot, TAIL_CALL)) tails = true;
      if (isHelper(code, slot, LOOP)) repeats = true;
      if (isLocalCall(code, slot)) calls.add(slot + 1 + code[2 * slot + 1]!);
      slot += width(code, slot);
    }
  }
  const list = new Int32Array(count);
  let n = 0;
  for (let slot = 0; slot < slots && n < count; slot++) if (seen[slot] === 1) list[n++] = slot;
  return { leaders, first: entry, slots: list, count, calls: [...calls], tails, repeats, loads };
}

/** The loads of classic BPF. */
export function isPacketLoad(op: number): boolean {
  return (op & 7) === 0 && (op >> 5 === 1 || op >> 5 === 2);
}

/** No verifier takes a write to r10; translated code keeps the frame apart from the registers. */
function writesFrame(code: Int32Array, slot: number): boolean {
  const word = code[2 * slot]!;
  const op = word & 0xff;
  const dst = (word >>> 8) & 15;
  const src = (word >>> 12) & 15;
  if (dst > 10 || src > 10) return true;
  const kind = op & 7;
  if (kind === 7 || kind === 4 || kind === 1 || op === 0x18) return dst === 10;
  if (kind === 3 && op >> 5 === 6) {
    const imm = code[2 * slot + 1]!;
    return imm === 0x100 ? dst === 10 : (imm & 1) === 1 && imm >> 4 !== 0xf && src === 10;
  }
  return false;
}

/** Subprograms of at most this many instructions, which call none themselves, are put where they are called. */
const INLINE_SIZE = 64;
const MAX_CONTEXTS = 24;
const MAX_INLINED = 2048;

function instantiate(code: Int32Array, entry: number, scans: ReadonlyMap<number, Scan>): Graph {
  const blocks: Block[] = [];
  const depth = [0];
  let inlined = 0;
  const copy = (context: number, scan: Scan, before: Block['before'], after: number): void => {
    const first = blocks.length;
    const at = new Map<number, number>();
    /** Blocks whose successors are still slots. */
    const open: { block: Block; slots: number[] }[] = [];
    const add = (block: Block, slots: number[]): void => {
      blocks.push(block);
      open.push({ block, slots });
    };
    // The entry has a block of its own when it enters from elsewhere, and always comes first.
    if (before !== undefined || scan.slots[0] !== scan.first) {
      add({ context, from: scan.first, to: scan.first, before, end: 'goto', slot: scan.first, next: [] }, [scan.first]);
    }
    const { slots } = scan;
    for (let i = 0; i < slots.length; ) {
      const from = slots[i]!;
      at.set(from, blocks.length);
      let prefix: Block['before'];
      let start = from;
      for (;;) {
        const slot = slots[i]!;
        const op = opcode(code, slot);
        const next = slot + width(code, slot);
        i += 1;
        if (op === 0x95) {
          if (after < 0) add({ context, from: start, to: slot, before: prefix, end: 'exit', slot, next: [] }, []);
          else blocks.push({ context, from: start, to: slot, before: prefix, end: 'goto', slot, next: [after] });
          break;
        }
        if (isJump(op)) {
          const to = target(code, slot);
          const both = op !== 0x05 && op !== 0x06;
          add(
            { context, from: start, to: slot, before: prefix, end: both ? 'branch' : 'goto', slot, next: [] },
            both ? [to, next] : [to],
          );
          break;
        }
        if (isLocalCall(code, slot)) {
          const callee = scans.get(slot + 1 + code[2 * slot + 1]!)!;
          if (
            context === 0 &&
            callee.calls.length === 0 &&
            !callee.tails &&
            !callee.repeats &&
            !callee.loads &&
            callee.count <= INLINE_SIZE &&
            depth.length < MAX_CONTEXTS &&
            inlined + callee.count <= MAX_INLINED
          ) {
            inlined += callee.count;
            const inner = depth.length;
            depth.push(depth[context]! + 1);
            const call: Block = { context, from: start, to: slot, before: prefix, end: 'goto', slot, next: [] };
            blocks.push(call);
            // The block behind the call is made first, so that exits of the callee can lead there.
            const rest = blocks.length;
            call.next.push(rest + 1);
            const landing: Block = {
              context,
              from: next,
              to: next,
              before: { kind: 'leave', other: inner, call: slot },
              end: 'goto',
              slot: next,
              next: [],
            };
            blocks.push(landing);
            copy(inner, callee, { kind: 'enter', other: context, call: slot }, rest);
            at.set(next, blocks.length);
            landing.next.push(blocks.length);
            start = next;
            prefix = undefined;
            if (slots[i] !== next) throw new Error('a call is the last instruction of its function');
            continue;
          }
        }
        if (slots[i] !== next || scan.leaders[next] === 1) {
          add({ context, from: start, to: next, before: prefix, end: 'goto', slot: next, next: [] }, [next]);
          break;
        }
      }
    }
    for (const { block, slots: targets } of open) for (const slot of targets) block.next.push(at.get(slot)!);
    if (blocks[first] === undefined) throw new Error('a function without instructions');
  };
  copy(0, scans.get(entry)!, undefined, -1);
  return { entry, blocks, depth };
}

/** The longest chain of calls, in frames; a function that runs callbacks is taken to run all that there are. */
function frames(scans: ReadonlyMap<number, Scan>, callbacks: readonly number[]): number | undefined {
  const known = new Map<number, number>();
  const open = new Set<number>();
  const stack = [...scans.keys()];
  while (stack.length > 0) {
    const entry = stack.at(-1)!;
    if (known.has(entry)) {
      stack.pop();
      continue;
    }
    const scan = scans.get(entry)!;
    const calls = scan.repeats ? [...scan.calls, ...callbacks] : scan.calls;
    const missing = calls.filter((one) => !known.has(one));
    if (missing.length === 0) {
      known.set(entry, 1 + greatest(calls.map((one) => known.get(one)!)));
      open.delete(entry);
      stack.pop();
    } else if (open.has(entry)) {
      // Seen before and its callees are still not known: one of them is further up the stack.
      return undefined;
    } else {
      open.add(entry);
      for (const one of missing) stack.push(one);
    }
  }
  return greatest(known.values());
}

function greatest(numbers: Iterable<number>): number {
  let most = 0;
  for (const one of numbers) if (one > most) most = one;
  return most;
}
