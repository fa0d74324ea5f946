import type { Row } from '@skep/view';
import type { ToolOption } from './tool.ts';

/** As the programs have it: `struct flow` of programs/include/tcp.h. */
export interface Flow {
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  readonly local_port: number;
  readonly remote_port: number;
  readonly family: number;
}

const AF_INET = 2;

/** What tools for TCP take. */
export const FLOWS: readonly ToolOption[] = [
  { flags: '-4, --ipv4', summary: 'only IPv4' },
  { flags: '-6, --ipv6', summary: 'only IPv6' },
  {
    flags: '-L, --localport',
    value: 'port',
    kind: 'integer',
    summary: 'only this port here',
    global: 'target_local_port',
  },
  {
    flags: '-D, --remoteport',
    value: 'port',
    kind: 'integer',
    summary: 'only this port there',
    global: 'target_remote_port',
  },
];

export function flowGlobals(given: { flag(name: string): boolean }): { [name: string]: number } {
  return given.flag('ipv4') ? { target_family: AF_INET } : given.flag('ipv6') ? { target_family: 10 } : {};
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
