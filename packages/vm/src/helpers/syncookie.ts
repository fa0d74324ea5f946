import { EACCES, EINVAL, ENOENT, EPROTONOSUPPORT } from '../errno.ts';
import type { Machine } from '../machine.ts';
import { give, give64, type Helper } from './helper.ts';
import { socketAt, stateOf } from './sockets.ts';

/**
 * SYN cookies: sequence numbers that prove a handshake without anything being remembered (net/ipv4/syncookies.c). They
 * are made as the kernel makes them, but for the secret: here it is no secret, so that every run gives the same.
 */
export const syncookieHelpers: Record<string, Helper> = {
  // (socket, ip, length, tcp, length)
  bpf_tcp_check_syncookie: (machine, r) => {
    const tcp = header(machine, r, 4);
    const ip = machine.memory.slice(r[4]!, r[5]!, r[6]! >>> 0, 'an IP header');
    if (tcp === undefined || !listens(machine, r) || addressesOf(ip) === undefined) give(r, EINVAL);
    else if (!tcp.ack || tcp.reset || tcp.syn) give(r, ENOENT);
    else give(r, check(machine, ip, tcp) ? 0 : ENOENT);
  },
  // the same arguments
  bpf_tcp_gen_syncookie: (machine, r) => {
    const tcp = header(machine, r, 4);
    const ip = machine.memory.slice(r[4]!, r[5]!, r[6]! >>> 0, 'an IP header');
    const whole = tcp !== undefined && tcp.length === r[10]! >>> 0;
    if (!whole || !listens(machine, r)) give(r, EINVAL);
    else if (!tcp.syn || tcp.ack || tcp.fin || tcp.reset) give(r, EINVAL);
    else if (addressesOf(ip) === undefined) give(r, ip.length < 20 ? EINVAL : EPROTONOSUPPORT);
    else give64(r, make(machine, ip, tcp));
  },
  // (ip, tcp, length)
  bpf_tcp_raw_gen_syncookie_ipv4: (machine, r) => rawMake(machine, r, 20),
  bpf_tcp_raw_gen_syncookie_ipv6: (machine, r) => rawMake(machine, r, 40),
  // (ip, tcp)
  bpf_tcp_raw_check_syncookie_ipv4: (machine, r) => rawCheck(machine, r, 20),
  bpf_tcp_raw_check_syncookie_ipv6: (machine, r) => rawCheck(machine, r, 40),
};

/** Segment sizes that a cookie can hold (msstab of net/ipv4/syncookies.c and net/ipv6/syncookies.c). */
const SIZES4 = [536, 1300, 1440, 1460];
const SIZES6 = [1220, 1420, 1440, 8940];
/** Minutes are counted in the top bits: `MAX_SYNCOOKIE_AGE`, `TCP_SYNCOOKIE_PERIOD`, `COOKIEBITS`. */
const MOST_PERIODS = 2;
const PERIOD = 60_000_000_000n;
const BITS = 24;

interface Tcp {
  readonly ports: Uint8Array;
  readonly sequence: number;
  readonly acknowledged: number;
  readonly length: number;
  readonly syn: boolean;
  readonly ack: boolean;
  readonly fin: boolean;
  readonly reset: boolean;
  readonly options: Uint8Array;
}

/** The TCP header that register n points to, whose length is in the next. */
function header(machine: Machine, r: Int32Array, n: number, size = r[2 * n + 2]! >>> 0): Tcp | undefined {
  const bytes = machine.memory.slice(r[2 * n]!, r[2 * n + 1]!, size, 'a TCP header');
  return size < 20 ? undefined : tcpOf(bytes);
}

function tcpOf(bytes: Uint8Array): Tcp {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = (bytes[12]! >> 4) * 4;
  const flags = bytes[13]!;
  return {
    ports: bytes.slice(0, 4),
    sequence: view.getUint32(4),
    acknowledged: view.getUint32(8),
    length,
    fin: (flags & 1) !== 0,
    syn: (flags & 2) !== 0,
    reset: (flags & 4) !== 0,
    ack: (flags & 16) !== 0,
    options: bytes.subarray(20, Math.max(20, length)),
  };
}

function addressesOf(ip: Uint8Array): Uint8Array | undefined {
  if (ip[0]! >> 4 === 4 && ip.length >= 20) return ip.slice(12, 20);
  return ip[0]! >> 4 === 6 && ip.length >= 40 ? ip.slice(8, 40) : undefined;
}

function listens(machine: Machine, r: Int32Array): boolean {
  const socket = socketAt(machine, r, 1);
  return socket !== undefined && socket.tcpAddress !== 0 && stateOf(machine, socket) === 10;
}

/** The cookie, and above it the size of segments that it stands for. */
function make(machine: Machine, ip: Uint8Array, tcp: Tcp): bigint {
  const addresses = addressesOf(ip)!;
  const sizes = addresses.length === 8 ? SIZES4 : SIZES6;
  const wanted = segmentSize(tcp.options) ?? sizes[0]!;
  let index = sizes.length - 1;
  while (index > 0 && wanted < sizes[index]!) index -= 1;
  const period = periodOf(machine);
  const high = (hash(addresses, tcp.ports, 0, 0) + tcp.sequence + (period << BITS)) >>> 0;
  const low = (hash(addresses, tcp.ports, period, 1) + index) & ((1 << BITS) - 1);
  return (BigInt(sizes[index]!) << 32n) | BigInt((high + low) >>> 0);
}

function check(machine: Machine, ip: Uint8Array, tcp: Tcp): boolean {
  const addresses = addressesOf(ip)!;
  const period = periodOf(machine);
  const cookie = (tcp.acknowledged - 1) >>> 0;
  const rest = (cookie - hash(addresses, tcp.ports, 0, 0) - (tcp.sequence - 1)) >>> 0;
  const age = (period - (rest >>> BITS)) & 0xff;
  if (age >= MOST_PERIODS) return false;
  return ((rest - hash(addresses, tcp.ports, period - age, 1)) & ((1 << BITS) - 1)) < 4;
}

function rawMake(machine: Machine, r: Int32Array, size: number): void {
  const ip = machine.memory.slice(r[2]!, r[3]!, size, 'an IP header');
  const tcp = header(machine, r, 2);
  // The kernel takes the version on trust.
  const whole = Uint8Array.from(ip);
  whole[0] = (size === 20 ? 0x40 : 0x60) | (whole[0]! & 15);
  if (tcp === undefined || tcp.length !== r[6]! >>> 0) give(r, EINVAL);
  else give64(r, make(machine, whole, tcp));
}

function rawCheck(machine: Machine, r: Int32Array, size: number): void {
  const ip = Uint8Array.from(machine.memory.slice(r[2]!, r[3]!, size, 'an IP header'));
  ip[0] = (size === 20 ? 0x40 : 0x60) | (ip[0]! & 15);
  const tcp = header(machine, r, 2, 20)!;
  give(r, check(machine, ip, tcp) ? 0 : EACCES);
}

function segmentSize(options: Uint8Array): number | undefined {
  for (let at = 0; at + 1 < options.length; ) {
    const kind = options[at]!;
    if (kind === 0) return undefined;
    if (kind === 1) at += 1;
    else {
      const length = options[at + 1]!;
      if (length < 2) return undefined;
      if (kind === 2 && length === 4 && at + 4 <= options.length) return (options[at + 2]! << 8) | options[at + 3]!;
      at += length;
    }
  }
  return undefined;
}

function periodOf(machine: Machine): number {
  return Number((machine.world.time(5) / PERIOD) & 0x7fffffffn);
}

/** FNV-1a with a last mix; the kernel has SipHash with a secret. */
function hash(addresses: Uint8Array, ports: Uint8Array, period: number, which: number): number {
  let sum = 0x811c9dc5 ^ which;
  for (const byte of [...addresses, ...ports, period & 0xff, (period >> 8) & 0xff])
    sum = Math.imul(sum ^ byte, 0x01000193);
  sum ^= sum >>> 15;
  return Math.imul(sum, 0x2c1b3c6d) >>> 0;
}
