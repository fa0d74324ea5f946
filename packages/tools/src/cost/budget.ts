import { EXIT, SkepError } from '@skep/base';
import type { Loaded } from 'skep';
import { badShare } from '../diagnostics.ts';
import { share } from './show-cost.ts';

/** `1%` or `0.5`: per cent of one processor. Throws E9020. */
export function shareOf(text: string): number {
  const value = /^(\d+(?:\.\d+)?|\.\d+)\s*%?$/.exec(text)?.[1];
  if (value === undefined || !(Number(value) > 0)) throw new SkepError(badShare(text), EXIT.usage);
  return Number(value);
}

export interface BudgetState {
  /** Per cent of one processor. */
  readonly allowed: number;
  /** The most that a window took, as if attached all the time. */
  readonly most: number;
  /** The share of the time that programs were attached, 0 … 1. */
  readonly attached: number;
}

/**
 * Keeps programs below a share of one processor. Time goes in windows: what the programs took while attached says for which
 * part of the next window they may be. Less than a hundredth of the time is no sample of anything: they are detached then.
 */
export class Budget {
  private readonly loaded: Loaded;
  private readonly control: { pause(): void; resume(): void };
  private readonly allowed: number;
  private readonly say: (text: string) => void;
  private readonly window: number;
  private readonly now: () => number;
  private readonly begun: number;
  private windowStart: number;
  private nsBefore: number;
  private most = 0;
  private duty = 1;
  private on = true;
  private onSince: number;
  private onTime = 0;
  private onBefore = 0;
  private over = false;

  constructor(
    loaded: Loaded,
    control: { pause(): void; resume(): void },
    options: {
      readonly allowed: number;
      readonly window?: number;
      readonly say: (text: string) => void;
      readonly now?: () => number;
    },
  ) {
    this.loaded = loaded;
    this.control = control;
    this.allowed = options.allowed;
    this.say = options.say;
    this.window = options.window ?? 1000;
    this.now = options.now ?? (() => performance.now());
    this.begun = this.windowStart = this.onSince = this.now();
    this.nsBefore = nanoseconds(loaded);
  }

  /** To be called several times a window. */
  look(): void {
    if (this.over) return;
    const now = this.now();
    const passed = now - this.windowStart;
    if (this.on && this.duty < 1 && passed >= this.duty * this.window) this.turnOff(now);
    if (passed < this.window) return;
    const attached = this.attachedTime(now) - this.onBefore;
    const ns = nanoseconds(this.loaded);
    const percent = attached > 0 ? (ns - this.nsBefore) / attached / 1e4 : 0;
    this.most = Math.max(this.most, percent);
    this.judge(percent, now);
    this.windowStart = now;
    this.onBefore = this.attachedTime(now);
    this.nsBefore = ns;
    if (!this.over && !this.on) this.turnOn(now);
  }

  state(): BudgetState {
    const now = this.now();
    return {
      ...{ allowed: this.allowed, most: this.most },
      attached: Math.min(1, this.attachedTime(now) / Math.max(1e-3, now - this.begun)),
    };
  }

  private judge(percent: number, now: number): void {
    const duty = Math.min(1, this.allowed / Math.max(percent, 1e-9));
    if (duty < LEAST) {
      this.over = true;
      if (this.on) this.turnOff(now);
      this.say(
        `its programs take ${share(percent)} of one processor, ${this.allowed} % are allowed: detached; what follows is not seen\n`,
      );
      return;
    }
    if (duty < 1 && this.duty === 1) {
      const part = (100 * duty).toFixed(0);
      this.say(
        `its programs take ${share(percent)} of one processor, ${this.allowed} % are allowed: attached about ${part} % of the time from now on; what happens in between is not seen\n`,
      );
    } else if (duty === 1 && this.duty < 1)
      this.say('its programs are below their share again: attached all the time\n');
    this.duty = duty;
  }

  private turnOff(now: number): void {
    this.control.pause();
    this.onTime += now - this.onSince;
    this.on = false;
  }

  private turnOn(now: number): void {
    this.control.resume();
    this.onSince = now;
    this.on = true;
  }

  private attachedTime(now: number): number {
    return this.onTime + (this.on ? now - this.onSince : 0);
  }
}

const LEAST = 0.01;

function nanoseconds(loaded: Loaded): number {
  return [...loaded.programs.values()].reduce((sum, one) => sum + Number(one.stats()?.ns ?? 0n), 0);
}
