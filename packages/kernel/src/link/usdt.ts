import { Executable, findBinary, shortName, type UsdtPlace } from '../executable.ts';
import type { Program } from '../program.ts';
import { addressInProcess } from '../symbols/process-symbols.ts';
import type { Handle } from '../sys/handle.ts';
import type { Link } from './link.ts';
import { attachToPerfEvents } from './perf.ts';
import { openUprobe } from './uprobe.ts';

/** Static probes of a file or of a process. */
export interface UsdtOptions {
  /** Only in this process; in all of them when not given. */
  readonly pid?: number | undefined;
  /** What bpf_get_attach_cookie returns: one value, or one for each place of the probe; 5.15 and later. */
  readonly cookie?: number | bigint | ((place: UsdtPlace) => number | undefined) | undefined;
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
  const { pid, cookie } = options;
  const places = file.requireUsdt(provider, name);
  const cookies = places.map((place) => (typeof cookie === 'function' ? cookie(place) : cookie));
  try {
    for (const place of places) events.push(openUprobe(path, place.offset, place.semaphore, { pid }, what));
  } catch (error) {
    for (const event of events) event.close();
    throw error;
  }
  return attachToPerfEvents(program, events, what, { cookie: cookies });
}

/**
 * Where a place of a static probe is met, as the registers of the program say it: where the file is loaded at an address of
 * its own choice, that; else where the process has it. Undefined where it takes a process to know, or the process lacks it.
 */
export function usdtAddress(binary: string, place: UsdtPlace, pid: number | undefined): bigint | undefined {
  const path = findBinary(binary);
  using file = new Executable(path);
  if (!file.fixed) return pid === undefined ? undefined : addressInProcess(pid, file.file, place.offset);
  const address = file.addressOf(place.offset);
  return address === undefined ? undefined : BigInt(address);
}
