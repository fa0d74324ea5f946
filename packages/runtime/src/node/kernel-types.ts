import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { bundledBtf, bundledBtfUrl } from '@skep/abi';
import { kernelBtf } from '@skep/kernel';
import { Btf } from '@skep/object';

/** Types that `vmlinux.h` means when a program is compiled: the running kernel's, else those that skep brings. */
export function compileTypes(): Btf {
  return existsSync('/sys/kernel/btf/vmlinux') ? kernelBtf() : bundledTypes();
}

/** The types of the kernel that skep brings along; which one, {@link bundledBtf} says. */
export function bundledTypes(): Btf {
  bundled ??= Btf.parse(new Uint8Array(gunzipSync(readFileSync(bundledBtfUrl()))));
  return bundled;
}

export { bundledBtf };

let bundled: Btf | undefined;
