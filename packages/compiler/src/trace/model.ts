import type { Diagnostic, Span } from '@skep/base';
import type { TraceConfig } from './config.ts';
import type { Probe } from './probe.ts';
import type { TraceType } from './type.ts';

/** A map of the script: `@name`. */
export interface TraceMap {
  /** With the `@`. */
  readonly name: string;
  /** As the object has it. */
  readonly symbol: string;
  /** Undefined for maps without keys. */
  readonly key: TraceType | undefined;
  readonly value: TraceType;
  /** Bytes of the object's key: the key, padded, then the bucket of histograms and series. */
  readonly keySize: number;
  readonly bucketAt: number | undefined;
  readonly span: Span;
}

/**
 * What a program asks user space to do. It sends a record of the ring: eight bytes with the action's number, then the
 * values of `args` as a tuple with that number lies in memory.
 */
export type Action = {
  readonly id: number;
  readonly span: Span;
  readonly expandedAt: readonly Span[];
  readonly record: TraceType & { kind: 'tuple' };
} & (
  | { readonly kind: 'printf' | 'errorf' | 'warnf' | 'cat' | 'system'; readonly format: string }
  | { readonly kind: 'print' }
  | {
      readonly kind: 'printMap';
      readonly map: string;
      readonly top: number | undefined;
      readonly div: bigint | undefined;
    }
  | { readonly kind: 'clear' | 'zero'; readonly map: string }
  | { readonly kind: 'time'; readonly format: string }
  | { readonly kind: 'join'; readonly separator: string }
  | { readonly kind: 'exit' }
  /** What a helper answered: `code`, when it matters. */
  | { readonly kind: 'helperError'; readonly helper: string; readonly message: string; readonly always: boolean }
  | { readonly kind: 'notice'; readonly message: string }
);
/** An action without what every action has. */
export type ActionOf = Without<Action, 'id' | 'span' | 'expandedAt' | 'record'>;
type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;

export interface TraceProgram {
  /** Of the function in the object. */
  readonly name: string;
  readonly probe: Probe;
  readonly section: string;
}

export interface CompiledTrace {
  /** The program as C, with lines of the script. */
  readonly c: string;
  readonly programs: readonly TraceProgram[];
  readonly maps: readonly TraceMap[];
  readonly actions: readonly Action[];
  readonly config: TraceConfig;
  /** Names of traced functions that values of `func` have by their number, from 1. */
  readonly functions: readonly string[];
  /** The map with build ids and offsets of stacks, when the script asks for those. */
  readonly buildIds: string | undefined;
  readonly warnings: readonly Diagnostic[];
  /** Options that the script takes by `getopt`. */
  readonly options: readonly { readonly name: string; readonly summary: string | undefined }[];
}

/** The ring that records come over. */
export const RING = 'skep_ring';

/** Addresses of a stack that the kernel gives at most. */
export const MAX_STACK_DEPTH = 127;

/** The map with the addresses of stacks of which that many are taken at most. */
export function stackMapName(depth: number): string {
  return `skep_stacks_${depth}`;
}
export const LOST = 'skep_lost';
