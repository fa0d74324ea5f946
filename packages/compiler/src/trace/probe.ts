/** Where a program is attached. `name` is what the script's `probe` gives. */
export type Probe = { readonly name: string } & (
  | { readonly kind: 'begin' | 'end' }
  | { readonly kind: 'test' | 'bench'; readonly label: string }
  | { readonly kind: 'self'; readonly signal: string }
  /** `every` in nanoseconds. */
  | { readonly kind: 'interval' | 'profile'; readonly every: bigint }
  | { readonly kind: 'tracepoint'; readonly category: string; readonly event: string }
  | { readonly kind: 'rawtracepoint'; readonly event: string }
  | {
      readonly kind: 'kprobe' | 'kretprobe';
      /** Or the pattern of `functions`. */
      readonly function: string;
      readonly offset: bigint;
      /** All functions that one program is attached to at once. */
      readonly functions?: readonly string[];
    }
  | { readonly kind: 'fentry' | 'fexit'; readonly function: string; readonly module: string | undefined }
  | {
      readonly kind: 'uprobe' | 'uretprobe';
      readonly binary: string;
      readonly function: string;
      readonly offset: bigint;
      readonly functions?: readonly string[];
      /** Offset into the file, where the probe is not at a function. */
      readonly place?: bigint;
    }
  | { readonly kind: 'usdt'; readonly binary: string; readonly provider: string; readonly event: string }
  | { readonly kind: 'iter'; readonly over: string; readonly pin: string | undefined }
  | { readonly kind: 'software' | 'hardware'; readonly event: string; readonly count: bigint }
  | {
      readonly kind: 'watchpoint';
      readonly address: bigint;
      /** Bytes. */
      readonly length: 1 | 2 | 4 | 8;
      readonly access: 'write' | 'read-write' | 'execute';
    }
);
export type ProbeKind = Probe['kind'];

export interface ProbeKindInfo {
  readonly kind: ProbeKind;
  readonly short: readonly string[];
  readonly form: string;
  readonly summary: string;
}

/** All kinds of probes: parsing, listing and the reference page are made from it. */
export const PROBE_KINDS: readonly ProbeKindInfo[] = [
  { kind: 'begin', short: ['BEGIN'], form: 'begin', summary: 'once, before anything else is attached' },
  { kind: 'end', short: ['END'], form: 'end', summary: 'once, when everything else is detached' },
  { kind: 'test', short: [], form: 'test:NAME', summary: 'with `--mode test`: fails when it does not return 0' },
  { kind: 'bench', short: [], form: 'bench:NAME', summary: 'with `--mode bench`: is run many times and measured' },
  { kind: 'self', short: [], form: 'self:signal:SIGUSR1', summary: 'when the tracing process itself gets the signal' },
  { kind: 'interval', short: ['i'], form: 'interval:UNIT:N, interval:10ms', summary: 'again and again, on one CPU' },
  { kind: 'profile', short: ['p'], form: 'profile:UNIT:N, profile:hz:99', summary: 'samples on every CPU' },
  { kind: 'tracepoint', short: ['t'], form: 'tracepoint:CATEGORY:NAME', summary: 'static tracepoints of the kernel' },
  {
    kind: 'rawtracepoint',
    short: ['rt'],
    form: 'rawtracepoint:NAME',
    summary: 'the same with their raw arguments, typed by BTF',
  },
  { kind: 'kprobe', short: ['k'], form: 'kprobe:FUNCTION[+OFFSET]', summary: 'entry of a function of the kernel' },
  { kind: 'kretprobe', short: ['kr'], form: 'kretprobe:FUNCTION', summary: 'return of a function of the kernel' },
  {
    kind: 'fentry',
    short: ['f', 'kfunc'],
    form: 'fentry[:MODULE]:FUNCTION',
    summary: 'entry of a function of the kernel, arguments typed by BTF',
  },
  {
    kind: 'fexit',
    short: ['fr', 'kretfunc'],
    form: 'fexit[:MODULE]:FUNCTION',
    summary: 'return of a function of the kernel, with its arguments and result',
  },
  {
    kind: 'uprobe',
    short: ['u'],
    form: 'uprobe:BINARY:FUNCTION[+OFFSET], uprobe:BINARY@FILE:LINE',
    summary: 'entry of a function of a program or library, an address of it, or a line of its source',
  },
  {
    kind: 'uretprobe',
    short: ['ur'],
    form: 'uretprobe:BINARY:FUNCTION',
    summary: 'return of a function of a program or library',
  },
  { kind: 'usdt', short: ['U'], form: 'usdt:BINARY:[PROVIDER:]NAME', summary: 'static probes of a program or library' },
  { kind: 'iter', short: ['it'], form: 'iter:task[:PIN]', summary: 'walks tasks, their files or their memory once' },
  { kind: 'software', short: ['s'], form: 'software:EVENT:COUNT', summary: 'events that the kernel counts' },
  { kind: 'hardware', short: ['h'], form: 'hardware:EVENT:COUNT', summary: 'events that the processor counts' },
  {
    kind: 'watchpoint',
    short: ['w', 'asyncwatchpoint', 'aw'],
    form: 'watchpoint:ADDRESS:LENGTH:MODE',
    summary: 'accesses of memory: `w`, `rw` or `x`; up to four at once',
  },
];

/** Events of `software` and `hardware`, by all their names: after how many one sample is taken, where the script does not say. */
export const SAMPLE_COUNTS: Readonly<Record<'software' | 'hardware', Readonly<Record<string, bigint>>>> = {
  software: {
    'cpu-clock': 1_000_000n,
    cpu: 1_000_000n,
    'task-clock': 1_000_000n,
    'page-faults': 100n,
    faults: 100n,
    'context-switches': 1_000n,
    cs: 1_000n,
    'cpu-migrations': 1n,
    'minor-faults': 100n,
    'major-faults': 1n,
    'alignment-faults': 1n,
    'emulation-faults': 1n,
    dummy: 1n,
    'bpf-output': 1n,
  },
  hardware: {
    'cpu-cycles': 1_000_000n,
    cycles: 1_000_000n,
    instructions: 1_000_000n,
    'cache-references': 1_000_000n,
    'cache-misses': 1_000_000n,
    'branch-instructions': 100_000n,
    branches: 100_000n,
    'branch-misses': 100_000n,
    'bus-cycles': 100_000n,
    'frontend-stalls': 1_000_000n,
    'backend-stalls': 1_000_000n,
    'ref-cycles': 1_000_000n,
  },
};

export function kindOf(name: string): ProbeKindInfo['kind'] | undefined {
  const found = PROBE_KINDS.find((one) => one.kind === name || one.short.includes(name));
  return found?.kind;
}
