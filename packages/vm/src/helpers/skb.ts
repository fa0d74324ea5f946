import { EACCES, EFAULT, EINVAL, ENOENT, ENOMEM, ENOTSUPP } from '../errno.ts';
import { Fault } from '../fault.ts';
import {
  ETH_HLEN,
  HASH,
  MAX_SKB,
  PKT_TYPE,
  PROTOCOL,
  type SkBuff,
  TSTAMP,
  TSTAMP_TYPE,
  VLAN_PRESENT,
  VLAN_PROTO,
  VLAN_TCI,
} from '../hooks/skb.ts';
import type { Machine } from '../machine.ts';
import { CgroupArrayMap } from '../maps/references.ts';
import { RECORDED } from '../memory.ts';
import { replace, replaceByDifference } from './checksum.ts';
import { argument64, give, give64, giveUnsigned, type Helper } from './helper.ts';
import { mapOf } from './maps.ts';

/** Helpers of programs over `__sk_buff` (net/core/filter.c). */
export const skbHelpers: Record<string, Helper> = {
  // (skb, offset, from, length, flags)
  bpf_skb_store_bytes: (machine, r) => {
    const skb = skbOf(machine, r);
    const [offset, length, flags] = [r[4]!, r[8]! >>> 0, r[10]! >>> 0];
    if (r[11] !== 0 || (flags & ~(RECOMPUTE_CSUM | INVALIDATE_HASH)) !== 0) give(r, EINVAL);
    else if (!skb.has(offset, length)) give(r, EFAULT);
    else {
      const from = machine.memory.check(r[6]!, r[7]!, length, 'the bytes for a packet');
      machine.memory.bytes.copyWithin(skb.data + offset, from, from + length);
      if ((flags & INVALIDATE_HASH) !== 0) skb.set(HASH, 0);
      give(r, 0);
    }
  },
  // (skb, offset, to, length)
  bpf_skb_load_bytes: (machine, r) => {
    const skb = skbOf(machine, r);
    load(machine, r, skb.has(r[4]!, r[8]! >>> 0) ? skb.data + r[4]! : undefined);
  },
  // (skb, offset, to, length, start)
  bpf_skb_load_bytes_relative: (machine, r) => {
    const skb = skbOf(machine, r);
    const start = r[10] === 0 ? skb.mac : r[10] === 1 ? skb.network : undefined;
    const from = (start ?? 0) + (r[4]! >>> 0);
    const inside = start !== undefined && r[4]! >>> 0 <= 0xffff && from + (r[8]! >>> 0) <= skb.end;
    load(machine, r, inside ? from : undefined);
  },
  // (skb, offset, from, to, flags)
  bpf_l3_csum_replace: (machine, r) => {
    const skb = skbOf(machine, r);
    const flags = r[10]! >>> 0;
    if (r[11] !== 0 || (flags & ~FIELD_SIZE) !== 0) give(r, EINVAL);
    else give(r, replaceChecksum(machine, r, skb, flags, false));
  },
  // (skb, offset, from, to, flags)
  bpf_l4_csum_replace: (machine, r) => {
    const skb = skbOf(machine, r);
    const flags = r[10]! >>> 0;
    if (r[11] !== 0 || (flags & ~(FIELD_SIZE | PSEUDO_HEADER | MANGLED_0 | ENFORCE | CSUM_IPV6)) !== 0) give(r, EINVAL);
    else give(r, replaceChecksum(machine, r, skb, flags, true));
  },
  // (skb, sum): only for checksums that a device computed
  bpf_csum_update: (_, r) => give(r, ENOTSUPP),
  // (skb, level)
  bpf_csum_level: (_, r) => give(r, r[4] === 0 && r[5] === 0 ? EACCES : r[4]! >>> 0 > 3 ? EINVAL : 0),
  // (skb, ifindex, flags)
  bpf_clone_redirect: (machine, r) => {
    const skb = skbOf(machine, r);
    if ((r[6]! & ~1) !== 0 || r[7] !== 0 || r[4]! <= 0) give(r, EINVAL);
    else {
      machine.outcome.clones ??= [];
      machine.memory.work += RECORDED + 64 * skb.length;
      machine.outcome.clones.push({ interface: r[4]!, flags: r[6]!, data: skb.packet() });
      give(r, 0);
    }
  },
  // (ifindex, params, length, flags), (ifindex, flags)
  bpf_redirect_neigh: (machine, r) => redirect(machine, r, (r[4]! | r[5]!) !== 0 && r[6]! < 20 ? 1 : r[8]!),
  bpf_redirect_peer: (machine, r) => redirect(machine, r, r[4]!),
  // (skb, proto, tci)
  bpf_skb_vlan_push: (machine, r) => {
    const skb = skbOf(machine, r);
    const wanted = r[4]! & 0xffff;
    const proto = wanted === VLAN_8021AD ? VLAN_8021AD : VLAN_8021Q;
    if (skb.get(VLAN_PRESENT) !== 0 && !insertTag(skb)) give(r, ENOMEM);
    else {
      setTag(skb, proto, r[6]! & 0xffff);
      skb.set(HASH, 0);
      give(r, 0);
    }
  },
  // (skb)
  bpf_skb_vlan_pop: (machine, r) => {
    const skb = skbOf(machine, r);
    if (skb.get(VLAN_PRESENT) !== 0) clearTag(skb);
    else if (isVlan(protocolAt(skb)) && skb.has(0, 18)) {
      removeTag(skb);
      clearTag(skb);
    } else {
      give(r, 0);
      return;
    }
    // The next tag comes out of the packet as well.
    if (isVlan(protocolAt(skb)) && skb.has(0, 18)) {
      const { proto, tci } = removeTag(skb);
      setTag(skb, proto, tci);
    }
    skb.set(HASH, 0);
    give(r, 0);
  },
  // (skb, key, size, flags)
  bpf_skb_get_tunnel_key: (machine, r) => {
    const key = skbOf(machine, r).tunnelKey;
    const target = machine.memory.slice(r[4]!, r[5]!, r[6]! >>> 0, 'a tunnel key');
    target.fill(0);
    if (key === undefined || (r[8]! & ~0x11) !== 0) give(r, EINVAL);
    else {
      target.set(key.subarray(0, target.length));
      give(r, 0);
    }
  },
  bpf_skb_set_tunnel_key: (machine, r) => {
    const skb = skbOf(machine, r);
    if ((r[8]! & ~0x1f) !== 0 || r[9] !== 0) give(r, EINVAL);
    else {
      skb.tunnelKey = machine.memory.slice(r[4]!, r[5]!, r[6]! >>> 0, 'a tunnel key').slice();
      give(r, 0);
    }
  },
  // (skb, options, size)
  bpf_skb_get_tunnel_opt: (machine, r) => {
    const options = skbOf(machine, r).tunnelOptions;
    const target = machine.memory.slice(r[4]!, r[5]!, r[6]! >>> 0, 'tunnel options');
    target.fill(0);
    if (options === undefined) give(r, ENOENT);
    else if (target.length < options.length) give(r, ENOMEM);
    else {
      target.set(options);
      give(r, options.length);
    }
  },
  bpf_skb_set_tunnel_opt: (machine, r) => {
    const size = r[6]! >>> 0;
    if (size % 4 !== 0) give(r, EINVAL);
    else if (size > 255) give(r, ENOMEM);
    else {
      skbOf(machine, r).tunnelOptions = machine.memory.slice(r[4]!, r[5]!, size, 'tunnel options').slice();
      give(r, 0);
    }
  },
  // (skb, index, state, size, flags): no packet came through IPsec
  bpf_skb_get_xfrm_state: (machine, r) => {
    machine.memory.slice(r[6]!, r[7]!, r[8]! >>> 0, 'the place of a state').fill(0);
    give(r, EINVAL);
  },
  // (skb, protocol, flags)
  bpf_skb_change_proto: (machine, r) => {
    const skb = skbOf(machine, r);
    const from = skb.get(PROTOCOL);
    const to = r[4]! & 0xffff;
    if ((r[6]! | r[7]!) !== 0) give(r, EINVAL);
    else if (from === IP && to === IPV6) give(r, changeProtocol(skb, 20, to));
    else if (from === IPV6 && to === IP) give(r, changeProtocol(skb, -20, to));
    else give(r, ENOTSUPP);
  },
  // (skb, type)
  bpf_skb_change_type: (machine, r) => {
    const skb = skbOf(machine, r);
    if (skb.get(PKT_TYPE) > 3 || r[4]! >>> 0 > 3) give(r, EINVAL);
    else {
      skb.set(PKT_TYPE, r[4]!);
      give(r, 0);
    }
  },
  // (skb, map, index), (map, index)
  bpf_skb_under_cgroup: (machine, r) => {
    const cgroup = skbOf(machine, r).socket?.cgroup;
    give(r, under(machine, r, 2, r[6]! >>> 0, cgroup === undefined ? [] : [cgroup]));
  },
  bpf_current_task_under_cgroup: (machine, r) =>
    give(r, under(machine, r, 1, r[4]! >>> 0, machine.world.cgroups?.() ?? [machine.world.cgroupId()])),
  bpf_get_cgroup_classid: (_, r) => giveUnsigned(r, 0),
  bpf_get_route_realm: (_, r) => giveUnsigned(r, 0),
  bpf_skb_cgroup_classid: (_, r) => giveUnsigned(r, 0),
  // (skb), (skb), (skb, hash)
  bpf_get_hash_recalc: (machine, r) => {
    const skb = skbOf(machine, r);
    if (skb.get(HASH) === 0) skb.set(HASH, flowHash(skb));
    giveUnsigned(r, skb.get(HASH) | 0);
  },
  bpf_set_hash_invalid: (machine, r) => {
    skbOf(machine, r).set(HASH, 0);
    give(r, 0);
  },
  bpf_set_hash: (machine, r) => {
    skbOf(machine, r).set(HASH, r[4]!);
    give(r, 0);
  },
  // (skb, length, flags)
  bpf_skb_change_tail: (machine, r) => {
    const skb = skbOf(machine, r);
    const length = r[4]! >>> 0;
    const least = Math.max(0, skb.network - skb.data);
    if ((r[6]! | r[7]!) !== 0 || length > MAX_SKB || length < least) give(r, EINVAL);
    else give(r, skb.resize(length) ? 0 : ENOMEM);
  },
  // (skb, length): a packet is in one piece here
  bpf_skb_pull_data: (machine, r) => give(r, r[4]! >>> 0 > skbOf(machine, r).length ? ENOMEM : 0),
  // (skb, length, flags)
  bpf_skb_change_head: (machine, r) => {
    const skb = skbOf(machine, r);
    const more = r[4]! >>> 0;
    if ((r[6]! | r[7]!) !== 0 || more > MAX_SKB - skb.length) give(r, EINVAL);
    else give(r, skb.growHead(more) ? 0 : ENOMEM);
  },
  // (skb), (skb), (skb, level)
  bpf_get_socket_uid: (machine, r) => giveUnsigned(r, machine.skb?.socket?.uid ?? OVERFLOW_UID),
  bpf_skb_cgroup_id: (machine, r) => give64(r, skbOf(machine, r).socket?.cgroup ?? 0n),
  bpf_skb_ancestor_cgroup_id: (machine, r) => {
    const cgroup = skbOf(machine, r).socket?.cgroup;
    give64(r, r[4] === 0 && cgroup !== undefined ? cgroup : 0n);
  },
  // (skb, difference, mode, flags)
  bpf_skb_adjust_room: (machine, r) => {
    const skb = skbOf(machine, r);
    const [difference, mode] = [r[4]!, r[6]!];
    const protocol = skb.get(PROTOCOL);
    if (r[9] !== 0 || (r[8]! & ~ADJUST_ROOM_FLAGS) !== 0) give(r, EINVAL);
    else if (Math.abs(difference) > 0xfff) give(r, EFAULT);
    else if ((protocol !== IP && protocol !== IPV6) || mode >>> 0 > 1) give(r, ENOTSUPP);
    else {
      const header = protocol === IP ? 20 : 40;
      // BPF_ADJ_ROOM_NET makes room behind the network header, _MAC in front of it.
      const offset = skb.network - skb.data + (mode === 0 ? header : 0);
      if (difference < 0 && skb.length - offset + difference < (mode === 0 ? 0 : header)) give(r, ENOTSUPP);
      else give(r, shift(skb, offset, difference) ? 0 : ENOMEM);
    }
  },
  // (skb)
  bpf_skb_ecn_set_ce: (machine, r) => {
    const skb = skbOf(machine, r);
    const { bytes, view } = machine.memory;
    const at = skb.network;
    if (skb.get(PROTOCOL) === IP && at + 20 <= skb.end) {
      const ecn = bytes[at + 1]! & 3;
      if (ecn === 0) give(r, 0);
      else {
        if (ecn !== 3) {
          const before = view.getUint16(at, true);
          bytes[at + 1] = bytes[at + 1]! | 3;
          view.setUint16(at + 10, replace(view.getUint16(at + 10, true), before, view.getUint16(at, true)), true);
        }
        give(r, 1);
      }
    } else if (skb.get(PROTOCOL) === IPV6 && at + 40 <= skb.end) {
      const ecn = (bytes[at + 1]! >> 4) & 3;
      if (ecn !== 0) bytes[at + 1] = bytes[at + 1]! | 0x30;
      give(r, ecn === 0 ? 0 : 1);
    } else give(r, 0);
  },
  // (skb, time, type)
  bpf_skb_set_tstamp: (machine, r) => {
    const skb = skbOf(machine, r);
    const time = argument64(r, 2);
    if (r[6]! >>> 0 > 2 || (r[6] === 0) !== (time === 0n)) give(r, EINVAL);
    else {
      machine.memory.view.setBigUint64(skb.context + TSTAMP, time, true);
      machine.memory.view.setUint8(skb.context + TSTAMP_TYPE, r[6]!);
      give(r, 0);
    }
  },
};

function skbOf(machine: Machine, r: Int32Array): SkBuff {
  const { skb } = machine;
  if (skb === undefined || r[3] !== 0 || r[2] !== skb.context)
    throw new Fault('call', 'it passes what is no packet to a helper of packets');
  return skb;
}

function load(machine: Machine, r: Int32Array, from: number | undefined): void {
  const length = r[8]! >>> 0;
  const target = machine.memory.check(r[6]!, r[7]!, length, 'the target of a load');
  if (from === undefined) machine.memory.bytes.fill(0, target, target + length);
  else machine.memory.bytes.copyWithin(target, from, from + length);
  give(r, from === undefined ? EFAULT : 0);
}

function replaceChecksum(machine: Machine, r: Int32Array, skb: SkBuff, flags: number, transport: boolean): number {
  const offset = r[4]! >>> 0;
  if (offset > 0xffff || (offset & 1) !== 0 || !skb.has(offset, 2)) return EFAULT;
  const { view } = machine.memory;
  const at = skb.data + offset;
  const check = view.getUint16(at, true);
  // UDP: 0 means that there is no checksum, and stays so unless it is asked for.
  if (transport && (flags & MANGLED_0) !== 0 && (flags & ENFORCE) === 0 && check === 0) return 0;
  const [from, to] = [r[6]! >>> 0, r[8]! >>> 0];
  let next: number;
  switch (flags & FIELD_SIZE) {
    case 0:
      if ((r[6]! | r[7]!) !== 0) return EINVAL;
      next = replaceByDifference(check, to);
      break;
    case 2:
      next = replace(check, from & 0xffff, to & 0xffff);
      break;
    case 4:
      next = replace(check, from, to);
      break;
    default:
      return EINVAL;
  }
  if (transport && (flags & MANGLED_0) !== 0 && next === 0) next = 0xffff;
  view.setUint16(at, next, true);
  return 0;
}

function redirect(machine: Machine, r: Int32Array, flags: number): void {
  if (flags !== 0) give(r, TC_ACT_SHOT);
  else {
    machine.outcome.redirect = { interface: r[2]!, flags };
    give(r, TC_ACT_REDIRECT);
  }
}

function under(machine: Machine, r: Int32Array, n: number, index: number, cgroups: readonly bigint[]): number {
  const map = mapOf(machine, r, n);
  if (!(map instanceof CgroupArrayMap)) throw new Fault('map', `${map.spec.name} is no cgroup array`);
  if (index >= map.spec.maxEntries) return -7;
  const wanted = map.cgroup(index);
  if (wanted === undefined) return -11;
  return cgroups.includes(wanted) ? 1 : 0;
}

function changeProtocol(skb: SkBuff, difference: number, protocol: number): number {
  if (!shift(skb, skb.network - skb.data, difference)) return ENOMEM;
  skb.set(PROTOCOL, protocol);
  skb.set(HASH, 0);
  return 0;
}

/** Opens or closes a gap at an offset of the data, leaving the network header where the gap begins. */
function shift(skb: SkBuff, offset: number, difference: number): boolean {
  if (!skb.gap(offset, difference)) return false;
  skb.network -= difference;
  return true;
}

function protocolAt(skb: SkBuff): number {
  return skb.memory.view.getUint16(skb.mac + 12, true);
}

function isVlan(proto: number): boolean {
  return proto === VLAN_8021Q || proto === VLAN_8021AD;
}

function setTag(skb: SkBuff, proto: number, tci: number): void {
  skb.set(VLAN_PRESENT, 1);
  skb.set(VLAN_PROTO, proto);
  skb.set(VLAN_TCI, tci);
}

function clearTag(skb: SkBuff): void {
  skb.set(VLAN_PRESENT, 0);
  skb.set(VLAN_PROTO, 0);
  skb.set(VLAN_TCI, 0);
}

/** The tag that stood beside the packet goes into it. */
function insertTag(skb: SkBuff): boolean {
  const offset = skb.mac - skb.data + 12;
  const proto = skb.get(VLAN_PROTO);
  const tci = skb.get(VLAN_TCI);
  if (offset < 0 || !skb.gap(offset, 4)) return false;
  const { view } = skb.memory;
  view.setUint16(skb.mac + 12, proto, true);
  view.setUint16(skb.mac + 14, tci, false);
  skb.set(PROTOCOL, proto);
  return true;
}

function removeTag(skb: SkBuff): { proto: number; tci: number } {
  const { view } = skb.memory;
  const proto = protocolAt(skb);
  const tci = view.getUint16(skb.mac + 14, false);
  skb.gap(skb.mac - skb.data + 12, -4);
  skb.network = skb.mac + ETH_HLEN;
  skb.set(PROTOCOL, skb.protocolAt(skb.mac + 12));
  return { proto, tci };
}

/** The same for all packets of a flow; the kernel's has a secret key. */
function flowHash(skb: SkBuff): number {
  const { bytes } = skb.memory;
  const ip = skb.get(PROTOCOL) === IP;
  const addresses = skb.network + (ip ? 12 : 8);
  const end = Math.min(skb.end, ip ? skb.network + (bytes[skb.network]! & 15) * 4 + 4 : skb.network + 44);
  let hash = 0x811c9dc5;
  for (let at = addresses; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash === 0 ? 1 : hash >>> 0;
}

const RECOMPUTE_CSUM = 1;
const INVALIDATE_HASH = 2;
const FIELD_SIZE = 0xf;
const PSEUDO_HEADER = 0x10;
const MANGLED_0 = 0x20;
const ENFORCE = 0x40;
const CSUM_IPV6 = 0x80;
const ADJUST_ROOM_FLAGS = 0xff0001ff | 0;
const TC_ACT_SHOT = 2;
const TC_ACT_REDIRECT = 7;
const OVERFLOW_UID = 65534;
/** Protocols as they lie in memory, read as little endian. */
const IP = 0x0008;
const IPV6 = 0xdd86;
const VLAN_8021Q = 0x0081;
const VLAN_8021AD = 0xa888;
