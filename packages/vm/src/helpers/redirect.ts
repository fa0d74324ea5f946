import { EINVAL } from '../errno.ts';
import { Fault } from '../fault.ts';
import type { Machine } from '../machine.ts';
import { DeviceHashMap, TargetArrayMap } from '../maps/devices.ts';
import { SocketMap } from '../maps/sockets.ts';
import type { Route } from '../world.ts';
import { give, type Helper } from './helper.ts';
import { mapOf } from './maps.ts';

/** Helpers that say where a packet goes. */
export const redirectHelpers: Record<string, Helper> = {
  // (ifindex, flags): of XDP and of tc
  bpf_redirect: (machine, r) => {
    const xdp = machine.running?.spec.hook?.programType === 'BPF_PROG_TYPE_XDP';
    const wrong = r[5] !== 0 || (xdp ? r[4] !== 0 : (r[4]! & ~1) !== 0);
    if (!wrong) machine.outcome.redirect = { interface: r[2]!, flags: r[4]! };
    give(r, xdp ? (wrong ? XDP_ABORTED : XDP_REDIRECT) : wrong ? TC_ACT_SHOT : TC_ACT_REDIRECT);
  },
  // (map, key, flags)
  bpf_redirect_map: (machine, r) => {
    const map = mapOf(machine, r, 1);
    const device = (map instanceof TargetArrayMap && map.devices) || map instanceof DeviceHashMap;
    const known = 3 | (device ? BROADCAST | EXCLUDE_INGRESS : 0);
    const flags = r[6]! >>> 0;
    if (r[7] !== 0 || (flags & ~known) !== 0) {
      give(r, XDP_ABORTED);
      return;
    }
    const key = machine.memory.allocate(4);
    machine.memory.view.setInt32(key, r[4]!, true);
    const target = map.lookup(key, machine.world.cpu);
    machine.memory.release(key, 4);
    if (target === 0 && (flags & BROADCAST) === 0) give(r, flags & 3);
    else {
      const to = device && target !== 0 ? { interface: machine.memory.view.getUint32(target, true) } : {};
      machine.outcome.redirect = { ...to, map, key: r[4]! >>> 0, flags };
      give(r, XDP_REDIRECT);
    }
  },
  // (skb, map, key, flags): a key as a number
  bpf_sk_redirect_map: (machine, r) => toSocketOfIndex(machine, r),
  bpf_msg_redirect_map: (machine, r) => toSocketOfIndex(machine, r),
  // (skb, map, key, flags): a key in memory
  bpf_sk_redirect_hash: (machine, r) =>
    toSocket(machine, r, machine.memory.check(r[6]!, r[7]!, mapOf(machine, r, 2).spec.keySize, 'a key')),
  bpf_msg_redirect_hash: (machine, r) =>
    toSocket(machine, r, machine.memory.check(r[6]!, r[7]!, mapOf(machine, r, 2).spec.keySize, 'a key')),
  // (ops, map, key, flags)
  bpf_sock_map_update: (machine, r) => updateSocketMap(machine, r),
  bpf_sock_hash_update: (machine, r) => updateSocketMap(machine, r),
  // (context, map, key, flags)
  bpf_sk_select_reuseport: (machine, r) => {
    const map = socketMapOf(machine, r);
    const socket = map.socketAt(machine.memory.check(r[6]!, r[7]!, map.spec.keySize, 'a key'));
    if (socket === undefined) give(r, -2);
    else {
      machine.outcome.socket = socket;
      give(r, 0);
    }
  },
  // (context, params, length, flags)
  bpf_fib_lookup: (machine, r) => give(r, fibLookup(machine, r)),
  // (context, ifindex, mtu, difference, flags)
  bpf_check_mtu: (machine, r) => {
    const place = machine.memory.check(r[6]!, r[7]!, 4, 'the place of an MTU');
    const { view } = machine.memory;
    if (r[11] !== 0 || (r[10]! & ~1) !== 0) {
      give(r, EINVAL);
      return;
    }
    const asked = view.getUint32(place, true);
    const mtu = r[4]! === 1 ? 65536 : 1500;
    const packet =
      machine.running?.spec.hook?.programType === 'BPF_PROG_TYPE_XDP'
        ? machine.packet?.bytes().length
        : machine.skb?.length;
    const length = asked !== 0 ? asked + 14 : (packet ?? 0);
    view.setUint32(place, mtu, true);
    give(r, length + r[8]! > mtu + 14 ? 1 : 0);
  },
};

function socketMapOf(machine: Machine, r: Int32Array): SocketMap {
  const map = mapOf(machine, r, 2);
  if (!(map instanceof SocketMap)) throw new Fault('map', `${map.spec.name} holds no sockets`);
  return map;
}

function toSocketOfIndex(machine: Machine, r: Int32Array): void {
  const key = machine.memory.allocate(4);
  machine.memory.view.setInt32(key, r[6]!, true);
  toSocket(machine, r, key);
  machine.memory.release(key, 4);
}

function toSocket(machine: Machine, r: Int32Array, key: number): void {
  const map = socketMapOf(machine, r);
  // BPF_F_INGRESS is the only flag.
  const socket = r[9] === 0 && (r[8]! & ~1) === 0 ? map.socketAt(key) : undefined;
  if (socket === undefined) give(r, SK_DROP);
  else {
    machine.outcome.socket = socket;
    machine.outcome.redirect = { map, flags: r[8]! };
    give(r, SK_PASS);
  }
}

function updateSocketMap(machine: Machine, r: Int32Array): void {
  const map = socketMapOf(machine, r);
  const key = machine.memory.check(r[6]!, r[7]!, map.spec.keySize, 'a key');
  const socket = machine.hook.socket;
  give(r, socket === undefined || r[9] !== 0 ? EINVAL : map.put(key, socket, r[8]! >>> 0));
}

/** Offsets are those of `struct bpf_fib_lookup`. */
function fibLookup(machine: Machine, r: Int32Array): number {
  const size = r[6]!;
  if (size < 64 || (r[8]! & ~0x3f) !== 0) return EINVAL;
  const at = machine.memory.check(r[4]!, r[5]!, size, 'the parameters of a route');
  const { view, bytes } = machine.memory;
  const family = bytes[at]!;
  if (family !== AF_INET && family !== AF_INET6) return -97;
  const width = family === AF_INET ? 4 : 16;
  const length = view.getUint16(at + 6, true);
  const route = machine.world.route?.({
    family: family === AF_INET ? 'inet' : 'inet6',
    source: bytes.slice(at + 16, at + 16 + width),
    target: bytes.slice(at + 32, at + 32 + width),
    interface: view.getUint32(at + 8, true),
    protocol: bytes[at + 1]!,
    length,
  });
  if (route === undefined) return FIB_NOT_FORWARDED;
  if (route.refuse !== undefined) return route.refuse;
  return answer(machine, at, route, width, length, (r[8]! & SKIP_NEIGH) !== 0);
}

function answer(
  machine: Machine,
  at: number,
  route: Route,
  width: number,
  length: number,
  skipNeighbour: boolean,
): number {
  const { view, bytes } = machine.memory;
  if (route.mtu !== undefined && length > route.mtu) {
    view.setUint16(at + 6, route.mtu, true);
    return FIB_FRAGMENT;
  }
  view.setUint32(at + 12, route.metric ?? 0, true);
  view.setUint32(at + 8, route.interface, true);
  if (route.gateway) bytes.set(route.gateway.subarray(0, width), at + 32);
  view.setUint32(at + 48, 0, true);
  if (skipNeighbour) return 0;
  if (route.targetMac === undefined) return FIB_NO_NEIGHBOUR;
  bytes.set((route.sourceMac ?? new Uint8Array(6)).subarray(0, 6), at + 52);
  bytes.set(route.targetMac.subarray(0, 6), at + 58);
  return 0;
}

export const SK_DROP = 0;
export const SK_PASS = 1;
const XDP_ABORTED = 0;
const XDP_REDIRECT = 4;
const TC_ACT_SHOT = 2;
const TC_ACT_REDIRECT = 7;
const BROADCAST = 8;
const EXCLUDE_INGRESS = 16;
const AF_INET = 2;
const AF_INET6 = 10;
const FIB_NOT_FORWARDED = 4;
const FIB_NO_NEIGHBOUR = 7;
const FIB_FRAGMENT = 8;
const SKIP_NEIGH = 4;
