import { SkepError } from '@skep/base';
import { notPackets } from '../diagnostics.ts';
import { gunzip } from '../gzip.ts';
import type { PacketCapture } from './model.ts';
import { pcapKind, readPcap } from './pcap.ts';
import { readPcapng, sectionOrder } from './pcapng.ts';

/** Reads a file of packets: pcap or pcapng, compressed with gzip or not. Throws E6004, E6005. */
export async function readPackets(bytes: Uint8Array, name: string): Promise<PacketCapture> {
  const { bytes: plain } = await gunzip(bytes, name);
  if (sectionOrder(plain, 0) !== undefined) return readPcapng(plain, name);
  if (pcapKind(plain)) return readPcap(plain, name);
  throw new SkepError(
    notPackets(name, plain.length === 0 ? 'it is empty' : 'it starts as neither pcap nor pcapng does'),
  );
}
