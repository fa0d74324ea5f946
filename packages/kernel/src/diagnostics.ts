import { type Diagnostic, type DiagnosticNote, EXIT, type ExitCode, SkepError } from '@skep/base';
import { permissionReasons } from './permission.ts';
import { ERRNO, errnoName } from './sys/errno.ts';

/** A refusal of the kernel: which call, with which error, what to do about it. */
export class KernelError extends SkepError {
  /** The command of bpf(2), or the system call: `BPF_MAP_CREATE`, `perf_event_open`. Empty when none was made. */
  readonly call: string;
  /** 0 when no call was made. */
  readonly errno: number;

  constructor(diagnostic: Diagnostic, exitCode: ExitCode, call = '', errno = 0) {
    super(diagnostic, exitCode);
    this.name = 'KernelError';
    this.call = call;
    this.errno = errno;
  }

  /** `EPERM`; empty when no call was made. */
  get errnoName(): string {
    return this.errno === 0 ? '' : errnoName(this.errno);
  }
}

/** The kernel's verifier said no; {@link log} is all that it said. */
export class ProgramRefused extends KernelError {
  readonly program: string;
  readonly log: string;

  constructor(diagnostic: Diagnostic, errno: number, program: string, log: string) {
    super(diagnostic, EXIT.refusedByVerifier, 'BPF_PROG_LOAD', errno);
    this.name = 'ProgramRefused';
    this.program = program;
    this.log = log;
  }
}

export function nativeUnavailable(why: string): KernelError {
  return new KernelError(
    error('E5001', `the kernel cannot be used from here: ${why}`, 'run in the virtual machine instead: --home vm'),
    EXIT.kernelLacksFeature,
  );
}

/** EPERM or EACCES, explained by what this process may and may not do; `lacks` are capabilities that this takes besides. */
export function notPermitted(call: string, errno: number, what: string, lacks: readonly string[] = []): KernelError {
  const special = lacks.map((one) => ({
    message: `this process lacks ${one}, which ${what} takes here`,
    remedy: `run as root (sudo), or give the process ${one}`,
  }));
  const reasons = [...special, ...permissionReasons()];
  const notes = reasons.map((one) => ({ message: one.message }));
  return new KernelError(
    error(
      'E5002',
      `the kernel does not permit ${what} (${call}: ${errnoName(errno)})`,
      reasons[0]?.remedy ??
        'nothing is wrong with this process that skep knows of: look for a security module in `dmesg`',
      notes,
    ),
    EXIT.notPermitted,
    call,
    errno,
  );
}

/** `instead`: what to use here. */
export function featureMissing(
  what: string,
  since: string,
  release: string,
  call: string,
  errno: number,
  instead?: string,
): KernelError {
  const remedy = instead === undefined ? 'run in the virtual machine: --home vm' : `use ${instead}`;
  return new KernelError(
    error(
      'E5003',
      `this kernel (${release}) has no ${what}${call === '' ? '' : ` (${call}: ${errnoName(errno)})`}`,
      `${what} came with Linux ${since}; here, ${remedy}`,
    ),
    EXIT.kernelLacksFeature,
    call,
    errno,
  );
}

/** It is new enough, and was built without it. */
export function notBuiltIn(
  what: string,
  config: string,
  release: string,
  call: string,
  errno: number,
  instead?: string,
): KernelError {
  const remedy = instead === undefined ? 'use a kernel that has it' : `use ${instead}`;
  return new KernelError(
    error(
      'E5005',
      `this kernel (${release}) was built without ${what}${call === '' ? '' : ` (${call}: ${errnoName(errno)})`}`,
      `it takes ${config}; here, ${remedy}`,
    ),
    EXIT.kernelLacksFeature,
    call,
    errno,
  );
}

export function lsmInactive(active: string): KernelError {
  return new KernelError(
    error(
      'E5016',
      'security hooks of programs are not active: the kernel would take the program and never run it',
      `boot with bpf in the list of security modules: lsm=${active},bpf`,
    ),
    EXIT.kernelLacksFeature,
  );
}

export function noSuchBinary(name: string, searched: readonly string[]): KernelError {
  return new KernelError(
    error(
      'E5017',
      `no program or library ${name}`,
      searched.length === 0 ? 'name it by its path' : `searched in ${searched.join(', ')}; or name it by its path`,
    ),
    EXIT.error,
    '',
    ERRNO.ENOENT,
  );
}

export function noSuchUserFunction(
  binary: string,
  name: string,
  found: 'imported' | 'absent',
  nearest: string | undefined,
): KernelError {
  const help =
    found === 'imported'
      ? 'it is only called there and comes from a library: name that library'
      : nearest === undefined
        ? 'the file may be stripped: install its debugging symbols, or give an address: PATH:0x1234'
        : `did you mean ${nearest}?`;
  return new KernelError(error('E5018', `${binary} has no function ${name}`, help), EXIT.error, '', ERRNO.ENOENT);
}

export function noSuchUsdt(binary: string, name: string, nearest: string | undefined): KernelError {
  return new KernelError(
    error(
      'E5019',
      `${binary} has no static probe ${name}`,
      nearest === undefined ? 'it was built without probes: readelf -n lists them' : `did you mean ${nearest}?`,
    ),
    EXIT.error,
    '',
    ERRNO.ENOENT,
  );
}

export function executableUnreadable(path: string, why: string): KernelError {
  return new KernelError(
    error('E5020', `${path} cannot be read as a program: ${why}`, 'probes need a 64-bit ELF program or library'),
    EXIT.error,
  );
}

export function cgroupUnusable(path: string, why: string): KernelError {
  return new KernelError(
    error(
      'E5021',
      `${path} is not a cgroup: ${why}`,
      'name a directory of cgroup version 2; `skep doctor` says where it is mounted',
    ),
    EXIT.error,
    'open',
    ERRNO.ENOENT,
  );
}

export function badRoute(text: string): KernelError {
  return new KernelError(
    error(
      'E5024',
      `${text} is not an address of a route`,
      'write it as 10.8.0.0/16 or 2001:db8::/32, all of one family',
    ),
    EXIT.error,
  );
}

/** A call that failed for no reason that has a message of its own. */
export function systemCallFailed(call: string, errno: number, what: string, help?: string): KernelError {
  if (errno === ERRNO.EPERM || errno === ERRNO.EACCES) return notPermitted(call, errno, what);
  return new KernelError(
    error('E5004', `${call} failed for ${what}: ${errnoName(errno)}`, help ?? HINTS[errno]),
    EXIT.error,
    call,
    errno,
  );
}

export function tracefsAbsent(mayRead: boolean): KernelError {
  return mayRead
    ? new KernelError(
        error(
          'E5011',
          'tracefs is not mounted, so tracepoints cannot be found by name',
          'mount it: mount -t tracefs tracefs /sys/kernel/tracing (in a container: mount the directory of the host)',
        ),
        EXIT.error,
      )
    : notPermitted('open', ERRNO.EACCES, 'reading /sys/kernel/tracing');
}

export function unknownTracepoint(name: string, nearest: string | undefined, release: string): KernelError {
  return unknownHook('E5010', 'tracepoint', name, nearest, release);
}

export function unknownRawTracepoint(name: string, nearest: string | undefined, release: string): KernelError {
  return unknownHook('E5012', 'raw tracepoint', name, nearest, release);
}

export function unknownInterface(name: string, nearest: string | undefined): KernelError {
  return new KernelError(
    error(
      'E5013',
      `no network interface ${name}`,
      nearest === undefined ? 'ip link lists them' : `did you mean ${nearest}?`,
    ),
    EXIT.error,
    'SIOCGIFINDEX',
    ERRNO.ENODEV,
  );
}

export function kernelBtfAbsent(): KernelError {
  return new KernelError(
    error(
      'E5014',
      'this kernel does not show its types: /sys/kernel/btf/vmlinux cannot be read',
      'it takes a kernel built with CONFIG_DEBUG_INFO_BTF and /sys mounted; or give types of your own: --btf FILE',
    ),
    EXIT.kernelLacksFeature,
  );
}

export function noSuchKernelFunction(name: string, nearest: string | undefined): KernelError {
  return unknownHook('E5015', 'kernel function', name, nearest, '');
}

export function noSuchProgramFunction(program: string, name: string, nearest: string | undefined): KernelError {
  return unknownHook('E5023', `function of program ${program}`, name, nearest, '');
}

export function mapRefused(name: string, errno: number, shape: string): KernelError {
  return systemCallFailed('BPF_MAP_CREATE', errno, `map ${name} (${shape})`);
}

export function programRefused(program: string, errno: number, log: string): ProgramRefused {
  const last = lastMeaningfulLine(log);
  return new ProgramRefused(
    error(
      'E5030',
      `the kernel's verifier refused program ${program} (${errnoName(errno)})`,
      last ?? 'the verifier said nothing: the program type or its arguments are wrong',
    ),
    errno,
    program,
    log,
  );
}

export function btfRefused(errno: number, log: string): KernelError {
  return new KernelError(
    error('E5031', `the kernel refused the type information (${errnoName(errno)})`, lastMeaningfulLine(log)),
    EXIT.error,
    'BPF_BTF_LOAD',
    errno,
  );
}

/** The line of a verifier log that says why: the last one that is neither statistics nor state. */
export function lastMeaningfulLine(log: string): string | undefined {
  const lines = log.split('\n').map((line) => line.trim());
  return lines.findLast((line) => line !== '' && !STATISTICS.test(line));
}

const STATISTICS =
  /^(processed \d+ insns|verification time|stack depth|peak_states|max_states|mark_read|insns? processed|-- END PROG LOAD LOG)/;

const HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EMFILE]: 'too many open files: raise the limit with ulimit -n',
  [ERRNO.ENOMEM]: 'the kernel has no memory for it: make it smaller',
  [ERRNO.E2BIG]: 'it is larger than the kernel takes',
  [ERRNO.EBUSY]: 'something else is attached there',
  [ERRNO.EINVAL]: 'the kernel takes no such combination of arguments, or is too old for one of them',
  [ERRNO.ENOSYS]: 'the kernel was built without it',
};

function unknownHook(
  code: string,
  kind: string,
  name: string,
  nearest: string | undefined,
  release: string,
): KernelError {
  return new KernelError(
    error(
      code,
      `this kernel${release === '' ? '' : ` (${release})`} has no ${kind} ${name}`,
      nearest === undefined ? `the name may differ between kernel versions` : `did you mean ${nearest}?`,
    ),
    EXIT.kernelLacksFeature,
    '',
    ERRNO.ENOENT,
  );
}

function error(code: string, message: string, help?: string, notes: readonly DiagnosticNote[] = []): Diagnostic {
  return {
    code,
    severity: 'error',
    message,
    ...(help === undefined ? {} : { help }),
    ...(notes.length ? { notes } : {}),
  };
}
