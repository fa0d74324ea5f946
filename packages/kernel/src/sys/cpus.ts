import { readText } from './files.ts';

/** How many values a per-CPU map has: CPUs that may ever come, not those that are online. */
export function possibleCpus(): number {
  possible ??= Math.max(...parseCpuList(readText('/sys/devices/system/cpu/possible') ?? '0')) + 1;
  return possible;
}

/** Numbers of the processors that are online. */
export function onlineCpus(): number[] {
  return parseCpuList(readText('/sys/devices/system/cpu/online') ?? '0');
}

let possible: number | undefined;

/** `0-3,8` (Documentation/admin-guide/cputopology.rst). */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const range of text.trim().split(',')) {
    const [first, last = first] = range.split('-').map(Number);
    for (let cpu = first!; cpu <= last!; cpu++) cpus.push(cpu);
  }
  return cpus;
}
