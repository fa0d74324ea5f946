import type { Remark } from './case.ts';
import type { Place } from './evidence.ts';

/** A refusal as people and tools read it. */
export interface Explanation {
  readonly code: string;
  /** What is wrong, with the author's names where they are known. */
  readonly message: string;
  /** What has to hold where the program was refused. */
  readonly needed?: string;
  /** What does hold there, and since where. */
  readonly known?: string;
  /** The few steps of the path that matter, in its order. */
  readonly remarks: readonly Remark[];
  readonly help: string;
  readonly kernelMessage: string;
  readonly insn: number;
  readonly source: Place | undefined;
  readonly subject: Subject;
}

/** What a refusal is about, for whoever looks for a way to mend it. */
export interface Subject {
  /** The register that the kernel names. */
  readonly register?: number;
  /** The argument, from 1, when a call was refused; and what was to be called. */
  readonly argument?: number;
  readonly callee?: string;
  /** The instruction that made the value or acquired the object. */
  readonly origin?: number;
  /** The instruction of the check that did not suffice. */
  readonly check?: number;
  /** Bytes of the object that is accessed. */
  readonly size?: number;
  /** Bytes before the first and behind the last possible access. */
  readonly range?: readonly [number, number];
  /** The values that are allowed. */
  readonly allowed?: readonly [bigint, bigint];
}

/** What a story adds to the bare refusal. */
export interface Telling {
  /** In place of that of the entry. */
  readonly code?: string;
  /** In place of the refused instruction. */
  readonly place?: Place | undefined;
  readonly message: string;
  readonly needed?: string | undefined;
  readonly known?: string | undefined;
  readonly remarks?: readonly (Remark | undefined)[];
  readonly help: string;
  readonly subject?: Subject;
}
