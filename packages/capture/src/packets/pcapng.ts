import { ByteReader, ByteWriter, type Diagnostic, OutOfBounds, SkepError, utf8Bytes, utf8Text } from '@skep/base';
import { damagedPackets, notPackets } from '../diagnostics.ts';
import { type CapturedPacket, type CaptureInterface, MAX_CAPTURED, type PacketCapture } from './model.ts';

/** Block types and option codes of pcapng (draft-ietf-opsawg-pcapng). */
const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE = 1;
const PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;
const OPTION = { end: 0, comment: 1, interfaceName: 2, resolution: 9, timeOffset: 14 } as const;

/** What the file says of an interface, and how its clock counts. */
interface Clock extends CaptureInterface {
  /** Ticks a second. */
  readonly ticks: bigint;
  /** Seconds. */
  readonly start: bigint;
}

/**
 * Reads a pcapng file: sections of either byte order, any clock. A damaged block costs only itself when its length can
 * be believed, and all from there on when not (E6006). Throws E6005 when it is none.
 */
export function readPcapng(bytes: Uint8Array, name: string): PacketCapture {
  const reading: Reading = { interfaces: [], first: 0, packets: [], warnings: [], name };
  let littleEndian = true;
  let at = 0;
  while (at < bytes.length) {
    const header = sectionOrder(bytes, at);
    if (at === 0 && header === undefined) throw new SkepError(notPackets(name, 'it does not start as one'));
    littleEndian = header ?? littleEndian;
    const reader = new ByteReader(bytes, littleEndian, at);
    if (reader.remaining < 12) {
      damaged(reading, at, 'it ends in the middle of a block', 'all before it was read');
      break;
    }
    const type = reader.u32();
    const length = reader.u32();
    if (length < 12 || length % 4 !== 0 || length > bytes.length - at) {
      const why = length > bytes.length - at ? 'it ends in the middle of a block' : `a block of ${length} bytes`;
      damaged(reading, at, why, 'all before it was read');
      break;
    }
    const behind = new ByteReader(bytes, littleEndian, at + length - 4).u32();
    if (behind !== length) damaged(reading, at, 'both lengths of a block differ', 'the block was left out');
    else if (type === SECTION_HEADER) reading.first = reading.interfaces.length;
    else block(reading, type, new ByteReader(bytes.subarray(at + 8, at + length - 4), littleEndian), at);
    at += length;
  }
  const { interfaces, packets, warnings } = reading;
  return {
    format: 'pcapng',
    interfaces: interfaces.map(({ linkType, name: own, snapLength }) => ({ linkType, name: own, snapLength })),
    packets,
    warnings,
  };
}

interface Reading {
  readonly interfaces: Clock[];
  /** Of the section: its interfaces count from here. */
  first: number;
  readonly packets: CapturedPacket[];
  readonly warnings: Diagnostic[];
  readonly name: string;
}

/** The byte order of a section that starts here. */
export function sectionOrder(bytes: Uint8Array, at: number): boolean | undefined {
  if (bytes.length - at < 12) return undefined;
  const reader = new ByteReader(bytes, true, at);
  if (reader.u32() !== SECTION_HEADER) return undefined;
  reader.skip(4);
  const magic = reader.u32();
  if (magic === BYTE_ORDER) return true;
  return magic === 0x4d3c2b1a ? false : undefined;
}

function block(reading: Reading, type: number, body: ByteReader, at: number): void {
  try {
    switch (type) {
      case INTERFACE:
        reading.interfaces.push(interfaceOf(body));
        return;
      case ENHANCED_PACKET:
      case PACKET: {
        const index = type === PACKET ? body.u16() : body.u32();
        if (type === PACKET) body.skip(2);
        const high = body.u32();
        const ticks = (BigInt(high) << 32n) | BigInt(body.u32());
        const kept = body.u32();
        const length = body.u32();
        packet(reading, index, ticks, kept, length, body, at);
        return;
      }
      case SIMPLE_PACKET: {
        const length = body.u32();
        const limit = reading.interfaces[reading.first]?.snapLength || length;
        packet(reading, 0, undefined, Math.min(length, limit, body.remaining), length, body, at);
        return;
      }
      default:
        return;
    }
  } catch (error) {
    if (!(error instanceof OutOfBounds)) throw error;
    damaged(reading, at, 'a block is shorter than what it says it holds', 'the block was left out');
  }
}

function packet(
  reading: Reading,
  index: number,
  ticks: bigint | undefined,
  kept: number,
  length: number,
  body: ByteReader,
  at: number,
): void {
  const from = reading.interfaces[reading.first + index];
  if (from === undefined) {
    damaged(reading, at, `a packet of interface ${index}, which was not described`, 'the packet was left out');
    return;
  }
  const data = body.slice(kept);
  body.skip(Math.min((4 - (kept % 4)) % 4, body.remaining));
  const time = ticks === undefined ? 0n : from.start * 1_000_000_000n + (ticks * 1_000_000_000n) / from.ticks;
  let comment: string | undefined;
  for (const { code, value } of options(body)) if (code === OPTION.comment) comment = utf8Text(value);
  const index_ = reading.first + index;
  reading.packets.push({ time, interface: index_, data, length, ...(comment !== undefined && { comment }) });
}

function interfaceOf(body: ByteReader): Clock {
  const linkType = body.u16();
  body.skip(2);
  const snapLength = body.u32();
  let name: string | undefined;
  let ticks = 1_000_000n;
  let start = 0n;
  for (const { code, value, reader } of options(body)) {
    if (code === OPTION.interfaceName) name = utf8Text(value);
    else if (code === OPTION.resolution && value.length > 0) {
      // A power of ten, or of two with the top bit.
      const exponent = BigInt(value[0]! & 0x7f);
      ticks = (value[0]! & 0x80) !== 0 ? 1n << exponent : 10n ** exponent;
    } else if (code === OPTION.timeOffset && value.length === 8) start = BigInt.asIntN(64, reader.u64());
  }
  return { linkType, snapLength, name, ticks, start };
}

/** The options at the end of a block; a broken one ends them. */
function* options(body: ByteReader): Generator<{ code: number; value: Uint8Array; reader: ByteReader }> {
  while (body.remaining >= 4) {
    const code = body.u16();
    const length = body.u16();
    if (code === OPTION.end || length > body.remaining) return;
    const value = body.slice(length);
    body.skip(Math.min((4 - (length % 4)) % 4, body.remaining));
    yield { code, value, reader: new ByteReader(value, body.littleEndian) };
  }
}

function damaged(reading: Reading, at: number, why: string, what: string): void {
  reading.warnings.push(damagedPackets(reading.name, at, why, what));
}

/** A pcapng file with nanoseconds, interfaces and comments. */
export function writePcapng(
  capture: {
    readonly interfaces: readonly (Pick<CaptureInterface, 'linkType'> & Partial<CaptureInterface>)[];
    readonly packets: Iterable<Omit<CapturedPacket, 'length'> & { readonly length?: number }>;
  },
  options: { readonly littleEndian?: boolean } = {},
): Uint8Array {
  const writer = new ByteWriter(options.littleEndian ?? true, 1 << 16);
  writeBlock(writer, SECTION_HEADER, () => writer.u32(BYTE_ORDER).u16(1).u16(0).u32(0xffffffff).u32(0xffffffff));
  for (const { linkType, name, snapLength } of capture.interfaces) {
    writeBlock(writer, INTERFACE, () => {
      writer
        .u16(linkType)
        .u16(0)
        .u32(snapLength ?? MAX_CAPTURED);
      if (name !== undefined) writeOption(writer, OPTION.interfaceName, utf8Bytes(name));
      writeOption(writer, OPTION.resolution, Uint8Array.of(9));
      writer.u16(OPTION.end).u16(0);
    });
  }
  for (const { time, interface: index, data, length, comment } of capture.packets) {
    writeBlock(writer, ENHANCED_PACKET, () => {
      writer.u32(index).u32(Number((time >> 32n) & 0xffffffffn));
      writer
        .u32(Number(time & 0xffffffffn))
        .u32(data.length)
        .u32(length ?? data.length);
      writer.raw(data).zeros((4 - (data.length % 4)) % 4);
      if (comment !== undefined) {
        writeOption(writer, OPTION.comment, utf8Bytes(comment));
        writer.u16(OPTION.end).u16(0);
      }
    });
  }
  return writer.toBytes();
}

function writeBlock(writer: ByteWriter, type: number, body: () => void): void {
  const start = writer.length;
  writer.u32(type).u32(0);
  body();
  const length = writer.length - start + 4;
  writer.u32(length);
  writer.offset = start + 4;
  writer.u32(length);
  writer.offset = writer.length;
}

function writeOption(writer: ByteWriter, code: number, value: Uint8Array): void {
  writer
    .u16(code)
    .u16(value.length)
    .raw(value)
    .zeros((4 - (value.length % 4)) % 4);
}
