import { uapiField, uapiRecord } from '@skep/abi';
import type { Memory } from '../memory.ts';
import { type Fields, writeFields } from './fields.ts';
import type { Socket } from './socket.ts';

/** What a program type sees of a packet. */
export interface SkbView {
  /** The link-layer header comes first: tc. Else `data` starts behind it, as for sockets and cgroups. */
  readonly layer2: boolean;
  /** `data`, `data_end` and `data_meta` are pointers. */
  readonly direct: boolean;
}

/**
 * A packet with its `struct __sk_buff` (include/uapi/linux/bpf.h) in the machine's memory. The packet is in one piece,
 * with room before and behind it; `data` and `data_end` are offsets in linear memory.
 */
export class SkBuff {
  readonly context: number;
  readonly memory: Memory;
  socket: Socket | undefined;
  /** Where the kernel's own structure of the packet lies, for programs that get that. */
  structure = 0;
  private readonly area: number;
  private layer2 = true;
  private direct = true;
  /** Of the link-layer header and of what it carries. */
  mac = 0;
  network = 0;
  private start = 0;
  private stop = 0;
  /** The key of a tunnel, its options and what else helpers read back. */
  tunnelKey: Uint8Array | undefined;
  tunnelOptions: Uint8Array | undefined;

  constructor(memory: Memory) {
    this.memory = memory;
    this.area = memory.allocate(AREA);
    this.context = memory.allocate(RECORD.size);
  }

  /** Throws a RangeError for a field that `__sk_buff` does not have. */
  fill(packet: Uint8Array, view: SkbView, fields: Fields, socket: Socket | undefined): void {
    const { bytes, view: words } = this.memory;
    this.layer2 = view.layer2;
    this.direct = view.direct;
    this.socket = socket;
    this.tunnelKey = undefined;
    this.tunnelOptions = undefined;
    this.mac = this.area + HEADROOM;
    this.network = this.mac + ETH_HLEN;
    bytes.fill(0, this.area, this.mac);
    bytes.set(packet, this.mac);
    this.start = view.layer2 ? this.mac : this.network;
    this.stop = this.mac + packet.length;
    bytes.fill(0, this.context, this.context + RECORD.size);
    this.set(PROTOCOL, this.protocolAt(this.mac + 12));
    this.set(PKT_TYPE, packetType(packet));
    this.set(IFINDEX, 1);
    writeFields(words, this.context, RECORD, fields);
    this.publish();
    if (socket) {
      words.setUint32(this.context + SK, socket.address, true);
      bytes.copyWithin(this.context + FAMILY, socket.address + 4, socket.address + 8);
    }
  }

  free(): void {
    this.memory.release(this.area, AREA);
    this.memory.release(this.context, RECORD.size);
  }

  get data(): number {
    return this.start;
  }
  get end(): number {
    return this.stop;
  }
  get length(): number {
    return this.stop - this.start;
  }

  /** The packet as it goes out: from the link-layer header on. */
  packet(): Uint8Array {
    return this.memory.bytes.slice(this.mac, this.stop);
  }

  /** The record with its pointers as offsets from the start of the packet, so that it means something elsewhere. */
  record(): Uint8Array {
    const record = this.memory.bytes.slice(this.context, this.context + RECORD.size);
    const view = new DataView(record.buffer);
    view.setUint32(DATA, 0, true);
    view.setUint32(DATA_END, this.direct ? this.length : 0, true);
    view.setUint32(DATA_META, 0, true);
    view.setBigUint64(SK, 0n, true);
    return record;
  }

  /** What an Ethernet type says (eth_type_trans): lengths of IEEE 802.3 stand where others have a type. */
  protocolAt(type: number): number {
    const { view } = this.memory;
    if (view.getUint16(type) >= 0x600) return view.getUint16(type, true);
    return view.getUint16(type + 2) === 0xffff ? ETH_P_802_3 : ETH_P_802_2;
  }

  get(field: number): number {
    return this.memory.view.getUint32(this.context + field, true);
  }
  set(field: number, value: number): void {
    this.memory.view.setUint32(this.context + field, value, true);
  }

  /** Whether `size` bytes at `offset` of the data are in the packet. */
  has(offset: number, size: number): boolean {
    return offset >= 0 && size >= 0 && offset + size <= this.length;
  }

  /** Makes or takes bytes at the start of the data, before everything. */
  growHead(delta: number): boolean {
    if (this.start - delta < this.area + 64 || this.start - delta > this.stop) return false;
    if (delta > 0) this.memory.bytes.fill(0, this.start - delta, this.start);
    this.start -= delta;
    this.mac -= delta;
    this.publish();
    return true;
  }

  resize(length: number): boolean {
    if (this.start + length > this.area + AREA) return false;
    if (length > this.length) this.memory.bytes.fill(0, this.stop, this.start + length);
    this.stop = this.start + length;
    this.publish();
    return true;
  }

  /** Opens (`delta` above 0) or closes a gap of bytes at `offset` of the data; what lies before moves. */
  gap(offset: number, delta: number): boolean {
    if (this.start - delta < this.area + 64 || (delta < 0 && !this.has(offset, -delta))) return false;
    const { bytes } = this.memory;
    const before = this.start - this.mac;
    const from = this.mac;
    bytes.copyWithin(from - delta, from, from + before + offset);
    if (delta > 0) bytes.fill(0, this.start - delta + offset, this.start + offset);
    this.start -= delta;
    this.mac -= delta;
    this.publish();
    return true;
  }

  /** Writes what follows from the packet's place and length. */
  publish(): void {
    this.set(LEN, this.length);
    if (!this.direct) return;
    this.set(DATA, this.start);
    this.set(DATA_END, this.stop);
    this.set(DATA_META, this.start);
  }

  get isLayer2(): boolean {
    return this.layer2;
  }
}

const RECORD = uapiRecord('__sk_buff')!;
const at = (name: string) => uapiField(RECORD, name)!.offset;
/** Offsets of fields of `__sk_buff` that helpers use. */
export const LEN = at('len');
export const PKT_TYPE = at('pkt_type');
export const MARK = at('mark');
export const PROTOCOL = at('protocol');
export const VLAN_PRESENT = at('vlan_present');
export const VLAN_TCI = at('vlan_tci');
export const VLAN_PROTO = at('vlan_proto');
const IFINDEX = at('ifindex');
export const HASH = at('hash');
export const DATA = at('data');
export const DATA_END = at('data_end');
const DATA_META = at('data_meta');
export const FAMILY = at('family');
export const TSTAMP = at('tstamp');
export const SK = at('sk');
export const TSTAMP_TYPE = at('tstamp_type');

/** As they lie in memory, read as little endian. */
const ETH_P_802_3 = 0x0100;
const ETH_P_802_2 = 0x0400;
export const ETH_HLEN = 14;
const HEADROOM = 512;
const TAILROOM = 2048;
/** An Ethernet frame of the loopback interface: 64 KiB and a header. */
export const MAX_SKB = 65536 + ETH_HLEN;
const AREA = HEADROOM + MAX_SKB + TAILROOM;

/** `PACKET_HOST`, `_BROADCAST`, `_MULTICAST`, `_OTHERHOST`, as eth_type_trans says it for a device of address 0. */
function packetType(packet: Uint8Array): number {
  const target = packet.subarray(0, 6);
  if (target.every((byte) => byte === 0)) return 0;
  if (target.every((byte) => byte === 0xff)) return 1;
  return (target[0]! & 1) !== 0 ? 2 : 3;
}
