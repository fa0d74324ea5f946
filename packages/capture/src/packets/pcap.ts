import { ByteReader, ByteWriter, type Diagnostic, SkepError } from '@skep/base';
import { damagedPackets, notPackets } from '../diagnostics.ts';
import { type CapturedPacket, LINKTYPE_ETHERNET, MAX_CAPTURED, type PacketCapture } from './model.ts';

/** Magic numbers of pcap files (draft-ietf-opsawg-pcap), as their own byte order reads them. */
const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const HEADER = 24;
const RECORD = 16;

/** Whether bytes start as a pcap file does, and how it counts. */
export function pcapKind(
  bytes: Uint8Array,
): { readonly littleEndian: boolean; readonly nanoseconds: boolean } | undefined {
  if (bytes.length < 4) return undefined;
  for (const littleEndian of [true, false]) {
    const magic = new ByteReader(bytes, littleEndian).u32();
    if (magic === MICROSECONDS || magic === NANOSECONDS) return { littleEndian, nanoseconds: magic === NANOSECONDS };
  }
  return undefined;
}

/**
 * Reads a pcap file of either byte order and resolution. A file that breaks off, or goes wrong, loses what comes from
 * there on, with E6006. Throws E6005 when it is none.
 */
export function readPcap(bytes: Uint8Array, name: string): PacketCapture {
  const kind = pcapKind(bytes);
  if (kind === undefined) throw new SkepError(notPackets(name, 'it does not start as one'));
  if (bytes.length < HEADER) throw new SkepError(notPackets(name, `its header has ${bytes.length} bytes of ${HEADER}`));
  const reader = new ByteReader(bytes, kind.littleEndian, 4);
  const major = reader.u16();
  reader.skip(10);
  if (major !== 2) throw new SkepError(notPackets(name, `it has version ${major}, and 2 is known`));
  const snapLength = reader.u32();
  // The upper bits say whether frames end with a check sequence.
  const linkType = reader.u32() & 0xffff;
  const packets: CapturedPacket[] = [];
  const warnings: Diagnostic[] = [];
  const damaged = (at: number, why: string) =>
    warnings.push(damagedPackets(name, at, why, `${packets.length} packets before it were read`));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { littleEndian, nanoseconds } = kind;
  // Many packets have the same second.
  let second = -1;
  let start = 0n;
  for (let at = HEADER; at < bytes.length; ) {
    const left = bytes.length - at - RECORD;
    if (left < 0) {
      damaged(at, 'it ends in the middle of a packet');
      break;
    }
    const seconds = view.getUint32(at, littleEndian);
    const fraction = view.getUint32(at + 4, littleEndian);
    const kept = view.getUint32(at + 8, littleEndian);
    const length = view.getUint32(at + 12, littleEndian);
    if (kept > Math.max(MAX_CAPTURED, snapLength)) {
      damaged(at, `a packet of ${kept} bytes`);
      break;
    }
    if (kept > left) {
      damaged(at, 'it ends in the middle of a packet');
      break;
    }
    if (seconds !== second) [second, start] = [seconds, BigInt(seconds) * 1_000_000_000n];
    const time = start + BigInt(nanoseconds ? fraction : fraction * 1000);
    at += RECORD;
    packets.push({ time, interface: 0, data: bytes.subarray(at, at + kept), length });
    at += kept;
  }
  return { format: 'pcap', interfaces: [{ linkType, name: undefined, snapLength }], packets, warnings };
}

/** How a pcap file is written. */
export interface PcapOptions {
  /** Ethernet when not given. */
  readonly linkType?: number;
  /** Nanoseconds instead of microseconds, which older tools do not read. */
  readonly nanoseconds?: boolean;
  readonly littleEndian?: boolean;
}

/** A pcap file of packets; their interfaces are not kept. */
export function writePcap(
  packets: Iterable<Pick<CapturedPacket, 'time' | 'data'> & { readonly length?: number }>,
  options: PcapOptions = {},
): Uint8Array {
  const writer = new ByteWriter(options.littleEndian ?? true, 1 << 16);
  writer.u32(options.nanoseconds ? NANOSECONDS : MICROSECONDS);
  writer
    .u16(2)
    .u16(4)
    .u32(0)
    .u32(0)
    .u32(MAX_CAPTURED)
    .u32(options.linkType ?? LINKTYPE_ETHERNET);
  // Many packets have the same second.
  let second = 0;
  let start = 0n;
  for (const { time, data, length } of packets) {
    let fraction = Number(time - start);
    if (fraction < 0 || fraction >= 1_000_000_000) {
      fraction = Number(time % 1_000_000_000n);
      start = time - BigInt(fraction);
      second = Number((time / 1_000_000_000n) & 0xffffffffn);
    }
    writer.u32(second);
    writer.u32(options.nanoseconds ? fraction : Math.floor(fraction / 1000));
    writer
      .u32(data.length)
      .u32(length ?? data.length)
      .raw(data);
  }
  return writer.toBytes();
}
