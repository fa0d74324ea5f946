import { Executable, findBinary, shortName } from '../executable.ts';
import type { Program } from '../program.ts';
import type { Handle } from '../sys/handle.ts';
import type { Link } from './link.ts';
import { attachToPerfEvents } from './perf.ts';
import { openUprobe } from './uprobe.ts';

export interface UsdtOptions {
  /** Only in this process; in all of them when not given. */
  readonly pid?: number | undefined;
  readonly cookie?: number | bigint | undefined;
}

/**
 * On a static probe that the authors of a program left in it (`provider:name`), at every place that it was compiled to. Its
 * semaphore is raised while the program is attached, also when this process is killed.
 */
export function attachUsdt(
  program: Program,
  binary: string,
  provider: string,
  name: string,
  options: UsdtOptions = {},
): Link {
  const path = findBinary(binary);
  const what = `usdt ${shortName(path, `${provider}:${name}`)}`;
  using file = new Executable(path);
  const events: Handle[] = [];
  try {
    for (const place of file.requireUsdt(provider, name)) {
      events.push(openUprobe(path, place.offset, place.semaphore, options, what));
    }
  } catch (error) {
    for (const event of events) event.close();
    throw error;
  }
  return attachToPerfEvents(program, events, what, options);
}
