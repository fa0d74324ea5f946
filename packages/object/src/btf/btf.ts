import { cString, utf8Bytes, utf8Text } from '@skep/base';
import { btfBadId, btfCorrupt, btfLoop, btfNoSize, btfUnknownKind } from '../diagnostics.ts';
import { essentialName } from './flavour.ts';
import {
  BTF_HEADER_SIZE,
  BTF_MAGIC,
  ELEMENT_WORDS,
  FIXED_WORDS,
  INT_BOOL,
  INT_CHAR,
  INT_SIGNED,
  KIND_NAMES,
  KIND_NUMBERS,
} from './kinds.ts';
import type { BtfEnum, BtfId, BtfKind, BtfLinkage, BtfMember, BtfType } from './model.ts';
import { NameIndex, type StringTable } from './names.ts';
import { type BtfIndex, decodeIndex, encodeIndex } from './stored-index.ts';

/**
 * The types of a kernel, a module (over the kernel's as `base`) or an object. Parsing is one scan that notes where each
 * type starts; a type is decoded when it is first asked for, and the indices by name are built on first use.
 * A record of the type section consists of 32-bit words only, so the section is kept as words in the host's byte order.
 */
export class Btf {
  readonly base: Btf | undefined;
  /** Ids are 1 … count - 1, those of the base included. */
  readonly count: number;
  /** The first id of this BTF's own types: 1 without a base. */
  readonly firstId: BtfId;
  readonly littleEndian: boolean;
  /** Bytes of all string tables up to and with this one. */
  readonly stringsEnd: number;

  /** Bytes it was parsed from. */
  private readonly size: number;
  private readonly words: Uint32Array;
  private readonly strings: Uint8Array;
  private readonly stringsStart: number;
  /** Where the type firstId + i starts in `words`. */
  private readonly starts: Int32Array;
  private readonly decoded: (BtfType | undefined)[] = [];
  /** Strings that were asked for, until there are many: then all are decoded at once. */
  private readonly texts = new Map<number, string>();
  /** The whole string table, if it is ASCII; '' if it is not. */
  private text: string | undefined;
  private typeNames: NameIndex | undefined;
  /** How many names were compared without the index. */
  private walked = 0;
  private enumerators: EnumeratorIndex | undefined;
  /** All declaration tags, where that was computed before. */
  private readonly knownTags: Int32Array | undefined;
  private tags: Map<BtfId, BtfId[]> | undefined;

  /** @throws SkepError E3101, E3102 */
  static parse(bytes: Uint8Array, base?: Btf): Btf {
    return new Btf(bytes, base);
  }

  /** The same with what {@link index} gave for these very bytes; undefined when it is not for them. */
  static parseIndexed(bytes: Uint8Array, index: Uint8Array): Btf | undefined {
    const stored = decodeIndex(index, bytes.length);
    return stored && new Btf(bytes, undefined, stored);
  }

  /** What parsing and searching compute, to be kept for {@link parseIndexed}. Not for split BTF. */
  index(): Uint8Array {
    this.enumerators ??= this.indexEnumerators();
    const { names, owners, indices } = this.enumerators;
    return encodeIndex({
      size: this.size,
      starts: this.starts,
      names: this.names().arrays,
      enumerators: names.arrays,
      owners,
      indices,
      tags: Int32Array.from(this.declarationTags()),
    });
  }

  private constructor(bytes: Uint8Array, base: Btf | undefined, stored?: BtfIndex) {
    this.size = bytes.length;
    const header = readHeader(bytes);
    this.base = base;
    this.firstId = base ? base.count : 1;
    this.littleEndian = header.littleEndian;
    this.strings = bytes.subarray(header.strings, header.strings + header.stringsLength);
    this.stringsStart = base ? base.stringsEnd : 0;
    this.stringsEnd = this.stringsStart + this.strings.length;
    if (this.strings.length > 0 && this.strings[this.strings.length - 1] !== 0)
      throw btfCorrupt('the last string has no end');
    if (!base && (this.strings.length === 0 || this.strings[0] !== 0))
      throw btfCorrupt('the string table does not start with the empty string');
    this.words = wordsOf(bytes.subarray(header.types, header.types + header.typesLength), header.littleEndian);
    this.starts = stored ? stored.starts : this.scan();
    this.knownTags = stored?.tags;
    if (stored) {
      const table = this.stringTable();
      this.typeNames = NameIndex.from(table, stored.names);
      const { owners, indices } = stored;
      this.enumerators = { names: NameIndex.from(table, stored.enumerators), owners, indices };
    }
    this.count = this.firstId + this.starts.length;
  }

  /** The type of an id, decoded once. @throws SkepError E3103 for ids that do not exist, 0 (void) included. */
  type(id: BtfId): BtfType {
    if (id < this.firstId && this.base) return this.base.type(id);
    const index = id - this.firstId;
    return this.decoded[index] ?? this.decode(id, index);
  }

  /** The kind of an id without decoding it. */
  kind(id: BtfId): BtfKind {
    return KIND_NAMES[this.kindNumber(id)]!;
  }

  /** The name of an id, '' for types that have none, without decoding the type. */
  name(id: BtfId): string {
    if (id < this.firstId && this.base) return this.base.name(id);
    return this.string(this.words[this.startOf(id)]!);
  }

  /** The string at an offset of the string table; in split BTF the base's strings come first. */
  string(offset: number): string {
    if (offset < this.stringsStart) return this.base!.string(offset);
    if (offset === 0) return '';
    const at = offset - this.stringsStart;
    if (at >= this.strings.length) throw btfCorrupt(`there is no string at offset ${offset}`);
    if (this.text === undefined && this.texts.size > FEW_STRINGS) this.text = asciiText(this.strings);
    if (this.text) return this.text.slice(at, this.text.indexOf('\0', at));
    let text = this.texts.get(offset);
    if (text === undefined) {
      text = cString(this.strings, at);
      this.texts.set(offset, text);
    }
    return text;
  }

  /** The lowest id of the name and of one of the kinds (of any kind when none is given); the base's come first. */
  find(name: string, ...kinds: BtfKind[]): BtfId | undefined {
    let found = this.base?.find(name, ...kinds);
    if (found !== undefined) return found;
    this.eachNamed(name, (id) => {
      if (kinds.length > 0 && !kinds.includes(this.kind(id))) return false;
      found = id;
      return true;
    });
    return found;
  }

  /** All ids of the name and of one of the kinds, ascending. */
  findAll(name: string, ...kinds: BtfKind[]): BtfId[] {
    const found = this.base?.findAll(name, ...kinds) ?? [];
    this.eachNamed(name, (id) => {
      if (kinds.length === 0 || kinds.includes(this.kind(id))) found.push(id);
      return false;
    });
    return found;
  }

  /** Ids of types `name___flavour`: kernels have few, programs that fit themselves to kernels have them. */
  findFlavours(name: string): BtfId[] {
    const found = this.base?.findFlavours(name) ?? [];
    for (const id of this.names().flavoured) {
      const own = this.name(id);
      if (own.startsWith(`${name}___`) && own !== name && essentialName(own) === name) found.push(id);
    }
    return found;
  }

  /** Ids of this BTF's own types, without the base's. */
  *ids(): Generator<BtfId> {
    for (let id = this.firstId; id < this.count; id++) yield id;
  }

  /** What stands behind typedefs, const, volatile, restrict and type tags; 0 stays void. @throws SkepError E3104 */
  resolve(id: BtfId): BtfId {
    let at = id;
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      if (at === 0) return 0;
      switch (this.kindNumber(at)) {
        case KIND_NUMBERS.typedef:
        case KIND_NUMBERS.const:
        case KIND_NUMBERS.volatile:
        case KIND_NUMBERS.restrict:
        case KIND_NUMBERS.type_tag:
          at = (this.type(at) as { type: BtfId }).type;
          break;
        default:
          return at;
      }
    }
    throw btfLoop(id);
  }

  /** Bytes that a value of the type takes. @throws SkepError E3105 for void, functions and forward declarations */
  sizeOf(id: BtfId): number {
    let factor = 1;
    let at = id;
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      at = this.resolve(at);
      if (at === 0) throw btfNoSize(id, 'void');
      const type = this.type(at);
      switch (type.kind) {
        case 'array':
          factor *= type.count;
          at = type.type;
          break;
        case 'var':
          at = type.type;
          break;
        case 'ptr':
          return 8 * factor;
        case 'int':
        case 'float':
        case 'struct':
        case 'union':
        case 'enum':
        case 'enum64':
        case 'datasec':
          return type.size * factor;
        default:
          throw btfNoSize(id, type.kind);
      }
    }
    throw btfLoop(id);
  }

  /** The enumerator of a name: `XDP_PASS` is `{enum: id of enum xdp_action, value: 2n}`. */
  enumerator(name: string): { readonly enum: BtfId; readonly value: bigint } | undefined {
    const inBase = this.base?.enumerator(name);
    if (inBase) return inBase;
    this.enumerators ??= this.indexEnumerators();
    const { names, owners, indices } = this.enumerators;
    let found: { enum: BtfId; value: bigint } | undefined;
    names.each(name, (at) => {
      const id = owners[at]!;
      found = { enum: id, value: (this.type(id) as BtfEnum).values[indices[at]!]!.value };
      return true;
    });
    return found;
  }

  /** The names of the declaration tags on a type, or on its member or parameter `component`. */
  tagsOf(id: BtfId, component = -1): string[] {
    const names = id < this.firstId && this.base ? this.base.tagsOf(id, component) : [];
    this.tags ??= this.indexTags();
    for (const tag of this.tags.get(id) ?? []) {
      const type = this.type(tag);
      if (type.kind === 'decl_tag' && type.component === component) names.push(type.name);
    }
    return names;
  }

  /**
   * The function that programs may call by the name: the one with the tag `bpf_kfunc`. Kernels built without these tags
   * (before pahole 1.26) do not say which functions are meant, then any function of the name is returned.
   */
  kfunc(name: string): BtfId | undefined {
    const candidates = this.findAll(name, 'func');
    const tagged = candidates.find((id) => this.tagsOf(id).includes(KFUNC_TAG));
    if (tagged !== undefined || this.find(KFUNC_TAG, 'decl_tag') !== undefined) return tagged;
    return candidates[0];
  }

  private scan(): Int32Array {
    const { words, stringsEnd } = this;
    const length = words.length;
    const starts = new Int32Array(Math.floor(length / 3) + 1);
    let count = 0;
    let at = 0;
    while (at < length) {
      const info = at + 2 < length ? words[at + 1]! : 0;
      const kind = (info >>> 24) & 0x1f;
      if (kind === 0 || kind > KIND_NUMBERS.enum64) {
        if (at + 2 >= length) throw btfCorrupt(`type [${this.firstId + count}] is cut off`);
        throw btfUnknownKind(this.firstId + count, kind);
      }
      if (words[at]! >= stringsEnd) throw btfCorrupt(`the name of type [${this.firstId + count}] lies outside`);
      starts[count++] = at;
      at += 3 + FIXED_WORDS[kind]! + (info & 0xffff) * ELEMENT_WORDS[kind]!;
    }
    if (at > length) throw btfCorrupt(`type [${this.firstId + count - 1}] is cut off`);
    return starts.slice(0, count);
  }

  private startOf(id: BtfId): number {
    const start = this.starts[id - this.firstId];
    if (start === undefined) throw btfBadId(id, this.count);
    return start;
  }

  private kindNumber(id: BtfId): number {
    if (id < this.firstId && this.base) return this.base.kindNumber(id);
    return (this.words[this.startOf(id) + 1]! >>> 24) & 0x1f;
  }

  private decode(id: BtfId, index: number): BtfType {
    const type = this.read(id, this.startOf(id));
    this.decoded[index] = type;
    return type;
  }

  private read(id: BtfId, start: number): BtfType {
    const { words } = this;
    const info = words[start + 1]!;
    const word = words[start + 2]!;
    const vlen = info & 0xffff;
    const flag = info >>> 31 !== 0;
    const at = start + 3;
    const kind = KIND_NAMES[(info >>> 24) & 0x1f]!;
    const name = this.string(words[start]!);
    switch (kind) {
      case 'int': {
        const data = words[at]!;
        const encoding = (data >>> 24) & 0x0f;
        return {
          kind,
          name,
          size: word,
          bits: data & 0xff,
          offset: (data >>> 16) & 0xff,
          signed: (encoding & INT_SIGNED) !== 0,
          char: (encoding & INT_CHAR) !== 0,
          bool: (encoding & INT_BOOL) !== 0,
        };
      }
      case 'ptr':
      case 'const':
      case 'volatile':
      case 'restrict':
        return { kind, type: this.checked(word, id) };
      case 'typedef':
        return { kind, name, type: this.checked(word, id) };
      case 'type_tag':
        return flag
          ? { kind, name, type: this.checked(word, id), attribute: true }
          : { kind, name, type: this.checked(word, id) };
      case 'array':
        return {
          kind,
          type: this.checked(words[at]!, id),
          index: this.checked(words[at + 1]!, id),
          count: words[at + 2]!,
        };
      case 'struct':
      case 'union': {
        const members: BtfMember[] = [];
        for (let i = 0, m = at; i < vlen; i++, m += 3) {
          const offset = words[m + 2]!;
          members.push({
            name: this.string(words[m]!),
            type: this.checked(words[m + 1]!, id),
            bitOffset: flag ? offset & 0xffffff : offset,
            bitSize: flag ? offset >>> 24 : 0,
          });
        }
        return { kind, name, size: word, members };
      }
      case 'enum': {
        const values: { name: string; value: bigint }[] = [];
        for (let i = 0, v = at; i < vlen; i++, v += 2)
          values.push({ name: this.string(words[v]!), value: BigInt(flag ? words[v + 1]! | 0 : words[v + 1]!) });
        return { kind, name, size: word, signed: flag, values };
      }
      case 'enum64': {
        const values: { name: string; value: bigint }[] = [];
        for (let i = 0, v = at; i < vlen; i++, v += 3) {
          const high = flag ? words[v + 2]! | 0 : words[v + 2]!;
          values.push({ name: this.string(words[v]!), value: (BigInt(high) << 32n) | BigInt(words[v + 1]!) });
        }
        return { kind, name, size: word, signed: flag, values };
      }
      case 'fwd':
        return { kind, name, union: flag };
      case 'func':
        return { kind, name, type: this.checked(word, id), linkage: linkageOf(vlen, id) };
      case 'func_proto': {
        const params: { name: string; type: BtfId }[] = [];
        for (let i = 0, p = at; i < vlen; i++, p += 2)
          params.push({ name: this.string(words[p]!), type: this.checked(words[p + 1]!, id) });
        return { kind, result: this.checked(word, id), params };
      }
      case 'var':
        return { kind, name, type: this.checked(word, id), linkage: linkageOf(words[at]!, id) };
      case 'datasec': {
        const vars: { type: BtfId; offset: number; size: number }[] = [];
        for (let i = 0, v = at; i < vlen; i++, v += 3)
          vars.push({ type: this.checked(words[v]!, id), offset: words[v + 1]!, size: words[v + 2]! });
        return { kind, name, size: word, vars };
      }
      case 'float':
        return { kind, name, size: word };
      case 'decl_tag': {
        const component = words[at]! | 0;
        return flag
          ? { kind, name, type: this.checked(word, id), component, attribute: true }
          : { kind, name, type: this.checked(word, id), component };
      }
    }
  }

  private checked(type: BtfId, user: BtfId): BtfId {
    if (type >= this.count) throw btfBadId(type, this.count, `, which type [${user}] refers to`);
    return type;
  }

  /** Walks all names for the first few questions, which is cheaper than an index for those who ask no more. */
  private eachNamed(name: string, visit: (id: BtfId) => boolean): void {
    if (this.typeNames || this.base || this.walked > this.starts.length * FREE_WALKS) {
      this.names().each(name, visit);
      return;
    }
    const wanted = utf8Bytes(`${name}\0`);
    const { words, starts, strings } = this;
    const [first, second] = wanted;
    if (wanted.length < 2 || wanted.indexOf(0) !== wanted.length - 1) return;
    for (let i = 0; i < starts.length; i++, this.walked++) {
      const offset = words[starts[i]!]!;
      if (strings[offset] !== first || strings[offset + 1] !== second) continue;
      let same = 2;
      while (same < wanted.length && strings[offset + same] === wanted[same]) same++;
      if (same === wanted.length && visit(this.firstId + i)) return;
    }
  }

  private names(): NameIndex {
    if (this.typeNames) return this.typeNames;
    const { words, starts } = this;
    const offsets = new Uint32Array(starts.length);
    const ids = new Int32Array(starts.length);
    for (let i = 0; i < starts.length; i++) {
      offsets[i] = words[starts[i]!]!;
      ids[i] = this.firstId + i;
    }
    this.typeNames = new NameIndex(this.stringTable(), offsets, ids, starts.length);
    return this.typeNames;
  }

  private indexEnumerators(): EnumeratorIndex {
    const { words, starts } = this;
    let count = 0;
    for (let i = 0; i < starts.length; i++) {
      const info = words[starts[i]! + 1]!;
      const kind = (info >>> 24) & 0x1f;
      if (kind === KIND_NUMBERS.enum || kind === KIND_NUMBERS.enum64) count += info & 0xffff;
    }
    const offsets = new Uint32Array(count);
    const owners = new Int32Array(count);
    const indices = new Int32Array(count);
    const positions = new Int32Array(count);
    let next = 0;
    for (let i = 0; i < starts.length; i++) {
      const info = words[starts[i]! + 1]!;
      const kind = (info >>> 24) & 0x1f;
      if (kind !== KIND_NUMBERS.enum && kind !== KIND_NUMBERS.enum64) continue;
      const step = ELEMENT_WORDS[kind]!;
      for (let v = 0, at = starts[i]! + 3; v < (info & 0xffff); v++, at += step) {
        offsets[next] = words[at]!;
        owners[next] = this.firstId + i;
        indices[next] = v;
        positions[next] = next;
        next++;
      }
    }
    return { names: new NameIndex(this.stringTable(), offsets, positions, count), owners, indices };
  }

  private indexTags(): Map<BtfId, BtfId[]> {
    const tags = new Map<BtfId, BtfId[]>();
    for (const tag of this.knownTags ?? this.declarationTags()) {
      const target = this.words[this.startOf(tag) + 2]!;
      const list = tags.get(target);
      if (list) list.push(tag);
      else tags.set(target, [tag]);
    }
    return tags;
  }

  private *declarationTags(): Generator<BtfId> {
    const { words, starts } = this;
    for (let i = 0; i < starts.length; i++) {
      if (((words[starts[i]! + 1]! >>> 24) & 0x1f) === KIND_NUMBERS.decl_tag) yield this.firstId + i;
    }
  }

  private stringTable(): StringTable {
    return { bytes: this.strings, start: this.stringsStart, outside: (offset) => this.string(offset) };
  }
}

/** More typedefs and qualifiers in a row than any compiler makes: a loop. */
const MAX_STEPS = 256;
/** A walk over all names of a kernel takes about a thirtieth of the time that their index takes. */
const FREE_WALKS = 12;
const FEW_STRINGS = 4096;
const KFUNC_TAG = 'bpf_kfunc';
const LINKAGES: readonly BtfLinkage[] = ['static', 'global', 'extern'];

interface EnumeratorIndex {
  /** Leads to positions in the two arrays. */
  readonly names: NameIndex;
  readonly owners: Int32Array;
  readonly indices: Int32Array;
}

function linkageOf(number: number, id: BtfId): BtfLinkage {
  const linkage = LINKAGES[number];
  if (linkage === undefined) throw btfCorrupt(`type [${id}] has linkage ${number}`);
  return linkage;
}

interface Header {
  readonly littleEndian: boolean;
  readonly types: number;
  readonly typesLength: number;
  readonly strings: number;
  readonly stringsLength: number;
}

function readHeader(bytes: Uint8Array): Header {
  if (bytes.length < BTF_HEADER_SIZE) throw btfCorrupt(`${bytes.length} bytes are too few for its header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = view.getUint16(0, true) === BTF_MAGIC;
  if (!littleEndian && view.getUint16(0, false) !== BTF_MAGIC)
    throw btfCorrupt('it does not start with the magic number');
  if (bytes[2] !== 1) throw btfCorrupt(`its version is ${bytes[2]}, only 1 exists`);
  const length = view.getUint32(4, littleEndian);
  if (length < BTF_HEADER_SIZE || length > bytes.length) throw btfCorrupt(`its header claims ${length} bytes`);
  const types = length + view.getUint32(8, littleEndian);
  const typesLength = view.getUint32(12, littleEndian);
  const strings = length + view.getUint32(16, littleEndian);
  const stringsLength = view.getUint32(20, littleEndian);
  if (types + typesLength > bytes.length) throw btfCorrupt('the type section ends behind the end');
  if (strings + stringsLength > bytes.length) throw btfCorrupt('the string section ends behind the end');
  if (types % 4 !== 0 || typesLength % 4 !== 0) throw btfCorrupt('the type section is not aligned to 4 bytes');
  return { littleEndian, types, typesLength, strings, stringsLength };
}

/** The bytes as a text in which characters have the offsets of their bytes, or '' if there is none. */
function asciiText(bytes: Uint8Array): string {
  const text = utf8Text(bytes);
  return text.length === bytes.length && !text.includes('\ufffd') ? text : '';
}

const HOST_IS_LITTLE_ENDIAN = /* @__PURE__ */ new Uint8Array(/* @__PURE__ */ Uint16Array.of(1).buffer)[0] === 1;

/** The bytes as 32-bit words of the host's byte order: a view where that is possible. */
function wordsOf(bytes: Uint8Array, littleEndian: boolean): Uint32Array {
  if (littleEndian === HOST_IS_LITTLE_ENDIAN) {
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
    return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = new Uint32Array(bytes.length / 4);
  for (let i = 0; i < words.length; i++) words[i] = view.getUint32(i * 4, littleEndian);
  return words;
}
