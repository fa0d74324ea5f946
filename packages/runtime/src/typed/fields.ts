import type { Btf, BtfId, BtfMember } from '@skep/object';
import { isCharacter } from './decode.ts';

/** What is known of a member of a record, for whoever shows it. */
export interface FieldInfo {
  readonly name: string;
  readonly kind: 'integer' | 'text' | 'bytes' | 'boolean' | 'other';
  /** Of integers: bytes. Of text and bytes: how many there can be. */
  readonly size: number;
  readonly signed: boolean;
  /** From `show_as(…)`: the word in the declaration tag `show:WORD`. */
  readonly show: string | undefined;
}

/** The members of a struct as the decoder names them, anonymous ones flattened. */
export function fieldsOf(btf: Btf, type: BtfId): FieldInfo[] {
  const record = btf.type(btf.resolve(type));
  if (record.kind !== 'struct' && record.kind !== 'union') return [];
  return record.members.flatMap((member, index) => {
    if (member.name === '') return fieldsOf(btf, member.type);
    return [{ ...shape(btf, member), name: member.name, show: showTag(btf, btf.resolve(type), index) }];
  });
}

function shape(btf: Btf, member: BtfMember): Omit<FieldInfo, 'name' | 'show'> {
  const type = btf.type(btf.resolve(member.type));
  switch (type.kind) {
    case 'int':
      return { kind: type.bool ? 'boolean' : 'integer', size: type.size, signed: type.signed };
    case 'ptr':
      return { kind: 'integer', size: 8, signed: false };
    case 'array': {
      const element = btf.type(btf.resolve(type.type));
      if (isCharacter(element)) return { kind: 'text', size: type.count, signed: false };
      if (element.kind === 'int' && element.size === 1) return { kind: 'bytes', size: type.count, signed: false };
      return { kind: 'other', size: type.count, signed: false };
    }
    case 'enum':
    case 'enum64':
      return { kind: 'text', size: 16, signed: false };
    default:
      return { kind: 'other', size: 0, signed: false };
  }
}

/** The word behind `show:` in a declaration tag of the member. */
function showTag(btf: Btf, record: BtfId, index: number): string | undefined {
  return btf
    .tagsOf(record, index)
    .find((tag) => tag.startsWith('show:'))
    ?.slice('show:'.length);
}
