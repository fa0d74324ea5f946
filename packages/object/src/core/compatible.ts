import type { Btf } from '../btf/btf.ts';
import { sameEssentialName } from '../btf/flavour.ts';
import type { BtfComposite, BtfEnum, BtfId, BtfKind, BtfType } from '../btf/model.ts';

/** A type of the program beside one of the kernel. */
interface Pair {
  readonly local: Btf;
  readonly target: Btf;
}

export function sameKind(a: BtfKind, b: BtfKind): boolean {
  return a === b || (isEnum(a) && isEnum(b));
}

/**
 * Whether a field of the one type can be read where a field of the other was meant: records are all alike (their
 * members are looked up by name), integers of any size and sign, pointers whatever they point to.
 */
export function fieldsCompatible(pair: Pair, localId: BtfId, targetId: BtfId): boolean {
  let a = localId;
  let b = targetId;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const [local, target] = resolved(pair, a, b);
    if (!local || !target) return false;
    if (isRecord(local) && isRecord(target)) return true;
    if (!sameKind(local.kind, target.kind)) return false;
    switch (local.kind) {
      case 'ptr':
      case 'float':
        return true;
      case 'fwd':
      case 'enum':
      case 'enum64': {
        const other = (target as BtfEnum).name;
        return local.name === '' || other === '' || sameEssentialName(local.name, other);
      }
      case 'int':
        return local.offset === 0 && target.kind === 'int' && target.offset === 0;
      case 'array':
        a = local.type;
        b = (target as typeof local).type;
        break;
      default:
        return false;
    }
  }
  return false;
}

/** Whether two types whose names are the same are of the same kind, through pointers, arrays and prototypes. */
export function typesCompatible(pair: Pair, localId: BtfId, targetId: BtfId): boolean {
  if (localId !== 0 && targetId !== 0 && !sameKind(pair.local.kind(localId), pair.target.kind(targetId))) return false;
  return compatible(pair, localId, targetId, MAX_DEPTH);
}

function compatible(pair: Pair, localId: BtfId, targetId: BtfId, depth: number): boolean {
  let a = localId;
  let b = targetId;
  for (let left = depth; left > 0; left--) {
    const [local, target] = resolved(pair, a, b);
    if (!local || !target) return !local && !target;
    if (!sameKind(local.kind, target.kind)) return false;
    switch (local.kind) {
      case 'struct':
      case 'union':
      case 'enum':
      case 'enum64':
      case 'fwd':
        return true;
      case 'int':
        return local.offset === 0 && target.kind === 'int' && target.offset === 0;
      case 'ptr':
      case 'array':
        a = local.type;
        b = (target as typeof local).type;
        break;
      case 'func_proto': {
        const other = target as typeof local;
        if (local.params.length !== other.params.length) return false;
        for (const [i, param] of local.params.entries())
          if (!compatible(pair, param.type, other.params[i]!.type, left - 1)) return false;
        a = local.result;
        b = other.result;
        break;
      }
      default:
        return false;
    }
  }
  return false;
}

/**
 * Whether the program's type is found as it is in the kernel's: each of its members and enumerators, with matching
 * types; records behind pointers by name alone. Each pair of types is compared once.
 */
export function typesMatch(pair: Pair, localId: BtfId, targetId: BtfId): boolean {
  return match({ ...pair, known: new Map() }, localId, targetId, false, MAX_DEPTH);
}

interface MatchWork extends Pair {
  readonly known: Map<string, boolean>;
}

function match(work: MatchWork, localId: BtfId, targetId: BtfId, behindPointer: boolean, depth: number): boolean {
  const key = `${localId} ${targetId} ${behindPointer}`;
  const known = work.known.get(key);
  if (known !== undefined) return known;
  // What is being compared counts as matching, which ends loops.
  work.known.set(key, true);
  const result = matchOnce(work, localId, targetId, behindPointer, depth);
  work.known.set(key, result);
  return result;
}

function matchOnce(work: MatchWork, localId: BtfId, targetId: BtfId, behind: boolean, depth: number): boolean {
  let a = localId;
  let b = targetId;
  let behindPointer = behind;
  for (let left = depth; left > 0; left--) {
    const [local, target] = resolved(work, a, b);
    if (!local || !target) return !local && !target;
    if (!namesMatch(nameOf(local), nameOf(target))) return false;
    switch (local.kind) {
      case 'fwd':
        if (target.kind === 'fwd') return local.union === target.union;
        return behindPointer && target.kind === (local.union ? 'union' : 'struct');
      case 'struct':
      case 'union':
        if (target.kind === 'fwd') return behindPointer && target.union === (local.kind === 'union');
        if (target.kind !== local.kind) return false;
        return behindPointer || membersMatch(work, local, target as BtfComposite, left - 1);
      case 'enum':
      case 'enum64':
        return (target.kind === 'enum' || target.kind === 'enum64') && enumeratorsMatch(local, target);
      case 'int':
        return target.kind === 'int' && local.size === target.size && local.signed === target.signed;
      case 'ptr':
        if (target.kind !== 'ptr') return false;
        behindPointer = true;
        a = local.type;
        b = target.type;
        break;
      case 'array':
        if (target.kind !== 'array' || local.count !== target.count) return false;
        a = local.type;
        b = target.type;
        break;
      case 'func_proto':
        if (target.kind !== 'func_proto' || local.params.length !== target.params.length) return false;
        for (const [i, param] of local.params.entries())
          if (!match(work, param.type, target.params[i]!.type, behindPointer, left - 1)) return false;
        a = local.result;
        b = target.result;
        break;
      default:
        return false;
    }
  }
  return false;
}

function membersMatch(work: MatchWork, local: BtfComposite, target: BtfComposite, depth: number): boolean {
  if (local.members.length > target.members.length) return false;
  return local.members.every((member) =>
    target.members.some(
      (other) => namesMatch(member.name, other.name) && match(work, member.type, other.type, false, depth),
    ),
  );
}

function enumeratorsMatch(local: BtfEnum, target: BtfEnum): boolean {
  if (local.values.length > target.values.length) return false;
  return local.values.every((value) => target.values.some((other) => namesMatch(value.name, other.name)));
}

/** As deep as libbpf follows types. */
const MAX_DEPTH = 32;

/** undefined for void. */
function resolved(pair: Pair, localId: BtfId, targetId: BtfId): [BtfType | undefined, BtfType | undefined] {
  const a = pair.local.resolve(localId);
  const b = pair.target.resolve(targetId);
  return [a === 0 ? undefined : pair.local.type(a), b === 0 ? undefined : pair.target.type(b)];
}

function namesMatch(local: string, target: string): boolean {
  return target === '' || local === '' ? local === target : sameEssentialName(local, target);
}

function nameOf(type: BtfType): string {
  return 'name' in type ? type.name : '';
}

function isEnum(kind: BtfKind): boolean {
  return kind === 'enum' || kind === 'enum64';
}

function isRecord(type: BtfType): type is BtfComposite {
  return type.kind === 'struct' || type.kind === 'union';
}
