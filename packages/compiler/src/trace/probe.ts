import { SkepError, type Span, suggest } from '@skep/base';
import { badBoundary, badProbe, noBinary, noMatch, refusedProbe } from './diagnostics.ts';
import { DURATIONS } from './lexer.ts';
import type { TraceExecutable, TraceTarget } from './target.ts';

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
);
export type ProbeKind = Probe['kind'];

export interface ProbeKindInfo {
  readonly kind: ProbeKind | 'watchpoint';
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
    summary: 'accesses of memory (refused)',
  },
];

/** Events of `software` and `hardware`, with the count that is taken when none is given. */
export const PERF_EVENTS: Readonly<Record<'software' | 'hardware', Readonly<Record<string, bigint>>>> = {
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

/** How attach points are expanded. */
export interface Expansion {
  /** One program can be attached to all functions of the kernel, or of a binary, that a wildcard matches. */
  readonly multi?: { readonly kprobe: boolean; readonly uprobe: boolean } | undefined;
  /** What may be wrong is tried. */
  readonly unsafe?: boolean;
  /** What is odd but no error. */
  readonly warn?: (message: string, span: Span) => void;
}

/** All probes that an attach point means: one, or as many as match its wildcards. Throws E154x. */
export function expandProbe(text: string, span: Span, target: TraceTarget, how: Expansion = {}): Probe[] {
  const [first = '', ...rest] = text.split(':');
  const kind = kindOf(first);
  if (kind === undefined) {
    const near = suggest(
      first,
      PROBE_KINDS.flatMap((one) => [one.kind, ...one.short]),
    );
    throw new SkepError(badProbe(`Invalid probe type: ${first}`, span, near ? `did you mean \`${near}\`?` : undefined));
  }
  const need = (count: number, form: string): void => {
    if (rest.length < count || rest.slice(0, count).some((one) => one === ''))
      throw new SkepError(
        badProbe(
          `${kind} probe type requires ${count} argument${count === 1 ? '' : 's'}, found ${rest.filter((one) => one !== '').length}`,
          span,
          `write ${form}`,
        ),
      );
  };
  switch (kind) {
    case 'begin':
    case 'end':
      if (rest.length > 0)
        throw new SkepError(badProbe(`${kind} probe type requires 0 arguments, found ${rest.length}`, span));
      return [{ kind, name: first }];
    case 'test':
    case 'bench':
      need(1, `${kind}:NAME`);
      return [{ kind, label: rest.join(':'), name: text }];
    case 'self':
      if (rest[0] !== 'signal' || !/^SIG[A-Z0-9]+$/.test(rest[1] ?? ''))
        throw new SkepError(badProbe(`${text} is not a supported trigger`, span, 'write self:signal:SIGUSR1'));
      if (rest[1] !== 'SIGUSR1')
        throw new SkepError(badProbe(`${rest[1]} is not a supported signal`, span, 'only SIGUSR1 is free for scripts'));
      return [{ kind, signal: rest[1], name: text }];
    case 'interval':
    case 'profile':
      return [{ kind, every: period(kind, rest, span), name: `${kind}:${rest.join(':')}` }];
    case 'software':
    case 'hardware': {
      need(1, `${kind}:EVENT:COUNT`);
      const known = PERF_EVENTS[kind];
      const event = rest[0]!;
      if (!(event in known)) {
        const near = suggest(event, Object.keys(known));
        throw new SkepError(
          badProbe(
            `${event} is not a ${kind} probe`,
            span,
            near ? `did you mean \`${near}\`?` : `there are ${Object.keys(known).join(', ')}`,
          ),
        );
      }
      const count = rest[1] === undefined || rest[1] === '' ? known[event]! : amount(rest[1], span);
      return [{ kind, event, count, name: text }];
    }
    case 'watchpoint':
      throw new SkepError(
        refusedProbe(
          'watchpoints are not supported',
          span,
          'no hardware breakpoints are used; trace the function that writes with uprobe or kprobe',
        ),
      );
    case 'iter': {
      need(1, 'iter:task');
      const over = rest[0]!;
      if (!ITERATORS.includes(over))
        throw new SkepError(
          badProbe(`iter ${over} not available for your kernel version.`, span, `there are ${ITERATORS.join(', ')}`),
        );
      return [{ kind, over, pin: rest[1], name: `iter:${over}` }];
    }
    case 'tracepoint': {
      const [category, event] = rest.length === 1 ? ['*', rest[0]!] : rest;
      need(1, 'tracepoint:CATEGORY:NAME');
      if (event === undefined || event === '')
        throw new SkepError(badProbe('tracepoint probe must have a target', span, 'write tracepoint:CATEGORY:NAME'));
      const names = select(`${category}:${event}`, target.tracepoints?.() ?? [], text, span);
      return names.map((one) => {
        const [c = '', e = ''] = one.split(':');
        return { kind, category: c, event: e, name: `tracepoint:${one}` };
      });
    }
    case 'rawtracepoint': {
      need(1, 'rawtracepoint:NAME');
      const wanted = rest.length > 1 ? rest.at(-1)! : rest[0]!;
      const modules = ['vmlinux', ...(target.kernelModules?.() ?? [])];
      if (rest.length > 1 && filter(rest[0]!, modules).length === 0) throw new SkepError(noMatch(readable(text), span));
      const names = select(wanted, target.rawTracepoints?.() ?? [], text, span);
      return names.map((event) => ({ kind, event, name: `rawtracepoint:${event}` }));
    }
    case 'kprobe':
    case 'kretprobe':
      need(1, `${kind}:FUNCTION`);
      return kernelProbes(kind, rest, text, span, target, how);
    case 'fentry':
    case 'fexit': {
      need(1, `${kind}:FUNCTION`);
      const name = rest.at(-1)!;
      const module = rest.length > 1 ? rest[0] : undefined;
      if (module === 'bpf')
        throw new SkepError(
          refusedProbe(`${kind} on other BPF programs is not supported`, span, 'trace a function of the kernel'),
        );
      const all = target.kernelFunctions?.() ?? [];
      const names = !/[*?[]/.test(name) && all.length === 0 ? [name] : select(name, all, text, span);
      return names.map((one) => ({ kind, function: one, module, name: `${kind}:${module ?? 'vmlinux'}:${one}` }));
    }
    case 'uprobe':
    case 'uretprobe':
      return userProbes(kind, rest, text, span, target, how);
    case 'usdt':
      return staticProbes(rest, text, span, target);
  }
}

const ITERATORS = ['task', 'task_file', 'task_vma'];

export function kindOf(name: string): ProbeKindInfo['kind'] | undefined {
  const found = PROBE_KINDS.find((one) => one.kind === name || one.short.includes(name));
  return found?.kind ?? (name === 'rawtracepoint' ? 'rawtracepoint' : undefined);
}

function period(kind: string, rest: readonly string[], span: Span): bigint {
  const bad = (message: string): never => {
    throw new SkepError(badProbe(message, span, `write ${kind}:s:1, ${kind}:hz:99 or ${kind}:10ms`));
  };
  if (rest.length === 0 || rest[0] === '') bad(`${kind} probe type requires 1 or 2 arguments, found 0`);
  if (rest.length === 1) return amount(rest[0]!, span) || bad(`${kind} period must be greater than 0`);
  if (rest.length > 2) bad(`${kind} probe type requires 1 or 2 arguments, found ${rest.length}`);
  const count = amount(rest[1]!, span);
  if (count === 0n) bad(`${kind} period must be greater than 0`);
  if (rest[0] === 'hz') return 1_000_000_000n / count || 1n;
  const unit = /^(us|ms|s|ns)$/.test(rest[0]!) ? DURATIONS[rest[0]!]! : bad(`${rest[0]} is not an accepted unit`);
  return count * unit;
}

function amount(text: string, span: Span): bigint {
  const match = /^(\d[\d_]*)(?:e(\d+))?(ns|us|ms|s|m|h|d)?$/.exec(text);
  if (!match && !/^0x[0-9a-fA-F]+$/.test(text))
    throw new SkepError(badProbe(`Invalid rate of ${text}`, span, 'write a whole number'));
  if (!match) return BigInt(text);
  return BigInt(match[1]!.replaceAll('_', '')) * 10n ** BigInt(match[2] ?? 0) * (match[3] ? DURATIONS[match[3]]! : 1n);
}

function kernelProbes(
  kind: 'kprobe' | 'kretprobe',
  rest: readonly string[],
  text: string,
  span: Span,
  target: TraceTarget,
  how: Expansion,
): Probe[] {
  const [, name = '', offset] = /^([^+]+)(?:\+(\w+))?$/.exec(rest.at(-1)!) ?? [];
  if (kind === 'kretprobe' && offset !== undefined)
    throw new SkepError(badProbe('Offset not allowed', span, 'a return has no offset'));
  const module = rest.length > 1 ? rest[0]! : undefined;
  const modules = target.kernelModules?.();
  if (module !== undefined && modules && filter(module, ['vmlinux', ...modules]).length === 0)
    throw new SkepError(
      badProbe(
        `specified module ${module} in probe ${kind}:${rest.join(':')} is not loaded.`,
        span,
        '/proc/modules lists those that are; functions of the kernel itself are in vmlinux',
      ),
    );
  const all = (target.kernelFunctions?.() ?? []).filter((one) => !UNTRACEABLE.test(one));
  const made = (one: string): Probe => ({
    kind,
    function: one,
    offset: offset ? BigInt(offset) : 0n,
    name: `${kind}:${one}${offset ? `+${offset}` : ''}`,
  });
  if (!isPattern(name)) {
    if (all.length === 0) return [made(name)];
    if (!all.includes(name)) {
      how.warn?.(
        `${name} is not traceable (either non-existing, inlined, or marked as "notrace"); attaching to it will likely fail`,
        span,
      );
      if (how.unsafe) return [made(name)];
    }
  }
  const names = select(name, all, text, span);
  if (names.length > 1 && how.multi?.kprobe && offset === undefined)
    return [{ kind, function: name, offset: 0n, functions: names, name: `${kind}:${name}` }];
  return names.map(made);
}

/** Functions whose probes would bring the kernel to a halt. */
const UNTRACEABLE = /^(rcu_|__ftrace_invalid_address__|arch_cpu_idle$|default_idle$|bpf_dispatcher_xdp_func$)/;

function isPattern(name: string): boolean {
  return /[*?[]/.test(name);
}

function userProbes(
  kind: 'uprobe' | 'uretprobe',
  rest: readonly string[],
  text: string,
  span: Span,
  target: TraceTarget,
  how: Expansion,
): Probe[] {
  if (rest.length < 2 || rest[0] === '' || rest.at(-1) === '')
    throw new SkepError(
      badProbe(
        `${kind} probe type requires 2 or 3 arguments, found ${rest.filter((one) => one !== '').length}`,
        span,
        `write ${kind}:BINARY:FUNCTION`,
      ),
    );
  const line = /^(.+)@([^@:]+)$/.exec(rest[0]!);
  if (line && rest.length === 2 && /^\d+$/.test(rest[1]!))
    return sourceProbes(kind, line[1]!, line[2]!, Number(rest[1]), text, span, target);
  const [binary = '', ...more] = rest;
  const [, name = '', offset] = /^(.+?)(?:\+(\w+))?$/.exec(
    more[0] === 'cpp' ? more.slice(1).join(':') : more.join(':'),
  )!;
  const found: Probe[] = [];
  for (const path of binaries(binary, text, span, target)) {
    const executable = target.executable?.(path);
    if (executable === undefined) continue;
    const shown = isPattern(binary) ? path : binary;
    const made = (one: string): Probe => ({
      kind,
      binary: executable.path,
      function: one,
      offset: offset ? BigInt(offset) : 0n,
      name: `${kind}:${shown}:${one}${offset ? `+${offset}` : ''}`,
    });
    if (/^(0x[0-9a-fA-F]+|\d+)$/.test(name))
      found.push({ ...made(name), place: fileOffset(executable, BigInt(name), shown, span) } as Probe);
    else if (isPattern(name)) {
      const functions = filter(name, executable.functions());
      if (functions.length > 1 && how.multi?.uprobe && offset === undefined)
        found.push({ ...made(name), functions } as Probe);
      else found.push(...functions.map(made));
    } else {
      const symbol = executable.symbol(name);
      if (symbol === undefined) continue;
      boundaries(name, offset ? BigInt(offset) : 0n, symbol.size, span, how);
      found.push(made(name));
    }
  }
  if (found.length === 0) {
    const first = target.executable?.(binary);
    throw new SkepError(noMatch(readable(text), span, first && suggest(name, first.functions())));
  }
  return found;
}

/** A probe in the middle of an instruction would break the program. */
function boundaries(name: string, offset: bigint, size: number, span: Span, how: Expansion): void {
  if (size === 0 && offset === 0n) {
    if (!how.unsafe)
      throw new SkepError(
        badBoundary(
          `Could not determine boundary for ${name} (symbol has size 0).`,
          span,
          'run with --unsafe to attach to it all the same',
        ),
      );
  } else if (offset >= BigInt(size))
    throw new SkepError(
      badBoundary(`Offset outside the function bounds ('${name}' size is ${size})`, span, 'give a smaller offset'),
    );
}

function fileOffset(executable: TraceExecutable, address: bigint, shown: string, span: Span): bigint {
  if (executable.offsetOf === undefined) return address;
  const offset = executable.offsetOf(address);
  if (offset === undefined)
    throw new SkepError(
      badBoundary(
        `Could not resolve address: ${shown}:0x${address.toString(16)}`,
        span,
        'give an address of code, as `nm` shows it',
      ),
    );
  return offset;
}

/** `BINARY@FILE:LINE`: where the code of a line of the source begins. */
function sourceProbes(
  kind: 'uprobe' | 'uretprobe',
  binary: string,
  file: string,
  line: number,
  text: string,
  span: Span,
  target: TraceTarget,
): Probe[] {
  const found: Probe[] = [];
  for (const path of binaries(binary, text, span, target)) {
    const executable = target.executable?.(path);
    const debug = executable?.debug?.();
    if (executable && debug === undefined && !isPattern(binary))
      throw new SkepError(
        badProbe(`${binary} has no debug information, which tells where lines are`, span, 'build it with -g'),
      );
    const [address] = debug?.addressesOfLine(file, line) ?? [];
    if (executable === undefined || address === undefined) continue;
    const shown = isPattern(binary) ? path : binary;
    found.push({
      kind,
      binary: executable.path,
      function: `0x${address.toString(16)}`,
      offset: 0n,
      place: fileOffset(executable, BigInt(address), shown, span),
      name: `${kind}:${shown}@${file}:${line}`,
    });
  }
  if (found.length === 0) throw new SkepError(noMatch(readable(text), span));
  return found;
}

function staticProbes(rest: readonly string[], text: string, span: Span, target: TraceTarget): Probe[] {
  if (rest.length < 2 || rest.at(-1) === '')
    throw new SkepError(
      badProbe('usdt probe must have a target function or wildcard', span, 'write usdt:BINARY:PROVIDER:NAME'),
    );
  const [binary = '', ...more] = rest;
  const wanted = more.length === 1 ? `*:${more[0]}` : `${more[0] || '*'}:${more.slice(1).join(':')}`;
  const found: Probe[] = [];
  for (const path of binaries(binary, text, span, target)) {
    const executable = target.executable?.(path);
    for (const one of new Set(filter(wanted, executable?.probes() ?? []))) {
      const [provider = '', event = ''] = one.split(':');
      found.push({
        kind: 'usdt',
        binary: executable!.path,
        provider,
        event,
        name: `usdt:${/[*?]/.test(binary) || binary === '' ? path : binary}:${one}`,
      });
    }
  }
  if (found.length === 0) throw new SkepError(noMatch(readable(text), span));
  return found;
}

function binaries(pattern: string, text: string, span: Span, target: TraceTarget): readonly string[] {
  // Without a name: those of the process that is traced.
  if (/[*?]/.test(pattern) || pattern === '') return target.executables?.(pattern || '*') ?? [];
  if (target.executable?.(pattern) === undefined)
    throw new SkepError(
      noBinary(
        `uprobe target file '${pattern}' does not exist or is not executable`,
        span,
        `${text}: name the binary with its path`,
      ),
    );
  return [pattern];
}

/** Names that match, or the one that is meant. */
function select(wanted: string, all: readonly string[], text: string, span: Span): readonly string[] {
  const found = /[*?[]/.test(wanted) ? filter(wanted, all) : all.includes(wanted) ? [wanted] : [];
  if (found.length === 0) throw new SkepError(noMatch(readable(text), span, suggest(wanted, all)));
  return found;
}

/** `uprobe ./a.out:main`: the kind by its long name. */
function readable(text: string): string {
  const colon = text.indexOf(':');
  return `${kindOf(text.slice(0, colon)) ?? text.slice(0, colon)} ${text.slice(colon + 1)}`;
}

export function filter(pattern: string, all: readonly string[]): string[] {
  const test = globTest(pattern);
  return all.filter((one) => test.test(one));
}

export function globTest(pattern: string): RegExp {
  return new RegExp(
    `^${pattern
      .replace(/[.+^${}()|\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  );
}
