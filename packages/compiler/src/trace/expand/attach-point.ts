import type { Span } from '@skep/base';
import type { TraceTarget } from '../target.ts';

/** How attach points are expanded. */
export interface Expansion {
  /** One program can be attached to all functions of the kernel, or of a binary, that a wildcard matches. */
  readonly multi?: { readonly kprobe: boolean; readonly uprobe: boolean } | undefined;
  /** What may be wrong is tried. */
  readonly unsafe?: boolean;
  /** What is odd but no error. */
  readonly warn?: (message: string, span: Span) => void;
}

/** What is written behind the kind of a probe, and where it is looked up. */
export interface AttachPoint {
  /** Between the colons. */
  readonly rest: readonly string[];
  /** All of it. */
  readonly text: string;
  readonly span: Span;
  readonly target: TraceTarget;
  readonly how: Expansion;
}
