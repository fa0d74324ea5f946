import { EACCES, EINVAL } from '../errno.ts';
import type { Memory } from '../memory.ts';

/** Bytes before and behind a packet: XDP_PACKET_HEADROOM, and what a page leaves at the end. */
export const HEADROOM = 256;
const TAILROOM = 320;
/** `ETH_HLEN`: no packet may be shorter. */
const LEAST = 14;
/** The most that a test run takes (one page less head and tail room, net/bpf/test_run.c). */
export const MAX_PACKET = 4096 - HEADROOM - TAILROOM;

/**
 * A packet in the machine's memory with its `struct xdp_md` (include/uapi/linux/bpf.h): `data`, `data_end` and
 * `data_meta` are offsets in linear memory, so that programs read them as they read pointers in the kernel.
 */
export class XdpPacket {
  /** Behind the context: how many packets of a batch are done, and the area that the current packet lies in. */
  static readonly CONTEXT_DONE = 24;
  static readonly CONTEXT_AREA = 28;
  readonly context: number;
  private readonly memory: Memory;
  private readonly own: number;

  constructor(memory: Memory) {
    this.memory = memory;
    this.own = memory.allocate(4096);
    this.context = memory.allocate(32);
  }

  /** Bytes that a packet needs with head and tail room. */
  static areaOf(length: number): number {
    return (HEADROOM + length + TAILROOM + 7) & ~7;
  }

  fill(packet: Uint8Array, interfaceIndex: number, queue: number): void {
    const data = this.own + HEADROOM;
    const { view, bytes } = this.memory;
    bytes.fill(0, this.own, this.own + 4096);
    bytes.set(packet, data);
    view.setUint32(this.context, data, true);
    view.setUint32(this.context + 4, data + packet.length, true);
    view.setUint32(this.context + 8, data, true);
    view.setUint32(this.context + 12, interfaceIndex, true);
    view.setUint32(this.context + 16, queue, true);
    view.setUint32(this.context + 20, 0, true);
    view.setUint32(this.context + XdpPacket.CONTEXT_AREA, this.own, true);
  }

  /** Where the packet starts in memory, and how many bytes it has. */
  get start(): number {
    return this.data;
  }
  get length(): number {
    return this.end - this.data;
  }

  /** Whether the packet is still the same. */
  is(packet: Uint8Array): boolean {
    const start = this.data;
    if (this.end - start !== packet.length) return false;
    const { bytes } = this.memory;
    for (let i = 0; i < packet.length; i++) if (bytes[start + i] !== packet[i]) return false;
    return true;
  }

  /** A copy of the packet as it is now. */
  bytes(): Uint8Array {
    return this.memory.bytes.slice(this.data, this.end);
  }

  /** The packet with what `bpf_xdp_adjust_meta` put before it, as test runs of the kernel give it. */
  withMetadata(): Uint8Array {
    return this.memory.bytes.slice(this.meta, this.end);
  }

  /** `struct xdp_md` with pointers as offsets from the metadata, as test runs of the kernel give it. */
  record(): Uint8Array {
    const record = this.memory.bytes.slice(this.context, this.context + 24);
    const view = new DataView(record.buffer);
    view.setUint32(0, this.data - this.meta, true);
    view.setUint32(4, this.end - this.meta, true);
    view.setUint32(8, 0, true);
    return record;
  }

  /** bpf_xdp_adjust_head (net/core/filter.c). */
  adjustHead(delta: number): number {
    const data = this.data + delta;
    const meta = this.data - this.meta;
    if (data - meta < this.area + XDP_FRAME || data > this.end - LEAST) return EINVAL;
    this.memory.bytes.copyWithin(data - meta, this.meta, this.data);
    this.set(0, data);
    this.set(8, data - meta);
    return 0;
  }

  adjustTail(delta: number): number {
    const end = this.end + delta;
    if (end < this.data + LEAST || end > this.area + 4096 - TAILROOM) return EINVAL;
    if (delta > 0) this.memory.bytes.fill(0, this.end, end);
    this.set(4, end);
    return 0;
  }

  adjustMeta(delta: number): number {
    const meta = this.meta + delta;
    if (meta < this.area + XDP_FRAME || meta > this.data) return EINVAL;
    if ((this.data - meta) % 4 !== 0 || this.data - meta > 255) return EACCES;
    this.set(8, meta);
    return 0;
  }

  private get area(): number {
    return this.memory.view.getUint32(this.context + XdpPacket.CONTEXT_AREA, true);
  }
  private get data(): number {
    return this.memory.view.getUint32(this.context, true);
  }
  private get end(): number {
    return this.memory.view.getUint32(this.context + 4, true);
  }
  private get meta(): number {
    return this.memory.view.getUint32(this.context + 8, true);
  }
  private set(field: number, value: number): void {
    this.memory.view.setUint32(this.context + field, value, true);
  }
}

/** `sizeof(struct xdp_frame)`: the kernel keeps it at the start of the head room. */
const XDP_FRAME = 40;
