import * as say from '../diagnostics.ts';
import { memberNames, memberOf } from '../kernel-types.ts';
import type { Member, OptionalMember } from '../syntax.ts';
import type { Type } from '../types.ts';
import type { Lowering } from './lowering.ts';
import { readText } from './texts.ts';
import type { Value } from './value.ts';

export function kernelMember(
  l: Lowering,
  object: Value,
  type: Type & { kind: 'kernel' },
  name: string,
  node: Member | OptionalMember,
): Value {
  const btf = l.shared.btf!()!;
  const found = memberOf(btf, type.struct, name, type.access);
  if (found === undefined) {
    const names = memberNames(btf, type.struct);
    if (names.includes(name))
      l.fail(
        say.wrongType(
          `\`${name}\`, a union, an array or a function,`,
          'a number, text, struct or pointer',
          l.span(node.property),
        ),
      );
    l.fail(say.unknownMember(`\`${type.tag}\``, name, names, l.span(node.property)));
  }
  const { embedded, bitField, type: member } = found!;
  // `@pointer|path`: a struct that lies inside of the one pointed to.
  const [pointer, path] = object.c.startsWith('@')
    ? (object.c.slice(1).split('|') as [string, string])
    : [object.c, ''];
  const whole = path === '' ? name : `${path}.${name}`;
  if (embedded) return { type: member, c: `@${pointer}|${whole}` };
  if (member.kind === 'string')
    return {
      type: member,
      c: '@text',
      into: (to, size) => readText('kernel', to, Math.min(size, member.size ?? size), `&(${pointer})->${whole}`),
    };
  const direct = type.access === 'direct';
  const read = bitField
    ? `${direct ? 'BPF_CORE_READ_BITFIELD' : 'BPF_CORE_READ_BITFIELD_PROBED'}(${pointer}, ${whole})`
    : direct
      ? `(${pointer})->${whole}`
      : `BPF_CORE_READ(${pointer}, ${whole})`;
  switch (member.kind) {
    case 'kernel':
      return { type: member, c: `((${member.tag} *)${read})` };
    case 'pointer':
      return { type: member, c: `((u64)${read})` };
    case 'number':
      return { type: member, c: `((s64)${read})` };
    default:
      return { type: member, c: `(${read})` };
  }
}
