import type { PlainObject } from '../hooks/kernel-object.ts';
import type { StructOps } from '../hooks/struct-ops.ts';
import type { Machine } from '../machine.ts';
import { Member } from './structure.ts';

/** A packet for a queueing discipline; bytes that are not given count by `length` alone. */
export interface QueuedPacket {
  readonly length: number;
  readonly mark?: number;
  readonly priority?: number;
  readonly hash?: number;
  /** Earliest departure, in nanoseconds. */
  readonly tstamp?: bigint;
}

/**
 * A queueing discipline made of programs (`struct Qdisc_ops`, net/sched/bpf_qdisc.c): packets go in by `enqueue` and come
 * out by `dequeue`. Which packet is which is told by its number, in the order in which they were given.
 */
export class SimulatedQdisc {
  private readonly machine: Machine;
  private readonly ops: StructOps;
  private readonly packets: bigint[] = [];
  private readonly hashes = new Map<bigint, number>();
  private readonly queued: Member | undefined;
  private readonly sch: bigint;
  private readonly free: number;
  /** Numbers of packets that the discipline let go of, by `bpf_qdisc_skb_drop` or `bpf_kfree_skb`. */
  readonly dropped: number[] = [];
  /** What `bpf_qdisc_bstats_update` counted. */
  bytes = 0;
  counted = 0;
  /** When it asked to be looked at again (`bpf_qdisc_watchdog_schedule`), nanoseconds. */
  watchdog: bigint | undefined;

  constructor(machine: Machine, ops: StructOps, qdisc: PlainObject = {}) {
    this.machine = machine;
    this.ops = ops;
    this.sch = ops.object('Qdisc', qdisc);
    this.free = machine.memory.allocate(8);
    this.queued = Member.find(machine, ops.types, 'Qdisc', 'q.qlen');
    machine.qdisc = this;
    if (ops.has('init')) this.result(ops.call('init', this.sch, 0n, 0n));
  }

  /** 0 when it was taken (`NET_XMIT_SUCCESS`), otherwise `NET_XMIT_DROP` and the like. */
  enqueue(packet: QueuedPacket): number {
    const { length, ...fields } = packet;
    const given: { [member: string]: number | bigint } = { len: length, ...fields };
    const has = (path: string) => Member.find(this.machine, this.ops.types, 'sk_buff', path) !== undefined;
    const members = Object.entries(given).filter(([name]) => has(name));
    const skb = this.ops.object('sk_buff', Object.fromEntries(members));
    // `struct qdisc_skb_cb` starts with the length.
    Member.find(this.machine, this.ops.types, 'sk_buff', 'cb')?.setWord(skb, length);
    this.hashes.set(skb, packet.hash ?? this.packets.length + 1);
    this.packets.push(skb);
    return this.result(this.ops.callKnown('enqueue', skb, this.sch, BigInt(this.free)));
  }

  /** The number of the packet that goes out next; undefined when none does. */
  dequeue(): number | undefined {
    const skb = BigInt(this.ops.call('dequeue', this.sch) ?? 0n);
    const at = this.packets.indexOf(skb);
    return at < 0 ? undefined : at;
  }

  reset(): void {
    if (this.ops.has('reset')) this.ops.call('reset', this.sch);
  }

  /** Ends it; what is still in its queues goes. */
  destroy(): void {
    if (this.ops.has('destroy')) this.ops.call('destroy', this.sch);
    this.machine.qdisc = undefined;
  }

  /** `sch->q.qlen`, where its types have that. */
  get length(): number {
    return Number(this.queued?.get(this.sch) ?? 0n);
  }

  drop(skb: bigint): void {
    const at = this.packets.indexOf(skb);
    if (at >= 0) this.dropped.push(at);
  }

  hashOf(skb: bigint): number {
    return this.hashes.get(skb) ?? 0;
  }

  count(skb: bigint): void {
    const length = Member.find(this.machine, this.ops.types, 'sk_buff', 'len')?.get(skb) ?? 0n;
    this.bytes += Number(length);
    this.counted += 1;
  }

  private result(value: number | bigint | undefined): number {
    return Number(value ?? 0);
  }
}
