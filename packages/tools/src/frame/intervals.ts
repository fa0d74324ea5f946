import { EXIT, SkepError } from '@skep/base';
import { badInterval } from '../diagnostics.ts';

/** `1 10`: every second, ten times. Milliseconds. Throws E9003. */
export function intervalsOf(args: readonly string[]): {
  readonly interval?: number;
  readonly times?: number;
} {
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
