import { ByteWriter } from '@skep/base';
import { systemCallFailed } from './diagnostics.ts';
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
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;

/** One request and its acknowledgement over NETLINK_ROUTE. */
function request(type: number, body: Uint8Array, what: string): void {
  const AF_NETLINK = 16;
  const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
  const fd = sys('socket', AF_NETLINK, SOCK_RAW_CLOEXEC, 0);
  if (fd < 0) throw systemCallFailed('socket(AF_NETLINK)', -fd, what);
  const socket = new Handle(fd, 'netlink');
  const memory = allocate(8192);
  try {
    const message = new ByteWriter();
    message
      .u32(16 + body.length)
      .u16(type)
      .u16(NLM_F_REQUEST | NLM_F_ACK)
      .u32(1)
      .u32(0)
      .raw(body);
    memory.bytes.set(message.toBytes());
    const sent = sys('sendto', socket.fd, memory.address, message.length);
    if (sent < 0) throw systemCallFailed('sendto(AF_NETLINK)', -sent, what);
    const received = sys('recvfrom', socket.fd, memory.address, memory.bytes.length);
    if (received < 0) throw systemCallFailed('recvfrom(AF_NETLINK)', -received, what);
    if (received < 20 || memory.view.getUint16(4, true) !== NLMSG_ERROR) throw new Error('netlink did not acknowledge');
    const result = memory.view.getInt32(16, true);
    if (result < 0) throw systemCallFailed('RTM_SETLINK', -result, what);
  } finally {
    memory.free();
    socket.close();
  }
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
