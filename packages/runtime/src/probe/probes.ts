import type { LinkPacket, NetworkPacket } from './packets.ts';
import type { Iterators, KernelFunctions, LsmHooks, RawTracepoints, Tracepoints } from './places.ts';
import { callingUnit } from './unit.ts';
import type { KernelPointer, UserPointer } from './values.ts';

/** Verdicts of `xdp`. */
export const Xdp = { Aborted: 0, Drop: 1, Pass: 2, Tx: 3, Redirect: 4 } as const;
/** Verdicts of `tc`. */
export const Tc = { Unspec: -1, Ok: 0, Reclassify: 1, Shot: 2, Pipe: 3 } as const;
/** Protocols of IP packets. */
export const IpProto = { Icmp: 1, Tcp: 6, Udp: 17, Icmp6: 58 } as const;
/** Flags of TCP segments (RFC 9293). */
export const TcpFlag = { Fin: 1, Syn: 2, Rst: 4, Psh: 8, Ack: 16, Urg: 32 } as const;

type XdpVerdict = (typeof Xdp)[keyof typeof Xdp];
type TcVerdict = (typeof Tc)[keyof typeof Tc];
type Result<F> = F extends { readonly ret: infer R } ? R : never;
type Args<F> = F extends { readonly args: infer A extends readonly unknown[] } ? A : never;

function register(kind: string, target: string, run: (...args: never[]) => unknown): void {
  callingUnit().probes.push({ kind, target, run });
}

/** `category:name`, as under /sys/kernel/tracing/events. */
export function tracepoint<N extends keyof Tracepoints>(name: N, probe: (context: Tracepoints[N]) => void): void {
  register('tracepoint', name, probe);
}
/** A tracepoint with the kernel's own arguments, whose members are read by a helper. */
export function raw_tp<N extends keyof RawTracepoints>(name: N, probe: (...args: RawTracepoints[N]) => void): void {
  register('raw_tp', name, probe);
}
/** The same, typed for the verifier: members are read directly. */
export function tp_btf<N extends keyof RawTracepoints>(name: N, probe: (...args: RawTracepoints[N]) => void): void {
  register('tp_btf', name, probe);
}
/** The entry of a function of the kernel, with its first five arguments. */
export function kprobe<N extends keyof KernelFunctions>(
  name: N,
  probe: (...args: Args<KernelFunctions[N]>) => void,
): void {
  register('kprobe', name, probe);
}
/** The return of a function of the kernel. */
export function kretprobe<N extends keyof KernelFunctions>(
  name: N,
  probe: (ret: Result<KernelFunctions[N]>) => void,
): void {
  register('kretprobe', name, probe);
}
/** The entry of a function, with all its arguments, typed for the verifier. */
export function fentry<N extends keyof KernelFunctions>(
  name: N,
  probe: (...args: Args<KernelFunctions[N]>) => void,
): void {
  register('fentry', name, probe);
}
/** The return of a function, with its arguments and, behind them, its result. */
export function fexit<N extends keyof KernelFunctions>(
  name: N,
  probe: (...args: [...Args<KernelFunctions[N]>, ret: Result<KernelFunctions[N]>]) => void,
): void {
  register('fexit', name, probe);
}
/** Allows (0) or refuses (a negative errno); behind the arguments, what programs before said. */
export function lsm<N extends keyof LsmHooks>(
  name: N,
  probe: (...args: [...Args<LsmHooks[N]>, before: number]) => number,
): void {
  register('lsm', name, probe);
}
/** Walks through what the kernel has of a kind when it is attached: all tasks, sockets, maps. */
export function iter<N extends keyof Iterators>(name: N, probe: (...args: Iterators[N]) => void): void {
  register('iter', name, probe);
}
/** A function of a program: `/bin/bash:readline`. */
export function uprobe(place: `${string}:${string}`, probe: (context: { arg(index: number): bigint }) => void): void {
  register('uprobe', place, probe);
}
/** The return of such a function, with its result. */
export function uretprobe(place: `${string}:${string}`, probe: (context: { readonly ret: bigint }) => void): void {
  register('uretprobe', place, probe);
}
/** Every packet that an interface receives. */
export function xdp(probe: (packet: LinkPacket) => XdpVerdict): void {
  register('xdp', '', probe);
}
/** Every packet that an interface receives or sends. */
export function tc(direction: 'ingress' | 'egress', probe: (packet: LinkPacket) => TcVerdict): void {
  register('tc', direction, probe);
}
/** Packets of a cgroup's sockets, from the IP header on; `true` lets them pass. */
export function cgroup_skb(direction: 'ingress' | 'egress', probe: (packet: NetworkPacket) => boolean): void {
  register('cgroup_skb', direction, probe);
}
interface SocketAddress {
  port: number;
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
}
interface SocketAddress4 extends SocketAddress {
  /** As a number: 10.0.0.1 is 0x0a000001. */
  addr: number;
}
/** What a cgroup's sockets do; `true` allows it. Address and port can be changed. */
export function cgroup(hook: 'connect4' | 'bind4' | 'sendmsg4', probe: (context: SocketAddress4) => boolean): void;
export function cgroup(hook: 'connect6' | 'bind6' | 'sendmsg6', probe: (context: SocketAddress) => boolean): void;
export function cgroup(hook: string, probe: (context: never) => boolean): void {
  register('cgroup', hook, probe);
}
/** So many times a second on every CPU. */
export function perf(
  _options: { readonly frequency: number },
  probe: (context: { readonly period: bigint }) => void,
): void {
  register('perf', '', probe);
}
/** On the user side, while the probes are attached: every so many milliseconds. */
export function interval(milliseconds: number, run: () => void): void {
  callingUnit().intervals.push({ every: milliseconds, run });
}

/** A number that is an address in the process's memory. */
export function uptr(address: bigint | UserPointer): UserPointer {
  return address as unknown as UserPointer;
}
/** A number that is an address in the kernel's memory. */
export function kptr(address: bigint | KernelPointer): KernelPointer {
  return address as unknown as KernelPointer;
}
