import { type Diagnostic, SkepError } from '@skep/base';
import type { Btf } from '../btf/btf.ts';
import type { TypeClasses, TypeRef } from '../btf/classes.ts';
import type { BtfComposite, BtfId, BtfType } from '../btf/model.ts';
import { linkDiffers } from '../diagnostics.ts';
import { mapDefinitionOf } from '../open/maps.ts';
import type { MapSpec } from '../spec.ts';
import type { LinkInput } from './input.ts';
import type { LinkedSymbols } from './symbols.ts';

/**
 * Whether all files mean the same by a name that they share: maps must be defined alike, of functions and variables the
 * types must be such that one can stand for the other.
 */
export function compareDeclarations(
  inputs: readonly LinkInput[],
  classes: TypeClasses,
  resolved: LinkedSymbols,
): Diagnostic[] {
  const comparison = new Comparison(inputs, classes);
  const problems: Diagnostic[] = [];
  for (const { name, definition, losers, users } of resolved.globals.values()) {
    const files = [...(definition ? [definition.input] : []), ...losers.map((one) => one.input)];
    const declaring = [...files, ...users.map((one) => one.input)].filter((one) => one.declarations.has(name));
    const first = declaring[0];
    for (const other of declaring.slice(1)) {
      const why = comparison.declarations(name, first!, other);
      if (why !== undefined) problems.push(linkDiffers(name, first!.name, other.name, why));
    }
  }
  return problems;
}

const MAX_DEPTH = 32;

class Comparison {
  private readonly inputs: readonly LinkInput[];
  private readonly classes: TypeClasses;

  constructor(inputs: readonly LinkInput[], classes: TypeClasses) {
    this.inputs = inputs;
    this.classes = classes;
  }

  /** Why they differ, undefined if they do not. */
  declarations(name: string, a: LinkInput, b: LinkInput): string | undefined {
    const first = { file: a.index, id: a.declarations.get(name)! };
    const second = { file: b.index, id: b.declarations.get(name)! };
    if (this.isSame(first, second)) return undefined;
    const typeA = this.type(first);
    const typeB = this.type(second);
    if (typeA?.kind !== typeB?.kind) return `${article(typeA)} there, ${article(typeB)} here`;
    if (typeA?.kind !== 'var' && typeA?.kind !== 'func') return undefined;
    if (typeB?.kind !== 'var' && typeB?.kind !== 'func') return undefined;
    const ofA = { file: a.index, id: typeA.type };
    const ofB = { file: b.index, id: typeB.type };
    if (this.isSame(ofA, ofB)) return undefined;
    return isMap(a, first.id) || isMap(b, second.id) ? this.maps(name, ofA, ofB) : this.types(ofA, ofB, 0);
  }

  private maps(name: string, a: TypeRef, b: TypeRef): string | undefined {
    try {
      const first = mapDefinitionOf(this.btf(a), a.id, name);
      const second = mapDefinitionOf(this.btf(b), b.id, name);
      if (!first || !second) return 'one is no map definition';
      return this.mapSpecs(a.file, first, b.file, second);
    } catch (error) {
      if (error instanceof SkepError) return error.diagnostics[0]!.message;
      throw error;
    }
  }

  private mapSpecs(fileA: number, a: MapSpec, fileB: number, b: MapSpec): string | undefined {
    for (const [field, text] of MAP_FIELDS)
      if (a[field] !== b[field]) return `${text} is ${a[field] ?? 'not given'} there, ${b[field] ?? 'not given'} here`;
    for (const field of ['keyType', 'valueType'] as const) {
      const why = this.types({ file: fileA, id: a[field] }, { file: fileB, id: b[field] }, 0, true);
      if (why !== undefined) return `the types of its ${field === 'keyType' ? 'keys' : 'values'} differ: ${why}`;
    }
    if ((a.inner === undefined) !== (b.inner === undefined)) return 'one says what its maps are, the other does not';
    const inner = a.inner && b.inner && this.mapSpecs(fileA, a.inner, fileB, b.inner);
    return inner && `of the maps in it, ${inner}`;
  }

  /**
   * Compatible as declarations are: names of typedefs and signs do not matter, sizes and names of records do. `exact`
   * looks at the members of records too, but not behind pointers.
   */
  private types(first: TypeRef, second: TypeRef, depth: number, exact = false): string | undefined {
    const a = this.resolved(first);
    const b = this.resolved(second);
    if (depth > MAX_DEPTH || this.isSame(a, b)) return undefined;
    const typeA = this.type(a);
    const typeB = this.type(b);
    const differ = `${article(typeA)} there, ${article(typeB)} here`;
    if (!typeA || !typeB) return differ;
    const at = (ref: TypeRef, id: BtfId): TypeRef => ({ file: ref.file, id });
    if (isRecord(typeA) && isRecord(typeB)) {
      const isUnion = (type: BtfType) => type.kind === 'union' || (type.kind === 'fwd' && type.union);
      if (typeA.name !== typeB.name || isUnion(typeA) !== isUnion(typeB)) return differ;
      const sizes = [typeA, typeB].flatMap((one) => (one.kind === 'fwd' ? [] : [one.size]));
      if (sizes.length < 2) return exact ? differ : undefined;
      if (sizes[0] !== sizes[1]) return `${differ}, of ${sizes[0]} and ${sizes[1]} bytes`;
      return exact && typeA.kind !== 'fwd' && typeB.kind !== 'fwd'
        ? this.members(a, typeA, b, typeB, depth)
        : undefined;
    }
    if (isNumber(typeA) && isNumber(typeB)) return typeA.size === typeB.size ? undefined : differ;
    if (typeA.kind === 'ptr' && typeB.kind === 'ptr') {
      const why = this.types(at(a, typeA.type), at(b, typeB.type), depth + 1);
      return why && `a pointer to ${why}`;
    }
    if (typeA.kind === 'array' && typeB.kind === 'array') {
      if (typeA.count !== typeB.count && typeA.count !== 0 && typeB.count !== 0)
        return `an array of ${typeA.count} there, of ${typeB.count} here`;
      return this.types(at(a, typeA.type), at(b, typeB.type), depth + 1, exact);
    }
    if (typeA.kind === 'func_proto' && typeB.kind === 'func_proto') {
      if (typeA.params.length !== typeB.params.length)
        return `${typeA.params.length} parameters there, ${typeB.params.length} here`;
      const result = this.types(at(a, typeA.result), at(b, typeB.result), depth + 1);
      if (result !== undefined) return `its result is ${result}`;
      for (const [i, param] of typeA.params.entries()) {
        const why = this.types(at(a, param.type), at(b, typeB.params[i]!.type), depth + 1);
        if (why !== undefined) return `parameter ${i + 1} is ${why}`;
      }
      return undefined;
    }
    return typeA.kind === typeB.kind && typeA.kind === 'float' ? undefined : differ;
  }

  private members(a: TypeRef, typeA: BtfComposite, b: TypeRef, typeB: BtfComposite, depth: number): string | undefined {
    const name = `${typeA.kind} ${typeA.name || '(without a name)'}`;
    if (typeA.members.length !== typeB.members.length) return `${name} has other members`;
    for (const [i, member] of typeA.members.entries()) {
      const other = typeB.members[i]!;
      const isAlike = member.bitOffset === other.bitOffset && member.bitSize === other.bitSize;
      if (member.name !== other.name || !isAlike) return `${name} has other members`;
      const why = this.types({ file: a.file, id: member.type }, { file: b.file, id: other.type }, depth + 1, true);
      if (why !== undefined) return `member ${member.name} of ${name} is ${why}`;
    }
    return undefined;
  }

  private isSame(a: TypeRef, b: TypeRef): boolean {
    return this.classes.of(a.file, a.id) === this.classes.of(b.file, b.id);
  }

  private btf(ref: TypeRef): Btf {
    return this.inputs[ref.file]!.btf!;
  }

  private resolved(ref: TypeRef): TypeRef {
    return { file: ref.file, id: this.btf(ref).resolve(ref.id) };
  }

  private type(ref: TypeRef): BtfType | undefined {
    return ref.id === 0 ? undefined : this.btf(ref).type(ref.id);
  }
}

const MAP_FIELDS = [
  ['type', 'its type'],
  ['keySize', 'the size of its keys'],
  ['valueSize', 'the size of its values'],
  ['maxEntries', 'max_entries'],
  ['flags', 'map_flags'],
  ['numaNode', 'numa_node'],
  ['mapExtra', 'map_extra'],
  ['pinByName', 'pinning by name'],
] as const satisfies readonly (readonly [keyof MapSpec, string])[];

function isMap(input: LinkInput, id: BtfId): boolean {
  return input.datasecs.some((one) => one.type.name === '.maps' && one.type.vars.some((v) => v.type === id));
}

function isRecord(type: BtfType): type is BtfType & { readonly kind: 'struct' | 'union' | 'fwd' } {
  return type.kind === 'struct' || type.kind === 'union' || type.kind === 'fwd';
}

function isNumber(type: BtfType): type is BtfType & { readonly kind: 'int' | 'enum' | 'enum64' } {
  return type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64';
}

/** The type in a few words. */
function article(type: BtfType | undefined): string {
  if (!type) return 'void';
  const kinds: Partial<Record<BtfType['kind'], string>> = {
    ptr: 'a pointer',
    array: 'an array',
    func_proto: 'a function',
    func: 'a function',
    var: 'a variable',
  };
  const kind = kinds[type.kind];
  if (kind) return kind;
  const name = 'name' in type ? type.name : '';
  if (type.kind === 'int' || type.kind === 'float') return name;
  return `${type.kind === 'fwd' ? (type.union ? 'union' : 'struct') : type.kind} ${name || '(without a name)'}`;
}
