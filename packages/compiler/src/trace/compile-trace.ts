import { type Diagnostic, SkepError, type SourceFile } from '@skep/base';
import type { Expression, ProbeNode } from './ast.ts';
import { cFunctions } from './c-functions.ts';
import { CTypes } from './c-types.ts';
import { Checker, type MapInfo, type ProgramUnit } from './check.ts';
import { configOf } from './config.ts';
import { contextOf } from './context.ts';
import { badProbe, noAttachPoints, noProbes, nothingToAttach, switchedOff, warning } from './diagnostics.ts';
import { Emitter } from './emit.ts';
import type { Expansion } from './expand/attach-point.ts';
import { expandProbe } from './expand/expand-probe.ts';
import { withImports } from './imports.ts';
import { Macros } from './macros.ts';
import type { CompiledTrace, TraceMap, TraceProgram } from './model.ts';
import { Output } from './output.ts';
import { parseScript } from './parser.ts';
import type { Probe } from './probe.ts';
import { sessionsOf, sessionText } from './sessions.ts';
import type { TraceTarget } from './target.ts';
import { type AggregateType, INT64, sizeOf, type TraceType } from './type.ts';

export interface TraceOptions {
  readonly target: TraceTarget;
  /** `$1`, `$2` … */
  readonly positional?: readonly string[];
  /** What `getopt` gives. */
  readonly named?: ReadonlyMap<string, string>;
  /** Settings come from here too: `BPFTRACE_MAX_STRLEN`. */
  readonly environment?: { readonly [name: string]: string | undefined };
  /** Allows what changes something: `system`, `signal`. */
  readonly unsafe?: boolean;
  /** Programs tell what helpers answer. */
  readonly helperErrors?: boolean;
  readonly childPid?: number;
  /** C headers that are included in front. */
  readonly includes?: readonly string[];
  /** Nanoseconds from the clock since boot to the time of day. */
  readonly bootOffset?: bigint;
  /** `test` and `bench` probes instead of all others. */
  readonly mode?: 'test' | 'bench' | undefined;
  /** Only probes whose name it matches, and begin and end. */
  readonly only?: RegExp | undefined;
  /**
   * The kernel attaches one program to many functions at once: wildcards become one program. `session`: and probes of entry and
   * return of the same functions too.
   */
  readonly multi?: { readonly kprobe: boolean; readonly uprobe: boolean; readonly session?: boolean } | undefined;
  /** Only what this process does counts, where the kernel cannot be told so when probes are set. */
  readonly pid?: number | undefined;
  /** C that every program asks first: it does nothing where `condition` is not so. `header` stands in front of all. */
  readonly guard?: { readonly header: string; readonly condition: string };
}

/**
 * From a script to a program in C and everything that user space needs to know about it. The C is for `compile`: it has
 * no errors that the script did not have, which are all found here. Throws SkepError, E15xx.
 */
export function compileTrace(source: SourceFile, options: TraceOptions): CompiledTrace {
  const positional = options.positional ?? [];
  const root = parseScript(source, { positional });
  const config = configOf(root.config, options.environment ?? {});
  if (config.unstable_import === 'error')
    for (const one of root.imports) throw new SkepError(switchedOff('import', 'unstable_import', one.span));
  const { scripts, c } = withImports(root, positional, options.target);
  const types = new CTypes(
    scripts.flatMap((one) => one.definitions),
    options.includes ?? [],
    options.target,
  );
  const macros = new Macros(scripts);
  const warnings: Diagnostic[] = [];
  const checker = new Checker(
    {
      target: options.target,
      types,
      functions: cFunctions(c, types, options.target),
      config,
      positional,
      named: options.named ?? new Map(),
      unsafe: options.unsafe ?? false,
      childPid: options.childPid ?? 0,
    },
    scripts.flatMap((one) => one.maps),
  );
  // What was imported comes first.
  const probes = [...scripts].reverse().flatMap((one) => one.probes);
  if (probes.length === 0)
    throw new SkepError(noProbes({ file: source, start: 0, end: Math.min(1, source.text.length) }));
  const units: ProgramUnit[] = [];
  for (const node of probes) {
    for (const probe of probesOf(node, config.missing_probes, options, warnings)) {
      if (
        (probe.kind === 'test' || probe.kind === 'bench') !== (options.mode !== undefined) &&
        (options.mode === undefined || (probe.kind !== 'begin' && probe.kind !== 'end'))
      )
        continue;
      if (options.mode !== undefined && probe.kind !== options.mode && probe.kind !== 'begin' && probe.kind !== 'end')
        continue;
      if (options.only && probe.kind !== 'begin' && probe.kind !== 'end' && !options.only.test(probe.name)) continue;
      if (units.length >= config.max_bpf_progs)
        throw new SkepError(
          badProbe(
            `Your program is trying to generate more than ${config.max_bpf_progs} BPF programs, which exceeds the current limit of ${config.max_bpf_progs}`,
            node.attachPoints[0]!.span,
            'You can increase the limit through the BPFTRACE_MAX_BPF_PROGS environment variable.',
          ),
        );
      const count = placesOf(probe) + units.reduce((sum, one) => sum + placesOf(one.probe), 0);
      if (count > config.max_probes)
        throw new SkepError(
          badProbe(
            `Can't attach to ${count} probes because it exceeds the current limit of ${config.max_probes} probes.`,
            node.span,
            'raise max_probes, or narrow the wildcard',
          ),
        );
      units.push(unitOf(node, probe, macros, types, options.target, units.length));
    }
  }
  if (
    units.length === 0 ||
    (options.only && units.every((one) => one.probe.kind === 'begin' || one.probe.kind === 'end'))
  )
    throw new SkepError([...warnings, nothingToAttach(probes[0]!.span)]);
  checker.check(units);
  const clockMap = options.environment?.['BPFTRACE_DUMMY_TS_MAP'];
  const out = new Output(
    options.target.cpus,
    config,
    options.helperErrors ?? false,
    clockMap,
    options.bootOffset ?? 0n,
  );
  out.guard = options.guard;
  out.pid = options.pid;
  out.imports.push(...c.map((one) => one.file.text));
  const programs: TraceProgram[] = [];
  const texts: string[] = [];
  const write = (unit: ProgramUnit, head?: string): void => {
    checker.unit = unit;
    texts.push(new Emitter(checker, unit, out).program(head));
  };
  const sessions = sessionsOf(units, options);
  for (const unit of units) {
    if (sessions.ends.has(unit)) continue;
    const { name, probe, context } = unit;
    const end = sessions.of.get(unit);
    if (end === undefined) {
      write(unit);
      programs.push({ name, probe, section: context.section });
      continue;
    }
    write(unit, `static __noinline int ${name}_entry(void *ctx)`);
    write(end, `static __noinline int ${name}_return(void *ctx)`);
    const section = context.section.replace(/^kprobe(\.multi)?\//, 'kprobe.session/');
    texts.push(sessionText(section, name, sessions));
    programs.push({ name, probe, section });
  }
  const maps = [...checker.maps.values()]
    .filter((one) => one.used && one.value)
    .map((one) => mapOf(one, checker, out, config.max_map_keys));
  return {
    c: out.source(texts, maps),
    programs,
    maps,
    actions: out.actions,
    config,
    functions: [...out.functions],
    buildIds: out.buildIds ? 'skep_build_ids' : undefined,
    warnings: [...checker.diagnostics.list.filter((one) => one.severity === 'warning'), ...warnings],
    options: [...checker.namedOptions].map(([name, { summary }]) => ({ name, summary })),
  };
}

/** How many places a program is attached to. */
export function placesOf(probe: Probe): number {
  return 'functions' in probe && probe.functions ? probe.functions.length : 1;
}

function probesOf(node: ProbeNode, missing: string, options: TraceOptions, warnings: Diagnostic[]): Probe[] {
  const found: Probe[] = [];
  const names = new Set<string>();
  const how: Expansion = {
    // What differs from function to function wants a program for each.
    ...(!asksFor(node, ['probe', '__builtin_probe', 'args', 'uaddr']) && { multi: options.multi }),
    unsafe: options.unsafe ?? false,
    warn: (message, span) => warnings.push(warning(message, span)),
  };
  const missed: Diagnostic[] = [];
  for (const { text, span } of node.attachPoints) {
    try {
      for (const one of expandProbe(text, span, options.target, how)) {
        if (names.has(one.name)) continue;
        names.add(one.name);
        found.push(one);
      }
    } catch (error) {
      if (!(error instanceof SkepError)) throw error;
      const absent = error.code === 'E1541' || error.code === 'E1546';
      // A wildcard may match nothing, as long as something is left.
      if (absent && missing === 'error' && /[*?[]/.test(text)) missed.push(...error.diagnostics);
      else if (!absent || missing === 'error') throw new SkepError([...warnings, ...error.diagnostics]);
      else if (missing === 'warn')
        for (const one of error.diagnostics) warnings.push(warning(`${one.message} Skipping.`, span, one.help));
    }
  }
  if (found.length > 0) return found;
  if (missing === 'error') throw new SkepError([...missed, noAttachPoints(node.span)]);
  if (missing === 'warn')
    warnings.push(
      warning(
        'Probe has no valid attach points. It is being removed which may cause issues with program behavior.',
        node.span,
      ),
    );
  return found;
}

function unitOf(
  node: ProbeNode,
  probe: Probe,
  macros: Macros,
  types: CTypes,
  target: TraceTarget,
  index: number,
): ProgramUnit {
  const body = macros.expandBlock(node.body);
  const predicate = node.predicate && macros.expandExpression(node.predicate);
  return {
    probe,
    context: contextOf(probe, types, target),
    predicate,
    body,
    name: `${programName(probe)}_${index + 1}`,
    // Only then do stacks carry how long they are.
    measuresStacks: asksFor(body, ['len']),
  };
}

/** Whether a builtin is used, or a function called, anywhere in a tree. */
function asksFor(node: unknown, names: readonly string[]): boolean {
  if (Array.isArray(node)) return node.some((one) => asksFor(one, names));
  if (typeof node !== 'object' || node === null) return false;
  const { kind, name } = node as { kind?: string; name?: string };
  if ((kind === 'call' || kind === 'name') && names.includes(name!)) return true;
  return Object.entries(node).some(
    ([key, value]) => key !== 'span' && key !== 'expandedAt' && key !== 'nameSpan' && asksFor(value, names),
  );
}

/** So that tools which list programs tell what they trace; names of C. */
function programName(probe: Probe): string {
  return 'function' in probe ? `${probe.kind}_${probe.function.replace(/\W/g, '_')}` : probe.kind;
}

function mapOf(
  map: MapInfo,
  checker: Checker,
  out: Output,
  standard: number,
): TraceMap & { type: string; entries: number; valueSize: number } {
  const value = map.value!;
  const bucketed = value.kind === 'aggregate' && BUCKETED.has(value.name);
  const key: TraceType = map.key ?? INT64;
  const scalar = map.scalar !== false;
  const plain = scalar ? 8 : Math.max(1, sizeOf(key));
  const bucketAt = bucketed ? Math.ceil(plain / 8) * 8 : undefined;
  const keySize = bucketAt === undefined ? plain : bucketAt + 8;
  const { declaration } = map;
  const wanted = declaration ? Number(checker.constant(declaration.entries) ?? 1n) : scalar && !bucketed ? 1 : standard;
  const perCpu = value.kind === 'aggregate';
  const declared = declaration?.mapType;
  const type = declared?.includes('lru')
    ? perCpu
      ? 'LRU_PERCPU_HASH'
      : 'LRU_HASH'
    : perCpu
      ? 'PERCPU_HASH'
      : declared === 'percpuhash'
        ? 'PERCPU_HASH'
        : 'HASH';
  return {
    name: map.name,
    symbol: out.mapSymbol(map.name),
    key: scalar ? undefined : key,
    value,
    keySize,
    bucketAt,
    span: map.span,
    type,
    entries: bucketed && scalar ? Math.max(wanted, bucketsOf(value as AggregateType)) : Math.max(1, wanted),
    valueSize: sizeOf(value),
  };
}

function bucketsOf(type: AggregateType): number {
  if (type.name === 'hist') return 1 + 65 * 2 ** Number(type.args[0] ?? 0n);
  if (type.name === 'tseries') return Number(type.args[1]);
  const [min, max, step] = type.args as bigint[];
  return Number((max! - min!) / step!) + 2;
}
const BUCKETED: ReadonlySet<string> = new Set(['hist', 'lhist', 'tseries']);

export type { Expression };

/** The names of all probes that a script means, without compiling it. */
export function parseScriptProbes(source: SourceFile, target: TraceTarget): string[] {
  return parseScript(source, { positional: [] }).probes.flatMap((node) =>
    node.attachPoints.flatMap(({ text, span }) => expandProbe(text, span, target).map(listName)),
  );
}

function listName(probe: Probe): string {
  if (probe.kind === 'interval' || probe.kind === 'profile') return `${probe.name.split(':').slice(0, 2).join(':')}:`;
  return probe.kind === 'hardware' || probe.kind === 'software' ? `${probe.kind}:${probe.event}:` : probe.name;
}
