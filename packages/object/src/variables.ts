import type { Span } from '@skep/base';

/**
 * Where a variable of the source is while some instructions run. skep's own compiler hands these over beside the
 * object, for explanations of refusals and for the debugger; other compilers' objects have none.
 */
export interface VariableRange {
  /** As the author wrote it; a member or an element that the optimiser took apart reads `name.member`, `name[2]`. */
  readonly name: string;
  /** The program or subprogram whose instructions are meant, after inlining. */
  readonly function: string;
  /** C text: `struct iphdr *`. */
  readonly type: string;
  /** The first 8-byte slot, counted from the function's first instruction, before which the variable is at `place`. */
  readonly from: number;
  /** The slot behind the last one. */
  readonly to: number;
  readonly place: VariablePlace;
  readonly declaration: Span | undefined;
}

/** Where a variable is at an instruction. */
export type VariablePlace =
  /** r0 to r9. */
  | { readonly kind: 'register'; readonly register: number }
  /** Bytes from r10, negative. */
  | { readonly kind: 'stack'; readonly offset: number }
  /** Folded: the variable has this value and is nowhere. */
  | { readonly kind: 'constant'; readonly value: bigint };
