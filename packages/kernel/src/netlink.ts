import { ByteWriter } from '@skep/base';
import { KernelError, systemCallFailed } from './diagnostics.ts';
import { cBytes } from './sys/c-string.ts';
import { ERRNO } from './sys/errno.ts';
import { Handle } from './sys/handle.ts';
import { allocate } from './sys/memory.ts';
import { sys } from './sys/syscalls.ts';

/**
 * Attaches an XDP program the way of kernels without XDP links (before 5.9): RTM_SETLINK with IFLA_XDP. `programFd` -1
 * detaches.
 */
export function setXdp(ifindex: number, programFd: number, flags: number, what: string): void {
  const XDP_FLAGS_UPDATE_IF_NOEXIST = 1;
  const AF_UNSPEC = 0;
  const body = new ByteWriter();
  // struct ifinfomsg
  body.u8(AF_UNSPEC).u8(0).u16(0).i32(ifindex).u32(0).u32(0);
  const nested = new ByteWriter();
  attribute(nested, IFLA_XDP_FD, int(programFd));
  attribute(nested, IFLA_XDP_FLAGS, int(flags | (programFd >= 0 ? XDP_FLAGS_UPDATE_IF_NOEXIST : 0)));
  attribute(body, IFLA_XDP | NLA_F_NESTED, nested.toBytes());
  request(RTM_SETLINK, body.toBytes(), what);
}

/** Numbers of include/uapi/linux/{netlink,rtnetlink,if_link}.h. */
const RTM_SETLINK = 19;
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

/** A filter of the traffic control, as the kernel numbered it. */
export interface TcFilter {
  readonly ifindex: number;
  readonly direction: 'ingress' | 'egress';
  readonly handle: number;
  readonly priority: number;
}

/** The queueing discipline that carries filters in both directions; says whether it was not there before. */
export function addClsact(ifindex: number, what: string): boolean {
  const body = tcMessage(ifindex, CLSACT.qdisc, CLSACT.parent, 0);
  attribute(body, TCA_KIND, cBytes('clsact'));
  try {
    request(RTM_NEWQDISC, body.toBytes(), what, NLM_F_CREATE | NLM_F_EXCL);
    return true;
  } catch (error) {
    if (error instanceof KernelError && error.errno === ERRNO.EEXIST) return false;
    throw error;
  }
}

/** Takes {@link addClsact} back when no filter uses it any more. */
export function removeClsact(ifindex: number, what: string): void {
  for (const direction of ['ingress', 'egress'] as const) {
    const body = tcMessage(ifindex, 0, CLSACT[direction], 0);
    const filters = request(RTM_GETTFILTER, body.toBytes(), what, NLM_F_DUMP);
    if (filters.some((one) => one.type === RTM_NEWTFILTER)) return;
  }
  request(RTM_DELQDISC, tcMessage(ifindex, CLSACT.qdisc, CLSACT.parent, 0).toBytes(), what);
}

/** A program whose return value decides (direct action). */
export function addTcFilter(
  ifindex: number,
  direction: 'ingress' | 'egress',
  programFd: number,
  name: string,
  what: string,
): TcFilter {
  const body = tcMessage(ifindex, 0, CLSACT[direction], networkOrder(ETH_P_ALL));
  attribute(body, TCA_KIND, cBytes('bpf'));
  const nested = new ByteWriter();
  attribute(nested, TCA_BPF.fd, int(programFd));
  attribute(nested, TCA_BPF.name, cBytes(name));
  attribute(nested, TCA_BPF.flags, int(TCA_BPF_FLAG_ACT_DIRECT));
  attribute(body, TCA_OPTIONS | NLA_F_NESTED, nested.toBytes());
  const replies = request(RTM_NEWTFILTER, body.toBytes(), what, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO);
  const told = replies.find((one) => one.type === RTM_NEWTFILTER);
  if (told === undefined) throw new Error('netlink did not tell of the new filter');
  return { ifindex, direction, handle: told.body.getUint32(8, true), priority: told.body.getUint32(16, true) >>> 16 };
}

export function removeTcFilter({ ifindex, direction, handle, priority }: TcFilter, what: string): void {
  const body = tcMessage(ifindex, handle, CLSACT[direction], (priority << 16) | networkOrder(ETH_P_ALL));
  attribute(body, TCA_KIND, cBytes('bpf'));
  request(RTM_DELTFILTER, body.toBytes(), what);
}

/** struct tcmsg */
function tcMessage(ifindex: number, handle: number, parent: number, info: number): ByteWriter {
  const AF_UNSPEC = 0;
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
function request(type: number, body: Uint8Array, what: string, flags = 0): Reply[] {
  const AF_NETLINK = 16;
  const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
  const fd = sys('socket', AF_NETLINK, SOCK_RAW_CLOEXEC, 0);
  if (fd < 0) throw systemCallFailed('socket(AF_NETLINK)', -fd, what);
  const socket = new Handle(fd, 'netlink');
  const memory = allocate(32 * 1024);
  const replies: Reply[] = [];
  try {
    const message = new ByteWriter();
    message
      .u32(16 + body.length)
      .u16(type)
      .u16(NLM_F_REQUEST | NLM_F_ACK | flags)
      .u32(1)
      .u32(0)
      .raw(body);
    memory.bytes.set(message.toBytes());
    const sent = sys('sendto', socket.fd, memory.address, message.length);
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
          if (result < 0) throw systemCallFailed(REQUESTS[type] ?? 'netlink', -result, what);
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
