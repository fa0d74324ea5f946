import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { type Diagnostic, EXIT, SkepError, type SourceFile } from '@skep/base';
import { compileTrace, type TraceTarget } from '@skep/compiler';
import { possibleCpus } from '@skep/kernel';
import { HeldCommand, readRecording } from 'skep';
import { badPattern, badPid, noScript, noSuchFile, unexpectedOptions } from './diagnostics.ts';
import { listProbes } from './list.ts';
import { compileScript, runTrace } from './run-trace.ts';
import { machineTarget } from './target.ts';
import { type Clock, realClock } from './world.ts';

/** `skep trace` as the user called it. */
export interface TraceCall {
  /** Scripts given with `-e`; several are one behind the other. */
  readonly expressions: readonly string[];
  /** What stands without a dash: the script or its file when there is no `-e`, then parameters. */
  readonly args: readonly string[];
  /** Behind `--`: `--name=value` for `getopt`, and more parameters. */
  readonly trailing: readonly string[];
  readonly home: 'auto' | 'kernel' | 'vm';
  readonly replay?: string | undefined;
  /** A file to record into. */
  readonly record?: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly list: boolean;
  readonly unsafe: boolean;
  readonly helperErrors: boolean;
  readonly warnings: boolean;
  readonly dryRun: boolean;
  readonly emit?: string | undefined;
  /** A file in place of stdout. */
  readonly output?: string | undefined;
  readonly pid?: string | undefined;
  /** A command line to run while tracing. */
  readonly command?: string | undefined;
  /** Milliseconds after which it ends, once everything is attached. */
  readonly duration?: number | undefined;
  readonly includes: readonly string[];
  /** Directories with debug information that was split off programs. */
  readonly debugInfo?: readonly string[];
  readonly mode?: 'test' | 'bench' | undefined;
  /** A regular expression: only probes whose name it matches. */
  readonly only?: string | undefined;
}

export interface TraceIo {
  out(text: string): void;
  err(text: string): void;
  readonly signal: AbortSignal;
  diagnose(list: readonly Diagnostic[]): void;
  /** Tests bring a clock that does not wait, and a name for the process. */
  readonly clock?: Clock;
  readonly comm?: string;
  readonly environment?: { readonly [name: string]: string | undefined };
  /** Everything is attached. */
  readonly attached?: () => void;
  /** The machine, where it is known already. */
  readonly target?: TraceTarget;
  /** How the script is named in messages; `stdin` for one on the command line. */
  readonly name?: string;
}

/** Runs one call of the command and gives its exit code. */
export async function executeTrace(call: TraceCall, io: TraceIo): Promise<number> {
  const environment = io.environment ?? process.env;
  const pid = call.pid === undefined ? undefined : pidOf(call.pid);
  const recording = call.replay === undefined ? undefined : await readRecording(call.replay);
  const cpus = recording?.header.cpus ?? (call.home === 'vm' ? 1 : possibleCpus());
  const clock = io.clock ?? realClock();
  const target =
    pid === undefined && !call.debugInfo?.length && io.target
      ? io.target
      : machineTarget(cpus, undefined, { pid, debugInfo: call.debugInfo ?? [] });
  const { source, rest } = scriptOf(call, io);
  if (call.list) {
    const [word] = rest;
    if (source === undefined && word !== undefined && /^[^:*?\s]+\.\w+$/.test(word) && call.warnings)
      io.diagnose([noSuchFile(word)]);
    listProbes(source, rest, { out: (text) => io.out(text), target, verbose: call.verbose, pid });
    return EXIT.ok;
  }
  if (source === undefined) throw new SkepError(noScript(), EXIT.usage);
  const { positional, named } = parameters([...rest, ...call.trailing]);
  if (call.emit !== undefined || call.dryRun) return emit(call, source, positional, named, io, environment, target);
  const held =
    call.command === undefined ? undefined : await HeldCommand.start(words(call.command), { stdout: 'inherit' });
  const file = call.output === undefined ? undefined : openSync(call.output, 'w');
  const printed = gathered(file === undefined ? (text) => io.out(text) : (text) => writeSync(file, text));
  try {
    checkOptions(source, call, positional, named, environment, clock, target);
    return await runTrace({
      source,
      home: call.home,
      recording,
      record: call.record,
      positional,
      named,
      environment,
      unsafe: call.unsafe,
      helperErrors: call.helperErrors,
      json: call.json,
      quiet: call.quiet,
      warnings: call.warnings,
      includes: call.includes,
      debugInfo: call.debugInfo ?? [],
      pid,
      command: held,
      duration: call.duration,
      mode: call.mode,
      only: call.only === undefined ? undefined : patternOf(call.only),
      signal: io.signal,
      out: printed.add,
      err(text) {
        printed.flush();
        io.err(text);
      },
      diagnose(list) {
        printed.flush();
        io.diagnose(list);
      },
      clock,
      target,
      ...(io.comm !== undefined && { comm: io.comm }),
      ...(io.attached && { attached: io.attached }),
    });
  } finally {
    printed.flush();
    held?.kill();
    if (file !== undefined) closeSync(file);
  }
}

/** What is printed in one go is written at once: a system call for each line costs more than the line. */
function gathered(write: (text: string) => void): { add(text: string): void; flush(): void } {
  let waiting = '';
  const flush = (): void => {
    if (waiting === '') return;
    const text = waiting;
    waiting = '';
    write(text);
  };
  const add = (text: string): void => {
    if (waiting === '') queueMicrotask(flush);
    waiting += text;
  };
  return { add, flush };
}

function scriptOf(call: TraceCall, io: TraceIo): { source: SourceFile | undefined; rest: readonly string[] } {
  const name = io.name ?? 'stdin';
  if (call.expressions.length > 0) return { source: { name, text: call.expressions.join('\n') }, rest: call.args };
  const [first, ...rest] = call.args;
  if (first === undefined) return { source: undefined, rest };
  if (first === '-') return { source: { name, text: readFileSync(0, 'utf8') }, rest };
  const text = tryRead(first);
  if (text !== undefined) return { source: { name: first, text }, rest };
  // One line as the only argument: a script. `-l` takes patterns.
  if (!call.list && /[{}]/.test(first)) return { source: { name, text: first }, rest };
  if (call.list) return { source: undefined, rest: call.args };
  throw new SkepError(noScript(first), EXIT.usage);
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new SkepError(badPattern(error instanceof Error ? error.message : String(error)), EXIT.usage);
  }
}

/** `-p 123`: a number that can be a process. */
function pidOf(text: string): number {
  const digits = /^\d+/.exec(text)?.[0];
  if (digits === undefined) throw new SkepError(badPid(`Failed to parse pid: invalid integer: ${text}`), EXIT.usage);
  if (digits !== text) throw new SkepError(badPid(`Failed to parse pid: invalid trailing bytes: ${text}`), EXIT.usage);
  if (Number(digits) > 4_194_304) throw new SkepError(badPid(`Pid out of range: ${text}`), EXIT.usage);
  return Number(digits);
}

function parameters(list: readonly string[]): { positional: string[]; named: Map<string, string> } {
  const positional: string[] = [];
  const named = new Map<string, string>();
  for (const one of list) {
    const match = /^--([\w-]+)(?:=(.*))?$/s.exec(one);
    if (match) named.set(match[1]!, match[2] ?? '');
    else positional.push(one);
  }
  return { positional, named };
}

/** Options that the script does not have, and `--help` for those that it has. */
function checkOptions(
  source: SourceFile,
  call: TraceCall,
  positional: readonly string[],
  named: ReadonlyMap<string, string>,
  environment: { readonly [name: string]: string | undefined },
  clock: Clock,
  target: TraceTarget,
): void {
  if (named.size === 0) return;
  const known = compileScript(
    { source, positional, named, environment, unsafe: call.unsafe, includes: call.includes, mode: call.mode },
    target,
    clock,
  ).options;
  const unknown = [...named.keys()].filter((one) => !known.some(({ name }) => name === one));
  if (unknown.length > 0) throw new SkepError(unexpectedOptions(unknown, known), EXIT.usage);
}

function emit(
  call: TraceCall,
  source: SourceFile,
  positional: readonly string[],
  named: ReadonlyMap<string, string>,
  io: TraceIo,
  environment: { readonly [name: string]: string | undefined },
  target: TraceTarget,
): number {
  const compiled = compileTrace(source, {
    target,
    positional,
    named,
    environment,
    unsafe: call.unsafe,
    helperErrors: call.helperErrors,
    includes: call.includes,
    mode: call.mode,
  });
  if (call.warnings && compiled.warnings.length > 0) io.diagnose(compiled.warnings);
  if (call.dryRun && call.emit === undefined) return EXIT.ok;
  if (call.emit === 'maps') io.out(`${JSON.stringify(compiled.maps.map(({ name, symbol }) => ({ name, symbol })))}\n`);
  else io.out(compiled.c);
  return EXIT.ok;
}

/** A command line as a shell splits it, without expansions. */
export function words(line: string): string[] {
  const found: string[] = [];
  for (const match of line.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g)) {
    found.push(
      match[0].replace(
        /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
        (_, double?: string, single?: string, escaped?: string) =>
          double?.replace(/\\(["\\$`])/g, '$1') ?? single ?? escaped ?? '',
      ),
    );
  }
  return found;
}
