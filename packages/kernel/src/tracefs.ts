import { statSync } from 'node:fs';
import { suggest } from '@skep/base';
import { tracefsAbsent, unknownTracepoint } from './diagnostics.ts';
import { listNames, readText } from './sys/files.ts';
import { mountPrivately } from './sys/private-mount.ts';
import { kernelRelease } from './sys/release.ts';

const PLACES = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** Where tracefs is mounted, or can be reached by a mount of our own that nobody else sees; undefined when nowhere. */
export function tracefsRoot(): string | undefined {
  const place = PLACES.find((one) => listNames(`${one}/events`).length > 0);
  if (place !== undefined) return place;
  own ??= mountPrivately('tracefs') ?? '';
  return own === '' ? undefined : own;
}

/** The path of our own mount; empty when it was refused. */
let own: string | undefined;

/** The number of a tracepoint that perf_event_open(2) wants. Throws with the nearest name when there is none such. */
export function tracepointId(category: string, name: string): number {
  const events = `${requireTracefs()}/events`;
  const plain = /^\w[\w.-]*$/.test(category) && /^\w[\w.-]*$/.test(name);
  const id = plain ? readText(`${events}/${category}/${name}/id`) : undefined;
  if (id !== undefined) return Number(id);
  throw unknownTracepoint(`${category}/${name}`, nearestTracepoint(events, category, name), kernelRelease());
}

/** Asked with the rights of this process: access(2) would judge by its user alone. */
export function tracepointExists(category: string, name: string): boolean {
  const root = tracefsRoot();
  try {
    return root !== undefined && statSync(`${root}/events/${category}/${name}`).isDirectory();
  } catch {
    return false;
  }
}

/** The `format` file of a tracepoint: its fields, as text. */
export function tracepointFormat(category: string, name: string): string {
  tracepointId(category, name);
  return readText(`${requireTracefs()}/events/${category}/${name}/format`) ?? '';
}

/** `syscalls/sys_enter_openat`, all of them. */
export function tracepointNames(): string[] {
  const events = `${requireTracefs()}/events`;
  return listNames(events).flatMap((category) => tracepointsOf(events, category));
}

function requireTracefs(): string {
  const root = tracefsRoot();
  if (root === undefined) throw tracefsAbsent(mayRead());
  return root;
}

/** False when the directory is a mounted tracefs that is closed to us, and not an empty mount point. */
function mayRead(): boolean {
  try {
    return (statSync(PLACES[0]!).mode & 0o007) !== 0 || process.geteuid?.() === 0;
  } catch {
    return true;
  }
}

/** Within the category first; then the same name elsewhere; then anything. */
function nearestTracepoint(events: string, category: string, name: string): string | undefined {
  const wanted = `${category}/${name}`;
  const here = tracepointsOf(events, category);
  if (here.length > 0) {
    const near = suggest(wanted, here);
    if (near !== undefined) return near;
  }
  const all = listNames(events).flatMap((one) => tracepointsOf(events, one));
  return all.find((one) => one.endsWith(`/${name}`)) ?? suggest(wanted, all);
}

function tracepointsOf(events: string, category: string): string[] {
  return listNames(`${events}/${category}`)
    .filter((name) => name !== 'enable' && name !== 'filter' && name !== 'format')
    .map((name) => `${category}/${name}`);
}
