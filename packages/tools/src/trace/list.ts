import type { SourceFile } from '@skep/base';
import { SkepError } from '@skep/base';
import {
  describeProbe,
  describeType,
  expandProbe,
  filter,
  kindOf,
  PROBE_KINDS,
  parseScriptProbes,
  SAMPLE_COUNTS,
  type TraceTarget,
  traceableFunctions,
} from '@skep/compiler';
import type { Btf } from '@skep/object';

export interface ListOptions {
  readonly out: (text: string) => void;
  readonly target: TraceTarget;
  /** With what probes give, and members of structs. */
  readonly verbose: boolean;
  /** Only what a process has mapped. */
  readonly pid?: number | undefined;
}

/** `-l`: probes that there are, or those that a script has. */
export function listProbes(source: SourceFile | undefined, patterns: readonly string[], options: ListOptions): void {
  const { target } = options;
  let text = '';
  const say = (name: string) => {
    text += `${name}\n`;
    if (options.verbose) for (const one of argumentsOf(name, target)) text += `    ${one}\n`;
    // A kernel has more than a hundred thousand of them.
    if (text.length < CHUNK) return;
    options.out(text);
    text = '';
  };
  if (source !== undefined) for (const name of parseScriptProbes(source, target)) say(name);
  else
    for (const pattern of patterns.length === 0 ? ['*'] : patterns.flatMap((one) => one.split(','))) {
      const type = /^(struct|union|enum) /.test(pattern) ? describeType(pattern, target) : undefined;
      if (type !== undefined) text += `vmlinux: ${options.verbose ? type : pattern}\n`;
      else for (const name of namesOf(pattern, options)) say(name);
    }
  if (text !== '') options.out(text);
}

const CHUNK = 1 << 16;

function argumentsOf(name: string, target: TraceTarget): string[] {
  try {
    const [probe] = expandProbe(name, { file: { name: 'list', text: name }, start: 0, end: name.length }, target);
    return probe ? describeProbe(probe, target) : [];
  } catch (error) {
    // What is listed need not be something that can be traced.
    if (error instanceof SkepError) return [];
    throw error;
  }
}

function namesOf(pattern: string, options: ListOptions): string[] {
  const [first = '', ...rest] = pattern.split(':');
  const kinds = PROBE_KINDS.filter(({ kind, short }) =>
    rest.length === 0 && !/^[a-z]+$/.test(first)
      ? options.pid === undefined || OF_PROGRAMS.has(kind)
      : kind === kindOf(first) || filter(first, [kind, ...short]).length > 0,
  );
  const found: string[] = [];
  for (const { kind } of kinds) {
    const all = everyName(kind, rest.length === 0 && options.pid !== undefined ? ['*'] : rest, options);
    const test =
      rest.length === 0 && kinds.length > 1 ? pattern : `${kind}:${rest.length === 0 ? '*' : rest.join(':')}`;
    const wanted =
      OF_PROGRAMS.has(kind) || (rest.length === 0 && kinds.length === 1)
        ? all
        : filter(withModule(test.replace(/:+$/, ':*'), kind), all);
    for (const one of wanted) found.push(one);
  }
  return found;
}

/** `fentry:vfs_*` means those of the kernel itself. */
function withModule(pattern: string, kind: string): string {
  const parts = pattern.split(':');
  return (kind === 'fentry' || kind === 'fexit') && parts.length === 2 ? `${parts[0]}:*:${parts[1]}` : pattern;
}

const OF_PROGRAMS: ReadonlySet<string> = new Set(['uprobe', 'uretprobe', 'usdt']);

function everyName(kind: string, rest: readonly string[], { target }: ListOptions): string[] {
  switch (kind) {
    case 'tracepoint':
      return (target.tracepoints?.() ?? []).map((one) => `tracepoint:${one}`);
    case 'rawtracepoint':
      return (target.rawTracepoints?.() ?? []).map((one) => `rawtracepoint:${one}`);
    case 'kprobe':
    case 'kretprobe':
      return traceableFunctions(target).map((one) => `${kind}:${one}`);
    case 'fentry':
    case 'fexit':
      return typedFunctions(target).map((one) => `${kind}:vmlinux:${one}`);
    case 'software':
    case 'hardware':
      return Object.keys(SAMPLE_COUNTS[kind]).map((one) => `${kind}:${one}:`);
    case 'interval':
    case 'profile':
      return ['hz', 'us', 'ms', 's'].map((one) => `${kind}:${one}:`);
    case 'iter':
      return ['task', 'task_file', 'task_vma'].map((one) => `iter:${one}`);
    case 'begin':
    case 'end':
      return [kind];
    case 'uprobe':
    case 'uretprobe': {
      const [binary = '', name = '*'] = rest;
      return binariesOf(binary, target).flatMap((path) =>
        filter(name || '*', target.executable?.(path)?.functions() ?? []).map((one) => `${kind}:${path}:${one}`),
      );
    }
    case 'usdt': {
      const [binary = '', ...more] = rest;
      const test = more.length === 0 || more[0] === '' ? '*' : more.length === 1 ? `*:${more[0]}` : more.join(':');
      return binariesOf(binary, target).flatMap((path) =>
        filter(test, target.executable?.(path)?.probes() ?? []).map((one) => `usdt:${path}:${one}`),
      );
    }
    default:
      return [];
  }
}

function binariesOf(binary: string, target: TraceTarget): readonly string[] {
  if (binary === '') return [];
  return target.executables && /[*?]/.test(binary) ? target.executables(binary) : [binary];
}

const functions = new WeakMap<Btf, Set<string>>();

/** Functions of the kernel whose types are known, and on which something can be set. */
function typedFunctions(target: TraceTarget): readonly string[] {
  const btf = target.btf?.();
  const traceable = traceableFunctions(target);
  if (btf === undefined) return traceable;
  let typed = functions.get(btf);
  if (typed === undefined) {
    typed = new Set();
    for (let id = 1; id < btf.count; id++) if (btf.kind(id) === 'func') typed.add(btf.name(id));
    functions.set(btf, typed);
  }
  const known = typed;
  return traceable.length > 0 ? traceable.filter((one) => known.has(one)) : [...known].sort();
}
