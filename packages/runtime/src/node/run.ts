import { SkepError } from '@skep/base';
import type { CapturedPacket, PacketCapture, RecordedTool, Variables } from '@skep/capture';
import { pidNamespace } from '@skep/kernel';
import type { Btf } from '@skep/object';
import { noPrograms } from '../diagnostics.ts';
import type { AttachOptions, Host } from '../host.ts';
import { Attached, type Loaded } from '../loaded.ts';
import { type PacketTotals, playPackets } from '../packets.ts';
import { RING_MAP } from '../record/layout.ts';
import { Recorder, subjectOf } from '../record/recorder.ts';
import { RecordingFile } from '../record/recording-file.ts';
import type { Spec } from '../spec.ts';
import type { Value } from '../typed/decode.ts';
import type { RecordType } from '../typed/records.ts';
import { HeldCommand } from './command.ts';
import { chooseHome, type Home, type HomeName, type RecordingSource } from './home.ts';

/** Where a file is run, for how long, and what is recorded. */
export interface RunOptions extends AttachOptions {
  readonly home: HomeName;
  /** What the virtual machine replays. */
  readonly recording?: RecordingSource | undefined;
  /** The user named the recording himself: it is to be replayed. */
  readonly replay?: boolean;
  /** Packets that the programs are run on, instead of attaching them; and what becomes of those that go on. */
  readonly packets?: PacketCapture | undefined;
  readonly forward?: ((packet: CapturedPacket) => void) | undefined;
  /** The file to record to, or one that is open already and gets these runs besides others. */
  readonly record?: string | RecordInto | undefined;
  /** Count runs and their time, which costs some 20 ns a run, of all programs of the machine (default: yes). */
  readonly countRuns?: boolean;
  /** Runs while the programs are attached; the run ends when it does. */
  readonly command?: readonly string[];
  /** Milliseconds. */
  readonly duration?: number | undefined;
  /** Records. */
  readonly count?: number | undefined;
  readonly programs?: readonly string[] | undefined;
  /** What CO-RE fits programs to, in place of the kernel's types: those of a program whose functions are probed. */
  readonly types?: Btf | undefined;
  /** Milliseconds between calls of {@link RunObserver.tick}. */
  readonly interval?: number | undefined;
  /** First values of global variables, by name. */
  readonly globals?: Variables;
  /** The variable by which the program watches one process, set to that of the command; `target_tgid` when not given; `''` for none. */
  readonly subject?: string | undefined;
  /** Ends it politely. */
  readonly signal?: AbortSignal | undefined;
}

/** An open recording, and the tool that these programs are of. */
export interface RecordInto {
  readonly file: RecordingFile;
  readonly tool?: Pick<RecordedTool, 'name' | 'route' | 'args' | 'options'>;
}

/** What the caller is told as it happens. */
export interface RunObserver {
  /** The home was chosen. */
  home?(home: Home): void;
  /** Maps and programs exist, and nothing is attached yet. */
  loaded?(loaded: Loaded): void;
  /** Everything is attached; rows may come. */
  started?(info: {
    readonly loaded: Loaded;
    readonly ring: string | undefined;
    readonly types: readonly RecordType[];
    /** Detaches everything, or attaches it again; the maps stay as they are. */
    readonly control: { pause(): void; resume(): void };
  }): void;
  /** Records of one ring, in order. */
  records(batch: readonly Value[], ring: string): void;
  /** What `bpf_trace_printk` wrote; in the kernel, that of all programs of the machine. Also what iterators print. */
  trace?(text: string): void;
  /** Called ten times a second, for what can be asked only while processes live. */
  poll?(loaded: Loaded): void;
  /** Another interval has passed; false ends the run. */
  tick?(loaded: Loaded): boolean;
  /** Detached, with the maps still there to be read. */
  ended?(loaded: Loaded): void;
}

/** What a run did. */
export interface RunSummary {
  readonly home: 'kernel' | 'vm';
  readonly release: string;
  readonly events: number;
  readonly lost: number;
  readonly programs: readonly {
    readonly name: string;
    readonly instructions: number;
    readonly runs: number | undefined;
    readonly nsPerRun: number | undefined;
  }[];
  readonly loadMs: number;
  readonly attachMs: number;
  /** Time in the programs, shared out over the records; undefined when the host does not count it. */
  readonly nsPerEvent: number | undefined;
  readonly exitCode: number | undefined;
  readonly recorded: { readonly runs: number; readonly lost: bigint } | undefined;
  /** Of a file of packets. */
  readonly packets?: PacketTotals | undefined;
}

/** The variable that a program filters by, when it has one: the process of the command, or of the recorded one. */
const SUBJECT = 'target_tgid';
/** The variable by which it knows whose numbers these are: the PID namespace's of skep. */
const NAMESPACE = 'target_pidns';
/** The variable in which a program counts itself the records for which there was no room. */
const LOST = 'lost';

/**
 * Loads and attaches a program in a home, runs a command or waits, and hands over what comes, until the command, the
 * duration, the count or the signal ends it. Whatever happens, everything is detached and closed at the end.
 */
export async function run(spec: Spec, options: RunOptions, observer: RunObserver): Promise<RunSummary> {
  if (spec.programs.length === 0) throw new SkepError(noPrograms(spec.object.name));
  const needsTypes = spec.programs.some((one) => one.core.length > 0);
  const home = await chooseHome(options.home, options.recording, {
    replay: options.replay === true,
    packets: options.packets !== undefined,
    needsTypes,
  });
  observer.home?.(home);
  const { host } = home;
  host.onTrace?.((text) => observer.trace?.(text));
  const cleanup: (() => void)[] = [() => host.close()];
  try {
    const command =
      host.kind === 'kernel' && !options.packets && options.command?.length
        ? await HeldCommand.start(options.command)
        : undefined;
    if (command) cleanup.push(() => command.kill());
    const configured = configure(spec, options, host, command);
    const into = host.kind === 'kernel' ? intoOf(options.record) : undefined;
    if (into && typeof options.record === 'string') cleanup.push(() => into.file.close());
    const wanted = options.programs ?? spec.programs.filter((one) => one.autoload).map((one) => one.name);
    const watched = configured.globals[options.subject ?? SUBJECT];
    // What goes in front of programs to record them knows the machine's numbers only.
    const plain = typeof watched === 'number' && !configured.globals[NAMESPACE];
    const subject = into && plain ? subjectOf(watched, host.targetBtf()) : undefined;
    const recorder = into && new Recorder(configured.spec, into.file, wanted, subject);

    const beforeLoad = performance.now();
    const counts = configured.spec.globals.includes(LOST);
    const loaded = (recorder?.spec ?? (counts ? configured.spec : configured.spec.countingLost())).load(host, {
      programs: options.programs,
      types: options.types,
    });
    cleanup.push(() => loaded.close());
    if (into) {
      const { globals } = configured;
      into.file.tell({ globals, command: options.command ?? [] });
      recorder?.start(loaded, host, into.tool && { ...into.tool, globals });
    }
    observer.loaded?.(loaded);
    const loadMs = performance.now() - beforeLoad;

    const counting = options.countRuns === false ? undefined : host.countRuns?.();
    if (counting) cleanup.push(() => counting.close());
    const rings = [...loaded.records].filter(([name]) => name !== RING_MAP);
    const beforeAttach = performance.now();
    let attached: Attached = options.packets ? new Attached([]) : loaded.attach(options);
    cleanup.push(() => attached.close());
    const attachMs = performance.now() - beforeAttach;
    const control = {
      pause: () => {
        attached.close();
        attached = new Attached([]);
      },
      resume: () => {
        if (attached.links.length === 0) attached = loaded.attach(options);
      },
    };
    observer.started?.({ loaded, ring: rings[0]?.[0], types: rings[0]?.[1].types ?? [], control });

    for (const { link } of attached.links) if (link.read) observer.trace?.(link.read());

    const progress = new Progress(options.count);
    const take = (ring: string, batch: readonly Value[]) => {
      const wanted = progress.take(batch);
      if (wanted.length > 0) observer.records(wanted, ring);
    };
    const drain = () => {
      for (const [name, records] of rings) {
        const batch: Value[] = [];
        while (records.drain((record) => batch.push(record)) > 0) {
          // Until it is empty.
        }
        take(name, batch);
      }
      recorder?.drain();
      host.drainTrace?.();
    };
    let replayed: { runs: number; ms: number } | undefined;
    let exitCode: number | undefined;
    const packets: PacketTotals = { read: 0, forwarded: 0, skipped: 0, verdicts: {} };
    if (options.packets) {
      const playing = playPackets(loaded, host, options.packets, packets, options.forward ?? (() => {}));
      replayed = await replayAll(playing, drain, options.signal, progress);
    } else if (host.replay) {
      const shown = () => {
        if (observer.tick?.(loaded) === false) progress.enough.abort();
      };
      replayed = await replayAll(host.replay(shown), drain, options.signal, progress);
    } else exitCode = await live(loaded, command, options, progress, recorder, take, observer);
    // First: what comes while a ring is emptied might keep it from ever being empty.
    attached.close();
    drain();
    const recorded = recorder?.finish();
    observer.ended?.(loaded);
    return {
      ...summarise(loaded, home, progress, replayed),
      loadMs,
      attachMs,
      exitCode,
      recorded,
      ...(options.packets && { packets }),
    };
  } finally {
    for (const undo of cleanup.reverse()) undo();
  }
}

/** Which records were taken, and whether more are wanted. */
class Progress {
  events = 0;
  readonly enough = new AbortController();
  private readonly limit: number;

  constructor(limit: number | undefined) {
    this.limit = limit ?? Number.POSITIVE_INFINITY;
  }

  take(batch: readonly Value[]): readonly Value[] {
    const wanted = batch.slice(0, Math.max(0, this.limit - this.events));
    this.events += wanted.length;
    if (this.events >= this.limit) this.enough.abort();
    return wanted;
  }
}

async function replayAll(
  replay: Generator<number, void, void>,
  drain: () => void,
  signal: AbortSignal | undefined,
  progress: Progress,
): Promise<{ runs: number; ms: number }> {
  let runs = 0;
  let ms = 0;
  for (;;) {
    const before = performance.now();
    const next = replay.next();
    ms += performance.now() - before;
    if (next.done) break;
    runs += next.value;
    drain();
    if (signal?.aborted || progress.enough.signal.aborted) break;
    // Ctrl-C and output get their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  drain();
  return { runs, ms };
}

async function live(
  loaded: Loaded,
  command: HeldCommand | undefined,
  options: RunOptions,
  progress: Progress,
  recorder: Recorder | undefined,
  take: (ring: string, batch: readonly Value[]) => void,
  observer: RunObserver,
): Promise<number | undefined> {
  const over = new AbortController();
  const stop = AbortSignal.any([over.signal, progress.enough.signal, ...(options.signal ? [options.signal] : [])]);
  const timer = options.duration === undefined ? undefined : setTimeout(() => over.abort(), options.duration);
  // Keeps the process alive while nothing but the kernel is at work, and the recorder's ring from filling up.
  const tick = setInterval(() => recorder?.drain(), recorder ? 10 : 1000);
  const poll = observer.poll && setInterval(() => observer.poll?.(loaded), 100);
  const { interval } = options;
  const shown = () => {
    recorder?.interval();
    if (observer.tick?.(loaded) === false) over.abort();
  };
  const again = interval === undefined ? undefined : setInterval(shown, interval);
  const readers = [...loaded.records]
    .filter(([name]) => name !== RING_MAP)
    .map(async ([name, records]) => {
      for await (const batch of records.batches({ signal: stop })) {
        take(name, batch);
        if (stop.aborted) break;
      }
    });
  let exitCode: number | undefined;
  try {
    command?.go();
    const stopped = new Promise<void>((resolve) => {
      if (stop.aborted) resolve();
      else stop.addEventListener('abort', () => resolve(), { once: true });
    });
    if (command) {
      exitCode = await Promise.race([command.ended, stopped.then(() => undefined)]);
      over.abort();
    } else await stopped;
    await Promise.all(readers);
    return exitCode;
  } finally {
    clearTimeout(timer);
    clearInterval(tick);
    clearInterval(again);
    clearInterval(poll);
    over.abort();
  }
}

function configure(
  spec: Spec,
  options: RunOptions,
  host: Host,
  command: HeldCommand | undefined,
): { spec: Spec; globals: Variables } {
  const recorded = host.recording?.header.globals ?? {};
  const known: Variables = Object.fromEntries(Object.entries(recorded).filter(([name]) => spec.globals.includes(name)));
  const variable = options.subject ?? SUBJECT;
  const subject: Variables = command && spec.globals.includes(variable) ? { [variable]: command.pid } : {};
  const namespace = host.kind === 'kernel' && spec.globals.includes(NAMESPACE) ? pidNamespace() : 0;
  const globals = { ...known, ...subject, ...(namespace !== 0 && { [NAMESPACE]: namespace }), ...options.globals };
  return { spec: Object.keys(globals).length > 0 ? spec.with(globals) : spec, globals };
}

function intoOf(record: RunOptions['record']): RecordInto | undefined {
  return typeof record === 'string' ? { file: new RecordingFile(record) } : record;
}

function summarise(
  loaded: Loaded,
  home: Home,
  progress: Progress,
  replayed: { runs: number; ms: number } | undefined,
): Omit<RunSummary, 'loadMs' | 'attachMs' | 'exitCode' | 'recorded'> {
  const programs = [...loaded.programs.values()].map((program) => {
    const stats = program.stats();
    const runs = stats && stats.runs > 0n ? Number(stats.runs) : undefined;
    return {
      name: program.name,
      instructions: program.instructions,
      runs,
      nsPerRun: runs === undefined ? undefined : Number(stats!.ns) / runs,
    };
  });
  const counted = programs.reduce((sum, one) => sum + (one.runs === undefined ? 0 : one.runs * one.nsPerRun!), 0);
  const ns = replayed ? replayed.ms * 1e6 : counted;
  const inProgram = loaded.object.globals.some((one) => one.name === LOST) ? Number(loaded.global(LOST)) : 0;
  return {
    home: home.host.kind,
    release: home.host.release,
    events: progress.events,
    lost: inProgram + [...loaded.records.values()].reduce((sum, one) => sum + one.lost, 0),
    programs,
    nsPerEvent: ns > 0 && progress.events > 0 ? ns / progress.events : undefined,
  };
}
