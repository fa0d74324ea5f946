import { FRAME_SIZE, MAX_FRAMES } from '../memory.ts';
import type { Flow } from './dominators.ts';
import { type Block, type Graph, isLocalCall, isPacketLoad, width } from './graph.ts';
import { instructionAt, SIZES } from './instruction.ts';
import { argumentCount } from './liveness.ts';

/**
 * Which bytes of a function's frames can be held in locals: those that are only reached by offsets that are known, in
 * loads, stores and keys of lookups. Processors wait long for a read of what several narrower writes have just put
 * together, and a packet's address that is kept on the stack is read before every access.
 *
 * Only for programs that somebody has verified: others may reach their frames by any number.
 */
export class StackSlots {
  /** By the byte at which they start. */
  readonly atoms = new Map<number, Atom>();
  private readonly code: Int32Array;
  private readonly graph: Graph;
  private readonly options: StackOptions;
  private readonly row: number;
  /** What registers hold at the entry of each block. */
  private readonly entry: Int32Array;
  /** What they hold now; see {@link enter} and {@link step}. */
  private state: Int32Array;
  private base = 0;
  /** Where pieces must not overlap, which of them are read, and which are not for locals. */
  private readonly cuts = new Uint8Array(FRAMES + 1);
  private readonly read = new Uint8Array(FRAMES);
  private readonly blocked = new Uint8Array(FRAMES);
  /** Somebody may know an address in the frames and use it later, or by an offset that is not known. */
  private escaped = false;
  private collecting = false;

  constructor(code: Int32Array, graph: Graph, flow: Flow, options: StackOptions) {
    this.code = code;
    this.graph = graph;
    this.options = options;
    this.row = 11 * graph.depth.length;
    this.state = new Int32Array(this.row);
    const cells = this.row * graph.blocks.length;
    this.entry = new Int32Array(cells > MOST_CELLS ? 0 : cells);
    if (cells > MOST_CELLS) return;
    this.entry.fill(OTHER, 0, this.row);
    this.flow(flow);
    this.collecting = true;
    for (const node of flow.order) this.walk(node);
    this.collecting = false;
    if (!this.escaped) this.divide();
  }

  /** Begins with a block; {@link step} goes on behind each of its instructions. */
  enter(node: number, block: Block): void {
    this.state = this.entry.slice(node * this.row, (node + 1) * this.row);
    this.cross(block);
  }

  /** The offset from the function's frame that a register holds for certain. */
  offset(register: number): number | undefined {
    const value = this.value(register);
    return value >= FRAME ? value - FRAME : undefined;
  }

  /** Pieces that are held in locals, ascending, among some bytes. */
  within(from: number, to: number): Atom[] {
    const found: Atom[] = [];
    for (let at = Math.max(0, from - 7); at < to && at < FRAMES; at++) {
      const atom = this.atoms.get(at);
      if (atom && at + atom.size > from) found.push(atom);
    }
    return found;
  }

  /** The same when they make up all of the bytes. */
  whole(from: number, size: number): Atom[] | undefined {
    if (this.atoms.size === 0) return undefined;
    const found = this.within(from, from + size);
    return found.reduce((sum, one) => sum + one.size, 0) === size && found[0]!.at === from ? found : undefined;
  }

  private flow(flow: Flow): void {
    const { blocks } = this.graph;
    const work = new Uint8Array(blocks.length).fill(1);
    let again = true;
    while (again) {
      again = false;
      for (const node of flow.order) {
        if (work[node] === 0) continue;
        work[node] = 0;
        this.walk(node);
        for (const next of blocks[node]!.next) {
          if (!this.merge(next * this.row)) continue;
          work[next] = 1;
          if (flow.position[next]! <= flow.position[node]!) again = true;
        }
      }
    }
  }

  private merge(at: number): boolean {
    const { entry, state } = this;
    let changed = false;
    for (let i = 0; i < this.row; i++) {
      const was = entry[at + i]!;
      const now = was === UNSEEN || was === state[i] ? state[i]! : was <= OTHER && state[i]! <= OTHER ? OTHER : MIXED;
      if (now === was) continue;
      entry[at + i] = now;
      changed = true;
    }
    return changed;
  }

  private walk(node: number): void {
    const block = this.graph.blocks[node]!;
    this.enter(node, block);
    for (let slot = block.from; slot < block.to; slot += width(this.code, slot)) this.step(slot, block.from);
  }

  private cross({ context, before }: Block): void {
    this.base = 11 * context;
    if (before === undefined) return;
    const other = 11 * before.other;
    if (before.kind === 'leave') {
      this.state[this.base] = this.state[other]!;
      return;
    }
    for (let register = 0; register < 10; register++) {
      const argument = register >= 1 && register <= 5;
      this.state[this.base + register] = argument ? this.state[other + register]! : OTHER;
    }
  }

  private value(register: number): number {
    if (register === 10) return FRAME + (this.graph.depth[this.base / 11]! + 1) * FRAME_SIZE;
    return this.state[this.base + register]!;
  }

  private put(register: number, value: number): void {
    this.state[this.base + register] = value;
  }

  /** Follows one instruction; `from` is where its block begins. */
  step(slot: number, from: number): void {
    const { op, d, s, off, imm } = instructionAt(this.code, slot);
    switch (op & 7) {
      case 7:
      case 4:
        this.put(d, this.arithmetic(op, d, s, off, imm));
        return;
      case 1:
        this.access(this.value(s), off, SIZES[(op >> 3) & 3]!, true);
        this.put(d, OTHER);
        return;
      case 2:
      case 3: {
        const size = SIZES[(op >> 3) & 3]!;
        if (op >> 5 !== 6) {
          if ((op & 7) === 3) this.hide(this.value(s));
          this.access(this.value(d), off, size, false);
        } else this.atomic(d, s, off, imm, size);
        return;
      }
      case 0:
        if (isPacketLoad(op)) this.put(0, OTHER);
        else this.put(d, OTHER);
        return;
      case 5:
        if (op === 0x85) this.call(slot, from, imm);
        return;
      default:
    }
  }

  private arithmetic(op: number, d: number, s: number, off: number, imm: number): number {
    const operation = op >> 4;
    const register = (op & 8) !== 0 && operation !== 0xd;
    const source = register ? this.value(s) : OTHER;
    if (operation === 0xb && off === 0) return (op & 7) === 7 || source === OTHER ? source : MIXED;
    const before = operation === 0xb ? OTHER : this.value(d);
    if (before <= OTHER && source <= OTHER) return OTHER;
    if ((op & 7) !== 7 || operation !== 0 || register || before < FRAME) return MIXED;
    const after = before + imm;
    return after >= FRAME && after <= FRAME + FRAMES ? after : MIXED;
  }

  private atomic(d: number, s: number, off: number, imm: number, size: number): void {
    const acquire = imm === 0x100;
    const base = this.value(acquire ? s : d);
    this.access(base, off, size, false);
    if (this.collecting && base >= FRAME)
      this.blocked.fill(1, Math.max(0, base - FRAME + off), Math.max(0, base - FRAME + off + size));
    if (acquire) this.put(d, OTHER);
    else {
      this.hide(this.value(s));
      if (imm === 0xf1) {
        this.hide(this.value(0));
        this.put(0, OTHER);
      } else if ((imm & 1) === 1) this.put(s, OTHER);
    }
  }

  private call(slot: number, from: number, imm: number): void {
    const local = isLocalCall(this.code, slot);
    const count = local ? 5 : argumentCount(imm);
    let given = false;
    for (let register = 1; register <= count; register++) {
      const value = this.value(register);
      if (value === MIXED) this.hide(value);
      if (value > OTHER) given = true;
    }
    if (this.collecting && !local) {
      const size = this.keySize(slot, from, imm);
      const key = this.offset(2);
      if (size !== undefined && key !== undefined)
        for (let at = 0; at < size; at += 4) this.access(FRAME + key, at, 4, true);
    }
    // Of the helpers none gives an address in the frame back, but functions may.
    this.put(0, given && (local || imm >= this.options.functions) ? MIXED : OTHER);
  }

  /** Bytes of the key that a call looks up, when the map's number was loaded shortly before. */
  private keySize(slot: number, from: number, id: number): number | undefined {
    if (id !== LOOKUP && id !== UPDATE) return undefined;
    for (let at = slot - 1; at >= from; at--) {
      const word = this.code[2 * at]!;
      if (at > from && (word & 0xff) === 0 && (this.code[2 * at - 2]! & 0xfff) === 0x118)
        return this.options.keySize(this.code[2 * at - 1]!);
    }
    return undefined;
  }

  private access(base: number, off: number, size: number, read: boolean): void {
    if (!this.collecting || base <= OTHER) return;
    const at = base - FRAME + off;
    if (base === MIXED || at < 0 || at + size > FRAMES) {
      this.escaped = true;
      return;
    }
    this.cuts[at] = 1;
    this.cuts[at + size] = 1;
    if (read) this.read.fill(1, at, at + size);
    // Pieces then fit into the halves of a number; the kernel refuses others.
    if (at % size !== 0) this.blocked.fill(1, at, at + size);
  }

  /** A number goes where it is not followed. */
  private hide(value: number): void {
    if (this.collecting && value > OTHER) this.escaped = true;
  }

  /** Bytes that are read, cut where any access begins or ends, in pieces that one instruction can store. */
  private divide(): void {
    for (let at = 0; at < FRAMES; ) {
      if (this.read[at] === 0 || this.blocked[at] === 1) {
        at += 1;
        continue;
      }
      let end = at + 1;
      while (end < FRAMES && this.cuts[end] === 0 && this.read[end] === 1 && this.blocked[end] === 0) end += 1;
      while (at < end) {
        let size = 8;
        while (at + size > end || at % size !== 0) size >>= 1;
        this.atoms.set(at, { at, size: size as Atom['size'] });
        at += size;
      }
    }
    if (this.atoms.size > MOST_ATOMS) this.atoms.clear();
  }
}

/** Bytes of the frames that one local holds. */
export interface Atom {
  readonly at: number;
  readonly size: 1 | 2 | 4 | 8;
}

export interface StackOptions {
  /** Bytes of the keys of the map at an address, when lookups take them from locals. */
  keySize(map: number): number | undefined;
  /** Calls with this number and above are of functions of the kernel, not of helpers. */
  readonly functions: number;
}

const LOOKUP = 1;
const UPDATE = 2;

/** Bytes of all frames that a function can see; every function has its own numbers, and inlined ones lie above it. */
const FRAMES = MAX_FRAMES * FRAME_SIZE;
/** Many locals make the engine slow. */
const MOST_ATOMS = 256;

/** Registers of all blocks together; larger programs have no atoms. */
const MOST_CELLS = 1 << 22;

/** What a register holds: nothing seen yet, no address in the frames, perhaps one, or (from here on) one for certain. */
const UNSEEN = 0;
const OTHER = 1;
const MIXED = 2;
const FRAME = 16;
