import type { Loaded } from 'skep';

/** What programs and this process took over some time. */
export interface Cost {
  readonly seconds: number;
  readonly programs: readonly ProgramCost[];
  /** Of all programs together, per cent of one processor. */
  readonly percent: number;
  readonly rings: readonly RingCost[];
  /** Per cent of one processor, all threads of this process. */
  readonly ownPercent: number;
}

export interface ProgramCost {
  readonly name: string;
  readonly runs: number;
  readonly runsPerSecond: number;
  /** Undefined when it did not run, or runs are not counted. */
  readonly nsPerRun: number | undefined;
  readonly percent: number;
}

export interface RingCost {
  readonly name: string;
  readonly bytes: number;
  /** The fullest it was found, 0 … 1. */
  readonly fullest: number;
  readonly lost: number;
}

/** Measures a loaded program from the moment it is made; {@link look} now and then, for how full rings become. */
export class CostMeter {
  private readonly loaded: Loaded;
  private readonly start = performance.now();
  private readonly own = process.cpuUsage();
  private readonly before: ReadonlyMap<string, Counts>;
  private readonly fullest = new Map<string, number>();

  constructor(loaded: Loaded) {
    this.loaded = loaded;
    this.before = countsOf(loaded);
  }

  look(): void {
    for (const [name, ring] of this.loaded.records) {
      const { pending } = ring;
      if (pending !== undefined) this.fullest.set(name, Math.max(this.fullest.get(name) ?? 0, pending));
    }
  }

  /** Since the start. */
  read(): Cost {
    const seconds = Math.max(1e-9, (performance.now() - this.start) / 1e3);
    const programs = [...countsOf(this.loaded)].map(([name, now]) => {
      const before = this.before.get(name) ?? { runs: 0, ns: 0 };
      const [runs, ns] = [now.runs - before.runs, now.ns - before.ns];
      return {
        ...{ name, runs, runsPerSecond: runs / seconds },
        ...{ nsPerRun: runs === 0 ? undefined : ns / runs, percent: ns / seconds / 1e7 },
      };
    });
    const { user, system } = process.cpuUsage(this.own);
    const rings = [...this.loaded.records].map(([name, ring]) => {
      const bytes = this.loaded.object.maps.find((one) => one.name === name)?.maxEntries ?? 0;
      return { name, bytes, fullest: bytes === 0 ? 0 : (this.fullest.get(name) ?? 0) / bytes, lost: ring.lost };
    });
    return {
      ...{ seconds, programs, rings },
      percent: programs.reduce((sum, one) => sum + one.percent, 0),
      ownPercent: (user + system) / seconds / 1e4,
    };
  }
}

interface Counts {
  readonly runs: number;
  readonly ns: number;
}

function countsOf(loaded: Loaded): Map<string, Counts> {
  const counts = new Map<string, Counts>();
  for (const program of loaded.programs.values()) {
    const stats = program.stats();
    counts.set(program.name, { runs: Number(stats?.runs ?? 0n), ns: Number(stats?.ns ?? 0n) });
  }
  return counts;
}
