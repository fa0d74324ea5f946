import type { Btf, BtfId } from '@skep/object';
import type { SpecialField } from '@skep/vm';

/** The locks, timers and kernel pointers in a map's values (btf_parse_fields, kernel/bpf/btf.c), in order of offset. */
export function specialFields(btf: Btf | undefined, valueType: BtfId): readonly SpecialField[] {
  if (btf === undefined || valueType === 0) return [];
  const found: SpecialField[] = [];
  collect(btf, valueType, 0, found, 0);
  return found.sort((a, b) => a.offset - b.offset);
}

const SIZES = { bpf_spin_lock: 4, bpf_timer: 16, bpf_wq: 16 } as const;
/** What `__kptr` and its sisters become: type tags of a pointer. */
const KPTR_TAGS = new Set(['kptr', 'kptr_untrusted', 'percpu_kptr']);

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
    case 'struct': {
      const name = type.name;
      if (name === 'bpf_spin_lock' || name === 'bpf_timer' || name === 'bpf_wq') {
        found.push({ kind: name, offset: base, size: SIZES[name] });
        return;
      }
      for (const member of type.members) collect(btf, member.type, base + (member.bitOffset >> 3), found, depth + 1);
      return;
    }
    default:
      return;
  }
}
