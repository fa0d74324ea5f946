import type { SourceFile } from '@skep/base';
import type { Btf, DebugInfo } from '@skep/object';

/** What a script asks about the machine that it is for. Everything may be missing: scripts that do not ask do not care. */
export interface TraceTarget {
  /** How many CPUs per-CPU values have. */
  readonly cpus: number;
  /** The kernel's types. */
  readonly btf?: (() => Btf | undefined) | undefined;
  /** `category:name` of all tracepoints. */
  tracepoints?(): readonly string[];
  /** The `format` file of a tracepoint. */
  tracepointFormat?(category: string, name: string): string | undefined;
  rawTracepoints?(): readonly string[];
  /** Functions that a kprobe can be set on; undefined when there are no kprobes. */
  kernelFunctions?(): readonly string[] | undefined;
  /** Names of loaded modules. */
  kernelModules?(): readonly string[];
  /** Address of a symbol of the kernel. */
  kernelSymbol?(name: string): bigint | undefined;
  /** Where a binary is that was named without its path, and what it has. */
  executable?(name: string): TraceExecutable | undefined;
  /** Binaries that a pattern means; with `*`, those that processes have mapped. */
  executables?(pattern: string): readonly string[];
  /** The namespace in which the tracing process numbers processes, when it is not the first one. */
  pidNamespace?(): { readonly device: bigint; readonly inode: bigint } | undefined;
  /** The id of a cgroup by its directory. */
  cgroupId?(path: string): bigint | undefined;
  /** Number of a user, a system call, a signal. */
  readFile?(path: string): string | SourceFile | undefined;
  /** Everybody may write to the directory of this file: nothing is imported from there. */
  openToAll?(path: string): boolean;
  /** Files of a directory, for `import`. */
  listDirectory?(path: string): readonly string[] | undefined;
  readonly includePaths?: readonly string[] | undefined;
}

export interface TraceExecutable {
  readonly path: string;
  functions(): readonly string[];
  /** Address, size and type of a symbol. */
  symbol(name: string): { readonly address: bigint; readonly size: number } | undefined;
  /** Static probes: `provider:name`. */
  probes(): readonly string[];
  /** Where the arguments of a static probe are, at each place that it was compiled to, as the notes say. */
  probeArguments?(provider: string, name: string): readonly string[];
  /** Not position independent: symbols lie where the file says. */
  readonly fixed: boolean;
  /** Device and inode, which a mapping of it has. */
  readonly inode: bigint;
  /** Of an address that holds code, as symbols are given, the offset into the file. */
  offsetOf?(address: bigint): bigint | undefined;
  /** Names of arguments, types, and lines of the source, where the binary was built with them. */
  debug?(): DebugInfo | undefined;
}
