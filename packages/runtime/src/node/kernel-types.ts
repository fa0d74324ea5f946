import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { bundledBtf, bundledBtfUrl } from '@skep/abi';
import { Btf } from '@skep/object';

const RUNNING = '/sys/kernel/btf/vmlinux';

/** Types that `vmlinux.h` means when a program is compiled: the running kernel's, else those that skep brings. */
export function compileTypes(): Btf {
  types ??= existsSync(RUNNING) ? Btf.parse(new Uint8Array(readFileSync(RUNNING))) : bundledTypes();
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
