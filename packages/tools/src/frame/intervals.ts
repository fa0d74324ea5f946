import { EXIT, SkepError } from '@skep/base';
import { badInterval } from '../diagnostics.ts';
import type { Tool } from './tool.ts';

export interface Timing {
  /** Milliseconds between outputs; not given: at the end only. */
  readonly interval?: number;
  /** It ends after so many. */
  readonly times?: number;
}

/** When a tool prints. `ends`: something else than Ctrl-C says when it is over. Throws E9003. */
export function timingOf(
  tool: Pick<Tool, 'intervals' | 'every'>,
  given: {
    readonly args: readonly string[];
    /** Of `--interval` and `--times`. */
    readonly seconds: number | undefined;
    readonly times: number | undefined;
    readonly ends: boolean;
  },
): Timing {
  const { args, seconds, times, ends } = given;
  if (seconds !== undefined) return intervalsOf([seconds, ...(times === undefined ? [] : [times])].map(String));
  if (!tool.intervals) return {};
  if (args.length === 0 && tool.every !== undefined && !ends) return { interval: tool.every * 1000 };
  const timing = intervalsOf(args);
  const once = tool.intervals === 'once' && timing.interval !== undefined && timing.times === undefined;
  return once ? { ...timing, times: 1 } : timing;
}

/** `1 10`: every second, ten times. Milliseconds. Throws E9003. */
export function intervalsOf(args: readonly string[]): Timing {
  const [interval, times, ...more] = args;
  if (more.length > 0) throw new SkepError(badInterval(args.join(' ')), EXIT.usage);
  if (interval === undefined) return {};
  const seconds = Number(interval);
  // A timer cannot wait longer than 2^31 milliseconds; bcc's users write 99999999 for "until the end".
  if (!(seconds > 0)) throw new SkepError(badInterval(interval), EXIT.usage);
  const every = seconds * 1000 < 2 ** 31 ? { interval: seconds * 1000 } : {};
  if (times === undefined) return every;
  if (!/^[1-9]\d*$/.test(times)) throw new SkepError(badInterval(times), EXIT.usage);
  return { ...every, times: Number(times) };
}
