/** An Ethernet frame with an IPv4 header and zeroes behind it; `vlans` are tags before the protocol. */
export function ipv4(protocol: number, length = 64, vlans: readonly number[] = []): Uint8Array {
  const tags = vlans.flatMap((tag) => [0x81, 0x00, tag >> 8, tag & 0xff]);
  const packet = new Uint8Array(length);
  packet.set([...MAC, ...MAC, ...tags, 0x08, 0x00, 0x45]);
  packet[12 + tags.length + 2 + 9] = protocol;
  return packet;
}

/** The same with an IPv6 header. */
export function ipv6(nextHeader: number, length = 64): Uint8Array {
  const packet = new Uint8Array(length);
  packet.set([...MAC, ...MAC, 0x86, 0xdd, 0x60]);
  packet[14 + 6] = nextHeader;
  return packet;
}

const MAC = [2, 0, 0, 0, 0, 1];
