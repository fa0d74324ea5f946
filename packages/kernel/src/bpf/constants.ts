import { MAP_TYPES, nameOfValue } from '@skep/abi';

/** The type of map whose values are one for each CPU. */
export function isPerCpu(mapType: number): boolean {
  return nameOfValue(MAP_TYPES, mapType)?.includes('PERCPU') ?? false;
}
