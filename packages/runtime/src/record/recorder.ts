import type { RecordingBlock, RecordingHeader } from '@skep/capture';
import { encodeBlock, recordingStart } from '@skep/capture';
import type { Host } from '../host.ts';
import type { Loaded } from '../loaded.ts';
import { Spec } from '../spec.ts';
import { RunCollector } from './collect.ts';
import { instrument } from './instrument.ts';
import { LOST_MAP, RING_MAP } from './layout.ts';
import { pruneBtf } from './prune-btf.ts';

/** Where a recording goes, piece by piece. */
export type RecordingSink = (bytes: Uint8Array) => void;

/**
 * Records what programs see while they run in the kernel. Load {@link spec} instead of the program's own, call
 * {@link start} once it is loaded, {@link drain} now and then, and {@link finish} at the end.
 */
export class Recorder {
  readonly spec: Spec;
  private readonly original: Spec;
  private readonly collector: RunCollector;
  private readonly sink: RecordingSink;
  private loaded: Loaded | undefined;
  /** Runs written so far. */
  runs = 0;

  constructor(spec: Spec, sink: RecordingSink) {
    this.original = spec;
    this.spec = new Spec(instrument(spec.object));
    this.sink = sink;
    const tracepoints = spec.programs.flatMap((one, i) =>
      one.hook?.programType === 'BPF_PROG_TYPE_TRACEPOINT' ? [i] : [],
    );
    this.collector = new RunCollector(new Set(tracepoints));
  }

  start(loaded: Loaded, header: RecordingHeader, host: Host): void {
    this.loaded = loaded;
    this.sink(recordingStart());
    this.write({ kind: 'header', header });
    const { btf } = this.original.object;
    const target = host.targetBtf();
    const relocations = this.original.programs.flatMap((one) => one.core);
    if (btf && target && relocations.length > 0) this.write({ kind: 'btf', bytes: pruneBtf(target, relocations, btf) });
    for (const [id, program] of this.original.programs.entries()) {
      this.write({ kind: 'hook', hook: { id, section: program.section, programType: program.hook!.programType } });
    }
  }

  /** Writes the runs that ended since the last time. */
  drain(): void {
    this.loaded?.records.get(RING_MAP)?.drainRaw((view, offset, length) => {
      const run = this.collector.take(view, offset, length);
      if (run === undefined) return;
      this.runs += 1;
      this.write({ kind: 'run', run });
    });
  }

  /** Writes what is left, and how much was lost. */
  finish(): { readonly runs: number; readonly lost: bigint } {
    this.drain();
    const bytes = this.loaded?.maps.get(LOST_MAP)?.get(new Uint8Array(4));
    const lost = bytes instanceof Uint8Array ? new DataView(bytes.buffer).getBigUint64(0, true) : 0n;
    if (lost > 0n) this.write({ kind: 'lost', count: lost });
    return { runs: this.runs, lost };
  }

  private write(block: RecordingBlock): void {
    this.sink(encodeBlock(block));
  }
}
