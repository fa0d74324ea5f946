import type { CType } from '../ctype.ts';
import { layOut } from '../layout.ts';
import { asArray, strip, UINT } from '../types.ts';

const MEMBERS = ['type', 'key_size', 'value_size', 'max_entries', 'map_flags'];

/**
 * `struct bpf_map_def SEC("maps")` where nothing defines the structure: the bpf_helpers.h of libbpf before 1.0 did, and
 * programs of that time still load.
 */
export function completeMapDefinition(type: CType): void {
  const record = strip(asArray(type)?.of ?? type);
  if (record.kind !== 'record' || record.tag !== 'bpf_map_def' || record.layout !== undefined) return;
  const members = MEMBERS.map((name) => ({
    name,
    type: UINT,
    bitWidth: undefined,
    packed: false,
    align: undefined,
    declTags: [],
    span: record.span,
  }));
  record.layout = layOut(members, { union: false, packed: false, align: undefined, pack: undefined });
}
