import type { Diagnostic } from '@skep/base';

/** A file of packets, whatever its format. */
export interface PacketCapture {
  readonly format: 'pcap' | 'pcapng';
  readonly interfaces: readonly CaptureInterface[];
  /** In the order of the file. */
  readonly packets: readonly CapturedPacket[];
  /** E6006 for each damaged place: what stands before it was read, in pcapng also what stands behind. */
  readonly warnings: readonly Diagnostic[];
}

/** Where packets were captured. */
export interface CaptureInterface {
  /** `LINKTYPE_…` of the tcpdump group's list: 1 is Ethernet, 101 raw IP, 113 Linux cooked. */
  readonly linkType: number;
  readonly name: string | undefined;
  /** The most bytes of a packet that were kept; 0 for all. */
  readonly snapLength: number;
}

/** A packet of a capture. */
export interface CapturedPacket {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** Which of {@link PacketCapture.interfaces}. */
  readonly interface: number;
  /** What was kept of it. */
  readonly data: Uint8Array;
  /** Bytes that it had. */
  readonly length: number;
  readonly comment?: string | undefined;
}

export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;

/** Larger packets are damage, not data (`MAXIMUM_SNAPLEN` of libpcap). */
export const MAX_CAPTURED = 256 << 10;
