import { ATTACH_TYPES, LINK_TYPES, MAP_TYPES, nameOfValue, PROG_TYPES } from '@skep/abi';

/** Numbers by the kernel's names: `MAP.BPF_MAP_TYPE_HASH`. */
export const MAP = /* @__PURE__ */ numbers(MAP_TYPES);
export const PROG = /* @__PURE__ */ numbers(PROG_TYPES);
export const ATTACH = /* @__PURE__ */ numbers(ATTACH_TYPES);
export const LINK = /* @__PURE__ */ numbers(LINK_TYPES);

/** Flag of BPF_MAP_CREATE: user space may map the values. */
export const BPF_F_MMAPABLE = 1 << 10;
/** Flag of BPF_PROG_LOAD: the program may sleep. */
export const BPF_F_SLEEPABLE = 1 << 4;

/** The type of map whose values are one for each CPU. */
export function isPerCpu(mapType: number): boolean {
  return nameOfValue(MAP_TYPES, mapType)?.includes('PERCPU') ?? false;
}

function numbers<const N extends string>(
  table: readonly { readonly name: N; readonly value: number }[],
): Readonly<Record<N, number>> {
  return Object.fromEntries(table.map(({ name, value }) => [name, value])) as Record<N, number>;
}
