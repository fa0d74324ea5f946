import type { Btf } from '../btf/btf.ts';
import type { BtfId, BtfType, CoreKind, CoreRelocation } from '../btf/model.ts';
import { coreMalformed } from '../diagnostics.ts';

/** One step of an access: a named member, or an element of an array (the root is element 0 of a pointer). */
export interface Step {
  /** The record that has the member, or the element's type. */
  readonly type: BtfId;
  readonly index: number;
  /** undefined for elements. */
  readonly name: string | undefined;
}

/** What a relocation talks about, in one BTF: `struct task_struct`, its member `pid`, an enumerator. */
export interface Access {
  readonly btf: Btf;
  readonly root: BtfId;
  /** Members without a name add to the offset, but make no step. */
  readonly steps: readonly Step[];
  readonly bitOffset: number;
}

export type CoreFamily = 'field' | 'type' | 'enumerator';

export function familyOf(kind: CoreKind): CoreFamily {
  if (kind.startsWith('field_')) return 'field';
  return kind.startsWith('enumval_') ? 'enumerator' : 'type';
}

/** The access that the compiler wrote into a relocation. @throws SkepError E3201 */
export function parseAccess(btf: Btf, relocation: CoreRelocation): Access {
  const { slot, type: root, access, kind } = relocation;
  const indices = access.split(':').map(Number);
  if (!/^\d+(:\d+)*$/.test(access) || indices.length > MAX_STEPS || indices.some((index) => index > 0xffff_ffff))
    throw coreMalformed(slot, `'${access}' is no access string`);
  if (root === 0) throw coreMalformed(slot, 'it is about void');
  const first = indices[0]!;
  switch (familyOf(kind)) {
    case 'type':
      if (access !== '0') throw coreMalformed(slot, `'${access}' of a whole type`);
      return { btf, root, steps: [], bitOffset: 0 };
    case 'enumerator': {
      const id = btf.resolve(root);
      const type = id === 0 ? undefined : btf.type(id);
      if (type?.kind !== 'enum' && type?.kind !== 'enum64') throw coreMalformed(slot, `[${root}] is no enum`);
      const value = type.values[first];
      if (!value || indices.length > 1) throw coreMalformed(slot, `there is no enumerator '${access}' in ${type.name}`);
      return { btf, root, steps: [{ type: id, index: first, name: value.name }], bitOffset: 0 };
    }
    default:
      return parseField(btf, slot, root, indices);
  }
}

/** As libbpf's debug log: `struct task_struct.se.vruntime (0:12:3 @ offset 192)`. */
export function describeAccess(access: Access, kind: CoreKind): string {
  const { btf, root, steps, bitOffset } = access;
  let text = nameOfType(btf, root);
  if (familyOf(kind) === 'enumerator') {
    const { type, index } = steps[0]!;
    const found = btf.type(type);
    if (found.kind === 'enum' || found.kind === 'enum64')
      text += `::${found.values[index]!.name} = ${found.values[index]!.value}`;
    return text;
  }
  for (const [i, step] of steps.entries()) {
    if (step.name !== undefined) text += `.${step.name}`;
    else if (i > 0 || step.index > 0) text += `[${step.index}]`;
  }
  if (steps.length === 0) return text;
  const bits = bitOffset % 8 === 0 ? '' : `.${bitOffset % 8}`;
  return `${text} at byte ${Math.floor(bitOffset / 8)}${bits}`;
}

/** `struct sk_buff`, `typedef u64 [23]`: as a person would write it. */
export function nameOfType(btf: Btf, id: BtfId): string {
  if (id === 0) return 'void';
  const type = btf.type(id);
  const name = 'name' in type ? type.name : '';
  switch (type.kind) {
    case 'struct':
    case 'union':
      return `${type.kind} ${name || '(anonymous)'}`;
    case 'enum':
    case 'enum64':
      return `enum ${name || '(anonymous)'}`;
    case 'fwd':
      return `${type.union ? 'union' : 'struct'} ${name}`;
    default:
      return name || type.kind;
  }
}

/**
 * Whether the array is the last member of a record and has no length of its own, so that any index is inside.
 * `step` is the one that led to the array.
 */
export function isFlexible(btf: Btf, step: Step | undefined, count: number): boolean {
  if (!step || step.name === undefined || count > 0) return false;
  const record = btf.type(step.type);
  return (record.kind === 'struct' || record.kind === 'union') && step.index === record.members.length - 1;
}

/** `BPF_CORE_SPEC_MAX_LEN`. */
export const MAX_STEPS = 64;

function parseField(btf: Btf, slot: number, root: BtfId, indices: readonly number[]): Access {
  let id = btf.resolve(root);
  if (id === 0) throw coreMalformed(slot, 'it is about void');
  const steps: Step[] = [{ type: id, index: indices[0]!, name: undefined }];
  let bitOffset = indices[0]! === 0 ? 0 : indices[0]! * btf.sizeOf(id) * 8;
  for (const index of indices.slice(1)) {
    const type: BtfType | undefined = id === 0 ? undefined : btf.type(id);
    if (type?.kind === 'struct' || type?.kind === 'union') {
      const member = type.members[index];
      if (!member) throw coreMalformed(slot, `${nameOfType(btf, id)} has no member ${index}`);
      bitOffset += member.bitOffset;
      if (member.name !== '') steps.push({ type: id, index, name: member.name });
      id = btf.resolve(member.type);
    } else if (type?.kind === 'array') {
      if (index >= type.count && !isFlexible(btf, steps.at(-1), type.count))
        throw coreMalformed(slot, `element ${index} lies outside of its array`);
      id = btf.resolve(type.type);
      if (id === 0) throw coreMalformed(slot, 'it is about void');
      steps.push({ type: id, index, name: undefined });
      bitOffset += index * btf.sizeOf(id) * 8;
    } else throw coreMalformed(slot, `${nameOfType(btf, id)} has no members`);
  }
  return { btf, root, steps, bitOffset };
}
