import { EXIT, SkepError, suggest } from '@skep/base';
import { Executable, findBinary, kernelFunctions, probeFeature, tracepointNames } from '@skep/kernel';
import { badPlace, noPlace, noWay, tooManyPlaces } from '../diagnostics.ts';
import type { Given } from './tool.ts';

/** What a pattern on the command line means: functions of the kernel or of programs, tracepoints, static probes. */
export interface Places {
  /** One program each, by number. */
  readonly single: readonly Place[];
  /** One program for all functions of the kernel that match; known by their addresses. */
  readonly multi: { readonly entry: string; readonly exit: string } | undefined;
}

export interface Place {
  readonly label: string;
  /** The section of a program that runs at its beginning, or at it. */
  readonly entry: string;
  /** The section of a program that runs at its end; undefined where there is none (tracepoints, static probes). */
  readonly exit: string | undefined;
}

const known = new WeakMap<Given, Places>();

/** The places of a command line's first argument; of a recording those that it was made of. */
export function placesFor(given: Given): Places {
  let places = known.get(given);
  if (places === undefined) {
    const found = given.fact('places', () => JSON.stringify(placesOf(given.args[0]!, given.flag('regexp'))));
    // A recording that another tool made has none.
    places = found === '' ? placesOf(given.args[0]!, given.flag('regexp')) : (JSON.parse(found) as Places);
    known.set(given, places);
  }
  return places;
}

/** What is shown of a place, by what its program sends: a number, or the address of one of many functions. */
export function placeName({ single, multi }: Places, place: bigint, given: Pick<Given, 'names'>): string {
  return multi ? given.names.kernelFunction(place) : single[Number(place)]!.label;
}

/** A program that does at each place what the header says. */
export function countingProgram(header: string, given: Given): string {
  const { single, multi } = placesFor(given);
  const each = single.map((one, i) => `PLACE(${i}, ${JSON.stringify(one.entry)})\n`);
  const all = multi ? `PLACES(${JSON.stringify(multi.entry)})\n` : '';
  return `#include "tool.h"\n#include "${header}"\n${each.join('')}${all}`;
}

/** More programs than these load only slowly, and nobody reads as many rows. */
const MOST = 100;

/**
 * `vfs_*`, `p::vfs_*`: functions of the kernel. `c:malloc`, `p:c:malloc`, `/bin/bash:readline`: of a library or program.
 * `t:block:*`: tracepoints. `u:FILE:probe`, `u:FILE:provider:probe`: static probes (USDT). `*` and `?` as in file names;
 * with `regex`, regular expressions. Throws E9010 to E9013.
 */
export function placesOf(pattern: string, regex = false): Places {
  const parts = pattern.split(':');
  const kind = parts.length > 1 && /^[ptu]$/.test(parts[0]!) && parts.length > 2 ? parts.shift()! : 'p';
  if (kind === 't') return many(pattern, tracepoints(parts, matcher(regex)));
  if (kind === 'u') return many(pattern, staticProbes(parts, pattern, matcher(regex)));
  if (parts.length > 2 || parts.at(-1) === '') throw new SkepError(badPlace(pattern), EXIT.usage);
  const [library, name] = parts.length === 2 ? (parts as [string, string]) : ['', parts[0]!];
  return library === '' ? inKernel(pattern, name, regex) : many(pattern, inProgram(library, name, matcher(regex)));
}

function inKernel(pattern: string, name: string, regex: boolean): Places {
  if (!probeFeature('kprobe').ok) {
    throw new SkepError(noWay(pattern, probeFeature('kprobe').remedy ?? ''), EXIT.kernelLacksFeature);
  }
  if (!regex && !/[*?]/.test(name)) {
    return { single: [{ label: name, entry: `kprobe/${name}`, exit: `kretprobe/${name}` }], multi: undefined };
  }
  if (!regex && probeFeature('kprobe_multi').ok) {
    return { single: [], multi: { entry: `kprobe.multi/${name}`, exit: `kretprobe.multi/${name}` } };
  }
  const matches = matcher(regex)(name);
  const names = kernelFunctions('*').filter((one) => matches.test(one));
  return many(
    pattern,
    names.map((label) => ({ label, entry: `kprobe/${label}`, exit: `kretprobe/${label}` })),
  );
}

function inProgram(library: string, name: string, match: (text: string) => RegExp): Place[] {
  const path = findBinary(library.includes('/') || library.startsWith('lib') ? library : libraryOr(library));
  using file = new Executable(path);
  const names = [...file.functions(match(name)).keys()].map((one) => one.split('@', 1)[0]!);
  return [...new Set(names)].map((label) => ({
    label,
    entry: `uprobe/${path}:${label}`,
    exit: `uretprobe/${path}:${label}`,
  }));
}

/** `c` is libc, as the linker has it; a name that is no library is a program. */
export function libraryOr(name: string): string {
  try {
    return findBinary(`lib${name}`);
  } catch {
    return name;
  }
}

function tracepoints(parts: readonly string[], match: (text: string) => RegExp): Place[] {
  const wanted = match(parts.join('/'));
  return tracepointNames()
    .filter((one) => wanted.test(one))
    .map((one) => ({ label: one.replace('/', ':'), entry: `tracepoint/${one}`, exit: undefined }));
}

function staticProbes(parts: readonly string[], pattern: string, match: (text: string) => RegExp): Place[] {
  const [library, ...rest] = parts;
  if (library === undefined || rest.length === 0) throw new SkepError(badPlace(pattern), EXIT.usage);
  const path = findBinary(library.includes('/') ? library : libraryOr(library));
  using file = new Executable(path);
  const wanted = match(rest.join(':'));
  const names = new Set(file.usdt().map((one) => `${one.provider}:${one.name}`));
  return [...names]
    .filter((one) => wanted.test(rest.length === 1 ? one.split(':')[1]! : one))
    .map((one) => ({ label: one, entry: `usdt/${path}:${one}`, exit: undefined }));
}

function many(pattern: string, single: readonly Place[]): Places {
  if (single.length === 0) throw new SkepError(noPlace(pattern, nearest(pattern)), EXIT.error);
  if (single.length > MOST) throw new SkepError(tooManyPlaces(pattern, single.length, MOST), EXIT.usage);
  return { single, multi: undefined };
}

function nearest(pattern: string): string | undefined {
  const name = pattern.replace(/^t:/, '').replace(':', '/');
  if (!pattern.startsWith('t:')) return undefined;
  return suggest(name, tracepointNames())?.replace('/', ':');
}

function matcher(regex: boolean): (text: string) => RegExp {
  return (text) => {
    const escaped = text
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    try {
      return new RegExp(regex ? text : `^${escaped}$`);
    } catch {
      throw new SkepError(badPlace(text), EXIT.usage);
    }
  };
}
