import type { SourceFile } from '@skep/base';
import { filter, kindOf, PERF_EVENTS, PROBE_KINDS, parseScriptProbes, type TraceTarget } from '@skep/compiler';

/** `-l`: probes that there are, or those that a script has. */
export function listProbes(
  source: SourceFile | undefined,
  patterns: readonly string[],
  out: (text: string) => void,
  target: TraceTarget,
): void {
  if (source !== undefined) {
    for (const name of parseScriptProbes(source, target)) out(`${name}\n`);
    return;
  }
  const wanted = patterns.length === 0 ? ['*'] : patterns.flatMap((one) => one.split(','));
  for (const pattern of wanted) for (const name of namesOf(pattern, target)) out(`${name}\n`);
}

function namesOf(pattern: string, target: TraceTarget): string[] {
  const [first = '', ...rest] = pattern.split(':');
  const kinds = PROBE_KINDS.filter(({ kind, short }) =>
    rest.length === 0 && !/^[a-z]+$/.test(first)
      ? true
      : kind === kindOf(first) || filter(first, [kind, ...short]).length > 0,
  );
  const found: string[] = [];
  for (const { kind } of kinds) {
    const all = everyName(kind, rest, target);
    const test =
      rest.length === 0 && kinds.length > 1 ? pattern : `${kind}:${rest.length === 0 ? '*' : rest.join(':')}`;
    found.push(
      ...(kind === 'uprobe' || kind === 'uretprobe' || kind === 'usdt' ? all : filter(test.replace(/:+$/, ':*'), all)),
    );
  }
  return found;
}

function everyName(kind: string, rest: readonly string[], target: TraceTarget): string[] {
  switch (kind) {
    case 'tracepoint':
      return (target.tracepoints?.() ?? []).map((one) => `tracepoint:${one}`);
    case 'rawtracepoint':
      return (target.rawTracepoints?.() ?? []).map((one) => `rawtracepoint:${one}`);
    case 'kprobe':
    case 'kretprobe':
      return (target.kernelFunctions?.() ?? []).map((one) => `${kind}:${one}`);
    case 'fentry':
    case 'fexit':
      return (target.kernelFunctions?.() ?? []).map((one) => `${kind}:vmlinux:${one}`);
    case 'software':
    case 'hardware':
      return Object.keys(PERF_EVENTS[kind]).map((one) => `${kind}:${one}:`);
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
      if (binary === '') return [];
      return [...(target.executables && /[*?]/.test(binary) ? target.executables(binary) : [binary])].flatMap((path) =>
        filter(name || '*', target.executable?.(path)?.functions() ?? []).map((one) => `${kind}:${path}:${one}`),
      );
    }
    case 'usdt': {
      const [binary = '', ...more] = rest;
      if (binary === '') return [];
      const test = more.length === 0 || more[0] === '' ? '*' : more.length === 1 ? `*:${more[0]}` : more.join(':');
      return [...(target.executables && /[*?]/.test(binary) ? target.executables(binary) : [binary])].flatMap((path) =>
        filter(test, target.executable?.(path)?.probes() ?? []).map((one) => `usdt:${path}:${one}`),
      );
    }
    default:
      return [];
  }
}
