import { writeFileSync } from 'node:fs';
import { EXIT, renderDiagnostics, SkepError } from '@skep/base';
import type { Recording, Variables } from '@skep/capture';
import { pidNamespace } from '@skep/kernel';
import { type ProgramSpec, withSection } from '@skep/object';
import { parseFilter, parseFormat } from '@skep/view';
import { type HomeName, type Loaded, readRecording, run, Spec } from 'skep';
import { costWatch } from '../cost/watch.ts';
import { cannotWrite, noCsv, nothingToFilter, notRecorded } from '../diagnostics.ts';
import { RecordedAnswers } from '../record/answers.ts';
import { ordered } from '../record/ordered.ts';
import { over, partOf, spoken } from '../record/recorded-tool.ts';
import { RecordSession } from '../record/session.ts';
import { cgroupId } from './containers.ts';
import { timingOf } from './intervals.ts';
import { LiveNames, type Names } from './names.ts';
import { COMMON, checkRefused, optionName, pidsOf, TIMESTAMP } from './options.ts';
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
  /** Everything is attached; how to detach it for a while. */
  readonly attached?: (control: { pause(): void; resume(): void }) => void;
  /** What is replayed, when it is not `--replay` that says so. */
  readonly recording?: Recording;
  /** Several tools record together: into this, of the process with this id, and they tell when they are attached. */
  readonly together?: { readonly session: RecordSession; readonly pid: number | undefined; started(): void };
}

/** In containers that do not share the machine's PID namespace. */
const OTHER_NUMBERS =
  'process numbers shown are those of the machine, not of this container, and functions of processes have no names (hostPID: true mends both)';

/** Runs a tool until its command, duration, count, last interval or Ctrl-C ends it; gives the exit code. */
export async function executeTool(tool: Tool, call: ToolCall): Promise<number> {
  const path = call.options.text('record');
  const session = call.together?.session ?? (path === undefined ? undefined : new RecordSession(path, commandOf(call)));
  try {
    return await show(tool, call, session);
  } finally {
    if (!call.together) session?.close();
  }
}

async function show(tool: Tool, call: ToolCall, session: RecordSession | undefined): Promise<number> {
  const { io, together } = call;
  const replay = call.options.text('replay');
  const whole = call.recording ?? (replay === undefined ? undefined : await readRecording(replay));
  const part = whole && partOf(whole, tool.name, (of, program) => sectionOf(tool, of.route, program));
  const recording = part?.recording ?? whole;
  const options = part ? over(call.options, part.tool.options, tool) : call.options;
  const args = part && call.args.length === 0 ? part.tool.args : call.args;

  checkRefused(tool, options);
  const format = parseFormat(options.flag('csv') ? 'csv' : (options.text('output') ?? 'table'));
  const route = routeOf(tool, options.text('route') ?? part?.tool.route, recording);
  const names: Names = recording ? new RecordedAnswers(recording) : (session?.names ?? new LiveNames());
  const boot = recording
    ? recording.header.startRealtime - recording.header.startMonotonic
    : (session?.boot ?? BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint());
  const asked = new Map<string, number>();
  const fact: Given['fact'] = (name, look) => {
    const time = (asked.get(name) ?? 0) + 1;
    asked.set(name, time);
    return names.fact(`${tool.name} ${name} ${time}`, look);
  };
  const given: Given = {
    ...{ args, route, names, fact },
    text: (name) => options.text(name),
    number: (name) => options.number(name),
    flag: (name) => options.flag(name),
    list: (name) => options.list(name),
    realtime: (monotonic) => boot + monotonic,
  };
  const display = tool.display(given);
  // Of several tools that are replayed together, a filter means those that have rows.
  if (options.text('filter') !== undefined && !hasRows(display) && !call.recording) {
    throw new SkepError(nothingToFilter(tool.name), EXIT.usage);
  }
  if (format.kind === 'csv' && display.kind !== 'rows' && display.kind !== 'table')
    throw new SkepError(noCsv(tool.name), EXIT.usage);
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
    context: format.kind !== 'table' || session !== undefined || options.text('filter') !== undefined,
    clock: () => fact('clock', () => new Date().toTimeString().slice(0, 8)),
    stamped: tool.options.includes(TIMESTAMP) && options.flag('timestamp'),
    command: tool.name,
  });
  if (route.kind === 'approximate') io.err(`${tool.name}: approximate (${route.name}): misses ${route.misses}\n`);

  const { interval, times } = timingOf(tool, {
    args,
    seconds: options.number('interval'),
    times: options.number('times'),
    ends: commandOf(call).length > 0 || together !== undefined || recording !== undefined,
  });
  let left = times ?? Number.POSITIVE_INFINITY;
  const inOrder = recording || session ? ordered : (loaded: Loaded) => loaded;
  const shown = (loaded: Loaded): boolean => {
    output.interval(inOrder(loaded));
    left -= 1;
    return left > 0;
  };
  const cost = costWatch({
    ...{ cost: options.flag('cost'), maxCpu: options.text('maxCpu') },
    ...{ name: tool.name, err: io.err },
  });
  const poll = (loaded: Loaded): void => {
    display.poll?.(loaded);
    cost?.look();
  };
  // Recorded programs go where their sections say: the part of the recording was made for that.
  const spec = specOf(tool, route, given, part ? undefined : display.targets);
  const pids = pidsOf(options);
  const subject: Variables =
    together?.pid !== undefined && spec.globals.includes('target_tgid') ? { target_tgid: together.pid } : {};
  const globals = part
    ? { ...display.globals, ...part.tool.globals, ...globalsOf(tool, call.options) }
    : { ...subject, ...globalsOf(tool, given), ...display.globals };
  const summary = await run(
    spec,
    {
      home: (options.text('home') ?? 'auto') as HomeName,
      ...(recording && { recording: async () => recording, replay: true }),
      ...(session && {
        record: {
          file: session.file,
          tool: { name: tool.name, route: route.name, args, options: spoken(tool, options) },
        },
      }),
      command: together ? [] : commandOf(call),
      duration: options.number('duration'),
      count: options.number('count'),
      ...(interval !== undefined && { interval }),
      programs: part?.tool.programs ?? programsOf(spec, route, given, recording),
      globals,
      ...(display.frequency !== undefined && { frequency: display.frequency }),
      // Of several, the programs look at those that run them, and all runs are recorded.
      ...(pids.length === 1 && { pid: pids[0]! }),
      ...(pids.length > 1 && { subject: '' }),
      countRuns: cost !== undefined,
      signal: io.signal,
    },
    {
      home: ({ host }) => {
        if (host.kind === 'kernel' && pidNamespace() !== 0) io.err(`${tool.name}: ${OTHER_NUMBERS}\n`);
        const warnings = host.recording?.warnings ?? [];
        if (warnings.length > 0) io.err(`${renderDiagnostics(warnings, { color: io.color })}\n`);
      },
      loaded: (loaded) => display.prepare?.(loaded),
      started: ({ loaded, control }) => {
        call.attached?.(control);
        output.start();
        cost?.start(loaded, control);
        together?.started();
      },
      records: (batch, ring) => output.records(batch, ring),
      ...((display.poll || cost) && { poll }),
      tick: shown,
      ended: (loaded) => {
        if (left > 0) output.interval(inOrder(loaded));
        output.end(inOrder(loaded), cost?.end());
      },
    },
  );
  if (summary.lost > 0) io.err(`${tool.name}: ${summary.lost} events lost\n`);
  if (summary.recorded) {
    const who = together ? `${tool.name}: ` : '';
    io.err(`${who}recorded ${summary.recorded.runs} runs, ${summary.recorded.lost} lost\n`);
  }
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

/** Where a program of a route goes when no option says otherwise; undefined when that is not known. */
function sectionOf(tool: Tool, route: string, name: string): string | undefined {
  const { program } = namedRoute(tool, route);
  if (typeof program !== 'string') return undefined;
  return openProgram(program).programs.find((one) => one.name === name)?.section;
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
function specOf(tool: Tool, route: Route, given: Given, targets: Display['targets']): Spec {
  const { program } = route;
  const spec = typeof program === 'string' ? openProgram(program) : openText(tool.name, program(given));
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

/** What options set, `-p` and `--cgroup` among them. */
function globalsOf(tool: Tool, given: Pick<Given, 'text' | 'number' | 'flag'>): Variables {
  const globals: { [name: string]: number | readonly number[] } = {};
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
  const [pid, ...more] = pidsOf(given);
  if (pid !== undefined) Object.assign(globals, { target_tgid: pid, more_tgids: more });
  const cgroup = given.text('cgroup');
  if (cgroup !== undefined) globals['target_cgroup'] = cgroupId(cgroup);
  return globals;
}

function writeText(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new SkepError(cannotWrite(path, error instanceof Error ? error.message : String(error)));
  }
}

function hasRows(display: Display): boolean {
  return display.kind !== 'histograms' && display.kind !== 'stacks';
}
