import { FRAME_SIZE } from '../memory.ts';
import type { Flow } from './dominators.ts';
import type { Block, Graph } from './graph.ts';
import { Widths, ZeroState } from './narrow.ts';
import { type Known, type Shared, STOP } from './shared.ts';
import { StackSlots } from './stack.ts';
import * as w from './wasm.ts';

/**
 * The code of one function in the making: which locals hold what, in how many bits, and what is known of it. `translate`
 * goes through the blocks; what an instruction becomes is in `instructions/`.
 */
export class FunctionCode {
  readonly shared: Shared;
  readonly graph: Graph;
  readonly code = new w.Code();
  readonly marks: number[] = [];
  readonly locals: number[] = [];
  readonly params: readonly number[];
  /** Locals: the address of the function's frame, and free ones. */
  readonly frame: number;
  readonly t32: number;
  readonly t64: number;
  /** The budget lives in a local between calls. */
  readonly fuel: number;
  readonly counts: boolean;
  readonly widths: Widths;
  /** What is held of the stack in locals, and which; programs that nobody verified have all of it in memory. */
  readonly stack: StackSlots | undefined;
  readonly atomLocals = new Map<number, number>();
  /** Whose registers the current instruction means; see {@link Graph}. */
  context = 0;
  /** What registers of the current context hold for certain. */
  known: (Known | undefined)[] = [];
  /** The least offset from each register that was checked since the register was written. */
  checked: (number | undefined)[] = [];
  /** Locals of the registers, eleven a context; -1 while they have none: whole, and of those held in 32 bits. */
  private readonly registers: Int32Array;
  private readonly narrowRegisters: Int32Array;
  /** Which of them has the value now; see {@link Widths}. */
  readonly narrow: Uint8Array;
  /** Upper halves that are zero before the current instruction, and behind it. */
  private zero: ZeroState;
  private zeroAfter: ZeroState;
  /** See {@link Widths.wanted}; of the current block. */
  private wanted: Uint8Array = new Uint8Array(0);
  /** Whether what the current instruction writes may be held in 32 bits, unless it has no upper half anyway. */
  lower = false;
  private t32b: number | undefined;
  private readonly wordLocals: number[] = [];

  constructor(shared: Shared, graph: Graph, flow: Flow) {
    this.shared = shared;
    this.graph = graph;
    this.params = shared.functions.get(graph.entry)!.params;
    this.registers = new Int32Array(11 * graph.depth.length).fill(-1);
    this.narrowRegisters = new Int32Array(11 * graph.depth.length).fill(-1);
    this.narrow = new Uint8Array(11 * graph.depth.length);
    this.params.forEach((register, i) => {
      this.registers[register] = i;
    });
    this.frame = this.params.length;
    this.t32 = this.local(w.I32);
    this.t64 = this.local(w.I64);
    this.fuel = this.local(w.I32);
    this.counts = shared.trust !== 'verified';
    const unverified = shared.trust === 'unverified';
    this.widths = new Widths(shared.code, graph, flow, {
      checkedLoads: unverified || shared.kernelLoads,
      checkedStores: unverified,
    });
    this.zero = new ZeroState(shared.code, new Int32Array(this.widths.words));
    this.zeroAfter = new ZeroState(shared.code, new Int32Array(this.widths.words));
    if (!unverified && flow.reducible) {
      const { code: words, keySize, kernelFunctions: functions } = shared;
      const stack = new StackSlots(words, graph, flow, { keySize, functions });
      this.stack = stack.atoms.size === 0 ? undefined : stack;
    }
  }

  // Blocks and instructions

  /** Registers are where the block looks for them. */
  enter(node: number, block: Block): void {
    const { widths, narrow, zero } = this;
    this.context = block.context;
    this.stack?.enter(node, block);
    for (let index = 0; index < narrow.length; index++) narrow[index] = this.narrowAt(node, index) ? 1 : 0;
    for (let i = 0; i < widths.words; i++) zero.set[i] = widths.zeroIn[node * widths.words + i]!;
    this.wanted = widths.wanted(node);
  }

  /** The block's instructions follow: what comes from another context has been moved. */
  begin(block: Block): void {
    this.zero.enter(block);
  }

  /** The instruction at `slot` is next; with `second` also the one behind it, as one. */
  before(slot: number, block: Block, second: boolean): void {
    const { zero, zeroAfter } = this;
    zeroAfter.set.set(zero.set);
    zeroAfter.enterContext(this.context);
    zero.enterContext(this.context);
    zeroAfter.step(slot);
    if (second) zeroAfter.step(slot + 1);
    this.lower = this.wanted[slot + (second ? 1 : 0) - block.from] === 0;
  }

  /** It is translated. */
  after(slot: number, block: Block, second: boolean): void {
    this.stack?.step(slot, block.from);
    if (second) this.stack?.step(slot + 1, block.from);
    [this.zero, this.zeroAfter] = [this.zeroAfter, this.zero];
  }

  /** Puts the registers where a block that follows looks for them. */
  hand(node: number): void {
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

  /** How a block wants to find a register. */
  private narrowAt(node: number, index: number): boolean {
    const { words, zeroIn, highIn } = this.widths;
    const at = node * words + (index >> 5);
    return ((zeroIn[at]! | ~highIn[at]!) & (1 << (index & 31))) !== 0;
  }

  /** What follows can fault, and is the instruction at `slot`. */
  mark(slot: number): void {
    this.marks.push(this.code.length, slot);
  }

  // Locals

  local(type: number): number {
    this.locals.push(type);
    return this.params.length + this.locals.length;
  }

  /** A second free i32 local, made when it is first wanted. */
  second(): number {
    this.t32b ??= this.local(w.I32);
    return this.t32b;
  }

  /** More of them, by number. */
  word(i: number): number {
    this.wordLocals[i] ??= this.local(w.I32);
    return this.wordLocals[i]!;
  }

  /** The local of a register of any context; `narrow` that which has 32 bits. */
  at(index: number, narrow: boolean): number {
    const locals = narrow ? this.narrowRegisters : this.registers;
    if (locals[index] === -1) locals[index] = this.local(narrow ? w.I32 : w.I64);
    return locals[index]!;
  }

  // Registers of the current context

  /** Leaves a register's 64 bits on the stack. */
  get(register: number): void {
    this.fetch(register);
    if (this.isNarrow(register)) this.code.op(w.I64_EXTEND_U);
  }

  get32(register: number): void {
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

  set(register: number): void {
    const narrow = this.toNarrow(register);
    if (narrow) this.code.op(w.I32_WRAP);
    this.put(register, narrow);
  }

  /** The same from 32 bits, which are all that there is or all that is looked at. */
  set32(register: number): void {
    this.put(register, true);
  }

  put(register: number, narrow: boolean): void {
    const index = this.context * 11 + register;
    this.code.op1(w.LOCAL_SET, this.at(index, narrow));
    this.narrow[index] = narrow ? 1 : 0;
    this.known[register] = undefined;
    this.checked[register] = undefined;
  }

  isNarrow(register: number): boolean {
    return register === 10 || this.narrow[this.context * 11 + register] === 1;
  }

  /** Whether a register's upper half is zero. */
  isShort(register: number): boolean {
    return register === 10 || this.zero.has(this.context * 11 + register);
  }

  /** Whether the instruction's result is held in 32 bits. */
  toNarrow(register: number): boolean {
    return this.lower || this.zeroAfter.has(this.context * 11 + register);
  }

  knownOf(register: number): Known | undefined {
    if (register !== 10) return this.known[register];
    return { kind: 'frame', value: (this.graph.depth[this.context]! + 1) * FRAME_SIZE };
  }

  // The budget and other reasons to stop

  saveFuel = (): void => {
    if (!this.counts) return;
    this.code.op1(w.LOCAL_GET, this.fuel);
    this.code.op1(w.GLOBAL_SET, this.shared.fuel);
  };

  loadFuel = (): void => {
    if (!this.counts) return;
    this.code.op1(w.GLOBAL_GET, this.shared.fuel);
    this.code.op1(w.LOCAL_SET, this.fuel);
  };

  stop(reason: number, slot: number): void {
    const { code } = this;
    code.i32(reason);
    code.i32(slot);
    code.op1(w.CALL, this.shared.stop);
    code.op(w.UNREACHABLE);
  }

  /** An instruction that the interpreter refuses as well, with the same words. */
  illegal(slot: number): void {
    this.mark(slot);
    this.stop(STOP.illegal, slot);
  }

  /** Eight frames fill 4 KiB: above the eighth the address of the next is a multiple of that. */
  checkDepth(slot: number, depth: number): void {
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
}
