import type { Btf } from '../btf/btf.ts';
import { sameEssentialName } from '../btf/flavour.ts';
import type { BtfId, CoreKind } from '../btf/model.ts';
import { type Access, familyOf, isFlexible, MAX_STEPS, type Step } from './access.ts';
import { fieldsCompatible, typesCompatible, typesMatch } from './compatible.ts';

/** The same access in the kernel's BTF, starting at one candidate for its root; undefined when it has no such thing. */
export function matchAccess(local: Access, target: Btf, candidate: BtfId, kind: CoreKind): Access | undefined {
  const pair = { local: local.btf, target };
  switch (familyOf(kind)) {
    case 'type': {
      const compare = kind === 'type_matches' ? typesMatch : typesCompatible;
      if (!compare(pair, local.root, candidate)) return undefined;
      return { btf: target, root: candidate, steps: [], bitOffset: 0 };
    }
    case 'enumerator': {
      const id = target.resolve(candidate);
      const type = id === 0 ? undefined : target.type(id);
      if (type?.kind !== 'enum' && type?.kind !== 'enum64') return undefined;
      const wanted = local.steps[0]!.name!;
      const index = type.values.findIndex((value) => sameEssentialName(value.name, wanted));
      if (index < 0) return undefined;
      return {
        btf: target,
        root: candidate,
        steps: [{ type: id, index, name: type.values[index]!.name }],
        bitOffset: 0,
      };
    }
    default:
      return matchField(local, target, candidate);
  }
}

function matchField(local: Access, target: Btf, candidate: BtfId): Access | undefined {
  const steps: Step[] = [];
  let bitOffset = 0;
  let id: BtfId = candidate;
  for (const [i, step] of local.steps.entries()) {
    id = target.resolve(id);
    if (id === 0) return undefined;
    if (step.name !== undefined) {
      const found = findMember(target, id, step.name, new Set());
      if (!found) return undefined;
      const mine = local.btf.type(step.type);
      if (mine.kind !== 'struct' && mine.kind !== 'union') return undefined;
      const pair = { local: local.btf, target };
      if (!fieldsCompatible(pair, mine.members[step.index]!.type, found.memberType)) return undefined;
      steps.push(found.step);
      bitOffset += found.bitOffset;
      id = found.memberType;
      continue;
    }
    if (i > 0) {
      const array = target.type(id);
      if (array.kind !== 'array') return undefined;
      if (step.index >= array.count && !isFlexible(target, steps.at(-1), array.count)) return undefined;
      id = target.resolve(array.type);
      if (id === 0) return undefined;
    }
    steps.push({ type: id, index: step.index, name: undefined });
    if (step.index > 0) bitOffset += step.index * target.sizeOf(id) * 8;
  }
  return { btf: target, root: candidate, steps, bitOffset };
}

interface FoundMember {
  readonly step: Step;
  readonly memberType: BtfId;
  /** From the start of the record in which the search began. */
  readonly bitOffset: number;
}

/** A member by its name, also within members without a name. Records that are being searched are not entered again. */
function findMember(btf: Btf, record: BtfId, name: string, seen: Set<BtfId>): FoundMember | undefined {
  const id = btf.resolve(record);
  if (id === 0 || seen.has(id) || seen.size > MAX_STEPS) return undefined;
  seen.add(id);
  const type = btf.type(id);
  if (type.kind !== 'struct' && type.kind !== 'union') return undefined;
  for (const [index, member] of type.members.entries()) {
    if (member.name === name)
      return { step: { type: id, index, name }, memberType: member.type, bitOffset: member.bitOffset };
    if (member.name !== '') continue;
    const inner = findMember(btf, member.type, name, seen);
    if (inner) return { ...inner, bitOffset: inner.bitOffset + member.bitOffset };
  }
  return undefined;
}
