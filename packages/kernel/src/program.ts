import { PROG } from '@skep/abi';
import { cString } from '@skep/base';
import { bpf, returned } from './bpf/call.ts';
import { type KernelError, notPermitted, programRefused, systemCallFailed } from './diagnostics.ts';
import { enableStats, openProgramHandle, type ProgramInfo, programInfo } from './inspect.ts';
import { pin } from './pin.ts';
import { cBytes } from './sys/c-string.ts';
import { ERRNO } from './sys/errno.ts';
import { Handle } from './sys/handle.ts';
import { kernelVersionCode } from './sys/release.ts';
import { missingAttachType, missingProgramFlag, missingProgramType, programTypeNotBuiltIn } from './unsupported.ts';

/** What BPF_PROG_LOAD is given. */
export interface ProgramOptions {
  readonly name: string;
  /** The kernel's number of `BPF_PROG_TYPE_…`. */
  readonly type: number;
  /** Instructions as the kernel takes them: map descriptors filled in, types relocated. */
  readonly code: Uint8Array;
  readonly license: string;
  /** The kernel's number of `enum bpf_attach_type`. */
  readonly expectedAttachType?: number | undefined;
  /** `BPF_F_SLEEPABLE` … */
  readonly flags?: number;
  /** Type in the kernel's BTF (or in that of `attachTo`) of the function or tracepoint that it attaches to. */
  readonly attachBtfId?: number | undefined;
  /** A program to extend, or the BTF of a module. */
  readonly attachTo?: { readonly fd: number } | undefined;
  readonly btf?: Handle | undefined;
  /** Types of modules whose functions are called: the first is number 1 of the calls' offsets. */
  readonly modules?: readonly Handle[] | undefined;
  /** Records of `struct bpf_func_info` (8 bytes) and `struct bpf_line_info` (16 bytes), offsets in instructions. */
  readonly funcInfo?: Uint8Array;
  readonly lineInfo?: Uint8Array;
  readonly kernelVersion?: number;
  /** Of the verifier, also when it accepts: 1 states, 2 more of them, 4 statistics. */
  readonly logLevel?: number;
}

/** What a test run of the kernel is given. */
export interface TestRunOptions {
  readonly data?: Uint8Array | undefined;
  readonly context?: Uint8Array | undefined;
  readonly repeat?: number;
  /** `BPF_F_TEST_RUN_ON_CPU` … */
  readonly flags?: number;
  readonly cpu?: number;
  /** How many bytes the packet may grow. */
  readonly room?: number;
}

/** What a test run gave. */
export interface TestRunResult {
  /** Unsigned 32 bits. */
  readonly retval: number;
  readonly data: Uint8Array;
  readonly context: Uint8Array;
  /** Of one run on average, by the kernel's clock. */
  readonly nanoseconds: number;
}

/** A program that the kernel's verifier accepted. */
export class Program {
  readonly name: string;
  readonly type: number;
  readonly expectedAttachType: number;
  readonly attachBtfId: number;
  /** Of the verifier; empty unless it was asked for with {@link ProgramOptions.logLevel}. */
  readonly log: string;
  private readonly handle: Handle;

  constructor(
    handle: Handle,
    options: Pick<ProgramOptions, 'name' | 'type' | 'expectedAttachType' | 'attachBtfId'>,
    log: string,
  ) {
    this.handle = handle;
    this.name = options.name;
    this.type = options.type;
    this.expectedAttachType = options.expectedAttachType ?? 0;
    this.attachBtfId = options.attachBtfId ?? 0;
    this.log = log;
  }

  get fd(): number {
    return this.handle.fd;
  }

  info(): ProgramInfo {
    return programInfo(this.fd);
  }

  /** Runs it on data of ours, `repeat` times, in the kernel and attached to nothing. */
  testRun(options: TestRunOptions = {}): TestRunResult {
    const { data, context } = options;
    const dataOut = data && new Uint8Array(data.length + (options.room ?? 256));
    const contextOut = context && new Uint8Array(context.length);
    const repeat = options.repeat ?? 0;
    if (ONCE_ONLY.has(this.type) && repeat > 1) return this.testRunMany(options, repeat);
    // A syscall program changes the context that it was given, and takes no place for another.
    const inPlace = this.type === PROG.BPF_PROG_TYPE_SYSCALL && context ? context.slice() : undefined;
    const result = bpf('BPF_PROG_TEST_RUN', {
      prog_fd: this.fd,
      data_in: data,
      data_size_in: data?.length,
      data_out: dataOut,
      data_size_out: dataOut?.length,
      ctx_in: inPlace ?? context,
      ctx_size_in: context?.length,
      ctx_out: TAKES_CONTEXT_OUT.has(this.type) ? contextOut : undefined,
      ctx_size_out: TAKES_CONTEXT_OUT.has(this.type) ? contextOut?.length : undefined,
      repeat: ONCE_ONLY.has(this.type) ? 0 : repeat,
      flags: options.flags,
      cpu: options.cpu,
    });
    if (result < 0)
      throw systemCallFailed('BPF_PROG_TEST_RUN', -result, `program ${this.name}`, TEST_RUN_HINTS[-result]);
    const out = (field: 'retval' | 'data_size_out' | 'ctx_size_out' | 'duration'): number =>
      returned('BPF_PROG_TEST_RUN', field);
    return {
      retval: out('retval'),
      data: dataOut?.subarray(0, out('data_size_out')) ?? EMPTY,
      context: inPlace ?? contextOut?.subarray(0, out('ctx_size_out')) ?? EMPTY,
      nanoseconds: out('duration'),
    };
  }

  /** For types that the kernel runs but once a call; the time is what its statistics say. */
  private testRunMany(options: TestRunOptions, repeat: number): TestRunResult {
    const statistics = enableStats();
    try {
      const before = this.info();
      let last = this.testRun({ ...options, repeat: 1 });
      for (let i = 1; i < repeat; i++) last = this.testRun({ ...options, repeat: 1 });
      const after = this.info();
      const runs = Number(after.runs - before.runs) || 1;
      return { ...last, nanoseconds: Math.round(Number(after.nanoseconds - before.nanoseconds) / runs) };
    } finally {
      statistics.close();
    }
  }

  /** Makes it outlive this process, as a file on a mounted bpffs. */
  pin(path: string): void {
    pin(this.fd, path);
  }

  close(): void {
    this.handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A program that is loaded by whomever, by its number or by the file that it is pinned as. Throws E5004 when there is none. */
export function openProgram(which: number | string): Program {
  const handle = openProgramHandle(which);
  return new Program(handle, programInfo(handle.fd), '');
}

/**
 * Without a log first, which is the fast way; when the kernel refuses, again with one. Throws {@link ProgramRefused}
 * for a verdict of the verifier, {@link KernelError} for all else.
 */
export function loadProgram(options: ProgramOptions): Program {
  if (options.code.length % 8 !== 0) throw new Error(`the code of ${options.name} is no multiple of 8 bytes`);
  const level = options.logLevel ?? 0;
  if (level === 0) {
    const result = attempt(options, 0, undefined);
    if (result >= 0) return new Program(new Handle(result, `program ${options.name}`), options, '');
    if (result === -ERRNO.EPERM) throw notPermitted('BPF_PROG_LOAD', ERRNO.EPERM, `loading program ${options.name}`);
  }
  let result = -ERRNO.ENOSPC;
  let log = '';
  for (let size = LOG_START; result === -ERRNO.ENOSPC && size <= LOG_LIMIT; size *= 4) {
    const buffer = new Uint8Array(size);
    result = attempt(options, level || 1, buffer);
    log = cString(buffer);
  }
  if (result >= 0) return new Program(new Handle(result, `program ${options.name}`), options, level === 0 ? '' : log);
  if (result === -ERRNO.EPERM) throw notPermitted('BPF_PROG_LOAD', ERRNO.EPERM, `loading program ${options.name}`);
  // The verifier ends its log with what it processed: nothing, when the kernel refused the kind of program.
  const tooOld = !/^processed [1-9]/m.test(log)
    ? (missingProgramType(options.type, -result) ??
      missingAttachType(options.expectedAttachType ?? 0, -result) ??
      missingProgramFlag(options.flags ?? 0, -result) ??
      (log === '' && result === -ERRNO.EINVAL ? absentProgramType(options) : undefined))
    : undefined;
  throw tooOld ?? programRefused(options.name, -result, log);
}

/** Asks whether the kernel would take a program, which is closed at once: 0, or the error number. The log is written to `log`. */
export function probeProgram(options: ProgramOptions, log?: Uint8Array): number {
  const result = attempt(options, log === undefined ? 0 : (options.logLevel ?? 1), log);
  if (result < 0) return -result;
  new Handle(result, `program ${options.name}`).close();
  return 0;
}

/** Nothing was said, and nothing is wrong with the version: was the kernel built without programs of this type? */
function absentProgramType({ type, expectedAttachType }: ProgramOptions): KernelError | undefined {
  const log = new Uint8Array(256);
  const refused = probeProgram({ name: 'probe', type, license: 'GPL', code: RETURN_ZERO, expectedAttachType }, log);
  return refused === ERRNO.EINVAL && cString(log) === '' ? programTypeNotBuiltIn(type, refused) : undefined;
}

/** `r0 = 0; exit` */
const RETURN_ZERO = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
const EMPTY = new Uint8Array();
const LOG_START = 1 << 20;
/** What BPF_PROG_LOAD takes at most is UINT_MAX >> 2; more than this nobody reads. */
const LOG_LIMIT = 1 << 28;
const TAKES_CONTEXT_OUT: ReadonlySet<number> = new Set([
  PROG.BPF_PROG_TYPE_SOCKET_FILTER,
  PROG.BPF_PROG_TYPE_SCHED_CLS,
  PROG.BPF_PROG_TYPE_SCHED_ACT,
  PROG.BPF_PROG_TYPE_XDP,
  PROG.BPF_PROG_TYPE_CGROUP_SKB,
]);
/** Types whose test run takes no count. */
const ONCE_ONLY: ReadonlySet<number> = new Set([PROG.BPF_PROG_TYPE_RAW_TRACEPOINT, PROG.BPF_PROG_TYPE_SYSCALL]);
const TEST_RUN_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.ENOTSUPP]: 'this kernel cannot test-run programs of this type: use the virtual machine',
  [ERRNO.EINTR]: 'a signal came in between (of a profiler?): run it again, or with fewer repetitions',
  [ERRNO.EINVAL]: 'packets have at least 14 bytes; contexts have the size of the program type',
};

function attempt(options: ProgramOptions, logLevel: number, log: Uint8Array | undefined): number {
  const { funcInfo, lineInfo, btf } = options;
  const withBtf = btf !== undefined;
  return bpf('BPF_PROG_LOAD', {
    prog_type: options.type,
    insn_cnt: options.code.length / 8,
    insns: options.code,
    license: cBytes(options.license),
    log_level: logLevel,
    log_size: log?.length,
    log_buf: log,
    kern_version: options.kernelVersion || (options.type === PROG.BPF_PROG_TYPE_KPROBE ? kernelVersionCode() : 0),
    prog_flags: options.flags,
    prog_name: options.name,
    expected_attach_type: options.expectedAttachType,
    prog_btf_fd: btf?.fd,
    func_info_rec_size: withBtf && funcInfo?.length ? 8 : 0,
    func_info: withBtf && funcInfo?.length ? funcInfo : undefined,
    func_info_cnt: withBtf ? (funcInfo?.length ?? 0) / 8 : 0,
    line_info_rec_size: withBtf && lineInfo?.length ? 16 : 0,
    line_info: withBtf && lineInfo?.length ? lineInfo : undefined,
    line_info_cnt: withBtf ? (lineInfo?.length ?? 0) / 16 : 0,
    attach_btf_id: options.attachBtfId,
    attach_prog_fd: options.attachTo?.fd,
    fd_array: options.modules?.length
      ? new Uint8Array(Int32Array.of(0, ...options.modules.map((one) => one.fd)).buffer)
      : undefined,
  });
}
