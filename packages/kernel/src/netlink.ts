import { ByteWriter } from '@skep/base';
import { KernelError, systemCallFailed } from './diagnostics.ts';
import { cBytes } from './sys/c-string.ts';
import { ERRNO } from './sys/errno.ts';
import { Handle } from './sys/handle.ts';
import { allocate } from './sys/memory.ts';
import { sys } from './sys/syscalls.ts';

/** One message over NETLINK_ROUTE. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
}

/** How something is taken back, step by step. What is gone already is no error. */
export type Removal = readonly {
  readonly message: Message;
  /** It asks, and when the answer has any of these the rest is not done. */
  readonly stopAt?: number;
}[];

/**
 * Attaches an XDP program the way of kernels without XDP links (before 5.9): RTM_SETLINK with IFLA_XDP. Gives the way to
 * take it back.
 */
export function setXdp(ifindex: number, programFd: number, flags: number, what: string): Removal {
  request(xdpMessage(ifindex, programFd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST), what);
  return [{ message: xdpMessage(ifindex, -1, flags) }];
}

/** `programFd` -1 detaches. */
function xdpMessage(ifindex: number, programFd: number, flags: number): Message {
  const body = new ByteWriter();
  // struct ifinfomsg
  body.u8(AF_UNSPEC).u8(0).u16(0).i32(ifindex).u32(0).u32(0);
  const nested = new ByteWriter();
  attribute(nested, IFLA_XDP_FD, int(programFd));
  attribute(nested, IFLA_XDP_FLAGS, int(flags));
  attribute(body, IFLA_XDP | NLA_F_NESTED, nested.toBytes());
  return { type: RTM_SETLINK, flags: 0, body: body.toBytes() };
}

/** Where packets go that an own route with a program takes. Addresses of 4 or 16 bytes, in network order. */
export interface LwtRoute {
  readonly destination: Uint8Array;
  /** Bits of the destination that count. */
  readonly bits: number;
  readonly gateway: Uint8Array | undefined;
  readonly ifindex: number | undefined;
}

/** Makes a route that runs a program, in the main table. Gives the way to take it back. */
export function addLwtRoute(
  route: LwtRoute,
  program: {
    readonly fd: number;
    readonly name: string;
    readonly end: 'in' | 'out' | 'xmit';
    readonly headroom: number;
  },
  what: string,
): Removal {
  const nested = new ByteWriter();
  const one = new ByteWriter();
  attribute(one, LWT_BPF_PROG.fd, int(program.fd));
  attribute(one, LWT_BPF_PROG.name, cBytes(program.name));
  attribute(nested, LWT_BPF[program.end] | NLA_F_NESTED, one.toBytes());
  if (program.headroom > 0) attribute(nested, LWT_BPF.headroom, int(program.headroom));
  const body = routeMessage(route);
  attribute(body, RTA.encapType, new ByteWriter().u16(LWTUNNEL_ENCAP_BPF).toBytes());
  attribute(body, RTA.encap | NLA_F_NESTED, nested.toBytes());
  request({ type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL, body: body.toBytes() }, what);
  return [{ message: { type: RTM_DELROUTE, flags: 0, body: routeMessage(route).toBytes() } }];
}

/** struct rtmsg, and what both making and removing a route say of it. */
function routeMessage({ destination, bits, gateway, ifindex }: LwtRoute): ByteWriter {
  const AF_INET = 2;
  const AF_INET6 = 10;
  const RT_TABLE_MAIN = 254;
  const RTPROT_BOOT = 3;
  const RT_SCOPE = { universe: 0, link: 253 };
  const RTN_UNICAST = 1;
  const body = new ByteWriter();
  const scope = gateway === undefined && destination.length === 4 ? RT_SCOPE.link : RT_SCOPE.universe;
  body
    .u8(destination.length === 4 ? AF_INET : AF_INET6)
    .u8(bits)
    .u8(0)
    .u8(0);
  body.u8(RT_TABLE_MAIN).u8(RTPROT_BOOT).u8(scope).u8(RTN_UNICAST).u32(0);
  attribute(body, RTA.destination, destination);
  if (ifindex !== undefined) attribute(body, RTA.interface, int(ifindex));
  if (gateway !== undefined) attribute(body, RTA.gateway, gateway);
  return body;
}

/** Numbers of include/uapi/linux/{netlink,rtnetlink,if_link}.h. */
const AF_UNSPEC = 0;
const RTM_SETLINK = 19;
const XDP_FLAGS_UPDATE_IF_NOEXIST = 1;
const IFLA_XDP = 43;
const IFLA_XDP_FD = 1;
const IFLA_XDP_FLAGS = 3;
const NLA_F_NESTED = 1 << 15;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_ECHO = 8;
const NLM_F_EXCL = 0x200;
const NLM_F_DUMP = 0x300;
const NLM_F_CREATE = 0x400;

/** include/uapi/linux/{rtnetlink,lwtunnel}.h */
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTA = { destination: 1, interface: 4, gateway: 5, encapType: 21, encap: 22 } as const;
const LWTUNNEL_ENCAP_BPF = 6;
const LWT_BPF = { in: 1, out: 2, xmit: 3, headroom: 4 } as const;
const LWT_BPF_PROG = { fd: 1, name: 2 } as const;

const RTM_NEWQDISC = 36;
const RTM_DELQDISC = 37;
const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
const RTM_GETTFILTER = 46;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_BPF = { fd: 6, name: 7, flags: 8 } as const;
const TCA_BPF_FLAG_ACT_DIRECT = 1;
const ETH_P_ALL = 3;
/** TC_H_MAKE(TC_H_CLSACT, …). */
const CLSACT = { qdisc: 0xffff_0000, parent: 0xffff_fff1, ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;

/**
 * A filter whose return value decides (direct action), on the queueing discipline `clsact`, which is made when it is not
 * there. Gives the way to take the filter back, and with it the discipline, if it is ours and nobody else uses it.
 */
export function addTcFilter(
  ifindex: number,
  direction: 'ingress' | 'egress',
  program: { readonly fd: number; readonly name: string },
  what: string,
): Removal {
  const removeDiscipline = addClsact(ifindex, what);
  const body = tcMessage(ifindex, 0, CLSACT[direction], networkOrder(ETH_P_ALL));
  attribute(body, TCA_KIND, cBytes('bpf'));
  const nested = new ByteWriter();
  attribute(nested, TCA_BPF.fd, int(program.fd));
  attribute(nested, TCA_BPF.name, cBytes(program.name));
  attribute(nested, TCA_BPF.flags, int(TCA_BPF_FLAG_ACT_DIRECT));
  attribute(body, TCA_OPTIONS | NLA_F_NESTED, nested.toBytes());
  const flags = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO;
  let replies: Reply[];
  try {
    replies = request({ type: RTM_NEWTFILTER, flags, body: body.toBytes() }, what);
  } catch (error) {
    remove(removeDiscipline, what);
    throw error;
  }
  const told = replies.find((one) => one.type === RTM_NEWTFILTER);
  if (told === undefined) throw new Error('netlink did not tell of the new filter');
  // As the kernel numbered it.
  const handle = told.body.getUint32(8, true);
  const priority = told.body.getUint32(16, true) >>> 16;
  const filter = tcMessage(ifindex, handle, CLSACT[direction], (priority << 16) | networkOrder(ETH_P_ALL));
  attribute(filter, TCA_KIND, cBytes('bpf'));
  return [{ message: { type: RTM_DELTFILTER, flags: 0, body: filter.toBytes() } }, ...removeDiscipline];
}

/** The discipline that carries filters in both directions; the way to take it back is empty when it was there before. */
function addClsact(ifindex: number, what: string): Removal {
  const body = tcMessage(ifindex, CLSACT.qdisc, CLSACT.parent, 0);
  attribute(body, TCA_KIND, cBytes('clsact'));
  try {
    request({ type: RTM_NEWQDISC, flags: NLM_F_CREATE | NLM_F_EXCL, body: body.toBytes() }, what);
  } catch (error) {
    if (error instanceof KernelError && error.errno === ERRNO.EEXIST) return [];
    throw error;
  }
  const filters = (direction: 'ingress' | 'egress') => ({
    message: {
      type: RTM_GETTFILTER,
      flags: NLM_F_DUMP,
      body: tcMessage(ifindex, 0, CLSACT[direction], 0).toBytes(),
    },
    stopAt: RTM_NEWTFILTER,
  });
  const discipline = tcMessage(ifindex, CLSACT.qdisc, CLSACT.parent, 0).toBytes();
  return [filters('ingress'), filters('egress'), { message: { type: RTM_DELQDISC, flags: 0, body: discipline } }];
}

export function remove(removal: Removal, what: string): void {
  for (const { message, stopAt } of removal) {
    try {
      const replies = request(message, what);
      if (stopAt !== undefined && replies.some((one) => one.type === stopAt)) return;
    } catch (error) {
      if (!(error instanceof KernelError && GONE.has(error.errno))) throw error;
    }
  }
}

/** Said when the interface, the discipline, the filter or the route is no longer there. */
const GONE: ReadonlySet<number> = new Set([ERRNO.ENODEV, ERRNO.ENOENT, ERRNO.ESRCH, ERRNO.EINVAL]);

/** A message as it is sent: behind struct nlmsghdr. */
export function messageBytes({ type, flags, body }: Message): Uint8Array {
  const whole = new ByteWriter();
  whole
    .u32(16 + body.length)
    .u16(type)
    .u16(NLM_F_REQUEST | NLM_F_ACK | flags)
    .u32(1)
    .u32(0)
    .raw(body);
  return whole.toBytes();
}

/** struct tcmsg */
function tcMessage(ifindex: number, handle: number, parent: number, info: number): ByteWriter {
  const body = new ByteWriter();
  body
    .u8(AF_UNSPEC)
    .u8(0)
    .u16(0)
    .i32(ifindex)
    .u32(handle)
    .u32(parent)
    .u32(info >>> 0);
  return body;
}

interface Reply {
  readonly type: number;
  readonly body: DataView;
}

/** One request over NETLINK_ROUTE and what the kernel says to it, up to its acknowledgement or the end of the list. */
function request(message: Message, what: string): Reply[] {
  const AF_NETLINK = 16;
  const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
  const fd = sys('socket', AF_NETLINK, SOCK_RAW_CLOEXEC, 0);
  if (fd < 0) throw systemCallFailed('socket(AF_NETLINK)', -fd, what);
  const socket = new Handle(fd, 'netlink');
  const memory = allocate(32 * 1024);
  const replies: Reply[] = [];
  try {
    const bytes = messageBytes(message);
    memory.bytes.set(bytes);
    const sent = sys('sendto', socket.fd, memory.address, bytes.length);
    if (sent < 0) throw systemCallFailed('sendto(AF_NETLINK)', -sent, what);
    for (;;) {
      const received = sys('recvfrom', socket.fd, memory.address, memory.bytes.length);
      if (received < 0) throw systemCallFailed('recvfrom(AF_NETLINK)', -received, what);
      for (let at = 0; at + 16 <= received; ) {
        const length = memory.view.getUint32(at, true);
        const kind = memory.view.getUint16(at + 4, true);
        if (length < 16) throw new Error('netlink sent a message without a length');
        if (kind === NLMSG_DONE) return replies;
        if (kind === NLMSG_ERROR) {
          const result = memory.view.getInt32(at + 16, true);
          if (result < 0) throw systemCallFailed(REQUESTS[message.type] ?? 'netlink', -result, what);
          return replies;
        }
        const copy = memory.bytes.slice(at + 16, at + length);
        replies.push({ type: kind, body: new DataView(copy.buffer) });
        at += (length + 3) & ~3;
      }
    }
  } finally {
    memory.free();
    socket.close();
  }
}

/** For messages. */
const REQUESTS: Readonly<Record<number, string>> = {
  [RTM_SETLINK]: 'RTM_SETLINK',
  [RTM_NEWROUTE]: 'RTM_NEWROUTE',
  [RTM_DELROUTE]: 'RTM_DELROUTE',
  [RTM_NEWQDISC]: 'RTM_NEWQDISC',
  [RTM_DELQDISC]: 'RTM_DELQDISC',
  [RTM_NEWTFILTER]: 'RTM_NEWTFILTER',
  [RTM_DELTFILTER]: 'RTM_DELTFILTER',
  [RTM_GETTFILTER]: 'RTM_GETTFILTER',
};

function networkOrder(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8);
}

function attribute(out: ByteWriter, type: number, value: Uint8Array): void {
  out
    .u16(4 + value.length)
    .u16(type)
    .raw(value)
    .align(4);
}

function int(value: number): Uint8Array {
  return new ByteWriter().i32(value).toBytes();
}
