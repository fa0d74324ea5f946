/** The packets of a classic pcap file in microseconds (draft-ietf-opsawg-pcap), of either byte order. */
export function packetsOf(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const little = view.getUint32(0, true) === MAGIC;
  if (!little && view.getUint32(0) !== MAGIC) throw new Error('no pcap file');
  const packets: Uint8Array[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const length = view.getUint32(at + 8, little);
    packets.push(file.slice(at + 16, at + 16 + length));
    at += 16 + length;
  }
  return packets;
}

export function pcapOf(packets: readonly Uint8Array[]): Uint8Array {
  const file = new Uint8Array(24 + packets.reduce((sum, one) => sum + 16 + one.length, 0));
  const view = new DataView(file.buffer);
  for (const [index, value] of [MAGIC, 0x0004_0002, 0, 0, 65535, ETHERNET].entries())
    view.setUint32(4 * index, value, true);
  let at = 24;
  for (const [index, packet] of packets.entries()) {
    for (const [i, value] of [0, index, packet.length, packet.length].entries())
      view.setUint32(at + 4 * i, value, true);
    file.set(packet, at + 16);
    at += 16 + packet.length;
  }
  return file;
}

const MAGIC = 0xa1b2c3d4;
/** LINKTYPE_ETHERNET */
const ETHERNET = 1;
