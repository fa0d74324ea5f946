import { readdirSync } from 'node:fs';

/** The sixteen programs of the field, in C, each with the packet that it works on. */
export interface Workload {
  readonly name: string;
  readonly source: URL;
  readonly packet: Uint8Array;
}

export function workloads(): Workload[] {
  const folder = new URL('workloads/', import.meta.url);
  const files = new Set(readdirSync(folder));
  return Object.entries(PACKETS).map(([name, packet]) => {
    const file = `${name}.bpf.c`;
    if (!files.has(file)) throw new Error(`there is no workload ${file}`);
    return { name, source: new URL(file, folder), packet: packet() };
  });
}

const PACKETS: Record<string, () => Uint8Array> = {
  simple: () => noise(64),
  memory_a_plus_b: () => noise(64),
  pkt_filter: () => tcp(443, true),
  log2_int: () => noise(1024),
  prime: () => noise(64),
  switch: () => noise(256),
  memcpy: () => noise(2048),
  strcmp_full: () => strings(511),
  strcmp_fail: () => strings(100),
  jhash: () => noise(480),
  csum: () => noise(1480),
  fib_calls: () => noise(64),
  array_counter: () => noise(64),
  map_counter: () => noise(64),
  lpm: () => noise(64),
  xdp_lb: () => tcp(80, false),
};

/** xorshift32 from a fixed seed. */
function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let x = 0x9e3779b9;
  for (let i = 0; i < size; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = x >>> 11;
  }
  return bytes;
}

/** Two strings of 511 characters, at 0 and at 512, that are the same up to a place. */
function strings(same: number): Uint8Array {
  const bytes = new Uint8Array(1024);
  for (let i = 0; i < 511; i++) {
    bytes[i] = 97 + (i % 26);
    bytes[512 + i] = i === same ? 33 : bytes[i]!;
  }
  return bytes;
}

/** A TCP segment from 192.168.1.7:40000 to 10.0.0.1, in Ethernet with or without a VLAN tag. */
function tcp(port: number, vlan: boolean): Uint8Array {
  const ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...(vlan ? [0x81, 0x00, 0, 42] : []), 8, 0];
  const ip = [0x45, 0, 0, 60, 1, 2, 0x40, 0, 64, 6, 0x6e, 0xb3, 192, 168, 1, 7, 10, 0, 0, 1];
  const segment = [0x9c, 0x40, port >> 8, port & 255, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 4, 0, 0, 0, 0, 0];
  const bytes = new Uint8Array(Math.max(64, ethernet.length + ip.length + segment.length + 20));
  bytes.set([...ethernet, ...ip, ...segment]);
  return bytes;
}
