import type { RecordedTool } from '@skep/capture';
import type { Btf } from '@skep/object';
import type { Host } from '../host.ts';
import type { Loaded } from '../loaded.ts';
import { Spec } from '../spec.ts';
import { RunCollector } from './collect.ts';
import { instrument, type Subject } from './instrument.ts';
import { LOST_MAP, RING_MAP } from './layout.ts';
import { pruneBtf } from './prune-btf.ts';
import type { RecordingFile } from './recording-file.ts';

/**
 * Records what programs see while they run in the kernel. Load {@link spec} instead of the program's own, call
 * {@link start} once it is loaded, {@link drain} now and then, and {@link finish} at the end. Several may write to one file.
 */
export class Recorder {
  readonly spec: Spec;
  private readonly original: Spec;
  private readonly hooks: ReadonlyMap<string, number>;
  private readonly collector: RunCollector;
  private readonly file: RecordingFile;
  private loaded: Loaded | undefined;
  /** Runs written so far. */
  runs = 0;

  /** `programs`: those that will be loaded; `subject`: whose system calls matter, when not everybody's. Throws E8008 when one of them cannot be recorded. */
  constructor(spec: Spec, file: RecordingFile, programs: readonly string[], subject?: Subject) {
    this.original = spec;
    this.file = file;
    this.hooks = new Map(programs.map((name) => [name, file.newHook()]));
    this.spec = new Spec(instrument(spec.object, this.hooks, subject));
    const tracepoints = this.recorded().filter(([one]) => one.hook?.programType === 'BPF_PROG_TYPE_TRACEPOINT');
    this.collector = new RunCollector(new Set(tracepoints.map(([, hook]) => hook)));
  }

  /** `tool`: what these programs belong to, when it is to be shown again by its name. */
  start(loaded: Loaded, host: Host, tool?: Omit<RecordedTool, 'programs'>): void {
    this.loaded = loaded;
    const recorded = this.recorded();
    if (tool) this.file.write({ kind: 'tool', tool: { ...tool, programs: recorded.map(([one]) => one.name) } });
    const { btf } = this.original.object;
    const target = host.targetBtf();
    const relocations = recorded.flatMap(([one]) => one.core);
    if (btf && target && relocations.length > 0)
      this.file.write({ kind: 'btf', bytes: pruneBtf(target, relocations, btf) });
    for (const [{ section, hook }, id] of recorded)
      this.file.write({ kind: 'hook', hook: { id, section, programType: hook!.programType } });
  }

  /** Writes the runs that ended since the last time. */
  drain(): void {
    this.loaded?.records.get(RING_MAP)?.drainRaw((view, offset, length) => {
      const run = this.collector.take(view, offset, length);
      if (run === undefined) return;
      this.runs += 1;
      this.file.write({ kind: 'run', run });
    });
  }

  /** What gathered is shown now: a replay shows it here too. */
  interval(): void {
    this.drain();
    this.file.write({ kind: 'interval', time: process.hrtime.bigint() });
  }

  /** Writes what is left, and how much was lost. */
  finish(): { readonly runs: number; readonly lost: bigint } {
    this.drain();
    const bytes = this.loaded?.maps.get(LOST_MAP)?.get(new Uint8Array(4));
    const lost = bytes instanceof Uint8Array ? new DataView(bytes.buffer).getBigUint64(0, true) : 0n;
    if (lost > 0n) this.file.write({ kind: 'lost', count: lost });
    return { runs: this.runs, lost };
  }

  private recorded() {
    return this.original.programs
      .filter((one) => this.hooks.has(one.name))
      .map((one) => [one, this.hooks.get(one.name)!] as const);
  }
}

/** A process for {@link Recorder}, on a kernel with these types; undefined when they do not say where tasks have what. */
export function subjectOf(tgid: number, kernel: Btf | undefined): Subject | undefined {
  const id = kernel?.find('task_struct', 'struct');
  const type = id === undefined ? undefined : kernel!.type(id);
  if (!tgid || type?.kind !== 'struct') return undefined;
  const offsetOf = (name: string) => type.members.find((one) => one.name === name)?.bitOffset;
  const [own, parent] = [offsetOf('tgid'), offsetOf('real_parent')];
  if (own === undefined || parent === undefined) return undefined;
  return { tgid, tgidOffset: own / 8, parentOffset: parent / 8 };
}
