/** Follows every path of a program, one after the other, until each ends or is covered by a state that was found safe. */
import { BPF_F_SLEEPABLE, LIMITS, PROG } from '@skep/abi';
import type { Btf } from '@skep/object';
import { checkAlu } from '../check/alu.ts';
import { checkExit, checkLocalCall } from '../check/calls.ts';
import type { ContextTable } from '../check/context.ts';
import { checkHelperCall } from '../check/helpers.ts';
import { checkJump } from '../check/jump.ts';
import { checkKfuncCall } from '../check/kfuncs.ts';
import { checkLoadImmediate, checkLoadPacket } from '../check/load-immediate.ts';
import { checkAtomic, checkLoad, checkStore } from '../check/memory.ts';
import type { Mask } from '../check/sanitize.ts';
import type { KernelProfile } from '../profile.ts';
import { liveRegisters } from '../program/live.ts';
import type { MapInfo } from '../program/maps.ts';
import type { Program } from '../program/program.ts';
import { isSyncCallbackHelper, type Points } from '../program/structure.ts';
import { PathStep } from '../record/path.ts';
import { Trace } from '../record/trace.ts';
import { type RegisterView, viewOf } from '../record/view.ts';
import { Refusal } from '../refusal.ts';
import { type Frame, newFrame, Slot } from '../state/frame.ts';
import { NOT_INIT, SCALAR } from '../state/kinds.ts';
import { type Reg, UNINIT, unknown } from '../state/reg.ts';
import { type Linked, markRead, markSlotRead, pathDone, State, type Step } from '../state/state.ts';
import { visited } from './prune.ts';

const MOST_PENDING = 8192;

/** When to give up: the kernel's limits would let some programs run for minutes. */
export interface Budget {
  /** Milliseconds. */
  readonly time?: number;
  /** States that are kept at the same time. */
  readonly states?: number;
  /** Instructions, counted as the kernel counts them; it allows a million. */
  readonly processed?: number;
}

/** Told what is known before every instruction of every path: the registers of the function that runs. */
export type Observe = (insn: number, frame: number, registers: readonly (RegisterView | undefined)[]) => void;

interface Pending {
  readonly state: State;
  readonly insn: number;
  readonly previous: number;
  readonly trail: PathStep | undefined;
}

export class Explorer {
  readonly program: Program;
  readonly kernel: KernelProfile;
  readonly privileged: boolean;
  readonly context: ContextTable;
  readonly kernelBtf: Btf | undefined;
  readonly maps: ReadonlyMap<number, MapInfo>;
  readonly jumpPoint: Uint8Array;
  readonly prunePoint: Uint8Array;
  readonly forceCheckpoint: Uint8Array;
  readonly callsCallback: Uint8Array;
  readonly isIterNext: Uint8Array;
  /** Registers that matter before each instruction; undefined where the kernel finds out on its way. */
  readonly live: Uint16Array | undefined;
  readonly testStateFreq: boolean;
  readonly strictAlignment: boolean;
  exploreAluLimits = false;
  /** How pointer arithmetic of unprivileged programs is masked, by instruction. */
  readonly masks = new Map<number, Mask>();
  /** The maps of tail calls; undefined where paths differ. */
  readonly tailCallMaps = new Map<number, MapInfo | undefined>();

  state!: State;
  /** The instruction that is being checked. */
  insn = 0;
  previous = -1;
  processed = 0;
  jumps = 0;
  jumpsAtState = 0;
  processedAtState = 0;
  totalStates = 0;
  peakStates = 0;
  mostStates = 0;
  nextId = 0;
  /** Type of the pointer by which an instruction accesses memory. */
  readonly pointerTypes: Int32Array;
  /** How often each instruction was gone through. */
  readonly visits: Uint32Array;
  /** States that were kept at each. */
  readonly statesKept: Uint32Array;
  /** Writes the kernel's log of level 2. */
  readonly trace: Trace | undefined;
  readonly observe: Observe | undefined;
  /** The path so far; recorded when it is asked for. */
  trail: PathStep | undefined;
  /** Functions that may move the packet, by number. */
  readonly changesPacket = new Set<number>();
  /** Functions that may sleep, by number. */
  readonly mightSleep = new Set<number>();
  private readonly states = new Map<number, State[]>();
  private pending: Pending[] = [];
  private step: Step | undefined;
  private readonly deadline: number;
  private readonly mostKept: number;
  private readonly mostProcessed: number;
  private readonly recordPath: boolean;

  constructor(
    program: Program,
    kernel: KernelProfile,
    options: {
      readonly privileged: boolean;
      readonly context: ContextTable;
      readonly kernelBtf: Btf | undefined;
      readonly maps: ReadonlyMap<number, MapInfo>;
      readonly points: Points;
      readonly budget: Budget;
      /** Keep the path, for {@link trail}. */
      readonly recordPath?: boolean;
      readonly trace?: ((line: string) => void) | undefined;
      readonly observe?: Observe | undefined;
    },
  ) {
    this.program = program;
    this.kernel = kernel;
    this.privileged = options.privileged;
    this.context = options.context;
    this.kernelBtf = options.kernelBtf;
    this.maps = options.maps;
    this.jumpPoint = options.points.jump;
    this.prunePoint = options.points.prune;
    this.forceCheckpoint = options.points.force;
    this.callsCallback = options.points.callsCallback;
    this.isIterNext = options.points.iterNext;
    this.live = kernel.staticLiveness ? liveRegisters(program, options.kernelBtf) : undefined;
    const flags = program.input.flags ?? 0;
    this.testStateFreq = this.privileged && (flags & 8) !== 0;
    this.strictAlignment = (flags & 1) !== 0 && (flags & 2) === 0;
    this.pointerTypes = new Int32Array(program.length);
    this.visits = new Uint32Array(program.length);
    this.statesKept = new Uint32Array(program.length);
    this.recordPath = options.recordPath ?? false;
    this.observe = options.observe;
    this.trace = options.trace && new Trace(this, options.trace);
    this.deadline = performance.now() + (options.budget.time ?? 20000);
    this.mostKept = options.budget.states ?? 400000;
    this.mostProcessed = Math.min(options.budget.processed ?? LIMITS.complexity, LIMITS.complexity);
  }

  get frame(): Frame {
    return this.state.frame;
  }

  refuse(text: string): never {
    throw new Refusal(text, this.insn);
  }

  unsupported(what: string): never {
    throw new Refusal(what, this.insn, true);
  }

  freshId(): number {
    this.nextId += 1;
    return this.nextId;
  }

  statesAt(insn: number): State[] {
    let list = this.states.get(insn);
    if (list === undefined) {
      list = [];
      this.states.set(insn, list);
    }
    return list;
  }

  isMayGoto(insn: number): boolean {
    return this.program.code[insn] === 0xe5;
  }

  callsSyncCallback(insn: number): boolean {
    const { program } = this;
    return (
      (program.isHelperCall(insn) && isSyncCallbackHelper(program.imm[insn]!)) ||
      program.kfuncName(insn) === 'bpf_rbtree_add_impl'
    );
  }

  get sleepable(): boolean {
    return (
      ((this.program.input.flags ?? 0) & BPF_F_SLEEPABLE) !== 0 ||
      this.state.sleepable ||
      this.program.input.type === PROG.BPF_PROG_TYPE_SYSCALL
    );
  }

  /** Reads a register as an operand. */
  read(register: number): Reg {
    const frame = this.frame;
    if (register > 10) this.refuse(`R${register} is invalid`);
    const reg = frame.regs[register]!;
    if (this.trace !== undefined) this.trace.touched |= 1 << register;
    if (reg.type === NOT_INIT) this.refuse(`R${register} !read_ok`);
    if (register !== 10 && this.live === undefined) markRead(this.state, frame.number, register);
    return reg;
  }

  /** A slot of a frame's stack is read, which logs show since Linux 6.16. */
  readSlot(frame: Frame, index: number): void {
    if (this.live !== undefined) this.trace?.touchSlot(index);
    markSlotRead(this.state, frame.number, index);
  }

  /** Checks that a register may be written and notes that it is. */
  writeOnly(register: number): void {
    if (register > 10) this.refuse(`R${register} is invalid`);
    if (register === 10) this.refuse('frame pointer is read only');
    if (this.trace !== undefined) this.trace.touched |= 1 << register;
    this.frame.written |= 1 << register;
  }

  /** Only checks: the register is written when the value is known. */
  writeOnlyCheck(register: number): void {
    if (register > 10) this.refuse(`R${register} is invalid`);
    if (register === 10) this.refuse('frame pointer is read only');
  }

  set(register: number, reg: Reg): void {
    this.frame.regs[register] = reg;
  }

  /** A pointer where the program may not learn addresses. */
  leaks(reg: Reg): boolean {
    return !this.privileged && reg.type !== SCALAR && reg.type !== NOT_INIT;
  }

  /** Back-tracking must know more of this instruction. */
  recordStep(flags: number, linked: readonly Linked[] | undefined): void {
    if (this.step !== undefined) {
      this.step.flags |= flags;
      if (linked !== undefined) this.step.linked = linked;
      return;
    }
    this.step = { index: this.insn, previous: this.previous, flags, linked };
    this.state.steps.push(this.step);
  }

  /** A second way to go on from here, to be followed later. */
  fork(insn: number, previous: number, speculative = false): State {
    const state = this.state.clone();
    // The copy may not change what it shares with this path: the step of this instruction.
    const last = state.steps.length - 1;
    if (this.step !== undefined && last >= 0) state.steps[last] = { ...this.step };
    if (speculative) state.speculative = true;
    state.branches = 1;
    if (this.trail !== undefined && this.trail.insn === this.insn) this.trail.open = true;
    this.pending.push({ state, insn, previous, trail: this.trail });
    if (this.pending.length > MOST_PENDING) this.refuse(`The sequence of ${this.pending.length} jumps is too complex.`);
    if (state.parent !== undefined) state.parent.branches += 1;
    return state;
  }

  /** A callback that runs at another time: a path from nothing. */
  pushState(state: State, insn: number, previous: number): void {
    this.pending.push({ state, insn, previous, trail: this.trail });
    if (this.pending.length > MOST_PENDING)
      this.refuse(`The sequence of ${this.pending.length} jumps is too complex for async cb.`);
  }

  /** Every register of the state and every spilled one; `change` gives what it becomes. */
  eachReg(state: State, change: (reg: Reg) => Reg): void {
    for (const frame of state.frames) {
      for (let r = 0; r < 10; r++) {
        const reg = frame.regs[r]!;
        const now = change(reg);
        if (now !== reg) frame.regs[r] = now;
      }
      for (let s = 0; s < frame.stack.length; s++) {
        const slot = frame.stack[s]!;
        if (!slot.spilled) continue;
        const now = change(slot.reg);
        if (now !== slot.reg) frame.stack[s] = new Slot(slot.kinds, now);
      }
    }
  }

  acquire(): number {
    const id = this.freshId();
    const frame = this.frame;
    this.state.refs = [...this.state.refs, { id, insn: this.insn, callback: frame.callback ? frame.number : 0 }];
    return id;
  }

  /** Gives a reference back: no register may be used that holds it. False when it is not held here. */
  release(id: number): boolean {
    const { state } = this;
    const frame = this.frame;
    const found = state.refs.find((ref) => ref.id === id);
    if (found === undefined || (frame.callback && found.callback !== frame.number)) return false;
    state.refs = state.refs.filter((ref) => ref !== found);
    this.eachReg(state, (reg) => (reg.ref === id ? this.invalid() : reg));
    return true;
  }

  /** What a register holds whose pointer is gone: a number to the privileged, nothing to others. */
  invalid(): Reg {
    return this.privileged ? unknown() : UNINIT;
  }

  noteStack(frame: Frame): void {
    const sub = this.program.subprograms[frame.subprogram]!;
    const depth = frame.stack.length * 8;
    if (depth > sub.stackDepth) sub.stackDepth = depth;
  }

  /** Explores from the start of a function with these registers. */
  run(start: number, subprogram: number, setUp: (frame: Frame) => void): void {
    this.states.clear();
    this.peakStates = 0;
    this.pending = [];
    const state = new State();
    const frame = newFrame(0, subprogram);
    state.frames.push(frame);
    state.firstInsn = start;
    this.state = state;
    this.insn = start;
    this.previous = -1;
    this.trail = undefined;
    this.trace?.reset();
    setUp(frame);
    this.loop();
  }

  private loop(): void {
    let more = true;
    while (more) {
      let ended: boolean;
      try {
        ended = this.stepOne();
      } catch (error) {
        // What goes wrong on a path that only a processor's guess takes just ends it.
        if (!(error instanceof Refusal) || !this.state.speculative || error.unsupported || !this.kernel.barriers)
          throw error;
        ended = true;
      }
      if (ended) more = this.nextPath();
    }
  }

  private nextPath(): boolean {
    pathDone(this.state);
    const next = this.pending.pop();
    if (next === undefined) return false;
    this.state = next.state;
    this.insn = next.insn;
    this.previous = next.previous;
    this.trail = next.trail;
    this.trace?.turn();
    return true;
  }

  /** One instruction; true at the end of the path. */
  private stepOne(): boolean {
    const { program } = this;
    const insn = this.insn;
    this.step = undefined;
    if (insn >= program.length || insn < 0) this.refuse(`invalid insn idx ${insn} insn_cnt ${program.length}`);
    if (++this.processed > this.mostProcessed) this.tooMany();
    if ((this.processed & 1023) === 0) this.checkBudget();
    this.state.lastInsn = this.previous;
    if (this.prunePoint[insn] && visited(this)) {
      this.trace?.covered(this, this.previous);
      return true;
    }
    if (this.jumpPoint[insn]) this.recordStep(0, undefined);
    this.trace?.enter(this, this.previous);
    if (this.observe !== undefined) {
      const { number, regs } = this.frame;
      this.observe(
        insn,
        number,
        regs.map((reg) => viewOf(reg, number)),
      );
    }
    if (this.recordPath) this.trail = new PathStep(insn, this.trail, this.state);
    this.visits[insn]! += 1;
    const code = program.code[insn]!;
    this.previous = insn;
    switch (code & 7) {
      case 4:
      case 7:
        checkAlu(this);
        break;
      case 1:
        checkLoad(this);
        break;
      case 2:
        checkStore(this);
        break;
      case 3:
        if ((code & 0xe0) === 0xc0) checkAtomic(this);
        else checkStore(this);
        break;
      case 0:
        if ((code & 0xe0) !== 0) {
          if (checkLoadPacket(this)) return false;
          break;
        }
        checkLoadImmediate(this);
        this.insn += 1;
        break;
      default:
        return this.jump(code);
    }
    this.insn += 1;
    return false;
  }

  private jump(code: number): boolean {
    const { program, insn } = this;
    const { src, dst, imm, off } = program;
    const op = code & 0xf0;
    const word = (code & 7) === 6;
    this.jumps += 1;
    if (op === 0x80) {
      const kind = src[insn]!;
      if (code & 8 || (kind !== 2 && off[insn] !== 0) || kind > 2 || dst[insn] !== 0 || word)
        this.refuse('BPF_CALL uses reserved fields');
      if (this.state.lockOwner !== undefined && kind === 0 && imm[insn] !== 94)
        this.refuse('function calls are not allowed while holding a lock');
      if (kind === 1) {
        if (checkLocalCall(this)) return false;
      } else if (kind === 2) {
        if (checkKfuncCall(this) === 'end') return true;
      } else checkHelperCall(this);
      this.insn += 1;
      return false;
    }
    if (op === 0) {
      if (code & 8 || src[insn] !== 0 || dst[insn] !== 0 || (!word && imm[insn] !== 0) || (word && off[insn] !== 0))
        this.refuse('BPF_JA uses reserved fields');
      this.insn += 1 + (word ? imm[insn]! : off[insn]!);
      return false;
    }
    if (op === 0x90) {
      if (code & 8 || imm[insn] !== 0 || src[insn] !== 0 || dst[insn] !== 0 || word)
        this.refuse('BPF_EXIT uses reserved fields');
      return checkExit(this, false);
    }
    checkJump(this);
    this.insn += 1;
    return false;
  }

  private tooMany(): never {
    if (this.processed > LIMITS.complexity) this.refuse(`BPF program is too large. Processed ${this.processed} insn`);
    this.unsupported('the instructions that were given to the verifier');
  }

  private checkBudget(): void {
    if (performance.now() > this.deadline) this.unsupported('the time that was given to the verifier');
    if (this.peakStates > this.mostKept) this.unsupported('the memory that was given to the verifier');
  }
}
