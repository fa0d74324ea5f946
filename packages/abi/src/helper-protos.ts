import { HELPER_PROTOS, HELPER_SET_OF_PROG_TYPE, HELPER_SETS } from './generated/helper-protos.ts';
import type { ProgTypeName } from './kinds.ts';
import type { HelperProto } from './model.ts';

export { HELPER_PROTOS };

const protos = /* @__PURE__ */ new Map(HELPER_PROTOS.map((proto) => [proto.name, proto]));
const known = new Map<string, ReadonlyMap<string, HelperProto>>();

/**
 * The helpers that a type of program may call in Linux 6.12, with what the verifier checks of each. Undefined for
 * `BPF_PROG_TYPE_STRUCT_OPS` and `BPF_PROG_TYPE_EXT`, which have those of their target. What further depends on the attach
 * type or on capabilities is not told apart: such a helper is listed.
 */
export function helpersOfProgType(type: ProgTypeName): ReadonlyMap<string, HelperProto> | undefined {
  const set = HELPER_SET_OF_PROG_TYPE[type];
  return set === undefined ? undefined : helpersOfSet(set);
}

function helpersOfSet(name: string): ReadonlyMap<string, HelperProto> {
  const before = known.get(name);
  if (before !== undefined) return before;
  const { helpers, inherits } = HELPER_SETS[name]!;
  const found = new Map<string, HelperProto>();
  for (const helper in helpers) found.set(helper, protos.get(helpers[helper]!)!);
  for (const other of inherits) {
    for (const [helper, proto] of helpersOfSet(other)) if (!found.has(helper)) found.set(helper, proto);
  }
  known.set(name, found);
  return found;
}
