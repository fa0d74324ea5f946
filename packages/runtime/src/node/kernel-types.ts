import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
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
  bundled ??= Btf.parse(new Uint8Array(gunzipSync(readFileSync(bundledBtfUrl))));
  return bundled;
}

export { bundledBtf };

let types: Btf | undefined;
let bundled: Btf | undefined;

/** The index over a kernel's hundred thousand names is kept between runs: making it takes longer than most compiles. */
function runningTypes(): Btf {
  const bytes = readWhole(RUNNING);
  const name = indexName(bytes.length);
  if (name === undefined) return Btf.parse(bytes);
  const index = readCached(name);
  const known = index && Btf.parseIndexed(bytes, index);
  if (known) return known;
  const parsed = Btf.parse(bytes);
  writeCached(name, () => parsed.index());
  return parsed;
}

function indexName(size: number): string | undefined {
  try {
    const key = createHash('sha256').update(readFileSync(NOTES)).update(String(size)).digest('hex').slice(0, 16);
    return `btf-${key}.idx`;
  } catch {
    return undefined;
  }
}

/** Files of sysfs say their size, and are read in one go without a copy. */
function readWhole(path: string): Uint8Array {
  const fd = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(fstatSync(fd).size);
    let at = 0;
    while (at < bytes.length) {
      const count = readSync(fd, bytes, at, bytes.length - at, at);
      if (count === 0) break;
      at += count;
    }
    return at === bytes.length ? bytes : new Uint8Array(readFileSync(path));
  } finally {
    closeSync(fd);
  }
}
