import { readFileSync } from 'node:fs';
import { Btf } from '@skep/object';
import { kernelBtfAbsent } from './diagnostics.ts';
import { openBtf } from './inspect.ts';
import { listNames } from './sys/files.ts';
import type { Handle } from './sys/handle.ts';

const DIRECTORY = '/sys/kernel/btf';

let vmlinux: Btf | undefined;

/** Types of the running kernel, read once. */
export function kernelBtf(): Btf {
  vmlinux ??= Btf.parse(kernelBtfBytes());
  return vmlinux;
}

export function kernelBtfBytes(): Uint8Array {
  try {
    return readFileSync(`${DIRECTORY}/vmlinux`);
  } catch {
    throw kernelBtfAbsent();
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
  const text = Buffer.from(kernelBtfBytes()).toString('latin1');
  return [...text.matchAll(/\0btf_trace_(\w+)(?=\0)/g)].map((match) => match[1]!);
}
