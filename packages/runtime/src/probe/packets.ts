/** A packet in plain JavaScript. Each step says `undefined` where the packet ends before, or something else follows. */
export class PacketView {
  readonly length: number;
  readonly ifindex: number;
  mark = 0;
  protected readonly view: DataView;
  private readonly link: boolean;

  /** @param link the packet begins with its Ethernet header; else with that of IP */
  constructor(bytes: Uint8Array, link: boolean, ifindex = 0) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.length = bytes.length;
    this.link = link;
    this.ifindex = ifindex;
  }

  eth(): EthView | undefined {
    return this.view.byteLength >= 14 ? new EthView(this.view, 0) : undefined;
  }
  ipv4(): Ipv4View | undefined {
    return !this.link && this.view.byteLength > 0 && this.view.getUint8(0) >> 4 === 4
      ? Ipv4View.at(this.view, 0)
      : undefined;
  }
  ipv6(): Ipv6View | undefined {
    return !this.link && this.view.byteLength > 0 && this.view.getUint8(0) >> 4 === 6
      ? Ipv6View.at(this.view, 0)
      : undefined;
  }
}

class Header {
  protected readonly view: DataView;
  protected readonly at: number;

  constructor(view: DataView, at: number) {
    this.view = view;
    this.at = at;
  }
  protected u8(offset: number): number {
    return this.view.getUint8(this.at + offset);
  }
  protected u16(offset: number): number {
    return this.view.getUint16(this.at + offset);
  }
  protected u32(offset: number): number {
    return this.view.getUint32(this.at + offset);
  }
  protected reaches(at: number, size: number): boolean {
    return at + size <= this.view.byteLength;
  }
}

class EthView extends Header {
  get proto(): number {
    return this.u16(12);
  }
  ipv4(): Ipv4View | undefined {
    return this.proto === 0x0800 ? Ipv4View.at(this.view, this.at + 14) : undefined;
  }
  ipv6(): Ipv6View | undefined {
    return this.proto === 0x86dd ? Ipv6View.at(this.view, this.at + 14) : undefined;
  }
}

class Ipv4View extends Header {
  static at(view: DataView, at: number): Ipv4View | undefined {
    return at + 20 <= view.byteLength && (view.getUint8(at) & 15) >= 5 ? new Ipv4View(view, at) : undefined;
  }
  get saddr(): number {
    return this.u32(12);
  }
  get daddr(): number {
    return this.u32(16);
  }
  get proto(): number {
    return this.u8(9);
  }
  get ttl(): number {
    return this.u8(8);
  }
  get tos(): number {
    return this.u8(1);
  }
  get id(): number {
    return this.u16(4);
  }
  /** Of the whole packet, as its header says. */
  get length(): number {
    return this.u16(2);
  }
  tcp(): TcpView | undefined {
    return this.transport(6, 20) ? new TcpView(this.view, this.behind) : undefined;
  }
  udp(): UdpView | undefined {
    return this.transport(17, 8) ? new UdpView(this.view, this.behind) : undefined;
  }
  icmp(): IcmpView | undefined {
    return this.transport(1, 8) ? new IcmpView(this.view, this.behind) : undefined;
  }
  private get behind(): number {
    return this.at + (this.u8(0) & 15) * 4;
  }
  private transport(proto: number, size: number): boolean {
    return this.proto === proto && (this.u16(6) & 0x1fff) === 0 && this.reaches(this.behind, size);
  }
}

class Ipv6View extends Header {
  static at(view: DataView, at: number): Ipv6View | undefined {
    return at + 40 <= view.byteLength ? new Ipv6View(view, at) : undefined;
  }
  get proto(): number {
    return this.u8(6);
  }
  get ttl(): number {
    return this.u8(7);
  }
  /** Behind the header. */
  get length(): number {
    return this.u16(4);
  }
  tcp(): TcpView | undefined {
    return this.proto === 6 && this.reaches(this.at + 40, 20) ? new TcpView(this.view, this.at + 40) : undefined;
  }
  udp(): UdpView | undefined {
    return this.proto === 17 && this.reaches(this.at + 40, 8) ? new UdpView(this.view, this.at + 40) : undefined;
  }
}

class TcpView extends Header {
  get sport(): number {
    return this.u16(0);
  }
  get dport(): number {
    return this.u16(2);
  }
  get seq(): number {
    return this.u32(4);
  }
  get ack(): number {
    return this.u32(8);
  }
  /** See `TcpFlag`. */
  get flags(): number {
    return this.u8(13);
  }
  get window(): number {
    return this.u16(14);
  }
}

class UdpView extends Header {
  get sport(): number {
    return this.u16(0);
  }
  get dport(): number {
    return this.u16(2);
  }
  get length(): number {
    return this.u16(4);
  }
}

class IcmpView extends Header {
  get type(): number {
    return this.u8(0);
  }
  get code(): number {
    return this.u8(1);
  }
}

/** What `xdp` and `tc` get. */
export type LinkPacket = Pick<PacketView, 'eth' | 'length' | 'ifindex' | 'mark'>;
/** What `cgroup_skb` gets. */
export type NetworkPacket = Pick<PacketView, 'ipv4' | 'ipv6' | 'length' | 'ifindex' | 'mark'>;
