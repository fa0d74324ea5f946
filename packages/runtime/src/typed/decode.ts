import type { Btf, BtfEnum, BtfId, BtfMember, BtfType } from '@skep/object';
import type { RecordView } from '../host.ts';

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

/**
 * A function that makes a JavaScript value of the bytes of a BTF type, little endian. It is generated source: one
 * object literal with the right getter at each constant offset, which is several times as fast as walking the type.
 */
export function decoderFor(btf: Btf, type: BtfId): Decoder {
  const generator = new Generator(btf);
  const body = `return (view, at) => (${generator.expression(type, 'at', 0)});`;
  const { parts } = generator;
  const names = parts.map((_, i) => `part${i}`);
  return new Function('text', 'copy', ...names, body)(text, copy, ...parts) as Decoder;
}

/** The deepest nesting of types that is decoded; deeper ones are cut off as bytes. */
const MAX_DEPTH = 32;
/** Arrays longer than this are made by a loop, not written out. */
const WRITTEN_OUT = 16;

class Generator {
  readonly parts: unknown[] = [];
  private readonly btf: Btf;

  constructor(btf: Btf) {
    this.btf = btf;
  }

  expression(id: BtfId, at: string, depth: number): string {
    if (id === 0) return 'null';
    const type = this.btf.type(this.btf.resolve(id));
    switch (type.kind) {
      case 'int':
        if (type.bits !== type.size * 8 || type.offset !== 0)
          return this.bits(id, at, type.offset, type.bits, type.signed);
        if (type.bool) return `view.getUint8(${at}) !== 0`;
        return integer(at, type.size, type.signed);
      case 'enum':
      case 'enum64':
        return this.enumeration(type, integer(at, type.size, type.signed));
      case 'ptr':
        return `view.getBigUint64(${at}, true)`;
      case 'float':
        return type.size === 8
          ? `view.getFloat64(${at}, true)`
          : type.size === 4
            ? `view.getFloat32(${at}, true)`
            : this.raw(at, type.size);
      case 'array':
        return this.array(type.type, type.count, at, depth);
      case 'struct':
      case 'union':
        if (depth >= MAX_DEPTH) return this.raw(at, type.size);
        return `{${this.members(type.members, at, depth).join(', ')}}`;
      default:
        return 'null';
    }
  }

  private members(members: readonly BtfMember[], at: string, depth: number): string[] {
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
  private texts(at: string, size: number): string {
    if (size % 4 !== 0 || size > 4 * KNOWN_WORDS) return `text(view, ${at}, ${size})`;
    const name = `part${this.parts.length}`;
    this.parts.push(textReader(size));
    return `${name}(view, ${at})`;
  }

  private array(element: BtfId, count: number, at: string, depth: number): string {
    const type = this.btf.type(this.btf.resolve(element));
    if (isCharacter(type)) return this.texts(at, count);
    if (type.kind === 'int' && type.size === 1 && !type.bool) return this.raw(at, count);
    const size = this.btf.sizeOf(element);
    if (count <= WRITTEN_OUT) {
      const each = Array.from({ length: count }, (_, i) => this.expression(element, plus(at, i * size), depth + 1));
      return `[${each.join(', ')}]`;
    }
    return `Array.from({length: ${count}}, (_, i) => { const item${depth} = ${at} + i * ${size}; return (${this.expression(element, `item${depth}`, depth + 1)}); })`;
  }

  /** Enumerators by name, as strings; a value without a name stays a number. */
  private enumeration(type: BtfEnum, value: string): string {
    const names = new Map(type.values.map((one) => [type.size === 8 ? one.value : Number(one.value), one.name]));
    this.parts.push((got: number | bigint) => names.get(got) ?? got);
    return `part${this.parts.length - 1}(${value})`;
  }

  private bits(id: BtfId, at: string, bitOffset: number, bitSize: number, signed: boolean): string {
    this.parts.push(bitField(bitOffset, bitSize, signed, this.btf.sizeOf(id) > 4 || bitSize > 32));
    return `part${this.parts.length - 1}(view, ${at})`;
  }

  private isSigned(id: BtfId): boolean {
    const type = this.btf.type(this.btf.resolve(id));
    return (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') && type.signed;
  }

  private raw(at: string, size: number): string {
    return `copy(view, ${at}, ${size})`;
  }
}

/** `char` and its typedefs: BTF as clang writes it marks them signed 8-bit without the char flag. */
export function isCharacter(type: BtfType): boolean {
  return type.kind === 'int' && type.size === 1 && (type.char || type.name === 'char');
}

function integer(at: string, size: number, signed: boolean): string {
  const sign = signed ? 'Int' : 'Uint';
  switch (size) {
    case 1:
      return `view.get${sign}8(${at})`;
    case 2:
      return `view.get${sign}16(${at}, true)`;
    case 4:
      return `view.get${sign}32(${at}, true)`;
    case 8:
      return `view.getBig${sign}64(${at}, true)`;
    default:
      return `copy(view, ${at}, ${size})`;
  }
}

function plus(at: string, offset: number): string {
  return offset === 0 ? at : `${at} + ${offset}`;
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

/** Text up to the NUL. Short names are ASCII nearly always, and built faster a character at a time. */
/** The longest text, in words of four bytes, that is looked for among those that were there. */
const KNOWN_WORDS = 8;
/** A power of two. */
const KNOWN_TEXTS = 256;

/** {@link text} of a size that is a multiple of four, with a memory. */
function textReader(size: number): (view: RecordView, at: number) => string {
  const words = size / 4;
  const known = new Int32Array(KNOWN_TEXTS * words);
  const texts: (string | undefined)[] = new Array(KNOWN_TEXTS).fill(undefined);
  const load = Array.from({ length: words }, (_, i) => `const w${i} = view.getInt32(at + ${i * 4}, true);`).join(' ');
  const mix = Array.from({ length: words }, (_, i) => `w${i}`).reduce((a, b) => `Math.imul(${a}, 0x9e3779b1) ^ ${b}`);
  const same = Array.from({ length: words }, (_, i) => `known[base + ${i}] === w${i}`).join(' && ');
  const keep = Array.from({ length: words }, (_, i) => `known[base + ${i}] = w${i};`).join(' ');
  const body = `return (view, at) => {
    ${load}
    const hash = Math.imul(${mix}, 0x85ebca6b);
    const slot = (hash ^ (hash >>> 15)) & ${KNOWN_TEXTS - 1}, base = slot * ${words};
    const there = texts[slot];
    if (there !== undefined && ${same}) return there;
    ${keep}
    return (texts[slot] = text(view, at, ${size}));
  };`;
  return new Function('text', 'known', 'texts', body)(text, known, texts);
}

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
