import { SkepError } from '@skep/base';
import { type CompiledTrace, LOST, type ProbeKind, placesOf, RING, type TraceProgram } from '@skep/compiler';
import type { Attached, AttachOptions, Host, HostLink, Loaded, LoadedProgram, RecordView } from 'skep';
import type { Actions } from './actions.ts';
import { unattached } from './diagnostics.ts';
import type { Printer } from './printer.ts';
import { hookOf, type ScriptReplay } from './recording.ts';
import type { Clock } from './world.ts';

export interface SessionOptions {
  readonly compiled: CompiledTrace;
  readonly loaded: Loaded;
  readonly host: Host;
  readonly actions: Actions;
  readonly printer: Printer;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Nothing is attached to: only probes that run by themselves count. */
  readonly attachable: boolean;
  readonly pid?: number | undefined;
  readonly duration?: number | undefined;
  /** Called when everything is attached. */
  readonly attached: (count: number) => void;
  /** Resolves when there is a command and it ended. */
  readonly ended: Promise<unknown> | undefined;
  readonly mode?: 'test' | 'bench' | undefined;
  readonly recorder?: { drain(): void } | undefined;
  readonly replay?: ScriptReplay | undefined;
  /** Where the world must be told before a program runs by itself. */
  readonly before?: ((time?: bigint) => void) | undefined;
}

/** Runs a script that is loaded: `begin`, everything else until something ends it, `end`. Gives the exit code. */
export async function runSession(options: SessionOptions): Promise<number> {
  const session = new Session(options);
  try {
    return await session.run();
  } finally {
    session.close();
  }
}

class Session {
  private readonly options: SessionOptions;
  private readonly links: HostLink[] = [];
  private readonly stop = new AbortController();
  private lost = 0n;
  /** What comes now comes from `end`. */
  private ending = false;
  private readonly walks: boolean;

  constructor(options: SessionOptions) {
    this.options = options;
    this.walks = options.compiled.programs.some((one) => one.probe.kind === 'iter');
  }

  async run(): Promise<number> {
    const { options } = this;
    const { signal } = options;
    const stop = () => this.stop.abort();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    options.attached(this.attach());
    const { replay } = options;
    if (replay?.same) {
      // What the script did by itself is in the recording too.
      await this.playAgain();
      return options.actions.exitCode ?? 0;
    }
    this.trigger('begin');
    if (options.mode === 'bench') this.measure();
    if (options.mode === 'test') this.test();
    const own = this.programs('interval').length > 0;
    const waits = this.links.length > 0 || own || this.programs('self').length > 0;
    void options.ended?.then(stop);
    const end = options.duration === undefined || options.host.replay ? undefined : setTimeout(stop, options.duration);
    const reading = this.read();
    // Runs that send nothing fill the recorder's ring all the same.
    const recording = options.recorder && setInterval(() => options.recorder!.drain(), 20);
    // Iterators walk when they are read, once; a script of nothing else is over then.
    for (const link of this.links) link.read?.();
    if (
      options.compiled.programs.every(
        ({ probe }) => probe.kind === 'iter' || probe.kind === 'begin' || probe.kind === 'end',
      )
    )
      stop();
    if (options.host.replay) await this.play();
    else if ((waits || options.ended) && !this.stop.signal.aborted) await Promise.all([this.intervals(), this.until()]);
    stop();
    clearTimeout(end);
    for (const link of this.links) link.close();
    await reading;
    clearInterval(recording);
    this.drain();
    this.ending = true;
    this.trigger('end');
    signal.removeEventListener('abort', stop);
    this.reportLost();
    return options.actions.exitCode ?? 0;
  }

  close(): void {
    for (const link of this.links) link.close();
  }

  private programs(kind: ProbeKind): readonly TraceProgram[] {
    return this.options.compiled.programs.filter((one) => one.probe.kind === kind);
  }

  /** Everything that something else runs. Gives how many probes there are. */
  private attach(): number {
    const { compiled, loaded, attachable, pid, printer } = this.options;
    let absent = 0;
    const reversed = compiled.programs.filter((one) => NEWEST_FIRST.has(one.probe.kind));
    const { replay } = this.options;
    for (const one of [...compiled.programs.filter((each) => !reversed.includes(each)), ...reversed.reverse()]) {
      if (OWN.has(one.probe.kind) && !replay?.same) continue;
      const program = loaded.programs.get(one.name)!;
      if (!attachable && !this.options.host.replay) continue;
      try {
        this.links.push(this.attachOne(one, program, pid));
      } catch (error) {
        const { missing_probes: missing } = compiled.config;
        if (!(error instanceof SkepError)) throw error;
        if (missing === 'error') throw unattached(one.probe.name, error);
        absent += placesOf(one.probe);
        if (missing === 'warn') printer.note(`WARNING: ${one.probe.name}: ${error.message} Skipping.`);
      }
    }
    return compiled.programs.reduce((sum, one) => sum + placesOf(one.probe), 0) - absent;
  }

  private attachOne(one: TraceProgram, program: LoadedProgram, pid: number | undefined): HostLink {
    const { probe } = one;
    const more: AttachOptions = {
      ...(this.options.replay?.same && { hook: hookOf(one.name) }),
      ...('functions' in probe && probe.functions && { functions: probe.functions }),
      ...(pid !== undefined && FOR_ONE_PROCESS.has(probe.kind) && { pid }),
      // The clock counts nanoseconds.
      ...(probe.kind === 'profile' && { event: 'cpu-clock', period: Number(probe.every) }),
      ...(probe.kind === 'watchpoint' && {
        breakpoint: { address: probe.address, length: probe.length, access: probe.access },
      }),
      ...((probe.kind === 'software' || probe.kind === 'hardware') && {
        event: EVENT_NAMES[probe.event] ?? probe.event,
        period: Number(probe.count),
      }),
    };
    return program.attach(more);
  }

  /** Runs all programs of a kind once. */
  private trigger(kind: ProbeKind): void {
    for (const one of this.programs(kind)) this.runOnce(one);
  }

  private runOnce(one: TraceProgram, time?: bigint): number {
    this.options.before?.(time);
    const { retval } = this.options.loaded.programs.get(one.name)!.run({ context: CONTEXT });
    this.drain();
    return retval;
  }

  /** Runs every `bench` program for about half a second. */
  private measure(): void {
    const { printer, loaded } = this.options;
    const rows: string[] = [];
    if (!printer.json) rows.push(`\n${'Benchmark'.padEnd(41)}${'Time(ns)'.padEnd(15)}Iterations\n${'-'.repeat(66)}\n`);
    for (const one of this.programs('bench')) {
      if (one.probe.kind !== 'bench') continue;
      const program = loaded.programs.get(one.name)!;
      let rounds = 1;
      let average = 0;
      const until = Date.now() + 500;
      for (;;) {
        const { nsPerRun } = program.run({
          context: CONTEXT,
          ...(this.options.host.kind === 'vm' && { repeat: rounds }),
        });
        average = Math.max(1, Math.round(nsPerRun));
        if (Date.now() > until || rounds >= 1_000_000) break;
        rounds *= this.options.host.kind === 'vm' ? 4 : 2;
        this.drain();
      }
      this.drain();
      rows.push(
        printer.json
          ? `{"type": "benchmark_result", "data": {${JSON.stringify(one.probe.label)}: {"average": ${average}, "iters": ${rounds}}}}\n`
          : `${one.probe.label.padEnd(41)}${String(average).padEnd(15)}${rounds}\n`,
      );
    }
    printer.raw(rows.join(''));
  }

  /** Runs every `test` program; what it returns says whether it passes. */
  private test(): void {
    const { actions, printer } = this.options;
    let failed = 0;
    for (const one of this.programs('test')) {
      if (one.probe.kind !== 'test') continue;
      const before = actions.errors;
      const returned = this.runOnce(one);
      const ok = returned === 0 && actions.errors === before && (actions.exitCode ?? 0) === 0;
      if (!ok) failed += 1;
      printer.note(`${ok ? 'ok    ' : 'FAILED'} ${one.probe.label}`);
    }
    if (failed > 0) actions.exitCode ??= 1;
  }

  private drain(): void {
    const { loaded, actions } = this.options;
    const ring = loaded.records.get(RING)!;
    while (ring.drainRaw((view, offset, length) => this.take(copy(view, offset, length)), 1024) > 0);
    if (actions.exitCode !== undefined) this.stop.abort();
    this.options.recorder?.drain();
  }

  /**
   * What was sent after `exit()` does not count, but in recordings, which have the runs and not what was heeded of them, and in walks,
   * which the kernel goes on with to their end.
   */
  private take(record: Uint8Array): void {
    const { actions, mode, recorder, replay, signal } = this.options;
    const all = this.ending || this.walks || mode !== undefined || recorder !== undefined || replay?.same === true;
    if (actions.exitCode !== undefined && !all) return;
    actions.take(record, signal.aborted && !this.ending);
    if (actions.exitCode !== undefined) this.stop.abort();
  }

  /** Records as they come; in the virtual machine they are taken after each run. */
  private async read(): Promise<void> {
    const { loaded, host } = this.options;
    if (host.kind === 'vm') return;
    const { signal } = this.stop;
    const ring = loaded.records.get(RING)!;
    let until = performance.now() + TURN;
    const shelf = new Shelf();
    const decode = (view: RecordView, offset: number, length: number) => shelf.copy(view, offset, length);
    for await (const batch of ring.batchesRaw({ signal, decode })) {
      this.options.recorder?.drain();
      for (const one of batch) {
        this.take(one);
        if (performance.now() < until) continue;
        // Signals are seen between turns of the event loop only, and commands that a script runs may fill the ring for ever.
        await new Promise((resolve) => setImmediate(resolve));
        until = performance.now() + TURN;
      }
    }
  }

  private async intervals(): Promise<void> {
    const { clock } = this.options;
    const { signal } = this.stop;
    const timers = this.programs('interval').map((one) => ({
      one,
      every: one.probe.kind === 'interval' ? one.probe.every : 0n,
      next: 0n,
    }));
    if (timers.length === 0) return;
    const start = clock.now();
    for (const timer of timers) timer.next = start + timer.every;
    while (!signal.aborted) {
      const next = timers.reduce((a, b) => (b.next < a.next ? b : a));
      const wait = next.next - clock.now();
      if (wait > 0n) await clock.wait(wait, signal);
      else await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) break;
      this.runOnce(next.one);
      const now = clock.now();
      next.next += next.every;
      // What was missed is not made up for.
      if (next.next < now - next.every) next.next = now;
    }
  }

  private until(): Promise<void> {
    const { signal } = this.stop;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      // Keeps the process alive while nothing but the kernel is at work.
      const alive = setInterval(() => {}, 1000);
      const signals = this.programs('self');
      const onSignal = () => {
        for (const one of signals) this.runOnce(one);
      };
      if (signals.length > 0) process.on('SIGUSR1', onSignal);
      signal.addEventListener('abort', () => {
        clearInterval(alive);
        process.off('SIGUSR1', onSignal);
        resolve();
      });
    });
  }

  /** Runs the script on what something else recorded; its intervals end by the clock of the recording. */
  private async play(): Promise<void> {
    const intervals = this.programs('interval').map((one) => ({
      one,
      every: one.probe.kind === 'interval' ? one.probe.every : 0n,
      passed: 0n,
    }));
    const start = this.options.replay?.firstRun ?? 0n;
    // Every mark is the end of the interval that is over first.
    const mark = () => {
      const next = intervals.reduce((a, b) => (b.passed + b.every < a.passed + a.every ? b : a));
      next.passed += next.every;
      if (!this.stop.signal.aborted) this.runOnce(next.one, start + next.passed);
    };
    const replay = this.options.host.replay!(intervals.length > 0 ? mark : undefined);
    for (;;) {
      const next = replay.next();
      this.drain();
      if (next.done || this.stop.signal.aborted) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Runs everything as it was recorded, to the last run: what came behind `exit()` was printed too. */
  private async playAgain(): Promise<void> {
    for (const replay = this.options.host.replay!(); ; ) {
      const next = replay.next();
      this.drain();
      if (next.done) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private reportLost(): void {
    const lost = BigInt(this.options.loaded.global(LOST) as bigint);
    if (lost > this.lost) this.options.printer.lost(Number(lost - this.lost));
    this.lost = lost;
  }
}

/** Milliseconds of work on records without looking for signals. */
const TURN = 20;

/** Of several probes at one place the kernel runs the newest first. */
const NEWEST_FIRST: ReadonlySet<ProbeKind> = new Set(['kprobe', 'uprobe', 'uretprobe', 'usdt', 'fentry', 'fexit']);

const FOR_ONE_PROCESS: ReadonlySet<ProbeKind> = new Set([
  'uprobe',
  'uretprobe',
  'usdt',
  'profile',
  'software',
  'hardware',
  'watchpoint',
]);

/** What events are called besides. */
const EVENT_NAMES: Readonly<Record<string, string>> = {
  cpu: 'cpu-clock',
  faults: 'page-faults',
  cs: 'context-switches',
  'cpu-cycles': 'cycles',
  branches: 'branch-instructions',
};

/** Probes whose programs are run by this process. */
const OWN: ReadonlySet<ProbeKind> = new Set(['begin', 'end', 'interval', 'self', 'test', 'bench']);

const CONTEXT = { args: [0n] };

/** The ring's memory is used again. */
function copy(view: RecordView, offset: number, length: number): Uint8Array {
  const found = view.copy?.(offset, length);
  if (found) return found;
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = view.getUint8(offset + i);
  return bytes;
}

/** Copies of records, many in one piece of memory: a piece for each would cost more than what is done with it. */
class Shelf {
  private words = new Int32Array(0);
  private used = 0;

  copy(view: RecordView, offset: number, length: number): Uint8Array {
    const count = (length + 3) >> 2;
    if (this.used + count > this.words.length) {
      this.words = new Int32Array(Math.max(SHELF, count));
      this.used = 0;
    }
    const { words, used } = this;
    // Records lie at multiples of eight bytes, and so does what follows them.
    for (let i = 0; i < count; i++) words[used + i] = view.getInt32(offset + 4 * i, true);
    this.used += (count + 1) & ~1;
    return new Uint8Array(words.buffer, 4 * used, length);
  }
}

/** Words: 256 KiB. */
const SHELF = 65_536;

export type { Attached };
