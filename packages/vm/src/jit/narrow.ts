import { helperId } from '@skep/abi';
import { CAST_KERN, MAY_GOTO } from '../interpreter.ts';
import type { Flow } from './dominators.ts';
import { type Block, type Graph, isLocalCall, isPacketLoad, width } from './graph.ts';
import { argumentCount } from './liveness.ts';

/**
 * Which registers can be held in 32 bits, and where: those whose upper half is zero, and those whose upper half nobody
 * looks at any more. Most of a program's 64-bit arithmetic is of one or the other kind (lengths, addresses, counters),
 * and 32-bit arithmetic needs no extension at each access to memory.
 *
 * Registers are numbered `11 · context + register`; sets of them are rows of words, one row a block.
 */
export class Widths {
  private readonly code: Int32Array;
  private readonly graph: Graph;
  private readonly options: WidthOptions;
  /** Words of a row. */
  readonly words: number;
  /** Registers whose upper half is zero at a block's entry. */
  readonly zeroIn: Int32Array;
  /** Registers whose upper half may be looked at behind a block's entry. */
  readonly highIn: Int32Array;
  /** Registers that may be looked at at all. */
  readonly liveIn: Int32Array;
  private readonly high: Int32Array;
  private readonly live: Int32Array;
  private readonly zero: Int32Array;

  constructor(code: Int32Array, graph: Graph, flow: Flow, options: WidthOptions) {
    this.code = code;
    this.graph = graph;
    this.options = options;
    this.words = (11 * graph.depth.length + 31) >> 5;
    const size = this.words * graph.blocks.length;
    this.zeroIn = new Int32Array(size).fill(-1);
    this.highIn = new Int32Array(size);
    this.liveIn = new Int32Array(size);
    this.high = new Int32Array(this.words);
    this.live = new Int32Array(this.words);
    this.zero = new Int32Array(this.words);
    this.backwards(flow);
    this.forwards(flow);
  }

  /** For each slot of a block (less its `from`) whether the upper half of what the instruction writes is looked at. */
  wanted(node: number): Uint8Array {
    const block = this.graph.blocks[node]!;
    const wanted = new Uint8Array(block.to - block.from);
    this.after(node);
    this.through(block, wanted);
    return wanted;
  }

  private backwards(flow: Flow): void {
    const { blocks } = this.graph;
    let changed = true;
    while (changed) {
      changed = false;
      for (let i = flow.order.length - 1; i >= 0; i--) {
        const node = flow.order[i]!;
        this.after(node);
        this.through(blocks[node]!, undefined);
        const row = node * this.words;
        for (let word = 0; word < this.words; word++) {
          if (this.highIn[row + word] === this.high[word] && this.liveIn[row + word] === this.live[word]) continue;
          this.highIn[row + word] = this.high[word]!;
          this.liveIn[row + word] = this.live[word]!;
          changed = true;
        }
      }
    }
  }

  private forwards(flow: Flow): void {
    const { blocks } = this.graph;
    const { words, zero, zeroIn } = this;
    // At the entry only what functions never get as arguments is known, and nobody asks for that.
    zeroIn.fill(0, 0, words);
    let changed = true;
    while (changed) {
      changed = false;
      for (const node of flow.order) {
        const block = blocks[node]!;
        for (let word = 0; word < words; word++) zero[word] = zeroIn[node * words + word]!;
        const state = new ZeroState(this.code, zero);
        state.enter(block);
        for (let slot = block.from; slot < block.to; slot += width(this.code, slot)) state.step(slot);
        for (const next of block.next) {
          for (let word = 0; word < words; word++) {
            const at = next * words + word;
            const now = zeroIn[at]! & zero[word]!;
            if (now === zeroIn[at]) continue;
            zeroIn[at] = now;
            changed = true;
          }
        }
      }
    }
  }

  /** What is looked at behind a block. */
  private after(node: number): void {
    this.high.fill(0);
    this.live.fill(0);
    for (const next of this.graph.blocks[node]!.next) {
      for (let word = 0; word < this.words; word++) {
        this.high[word]! |= this.highIn[next * this.words + word]!;
        this.live[word]! |= this.liveIn[next * this.words + word]!;
      }
    }
  }

  /** From what is looked at behind a block to what is at its entry. */
  private through(block: Block, wanted: Uint8Array | undefined): void {
    const { code } = this;
    const base = 11 * block.context;
    if (block.end === 'exit') this.use(base, true);
    if (block.end === 'branch') this.branch(base, block.slot);
    // Wide instructions have two slots: only their first counts.
    const slots: number[] = [];
    for (let slot = block.from; slot < block.to; slot += width(code, slot)) slots.push(slot);
    for (let i = slots.length - 1; i >= 0; i--) {
      const wants = this.back(base, slots[i]!);
      if (wanted && wants) wanted[slots[i]! - block.from] = 1;
    }
    const { before } = block;
    if (before === undefined) return;
    const other = 11 * before.other;
    if (before.kind === 'leave') {
      const wants = has(this.high, base);
      if (this.kill(base)) this.use(other, wants);
      return;
    }
    for (let register = 0; register < 10; register++) {
      const wants = has(this.high, base + register);
      if (this.kill(base + register) && register >= 1 && register <= 5) this.use(other + register, wants);
    }
  }

  private use(register: number, upper: boolean): void {
    this.live[register >> 5]! |= 1 << (register & 31);
    if (upper) this.high[register >> 5]! |= 1 << (register & 31);
  }

  private kill(register: number): boolean {
    const bit = 1 << (register & 31);
    const was = (this.live[register >> 5]! & bit) !== 0;
    this.live[register >> 5]! &= ~bit;
    this.high[register >> 5]! &= ~bit;
    return was;
  }

  private branch(base: number, slot: number): void {
    const word = this.code[2 * slot]!;
    const op = word & 0xff;
    if (op === MAY_GOTO) return;
    const wide = (op & 7) === 5;
    this.use(base + ((word >>> 8) & 15), wide);
    if ((op & 8) !== 0) this.use(base + ((word >>> 12) & 15), wide);
  }

  /** One instruction, backwards; true when the upper half of what it writes is looked at. */
  private back(base: number, slot: number): boolean {
    const word = this.code[2 * slot]!;
    const imm = this.code[2 * slot + 1]!;
    const op = word & 0xff;
    const operation = op >> 4;
    const register = (op & 8) !== 0;
    const d = base + ((word >>> 8) & 15);
    const s = base + ((word >>> 12) & 15);
    const { checkedLoads, checkedStores } = this.options;
    switch (op & 7) {
      case 7:
      case 4: {
        const wants = has(this.high, d);
        this.kill(d);
        const wide = (op & 7) === 7;
        if (operation === 0xb) {
          if (register) this.use(s, wide && wants && word >> 16 === 0);
          return wants;
        }
        if (operation === 0xd) {
          this.use(d, imm === 64);
          return wants;
        }
        let [upperD, upperS] = [wants, wants];
        if (operation === 3 || operation === 7 || operation === 9 || operation === 0xc) [upperD, upperS] = [true, true];
        if (operation === 6) {
          // A shift by a register may be by 32 and more: all of it is done in 64 bits.
          upperD = register || (wants && imm < 32);
          upperS = true;
        }
        if (operation === 5 && !register && imm >= 0) upperD = false;
        this.use(d, wide && upperD);
        if (register) this.use(s, wide && upperS);
        return wants;
      }
      case 1: {
        const wants = has(this.high, d);
        this.kill(d);
        this.use(s, checkedLoads);
        return wants;
      }
      case 2:
        this.use(d, checkedStores);
        return false;
      case 3:
        return this.backStore(base, op, d, s, imm);
      case 0: {
        if (isPacketLoad(op)) {
          this.kill(base);
          if (op >> 5 === 2) this.use(s, false);
          this.use(base + 6, true);
          return true;
        }
        const wants = has(this.high, d);
        if (op === 0x18) this.kill(d);
        return wants;
      }
      default:
        if (op !== 0x85) return false;
        return this.backCall(base, isLocalCall(this.code, slot) ? 5 : argumentCount(imm));
    }
  }

  private backCall(base: number, parameters: number): boolean {
    const wants = has(this.high, base);
    this.kill(base);
    for (let i = 1; i <= parameters; i++) this.use(base + i, true);
    return wants;
  }

  private backStore(base: number, op: number, d: number, s: number, imm: number): boolean {
    const { checkedStores } = this.options;
    const eight = (op & 0x18) === 0x18;
    if (op >> 5 !== 6) {
      this.use(d, checkedStores);
      this.use(s, eight);
      return false;
    }
    if (imm === 0x100) {
      const wants = has(this.high, d);
      this.kill(d);
      this.use(s, checkedStores);
      return wants;
    }
    let wants = true;
    if (imm === 0xf1) {
      wants = has(this.high, base);
      this.kill(base);
      this.use(base, eight);
    } else if ((imm & 1) === 1) {
      wants = has(this.high, s);
      this.kill(s);
    }
    this.use(d, checkedStores);
    this.use(s, eight);
    return wants;
  }
}

export interface WidthOptions {
  /** Addresses are looked at whole, because compiled code checks them. */
  readonly checkedLoads: boolean;
  readonly checkedStores: boolean;
}

const has = (set: Int32Array, register: number): boolean => (set[register >> 5]! & (1 << (register & 31))) !== 0;

/** Helpers whose results have no upper half: offsets of map values, the number of the CPU. */
const SHORT_RESULTS: ReadonlySet<number> = new Set(['bpf_map_lookup_elem', 'bpf_get_smp_processor_id'].map(helperId));

/** Follows which registers' upper halves are zero, instruction by instruction. */
export class ZeroState {
  readonly set: Int32Array;
  private readonly code: Int32Array;
  private base = 0;

  constructor(code: Int32Array, set: Int32Array) {
    this.code = code;
    this.set = set;
  }

  has(register: number): boolean {
    return has(this.set, register);
  }

  enterContext(context: number): void {
    this.base = 11 * context;
  }

  /** What happens before a block's first instruction. */
  enter({ context, before }: Block): void {
    this.enterContext(context);
    if (before === undefined) return;
    const other = 11 * before.other;
    if (before.kind === 'leave') {
      this.put(this.base, this.has(other));
      return;
    }
    for (let register = 0; register < 10; register++) {
      const argument = register >= 1 && register <= 5;
      this.put(this.base + register, !argument || this.has(other + register));
    }
  }

  step(slot: number): void {
    const word = this.code[2 * slot]!;
    const imm = this.code[2 * slot + 1]!;
    const op = word & 0xff;
    const register = (op & 8) !== 0;
    const d = this.base + ((word >>> 8) & 15);
    const from = (word >>> 12) & 15;
    const s = this.base + from;
    switch (op & 7) {
      case 4:
        // Conversions to the byte order that memory has leave 64 bits alone.
        this.put(d, op >> 4 !== 0xd || imm !== 64);
        return;
      case 7:
        this.put(d, this.wide(op >> 4, register, d, from === 10 ? -1 : s, word >> 16, imm));
        return;
      case 1:
        this.put(d, op === 0x61 || op === 0x69 || op === 0x71);
        return;
      case 3:
        if (op >> 5 !== 6) return;
        if (imm === 0x100) this.put(d, (op & 0x18) !== 0x18);
        else if (imm === 0xf1) this.put(this.base, (op & 0x18) !== 0x18);
        else if ((imm & 1) === 1) this.put(s, (op & 0x18) !== 0x18);
        return;
      case 0:
        if (isPacketLoad(op)) this.put(this.base, false);
        else if (op === 0x18) this.put(d, this.code[2 * slot + 3] === 0);
        return;
      case 5:
        if (op === 0x85) this.put(this.base, !isLocalCall(this.code, slot) && from === 0 && SHORT_RESULTS.has(imm));
        return;
      default:
    }
  }

  /** Of a 64-bit operation; `s` is -1 for r10, an address. */
  private wide(operation: number, register: boolean, d: number, s: number, off: number, imm: number): boolean {
    const source = register ? s === -1 || this.has(s) : imm >= 0;
    switch (operation) {
      case 0x3:
      case 0x9:
        // Neither quotient nor remainder is greater than the dividend.
        return off === 0 && this.has(d);
      case 0x4:
      case 0xa:
        return this.has(d) && source;
      case 0x5:
        return this.has(d) || source;
      case 0x7:
        return this.has(d) || (!register && imm >= 32);
      case 0xc:
        return this.has(d);
      case 0xb:
        return off === 0 ? source : off === 1 && imm === CAST_KERN;
      case 0xd:
        return imm !== 64;
      default:
        return false;
    }
  }

  private put(register: number, zero: boolean): void {
    const bit = 1 << (register & 31);
    if (zero) this.set[register >> 5]! |= bit;
    else this.set[register >> 5]! &= ~bit;
  }
}
