import type { Document } from '../../packages/tools/test/guest/document.ts';

/** Whose tools skep's are compared with: the packages of Debian that hold them. */
export const HOUSES = ['libbpf-tools', 'bcc', 'bpftrace'] as const;
export type House = (typeof HOUSES)[number];

/** A tool, the same tool of other houses, and a workload under which all are to say the same. */
export interface Comparison {
  readonly tool: string;
  /** Of skep's tool, besides `-o json`. */
  readonly args: readonly string[];
  /** A program that is there before the tools are: `$PID` in the arguments of all is its process. */
  readonly target?: readonly string[];
  /** They cannot be attached at the same time: the workload runs for skep's tool, and again for the others. */
  readonly apart?: true;
  /** For a shell, when all are attached. */
  readonly workload: string;
  /** What `-o json` says of the workload: a line each, in any order. */
  ours(document: Document): string[];
  readonly peers: { readonly [house in House]?: Peer };
}

export interface Peer {
  /** Besides the name, which is the tool's where `name` gives no other. */
  readonly args?: readonly string[];
  readonly name?: string;
  /** Its output comes when it ends by itself, not on SIGINT. */
  readonly ends?: true;
  /** What its output says of the workload. */
  theirs(text: string): string[];
  /** What skep says, where this one has other words or says less. */
  ours?(document: Document): string[];
}
