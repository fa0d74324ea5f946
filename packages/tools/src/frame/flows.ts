import { isIP } from 'node:net';
import { EXIT, SkepError } from '@skep/base';
import type { Cell, Column, Row } from '@skep/view';
import type { Loaded } from 'skep';
import { badAddress, badPorts } from '../diagnostics.ts';
import { left } from './columns.ts';
import { WHEN } from './options.ts';
import { taken } from './taken.ts';
import type { Given, ToolOption } from './tool.ts';

/** As the programs have it: `struct flow` of programs/include/tcp.h. */
export interface Flow {
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  readonly local_port: number;
  readonly remote_port: number;
  readonly family: number;
}

const AF_INET = 2;

const AF_INET6 = 10;

/** What tools for TCP take. */
export const FAMILIES: readonly ToolOption[] = [
  { flags: '-4, --ipv4', summary: 'only IPv4' },
  { flags: '-6, --ipv6', summary: 'only IPv6' },
];
export const FLOWS: readonly ToolOption[] = [
  ...FAMILIES,
  { flags: '-L, --localport', value: 'ports', summary: 'only these ports here: 80,443' },
  { flags: '-D, --remoteport', value: 'ports', summary: 'only these ports there' },
];

/** What tools take that show a line for each connection, or change of one. */
export const FLOW_LINES: readonly ToolOption[] = [
  ...WHEN,
  { flags: '-w, --wide', summary: 'room for IPv6' },
  { flags: '-s, --csv', summary: 'comma-separated, as -o csv' },
  ...FLOWS,
];

/** What connections are meant, for a program with programs/include/tcp.h. */
export interface FlowFilter {
  readonly globals: { readonly [name: string]: number };
  readonly prepare: (loaded: Loaded) => void;
}

/** By family and ports: those of the options with these names. Throws E9033. */
export function flowFilter(
  given: Pick<Given, 'flag' | 'text'>,
  names: { readonly local?: string; readonly remote?: string } = { local: 'localport', remote: 'remoteport' },
): FlowFilter {
  const sides = [names.local, names.remote].map((name) => portsOf(name && given.text(name)));
  return {
    globals: {
      ...(given.flag('ipv4') && { target_family: AF_INET }),
      ...(given.flag('ipv6') && { target_family: AF_INET6 }),
      ...(sides[0]!.length > 0 && { by_local_port: 1 }),
      ...(sides[1]!.length > 0 && { by_remote_port: 1 }),
    },
    prepare(loaded) {
      const map = loaded.maps.get('ports')!;
      for (const [side, ports] of sides.entries()) for (const port of ports) map.set({ side, port } as never, 1);
    },
  };
}

function portsOf(text: string | undefined): number[] {
  if (text === undefined) return [];
  const ports = text.split(',').map((one) => (/^\s*\d+\s*$/.test(one) ? Number(one) : 0));
  if (ports.some((one) => one < 1 || one > 65535)) throw new SkepError(badPorts(text), EXIT.usage);
  return ports;
}

/** An address as programs have it: the four bytes of IPv4 first. Throws E9034. */
export function addressBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  switch (isIP(text)) {
    case 4:
      bytes.set(text.split('.').map(Number));
      return bytes;
    case 6: {
      const hex = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
        const [a, b, c, d] = parts.map(Number) as [number, number, number, number];
        return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
      });
      const [before, after] = hex.split('::').map((half) => (half === '' ? [] : half.split(':')));
      const gap = after === undefined ? [] : Array<string>(8 - before!.length - after.length).fill('0');
      const groups = [...before!, ...gap, ...(after ?? [])].map((one) => Number.parseInt(one, 16));
      for (const [i, group] of groups.entries()) bytes.set([group >> 8, group & 0xff], 2 * i);
      return bytes;
    }
    default:
      throw new SkepError(badAddress(text), EXIT.usage);
  }
}

/** The cells of a flow: `ip`, `laddr`, `lport`, `raddr`, `rport`. */
export function flowCells(flow: Flow): Row {
  const ip = flow.family === AF_INET ? 4 : 6;
  return {
    ip,
    laddr: addressText(flow.local, ip),
    lport: flow.local_port,
    raddr: addressText(flow.remote, ip),
    rport: flow.remote_port,
  };
}

/** The columns of both ends, with `-w` wider. */
export function flowColumns(given: Pick<Given, 'flag'>): Column[] {
  const width = given.flag('wide') ? 26 : 15;
  return [
    left('LADDR', 'laddr', width),
    left('LPORT', 'lport', 5),
    left('RADDR', 'raddr', width),
    left('RPORT', 'rport', 5),
  ];
}

/** The rows of a map that counts by connection, taken out of it; the most first. */
export function countedFlows(loaded: Loaded): Row[] {
  return taken<Flow, bigint>(loaded, 'counts')
    .map(([flow, count]) => ({ ...flowCells(flow), count: Number(count) }))
    .sort((a, b) => b.count - a.count);
}

/** `192.0.2.1:80`, `[2001:db8::1]:80`. */
export function endText(address: Cell | undefined, port: Cell | undefined): string {
  return `${String(address).includes(':') ? `[${address}]` : address}:${port}`;
}

/** As RFC 5952 writes it: small letters, the longest run of zeros shortened. */
export function addressText(bytes: Uint8Array, ip: 4 | 6): string {
  if (ip === 4) return bytes.subarray(0, 4).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  if (groups.slice(0, 5).every((one) => one === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(12, 16).join('.')}`;
  }
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length += 1;
    if (length > best.length) best = { at, length };
  }
  const hex = groups.map((one) => one.toString(16));
  if (best.at < 0) return hex.join(':');
  return `${hex.slice(0, best.at).join(':')}::${hex.slice(best.at + best.length).join(':')}`;
}

/** include/net/tcp_states.h, in the order of the numbers. */
const STATES =
  '? ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING NEW_SYN_RECV'.split(
    ' ',
  );

export function tcpState(state: number): string {
  return STATES[state] ?? String(state);
}
