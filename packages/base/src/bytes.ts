/**
 * Reads numbers and strings out of bytes, little or big endian. Reads past the end throw {@link OutOfBounds}, which the
 * format that is being read turns into a diagnostic of its own.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly littleEndian: boolean;
  offset: number;

  constructor(bytes: Uint8Array, littleEndian = true, offset = 0) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.littleEndian = littleEndian;
    this.offset = offset;
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }
  u16(): number {
    return this.view.getUint16(this.take(2), this.littleEndian);
  }
  u32(): number {
    return this.view.getUint32(this.take(4), this.littleEndian);
  }
  i32(): number {
    return this.view.getInt32(this.take(4), this.littleEndian);
  }
  u64(): bigint {
    return this.view.getBigUint64(this.take(8), this.littleEndian);
  }
  /** A view, not a copy. */
  slice(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }
  skip(length: number): void {
    this.take(length);
  }

  private take(length: number): number {
    const at = this.offset;
    if (length < 0 || at < 0 || at + length > this.bytes.length) throw new OutOfBounds(at, length, this.bytes.length);
    this.offset = at + length;
    return at;
  }
}

/** What readers throw for offsets outside of their bytes; formats make a diagnostic of it. */
export class OutOfBounds extends RangeError {
  constructor(offset: number, length: number, size: number) {
    super(`${length} bytes at offset ${offset} lie outside of ${size}`);
    this.name = 'OutOfBounds';
  }
}

/** Grows as it is written; `offset` may be moved back to patch what was written before. */
export class ByteWriter {
  readonly littleEndian: boolean;
  private buffer: Uint8Array;
  private view: DataView;
  private end = 0;
  offset = 0;

  constructor(littleEndian = true, capacity = 256) {
    this.littleEndian = littleEndian;
    this.buffer = new Uint8Array(capacity);
    this.view = new DataView(this.buffer.buffer);
  }

  get length(): number {
    return this.end;
  }

  u8(value: number): this {
    const at = this.take(1);
    this.view.setUint8(at, value);
    return this;
  }
  u16(value: number): this {
    const at = this.take(2);
    this.view.setUint16(at, value, this.littleEndian);
    return this;
  }
  u32(value: number): this {
    const at = this.take(4);
    this.view.setUint32(at, value, this.littleEndian);
    return this;
  }
  i32(value: number): this {
    return this.u32(value);
  }
  u64(value: bigint): this {
    const at = this.take(8);
    this.view.setBigUint64(at, BigInt.asUintN(64, value), this.littleEndian);
    return this;
  }
  raw(bytes: Uint8Array): this {
    const at = this.take(bytes.length);
    this.buffer.set(bytes, at);
    return this;
  }
  zeros(count: number): this {
    const at = this.take(count);
    this.buffer.fill(0, at, at + count);
    return this;
  }
  align(to: number): this {
    return this.zeros((to - (this.offset % to)) % to);
  }
  /** A copy of everything written. */
  toBytes(): Uint8Array {
    return this.buffer.slice(0, this.end);
  }

  private take(length: number): number {
    const at = this.offset;
    const end = at + length;
    if (end > this.buffer.length) {
      const grown = new Uint8Array(Math.max(end, this.buffer.length * 2));
      grown.set(this.buffer);
      this.buffer = grown;
      this.view = new DataView(grown.buffer);
    }
    this.offset = end;
    if (end > this.end) this.end = end;
    return at;
  }
}

const utf8 = /* @__PURE__ */ new TextDecoder();
const encoder = /* @__PURE__ */ new TextEncoder();

/** The NUL-terminated string at `offset`, UTF-8; ends at the end of the bytes when there is no NUL. */
export function cString(bytes: Uint8Array, offset = 0): string {
  let end = offset;
  while (end < bytes.length && bytes[end] !== 0) end++;
  if (end - offset < 32) {
    let text = '';
    for (let i = offset; i < end; i++) {
      const byte = bytes[i]!;
      if (byte >= 0x80) return utf8.decode(bytes.subarray(offset, end));
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return utf8.decode(bytes.subarray(offset, end));
}

export function utf8Bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

export function utf8Text(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

/** Two lowercase digits a byte, without anything between. */
export function hex(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += byte.toString(16).padStart(2, '0');
  return out;
}

/** Whether they have the same length and contents. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
