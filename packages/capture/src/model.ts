/**
 * What a recording holds: every run of the recorded programs with all that the program saw of the outside, so that
 * the virtual machine can run the same program, or an edited one, on the same facts. `docs/recording.md` describes the bytes.
 */
export interface RecordingHeader {
  /** `uname -r` of the machine. */
  readonly release: string;
  /** `x86_64`, `aarch64`. */
  readonly machine: string;
  readonly cpus: number;
  /** Nanoseconds since 1970 at the moment when the monotonic clock (`bpf_ktime_get_ns`) showed {@link startMonotonic}. */
  readonly startRealtime: bigint;
  readonly startMonotonic: bigint;
  /** Values of global variables that the recorded programs ran with, by name: a filter's pid above all. */
  readonly globals: Variables;
  /** The command whose events these are, when there was one. */
  readonly command: readonly string[];
}

/** Values of a program's global variables, by name. */
export type Variables = { readonly [name: string]: number | readonly number[] };

/** A part of a recording. */
export type RecordingBlock =
  | { readonly kind: 'header'; readonly header: RecordingHeader }
  /** The kernel types that the programs' CO-RE relocations ask for, as BTF. */
  | { readonly kind: 'btf'; readonly bytes: Uint8Array }
  | { readonly kind: 'hook'; readonly hook: RecordedHook }
  | { readonly kind: 'run'; readonly run: RecordedRun }
  /** A tool; the types and hooks up to the next tool are its own. */
  | { readonly kind: 'tool'; readonly tool: RecordedTool }
  /** What numbers in events are called on the recorded machine: answers by question, as {@link RecordedNames} has them. */
  | { readonly kind: 'names'; readonly names: RecordedNames }
  /** So many runs were lost here because the recorder's ring was full. */
  | { readonly kind: 'lost'; readonly count: bigint }
  /** What tools had gathered was shown here, and gathering began anew: nanoseconds of the monotonic clock. */
  | { readonly kind: 'interval'; readonly time: bigint };

/** What is needed to show a recorded tool again without saying anything but its name. */
export interface RecordedTool {
  readonly name: string;
  readonly route: string;
  readonly args: readonly string[];
  /** As the command line gave them, by their names in camel case. */
  readonly options: { readonly [name: string]: string | number | boolean | readonly string[] };
  /** Values of global variables that its programs ran with. */
  readonly globals: Variables;
  /** Names of its programs, in the order of the hooks that follow. */
  readonly programs: readonly string[];
}

/** `user 0`: `"root"`; `docs/recording.md` lists the questions. */
export type RecordedNames = { readonly [question: string]: unknown };

/** What programs were attached to; runs name it by number. */
export interface RecordedHook {
  readonly id: number;
  /** `tracepoint/syscalls/sys_enter_openat`. */
  readonly section: string;
  /** `BPF_PROG_TYPE_TRACEPOINT`. */
  readonly programType: string;
}

/** One run of one program. */
export interface RecordedRun {
  readonly hook: number;
  readonly cpu: number;
  /** Monotonic nanoseconds when it began. */
  readonly time: bigint;
  /** As `bpf_get_current_pid_tgid` gives it: tgid in the upper half. */
  readonly pidTgid: bigint;
  /** As `bpf_get_current_uid_gid` gives it. */
  readonly uidGid: bigint;
  /** At most 16 bytes, without the NULs. */
  readonly comm: string;
  /** The context, byte for byte. */
  readonly context: Uint8Array;
  /** What the program read of the kernel's or the process's memory, in the order of reading. */
  readonly memory: readonly MemoryPiece[];
  /** Results of helpers that depend on the outside (time, random numbers, the current task), in the order of the calls. */
  readonly calls: readonly RecordedCall[];
  /** Stacks that the program asked for, in the order of asking; not given when there are none. */
  readonly stacks?: readonly RecordedStack[];
}

/** A stack that a program asked for. */
export interface RecordedStack {
  /** The process's, not the kernel's. */
  readonly user: boolean;
  /** What the helper gave: of `bpf_get_stackid` the stack's number, of `bpf_get_stack` bytes, or a negative error number. */
  readonly result: number;
  /** The whole stack, innermost first; empty when there was none. */
  readonly addresses: readonly bigint[];
}

/** What one read of memory outside of the program gave. */
export interface MemoryPiece {
  readonly address: bigint;
  readonly space: 'kernel' | 'user';
  /** The helper's result: 0, a length (strings), or a negative error number; then {@link bytes} is empty. */
  readonly result: number;
  readonly bytes: Uint8Array;
}

/** What one call of a helper gave that asks for time, task and the like. */
export interface RecordedCall {
  /** Number of the helper. */
  readonly helper: number;
  readonly result: bigint;
}
