import { SkepError } from '@skep/base';
import type { Recording, RecordingBlock } from '@skep/capture';
import type { CompiledTrace } from '@skep/compiler';
import { type Host, type Loaded, Recorder, RecordingFile, type Spec } from 'skep';
import { partOf } from '../record/recorded-tool.ts';
import { notRecordable } from './diagnostics.ts';
import type { Meanings } from './values.ts';

/** Records a script while it runs: every run of its programs, those that it runs itself among them, and what numbers are called. */
export class ScriptRecorder {
  private readonly file: RecordingFile;
  private readonly recorder: Recorder;
  private readonly answers: { [question: string]: unknown } = {};
  private readonly script: string;

  /** Throws E8019, E8008, E8185. */
  constructor(
    path: string,
    spec: Spec,
    compiled: CompiledTrace,
    host: Host,
    script: string,
    time: { readonly started: bigint; readonly wall: bigint },
  ) {
    if (host.kind !== 'kernel') throw new SkepError(notRecordable());
    const startMonotonic = process.hrtime.bigint();
    this.file = new RecordingFile(path, { startMonotonic, startRealtime: time.wall });
    this.script = script;
    this.answers[STARTED] = String(time.started);
    this.recorder = new Recorder(
      spec,
      this.file,
      compiled.programs.map((one) => one.name),
    );
  }

  /** To be loaded in place of the script's own. */
  get spec(): Spec {
    return this.recorder.spec;
  }

  start(loaded: Loaded, host: Host): void {
    this.file.tell({ globals: {}, command: ['skep', 'trace', this.script] });
    this.recorder.start(loaded, host, { name: TOOL, route: '', args: [this.script], options: {}, globals: {} });
  }

  drain(): void {
    this.recorder.drain();
  }

  /** The same meanings, which are kept for the replay. */
  keep(live: Meanings): Meanings {
    return answering(live, (question, ask) => {
      const answer = ask();
      this.answers[question] = answer;
      return answer;
    });
  }

  finish(): { readonly runs: number; readonly lost: bigint } {
    try {
      const done = this.recorder.finish();
      this.file.write({ kind: 'names', names: this.answers });
      return done;
    } finally {
      this.file.close();
    }
  }
}

/** A recording as a script sees it again. */
export interface ScriptReplay {
  readonly recording: Recording;
  /** It was made by this very script: all its programs run when they ran, and the recording knows which run is whose. */
  readonly same: boolean;
  /** What `elapsed` counts from. */
  readonly started: bigint;
  /** When the first run was, from which intervals are counted. */
  readonly firstRun: bigint;
  /** The names that the recorded machine gave. */
  answer(live: Meanings): Meanings;
}

export function scriptReplay(recording: Recording, compiled: CompiledTrace): ScriptReplay {
  const answers = new Map<string, unknown>();
  for (const block of recording.blocks)
    if (block.kind === 'names')
      for (const [question, answer] of Object.entries(block.names)) answers.set(question, answer);
  const part = partOf(recording, TOOL, (_, program) => hookOf(program));
  const same = part !== undefined && String(part.tool.programs) === String(compiled.programs.map((one) => one.name));
  const started = answers.get(STARTED);
  return {
    recording: same ? part.recording : withIntervals(recording, compiled),
    same,
    firstRun: recording.blocks.find((one) => one.kind === 'run')?.run.time ?? recording.header.startMonotonic,
    started: typeof started === 'string' ? BigInt(started) : recording.header.startMonotonic,
    answer: (live) =>
      answering(
        {
          ...live,
          wallClock: (nanoseconds) => recording.header.startRealtime + nanoseconds - recording.header.startMonotonic,
        },
        (question, ask) => (answers.has(question) ? (answers.get(question) as ReturnType<typeof ask>) : ask()),
      ),
  };
}

/** Under which hook a recording that is played again has the runs of a program. */
export function hookOf(program: string): string {
  return `trace/${program}`;
}

const TOOL = 'trace';
const STARTED = 'fact started';

/** Meanings whose answers go through `through`, which may keep them or know better. */
function answering(live: Meanings, through: <T>(question: string, ask: () => T) => T): Meanings {
  let times = 0;
  const hex = (address: bigint) => `0x${address.toString(16)}`;
  const sign = (offset: boolean) => (offset ? '+' : '');
  return {
    ...live,
    kernelSymbol: (address, offset) =>
      through(`kernel${sign(offset)} ${hex(address)}`, () => live.kernelSymbol(address, offset)),
    userSymbol: (address, pid, offset) =>
      through(`process${sign(offset)} ${pid} ${hex(address)}`, () => live.userSymbol(address, pid, offset)),
    ...(live.userFrames && {
      userFrames: (address, pid, called) =>
        through(`frames ${pid} ${hex(address)} ${called}`, () => live.userFrames!(address, pid, called)),
    }),
    userName: (uid) => through(`user ${uid}`, () => live.userName(uid)),
    cgroupPath: (id, filter) => through(`cgroup ${id} ${filter}`, () => live.cgroupPath(id, filter)),
    wallClock: (nanoseconds, clock) =>
      BigInt(through(`time ${clock} ${nanoseconds}`, () => String(live.wallClock(nanoseconds, clock)))),
    timeOfDay: () => {
      times += 1;
      return BigInt(through(`now ${times}`, () => String(live.timeOfDay?.() ?? 0n)));
    },
  };
}

/** The recording with a mark wherever an interval of the script ends, by the times of the runs. */
function withIntervals(recording: Recording, compiled: CompiledTrace): Recording {
  const periods = compiled.programs.flatMap(({ probe }) => (probe.kind === 'interval' ? [probe.every] : []));
  const own = recording.blocks.filter((one) => one.kind !== 'interval');
  if (periods.length === 0) return { ...recording, blocks: own };
  let next: bigint[] | undefined;
  const blocks: RecordingBlock[] = [];
  for (const block of own) {
    if (block.kind === 'run') {
      const { time } = block.run;
      next ??= periods.map((every) => time + every);
      for (let due = least(next); due <= time; due = least(next)) {
        blocks.push({ kind: 'interval', time: due });
        next = next.map((one, i) => (one === due ? one + periods[i]! : one));
      }
    }
    blocks.push(block);
  }
  return { ...recording, blocks };
}

function least(times: readonly bigint[]): bigint {
  let first = times[0]!;
  for (const one of times) if (one < first) first = one;
  return first;
}
