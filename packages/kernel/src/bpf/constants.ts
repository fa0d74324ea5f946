import { MAP_TYPES, nameOfValue } from '@skep/abi';

/** Flag of BPF_MAP_CREATE: user space may map the values. */
export const BPF_F_MMAPABLE = 1 << 10;
/** Flag of BPF_PROG_LOAD: the program may sleep. */
export const BPF_F_SLEEPABLE = 1 << 4;

/** The type of map whose values are one for each CPU. */
export function isPerCpu(mapType: number): boolean {
  return nameOfValue(MAP_TYPES, mapType)?.includes('PERCPU') ?? false;
}
