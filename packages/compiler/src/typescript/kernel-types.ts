import type { Btf, BtfId, BtfType } from '@skep/object';
import { type Access, BOOLEAN, numberOf, type Type } from './types.ts';

/** A member of a kernel struct as probes see it. */
export interface KernelMember {
  readonly type: Type;
  /** The struct lies inside, and is no pointer to one. */
  readonly embedded: boolean;
  readonly bitField: boolean;
}

/** A member by its name, through structs and unions that have none; undefined when there is none, or of a type that probes do not have. */
export function memberOf(btf: Btf, struct: BtfId, name: string, access: Access): KernelMember | undefined {
  const composite = btf.type(btf.resolve(struct));
  if (composite.kind !== 'struct' && composite.kind !== 'union') return undefined;
  for (const member of composite.members) {
    if (member.name === '') {
      const found = memberOf(btf, member.type, name, access);
      if (found) return found;
    } else if (member.name === name) {
      const type = typeOfBtf(btf, member.type, access, true);
      const own = btf.type(btf.resolve(member.type));
      return type && { type, embedded: own.kind === 'struct' || own.kind === 'union', bitField: member.bitSize !== 0 };
    }
  }
  return undefined;
}

export function memberNames(btf: Btf, struct: BtfId): string[] {
  const composite = btf.type(btf.resolve(struct));
  if (composite.kind !== 'struct' && composite.kind !== 'union') return [];
  return composite.members.flatMap((one) => (one.name === '' ? memberNames(btf, one.type) : [one.name]));
}

/** The type of a value of the kernel; undefined for what probes do not have: unions without a name, arrays but text, floats. */
export function typeOfBtf(btf: Btf, id: BtfId, access: Access, member = false): Type | undefined {
  const own = btf.resolve(id);
  if (own === 0) return undefined;
  const type = btf.type(own);
  switch (type.kind) {
    case 'int':
      if (type.bool) return BOOLEAN;
      return type.size > 8
        ? undefined
        : type.size === 8
          ? { kind: 'bigint', signed: type.signed }
          : numberOf(type.size * 8, type.signed);
    case 'enum':
    case 'enum64':
      return type.size === 8 ? { kind: 'bigint', signed: type.signed } : numberOf(type.size * 8, type.signed);
    case 'ptr': {
      const pointee = btf.resolve(type.type);
      const to = pointee === 0 ? undefined : btf.type(pointee);
      if ((to?.kind === 'struct' || to?.kind === 'union') && to.name !== '')
        return { kind: 'kernel', struct: btf.resolve(type.type), tag: `${to.kind} ${to.name}`, access };
      if (to?.kind === 'fwd') {
        const defined = btf.find(to.name, 'struct');
        if (defined !== undefined) return { kind: 'kernel', struct: defined, tag: `struct ${to.name}`, access };
      }
      return { kind: 'pointer', space: isUserPointer(btf, type.type) ? 'user' : 'kernel' };
    }
    case 'struct':
    case 'union':
      return member ? { kind: 'kernel', struct: btf.resolve(id), tag: `${type.kind} ${type.name}`, access } : undefined;
    case 'array': {
      const of = btf.type(btf.resolve(type.type));
      return of.kind === 'int' && of.size === 1 && type.count > 0 ? { kind: 'string', size: type.count } : undefined;
    }
    default:
      return undefined;
  }
}

/** `__user`, where the kernel was built with tags for it. */
function isUserPointer(btf: Btf, id: BtfId): boolean {
  for (let at = id; at !== 0; ) {
    const type = btf.type(at);
    if (type.kind === 'type_tag') {
      if (type.name === 'user') return true;
      at = type.type;
    } else if (type.kind === 'const' || type.kind === 'volatile' || type.kind === 'restrict' || type.kind === 'typedef')
      at = type.type;
    else return false;
  }
  return false;
}

export interface Signature {
  readonly params: readonly { readonly name: string; readonly id: BtfId }[];
  readonly result: BtfId;
}

/** What a raw tracepoint gives: the parameters of `btf_trace_…` without the first, which is the tracepoint's own data. */
export function tracepointSignature(btf: Btf, name: string): Signature | undefined {
  const id = btf.find(`btf_trace_${name}`, 'typedef');
  const proto = id === undefined ? undefined : protoOf(btf, btf.resolve(id));
  return proto && { ...proto, params: proto.params.slice(1) };
}

/** What an iterator's program gets for each thing: the members of `bpf_iter__…` but the first; of those over a map's entries none. */
export function iteratorSignature(btf: Btf, name: string): Signature | undefined {
  const id = OF_MAPS.test(name) ? undefined : btf.find(`${ITERATOR}${name}`, 'struct');
  return id === undefined ? undefined : { params: membersIn(btf, id).slice(1), result: 0 };
}

/** What `iter` can walk through. */
export function* iteratorNames(btf: Btf): Generator<string> {
  for (const id of btf.ids()) {
    const name = btf.kind(id) === 'struct' ? btf.name(id) : '';
    const own = name.slice(ITERATOR.length);
    if (name.startsWith(ITERATOR) && !own.includes('__') && !OF_MAPS.test(own)) yield own;
  }
}

const ITERATOR = 'bpf_iter__';
const OF_MAPS = /^(bpf_map_elem|bpf_sk_storage_map|sockmap)$/;

function membersIn(btf: Btf, id: BtfId): { readonly name: string; readonly id: BtfId }[] {
  const type = btf.type(btf.resolve(id));
  if (type.kind !== 'struct' && type.kind !== 'union') return [];
  return type.members.flatMap((one) =>
    one.name === '' ? membersIn(btf, one.type) : [{ name: one.name, id: one.type }],
  );
}

export function functionSignature(btf: Btf, name: string): Signature | undefined {
  const id = btf.find(name, 'func');
  const func = id === undefined ? undefined : btf.type(id);
  return func?.kind === 'func' ? protoOf(btf, func.type) : undefined;
}

function protoOf(btf: Btf, id: BtfId): Signature | undefined {
  let type: BtfType = btf.type(id);
  if (type.kind === 'ptr') type = btf.type(btf.resolve(type.type));
  if (type.kind !== 'func_proto') return undefined;
  return { params: type.params.map((one, i) => ({ name: one.name || `arg${i}`, id: one.type })), result: type.result };
}
