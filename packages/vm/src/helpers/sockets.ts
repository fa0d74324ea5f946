import { uapiField, uapiRecord } from '@skep/abi';
import { EINVAL } from '../errno.ts';
import type { Socket } from '../hooks/socket.ts';
import type { Machine } from '../machine.ts';
import { RECORDED } from '../memory.ts';
import { argument64, give, give64, giveUnsigned, type Helper } from './helper.ts';

/** Helpers about sockets; those that programs find are the machine's own ({@link Machine.createSocket}). */
export const socketHelpers: Record<string, Helper> = {
  // (context, tuple, size, netns, flags)
  bpf_sk_lookup_tcp: (machine, r) => lookup(machine, r, 'tcp'),
  bpf_sk_lookup_udp: (machine, r) => lookup(machine, r, 'udp'),
  bpf_skc_lookup_tcp: (machine, r) => lookup(machine, r, 'tcp'),
  // (socket)
  bpf_sk_release: (machine, r) => give(r, socketAt(machine, r, 1) === undefined ? EINVAL : 0),
  // (socket): neither a request nor in TIME_WAIT
  bpf_sk_fullsock: (machine, r) => {
    const socket = socketAt(machine, r, 1);
    const state = socket === undefined ? 0 : stateOf(machine, socket);
    giveUnsigned(r, socket === undefined || state === TIME_WAIT || state === NEW_SYN_RECV ? 0 : socket.address);
  },
  // (socket)
  bpf_tcp_sock: (machine, r) => giveUnsigned(r, socketAt(machine, r, 1)?.tcpAddress ?? 0),
  // (socket)
  bpf_get_listener_sock: (machine, r) => {
    const socket = socketAt(machine, r, 1);
    giveUnsigned(r, socket && stateOf(machine, socket) === LISTEN ? socket.address : 0);
  },
  // (context, socket, flags)
  bpf_sk_assign: (machine, r) => {
    const socket = socketAt(machine, r, 2);
    const lookup = machine.running?.spec.hook?.programType === 'BPF_PROG_TYPE_SK_LOOKUP';
    const flags = r[6]!;
    if (r[7] !== 0 || (flags & ~(lookup ? 3 : 0)) !== 0 || (!lookup && socket === undefined)) give(r, EINVAL);
    else if (lookup && machine.outcome.socket !== undefined && (flags & 1) === 0) give(r, -17);
    else {
      if (socket === undefined) delete machine.outcome.socket;
      else machine.outcome.socket = socket;
      give(r, 0);
    }
  },
  // (context or socket), (context)
  bpf_get_socket_cookie: (machine, r) =>
    give64(r, (socketAt(machine, r, 1) ?? machine.skb?.socket ?? machine.hook.socket)?.cookie ?? 0n),
  bpf_get_netns_cookie: (machine, r) => give64(r, machine.world.netnsCookie ?? 1n),
  // (socket), (socket, level)
  bpf_sk_cgroup_id: (machine, r) => give64(r, socketAt(machine, r, 1)?.cgroup ?? 0n),
  bpf_sk_ancestor_cgroup_id: (machine, r) => give64(r, r[4] === 0 ? (socketAt(machine, r, 1)?.cgroup ?? 0n) : 0n),
  // (context, level, name, value, length)
  bpf_setsockopt: (machine, r) => {
    const socket = machine.hook.socket ?? socketAt(machine, r, 1);
    const length = r[10]!;
    const at = machine.memory.check(r[8]!, r[9]!, Math.max(0, length), 'the value of a socket option');
    if (socket === undefined || length < 4) give(r, EINVAL);
    else {
      socket.options.set(`${r[4]}:${r[6]}`, machine.memory.view.getInt32(at, true));
      give(r, 0);
    }
  },
  bpf_getsockopt: (machine, r) => {
    const socket = machine.hook.socket ?? socketAt(machine, r, 1);
    const length = r[10]!;
    const target = machine.memory.slice(r[8]!, r[9]!, Math.max(0, length), 'the place of a socket option');
    const value = socket?.options.get(`${r[4]}:${r[6]}`);
    target.fill(0);
    if (value === undefined || length < 4) give(r, EINVAL);
    else {
      machine.memory.view.setInt32(r[8]!, value, true);
      give(r, 0);
    }
  },
  // (context, flags): gives the flags that the kernel does not know
  bpf_sock_ops_cb_flags_set: (machine, r) => {
    const socket = machine.hook.socket;
    if (socket === undefined) give(r, EINVAL);
    else {
      socket.callbackFlags = r[4]! & ALL_CALLBACKS;
      give(r, r[4]! & ~ALL_CALLBACKS);
    }
  },
  // (socket)
  bpf_skc_to_tcp6_sock: (machine, r) => asKernel(machine, r, (one) => one.family === INET6 && one.tcp && one.full),
  bpf_skc_to_tcp_sock: (machine, r) => asKernel(machine, r, (one) => one.tcp && one.full),
  bpf_skc_to_tcp_timewait_sock: (machine, r) => asKernel(machine, r, (one) => one.tcp && one.state === TIME_WAIT),
  bpf_skc_to_tcp_request_sock: (machine, r) => asKernel(machine, r, (one) => one.tcp && one.state === NEW_SYN_RECV),
  bpf_skc_to_udp6_sock: (machine, r) => asKernel(machine, r, (one) => one.family === INET6 && one.protocol === 17),
  bpf_skc_to_unix_sock: (machine, r) => asKernel(machine, r, (one) => one.family === UNIX),
  bpf_skc_to_mptcp_sock: (machine, r) => asKernel(machine, r, (one) => one.protocol === 262),
  // (file)
  bpf_sock_from_file: (machine, r) => give64(r, machine.world.socketOfFile?.(argument64(r, 1)) ?? 0n),
  // (tcp socket, next)
  bpf_tcp_send_ack: (machine, r) => {
    machine.memory.work += RECORDED;
    machine.outcome.acks ??= [];
    machine.outcome.acks.push(r[4]! >>> 0);
    give(r, 0);
  },
  // (context, address, length)
  bpf_bind: (machine, r) => {
    const length = r[6]!;
    const address = machine.memory.slice(r[4]!, r[5]!, Math.max(0, length), 'an address');
    const family = length >= 2 ? address[0]! | (address[1]! << 8) : 0;
    if (family !== 2 && family !== 10) give(r, -97);
    else if (length < (family === 2 ? 8 : 24)) give(r, EINVAL);
    else {
      machine.outcome.bind = address.slice();
      give(r, 0);
    }
  },
};

function lookup(machine: Machine, r: Int32Array, protocol: 'tcp' | 'udp'): void {
  const size = r[6]! >>> 0;
  const at = machine.memory.check(r[4]!, r[5]!, size, 'the addresses of a connection');
  const netns = (BigInt(r[9]!) << 32n) | BigInt(r[8]! >>> 0);
  // struct bpf_sock_tuple: 12 bytes for IPv4, 36 for IPv6.
  if ((size !== 12 && size !== 36) || (r[10]! | r[11]!) !== 0 || !(netns < 0n || netns <= 0x7fffffffn)) {
    giveUnsigned(r, 0);
    return;
  }
  const { bytes, view } = machine.memory;
  const width = size === 12 ? 4 : 16;
  const socket = machine.world.findSocket?.({
    protocol,
    family: width === 4 ? 'inet' : 'inet6',
    source: bytes.slice(at, at + width),
    target: bytes.slice(at + width, at + 2 * width),
    sourcePort: view.getUint16(at + 2 * width, false),
    targetPort: view.getUint16(at + 2 * width + 2, false),
    netns,
  });
  giveUnsigned(r, socket?.address ?? 0);
}

export function socketAt(machine: Machine, r: Int32Array, n: number): Socket | undefined {
  const object = r[2 * n + 1] === 0 ? machine.objects.get(machine.objects.numberOf(r[2 * n]! >>> 0)) : undefined;
  return object?.kind === 'socket' ? object.socket : undefined;
}

export function stateOf(machine: Machine, socket: Socket): number {
  return machine.memory.view.getUint32(socket.address + 72, true);
}

/** The kernel's own structure of a socket, if it is of the kind. */
function asKernel(
  machine: Machine,
  r: Int32Array,
  is: (socket: { family: number; protocol: number; state: number; tcp: boolean; full: boolean }) => boolean,
): void {
  const address = argument64(r, 1);
  const socket = socketAt(machine, r, 1) ?? machine.objects.sockets().find((one) => one.kernel === address);
  if (socket?.kernel === undefined) {
    giveUnsigned(r, 0);
    return;
  }
  const { view } = machine.memory;
  const state = stateOf(machine, socket);
  const facts = {
    family: view.getUint32(socket.address + FAMILY, true),
    protocol: view.getUint32(socket.address + PROTOCOL, true),
    state,
    tcp: socket.tcpAddress !== 0,
    full: state !== TIME_WAIT && state !== NEW_SYN_RECV,
  };
  give64(r, is(facts) ? socket.kernel : 0n);
}

const SOCK = uapiRecord('bpf_sock')!;
const FAMILY = uapiField(SOCK, 'family')!.offset;
const PROTOCOL = uapiField(SOCK, 'protocol')!.offset;
/** `AF_UNIX`, `AF_INET6`. */
const UNIX = 1;
const INET6 = 10;

/** `TCP_TIME_WAIT`, `TCP_LISTEN`, `TCP_NEW_SYN_RECV`. */
const TIME_WAIT = 6;
const LISTEN = 10;
const NEW_SYN_RECV = 12;
/** `BPF_SOCK_OPS_ALL_CB_FLAGS`. */
const ALL_CALLBACKS = 0x7f;
