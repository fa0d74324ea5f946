import type { Btf, BtfEnum, BtfId, BtfMember, BtfType } from '@skep/object';
import type { RecordView, RingWalk } from '../host.ts';

/** What BTF types become: integers up to 32 bits and small enums `number` or name, 64 bits `bigint`, `char[]` text. */
export type Value =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly Value[]
  | { readonly [name: string]: Value };

export type Decoder = (view: RecordView, offset: number) => Value;

/** Of all that is in a ring: gives each to `take`. */
export type BatchDecoder = (walk: RingWalk, take: (record: Value) => void) => void;

/**
 * A function that makes a JavaScript value of the bytes of a BTF type, little endian. It is generated source: one
 * object literal with the right getter at each constant offset, which is several times as fast as walking the type.
 */
export function decoderFor(btf: Btf, type: BtfId): Decoder {
  const generator = new Generator(btf, false);
  return generator.build(`return (view, at) => (${generator.expression(type, RECORD, 0)});`) as Decoder;
}

/**
 * The same for records as they lie in a ring of the kernel, with the way from one to the next in the generated source too:
 * handing them over costs as much as decoding them. Records of other sizes than those of `types` are left to `other`; at
 * least as long as the type is enough where there is but one.
 */
export function batchDecoderFor(
  btf: Btf,
  types: readonly { readonly type: BtfId; readonly size: number }[],
  other: (view: RecordView, offset: number, length: number) => Value,
): BatchDecoder {
  const generator = new Generator(btf, true);
  const compare = types.length === 1 ? '>=' : '===';
  const cases = types.map(
    ({ type, size }) => `length ${compare} ${size} ? ${generator.expression(type, RECORD, 0)} : `,
  );
  const body = `return (walk, take) => {
    const { start, waiting, mask, max } = walk;
    const { view, i8, u8, i16, u16, i32, u32, i64, u64, f32, f64 } = walk.raw;
    let taken = 0, bytes = 0;
    try {
      while (bytes < waiting && taken < max && !walk.ended) {
        // A header of eight bytes: the length, discarded (bit 30), not yet submitted (the sign).
        const place = (start + bytes) & mask, header = i32[place >> 2];
        if (header < 0) break;
        const length = header & 0x3fffffff;
        bytes += (length + 15) & ~7;
        if (header !== length) continue;
        const at = place + 8;
        taken++;
        take(${cases.join('')}other(view, at, length));
      }
    } finally {
      walk.taken = taken;
      walk.bytes = bytes;
    }
  };`;
  return generator.build(body, { other }) as BatchDecoder;
}

/** The deepest nesting of types that is decoded; deeper ones are cut off as bytes. */
const MAX_DEPTH = 32;
/** Arrays longer than this are made by a loop, not written out. */
const WRITTEN_OUT = 16;

/** In the generated source: a variable, and bytes from it on. */
interface Place {
  readonly base: string;
  readonly offset: number;
  /** What the variable is a multiple of, a power of two. */
  readonly alignment: number;
}

const RECORD: Place = { base: 'at', offset: 0, alignment: 8 };

class Generator {
  private readonly parts: unknown[] = [];
  private readonly btf: Btf;
  /** There are arrays of every width, from the same byte on as the view; bases are aligned as they say. */
  private readonly hasWords: boolean;

  constructor(btf: Btf, hasWords: boolean) {
    this.btf = btf;
    this.hasWords = hasWords;
  }

  build(body: string, more: Readonly<Record<string, unknown>> = {}): unknown {
    const names = this.parts.map((_, i) => `part${i}`);
    const known = { text, copy, ...more };
    return new Function(...Object.keys(known), ...names, body)(...Object.values(known), ...this.parts);
  }

  expression(id: BtfId, at: Place, depth: number): string {
    if (id === 0) return 'null';
    const type = this.btf.type(this.btf.resolve(id));
    switch (type.kind) {
      case 'int':
        if (type.bits !== type.size * 8 || type.offset !== 0)
          return this.bits(id, at, type.offset, type.bits, type.signed);
        if (type.bool) return `${this.integer(at, 1, false)} !== 0`;
        return this.integer(at, type.size, type.signed);
      case 'enum':
      case 'enum64':
        return this.enumeration(type, this.integer(at, type.size, type.signed));
      case 'ptr':
        return this.integer(at, 8, false);
      case 'float':
        return type.size === 8 || type.size === 4 ? this.word('Float', at, type.size) : this.raw(at, type.size);
      case 'array':
        return this.array(type.type, type.count, at, depth);
      case 'struct':
      case 'union':
        if (depth >= MAX_DEPTH) return this.raw(at, type.size);
        return `{${this.members(type.members, at, depth).join(', ')}}`;
      case 'datasec':
        // The single value of a map of variables: each by its name.
        return `{${type.vars.map((one) => this.variable(one.type, plus(at, one.offset), depth)).join(', ')}}`;
      default:
        return 'null';
    }
  }

  private variable(id: BtfId, at: Place, depth: number): string {
    const type = this.btf.type(id);
    const value = type.kind === 'var' ? this.expression(type.type, at, depth + 1) : 'null';
    return `${JSON.stringify('name' in type ? type.name : '')}: ${value}`;
  }

  private members(members: readonly BtfMember[], at: Place, depth: number): string[] {
    return members.flatMap((member) => {
      const place = plus(at, Math.floor(member.bitOffset / 8));
      if (member.name === '') {
        // Anonymous structs and unions: their members belong to the record around them, as in C.
        const inner = this.btf.type(this.btf.resolve(member.type));
        return inner.kind === 'struct' || inner.kind === 'union' ? this.members(inner.members, place, depth + 1) : [];
      }
      const value =
        member.bitSize > 0
          ? this.bits(member.type, at, member.bitOffset, member.bitSize, this.isSigned(member.type))
          : this.expression(member.type, place, depth + 1);
      return [`${JSON.stringify(member.name)}: ${value}`];
    });
  }

  /** Names come again and again: those of a few words are compared with one that was there, and not made anew. */
  private texts(at: Place, size: number): string {
    if (size % 4 !== 0 || size > 4 * KNOWN_WORDS) return `text(view, ${source(at)}, ${size})`;
    const words = Array.from({ length: size / 4 }, (_, i) => this.integer(plus(at, 4 * i), 4, true));
    return `${this.part(textReader(size))}(view, ${[source(at), ...words].join(', ')})`;
  }

  private array(element: BtfId, count: number, at: Place, depth: number): string {
    const type = this.btf.type(this.btf.resolve(element));
    if (isCharacter(type)) return this.texts(at, count);
    if (type.kind === 'int' && type.size === 1 && !type.bool) return this.raw(at, count);
    const size = this.btf.sizeOf(element);
    if (count <= WRITTEN_OUT) {
      const each = Array.from({ length: count }, (_, i) => this.expression(element, plus(at, i * size), depth + 1));
      return `[${each.join(', ')}]`;
    }
    const item: Place = { base: `item${depth}`, offset: 0, alignment: common(common(at.alignment, at.offset), size) };
    return `Array.from({length: ${count}}, (_, i) => { const ${item.base} = ${source(at)} + i * ${size}; return (${this.expression(element, item, depth + 1)}); })`;
  }

  /** Enumerators by name, as strings; a value without a name stays a number. */
  private enumeration(type: BtfEnum, value: string): string {
    const names = new Map(type.values.map((one) => [type.size === 8 ? one.value : Number(one.value), one.name]));
    return `${this.part((got: number | bigint) => names.get(got) ?? got)}(${value})`;
  }

  private bits(id: BtfId, at: Place, bitOffset: number, bitSize: number, signed: boolean): string {
    const read = bitField(bitOffset, bitSize, signed, this.btf.sizeOf(id) > 4 || bitSize > 32);
    return `${this.part(read)}(view, ${source(at)})`;
  }

  private isSigned(id: BtfId): boolean {
    const type = this.btf.type(this.btf.resolve(id));
    return (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') && type.signed;
  }

  private integer(at: Place, size: number, signed: boolean): string {
    return size === 1 || size === 2 || size === 4 || size === 8
      ? this.word(signed ? 'Int' : 'Uint', at, size)
      : this.raw(at, size);
  }

  /** A number of `size` bytes: out of the array of that width where it is aligned, else through the view. */
  private word(kind: 'Int' | 'Uint' | 'Float', at: Place, size: number): string {
    if (this.hasWords && common(at.alignment, at.offset) >= size)
      return `${kind[0]!.toLowerCase()}${size * 8}[(${source(at)}) >> ${Math.log2(size)}]`;
    const big = size === 8 && kind !== 'Float' ? 'Big' : '';
    return `view.get${big}${kind}${size * 8}(${source(at)}${size === 1 ? '' : ', true'})`;
  }

  private raw(at: Place, size: number): string {
    return `copy(view, ${source(at)}, ${size})`;
  }

  /** The name of something that the generated source needs. */
  private part(value: unknown): string {
    return `part${this.parts.push(value) - 1}`;
  }
}

/** `char` and its typedefs: BTF as clang writes it marks them signed 8-bit without the char flag. */
export function isCharacter(type: BtfType): boolean {
  return type.kind === 'int' && type.size === 1 && (type.char || type.name === 'char');
}

function plus(at: Place, offset: number): Place {
  return { ...at, offset: at.offset + offset };
}

function source({ base, offset }: Place): string {
  return offset === 0 ? base : `${base} + ${offset}`;
}

/** The greatest power of two up to `alignment` that divides `offset`. */
function common(alignment: number, offset: number): number {
  return offset === 0 ? alignment : Math.min(alignment, offset & -offset);
}

function bitField(
  bitOffset: number,
  bitSize: number,
  signed: boolean,
  wide: boolean,
): (view: RecordView, at: number) => number | bigint {
  const first = bitOffset >> 3;
  const count = ((bitOffset & 7) + bitSize + 7) >> 3;
  return (view, at) => {
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + first + i));
    value >>= BigInt(bitOffset & 7);
    value = signed ? BigInt.asIntN(bitSize, value) : BigInt.asUintN(bitSize, value);
    return wide ? value : Number(value);
  };
}

const utf8 = /* @__PURE__ */ new TextDecoder();

/** The longest text, in words of four bytes, that is looked for among those that were there. */
const KNOWN_WORDS = 8;
/** A power of two. */
const KNOWN_TEXTS = 256;

/**
 * {@link text} of a size that is a multiple of four, with a memory: takes the text's words too, and first compares them
 * with those of the text before.
 */
function textReader(size: number): (view: RecordView, at: number, ...words: number[]) => string {
  const each = (write: (i: number) => string, between: string) =>
    Array.from({ length: size / 4 }, (_, i) => write(i)).join(between);
  const words = each((i) => `w${i}`, ', ');
  const mix = words.split(', ').reduce((a, b) => `Math.imul(${a}, 0x9e3779b1) ^ ${b}`);
  const body = `
    const known = new Int32Array(${KNOWN_TEXTS} * ${size / 4}), texts = new Array(${KNOWN_TEXTS}).fill(undefined);
    let last, ${each((i) => `l${i} = 0`, ', ')};
    const find = (view, at, ${words}) => {
      const hash = Math.imul(${mix}, 0x85ebca6b);
      const slot = (hash ^ (hash >>> 15)) & ${KNOWN_TEXTS - 1}, base = slot * ${size / 4};
      const there = texts[slot];
      if (there !== undefined && ${each((i) => `known[base + ${i}] === w${i}`, ' && ')}) return there;
      ${each((i) => `known[base + ${i}] = w${i};`, ' ')}
      return (texts[slot] = text(view, at, ${size}));
    };
    return (view, at, ${words}) => {
      if (last !== undefined && ${each((i) => `w${i} === l${i}`, ' && ')}) return last;
      ${each((i) => `l${i} = w${i};`, ' ')}
      return (last = find(view, at, ${words}));
    };`;
  return new Function('text', body)(text);
}

/** Text up to the NUL. Short names are ASCII nearly always, and built faster a character at a time. */
function text(view: RecordView, at: number, size: number): string {
  let out = '';
  for (let i = 0; i < size; i++) {
    const byte = view.getUint8(at + i);
    if (byte === 0) return out;
    if (byte >= 0x80) return longText(view, at, size);
    out += String.fromCharCode(byte);
  }
  return out;
}

function longText(view: RecordView, at: number, size: number): string {
  const bytes = copy(view, at, size);
  const end = bytes.indexOf(0);
  return utf8.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function copy(view: RecordView, at: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = view.getUint8(at + i);
  return bytes;
}
