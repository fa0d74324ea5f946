/** The path that led to a refusal: every instruction on it, with what was known before it. */
import type { Slot } from '../state/frame.ts';
import { STACK_SPILL } from '../state/kinds.ts';
import type { Reg } from '../state/reg.ts';
import type { State } from '../state/state.ts';
import { type RegisterView, viewOf } from './view.ts';

/** Registers of steps further from the refusal than this are not kept. */
const MOST_KEPT = 50000;

/** Eight bytes of the stack. */
export interface StackView {
  /** Of its lowest byte, below the frame pointer: -8, -16, … */
  readonly offset: number;
  /** One letter for each of its eight bytes, the lowest address last: `r` spilled, `m` anything, `0` zero, `d` dynptr, `i` iterator, `?` never written. */
  readonly bytes: string;
  readonly register: RegisterView | undefined;
}

interface Kept {
  readonly regs: readonly Reg[];
  readonly stack: readonly Slot[];
  readonly callsite: number;
  readonly subprogram: number;
}

/** One instruction of the path; made while the program is followed. */
export class PathStep {
  readonly insn: number;
  /** Counted from the start of the path. */
  readonly depth: number;
  /** For a conditional jump: both ways were open here. */
  open = false;
  /** For a conditional jump that the path goes on from. */
  taken: boolean | undefined = undefined;
  /** Linked backwards while it is recorded, so that paths share their beginning. */
  readonly before: PathStep | undefined;
  private readonly frames: readonly Kept[];

  constructor(insn: number, before: PathStep | undefined, state: State) {
    this.insn = insn;
    this.before = before;
    this.depth = before === undefined ? 0 : before.depth + 1;
    this.frames =
      this.depth < MOST_KEPT
        ? state.frames.map((frame) => ({
            regs: frame.regs.slice(),
            stack: frame.stack.slice(),
            callsite: frame.callsite,
            subprogram: frame.subprogram,
          }))
        : [];
  }

  /** Of the function that the instruction lies in; 0 is the outermost. */
  get frame(): number {
    return this.frames.length - 1;
  }

  /** Number of the subprogram that a frame runs, and the instruction that called it (-1 for the outermost). */
  call(frame = this.frame): { readonly subprogram: number; readonly callsite: number } | undefined {
    return this.frames[frame];
  }

  /** Before the instruction. Undefined: never written, or too long ago to be kept. */
  register(number: number, frame = this.frame): RegisterView | undefined {
    const reg = this.frames[frame]?.regs[number];
    return reg && viewOf(reg, frame);
  }

  /** Both steps hold the very same register: nothing between them wrote or narrowed it. */
  sameRegister(number: number, other: PathStep): boolean {
    const mine = this.frames.at(-1)?.regs[number];
    return this.frame === other.frame && mine !== undefined && mine === other.frames.at(-1)?.regs[number];
  }

  stack(frame = this.frame): StackView[] {
    const out: StackView[] = [];
    for (const [i, slot] of (this.frames[frame]?.stack ?? []).entries()) {
      if (slot.kinds === 0) continue;
      let bytes = '';
      for (let b = 0; b < 8; b++) bytes += '?rm0di'[slot.kindAt(b)];
      out.push({
        offset: -8 * (i + 1),
        bytes,
        register: slot.kindAt(7) === STACK_SPILL ? viewOf(slot.reg, frame) : undefined,
      });
    }
    return out;
  }
}

/** From the first instruction to the last; says of each jump which way the path took. */
export function pathTo(last: PathStep, offsets: Int16Array, codes: Uint8Array): readonly PathStep[] {
  const path: PathStep[] = [];
  for (let at: PathStep | undefined = last; at !== undefined; at = at.before) path.push(at);
  path.reverse();
  for (let i = 0; i + 1 < path.length; i++) {
    const step = path[i]!;
    if (!isConditional(codes[step.insn]!)) continue;
    step.taken = path[i + 1]!.insn === step.insn + 1 + offsets[step.insn]! && offsets[step.insn] !== 0;
  }
  return path;
}

function isConditional(code: number): boolean {
  const op = code & 0xf0;
  return ((code & 7) === 5 || (code & 7) === 6) && op !== 0 && op !== 0x80 && op !== 0x90;
}
