import type { Btf, BtfId } from '@skep/object';
import type { SpecialField } from './map.ts';

/**
 * The fields of a type that the kernel keeps for itself (btf_parse_fields, kernel/bpf/btf.c), in order of offset: locks,
 * timers, pointers, and what lists and trees are made of.
 */
export function specialFields(btf: Btf | undefined, type: BtfId): readonly SpecialField[] {
  if (btf === undefined || type === 0) return [];
  const found: SpecialField[] = [];
  collect(btf, type, 0, found, 0);
  return found.sort((a, b) => a.offset - b.offset);
}

const SIZES: ReadonlyMap<string, { readonly kind: SpecialField['kind']; readonly size: number }> = new Map(
  (
    [
      ['bpf_spin_lock', 4],
      ['bpf_res_spin_lock', 4],
      ['bpf_timer', 16],
      ['bpf_wq', 16],
      ['bpf_task_work', 8],
      ['bpf_list_head', 16],
      ['bpf_list_node', 24],
      ['bpf_rb_root', 16],
      ['bpf_rb_node', 32],
      ['bpf_refcount', 4],
    ] as const
  ).map(([kind, size]) => [kind, { kind, size }]),
);
/** What `__kptr` and its sisters become: type tags of a pointer. */
const KPTR_TAGS = new Set(['kptr', 'kptr_untrusted', 'percpu_kptr', 'uptr']);
/** Arrays of such fields: each element counts, up to as many as the kernel looks at (BTF_FIELDS_MAX). */
const MOST_ELEMENTS = 16;

function collect(btf: Btf, id: BtfId, base: number, found: SpecialField[], depth: number): void {
  if (id === 0 || depth > 8) return;
  const type = btf.type(id);
  switch (type.kind) {
    case 'typedef':
    case 'const':
    case 'volatile':
      collect(btf, type.type, base, found, depth);
      return;
    case 'ptr': {
      const to = type.type === 0 ? undefined : btf.type(type.type);
      if (to?.kind === 'type_tag' && KPTR_TAGS.has(to.name)) found.push({ kind: 'kptr', offset: base, size: 8 });
      return;
    }
    case 'array': {
      if (type.count > MOST_ELEMENTS) return;
      const before = found.length;
      for (let i = 0; i < type.count; i++) {
        collect(btf, type.type, base + i * btf.sizeOf(type.type), found, depth + 1);
        if (found.length === before) return;
      }
      return;
    }
    case 'struct': {
      const special = SIZES.get(type.name);
      if (special) {
        found.push({ ...special, offset: base });
        return;
      }
      for (const member of type.members) collect(btf, member.type, base + (member.bitOffset >> 3), found, depth + 1);
      return;
    }
    case 'datasec':
      for (const one of type.vars) {
        const variable = btf.type(one.type);
        if (variable.kind === 'var') collect(btf, variable.type, base + one.offset, found, depth + 1);
      }
      return;
    default:
      return;
  }
}
