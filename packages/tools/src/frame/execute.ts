import { writeFileSync } from 'node:fs';
import { renderDiagnostics, SkepError } from '@skep/base';
import type { Recording } from '@skep/capture';
import { type ProgramSpec, withSection } from '@skep/object';
import { parseFilter, parseFormat } from '@skep/view';
import { type HomeName, type Loaded, readRecording, run, Spec } from 'skep';
import { cannotWrite, notRecorded } from '../diagnostics.ts';
import { cgroupId } from './containers.ts';
import { intervalsOf } from './intervals.ts';
import { LiveNames, type Names } from './names.ts';
import { COMMON, optionName } from './options.ts';
import { openProgram, openText } from './program.ts';
import { chooseRoute, lack, namedRoute, recordedRoute } from './route.ts';
import { outputOf } from './show.ts';
import type { Display, Given, Need, Route, Tool } from './tool.ts';

/** A command line of a tool, as the command has parsed it. */
export interface ToolCall {
  readonly args: readonly string[];
  /** Behind ` -- `. */
  readonly trailing: readonly string[];
  readonly options: Pick<Given, 'text' | 'number' | 'flag' | 'list'>;
  readonly io: {
    out(text: string): void;
    err(text: string): void;
    readonly color: boolean;
    readonly signal: AbortSignal;
    /** Whether stdout is a terminal: then top views clear it. */
    readonly terminal?: boolean;
  };
}

/** Runs a tool until its command, duration, count, last interval or Ctrl-C ends it; gives the exit code. */
export async function executeTool(tool: Tool, call: ToolCall): Promise<number> {
  const { options, io } = call;
  const format = parseFormat(options.text('output') ?? 'table');
  const replay = options.text('replay');
  const recording = replay === undefined ? undefined : await readRecording(replay);
  const route = routeOf(tool, options.text('route'), recording);
  const names: Names = new LiveNames();
  const given = givenOf(call, route, names, recording);
  const display = tool.display(given);
  const output = outputOf(display, {
    format,
    filter: (columns) => {
      const text = options.text('filter');
      return text === undefined ? () => true : parseFilter(text, columns);
    },
    write: io.out,
    clear: io.terminal === true && display.kind === 'table' && display.top === true,
    save: (path, text) => writeText(path, text),
    names,
    command: tool.name,
  });
  if (route.kind === 'approximate') io.err(`${tool.name}: approximate (${route.name}): misses ${route.misses}\n`);

  const seconds = options.number('interval');
  const { interval, times } = tool.intervals
    ? intervalsOf(call.args)
    : seconds === undefined
      ? {}
      : intervalsOf([String(seconds)]);
  let left = times ?? Number.POSITIVE_INFINITY;
  const shown = (loaded: Loaded): boolean => {
    output.interval(loaded);
    left -= 1;
    return left > 0;
  };
  const spec = specOf(tool, route, given, display);
  const summary = await run(
    spec,
    {
      home: (options.text('home') ?? 'auto') as HomeName,
      ...(recording && { recording: async () => recording, replay: true }),
      record: options.text('record'),
      command: commandOf(call),
      duration: options.number('duration'),
      count: options.number('count'),
      ...(interval !== undefined && { interval }),
      programs: programsOf(spec, route, given, recording),
      globals: globalsOf(tool, given, display),
      ...(display.frequency !== undefined && { frequency: display.frequency }),
      ...(options.number('pid') !== undefined && { pid: options.number('pid')! }),
      signal: io.signal,
    },
    {
      home: ({ host }) => {
        const warnings = host.recording?.warnings ?? [];
        if (warnings.length > 0) io.err(`${renderDiagnostics(warnings, { color: io.color })}\n`);
      },
      loaded: (loaded) => display.prepare?.(loaded),
      started: () => output.start(),
      records: (batch, ring) => output.records(batch, ring),
      ...(display.poll && { poll: display.poll }),
      tick: shown,
      ended: (loaded) => {
        if (left > 0) output.interval(loaded);
        output.end(loaded);
      },
    },
  );
  if (summary.lost > 0) io.err(`${tool.name}: ${summary.lost} events lost\n`);
  if (summary.recorded) io.err(`recorded ${summary.recorded.runs} runs, ${summary.recorded.lost} lost\n`);
  return 0;
}

function routeOf(tool: Tool, wanted: string | undefined, recording: Recording | undefined): Route {
  if (wanted !== undefined) return namedRoute(tool, wanted);
  if (recording === undefined) return chooseRoute(tool, undefined);
  const route = recordedRoute(tool, recording, sectionsOf);
  if (route !== undefined) return route;
  const sections = recording.blocks.flatMap((one) => (one.kind === 'hook' ? [one.hook.section] : []));
  throw new SkepError(notRecorded(tool.name, sections));
}

/** Of programs that are made for a command line they are not known before. */
function sectionsOf({ program }: Route): readonly string[] {
  return typeof program === 'string' ? openProgram(program).programs.map((one) => one.section) : [];
}

function givenOf(call: ToolCall, route: Route, names: Names, recording: Recording | undefined): Given {
  const { options } = call;
  const boot = recording
    ? recording.header.startRealtime - recording.header.startMonotonic
    : BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  return {
    args: call.args,
    text: (name) => options.text(name),
    number: (name) => options.number(name),
    flag: (name) => options.flag(name),
    list: (name) => options.list(name),
    route,
    names,
    realtime: (monotonic) => boot + monotonic,
  };
}

/**
 * Which of the file's programs are loaded. A `?` in front of a section means: where there is such a hook, on this kernel
 * or in the recording.
 */
function programsOf(spec: Spec, route: Route, given: Given, recording: Recording | undefined): readonly string[] {
  const { programs } = route;
  if (programs !== undefined) return typeof programs === 'function' ? programs(given) : programs;
  const recorded = new Set(recording?.blocks.flatMap((one) => (one.kind === 'hook' ? [one.hook.section] : [])));
  const there = (one: ProgramSpec) =>
    one.autoload || (recording ? recorded.has(one.section) : lack(needOf(one.section)) === undefined);
  return spec.programs.filter(there).map((one) => one.name);
}

function needOf(section: string): Need {
  const [kind, ...rest] = section.replace(/^\?/, '').split('/') as [string, ...string[]];
  switch (kind) {
    case 'tracepoint':
    case 'tp':
      return { kind: 'tracepoint', name: rest.join(':') };
    case 'kprobe':
    case 'kretprobe':
      return { kind: 'kprobe', name: rest[0]! };
    case 'fentry':
    case 'fexit':
      return { kind: 'fentry', name: rest[0]! };
    default:
      throw new Error(`the frame does not know when SEC("${section}") is there`);
  }
}

/** The program, with its hooks where the display wants them. */
function specOf(tool: Tool, route: Route, given: Given, display: Display): Spec {
  const { program } = route;
  const spec = typeof program === 'string' ? openProgram(program) : openText(tool.name, program(given));
  const { targets } = display;
  if (targets === undefined) return spec;
  const programs = spec.programs.map((one) =>
    targets[one.name] === undefined ? one : withSection(one, targets[one.name]!),
  );
  return new Spec({ ...spec.object, programs });
}

/** Behind ` -- `, or of `-c`, which a shell reads. */
function commandOf(call: ToolCall): readonly string[] {
  const text = call.options.text('command');
  return text === undefined ? call.trailing : ['/bin/sh', '-c', text];
}

/** What options set, `-p` and `--cgroup` among them, and then what the display computed. */
function globalsOf(tool: Tool, given: Given, display: Display): { [name: string]: number } {
  const globals: { [name: string]: number } = {};
  for (const option of [...tool.options, ...COMMON]) {
    if (option.global === undefined) continue;
    const name = optionName(option.flags);
    if (option.value === undefined) {
      if (given.flag(name)) globals[option.global] = 1;
    } else {
      const value = given.number(name);
      if (value !== undefined) globals[option.global] = value;
    }
  }
  const cgroup = given.text('cgroup');
  if (cgroup !== undefined) globals['target_cgroup'] = cgroupId(cgroup);
  return { ...globals, ...display.globals };
}

function writeText(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new SkepError(cannotWrite(path, error instanceof Error ? error.message : String(error)));
  }
}
