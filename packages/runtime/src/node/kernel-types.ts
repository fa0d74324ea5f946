import { existsSync, readFileSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { bundledBtf, bundledBtfUrl } from '@skep/abi';
import { Btf } from '@skep/object';
import { readCached, writeCached } from './cache.ts';

const RUNNING = '/sys/kernel/btf/vmlinux';
/** Holds the build id of the running kernel. */
const NOTES = '/sys/kernel/notes';

/** Types that `vmlinux.h` means when a program is compiled: the running kernel's, else those that skep brings. */
export function compileTypes(): Btf {
  types ??= existsSync(RUNNING) ? runningTypes() : bundledTypes();
  return types;
}

/** The types of the kernel that skep brings along; which one, {@link bundledBtf} says. */
export function bundledTypes(): Btf {
  bundled ??= Btf.parse(new Uint8Array(gunzipSync(readFileSync(bundledBtfUrl()))));
  return bundled;
}

export { bundledBtf };

let types: Btf | undefined;
let bundled: Btf | undefined;

/**
 * The index over a kernel's hundred thousand names is kept between runs: making it takes longer than most compiles. So is
 * a copy of the types, which a file of sysfs hands out by pages of 4 KiB.
 */
function runningTypes(): Btf {
  const name = cacheName(statSync(RUNNING).size);
  if (name === undefined) return Btf.parse(readFileSync(RUNNING));
  const bytes = readCached(`${name}.btf`) ?? copied(`${name}.btf`);
  const index = readCached(`${name}.idx`);
  const known = index && Btf.parseIndexed(bytes, index);
  if (known) return known;
  const parsed = Btf.parse(bytes);
  writeCached(`${name}.idx`, () => parsed.index());
  return parsed;
}

function copied(name: string): Uint8Array {
  const bytes = new Uint8Array(readFileSync(RUNNING));
  writeCached(name, () => bytes);
  return bytes;
}

/** By the running kernel's build id; undefined where it does not say. */
function cacheName(size: number): string | undefined {
  try {
    // FNV-1a over the notes, twice: loading node:crypto would take longer than all else here.
    let [low, high] = [0x811c9dc5, 0xcbf29ce4];
    for (const byte of Buffer.concat([readFileSync(NOTES), Buffer.from(String(size))])) {
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high ^ byte, 0x01000193) ^ (low >>> 15);
    }
    return `btf-${[low, high].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')}`;
  } catch {
    return undefined;
  }
}
