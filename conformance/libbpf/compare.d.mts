import type { Verdict } from './sides.mjs';

export interface Difference {
  /** `tailcall1.c.o entry`; the object alone when it was loaded as a whole. */
  readonly what: string;
  readonly kind:
    | 'only libbpf loads it'
    | 'only skep loads it'
    | 'skep does not ask the kernel'
    | 'other instructions'
    | 'only libbpf sees it'
    | 'only skep sees it'
    | 'skep fails without a code';
  /** What the side said that refused it. */
  readonly said: string;
  /** Name of one in known-differences.json. */
  readonly reason: string | undefined;
}

export interface Comparison {
  /** That both see, whole objects among them. */
  readonly programs: number;
  /** By both. */
  readonly loaded: number;
  /** By both. */
  readonly refused: number;
  /** Programs whose instructions were compared. */
  readonly instructions: number;
  readonly differences: Difference[];
}

export function compare(libbpf: readonly Verdict[], skep: readonly Verdict[]): Comparison;
