import { isIP, SocketAddress } from 'node:net';
import { PROG } from '@skep/abi';
import { badRoute, KernelError, systemCallFailed } from '../diagnostics.ts';
import { interfaceIndex } from '../interfaces.ts';
import { addLwtRoute, type LwtRoute, type Removal } from '../netlink.ts';
import type { Program } from '../program.ts';
import { ERRNO } from '../sys/errno.ts';
import { unmet } from '../unsupported.ts';
import type { Link } from './link.ts';
import { outlivingLink } from './outliving.ts';

/** The route that gets the program. */
export interface LwtOptions {
  /** Which packets: `10.8.0.0/16`, `2001:db8::1`. */
  readonly destination: string;
  /** By which interface they leave; found by the gateway when there is one. */
  readonly device?: string | number | undefined;
  readonly gateway?: string | undefined;
  /** Bytes that a program at `xmit` may put in front of packets; 0. */
  readonly headroom?: number;
}

/**
 * Runs the program for packets that take a route which is made for it (a lightweight tunnel): as they come in, as this
 * machine sends them, or as they are about to leave, by the program's type. There must be no route to just that
 * destination yet.
 */
export function attachLwt(program: Program, options: LwtOptions): Link {
  const { destination, headroom = 0 } = options;
  const end = ENDS[program.type];
  if (end === undefined) throw new Error(`program ${program.name} is not for routes`);
  const what = `route to ${destination}`;
  let removal: Removal;
  try {
    removal = addLwtRoute(routeOf(options), { fd: program.fd, name: program.name, end, headroom }, what);
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno === 0) throw error;
    const { call, errno } = error;
    throw unmet(NEED, call, errno) ?? (HINTS[errno] ? systemCallFailed(call, errno, what, HINTS[errno]) : error);
  }
  return outlivingLink(what, removal);
}

const ENDS: Readonly<Record<number, 'in' | 'out' | 'xmit'>> = {
  [PROG.BPF_PROG_TYPE_LWT_IN]: 'in',
  [PROG.BPF_PROG_TYPE_LWT_OUT]: 'out',
  [PROG.BPF_PROG_TYPE_LWT_XMIT]: 'xmit',
};
const NEED = { what: 'programs on routes', since: '4.10', config: 'CONFIG_LWTUNNEL_BPF', instead: 'a tc program' };
const HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EEXIST]: 'there is a route to just that destination already',
  [ERRNO.ENODEV]: 'name the interface by which packets leave',
  [ERRNO.EINVAL]: 'name the interface by which packets leave, or a gateway that can be reached',
};

function routeOf({ destination, gateway, device }: LwtOptions): LwtRoute {
  const [address, length] = destination.split('/');
  const family = isIP(address!);
  const all = family === 6 ? 128 : 32;
  const bits = length === undefined ? all : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (family === 0 || bits < 0 || bits > all) throw badRoute(destination);
  if (gateway !== undefined && isIP(gateway) !== family) throw badRoute(gateway);
  return {
    destination: addressBytes(address!),
    bits,
    gateway: gateway === undefined ? undefined : addressBytes(gateway),
    ifindex: typeof device === 'string' ? interfaceIndex(device) : device,
  };
}

/** In network order. */
function addressBytes(text: string): Uint8Array {
  if (isIP(text) === 4) return Uint8Array.from(text.split('.'), Number);
  // Without `::` in the middle and dotted quads at the end, as URLs write them.
  const plain = new URL(`http://[${new SocketAddress({ address: text, family: 'ipv6' }).address}]`).hostname.slice(
    1,
    -1,
  );
  const [head = '', tail] = plain.split('::');
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const [first, last] = [words(head), words(tail ?? '')];
  const all = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]));
}
