import { SkepError, utf8Bytes } from '@skep/base';
import type { Btf, BtfId, BtfMember } from '@skep/object';
import { badValue } from '../diagnostics.ts';
import { isCharacter } from './decode.ts';

/** What a caller may give for a BTF type: what decoding gives, and numbers wherever bigints are. */
export type Encodable =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly Encodable[]
  | { readonly [name: string]: Encodable };

/**
 * Writes a JavaScript value as the bytes of a BTF type, little endian; members of records that are not given are zero.
 * Throws E8002 when it does not fit, with `what` naming it.
 */
export function encode(btf: Btf, type: BtfId, value: Encodable, what: string): Uint8Array {
  const bytes = new Uint8Array(btf.sizeOf(type));
  write(btf, type, value, new DataView(bytes.buffer), 0, what);
  return bytes;
}

function write(btf: Btf, id: BtfId, value: Encodable, view: DataView, at: number, what: string): void {
  const type = btf.type(btf.resolve(id));
  switch (type.kind) {
    case 'int':
      writeInteger(view, at, type.size, type.bool ? 1 : type.bits, type.signed, integerOf(value, what), what);
      return;
    case 'enum':
    case 'enum64': {
      const named = typeof value === 'string' ? type.values.find((one) => one.name === value)?.value : undefined;
      if (typeof value === 'string' && named === undefined) {
        throw new SkepError(badValue(what, `there is no enumerator \`${value}\``));
      }
      writeInteger(view, at, type.size, type.size * 8, type.signed, named ?? integerOf(value, what), what);
      return;
    }
    case 'ptr':
      writeInteger(view, at, 8, 64, false, integerOf(value, what), what);
      return;
    case 'array': {
      const element = btf.type(btf.resolve(type.type));
      const size = btf.sizeOf(type.type);
      if (typeof value === 'string' && isCharacter(element)) {
        writeBytes(view, at, utf8Bytes(value), type.count, what);
        return;
      }
      if (value instanceof Uint8Array && size === 1) {
        writeBytes(view, at, value, type.count, what);
        return;
      }
      if (!Array.isArray(value)) throw new SkepError(badValue(what, 'an array is wanted'));
      if (value.length > type.count)
        throw new SkepError(badValue(what, `it has ${value.length} elements, there is room for ${type.count}`));
      for (const [i, one] of value.entries()) write(btf, type.type, one, view, at + i * size, `${what}[${i}]`);
      return;
    }
    case 'struct':
    case 'union': {
      if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
        throw new SkepError(badValue(what, `an object with the members of ${type.kind} ${type.name} is wanted`));
      }
      for (const [name, one] of Object.entries(value)) {
        const found = member(btf, type.members, name, 0);
        if (found === undefined)
          throw new SkepError(badValue(what, `${type.kind} ${type.name} has no member \`${name}\``));
        if (found.bitSize > 0) writeBits(btf, found, one, view, at, `${what}.${name}`);
        else write(btf, found.type, one, view, at + found.bitOffset / 8, `${what}.${name}`);
      }
      return;
    }
    default:
      throw new SkepError(badValue(what, `values of kind ${type.kind} cannot be written`));
  }
}

function member(btf: Btf, members: readonly BtfMember[], name: string, base: number): BtfMember | undefined {
  for (const one of members) {
    if (one.name === name) return { ...one, bitOffset: one.bitOffset + base };
    if (one.name !== '') continue;
    const inner = btf.type(btf.resolve(one.type));
    if (inner.kind !== 'struct' && inner.kind !== 'union') continue;
    const found = member(btf, inner.members, name, base + one.bitOffset);
    if (found) return found;
  }
  return undefined;
}

function writeBits(btf: Btf, to: BtfMember, value: Encodable, view: DataView, at: number, what: string): void {
  const whole = new DataView(new ArrayBuffer(8));
  write(btf, to.type, value, whole, 0, what);
  const bits = whole.getBigUint64(0, true);
  const type = btf.type(btf.resolve(to.type));
  const isSigned = 'signed' in type && type.signed;
  const number = isSigned ? BigInt.asIntN(8 * btf.sizeOf(to.type), bits) : bits;
  if ((isSigned ? BigInt.asIntN : BigInt.asUintN)(to.bitSize, number) !== number)
    throw new SkepError(badValue(what, `${number} does not fit into ${to.bitSize} bits`));
  for (let i = 0; i < to.bitSize; i++) {
    const bit = to.bitOffset + i;
    const byte = at + (bit >> 3);
    const mask = 1 << (bit & 7);
    view.setUint8(byte, (view.getUint8(byte) & ~mask) | ((number >> BigInt(i)) & 1n ? mask : 0));
  }
}

function integerOf(value: Encodable, what: string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw new SkepError(badValue(what, 'an integer is wanted'));
}

function writeInteger(
  view: DataView,
  at: number,
  size: number,
  bits: number,
  signed: boolean,
  value: bigint,
  what: string,
): void {
  const least = signed ? -(1n << BigInt(bits - 1)) : 0n;
  const most = (1n << BigInt(signed ? bits - 1 : bits)) - 1n;
  if (value < least || value > most)
    throw new SkepError(badValue(what, `${value} is not between ${least} and ${most}`));
  let rest = BigInt.asUintN(size * 8, value);
  for (let i = 0; i < size; i++) {
    view.setUint8(at + i, Number(rest & 0xffn));
    rest >>= 8n;
  }
}

function writeBytes(view: DataView, at: number, bytes: Uint8Array, room: number, what: string): void {
  if (bytes.length > room)
    throw new SkepError(badValue(what, `it has ${bytes.length} bytes, there is room for ${room}`));
  for (const [i, byte] of bytes.entries()) view.setUint8(at + i, byte);
}
