/** Fields of map values and allocated objects that only helpers may touch: locks, timers, kernel pointers, graph nodes. */
import type { Btf, BtfId } from '@skep/object';
import type { Explorer } from '../explore/explorer.ts';
import type { MapInfo } from '../program/maps.ts';
import { baseOf, MEM_ALLOC, PTR_TO_BTF_ID, PTR_TO_MAP_VALUE } from '../state/kinds.ts';
import type { Reg } from '../state/reg.ts';

export type FieldKind =
  | 'bpf_spin_lock'
  | 'bpf_timer'
  | 'bpf_wq'
  | 'bpf_list_head'
  | 'bpf_list_node'
  | 'bpf_rb_root'
  | 'bpf_rb_node'
  | 'bpf_refcount'
  | 'kptr';

export interface Field {
  readonly kind: FieldKind;
  readonly offset: number;
  readonly size: number;
  /** Of a `kptr`: what it points to, in the BTF of the object. */
  readonly target?: BtfId;
  readonly tag?: 'kptr' | 'kptr_untrusted' | 'percpu_kptr';
}

const SIZES: Readonly<Record<string, number>> = {
  bpf_spin_lock: 4,
  bpf_timer: 16,
  bpf_wq: 16,
  bpf_list_head: 16,
  bpf_list_node: 24,
  bpf_rb_root: 16,
  bpf_rb_node: 32,
  bpf_refcount: 4,
};
const MAX_DEPTH = 4;
const MOST_FIELDS = 11;
const cache = new WeakMap<Btf, Map<BtfId, readonly Field[]>>();
const NONE: readonly Field[] = [];

export function fieldsOf(btf: Btf | undefined, type: BtfId): readonly Field[] {
  if (btf === undefined || type === 0) return NONE;
  let known = cache.get(btf);
  if (known === undefined) {
    known = new Map();
    cache.set(btf, known);
  }
  let fields = known.get(type);
  if (fields === undefined) {
    const found: Field[] = [];
    collect(btf, type, 0, 0, found);
    // With more of them the kernel takes the whole for plain bytes.
    fields = found.length > MOST_FIELDS ? NONE : found.sort((a, b) => a.offset - b.offset);
    known.set(type, fields);
  }
  return fields;
}

export function fieldsOfMap(x: Explorer, map: MapInfo): readonly Field[] {
  if (map.valueType === 0) return NONE;
  if (x.program.input.btf === undefined) x.unsupported(`the values of the map '${map.name}' without their types`);
  const fields = fieldsOf(x.program.input.btf, map.valueType);
  // Early kernels know the tag `kptr` for what is `kptr_untrusted` now.
  return x.kernel.early && hasField(fields, 'kptr') ? x.unsupported('kernel pointers in maps of Linux 6.1') : fields;
}

export function fieldsOfReg(x: Explorer, reg: Reg): readonly Field[] {
  if (baseOf(reg.type) === PTR_TO_MAP_VALUE) return fieldsOfMap(x, reg.map!);
  if (baseOf(reg.type) === PTR_TO_BTF_ID && reg.type & MEM_ALLOC) return fieldsOf(reg.btf, reg.btfId);
  return NONE;
}

export const hasField = (fields: readonly Field[], kind: FieldKind): boolean =>
  fields.some((field) => field.kind === kind);

/** Such pointers keep their id, so that a lock is known to belong to its object. */
export function mayPointToLock(x: Explorer, reg: Reg): boolean {
  return hasField(fieldsOfReg(x, reg), 'bpf_spin_lock');
}

function collect(btf: Btf, id: BtfId, offset: number, depth: number, into: Field[]): void {
  if (depth > MAX_DEPTH || into.length > 64) return;
  const resolved = btf.resolve(id);
  if (resolved === 0) return;
  const type = btf.type(resolved);
  if (type.kind === 'datasec') {
    for (const one of type.vars) {
      const variable = btf.type(one.type);
      if (variable.kind === 'var') member(btf, variable.type, offset + one.offset, depth, into);
    }
    return;
  }
  if (type.kind !== 'struct') return;
  for (const one of type.members)
    if (one.bitOffset % 8 === 0 && one.bitSize === 0) member(btf, one.type, offset + one.bitOffset / 8, depth, into);
}

function member(btf: Btf, id: BtfId, offset: number, depth: number, into: Field[]): void {
  const resolved = btf.resolve(id);
  if (resolved === 0) return;
  const type = btf.type(resolved);
  if (type.kind === 'struct') {
    const size = SIZES[type.name];
    if (size !== undefined) {
      into.push({ kind: type.name as FieldKind, offset, size });
      return;
    }
    collect(btf, resolved, offset, depth + 1, into);
    return;
  }
  if (type.kind === 'array') {
    if (type.count > 16) return;
    const size = btf.sizeOf(type.type);
    for (let i = 0; i < type.count; i++) member(btf, type.type, offset + i * size, depth + 1, into);
    return;
  }
  if (type.kind === 'ptr') {
    let at = type.type;
    for (let steps = 0; at !== 0 && steps < 8; steps++) {
      const inner = btf.type(at);
      if (inner.kind === 'type_tag' && /^(kptr|kptr_untrusted|percpu_kptr)$/.test(inner.name)) {
        into.push({ kind: 'kptr', offset, size: 8, target: btf.resolve(inner.type), tag: inner.name as 'kptr' });
        return;
      }
      if (inner.kind !== 'const' && inner.kind !== 'volatile' && inner.kind !== 'type_tag') return;
      at = inner.type;
    }
  }
}
