import type { SourceFile, Span } from '@skep/base';
import type { Btf, BtfId, BtfType } from '@skep/object';
import type { FunctionDecl } from '../ast.ts';
import type { CType, EnumType, Field, FunctionType, IntType, RecordLayout, RecordType } from '../ctype.ts';
import { noAttributes } from '../parse/attributes.ts';
import type { Entity, Tag } from '../parse/parser.ts';
import {
  alignOf,
  arrayOf,
  BOOL,
  CHAR,
  DOUBLE,
  FLOAT,
  fits,
  functionType,
  INT,
  INT_TYPES,
  pointerTo,
  qualify,
  UINT,
  VOID,
} from '../types.ts';

const VMLINUX: SourceFile = { name: '<vmlinux.h>', text: '' };
const NOWHERE: Span = { file: VMLINUX, start: 0, end: 0 };

/** One for each BTF: what was converted for one compile serves the next, since nothing changes these types. */
export function knownTypes(btf: Btf): KnownTypes {
  let known = all.get(btf);
  if (known === undefined) {
    known = new KnownTypes(btf);
    all.set(btf, known);
  }
  return known;
}
const all = new WeakMap<Btf, KnownTypes>();

/**
 * `#include "vmlinux.h"` without a file: the kernel's BTF answers for each name when it is first used. Records get
 * their members only when somebody looks inside, so that a program pays for what it names and nothing else.
 */
export class KnownTypes {
  private readonly btf: Btf;
  private readonly converted = new Map<BtfId, CType>();
  private readonly owned = new WeakSet<Tag>();

  constructor(btf: Btf) {
    this.btf = btf;
  }

  /** The tags of all structs and unions. */
  *tagNames(): Generator<string> {
    for (const id of this.btf.ids()) {
      const kind = this.btf.kind(id);
      if (kind === 'struct' || kind === 'union') yield this.btf.name(id);
    }
  }

  /** A struct, union or enum by its tag. */
  tag(kind: 'struct' | 'union' | 'enum', name: string): Tag | undefined {
    const id = kind === 'enum' ? this.btf.find(name, 'enum', 'enum64') : this.btf.find(name, kind);
    if (id === undefined) {
      const forward = kind === 'enum' ? undefined : this.btf.find(name, 'fwd');
      return forward === undefined ? undefined : (this.type(forward) as Tag);
    }
    return this.type(id) as Tag;
  }

  /** What an ordinary identifier means in the kernel: a typedef, an enumerator, a function that programs may call. */
  find(name: string): Entity | undefined {
    const typedef = this.btf.find(name, 'typedef');
    if (typedef !== undefined) return { kind: 'typedef', name, type: this.type(typedef), span: undefined };
    const enumerator = this.btf.enumerator(name);
    if (enumerator !== undefined) {
      const of = this.type(enumerator.enum) as EnumType;
      const { value } = enumerator;
      return {
        kind: 'enumerator',
        name,
        value,
        type: fits(value, INT) ? INT : (of.underlying ?? UINT),
        of,
        span: undefined,
      };
    }
    return this.kfunc(name);
  }

  /** The tag came from here, not from the program. */
  owns(tag: Tag): boolean {
    return this.owned.has(tag);
  }

  private kfunc(name: string): FunctionDecl | undefined {
    const id = this.btf.kfunc(name);
    const func = id === undefined ? undefined : this.btf.type(id);
    if (func?.kind !== 'func') return undefined;
    return {
      kind: 'function',
      name,
      type: this.type(func.type),
      params: [],
      storage: 'extern',
      // As bpftool writes kfuncs into vmlinux.h.
      attributes: { ...noAttributes(), section: '.ksyms', weak: true },
      body: undefined,
      locals: [],
      helper: undefined,
      used: false,
      span: NOWHERE,
    };
  }

  /** The C type of a BTF type; records are the same object every time. */
  type(id: BtfId): CType {
    if (id === 0) return VOID;
    const known = this.converted.get(id);
    if (known !== undefined) return known;
    const made = this.convert(this.btf.type(id));
    this.converted.set(id, made);
    return made;
  }

  private convert(type: BtfType): CType {
    switch (type.kind) {
      case 'int':
        return intType(type.size, type.signed, type.bool, type.name);
      case 'float':
        return type.size === 4 ? FLOAT : type.size === 8 ? DOUBLE : { kind: 'float', name: type.name, size: type.size };
      case 'ptr':
        return pointerTo(this.type(type.type));
      case 'const':
        return qualify(this.type(type.type), { const: true, volatile: false, restrict: false });
      case 'volatile':
        return qualify(this.type(type.type), { const: false, volatile: true, restrict: false });
      case 'restrict':
        return qualify(this.type(type.type), { const: false, volatile: false, restrict: true });
      case 'type_tag':
        return this.type(type.type);
      case 'typedef':
        return { kind: 'typedef', name: type.name, type: this.type(type.type), declTags: [], align: undefined };
      case 'array':
        return arrayOf(this.type(type.type), type.count);
      case 'struct':
      case 'union':
        return this.record(type);
      case 'fwd':
        return this.forward(type.name, type.union);
      case 'enum':
      case 'enum64':
        return this.enumeration(type);
      case 'func_proto':
        return this.prototype(type);
      case 'func':
      case 'var':
      case 'decl_tag':
        return this.type(type.type);
      case 'datasec':
        return VOID;
    }
  }

  private record(type: BtfType & { kind: 'struct' | 'union' }): RecordType {
    const made: RecordType = {
      kind: 'record',
      union: type.kind === 'union',
      tag: type.name === '' ? undefined : type.name,
      layout: undefined,
      load: () => this.layout(type),
      preserveAccessIndex: true,
      declTags: [],
      span: undefined,
    };
    this.owned.add(made);
    return made;
  }

  /** BTF keeps declared but nowhere defined types apart from those of the same name that are defined elsewhere. */
  private forward(name: string, union: boolean): RecordType {
    const defined = this.btf.find(name, union ? 'union' : 'struct');
    if (defined !== undefined) return this.type(defined) as RecordType;
    const made: RecordType = {
      kind: 'record',
      union,
      tag: name,
      layout: undefined,
      load: undefined,
      preserveAccessIndex: true,
      declTags: [],
      span: undefined,
    };
    return made;
  }

  private layout(type: BtfType & { kind: 'struct' | 'union' }): RecordLayout {
    let align = 1;
    const fields: Field[] = [];
    for (const member of type.members) {
      let field = this.type(member.type);
      const bare = this.btf.type(member.type);
      // BTF cannot tell `[]` from `[0]`; C lets only the first be initialised and both be indexed.
      if (bare.kind === 'array' && bare.count === 0) field = arrayOf(this.type(bare.type), 0);
      const offset = member.bitOffset / 8;
      const own = alignOf(field);
      // A member at an odd place shows that the record is packed there.
      if (member.bitSize === 0 && offset % own === 0) align = Math.max(align, own);
      fields.push({
        name: member.name === '' ? undefined : member.name,
        type: field,
        bitOffset: member.bitOffset,
        bitWidth: member.bitSize === 0 ? undefined : member.bitSize,
        declTags: [],
        span: undefined,
      });
    }
    while (align > 1 && type.size % align !== 0) align /= 2;
    return { fields, size: type.size, align };
  }

  private enumeration(type: BtfType & { kind: 'enum' | 'enum64' }): EnumType {
    const made: EnumType = {
      kind: 'enum',
      tag: type.name === '' ? undefined : type.name,
      underlying: type.values.length === 0 && type.size === 0 ? undefined : intType(type.size, type.signed, false, ''),
      enumerators: type.values,
      preserveAccessIndex: true,
      span: undefined,
    };
    this.owned.add(made);
    return made;
  }

  private prototype(type: BtfType & { kind: 'func_proto' }): FunctionType {
    const last = type.params.at(-1);
    const variadic = last !== undefined && last.name === '' && last.type === 0;
    const params = (variadic ? type.params.slice(0, -1) : type.params).map(({ name, type: param }) => ({
      name: name === '' ? undefined : name,
      type: this.type(param),
    }));
    return functionType(this.type(type.result), params, variadic);
  }
}

function intType(size: number, signed: boolean, bool: boolean, name: string): IntType {
  if (bool) return BOOL;
  const spelled = C_NAMES[name] ?? name;
  const exact = INT_TYPES.find((one) => one.name === spelled && one.size === size && one.signed === signed);
  if (exact !== undefined) return exact;
  const plain = INT_TYPES.find((one) => one.size === size && one.signed === signed && one !== CHAR && !one.bool);
  return plain ?? { kind: 'int', name, size: 8, signed, bool: false, rank: 4 };
}

/** How GCC, which compiled the kernel, spells types in its debug information. */
const C_NAMES: Record<string, string | undefined> = {
  'long int': 'long',
  'long unsigned int': 'unsigned long',
  'long long int': 'long long',
  'long long unsigned int': 'unsigned long long',
  'short int': 'short',
  'short unsigned int': 'unsigned short',
  '__int128 unsigned': 'unsigned __int128',
};
