import { ATTACH_TYPES, CMDS, LINK_TYPES, MAP_TYPES, PROG_TYPES } from './generated/kinds.ts';
import type { Dated } from './model.ts';

export { ATTACH_TYPES, CMDS, LINK_TYPES, MAP_TYPES, PROG_TYPES };

export type MapTypeName = (typeof MAP_TYPES)[number]['name'];
export type ProgTypeName = (typeof PROG_TYPES)[number]['name'];
export type AttachTypeName = (typeof ATTACH_TYPES)[number]['name'];

/** The entry of a kernel's name in one of the tables: `dated(MAP_TYPES, 'BPF_MAP_TYPE_HASH').value`. */
export function dated<T extends Dated>(table: readonly T[], name: T['name']): T {
  const found = table.find((one) => one.name === name);
  if (found === undefined) throw new Error(`${name} is not in the table`);
  return found;
}

/** The name of a number in one of the tables; undefined when this kernel's number is not known. */
export function nameOfValue<T extends Dated>(table: readonly T[], value: number): T['name'] | undefined {
  return table.find((one) => one.value === value)?.name;
}

/** Numbers by the kernel's names: `MAP.BPF_MAP_TYPE_HASH`. */
export const MAP = /* @__PURE__ */ numbersOf(MAP_TYPES);
export const PROG = /* @__PURE__ */ numbersOf(PROG_TYPES);
export const ATTACH = /* @__PURE__ */ numbersOf(ATTACH_TYPES);
export const LINK = /* @__PURE__ */ numbersOf(LINK_TYPES);

function numbersOf<const N extends string>(
  table: readonly { readonly name: N; readonly value: number }[],
): Readonly<Record<N, number>> {
  return Object.fromEntries(table.map(({ name, value }) => [name, value])) as Record<N, number>;
}
