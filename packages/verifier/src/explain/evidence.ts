/** All that an explanation is made of: of our own verifier, or read from the log of a kernel. */
import type { LineInfo } from '@skep/object';
import type { RegisterView } from '../record/view.ts';

/** What an explanation starts from: a refusal and the way to it. */
export interface Evidence {
  /** The kernel's text of the refusal. */
  readonly message: string;
  /** The slot that was refused; -1 for the program as a whole. */
  readonly insn: number;
  /** The kernel whose verdict it is: `6.12`. */
  readonly kernel: string;
  /** 8 bytes a slot; empty where only a log is known. */
  readonly code: Uint8Array;
  /** From the start of the program to the refusal; the last one is refused. */
  readonly path: readonly Step[];
  readonly lines: readonly LineInfo[];
  /** `BPF_PROG_TYPE_XDP`. */
  readonly programType: string | undefined;
  /** Where each function starts, by slot; the program itself is first. */
  readonly functions: readonly { readonly name: string; readonly slot: number }[];
  /** What instructions refer to that their bytes do not say. */
  kfunc(slot: number): string | undefined;
  map(slot: number): string | undefined;
}

/** One instruction of the path. */
export interface Step {
  readonly insn: number;
  /** Nesting of calls; 0 is the program. */
  readonly frame: number;
  /** Of a conditional jump: the way it took. */
  readonly taken: boolean | undefined;
  /** Of a conditional jump: both ways were open. */
  readonly open: boolean;
  /** What was known before the instruction, of its frame unless another is named; undefined: never written. */
  register(number: number, frame?: number): RegisterView | undefined;
}

/**
 * How the author calls what instructions handle. All of it may be unknown: then the explanation speaks of registers and
 * lines.
 */
export interface Naming {
  /** The place in memory that the instruction reads or writes, as C: `ip->protocol`. */
  access?(slot: number): AccessName | undefined;
  /** Argument `number` (from 1) of the call, as C. */
  argument?(slot: number, number: number): string | undefined;
  /** Where the function is really left, when returns were merged: the first return behind the given instruction. */
  returnBehind?(slot: number): Place | undefined;
  /** The variable in a register before an instruction. */
  variable?(slot: number, register: number): string | undefined;
}

/** An access, as the author wrote it. */
export interface AccessName {
  /** `table[idx]` */
  readonly text: string;
  /** What it goes through: `ip`. */
  readonly pointer: string | undefined;
  /** Of an element: the C text of its index, how many there are, and the bytes of one. */
  readonly index?: {
    readonly text: string;
    readonly count: number | undefined;
    readonly size: number;
    /** Bytes from where the pointer points to the first element. */
    readonly start: number;
  };
}

/** A line of the source, as people and tools read it. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** The last line that starts at or before the instruction. */
export function placeOf(lines: readonly LineInfo[], slot: number): Place | undefined {
  if (slot < 0) return undefined;
  let best: LineInfo | undefined;
  for (const line of lines) if (line.slot <= slot && (best === undefined || line.slot >= best.slot)) best = line;
  return best && { file: best.file, line: best.line, column: best.column, text: best.text };
}
