import type { Diagnostic, SourceFile } from '@skep/base';
import type { Recording } from '@skep/capture';
import { type CompiledTrace, compile, compileTrace, stackMapName, type TraceTarget } from '@skep/compiler';
import { permitted, possibleCpus, probeFeature } from '@skep/kernel';
import { openObject } from '@skep/object';
import { compileTypes, type Host, kernel, Spec, vm } from 'skep';
import { Actions } from './actions.ts';
import { machineMeanings } from './meanings.ts';
import { Printer } from './printer.ts';
import { ScriptRecorder, type ScriptReplay, scriptReplay } from './recording.ts';
import { runSession } from './session.ts';
import { machineTarget } from './target.ts';
import { type Clock, ProcessWorld, realClock, recordedClock } from './world.ts';

export interface TraceRun {
  readonly source: SourceFile;
  readonly home: 'auto' | 'kernel' | 'vm';
  readonly recording?: Recording | undefined;
  /** A file to record into while it runs in the kernel. */
  readonly record?: string | undefined;
  readonly positional?: readonly string[];
  readonly named?: ReadonlyMap<string, string>;
  readonly environment?: { readonly [name: string]: string | undefined };
  readonly unsafe?: boolean;
  readonly helperErrors?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly warnings?: boolean;
  readonly includes?: readonly string[];
  /** Directories with debug information that was split off programs. */
  readonly debugInfo?: readonly string[];
  readonly pid?: number | undefined;
  readonly command?: HeldLike | undefined;
  /** Milliseconds after which it ends, once everything is attached; recordings end by themselves. */
  readonly duration?: number | undefined;
  readonly mode?: 'test' | 'bench' | undefined;
  readonly only?: RegExp | undefined;
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Shows warnings of the compiler. */
  readonly diagnose: (list: readonly Diagnostic[]) => void;
  /** Everything is attached. */
  readonly attached?: () => void;
  readonly clock?: Clock;
  /** The name of this process, as `comm` says in the virtual machine. */
  readonly comm?: string;
  readonly target?: TraceTarget;
}

/** A command that waits to be let go. */
export interface HeldLike {
  readonly pid: number;
  readonly ended: Promise<number>;
  go(): void;
  kill(): void;
}

/** Compiles a script, loads it into its home and runs it to its end. Gives the exit code. */
export async function runTrace(run: TraceRun): Promise<number> {
  const recorded = run.recording && recordedClock(run.recording.header);
  const clock = recorded ?? run.clock ?? realClock();
  const cpus = run.home === 'vm' ? 1 : possibleCpus();
  const target = run.target ?? machineTarget(cpus, undefined);
  const home = homeOf(run);
  const compiled = compileScript(run, target, clock, home);
  if (compiled.warnings.length > 0 && run.warnings !== false) run.diagnose(compiled.warnings);
  const replay = run.recording && scriptReplay(run.recording, compiled);
  const world = new ProcessWorld(clock, run.comm ?? 'skep');
  const machine =
    home === 'vm' ? vm({ cpus: target.cpus, btf: compileTypes, recording: replay?.recording }) : undefined;
  if (machine) machine.machine.world = world;
  const host = machine ?? kernel();
  // Between runs of a recording the machine is that of the last one.
  const before = (time?: bigint): void => {
    if (machine) machine.machine.world = world;
    if (time !== undefined) recorded?.set(time);
  };
  try {
    return await load(run, compiled, host, clock, target, replay, before);
  } finally {
    host.close();
  }
}

export function compileScript(
  run: Pick<
    TraceRun,
    | 'source'
    | 'positional'
    | 'named'
    | 'environment'
    | 'unsafe'
    | 'helperErrors'
    | 'command'
    | 'includes'
    | 'mode'
    | 'only'
    | 'pid'
    | 'record'
  >,
  target: TraceTarget,
  clock: Clock,
  home: 'kernel' | 'vm' = 'vm',
): CompiledTrace {
  return compileTrace(run.source, {
    target,
    positional: run.positional ?? [],
    ...(run.named && { named: run.named }),
    environment: run.environment ?? {},
    unsafe: run.unsafe ?? false,
    helperErrors: run.helperErrors ?? false,
    childPid: run.command?.pid ?? 0,
    includes: run.includes ?? [],
    bootOffset: clock.wall() - clock.now(),
    mode: run.mode,
    only: run.only,
    pid: run.pid,
    // A recording keeps what programs see, not whether they saw the entry or the return.
    ...(home === 'kernel' && { multi: run.record === undefined ? MULTI : MULTI_RECORDED }),
  });
}

/** Asked for only by scripts with wildcards, or with probes of entry and return of one function. */
const MULTI_RECORDED = {
  get kprobe() {
    return probeFeature('kprobe_multi').ok;
  },
  get uprobe() {
    return probeFeature('uprobe_multi').ok;
  },
};
const MULTI = {
  get kprobe() {
    return MULTI_RECORDED.kprobe;
  },
  get uprobe() {
    return MULTI_RECORDED.uprobe;
  },
  get session() {
    return MULTI_RECORDED.kprobe;
  },
};

/** The object of a compiled script. What is wrong with it is a mistake of ours. */
export function objectOf(compiled: CompiledTrace, target: TraceTarget): { readonly object: Uint8Array } {
  const result = compile(
    { name: 'script.c', text: compiled.c },
    // What names types of the kernel was checked with them; what names none needs not read them.
    { defines: ['__TARGET_ARCH_x86'], vmlinux: () => target.btf!()! },
  );
  if (!result.ok)
    throw new Error(
      `the program that was made of the script does not compile: ${result.diagnostics.map((one) => `${one.code} ${one.message}`).join('; ')}\n${compiled.c}`,
    );
  return { object: result.object };
}

function homeOf(run: TraceRun): 'kernel' | 'vm' {
  if (run.home !== 'auto') return run.home;
  return !run.recording && permitted().ok ? 'kernel' : 'vm';
}

async function load(
  run: TraceRun,
  compiled: CompiledTrace,
  host: Host,
  clock: Clock,
  target: TraceTarget,
  replay: ScriptReplay | undefined,
  before: (time?: bigint) => void,
): Promise<number> {
  const { object } = objectOf(compiled, target);
  let spec = new Spec(openObject(object, { name: run.source.name }));
  const started = replay?.started ?? clock.now();
  if (spec.globals.includes('skep_started')) spec = spec.with({ skep_started: started });
  const recorder =
    run.record === undefined
      ? undefined
      : new ScriptRecorder(run.record, spec, compiled, host, run.source.text, { started, wall: clock.wall() });
  const printer = new Printer({
    json: run.json ?? false,
    warnings: run.warnings ?? true,
    write: run.out,
    say: run.err,
  });
  if (run.dryRun) return 0;
  const loaded = (recorder?.spec ?? spec).load(host);
  try {
    const mapOf = (name: string | undefined) => (name === undefined ? undefined : loaded.maps.get(name));
    const own = machineMeanings({
      config: compiled.config,
      clock,
      stacks: (depth) => mapOf(stackMapName(depth)),
      buildIds: () => mapOf(compiled.buildIds),
      functions: compiled.functions,
      dummyClock: run.environment?.['BPFTRACE_DUMMY_TS_MAP'] !== undefined,
      binaries: binariesOf(compiled),
      debugInfo: run.debugInfo ?? [],
    });
    const meanings = recorder?.keep(own) ?? replay?.answer(own) ?? own;
    recorder?.start(loaded, host);
    const actions = new Actions(compiled, loaded.maps, printer, meanings, run.helperErrors ?? false);
    const code = await runSession({
      compiled,
      loaded,
      host,
      actions,
      printer,
      clock,
      signal: run.signal,
      attachable: host.kind === 'kernel',
      pid: run.pid,
      duration: run.duration,
      recorder,
      replay,
      before,
      ended: run.command?.ended,
      mode: run.mode,
      attached: (count) => {
        run.attached?.();
        if (!run.quiet) printer.attached(count);
        run.command?.go();
      },
    });
    if (actions.left > 0) printer.note(`${actions.left} commands of system() were not run: the script was stopped`);
    if (!printer.json) printer.raw('\n\n');
    if (compiled.config.print_maps_on_exit) actions.printMaps();
    const recorded = recorder?.finish();
    if (recorded) run.err(`recorded ${recorded.runs} runs, ${recorded.lost} lost\n`);
    return code;
  } finally {
    loaded.close();
    run.command?.kill();
  }
}

function binariesOf(compiled: CompiledTrace): string[] {
  return [...new Set(compiled.programs.flatMap(({ probe }) => ('binary' in probe ? [probe.binary] : [])))];
}
