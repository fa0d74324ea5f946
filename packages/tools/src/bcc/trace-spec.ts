import { EXIT, SkepError, type SourceFile } from '@skep/base';
import type { TraceTarget } from '@skep/compiler';
import { badSpec } from '../diagnostics.ts';
import { addExpression, type Scope } from './expression.ts';
import { type Piece, part, separated } from './piece.ts';
import { type ProbeSpec, placeOf, probeAt } from './probe.ts';
import { Script } from './script.ts';

/** A probe of bcc's `trace`: where, when, what: `r::vfs_read (retval < 0) "failed with %d", retval`. */
export interface TraceSpec {
  readonly probe: ProbeSpec;
  readonly filter: Piece | undefined;
  /** As it was written, without the quotes. */
  readonly format: Piece | undefined;
  readonly args: readonly Piece[];
  readonly source: SourceFile;
}

/**
 * Whether the arguments of `skep trace` are probes of bcc's kind. A script of the trace language has braces, and no probe has
 * any outside of its format; what is a file, or is called like one, is a script.
 */
export function areProbes(args: readonly string[], isFile: (path: string) => boolean): boolean {
  const [first] = args;
  if (first === undefined || first === '-' || isFile(first)) return false;
  const plain = first.replace(/"(?:[^"\\]|\\.)*"/gs, '');
  return !/[{}]/.test(plain) && (/[\s:(]/.test(plain) || /^[A-Za-z_][\w*?]*(\+\w+)?$/.test(plain));
}

/** Throws E9014. */
export function parseTraceSpec(text: string): TraceSpec {
  const source: SourceFile = { name: 'probe', text };
  const { probe, end } = probeAt(text, text.length - text.trimStart().length, source);
  const refuse = (at: number, message: string): never => {
    throw new SkepError(
      badSpec(message, { file: source, start: Math.min(at, text.length - 1), end: text.length }, FORM),
      EXIT.usage,
    );
  };
  let at = skipBlank(text, end);
  let filter: Piece | undefined;
  if (text[at] === '(') {
    const close = closing(text, at);
    if (close < 0) refuse(at, 'the parenthesis of this filter is not closed');
    filter = part({ text, at: 0 }, at + 1, close);
    at = skipBlank(text, close + 1);
  }
  if (at >= text.length) return { probe, filter, format: undefined, args: [], source };
  const quoted = /^"((?:[^"\\]|\\.)*)"/s.exec(text.slice(at));
  if (!quoted) return refuse(at, `\`${text.slice(at)}\` is neither a filter in parentheses nor a format in quotes`);
  const format: Piece = { text: quoted[1]!, at: at + 1 };
  at = skipBlank(text, at + quoted[0].length);
  if (at >= text.length) return { probe, filter, format, args: [], source };
  if (text[at] !== ',') refuse(at, 'a comma belongs between the format and its arguments');
  return { probe, filter, format, args: separated(part({ text, at: 0 }, at + 1, text.length), ','), source };
}

const FORM = 'write PROBE (FILTER) "FORMAT", ARGUMENTS: do_nanosleep (arg2 > 0) "mode %d", arg2';

export interface TraceScriptOptions {
  readonly strings: number;
  readonly tid: number | undefined;
  readonly uid: number | undefined;
  readonly kernelStack: boolean;
  readonly userStack: boolean;
}

/** What every event has, in front of the arguments of its format. */
export const EVENT = ['spec', 'time', 'pid', 'tid', 'uid', 'cpu', 'cgroup', 'comm', 'probe'] as const;
const VALUES = 'nsecs, pid, tid, uid, cpu, cgroup, comm, probe';

/** The script that sends, for each event of a probe, {@link EVENT}, the stacks that are asked for, and the arguments. */
export function traceScript(specs: readonly TraceSpec[], options: TraceScriptOptions, target: TraceTarget): Script {
  const script = new Script(specs[0]!.source);
  script.add(`config = { max_strlen = ${options.strings}; str_trunc_trailer = "" }\n`);
  const who = [
    ...(options.tid === undefined ? [] : [`tid == ${options.tid}`]),
    ...(options.uid === undefined ? [] : [`uid == ${options.uid}`]),
  ];
  for (const [index, spec] of specs.entries()) {
    const { probe } = spec;
    const place = placeOf(probe, target);
    const scope: Scope = { source: spec.source, place, parameters: probe.parameters };
    script.within(spec.source, probe.piece);
    script.add(`${place.attach}\n${who.length > 0 ? `/${who.join(' && ')}/ ` : ''}{\n`);
    for (const [i, { name, type }] of probe.parameters.entries()) {
      script.add(`$${name} = (${type})${place.argument(i + 1)};\n`);
    }
    if (spec.filter) {
      script.add('if (');
      addExpression(script, spec.filter, scope);
      script.add(') {\n');
    }
    const stacks = [...(options.kernelStack ? ['kstack'] : []), ...(options.userStack ? ['ustack'] : [])];
    const places = EVENT.map((one) => (one === 'comm' || one === 'probe' ? '%s' : '%d')).join('');
    script.add(`printf("${places}${'%s'.repeat(stacks.length)}`);
    if (spec.format) script.from(plainFormat(spec.format.text), spec.format);
    script.add(`", ${[index, VALUES, ...stacks].join(', ')}`);
    const conversions = conversionsOf(spec.format?.text ?? '');
    for (const [i, arg] of spec.args.entries()) {
      const wrap = WRAPS[conversions[i] ?? ''];
      script.add(`, ${wrap ?? ''}(`);
      addExpression(script, arg, scope);
      script.add(')');
    }
    script.add(`);\n${spec.filter ? '}\n' : ''}}\n`);
  }
  return script;
}

/** `%K` and `%U`, functions of the kernel and of the process, as texts. */
function plainFormat(format: string): string {
  return format.replace(/%%|%([-+ #0-9.]*)[KU]/g, (all, flags?: string) => (all === '%%' ? all : `%${flags}s`));
}

/** The same with its escapes read, as it is printed. */
export function messageFormat(format: string): string {
  return plainFormat(format).replace(/\\(.)/gs, (_, one: string) => ({ n: '\n', t: '\t', r: '\r' })[one] ?? one);
}

/** What brings a value into the form that its conversion prints. */
const WRAPS: { readonly [conversion: string]: string } = { s: 'str', K: 'ksym', U: 'usym' };

function conversionsOf(format: string): string[] {
  return [...format.matchAll(/%%|%[-+ #0-9.]*(?:hh|h|ll|l|j|z)?([A-Za-z])/g)].flatMap((one) => one[1] ?? []);
}

function skipBlank(text: string, at: number): number {
  let next = at;
  while (next < text.length && /\s/.test(text[next]!)) next += 1;
  return next;
}

/** The parenthesis that closes the one at an index, past strings; -1 when there is none. */
function closing(text: string, at: number): number {
  let depth = 0;
  for (const match of text.slice(at).matchAll(/"(?:[^"\\]|\\.)*"|[()]/gs)) {
    if (match[0] === '(') depth += 1;
    else if (match[0] === ')' && --depth === 0) return at + match.index;
  }
  return -1;
}
