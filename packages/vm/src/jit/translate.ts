import { CAST_KERN, CAST_USER, MAY_GOTO } from '../interpreter.ts';
import { ARENA_HIGH, FRAME_SIZE, MAX_FRAMES, NULL_END, SCRATCH } from '../memory.ts';
import { CALLBACK } from '../program.ts';
import { analyse } from './dominators.ts';
import { type Block, type Graph, isLocalCall, isPacketLoad, LOOP, width } from './graph.ts';
import { argumentCount, liveAtEntry } from './liveness.ts';
import { Widths, ZeroState } from './narrow.ts';
import { type Atom, StackSlots } from './stack.ts';
import { structure } from './structure.ts';
import { blockSize } from './unroll.ts';
import type { VectorLoop } from './vector.ts';
import { VectorTurns } from './vector-turns.ts';
import * as w from './wasm.ts';

/** How far a program is trusted: what compiled code checks at run time. */
export type Trust =
  /** A verifier accepted it: nothing is checked. */
  | 'verified'
  /** Its accesses are safe, but nobody has shown that it ends: loops count. */
  | 'bounded'
  /** Anything: addresses, loops and calls are checked, faults say where they happened. */
  | 'unverified';

/** What one module's functions share. */
export interface Shared {
  readonly code: Int32Array;
  readonly trust: Trust;
  /** WebAssembly function and its parameters among r1 … r5 by the entry slot of a subprogram. */
  readonly functions: ReadonlyMap<number, { readonly index: number; readonly params: readonly number[] }>;
  /** Global with the instructions left. */
  readonly fuel: number;
  /** Global with the number of the CPU. */
  readonly cpu: number;
  /** Eight bytes of memory for each of r0 … r5, through which rare helpers take and give 64-bit numbers. */
  readonly cells: number;
  /** `stop(reason, slot)`: throws. */
  readonly stop: number;
  /** `outside(address, offset, size, slot)`: where the bytes can be read, or throws. */
  readonly outside: number;
  /** `wild(address, offset, slot)`: throws. */
  readonly wild: number;
  /** `packetLoad(opcode, offset, packet, slot)`: 0 beyond the packet's end, else the bytes are in the cell of r0. */
  readonly packetLoad: number;
  /** `castKern(address)`: see {@link Machine.castKern}. */
  readonly castKern: number;
  /** Global with the turns left that `may_goto` lets loops make. */
  readonly turns: number;
  /** Loads may be of the recorded kernel's memory, whose addresses have high halves. */
  readonly kernelLoads: boolean;
  /** Calls may reach the ninth frame. */
  readonly deep: boolean;
  /** See {@link StackOptions.keySize}. */
  keySize(map: number): number | undefined;
  /** See {@link StackOptions.functions}. */
  readonly kernelFunctions: number;
  /** Emits a call of a helper. */
  helper(site: HelperSite): void;
}

/** A helper call as {@link Shared.helper} sees it. */
export interface HelperSite {
  readonly code: w.Code;
  readonly slot: number;
  readonly id: number;
  /** Leaves a register's 64 bits on the stack, or the lower half. */
  readonly get: (register: number) => void;
  readonly get32: (register: number) => void;
  /** Takes r0 from the stack: 64 bits, or 32 of a number that has no more. */
  readonly give: () => void;
  readonly give32: () => void;
  /** What a register holds for certain. */
  readonly known: (register: number) => Known | undefined;
  /** How many frames lie between that frame and one for a function that the site calls. */
  readonly depth: number;
  /** Stops the program when there is no frame left for a function that the site calls. */
  readonly checkDepth: () => void;
  /** The local with the address of the function's frame, to which known offsets count. */
  readonly frame: number;
  /** Free i32 locals. */
  readonly temporary: number;
  readonly temporary2: number;
  /** More of them, by number. */
  readonly word: (i: number) => number;
  /** Leaves four bytes at an offset from what a register points to on the stack. */
  readonly load32: (register: number, at: number) => void;
  /**
   * Writes to memory what locals hold of the stack, from where arguments point; `sizes` are the bytes that the callee
   * looks at, by register, where they are known. {@link reload} is for callees that may write there.
   */
  readonly flush: (sizes?: Readonly<Record<number, number>>) => void;
  readonly reload: () => void;
  /** To be called around what may run other code of the program. */
  readonly save: () => void;
  readonly restore: () => void;
}

/**
 * A 32-bit number, an address by its offset from the start of the function's own frame, or a callback by its slot.
 */
export type Known = { readonly kind: 'number' | 'frame' | 'function'; readonly value: number };

/** Reasons that compiled code gives to `stop`. */
export const STOP = { fuel: 0, frames: 1, illegal: 2, call: 3, chain: 4 } as const;

export interface Translated {
  readonly locals: readonly number[];
  readonly code: w.Code;
  /** Where in {@link code} the instruction of a slot begins, ascending: offset, slot, offset, slot … */
  readonly marks: readonly number[];
}

export function translate(shared: Shared, graph: Graph): Translated {
  return new Translator(shared, graph).run();
}

class Translator {
  private readonly shared: Shared;
  private readonly graph: Graph;
  private readonly code = new w.Code();
  private readonly marks: number[] = [];
  private readonly locals: number[] = [];
  /** Locals of the registers, eleven a context; -1 while they have none: whole, and of those held in 32 bits. */
  private readonly registers: Int32Array;
  private readonly narrowRegisters: Int32Array;
  /** Which of them has the value now; see {@link Widths}. */
  private narrow: Uint8Array;
  private widths!: Widths;
  /** Upper halves that are zero before the current instruction, and behind it. */
  private zero: ZeroState;
  private zeroAfter: ZeroState;
  /** See {@link Widths.wanted}; of the current block. */
  private wanted: Uint8Array = new Uint8Array(0);
  /** Whether what the current instruction writes may be held in 32 bits, unless it has no upper half anyway. */
  private lower = false;
  private readonly params: readonly number[];
  private readonly frame: number;
  private readonly t32: number;
  private readonly t64: number;
  private readonly fuel: number;
  /** The budget lives in a local between calls. */
  private readonly counts: boolean;
  private context = 0;
  /** Where it is seen whether anything is left of the budget: at every turn of a loop, and at the entry. */
  private headers: Uint8Array = new Uint8Array(0);
  /** What registers of the current context hold for certain. */
  private known: (Known | undefined)[] = [];
  /** The least offset from each register that was checked since the register was written. */
  private checked: (number | undefined)[] = [];
  private readonly checkedAfter: ((number | undefined)[] | undefined)[] = [];
  private readonly knownAfter: ((Known | undefined)[] | undefined)[] = [];
  /** What is held of the stack in locals, and which; programs that nobody verified have all of it in memory. */
  private stack: StackSlots | undefined;
  private readonly atomLocals = new Map<number, number>();

  constructor(shared: Shared, graph: Graph) {
    this.shared = shared;
    this.graph = graph;
    this.params = shared.functions.get(graph.entry)!.params;
    this.registers = new Int32Array(11 * graph.depth.length).fill(-1);
    this.narrowRegisters = new Int32Array(11 * graph.depth.length).fill(-1);
    this.narrow = new Uint8Array(11 * graph.depth.length);
    this.zero = new ZeroState(shared.code, new Int32Array(0));
    this.zeroAfter = this.zero;
    this.params.forEach((register, i) => {
      this.registers[register] = i;
    });
    this.frame = this.params.length;
    this.t32 = this.local(w.I32);
    this.t64 = this.local(w.I64);
    this.fuel = this.local(w.I32);
    this.counts = shared.trust !== 'verified';
  }

  run(): Translated {
    const { graph, code } = this;
    const successors = graph.blocks.map((block) => block.next);
    const flow = analyse(successors);
    this.headers = flow.isHeader;
    const unverified = this.shared.trust === 'unverified';
    this.widths = new Widths(this.shared.code, graph, flow, {
      checkedLoads: unverified || this.shared.kernelLoads,
      checkedStores: unverified,
    });
    this.zero = new ZeroState(this.shared.code, new Int32Array(this.widths.words));
    this.zeroAfter = new ZeroState(this.shared.code, new Int32Array(this.widths.words));
    if (!unverified && flow.reducible) {
      const { code: words, keySize, kernelFunctions: functions } = this.shared;
      this.stack = new StackSlots(words, graph, flow, { keySize, functions });
      if (this.stack.atoms.size === 0) this.stack = undefined;
    }
    this.prologue();
    const predecessor = new Int32Array(successors.length).fill(-1);
    for (const node of flow.order) {
      for (const next of successors[node]!) predecessor[next] = predecessor[next] === -1 ? node : -2;
    }
    structure(code, flow, {
      successors,
      label: this.t32,
      body: (node) => {
        const before = predecessor[node]!;
        const sameContext = before >= 0 && graph.blocks[before]!.context === graph.blocks[node]!.context;
        this.known = sameContext && flow.reducible ? [...(this.knownAfter[before] ?? [])] : [];
        this.checked = sameContext && flow.reducible ? [...(this.checkedAfter[before] ?? [])] : [];
        this.body(node, graph.blocks[node]!);
        this.knownAfter[node] = this.known;
        this.checkedAfter[node] = this.checked;
      },
      condition: (node) => {
        const block = graph.blocks[node]!;
        this.context = block.context;
        this.condition(block.slot);
      },
    });
    code.op(w.UNREACHABLE);
    code.op(w.END);
    return { locals: this.locals, code, marks: this.marks };
  }

  private local(type: number): number {
    this.locals.push(type);
    return this.params.length + this.locals.length;
  }

  /** A second free i32 local, made when it is first wanted. */
  private second(): number {
    this.t32b ??= this.local(w.I32);
    return this.t32b;
  }
  private t32b: number | undefined;
  private readonly wordLocals: number[] = [];

  /** The local of a register of any context; `narrow` that which has 32 bits. */
  private at(index: number, narrow: boolean): number {
    const locals = narrow ? this.narrowRegisters : this.registers;
    if (locals[index] === -1) locals[index] = this.local(narrow ? w.I32 : w.I64);
    return locals[index]!;
  }

  /** How a block wants to find a register. */
  private narrowAt(node: number, index: number): boolean {
    const { words, zeroIn, highIn } = this.widths;
    const at = node * words + (index >> 5);
    return ((zeroIn[at]! | ~highIn[at]!) & (1 << (index & 31))) !== 0;
  }

  /** Puts the registers where a block that follows looks for them. */
  private hand(node: number): void {
    const { code, widths, narrow } = this;
    for (let index = 0; index < narrow.length; index++) {
      if ((widths.liveIn[node * widths.words + (index >> 5)]! & (1 << (index & 31))) === 0) continue;
      const wants = this.narrowAt(node, index);
      if (wants === (narrow[index] === 1)) continue;
      code.op1(w.LOCAL_GET, this.at(index, !wants));
      code.op(wants ? w.I32_WRAP : w.I64_EXTEND_U);
      code.op1(w.LOCAL_SET, this.at(index, wants));
    }
  }

  private prologue(): void {
    const { shared, graph } = this;
    // The local keeps the budget also of functions without loops: calls of helpers write it back.
    this.loadFuel();
    if (shared.trust === 'unverified' && usesFrame(shared.code, graph, 0)) this.clearFrame(0);
    // Arguments come whole.
    this.hand(0);
  }

  /** A fresh frame is zero, so that a run depends on nothing that ran before; untouched frames need not be. */
  private clearFrame(depth: number): void {
    const { code } = this;
    if (this.zeroVector === undefined) this.zeroVector = this.local(w.V128);
    for (let at = 0; at < FRAME_SIZE; at += 16) {
      code.op1(w.LOCAL_GET, this.frame);
      code.op1(w.LOCAL_GET, this.zeroVector);
      code.op(w.SIMD);
      code.access(w.V128_STORE, depth * FRAME_SIZE + at);
    }
  }
  private zeroVector: number | undefined;

  /** Every block takes from the budget what it costs. */
  private charge(node: number, block: Block): void {
    const { code } = this;
    code.op1(w.LOCAL_GET, this.fuel);
    code.i32(blockSize(block));
    code.op(w.I32_SUB);
    if (node !== 0 && this.headers[node] === 0) {
      code.op1(w.LOCAL_SET, this.fuel);
      return;
    }
    this.mark(block.from);
    code.op1(w.LOCAL_TEE, this.fuel);
    code.i32(0);
    code.op(w.I32_LT_S);
    code.op(w.IF);
    code.op(w.VOID);
    this.stop(STOP.fuel, block.from);
    code.op(w.END);
  }

  private stop(reason: number, slot: number): void {
    const { code } = this;
    code.i32(reason);
    code.i32(slot);
    code.op1(w.CALL, this.shared.stop);
    code.op(w.UNREACHABLE);
  }

  private saveFuel = (): void => {
    if (!this.counts) return;
    this.code.op1(w.LOCAL_GET, this.fuel);
    this.code.op1(w.GLOBAL_SET, this.shared.fuel);
  };

  private loadFuel = (): void => {
    if (!this.counts) return;
    this.code.op1(w.GLOBAL_GET, this.shared.fuel);
    this.code.op1(w.LOCAL_SET, this.fuel);
  };

  private mark(slot: number): void {
    this.marks.push(this.code.length, slot);
  }

  private body(node: number, block: Block): void {
    const { code, shared } = this;
    const { widths, narrow } = this;
    this.context = block.context;
    this.stack?.enter(node, block);
    for (let index = 0; index < narrow.length; index++) narrow[index] = this.narrowAt(node, index) ? 1 : 0;
    for (let i = 0; i < widths.words; i++) this.zero.set[i] = widths.zeroIn[node * widths.words + i]!;
    if (block.before !== undefined) this.crossing(block, block.before);
    this.zero.enter(block);
    if (this.counts) this.charge(node, block);
    if (block.vector) this.vector(block.vector, block.next[0]!);
    this.wanted = widths.wanted(node);
    for (let slot = block.from; slot < block.to; slot += width(shared.code, slot)) {
      const pair = slot + 1 < block.to && isExtension(shared.code, slot);
      this.before(slot);
      if (pair) {
        this.zeroAfter.step(slot + 1);
        this.lower = this.wanted[slot + 1 - block.from] === 0;
        this.extension(slot);
        this.stack?.step(slot, block.from);
        slot += 1;
      } else {
        this.lower = this.wanted[slot - block.from] === 0;
        this.instruction(slot);
      }
      this.stack?.step(slot, block.from);
      [this.zero, this.zeroAfter] = [this.zeroAfter, this.zero];
    }
    if (block.end === 'exit') {
      this.saveFuel();
      this.get(0);
      code.op(w.RETURN);
      return;
    }
    for (const next of block.next) this.hand(next);
  }

  /** Turns of the loop that begins with the next block, several at a time, while at least one is left for the loop. */
  private vector(loop: VectorLoop, header: number): void {
    const { widths, context } = this;
    const sum = loop.work.kind === 'sum' ? loop.work.sum : -1;
    const liveIn = (register: number): boolean => {
      const index = 11 * context + register;
      return (widths.liveIn[header * widths.words + (index >> 5)]! & (1 << (index & 31))) !== 0;
    };
    if (!this.isShort(loop.counter)) return;
    if (loop.written.some((one) => one !== loop.counter && one !== sum && liveIn(one))) return;
    const turns = new VectorTurns(this.code, loop, {
      local: (type) => this.local(type),
      get32: (register) => this.get32(register),
    });
    turns.emit();
    if (loop.work.kind === 'sum') {
      if (loop.work.wide) this.get(sum);
      else this.get32(sum);
      turns.emitSum();
      this.code.op(loop.work.wide ? w.I64_ADD : w.I32_ADD);
      this.put(sum, !loop.work.wide);
    }
    if (this.counts) turns.emitCharge(this.fuel);
    this.code.op1(w.LOCAL_GET, turns.counter);
    this.put(loop.counter, true);
  }

  private before(slot: number): void {
    const { zero, zeroAfter } = this;
    zeroAfter.set.set(zero.set);
    zeroAfter.enterContext(this.context);
    zero.enterContext(this.context);
    zeroAfter.step(slot);
  }

  /** Arguments into an inlined function, or its result out of it. */
  private crossing(block: Block, { kind, other, call }: NonNullable<Block['before']>): void {
    const { code, shared, graph } = this;
    // A copy is held as the original is.
    const move = (from: number, to: number): void => {
      const narrow = this.narrow[from]!;
      code.op1(w.LOCAL_GET, this.at(from, narrow === 1));
      code.op1(w.LOCAL_SET, this.at(to, narrow === 1));
      this.narrow[to] = narrow;
    };
    const [inner, outer] = [11 * block.context, 11 * other];
    if (kind === 'leave') {
      move(outer, inner);
      return;
    }
    for (let register = 0; register < 10; register++) {
      if (register >= 1 && register <= 5) move(outer + register, inner + register);
      else {
        code.i32(0);
        code.op1(w.LOCAL_SET, this.at(inner + register, true));
        this.narrow[inner + register] = 1;
      }
    }
    this.context = block.context;
    const depth = graph.depth[block.context]!;
    if (shared.deep && shared.trust === 'unverified') this.checkDepth(call, depth - 1);
    if (shared.trust === 'unverified' && usesFrame(shared.code, graph, block.context)) this.clearFrame(depth);
  }

  /** Eight frames fill 4 KiB: above the eighth the address of the next is a multiple of that. */
  private checkDepth(slot: number, depth: number): void {
    const { code } = this;
    code.op1(w.LOCAL_GET, this.frame);
    code.i32((depth + 1) * FRAME_SIZE);
    code.op(w.I32_ADD);
    code.i32(8 * FRAME_SIZE - 1);
    code.op(w.I32_AND);
    code.op(w.I32_EQZ);
    code.op(w.IF);
    code.op(w.VOID);
    this.stop(STOP.frames, slot);
    code.op(w.END);
  }

  /** Leaves a register's 64 bits on the stack. */
  private get(register: number): void {
    this.fetch(register);
    if (this.isNarrow(register)) this.code.op(w.I64_EXTEND_U);
  }

  private get32(register: number): void {
    this.fetch(register);
    if (!this.isNarrow(register)) this.code.op(w.I32_WRAP);
  }

  /** Leaves a register on the stack as it is held. */
  private fetch(register: number): void {
    const { code } = this;
    if (register !== 10) {
      code.op1(w.LOCAL_GET, this.at(this.context * 11 + register, this.isNarrow(register)));
      return;
    }
    code.op1(w.LOCAL_GET, this.frame);
    code.i32((this.graph.depth[this.context]! + 1) * FRAME_SIZE);
    code.op(w.I32_ADD);
  }

  private isNarrow(register: number): boolean {
    return register === 10 || this.narrow[this.context * 11 + register] === 1;
  }

  /** Whether a register's upper half is zero. */
  private isShort(register: number): boolean {
    return register === 10 || this.zero.has(this.context * 11 + register);
  }

  /** Whether the instruction's result is held in 32 bits. */
  private toNarrow(register: number): boolean {
    return this.lower || this.zeroAfter.has(this.context * 11 + register);
  }

  private set(register: number): void {
    const narrow = this.toNarrow(register);
    if (narrow) this.code.op(w.I32_WRAP);
    this.put(register, narrow);
  }

  /** The same from 32 bits, which are all that there is or all that is looked at. */
  private set32(register: number): void {
    this.put(register, true);
  }

  private put(register: number, narrow: boolean): void {
    const index = this.context * 11 + register;
    this.code.op1(w.LOCAL_SET, this.at(index, narrow));
    this.narrow[index] = narrow ? 1 : 0;
    this.known[register] = undefined;
    this.checked[register] = undefined;
  }

  private instruction(slot: number): void {
    const { code } = this.shared;
    const word = code[2 * slot]!;
    const imm = code[2 * slot + 1]!;
    const op = word & 0xff;
    const d = (word >>> 8) & 15;
    const s = (word >>> 12) & 15;
    const off = word >> 16;
    switch (op & 7) {
      case 7:
        if (op >> 4 === 13) this.swap(slot, d, imm, true);
        else this.alu64(slot, op, d, s, off, imm);
        return;
      case 4:
        if (op >> 4 === 13) this.swap(slot, d, imm, (op & 8) !== 0);
        else this.alu32(slot, op, d, s, off, imm);
        return;
      case 1:
        this.load(slot, op, d, s, off);
        return;
      case 2:
      case 3:
        if (op >> 5 === 6) this.atomic(slot, op, d, s, off, imm);
        else this.store(slot, op, d, s, off, imm);
        return;
      case 0:
        if (isPacketLoad(op)) this.packetLoad(slot, op, s, imm);
        else if (op !== 0x18) this.illegal(slot);
        else {
          if (this.toNarrow(d)) {
            this.code.i32(imm);
            this.set32(d);
          } else {
            this.code.i64(imm, code[2 * slot + 3]!);
            this.set(d);
          }
          if (code[2 * slot + 3] === 0) this.known[d] = { kind: 'number', value: imm };
          else if (code[2 * slot + 3] === (CALLBACK | 0)) this.known[d] = { kind: 'function', value: imm };
        }
        return;
      default:
        this.call(slot, op, s, imm);
    }
  }

  /** See {@link isExtension}. */
  private extension(slot: number): void {
    const { code } = this.shared;
    const d = (code[2 * slot]! >>> 8) & 15;
    if ((code[2 * slot + 2]! & 0xff) !== 0xc7 || this.lower) {
      this.get32(d);
      this.set32(d);
    } else {
      this.get(d);
      this.code.op(w.I64_EXTEND32_S);
      this.set(d);
    }
  }

  /** An instruction that the interpreter refuses as well, with the same words. */
  private illegal(slot: number): void {
    this.mark(slot);
    this.stop(STOP.illegal, slot);
  }

  private call(slot: number, op: number, source: number, imm: number): void {
    const { code, shared } = this;
    if (op !== 0x85) {
      this.illegal(slot);
      return;
    }
    this.mark(slot);
    if (isLocalCall(shared.code, slot)) {
      const callee = shared.functions.get(slot + 1 + imm)!;
      if (shared.deep && shared.trust === 'unverified') this.checkDepth(slot, this.graph.depth[this.context]!);
      this.saveFuel();
      const shown = this.shown([1, 2, 3, 4, 5], undefined, true);
      this.flush(shown);
      for (const register of callee.params) this.get(register);
      code.op1(w.LOCAL_GET, this.frame);
      code.i32((this.graph.depth[this.context]! + 1) * FRAME_SIZE);
      code.op(w.I32_ADD);
      code.op1(w.CALL, callee.index);
      this.set(0);
      this.reload(shown);
      this.loadFuel();
      return;
    }
    if (source !== 0) {
      this.stop(STOP.call, slot);
      return;
    }
    const { context } = this;
    const { known } = this;
    const taken = [1, 2, 3, 4, 5].slice(0, argumentCount(imm));
    const calls = CALLS_BACK.has(imm) || imm >= shared.kernelFunctions;
    shared.helper({
      code,
      slot,
      id: imm,
      get: (register) => this.get(register),
      get32: (register) => this.get32(register),
      give: () => this.set(0),
      give32: () => this.set32(0),
      known: (register) => (register === 10 ? this.knownOf(10) : known[register]),
      frame: this.frame,
      depth: this.graph.depth[context]! + 1,
      checkDepth: () => {
        if (shared.deep && shared.trust === 'unverified') this.checkDepth(slot, this.graph.depth[context]!);
      },
      temporary: this.t32,
      temporary2: this.second(),
      word: (i) => {
        this.wordLocals[i] ??= this.local(w.I32);
        return this.wordLocals[i]!;
      },
      load32: (register, at) => this.load32(register, at),
      flush: (sizes) => this.flush(this.shown(taken, sizes, calls)),
      reload: () => this.reload(this.shown(taken, undefined, calls)),
      save: this.saveFuel,
      restore: this.loadFuel,
    });
    this.known[0] = undefined;
    this.checked[0] = undefined;
  }

  /**
   * Pieces of the stack that a callee may look at: from where its arguments point, or all where functions of the program
   * are called, which count from there in both directions.
   */
  private shown(
    registers: readonly number[],
    sizes: Readonly<Record<number, number>> | undefined,
    all: boolean,
  ): Atom[] {
    const { stack } = this;
    if (stack === undefined) return [];
    const found = new Set<Atom>();
    for (const register of registers) {
      const at = stack.offset(register);
      if (at === undefined) continue;
      const size = sizes?.[register];
      if (sizes !== undefined && size === undefined) continue;
      const end = size === undefined ? MAX_FRAMES * FRAME_SIZE : at + size;
      for (const atom of stack.within(all ? 0 : at, end)) found.add(atom);
    }
    return [...found];
  }

  private flush(atoms: readonly Atom[]): void {
    const { code } = this;
    for (const atom of atoms) {
      code.op1(w.LOCAL_GET, this.frame);
      code.op1(w.LOCAL_GET, this.atomLocal(atom));
      code.access(ATOM_STORES[atom.size], atom.at);
    }
  }

  private reload(atoms: readonly Atom[]): void {
    const { code } = this;
    for (const atom of atoms) {
      code.op1(w.LOCAL_GET, this.frame);
      code.access(ATOM_LOADS[atom.size], atom.at);
      code.op1(w.LOCAL_SET, this.atomLocal(atom));
    }
  }

  private atomLocal(atom: Atom): number {
    let local = this.atomLocals.get(atom.at);
    if (local === undefined) {
      local = this.local(atom.size === 8 ? w.I64 : w.I32);
      this.atomLocals.set(atom.at, local);
    }
    return local;
  }

  /** Leaves at most four bytes of the stack, from pieces of which only the lower bytes count. */
  private join32(atoms: readonly Atom[], from: number, size: number): void {
    const { code } = this;
    atoms.forEach((atom, i) => {
      code.op1(w.LOCAL_GET, this.atomLocal(atom));
      const last = i === atoms.length - 1 && size === 4;
      if (atom.size < 4 && !last) {
        code.i32(atom.size === 1 ? 0xff : 0xffff);
        code.op(w.I32_AND);
      }
      if (atom.at > from) {
        code.i32(8 * (atom.at - from));
        code.op(w.I32_SHL);
      }
      if (i > 0) code.op(w.I32_OR);
    });
  }

  /** Leaves eight bytes of the stack. */
  private join64(atoms: readonly Atom[], from: number): void {
    const { code } = this;
    if (atoms.length === 1) {
      code.op1(w.LOCAL_GET, this.atomLocal(atoms[0]!));
      return;
    }
    for (const half of [0, 4]) {
      this.join32(
        atoms.filter((one) => (one.at - from) >> 2 === half >> 2),
        from + half,
        4,
      );
      code.op(w.I64_EXTEND_U);
      if (half > 0) {
        code.i64(32, 0);
        code.op(w.I64_SHL);
        code.op(w.I64_OR);
      }
    }
  }

  private load32(register: number, at: number): void {
    const { stack } = this;
    const offset = stack?.offset(register);
    const atoms = offset === undefined ? undefined : stack!.whole(offset + at, 4);
    if (atoms && atoms[0]!.size <= 4) this.join32(atoms, offset! + at, 4);
    else {
      if (offset !== undefined) this.flush(stack!.within(offset + at, offset + at + 4));
      const known = this.knownOf(register);
      const near = known?.kind === 'frame' && known.value + at >= 0;
      if (near) this.code.op1(w.LOCAL_GET, this.frame);
      else this.get32(register);
      this.code.access(w.I32_LOAD, near ? known.value + at : at);
    }
  }

  /** A load from pieces of the stack; false when they are not in locals. */
  private loadAtoms(op: number, d: number, s: number, off: number): boolean {
    const { code } = this;
    const offset = this.stack?.offset(s);
    const size = SIZES[(op >> 3) & 3]!;
    if (offset === undefined) return false;
    const atoms = this.stack!.whole(offset + off, size);
    if (atoms === undefined) {
      this.flush(this.stack!.within(offset + off, offset + off + size));
      return false;
    }
    if (size === 8) {
      this.join64(atoms, offset + off);
      this.set(d);
      return true;
    }
    this.join32(atoms, offset + off, size);
    if (op >> 5 === 4) {
      if (size < 4) code.op(size === 1 ? w.I32_EXTEND8_S : w.I32_EXTEND16_S);
      if (!this.toNarrow(d)) {
        code.op(w.I64_EXTEND_S);
        this.set(d);
        return true;
      }
    }
    this.set32(d);
    return true;
  }

  /** A store to pieces of the stack; true when nothing of it goes to memory. */
  private storeAtoms(op: number, d: number, s: number, off: number, imm: number): boolean {
    const { code } = this;
    const offset = this.stack?.offset(d);
    if (offset === undefined) return false;
    const [from, size] = [offset + off, SIZES[(op >> 3) & 3]!];
    const atoms = this.stack!.within(from, from + size);
    for (const atom of atoms) {
      const at = atom.at - from;
      if ((op & 7) === 2) {
        const part = at >= 4 ? imm >> 31 : imm >> (8 * at);
        if (atom.size === 8) code.i64(imm, imm >> 31);
        else code.i32(part);
      } else if (atom.size === 8) this.get(s);
      else if (at === 0) this.get32(s);
      else if (at < 4) {
        this.get32(s);
        code.i32(8 * at);
        code.op(w.I32_SHR_U);
      } else {
        this.get(s);
        code.i64(8 * at, 0);
        code.op(w.I64_SHR_U);
        code.op(w.I32_WRAP);
      }
      code.op1(w.LOCAL_SET, this.atomLocal(atom));
    }
    return atoms.reduce((sum, one) => sum + one.size, 0) === size;
  }

  private alu64(slot: number, op: number, d: number, s: number, off: number, imm: number): void {
    const { code } = this;
    const register = (op & 8) !== 0;
    const operand = (): void => {
      if (register) this.get(s);
      else code.i64(imm, imm >> 31);
    };
    const operation = op >> 4;
    if (this.alu64Narrow(operation, register, d, s, off, imm)) return;
    switch (operation) {
      case 0x3:
      case 0x9:
        this.divide(64, d, register ? s : undefined, imm, operation === 9, off === 1);
        return;
      case 0x8:
        code.i64(0, 0);
        this.get(d);
        code.op(w.I64_SUB);
        this.set(d);
        return;
      case 0xb: {
        const known = register ? (off === 0 ? this.knownOf(s) : undefined) : numberFrom(imm);
        if (off === 1) {
          this.castAddress(slot, register, d, s, imm);
          return;
        }
        if (this.toNarrow(d)) {
          if (register) this.get32(s);
          else code.i32(imm);
          if (off === 8) code.op(w.I32_EXTEND8_S);
          else if (off === 16) code.op(w.I32_EXTEND16_S);
          this.set32(d);
        } else {
          operand();
          if (off === 8) code.op(w.I64_EXTEND8_S);
          else if (off === 16) code.op(w.I64_EXTEND16_S);
          else if (off === 32) code.op(w.I64_EXTEND32_S);
          this.set(d);
        }
        this.known[d] = known;
        return;
      }
      default: {
        const wasm = ALU64[operation];
        if (wasm === undefined) {
          this.illegal(slot);
          return;
        }
        const before = operation === 0 && !register ? this.known[d] : undefined;
        this.get(d);
        operand();
        code.op(wasm);
        this.set(d);
        if (before?.kind === 'frame') this.known[d] = { kind: 'frame', value: before.value + imm };
      }
    }
  }

  /** A 64-bit operation whose result comes of lower halves alone; false when it does not. */
  private alu64Narrow(op: number, register: boolean, d: number, s: number, off: number, imm: number): boolean {
    const { code } = this;
    const shift = !register && imm >= 0 && imm < 64;
    let wasm: number | undefined;
    switch (op) {
      case 0x0:
      case 0x1:
      case 0x2:
      case 0x4:
      case 0x5:
      case 0xa:
        if (!this.toNarrow(d)) return false;
        wasm = ALU32[op];
        break;
      case 0x6:
        if (!this.lower || !shift) return false;
        wasm = w.I32_SHL;
        break;
      case 0x7:
      case 0xc:
        // Numbers without an upper half are not negative.
        if (!this.isShort(d) || !shift) return false;
        wasm = w.I32_SHR_U;
        break;
      case 0x3:
      case 0x9:
        if (off !== 0 || !this.isShort(d) || !(register ? this.isShort(s) : imm > 0)) return false;
        this.divide(32, d, register ? s : undefined, imm, op === 9, false);
        return true;
      default:
        return false;
    }
    const before = op === 0 && !register ? this.known[d] : undefined;
    if (shift && imm >= 32 && (op === 6 || op === 7 || op === 0xc)) code.i32(0);
    else {
      this.get32(d);
      if (register) this.get32(s);
      else code.i32(imm);
      code.op(wasm!);
    }
    this.set32(d);
    if (before?.kind === 'frame') this.known[d] = { kind: 'frame', value: before.value + imm };
    return true;
  }

  private knownOf(register: number): Known | undefined {
    if (register !== 10) return this.known[register];
    return { kind: 'frame', value: (this.graph.depth[this.context]! + 1) * FRAME_SIZE };
  }

  private alu32(slot: number, op: number, d: number, s: number, off: number, imm: number): void {
    const { code } = this;
    const register = (op & 8) !== 0;
    const operand = (): void => {
      if (register) this.get32(s);
      else code.i32(imm);
    };
    const operation = op >> 4;
    switch (operation) {
      case 0x3:
      case 0x9:
        this.divide(32, d, register ? s : undefined, imm, operation === 9, off === 1);
        return;
      case 0x8:
        code.i32(0);
        this.get32(d);
        code.op(w.I32_SUB);
        this.set32(d);
        return;
      case 0xb:
        if (!register) {
          code.i32(imm);
          this.set32(d);
          this.known[d] = { kind: 'number', value: imm };
          return;
        }
        if (off !== 0 && off !== 8 && off !== 16) {
          this.illegal(slot);
          return;
        }
        operand();
        if (off === 8) code.op(w.I32_EXTEND8_S);
        else if (off === 16) code.op(w.I32_EXTEND16_S);
        this.set32(d);
        return;
      default: {
        const wasm = ALU32[operation];
        if (wasm === undefined) {
          this.illegal(slot);
          return;
        }
        this.get32(d);
        operand();
        code.op(wasm);
        this.set32(d);
      }
    }
  }

  /** Between the two views of an arena: programs use the low half, user space sees all of it. */
  private castAddress(slot: number, register: boolean, d: number, s: number, imm: number): void {
    const { code } = this;
    if (!register || (imm !== CAST_KERN && imm !== CAST_USER)) {
      this.illegal(slot);
      return;
    }
    this.get32(s);
    if (imm === CAST_KERN) {
      code.op1(w.CALL, this.shared.castKern);
      this.set32(d);
      return;
    }
    code.op(w.I64_EXTEND_U);
    if (imm === CAST_USER) {
      code.i64(0, ARENA_HIGH);
      code.i64(0, 0);
      this.get32(s);
      code.op(w.SELECT);
      code.op(w.I64_OR);
    }
    this.set(d);
  }

  /** A load of classic BPF; beyond the packet's end the function ends with 0. */
  private packetLoad(slot: number, op: number, s: number, imm: number): void {
    const { code, shared } = this;
    this.mark(slot);
    code.i32(op);
    code.i32(imm);
    if (op >> 5 === 2) {
      this.get32(s);
      code.op(w.I32_ADD);
    }
    this.get(6);
    code.i64(32, 0);
    code.op(w.I64_SHR_U);
    code.op(w.I32_WRAP);
    this.get32(6);
    code.i32(slot);
    code.op1(w.CALL, shared.packetLoad);
    code.op(w.I32_EQZ);
    code.op(w.IF);
    code.op(w.VOID);
    this.saveFuel();
    code.i64(0, 0);
    code.op(w.RETURN);
    code.op(w.END);
    code.i32(0);
    code.access(w.I64_LOAD, shared.cells);
    this.set(0);
  }

  /** Division as RFC 9669 (4.1) has it: by zero gives 0 or the dividend; the least number by -1 wraps. */
  private divide(bits: 32 | 64, d: number, s: number | undefined, imm: number, modulo: boolean, signed: boolean): void {
    const { code } = this;
    const wide = bits === 64;
    const value = (register: number): void => (wide ? this.get(register) : this.get32(register));
    const constant = (number: number): void => (wide ? code.i64(number, number >> 31) : code.i32(number));
    const type = wide ? w.I64 : w.I32;
    const divide = (): void => {
      const at = (modulo ? 2 : 0) + (signed ? 0 : 1);
      code.op((wide ? w.I64_DIV_S : w.I32_DIV_S) + at);
    };
    const byMinusOne = (): void => {
      if (!modulo) {
        constant(0);
        value(d);
        code.op(wide ? w.I64_SUB : w.I32_SUB);
      } else constant(0);
    };
    const byZero = (): void => (modulo ? value(d) : constant(0));
    if (s === undefined) {
      if (imm === 0) byZero();
      else if (imm === -1 && signed) byMinusOne();
      else {
        value(d);
        constant(imm);
        divide();
      }
    } else {
      value(s);
      code.op(wide ? w.I64_EQZ : w.I32_EQZ);
      code.op(w.IF);
      code.op(type);
      byZero();
      code.op(w.ELSE);
      if (signed) {
        value(s);
        constant(-1);
        code.op(wide ? w.I64_EQ : w.I32_EQ);
        code.op(w.IF);
        code.op(type);
        byMinusOne();
        code.op(w.ELSE);
      }
      value(d);
      value(s);
      divide();
      if (signed) code.op(w.END);
      code.op(w.END);
    }
    if (wide) this.set(d);
    else this.set32(d);
  }

  private swap(slot: number, d: number, bits: number, reverse: boolean): void {
    const { code } = this;
    if (bits !== 16 && bits !== 32 && bits !== 64) {
      this.illegal(slot);
      return;
    }
    if (bits === 64) {
      if (!reverse) {
        this.get(d);
        this.set(d);
        return;
      }
      // Halves change places, then the 16-bit parts of each, then their bytes.
      this.get(d);
      code.i64(32, 0);
      code.op(w.I64_ROTL);
      this.exchange(16, 0x0000ffff);
      this.exchange(8, 0x00ff00ff);
      this.set(d);
      return;
    }
    this.get32(d);
    if (bits === 16) {
      if (reverse) {
        code.op1(w.LOCAL_TEE, this.t32);
        code.i32(0xff);
        code.op(w.I32_AND);
        code.i32(8);
        code.op(w.I32_SHL);
        code.op1(w.LOCAL_GET, this.t32);
        code.i32(8);
        code.op(w.I32_SHR_U);
        code.i32(0xff);
        code.op(w.I32_AND);
        code.op(w.I32_OR);
      } else {
        code.i32(0xffff);
        code.op(w.I32_AND);
      }
    } else if (reverse) w.emitReverse(code, this.t32);
    this.set32(d);
  }

  /** Exchanges neighbouring groups of bits of the i64 on the stack. */
  private exchange(bits: number, mask: number): void {
    const { code } = this;
    code.op1(w.LOCAL_TEE, this.t64);
    code.i64(mask, mask);
    code.op(w.I64_AND);
    code.i64(bits, 0);
    code.op(w.I64_SHL);
    code.op1(w.LOCAL_GET, this.t64);
    code.i64(bits, 0);
    code.op(w.I64_SHR_U);
    code.i64(mask, mask);
    code.op(w.I64_AND);
    code.op(w.I64_OR);
  }

  /**
   * Leaves the i32 address of `register + off` on the stack and gives the offset that the access adds. Checked unless
   * trusted: `load` says that bytes from outside of the machine's memory will do.
   */
  private address(slot: number, register: number, off: number, size: number, load: boolean): number {
    const { code } = this;
    const known = this.knownOf(register);
    if (known?.kind === 'frame' && known.value + off >= 0 && known.value + off < NEAR) {
      code.op1(w.LOCAL_GET, this.frame);
      return known.value + off;
    }
    const outside = load && this.shared.kernelLoads;
    const far = outside && off > SCRATCH;
    const least = this.checked[register];
    const needed = least === undefined || off < least;
    if (outside ? needed || this.shared.trust !== 'unverified' : needed && this.shared.trust === 'unverified') {
      // What passes here lies so that greater offsets lead to memory too, or past its end, where accesses trap.
      if (!outside) this.checked[register] = off;
      this.mark(slot);
      if (this.isNarrow(register)) {
        // What runs over the end is below NULL_END again, or as far above.
        this.get32(register);
        code.i32(off - NULL_END);
        code.op(w.I32_ADD);
        code.i32(ADDRESSES);
        code.op(w.I32_GE_U);
      } else {
        this.get(register);
        code.i64(off - NULL_END, -1);
        code.op(w.I64_ADD);
        code.i64(ADDRESSES, 0);
        code.op(w.I64_GE_U);
      }
      code.op(w.IF);
      code.op(outside ? w.I32 : w.VOID);
      this.get(register);
      code.i32(off);
      if (outside) code.i32(size);
      code.i32(slot);
      code.op1(w.CALL, outside ? this.shared.outside : this.shared.wild);
      if (!outside) {
        code.op(w.UNREACHABLE);
        code.op(w.END);
      } else {
        // What stands outside is copied to a place of its own, from which the access' offset is taken off again: not
        // when that leads below 0, as an address and its offset do not wrap.
        if (off > 0 && !far) {
          code.i32(off);
          code.op(w.I32_SUB);
        }
        code.op(w.ELSE);
      }
      this.get32(register);
      if (off < 0 || far) {
        code.i32(off);
        code.op(w.I32_ADD);
      }
      if (outside) code.op(w.END);
      return far ? 0 : Math.max(off, 0);
    }
    this.get32(register);
    if (off >= 0) return off;
    code.i32(off);
    code.op(w.I32_ADD);
    return 0;
  }

  private load(slot: number, op: number, d: number, s: number, off: number): void {
    const wasm = LOADS[op];
    if (wasm === undefined) {
      this.illegal(slot);
      return;
    }
    if (this.loadAtoms(op, d, s, off)) return;
    this.mark(slot);
    const offset = this.address(slot, s, off, SIZES[(op >> 3) & 3]!, true);
    const narrow = this.toNarrow(d) ? NARROW_LOADS[op] : undefined;
    this.code.access(narrow ?? wasm, offset);
    if (narrow === undefined) this.set(d);
    else this.set32(d);
  }

  private store(slot: number, op: number, d: number, s: number, off: number, imm: number): void {
    const wasm = STORES[op | 1];
    if (wasm === undefined) {
      this.illegal(slot);
      return;
    }
    if (this.storeAtoms(op, d, s, off, imm)) return;
    this.mark(slot);
    const size = SIZES[(op >> 3) & 3]!;
    const offset = this.address(slot, d, off, size, false);
    if (size < 8) {
      if ((op & 7) === 2) this.code.i32(imm);
      else this.get32(s);
      this.code.access(NARROW_STORES[op | 1]!, offset);
    } else {
      if ((op & 7) === 2) this.code.i64(imm, imm >> 31);
      else this.get(s);
      this.code.access(wasm, offset);
    }
  }

  /** One thread runs at a time, so an atomic operation is a read and a write. */
  private atomic(slot: number, op: number, d: number, s: number, off: number, imm: number): void {
    const { code } = this;
    const size = SIZES[(op >> 3) & 3]!;
    const [load, store] = [LOADS[(op & 0x18) | 0x61]!, STORES[(op & 0x18) | 0x63]!];
    this.mark(slot);
    if (imm === 0x100) {
      // The access is checked as a write is: no memory outside of the machine can be meant.
      code.access(load, this.address(slot, s, off, size, false));
      this.set(d);
      return;
    }
    if (imm === 0x110) {
      const offset = this.address(slot, d, off, size, false);
      this.get(s);
      code.access(store, offset);
      return;
    }
    const operation = ATOMICS[imm & ~1];
    if (size < 4 || operation === undefined || imm === 0xe0 || imm === 0xf0) {
      this.illegal(slot);
      return;
    }
    const offset = this.address(slot, d, off, size, false);
    code.op1(w.LOCAL_TEE, this.t32);
    code.op1(w.LOCAL_GET, this.t32);
    code.access(load, offset);
    code.op1(w.LOCAL_SET, this.t64);
    if (imm === 0xf1) {
      this.get(s);
      code.op1(w.LOCAL_GET, this.t64);
      code.op1(w.LOCAL_GET, this.t64);
      this.get(0);
      if (size === 4) {
        code.op(w.I32_WRAP);
        code.op(w.I64_EXTEND_U);
      }
      code.op(w.I64_EQ);
      code.op(w.SELECT);
    } else if (imm === 0xe1) this.get(s);
    else {
      code.op1(w.LOCAL_GET, this.t64);
      this.get(s);
      code.op(operation);
    }
    code.access(store, offset);
    if (imm === 0xf1) {
      code.op1(w.LOCAL_GET, this.t64);
      this.set(0);
    } else if ((imm & 1) === 1) {
      code.op1(w.LOCAL_GET, this.t64);
      this.set(s);
    }
  }

  private condition(slot: number): void {
    const { code } = this;
    const word = this.shared.code[2 * slot]!;
    const imm = this.shared.code[2 * slot + 1]!;
    const op = word & 0xff;
    if (op === MAY_GOTO) {
      code.op1(w.GLOBAL_GET, this.shared.turns);
      code.i32(1);
      code.op(w.I32_SUB);
      code.op1(w.LOCAL_TEE, this.t32);
      code.op1(w.GLOBAL_SET, this.shared.turns);
      code.op1(w.LOCAL_GET, this.t32);
      code.i32(0);
      code.op(w.I32_LT_S);
      return;
    }
    const d = (word >>> 8) & 15;
    const s = (word >>> 12) & 15;
    const register = (op & 8) !== 0;
    const operation = op >> 4;
    // Numbers without upper halves compare as their lower ones do, and none of them is negative.
    const short = (op & 7) === 5 && this.isShort(d) && (register ? this.isShort(s) : imm >= 0);
    const wide = (op & 7) === 5 && !short;
    if (wide) this.get(d);
    else this.get32(d);
    if (!register && imm === 0 && (operation === 1 || operation === 5)) {
      if (operation === 1) code.op(wide ? w.I64_EQZ : w.I32_EQZ);
      else if (wide) {
        code.i64(0, 0);
        code.op(w.I64_NE);
      } else {
        code.i32(0);
        code.op(w.I32_NE);
      }
      return;
    }
    if (register) {
      if (wide) this.get(s);
      else this.get32(s);
    } else if (wide) code.i64(imm, imm >> 31);
    else code.i32(imm);
    if (operation === 4) {
      code.op(wide ? w.I64_AND : w.I32_AND);
      if (wide) code.i64(0, 0);
      else code.i32(0);
      code.op(wide ? w.I64_NE : w.I32_NE);
    } else code.op(JUMPS[short ? (UNSIGNED[operation] ?? operation) : operation]! - (wide ? 0 : w.I64_EQ - w.I32_EQ));
  }
}

/** `r <<= 32; r >>= 32` and its signed form, which is how older instruction sets extend 32 bits. */
function isExtension(code: Int32Array, slot: number): boolean {
  const [first, second] = [code[2 * slot]!, code[2 * slot + 2]!];
  if (code[2 * slot + 1] !== 32 || code[2 * slot + 3] !== 32 || (first & 0xff) !== 0x67) return false;
  const op = second & 0xff;
  return (op === 0xc7 || op === 0x77) && ((second >>> 8) & 15) === ((first >>> 8) & 15);
}

const numberFrom = (imm: number): Known | undefined => (imm >= 0 ? { kind: 'number', value: imm } : undefined);

/** Whether a context's instructions name r10: only then can a frame be told from one that was never cleared. */
function usesFrame(code: Int32Array, graph: Graph, context: number): boolean {
  for (const block of graph.blocks) {
    if (block.context !== context) continue;
    for (let slot = block.from; slot <= block.to && 2 * slot < code.length; slot += width(code, slot)) {
      if ((code[2 * slot]! & 0xf00) === 0xa00 || (code[2 * slot]! & 0xf000) === 0xa000) return true;
    }
  }
  return false;
}

/** Which of r1 … r5 a function takes: those that it may read before it writes them. */
export function parameters(code: Int32Array, graph: Graph): number[] {
  const live = liveAtEntry(code, graph);
  return [1, 2, 3, 4, 5].filter((register) => (live & (1 << register)) !== 0);
}

/**
 * An address (register and offset) less {@link NULL_END} below 2^32 - 3 · 2^16, as the low half of a number, means that
 * the register's high half is zero whatever the offset. Nothing above is memory.
 */
export const ADDRESSES = -0x30000;

/** So far above a frame is memory always: the first megabyte is there from the start. */
const NEAR = 0x8000;

/** bpf_for_each_map_elem, bpf_find_vma, bpf_loop, bpf_user_ringbuf_drain: they run functions of the program. */
const CALLS_BACK: ReadonlySet<number> = new Set([164, 180, LOOP, 209]);

/** Bytes, by the size bits of the opcode. */
const SIZES = [4, 2, 1, 8];

const ALU64: Record<number, number> = {
  0: w.I64_ADD,
  1: w.I64_SUB,
  2: w.I64_MUL,
  4: w.I64_OR,
  5: w.I64_AND,
  6: w.I64_SHL,
  7: w.I64_SHR_U,
  10: w.I64_XOR,
  12: w.I64_SHR_S,
};

const ALU32: Record<number, number> = {
  0: w.I32_ADD,
  1: w.I32_SUB,
  2: w.I32_MUL,
  4: w.I32_OR,
  5: w.I32_AND,
  6: w.I32_SHL,
  7: w.I32_SHR_U,
  10: w.I32_XOR,
  12: w.I32_SHR_S,
};

const LOADS: Record<number, number> = {
  97: w.I64_LOAD32_U,
  105: w.I64_LOAD16_U,
  113: w.I64_LOAD8_U,
  121: w.I64_LOAD,
  129: w.I64_LOAD32_S,
  137: w.I64_LOAD16_S,
  145: w.I64_LOAD8_S,
};

/** Loads of at most 32 bits into 32 bits. */
const NARROW_LOADS: Record<number, number> = {
  97: w.I32_LOAD,
  105: w.I32_LOAD16_U,
  113: w.I32_LOAD8_U,
  129: w.I32_LOAD,
  137: w.I32_LOAD16_S,
  145: w.I32_LOAD8_S,
};

const NARROW_STORES: Record<number, number> = {
  99: w.I32_STORE,
  107: w.I32_STORE16,
  115: w.I32_STORE8,
};

const ATOM_LOADS = { 1: w.I32_LOAD8_U, 2: w.I32_LOAD16_U, 4: w.I32_LOAD, 8: w.I64_LOAD } as const;
const ATOM_STORES = { 1: w.I32_STORE8, 2: w.I32_STORE16, 4: w.I32_STORE, 8: w.I64_STORE } as const;

/** By the opcode of the store of a register. */
const STORES: Record<number, number> = {
  99: w.I64_STORE32,
  107: w.I64_STORE16,
  115: w.I64_STORE8,
  123: w.I64_STORE,
};

/** The operation of the fetching and the plain form; exchanges need none. */
const ATOMICS: Record<number, number> = {
  0: w.I64_ADD,
  64: w.I64_OR,
  80: w.I64_AND,
  160: w.I64_XOR,
  224: 0,
  240: 0,
};

/** 64-bit comparisons; the 32-bit ones stand in the same order. */
const JUMPS: Record<number, number> = {
  1: w.I64_EQ,
  2: w.I64_GT_U,
  3: w.I64_GE_U,
  5: w.I64_NE,
  6: w.I64_GT_S,
  7: w.I64_GE_S,
  10: w.I64_LT_U,
  11: w.I64_LE_U,
  12: w.I64_LT_S,
  13: w.I64_LE_S,
};

/** Signed comparisons as unsigned ones. */
const UNSIGNED: Record<number, number> = { 6: 2, 7: 3, 12: 10, 13: 11 };
