import type { Variables } from '@skep/capture';
import type { Bucket, Column, Row, StackCount } from '@skep/view';
import type { Loaded, Value } from 'skep';
import type { Names } from './names.ts';

/**
 * A tool: small programs for the kernel, and how what they gather is shown. Everything else (home, options that all tools
 * have, filters, formats, recordings) is the frame's.
 */
export interface Tool {
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  readonly description?: string;
  readonly argument?: {
    readonly name: string;
    readonly summary: string;
    readonly required: boolean;
    readonly many?: boolean;
  };
  /**
   * It takes seconds between outputs, and how many: `[interval] [times]`; then there is no other argument. `once`: a single
   * number means one output, after so long.
   */
  readonly intervals?: true | 'once';
  /** Seconds between outputs where nobody says how many, and no command says when it is over. */
  readonly every?: number;
  readonly options: readonly ToolOption[];
  /** What users of bcc and libbpf-tools may look for in vain: parsed, and refused with what to do instead. */
  readonly refused?: readonly RefusedOption[];
  /** Why `-p` and `--cgroup` cannot choose what it shows; they are refused then. */
  readonly everybody?: string;
  /** Ways to get at the facts, the best first; the first that this kernel offers is taken. */
  readonly routes: readonly Route[];
  readonly examples: readonly { readonly line: string; readonly does: string }[];
  display(given: Given): Display;
}

export interface ToolOption {
  /** `-x, --failed`: as the command line has it, without the value. */
  readonly flags: string;
  /** The name of its value; without one it is a switch. */
  readonly value?: string;
  readonly summary: string;
  readonly kind?: 'integer' | 'duration';
  readonly choices?: readonly string[];
  readonly many?: boolean;
  readonly fallback?: string;
  /** The `const volatile` variable of the program that it sets: to the number, of a switch to 1. */
  readonly global?: string;
}

export interface RefusedOption {
  /** `-b, --buffer-pages`, not shown in the help. */
  readonly flags: string;
  readonly value?: string;
  /** A clause: `the ring has room for a megabyte`, `use --cgroup DIR`. */
  readonly instead: string;
}

export interface Route {
  readonly name: string;
  /** `exact`: what the tool says. `approximate`: less, or something near; `misses` says what. */
  readonly kind: 'exact' | 'approximate';
  readonly misses?: string;
  /** The file below `programs/`, without `.bpf.c`; or C text that is made for a command line. */
  readonly program: string | ((given: Given) => string);
  /** What the kernel must have. */
  readonly needs: readonly Need[];
  /** Only these of the file's programs; a function where options or arguments decide. All when not given. */
  readonly programs?: readonly string[] | ((given: Given) => readonly string[]);
}

/** Something a kernel has or has not. */
export type Need =
  /** `sched:sched_switch`; raw tracepoints too. */
  | { readonly kind: 'tracepoint'; readonly name: string }
  /** That a kprobe can be set, on this function. */
  | { readonly kind: 'kprobe'; readonly name: string }
  /** That BPF programs can be called at functions, and this one exists. */
  | { readonly kind: 'fentry'; readonly name: string }
  /** A structure of the kernel has this member: `request_queue.disk`. */
  | { readonly kind: 'member'; readonly name: string };

/** What the user asked for. */
export interface Given {
  readonly args: readonly string[];
  text(name: string): string | undefined;
  number(name: string): number | undefined;
  flag(name: string): boolean;
  list(name: string): readonly string[];
  /** The route that was taken. */
  readonly route: Route;
  /** Names of users, system calls, functions, containers …: of this machine, or those that a recording brings. */
  readonly names: Names;
  /** What else a tool reads of the machine, and when: a recording has the text that `look` gave, each time it was asked for. */
  fact(name: string, look: () => string): string;
  /** Nanoseconds since 1970, of nanoseconds since boot on the machine that the event comes from. */
  realtime(monotonic: bigint): bigint;
}

/** What a display may do before programs are loaded, or attached. */
interface Prepared {
  /** First values of variables of the program, beside those that options set. */
  readonly globals?: Variables;
  /** Loaded, not attached yet: for maps that programs find filled. */
  readonly prepare?: (loaded: Loaded) => void;
  /** Ten times a second: to ask of processes what nobody knows any more when they have ended. */
  readonly poll?: (loaded: Loaded) => void;
  /** Where uprobes, USDT probes and functions go, in place of what the program's sections say. */
  readonly targets?: { readonly [program: string]: string };
  /** Samples per second of programs on perf events. */
  readonly frequency?: number;
  /** Printed below the last output, for people. */
  readonly footer?: (loaded: Loaded) => string | undefined;
}

/** One line for each record of a ring, as it comes. */
export interface RowDisplay extends Prepared {
  readonly kind: 'rows';
  readonly columns: readonly Column[];
  /** Undefined when this record is not to be shown. */
  row(record: Value, ring: string): Row | undefined;
  /** More lines, below a row, for people. */
  below?(row: Row): string;
}

/** A table made from maps, at the end and at each interval. */
export interface TableDisplay extends Prepared {
  readonly kind: 'table';
  readonly columns: readonly Column[];
  /** Most important first. What was read is taken out of the maps, where intervals are to start anew. */
  rows(loaded: Loaded): Row[];
  /** A screenful at each interval, as top(1) has it. */
  readonly top?: boolean;
  /** Lines above each table. */
  readonly title?: (loaded: Loaded) => string | undefined;
}

/** Histograms made from maps, at the end and at each interval. */
export interface HistogramDisplay extends Prepared {
  readonly kind: 'histograms';
  /** `usecs`. */
  readonly unit: string;
  /** `label` names what one of several is about: `disk = sda`. */
  histograms(loaded: Loaded): readonly { readonly label?: string | undefined; readonly buckets: readonly Bucket[] }[];
}

/** Stacks with counts or times, at the end and at each interval. */
export interface StackDisplay extends Prepared {
  readonly kind: 'stacks';
  /** What is counted: `samples`, `µs`. */
  readonly unit: string;
  /** A line for each, as flame graph tools read them. */
  readonly folded?: boolean;
  /** The file for a flame graph of all there were (SVG). */
  readonly flameGraph?: string | undefined;
  stacks(loaded: Loaded): readonly (StackCount & { readonly label?: string | undefined })[];
}

/** Several tables and histograms, at the end and at each interval. */
export interface SectionDisplay extends Prepared {
  readonly kind: 'sections';
  sections(loaded: Loaded): readonly Section[];
}

export type Section =
  | {
      readonly kind: 'table';
      readonly label: string;
      readonly columns: readonly Column[];
      readonly rows: readonly Row[];
    }
  | { readonly kind: 'histogram'; readonly label: string; readonly unit: string; readonly buckets: readonly Bucket[] };

export type Display = RowDisplay | TableDisplay | HistogramDisplay | StackDisplay | SectionDisplay;
