import { SkepError } from '@skep/base';
import type { BtfBuilder, BtfId, BtfMember } from '@skep/object';
import type { CType, EnumType, Field, FunctionType, IntType, RecordType } from '../ctype.ts';
import { complete, strip } from '../types.ts';
import { typeTooDeep } from './diagnostics.ts';

/**
 * C types as BTF, the way loaders expect it: a struct that is only pointed to from inside another struct stays a forward
 * declaration, so that naming one field of `task_struct` does not drag in the kernel. A record has one id from the first
 * mention; it starts as a forward declaration and is completed in place when something needs its members.
 */
export class BtfTypes {
  readonly builder: BtfBuilder;
  private readonly records = new Map<RecordType, { readonly id: BtfId; complete: boolean }>();
  private readonly enums = new Map<EnumType, BtfId>();
  private readonly ints = new Map<IntType, BtfId>();
  private readonly maps = new Set<RecordType>();
  private indexType: BtfId | undefined;
  /** Records that are being completed inside of each other. */
  private depth = 0;

  constructor(builder: BtfBuilder) {
    this.builder = builder;
  }

  /** The id of a type with everything that it needs. */
  idOf(type: CType): BtfId {
    return this.visit(type, false, false);
  }

  /** As {@link idOf}, for a variable in `.maps`: its key and value types hang on pointers and must be complete. */
  mapDefinition(type: CType): BtfId {
    const id = this.idOf(type);
    this.completeMap(type);
    return id;
  }

  /** Parameters always have names: the kernel refuses a function without them. */
  prototype(type: FunctionType, names: readonly (string | undefined)[]): BtfId {
    const params = type.params.map((param, i) => ({
      name: names[i] || param.name || `arg${i}`,
      type: this.idOf(param.type),
    }));
    if (type.variadic) params.push({ name: '', type: 0 });
    return this.builder.add({ kind: 'func_proto', result: this.idOf(type.result), params });
  }

  /**
   * @param inMember below a member of a record, where pointers to records are followed no further
   * @param behindPointer a pointer has been followed since
   */
  private visit(type: CType, inMember: boolean, behindPointer: boolean): BtfId {
    switch (type.kind) {
      case 'void':
        return 0;
      case 'int':
        return this.int(type);
      case 'float':
        return this.builder.add({ kind: 'float', name: type.name, size: type.size });
      case 'pointer':
        return this.builder.add({ kind: 'ptr', type: this.visit(type.to, inMember, inMember) });
      case 'array': {
        const element = this.visit(type.of, inMember, behindPointer);
        return this.builder.add({ kind: 'array', type: element, index: this.arrayIndex(), count: type.count ?? 0 });
      }
      case 'function': {
        const params = type.params.map((param) => ({
          name: '',
          type: this.visit(param.type, inMember, behindPointer),
        }));
        if (type.variadic) params.push({ name: '', type: 0 });
        return this.builder.add({
          kind: 'func_proto',
          result: this.visit(type.result, inMember, behindPointer),
          params,
        });
      }
      case 'record':
        return this.record(type, !(inMember && behindPointer && type.tag !== undefined));
      case 'enum':
        return this.enumeration(type);
      case 'typedef': {
        const inner = this.visit(type.type, inMember, behindPointer);
        const id = this.builder.add({ kind: 'typedef', name: type.name, type: inner });
        this.tag(id, -1, type.declTags);
        return id;
      }
      case 'qualified': {
        // The kernel takes tags only in front of qualifiers, wherever the source has them.
        const tags: string[] = [];
        let bare = type.type;
        for (; bare.kind === 'tagged'; bare = bare.type) tags.unshift(bare.tag);
        let id = this.visit(bare, inMember, behindPointer);
        if (type.restrict) id = this.builder.add({ kind: 'restrict', type: id });
        if (type.volatile) id = this.builder.add({ kind: 'volatile', type: id });
        if (type.const) id = this.builder.add({ kind: 'const', type: id });
        for (const name of tags) id = this.builder.add({ kind: 'type_tag', name, type: id });
        return id;
      }
      case 'tagged':
        return this.builder.add({
          kind: 'type_tag',
          name: type.tag,
          type: this.visit(type.type, inMember, behindPointer),
        });
    }
  }

  private record(type: RecordType, whole: boolean): BtfId {
    let known = this.records.get(type);
    if (known === undefined) {
      known = { id: this.builder.reserve(), complete: false };
      this.records.set(type, known);
      this.builder.set(known.id, { kind: 'fwd', name: type.tag ?? '', union: type.union });
    }
    if (!whole || known.complete) return known.id;
    const layout = complete(type);
    if (layout === undefined) return known.id;
    known.complete = true;
    if (++this.depth > MAX_DEPTH) throw new SkepError(typeTooDeep(MAX_DEPTH, type.span));
    const { id } = known;
    const fields = layout.fields.filter((field) => !isPadding(field));
    const members: BtfMember[] = fields.map((field) => ({
      name: field.name ?? '',
      type: this.visit(field.type, true, false),
      bitOffset: field.bitOffset,
      bitSize: field.bitWidth ?? 0,
    }));
    this.depth--;
    this.builder.set(id, { kind: type.union ? 'union' : 'struct', name: type.tag ?? '', size: layout.size, members });
    this.tag(id, -1, type.declTags);
    for (const [i, field] of fields.entries()) this.tag(id, i, field.declTags);
    return id;
  }

  private completeMap(type: CType): void {
    const record = strip(type);
    if (record.kind !== 'record' || this.maps.has(record)) return;
    this.maps.add(record);
    for (const field of complete(record)?.fields ?? []) {
      const member = strip(field.type);
      // `values` of a map of maps: an array of pointers to map definitions.
      const pointer = member.kind === 'array' ? strip(member.of) : member;
      if (pointer.kind !== 'pointer') continue;
      this.idOf(pointer.to);
      if (member.kind === 'array') this.completeMap(pointer.to);
    }
  }

  private int(type: IntType): BtfId {
    let id = this.ints.get(type);
    if (id === undefined) {
      const { name, size, signed, bool } = type;
      id = this.builder.add({ kind: 'int', name, size, bits: size * 8, offset: 0, signed, char: false, bool });
      this.ints.set(type, id);
    }
    return id;
  }

  private enumeration(type: EnumType): BtfId {
    let id = this.enums.get(type);
    if (id === undefined) {
      const { size, signed } = type.underlying ?? { size: 4, signed: false };
      const kind = size > 4 ? 'enum64' : 'enum';
      id = this.builder.add({ kind, name: type.tag ?? '', size, signed, values: type.enumerators });
      this.enums.set(type, id);
    }
    return id;
  }

  private arrayIndex(): BtfId {
    this.indexType ??= this.builder.add({
      kind: 'int',
      name: '__ARRAY_SIZE_TYPE__',
      size: 4,
      bits: 32,
      offset: 0,
      signed: false,
      char: false,
      bool: false,
    });
    return this.indexType;
  }

  private tag(id: BtfId, component: number, tags: readonly string[]): void {
    for (const name of tags) this.builder.add({ kind: 'decl_tag', name, type: id, component });
  }
}

/** Far beyond what the kernel takes, far below what a JavaScript stack holds. */
const MAX_DEPTH = 200;

/** Where a field stands among the members of its record's BTF, which unnamed bit-fields are not. */
export function memberIndex(record: RecordType, index: number): number {
  const fields = complete(record)?.fields ?? [];
  let at = 0;
  for (let i = 0; i < index; i++) if (!isPadding(fields[i]!)) at++;
  return at;
}

function isPadding(field: Field): boolean {
  return field.name === undefined && field.bitWidth !== undefined;
}
