import { constant } from '../../ir/constant.ts';
import type { Initializer, InitPart } from '../ast.ts';
import { sizeOf } from '../types.ts';
import { lowerAggregate, lowerValue } from './expression.ts';
import { writeInt } from './globals.ts';
import { accessibleAddress, accessibleBase, alignOfPlace, bitUnit, copy, type Place, store } from './place.ts';
import type { FunctionState } from './state.ts';
import { isAggregate } from './types.ts';

/** Strings up to so many bytes are written by instructions; longer ones are copied from `.rodata`. */
const INLINE_STRING = 128;

/**
 * Fills a local object: what no part covers is zero, the padding too, because helpers read keys and events with it.
 */
export function initialise(fn: FunctionState, place: Place, init: Initializer): void {
  const { b } = fn;
  const outer = b.span;
  b.span = init.span;
  const size = sizeOf(init.type) ?? 0;
  if (!covers(init.parts, size) && size > 0) {
    b.memset(accessibleAddress(fn, place), constant('i8', 0), size, alignOfPlace(place));
  }
  for (const part of init.parts) initialisePart(fn, place, part, size);
  b.span = outer;
}

/** `size`: bytes of the whole object. */
function initialisePart(fn: FunctionState, object: Place, part: InitPart, size: number): void {
  const { value, bitField, type } = part;
  const place: Place = { ...object, offset: object.offset + part.offset };
  if (value.kind === 'string') {
    const room = sizeOf(type) ?? value.bytes.length;
    writeBytes(fn, place, value.bytes.subarray(0, room));
    return;
  }
  if (isAggregate(type)) {
    if (value.kind === 'int') writeWide(fn, place, value.value);
    else copy(fn, place, lowerAggregate(fn, value), type);
    return;
  }
  const scalar = lowerValue(fn, value);
  if (bitField === undefined) {
    store(fn, place, type, scalar);
    return;
  }
  const first = 8 * part.offset + bitField.bitOffset;
  const bits = bitUnit(first, bitField.bitWidth, sizeOf(type) ?? 4, size);
  store(fn, { ...object, offset: object.offset + bits.byte, bits }, type, scalar);
}

/** Do the parts leave no byte out? Bit-fields never count as whole bytes. */
function covers(parts: readonly InitPart[], size: number): boolean {
  let end = 0;
  for (const part of parts) {
    if (part.offset !== end || part.bitField !== undefined) return false;
    const room = sizeOf(part.type) ?? 0;
    if (part.value.kind === 'string' && part.value.bytes.length < room) return false;
    end += room;
  }
  return end >= size;
}

/** Known bytes, by words as wide as the place is aligned. */
function writeBytes(fn: FunctionState, place: Place, bytes: Uint8Array): void {
  const { b, unit } = fn;
  if (bytes.length > INLINE_STRING) {
    const source = unit.constantOf(`__const.${fn.decl.name}`, bytes.slice(), 8);
    b.memcpy(accessibleAddress(fn, place), source, bytes.length, { align: alignOfPlace(place) });
    return;
  }
  const widest = Math.min(8, alignOfPlace(place));
  for (let at = 0; at < bytes.length; ) {
    let size = widest;
    while (size > bytes.length - at) size >>= 1;
    let word = 0n;
    for (let i = size - 1; i >= 0; i--) word = (word << 8n) | BigInt(bytes[at + i]!);
    const type = size === 8 ? 'i64' : size === 4 ? 'i32' : size === 2 ? 'i16' : 'i8';
    b.store(constant(type, word), accessibleBase(fn, place), {
      offset: place.offset + at,
      align: size,
      volatile: place.volatile,
    });
    at += size;
  }
}

/** A constant that has no register type: a 128-bit integer. */
export function writeWide(fn: FunctionState, place: Place, value: bigint): void {
  const bytes = new Uint8Array(16);
  writeInt(bytes, 0, 16, value);
  writeBytes(fn, place, bytes);
}
