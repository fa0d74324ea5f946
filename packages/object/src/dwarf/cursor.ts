import { dwarfCorrupt } from '../diagnostics.ts';

/** Walks over little-endian bytes. Throws E3004 at their end. */
export class Cursor {
  readonly bytes: Uint8Array;
  private readonly data: DataView;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  skip(count: number): void {
    if (count < 0 || this.at + count > this.bytes.length) throw dwarfCorrupt('an entry reaches over its section');
    this.at += count;
  }

  take(count: number): Uint8Array {
    const from = this.at;
    this.skip(count);
    return this.bytes.subarray(from, this.at);
  }

  u8(): number {
    const from = this.at;
    this.skip(1);
    return this.bytes[from]!;
  }

  u16(): number {
    const from = this.at;
    this.skip(2);
    return this.data.getUint16(from, true);
  }

  u32(): number {
    const from = this.at;
    this.skip(4);
    return this.data.getUint32(from, true);
  }

  /** Exact up to 2^53, as offsets and addresses of processes are. */
  u64(): number {
    const low = this.u32();
    return low + this.u32() * 2 ** 32;
  }

  big(): bigint {
    const from = this.at;
    this.skip(8);
    return this.data.getBigUint64(from, true);
  }

  /** An unsigned number of `size` bytes. */
  uint(size: number): number {
    switch (size) {
      case 1:
        return this.u8();
      case 2:
        return this.u16();
      case 3:
        return this.u16() + this.u8() * 65536;
      case 4:
        return this.u32();
      case 8:
        return this.u64();
      default:
        throw dwarfCorrupt(`a number of ${size} bytes`);
    }
  }

  /** A number in groups of seven bits. */
  uleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  sleb(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.u8();
      if (shift < 64n) value |= BigInt(byte & 127) << shift;
      if (byte >= 128) continue;
      const bits = shift + 7n;
      return byte & 64 ? BigInt.asIntN(64, value - (1n << bits)) : BigInt.asIntN(64, value);
    }
  }

  text(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0) throw dwarfCorrupt('a text has no end');
    const text = decoder.decode(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return text;
  }
}

/** The text that starts at an offset of a section of texts. */
export function textAt(section: Uint8Array | undefined, offset: number): string | undefined {
  return section === undefined || offset < 0 || offset >= section.length
    ? undefined
    : new Cursor(section, offset).text();
}

const decoder = /* @__PURE__ */ new TextDecoder();
