import { EXIT, SkepError, type SourceFile } from '@skep/base';
import type { TraceTarget } from '@skep/compiler';
import { probeFeature } from '@skep/kernel';
import { badSpec, noWay } from '../diagnostics.ts';
import { libraryOr } from '../frame/places.ts';
import type { Piece } from './piece.ts';
import { typeText } from './types.ts';

/** A probe as bcc's tools write it: `p::vfs_read(struct file *file)`, `r:c:malloc`, `t:sched:sched_switch`, `u:FILE:PROBE`. */
export interface ProbeSpec {
  readonly kind: 'p' | 'r' | 't' | 'u';
  /** A library or a program; empty for the kernel. Of tracepoints the category. */
  readonly library: string;
  /** The function with its offset, the tracepoint, the static probe with its provider. */
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly piece: Piece;
}

export interface Parameter {
  readonly name: string;
  readonly type: string;
}

/** The probe at the beginning of a text, and where it ends. Throws E9014. */
export function probeAt(text: string, at: number, source: SourceFile): { probe: ProbeSpec; end: number } {
  const [place = ''] = /^[^\s("]+/.exec(text.slice(at)) ?? [];
  const refuse = (help: string): never => {
    const span = { file: source, start: at, end: at + Math.max(1, place.length) };
    throw new SkepError(badSpec(`\`${place}\` names no place to probe`, span, help), EXIT.usage);
  };
  const parts = place.split(':');
  const [kind, library, ...rest] =
    parts.length === 1 ? ['p', '', parts[0]!] : parts.length === 2 ? ['p', ...parts] : (parts as string[]);
  if (kind !== '' && !/^[prtu]$/.test(kind!)) {
    return refuse('begin with p (entry), r (return), t (tracepoint) or u (static probe): p::vfs_read, r:c:malloc');
  }
  const name = rest.join(':');
  if (name === '' || (rest.length > 1 && kind !== 'u')) {
    return refuse('write vfs_read, p::vfs_read, c:malloc, r:c:malloc, t:sched:sched_switch or u:FILE:PROBE');
  }
  let end = at + place.length;
  let parameters: Parameter[] = [];
  if (text[end] === '(') {
    const close = text.indexOf(')', end);
    if (close < 0) return refuse('close the parenthesis of its parameters');
    parameters = text
      .slice(end + 1, close)
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '' && one !== 'void')
      .map((one) => parameter(one) ?? refuse('write parameters as C does: (struct file *file, size_t count)'));
    end = close + 1;
  }
  const probe: ProbeSpec = {
    kind: (kind || 'p') as ProbeSpec['kind'],
    ...{ library: library!, name, parameters },
    piece: { text: text.slice(at, end), at },
  };
  return { probe, end };
}

function parameter(text: string): Parameter | undefined {
  const [, type, stars, name, array] = /^(.*?)([\s*]+)(\w+)\s*(\[\w*\])?$/.exec(text) ?? [];
  if (type === undefined || !/^[\w\s]+$/.test(type)) return undefined;
  return { name: name!, type: typeText(`${type} ${stars!.replace(/\s/g, '')}${array ? '*' : ''}`) };
}

/** Where a probe goes in the trace language, and what its arguments are called there. */
export interface Place {
  readonly attach: string;
  /** The first is 1, as bcc counts. */
  argument(number: number): string;
  readonly result: string;
}

/**
 * `returning` is the end of a place in place of what it says. System calls (`__x64_sys_openat`, `sys_openat`) are probed at
 * their tracepoints: there their arguments are, and no kprobes are needed. Throws E9013.
 */
export function placeOf(probe: ProbeSpec, target: TraceTarget, returning = probe.kind === 'r'): Place {
  const { kind, library, name } = probe;
  const plain = { argument: (number: number) => `arg${number - 1}`, result: 'retval' };
  if (kind === 't') return { attach: `tracepoint:${library}:${name}`, ...plain };
  if (kind === 'u') return { attach: `usdt:${binaryOf(library)}:${name}`, ...plain };
  if (library !== '') return { attach: `${returning ? 'uretprobe' : 'uprobe'}:${binaryOf(library)}:${name}`, ...plain };
  const call = /^(?:__(?:x64|arm64)_)?[sS]y[sS]_(\w+)$/.exec(name)?.[1];
  const event = call && `sys_${returning ? 'exit' : 'enter'}_${call}`;
  const format = event && target.tracepointFormat?.('syscalls', event);
  if (format) {
    const fields = [...format.matchAll(/field:[^;]*?(\w+);/g)].map((one) => one[1]!);
    const args = fields.slice(fields.indexOf('__syscall_nr') + 1);
    return {
      attach: `tracepoint:syscalls:${event}`,
      // One that is not there is left as it is: the language says what is wrong.
      argument: (number) => (args[number - 1] === undefined ? `arg${number - 1}` : `args.${args[number - 1]}`),
      result: 'args.ret',
    };
  }
  const possible = probeFeature('kprobe');
  if (!possible.ok) throw new SkepError(noWay(name, possible.remedy ?? ''), EXIT.kernelLacksFeature);
  return { attach: `${returning ? 'kretprobe' : 'kprobe'}:${name}`, ...plain };
}

function binaryOf(name: string): string {
  return name.includes('/') ? name : libraryOr(name);
}
