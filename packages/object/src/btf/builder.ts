import { ByteWriter, utf8Bytes } from '@skep/base';
import type { Btf } from './btf.ts';
import { BTF_HEADER_SIZE, BTF_MAGIC, INT_BOOL, INT_CHAR, INT_SIGNED, KIND_NUMBERS } from './kinds.ts';
import type { BtfId, BtfLinkage, BtfType } from './model.ts';

/**
 * Makes BTF: types get their ids as they are added, names are interned into one string table, which `.BTF.ext` shares
 * ({@link addString}). Recursive records take their id first ({@link reserve}) and their members later ({@link set}).
 */
export class BtfBuilder {
  /** Index: id. void is undefined, and so is a reserved type that is not set yet. */
  private readonly types: (BtfType | undefined)[] = [undefined];
  private readonly known = new Map<string, BtfId>();
  private readonly offsets = new Map<string, number>([['', 0]]);
  private readonly texts: Uint8Array[] = [Uint8Array.of(0)];
  private stringsLength = 1;

  /** A builder that holds the types of a BTF (without a base) under the same ids. */
  static from(btf: Btf): BtfBuilder {
    if (btf.base) throw new Error('BTF with a base cannot be built again');
    const builder = new BtfBuilder();
    for (const id of btf.ids()) builder.set(builder.reserve(), btf.type(id));
    return builder;
  }

  /** Ids are 1 … count - 1. */
  get count(): number {
    return this.types.length;
  }

  /** The id of the type: that of an equal one if there is any, except for records, variables and sections. */
  add(type: BtfType): BtfId {
    const key = keyOf(type);
    const known = key === undefined ? undefined : this.known.get(key);
    if (known !== undefined) return known;
    const id = this.reserve();
    this.set(id, type);
    if (key !== undefined) this.known.set(key, id);
    return id;
  }

  /** An id whose type will be {@link set} before the bytes are taken. */
  reserve(): BtfId {
    this.types.push(undefined);
    return this.types.length - 1;
  }

  /** Sets or replaces the type of an id; such a type is never shared with a later {@link add}. */
  set(id: BtfId, type: BtfType): void {
    if (id <= 0 || id >= this.types.length) throw new Error(`BTF id ${id} was not reserved`);
    const before = this.types[id];
    if (before) {
      const key = keyOf(before);
      if (key !== undefined && this.known.get(key) === id) this.known.delete(key);
    }
    this.types[id] = type;
    this.internNames(type);
  }

  type(id: BtfId): BtfType {
    const type = this.types[id];
    if (!type) throw new Error(`BTF id ${id} has no type`);
    return type;
  }

  /** The offset of a text in the string table, added when it is new. */
  addString(text: string): number {
    let offset = this.offsets.get(text);
    if (offset === undefined) {
      if (text.includes('\0')) throw new Error('a string of BTF contains NUL');
      const bytes = utf8Bytes(`${text}\0`);
      offset = this.stringsLength;
      this.offsets.set(text, offset);
      this.texts.push(bytes);
      this.stringsLength += bytes.length;
    }
    return offset;
  }

  /** Header, types and strings, little endian. */
  toBytes(): Uint8Array {
    const out = new ByteWriter(true, BTF_HEADER_SIZE + this.types.length * 24 + this.stringsLength);
    out.zeros(BTF_HEADER_SIZE);
    for (let id = 1; id < this.types.length; id++) this.write(out, this.type(id));
    const typesLength = out.offset - BTF_HEADER_SIZE;
    for (const text of this.texts) out.raw(text);
    out.offset = 0;
    out.u16(BTF_MAGIC).u8(1).u8(0).u32(BTF_HEADER_SIZE);
    out.u32(0).u32(typesLength).u32(typesLength).u32(this.stringsLength);
    return out.toBytes();
  }

  private internNames(type: BtfType): void {
    if ('name' in type) this.addString(type.name);
    if (type.kind === 'struct' || type.kind === 'union') for (const one of type.members) this.addString(one.name);
    else if (type.kind === 'enum' || type.kind === 'enum64') for (const one of type.values) this.addString(one.name);
    else if (type.kind === 'func_proto') for (const one of type.params) this.addString(one.name);
  }

  private write(out: ByteWriter, type: BtfType): void {
    const head = (vlen: number, flag: boolean, word: number) => {
      if (vlen > 0xffff) throw new Error(`BTF cannot hold ${vlen} members of one type`);
      out.u32(this.addString('name' in type ? type.name : ''));
      out.u32(((flag ? 1 << 31 : 0) | (KIND_NUMBERS[type.kind] << 24) | vlen) >>> 0).u32(word);
    };
    switch (type.kind) {
      case 'int': {
        const encoding = (type.signed ? INT_SIGNED : 0) | (type.char ? INT_CHAR : 0) | (type.bool ? INT_BOOL : 0);
        head(0, false, type.size);
        out.u32((encoding << 24) | (type.offset << 16) | type.bits);
        break;
      }
      case 'ptr':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'typedef':
        head(0, false, type.type);
        break;
      case 'type_tag':
        head(0, type.attribute === true, type.type);
        break;
      case 'array':
        head(0, false, 0);
        out.u32(type.type).u32(type.index).u32(type.count);
        break;
      case 'struct':
      case 'union': {
        const flag = type.members.some((member) => member.bitSize > 0);
        head(type.members.length, flag, type.size);
        for (const member of type.members) {
          if (flag && member.bitOffset >= 1 << 24)
            throw new Error(`member ${member.name} of ${type.name} lies too far behind for a record with bit-fields`);
          out.u32(this.addString(member.name)).u32(member.type);
          out.u32(((member.bitSize << 24) | member.bitOffset) >>> 0);
        }
        break;
      }
      case 'enum':
        head(type.values.length, type.signed, type.size);
        for (const { name, value } of type.values) out.u32(this.addString(name)).u32(Number(BigInt.asUintN(32, value)));
        break;
      case 'enum64':
        head(type.values.length, type.signed, type.size);
        for (const { name, value } of type.values) out.u32(this.addString(name)).u64(value);
        break;
      case 'fwd':
        head(0, type.union, 0);
        break;
      case 'func':
        head(LINKAGE_NUMBERS[type.linkage], false, type.type);
        break;
      case 'func_proto':
        head(type.params.length, false, type.result);
        for (const param of type.params) out.u32(this.addString(param.name)).u32(param.type);
        break;
      case 'var':
        head(0, false, type.type);
        out.u32(LINKAGE_NUMBERS[type.linkage]);
        break;
      case 'datasec':
        head(type.vars.length, false, type.size);
        for (const one of type.vars) out.u32(one.type).u32(one.offset).u32(one.size);
        break;
      case 'float':
        head(0, false, type.size);
        break;
      case 'decl_tag':
        head(0, type.attribute === true, type.type);
        out.i32(type.component);
        break;
    }
  }
}

const LINKAGE_NUMBERS: Readonly<Record<BtfLinkage, number>> = { static: 0, global: 1, extern: 2 };

/** Equal keys, equal types; undefined for those that are never shared. */
function keyOf(type: BtfType): string | undefined {
  switch (type.kind) {
    case 'struct':
    case 'union':
    case 'var':
    case 'datasec':
      return undefined;
    case 'int':
      return `int ${type.size} ${type.bits} ${type.offset} ${+type.signed}${+type.char}${+type.bool} ${type.name}`;
    case 'ptr':
    case 'const':
    case 'volatile':
    case 'restrict':
      return `${type.kind} ${type.type}`;
    case 'typedef':
      return `typedef ${type.type} ${type.name}`;
    case 'type_tag':
      return `type_tag ${type.type} ${+(type.attribute === true)} ${type.name}`;
    case 'array':
      return `array ${type.type} ${type.index} ${type.count}`;
    case 'enum':
    case 'enum64':
      return `${type.kind} ${type.size} ${+type.signed} ${type.name} ${type.values.map((v) => `${v.name}=${v.value}`).join(' ')}`;
    case 'fwd':
      return `fwd ${+type.union} ${type.name}`;
    case 'func':
      return `func ${type.type} ${type.linkage} ${type.name}`;
    case 'func_proto':
      return `proto ${type.result} ${type.params.map((p) => `${p.type}:${p.name}`).join(' ')}`;
    case 'float':
      return `float ${type.size} ${type.name}`;
    case 'decl_tag':
      return `decl_tag ${type.type} ${type.component} ${+(type.attribute === true)} ${type.name}`;
  }
}
