export { Events, events, type Params, params } from './events.ts';
export { cgroupId, comm, cpu, type Facts, gid, now, pid, random, task, tid, uid } from './facts.ts';
export type * as kernel from './generated/kernel.ts';
export {
  ArrayMap,
  array,
  Counter,
  counter,
  HashMap,
  Histogram,
  hash,
  histogram,
  lpm,
  lruHash,
  PrefixMap,
  perCpuArray,
  perCpuHash,
} from './maps.ts';
export type { LinkPacket, NetworkPacket } from './packets.ts';
export type * from './places.ts';
export * from './probes.ts';
export { Simulation, simulate } from './simulate.ts';
export {
  type Field,
  formatIpv4,
  ipv4,
  type KernelPointer,
  pointerTo,
  type Shape,
  type Struct,
  type Text,
  type UserPointer,
  type ValueOf,
} from './values.ts';
