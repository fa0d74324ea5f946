import { SYSCALLS_ARM64, SYSCALLS_X86_64 } from './generated/syscalls.ts';

/** Architectures whose system calls and registers are known. */
export type Arch = 'x86_64' | 'arm64';

/** Numbers of system calls by name, without `sys_`. */
export const SYSCALLS: Readonly<Record<Arch, Readonly<Record<string, number>>>> = {
  x86_64: SYSCALLS_X86_64,
  arm64: SYSCALLS_ARM64,
};

const names = new Map<Arch, ReadonlyMap<number, string>>();

/** The name of a system call, without `sys_`; undefined for a number that has none. */
export function syscallName(arch: Arch, number: number): string | undefined {
  let known = names.get(arch);
  if (known === undefined) {
    known = new Map(Object.entries(SYSCALLS[arch]).map(([name, value]) => [value, name]));
    names.set(arch, known);
  }
  return known.get(number);
}
