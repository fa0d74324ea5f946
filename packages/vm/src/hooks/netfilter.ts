import type { Machine } from '../machine.ts';
import { kernelObject, type Placed, type PlainObject } from './kernel-object.ts';
import { ETH_HLEN, type SkBuff } from './skb.ts';

/** Of what a netfilter program decides about, by default a packet that comes in, after IPv4's routing has seen it. */
const STATE: PlainObject = { hook: 0, pf: 2 };
/** `NFPROTO_IPV6`, and IPv6's type of Ethernet. */
const NFPROTO_IPV6 = 10;
const ETH_P_IPV6 = 0x86dd;

/**
 * `struct bpf_nf_ctx` of a netfilter program: the state of the hook and the packet, both as the kernel's structures.
 * `plain` has `state`, the members of `struct nf_hook_state`, and `skb`, those of `struct sk_buff` that do not follow from
 * the packet. Throws a RangeError.
 */
export function netfilterContext(machine: Machine, skb: SkBuff, plain: PlainObject, placed: Placed[]): number {
  const types = machine.kernelTypes();
  if (types?.find('bpf_nf_ctx', 'struct') === undefined)
    throw new RangeError('the machine has no kernel types that hold `struct bpf_nf_ctx`');
  const { state, skb: own, ...rest } = plain as { state?: PlainObject; skb?: PlainObject };
  const [wrong] = Object.keys(rest);
  if (wrong !== undefined) throw new RangeError(`there is no \`${wrong}\`; there are state, skb`);
  const { view } = machine.memory;
  const six = view.getUint16(skb.mac + 12) === ETH_P_IPV6;
  const packet: PlainObject = {
    len: skb.length,
    protocol: view.getUint16(skb.mac + 12, true),
    mac_header: 0,
    network_header: ETH_HLEN,
    transport_header: ETH_HLEN + (six ? 40 : 4 * (view.getUint8(skb.network) & 15)),
    head: skb.mac,
    data: skb.data,
    tail: skb.end - skb.mac,
    end: skb.end - skb.mac,
    ...own,
  };
  const address = kernelObject(machine, types, 'sk_buff', packet, placed);
  skb.structure = Number(address);
  const hook = { ...STATE, ...(six && { pf: NFPROTO_IPV6 }), ...state };
  return Number(kernelObject(machine, types, 'bpf_nf_ctx', { state: hook, skb: address }, placed));
}
