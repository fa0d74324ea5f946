import type { Loaded } from 'skep';
import { Budget, type BudgetState, shareOf } from './budget.ts';
import { type Cost, CostMeter } from './meter.ts';
import { costText } from './show-cost.ts';

/** What `--cost` and `--max-cpu` ask for; undefined when they are not given. Throws E9020. */
export function costWatch(options: {
  readonly cost: boolean;
  readonly maxCpu: string | undefined;
  /** In front of messages. */
  readonly name: string;
  readonly err: (text: string) => void;
}): CostWatch | undefined {
  const allowed = options.maxCpu === undefined ? undefined : shareOf(options.maxCpu);
  if (!options.cost && allowed === undefined) return undefined;
  return new CostWatch(options.name, options.cost, allowed, options.err);
}

/** Follows a run: {@link start} when programs are attached, {@link look} ten times a second, {@link end} behind the last row. */
export class CostWatch {
  private readonly name: string;
  private readonly show: boolean;
  private readonly allowed: number | undefined;
  private readonly err: (text: string) => void;
  private meter: CostMeter | undefined;
  private budget: Budget | undefined;
  private shown = 0;

  constructor(name: string, show: boolean, allowed: number | undefined, err: (text: string) => void) {
    this.name = name;
    this.show = show;
    this.allowed = allowed;
    this.err = err;
  }

  start(loaded: Loaded, control: { pause(): void; resume(): void }): void {
    // Nothing is counted in the virtual machine, where programs run on no machine's time.
    if (loaded.host.kind !== 'kernel') return;
    this.meter = new CostMeter(loaded);
    this.shown = performance.now();
    if (this.allowed === undefined) return;
    this.budget = new Budget(loaded, control, {
      allowed: this.allowed,
      say: (text) => this.err(`${this.name}: ${text}`),
    });
  }

  look(): void {
    this.meter?.look();
    this.budget?.look();
    const now = performance.now();
    if (!this.show || !this.meter || now - this.shown < EVERY) return;
    this.shown = now;
    this.err(costText(this.meter.read()));
  }

  /** For the JSON's summary; people read it on stderr. */
  end(): { readonly cost?: Cost; readonly budget?: BudgetState } {
    if (!this.meter) {
      if (this.show) this.err(`${this.name}: replaying costs the recorded machine nothing; nothing was measured\n`);
      return {};
    }
    const cost = this.meter.read();
    if (this.show) this.err(costText(cost));
    return { cost, ...(this.budget && { budget: this.budget.state() }) };
  }
}

/** Milliseconds between reports of a long run. */
const EVERY = 10_000;
