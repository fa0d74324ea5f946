import { readFileSync, statSync } from 'node:fs';
import { Btf } from '@skep/object';
import { readCached, writeCached } from './cache.ts';
import { kernelBtfAbsent } from './diagnostics.ts';
import { openBtf } from './inspect.ts';
import { listNames } from './sys/files.ts';
import type { Handle } from './sys/handle.ts';

const DIRECTORY = '/sys/kernel/btf';
/** Holds the build id of the running kernel. */
const NOTES = '/sys/kernel/notes';

let vmlinux: Btf | undefined;

/**
 * Types of the running kernel, read once. The index over its hundred thousand names is kept between runs: making it takes
 * longer than most compiles. So is a copy of the types, which a file of sysfs hands out by pages of 4 KiB.
 */
export function kernelBtf(): Btf {
  vmlinux ??= storedBtf() ?? Btf.parse(fromSysfs());
  return vmlinux;
}

function storedBtf(): Btf | undefined {
  const place = stored();
  if (place === undefined) return undefined;
  const bytes = bytesOf(place);
  const index = readCached(`${place.name}.idx`);
  const known = index && Btf.parseIndexed(bytes, index);
  if (known) return known;
  const parsed = Btf.parse(bytes);
  writeCached(`${place.name}.idx`, () => parsed.index());
  return parsed;
}

function bytesOf({ name, size }: Stored): Uint8Array {
  const copy = readCached(`${name}.btf`);
  if (copy?.length === size) return copy;
  const bytes = fromSysfs();
  writeCached(`${name}.btf`, () => bytes);
  return bytes;
}

function fromSysfs(): Uint8Array {
  try {
    return new Uint8Array(readFileSync(`${DIRECTORY}/vmlinux`));
  } catch {
    throw kernelBtfAbsent();
  }
}

/** What is kept of a kernel between runs. */
interface Stored {
  readonly name: string;
  /** Of the types, in bytes. */
  readonly size: number;
}

/** By the running kernel's build id and the size of its types; undefined where it does not say. */
function stored(): Stored | undefined {
  try {
    const { size } = statSync(`${DIRECTORY}/vmlinux`);
    // FNV-1a over the notes, twice: loading node:crypto would take longer than all else here.
    let [low, high] = [0x811c9dc5, 0xcbf29ce4];
    for (const byte of Buffer.concat([readFileSync(NOTES), Buffer.from(String(size))])) {
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high ^ byte, 0x01000193) ^ (low >>> 15);
    }
    const name = `btf-${[low, high].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')}`;
    return { name, size };
  } catch {
    return undefined;
  }
}

/** Types of a kernel module, on top of {@link kernelBtf}. */
export function moduleBtf(module: string): Btf {
  try {
    return Btf.parse(readFileSync(`${DIRECTORY}/${module}`), kernelBtf());
  } catch {
    throw kernelBtfAbsent();
  }
}

/** The kernel's descriptor of a module's types, which loading a program on one of its functions takes. */
export function openModuleBtf(module: string): Handle {
  return openBtf(module);
}

/** Modules that have types of their own. */
export function modulesWithBtf(): string[] {
  return listNames(DIRECTORY).filter((name) => name !== 'vmlinux');
}

/**
 * Names of the kernel's raw tracepoints: each has a typedef `btf_trace_NAME`. Read from the string section as it is,
 * which costs a few milliseconds where an index of all types costs fifty.
 */
export function rawTracepointNames(): string[] {
  const place = stored();
  const text = Buffer.from(place ? bytesOf(place) : fromSysfs()).toString('latin1');
  return [...text.matchAll(/\0btf_trace_(\w+)(?=\0)/g)].map((match) => match[1]!);
}
