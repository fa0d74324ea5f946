import type { Span } from '@skep/base';
import type { AccessSize, AluOp, Atomic, Insn, JumpOp, Width } from '@skep/object';
import type { AllocaInst, CoreInst, Func, Global, Value, Variable } from '../ir/ir.ts';

/**
 * Machine code with virtual registers. A register number below {@link FIRST_VIRTUAL} is r0 … r10 itself; the others are
 * given one by the allocator. Every integer lives zero-extended in one 64-bit register, whatever its type.
 */
export type VReg = number;
export const NONE = -1;
export const FRAME_REGISTER = 10;
export const FIRST_VIRTUAL = 11;

export type CpuVersion = 'v1' | 'v2' | 'v3' | 'v4';

/** What the target has beyond the first instruction set. */
export interface Cpu {
  readonly version: CpuVersion;
  /** 32-bit ALU, 32-bit jumps, and of atomics on 4 bytes others than addition: v3. */
  readonly alu32: boolean;
  /** Unsigned `<` and `<=`, signed too: v2. */
  readonly lessThan: boolean;
  /** Signed division, sign-extending moves and loads, long jumps: v4. */
  readonly v4: boolean;
}

export function cpuOf(version: CpuVersion): Cpu {
  const level = Number(version.slice(1));
  return { version, alu32: level >= 3, lessThan: level >= 2, v4: level >= 4 };
}

/**
 * - `mov`: dst = a · `zext`: dst = (u32)a · `movsx`: dst = (sN)a, N in `bits`
 * - `space`: dst = a as an address in the space `imm`: 1 is the arena, 0 the kernel's
 * - `set`: dst = imm, sign-extended (`width` 32: zero-extended) · `set64`: dst = `value`
 * - `address`: dst = the symbol + imm · `frame`: dst = the slot's address + imm
 * - `alu`: dst op= a · `alui`: dst op= imm · `endian`: dst = be`bits` dst
 * - `load`: dst = *(a + off) · `store`: *(a + off) = b · `storei`: *(a + off) = imm
 * - `atomic`: *(a + off) op= dst, the old value to dst when `fetch`; for cmpxchg b is stored and r0 is the expected value
 * - `call`: r0 = callee(r1 …), `imm` arguments · `exit`
 * - `asm`: instructions of the source, with real registers; at the end of a block it falls into the first successor or
 *   jumps to one of the others
 * - `branch`, `branchi`: if a op b (imm) goto the block's first successor, else its second · `jump`
 *
 * `load`, `store` and `atomic` with `slot` have no `a`: the address is on the stack.
 */
export type MachineOp =
  | 'mov'
  | 'zext'
  | 'movsx'
  | 'space'
  | 'set'
  | 'set64'
  | 'address'
  | 'frame'
  | 'alu'
  | 'alui'
  | 'endian'
  | 'load'
  | 'store'
  | 'storei'
  | 'atomic'
  | 'call'
  | 'asm'
  | 'jump'
  | 'branch'
  | 'branchi'
  | 'exit';

export type CallTarget =
  | { readonly kind: 'helper'; readonly id: number }
  | { readonly kind: 'func'; readonly func: Func };

/** Inline assembly once its operands have registers. */
export interface MachineAsm {
  readonly code: readonly AsmLine[];
  /** Registers that it reads, r0 … r9. */
  readonly reads: readonly number[];
  /** Registers that it writes or may destroy. */
  readonly writes: readonly number[];
}
/** `to`: a line of the same code, a symbol, or the number of a label of `asm goto`. */
export interface AsmLine {
  readonly insn: Insn;
  readonly to?:
    | { readonly kind: 'line'; readonly line: number }
    | { readonly kind: 'symbol'; readonly symbol: Func | Global }
    | { readonly kind: 'label'; readonly label: number };
}

/** One shape for all, so that passes over it stay fast; the fields that an op does not name keep their defaults. */
export class MachineInst {
  op: MachineOp;
  /** The destination; the instruction reads it too when {@link readsDestination}. */
  dst: VReg = NONE;
  a: VReg = NONE;
  b: VReg = NONE;
  imm = 0;
  off = 0;
  size: AccessSize = 8;
  width: Width = 64;
  bits: 8 | 16 | 32 | 64 = 64;
  /** `load`: sign-extend (v4). `atomic`: the old value comes back. */
  flag = false;
  alu: AluOp = 'mov';
  jump: JumpOp = 'eq';
  atomic: Atomic['op'] = 'add';
  value = 0n;
  symbol: Global | Func | undefined = undefined;
  slot: FrameSlot | undefined = undefined;
  /** CO-RE: the loader patches `off` of loads and stores, `imm` of everything else. */
  core: CoreInst | undefined = undefined;
  target: CallTarget | undefined = undefined;
  asm: MachineAsm | undefined = undefined;
  /** What is known of variables before it. */
  notes: readonly MachineNote[] | undefined = undefined;
  span: Span | undefined;

  constructor(op: MachineOp, span: Span | undefined) {
    this.op = op;
    this.span = span;
  }
}

/** The destination is also an operand: two-address arithmetic, and atomics that take and return in one register. */
export function readsDestination(inst: MachineInst): boolean {
  return inst.op === 'alu' || inst.op === 'alui' || inst.op === 'endian' || inst.op === 'atomic';
}

export function writesDestination(inst: MachineInst): boolean {
  return inst.dst !== NONE && (inst.op !== 'atomic' || inst.flag);
}

/**
 * Where a variable is from an instruction on: in a register, at a stack slot, a number; none of them: nowhere. Notes go
 * along with the code and never change it.
 */
export interface MachineNote {
  readonly variable: Variable;
  /** Until selection is done: what will be in a register. */
  readonly value?: Value | undefined;
  readonly reg: VReg;
  readonly slot: FrameSlot | undefined;
  readonly number: bigint | undefined;
}

/** The instructions without those that are `dropped`, whose notes go to the next one that stays. */
export function without(
  insts: readonly MachineInst[],
  dropped: (inst: MachineInst, index: number) => boolean,
): MachineInst[] {
  const out: MachineInst[] = [];
  let notes: readonly MachineNote[] = [];
  for (const [index, inst] of insts.entries()) {
    if (dropped(inst, index)) {
      if (inst.notes !== undefined) notes = [...notes, ...inst.notes];
      continue;
    }
    if (notes.length > 0) {
      addNotes(inst, notes);
      notes = [];
    }
    out.push(inst);
  }
  return out;
}

/** In front of those that it has. */
export function addNotes(inst: MachineInst, notes: readonly MachineNote[] | undefined): void {
  if (notes === undefined || notes.length === 0) return;
  inst.notes = inst.notes === undefined ? notes : [...notes, ...inst.notes];
}

/** Memory in the function's frame; `offset` from r10, negative, is set by the frame layout. */
export interface FrameSlot {
  readonly size: number;
  readonly align: number;
  readonly alloca: AllocaInst | undefined;
  offset: number;
}

export interface MachineBlock {
  insts: MachineInst[];
  /** None after `exit`; one after `jump`; taken, then not taken after `branch`. */
  successors: MachineBlock[];
  /** The successor that is expected (0, 1), or undefined. */
  likely: 0 | 1 | undefined;
  /** It only hands over what the parameters of its successor are. */
  isEdge: boolean;
  /** How many loops the block is in; 0 at first. */
  depth: number;
  /** Position in {@link MachineFunction.blocks}. */
  index: number;
}

export interface MachineFunction {
  readonly func: Func;
  /** In layout order; the entry first. */
  blocks: MachineBlock[];
  slots: FrameSlot[];
  /** Variables that have stack memory to themselves; undefined where nobody asked for variables. */
  readonly variables: readonly { readonly variable: Variable; readonly slot: FrameSlot }[] | undefined;
  /** One more than the highest virtual register. */
  registers: number;
}

export function createMachineBlock(): MachineBlock {
  return { insts: [], successors: [], likely: undefined, isEdge: false, depth: 0, index: -1 };
}

/** Whether a sign-extended immediate holds it. */
export function fits32(value: bigint): boolean {
  return value >= -0x80000000n && value <= 0x7fffffffn;
}
