import { BPF_F_RDONLY_PROG, LIMITS } from '@skep/abi';
import { EFAULT, EINVAL } from '../errno.ts';
import { Fault } from '../fault.ts';
import type { Machine } from '../machine.ts';
import type { VmMap } from '../maps/map.ts';
import { PerfEventMap } from '../maps/perf.ts';
import { ProgramArrayMap } from '../maps/references.ts';
import { RingMap } from '../maps/ring.ts';
import { argument64, give, give64, giveUnsigned, type Helper } from './helper.ts';

/** Map, ring buffer and perf event helpers. */
export const mapHelpers: Record<string, Helper> = {
  bpf_map_lookup_elem: (machine, r) => {
    // Of a map that programs may only write the verifier refuses reads through the pointer, not the lookup.
    const map = mapOf(machine, r, 1);
    giveUnsigned(r, map.lookup(keyOf(machine, r, map), machine.world.cpu));
  },
  bpf_map_update_elem: (machine, r) => {
    const map = mapOf(machine, r, 1);
    mayWrite(map);
    const value = machine.memory.check(r[6]!, r[7]!, map.spec.valueSize, 'the value of a map update');
    give(r, r[9] !== 0 ? EINVAL : map.update(keyOf(machine, r, map), value, r[8]! >>> 0, machine.world.cpu));
  },
  bpf_map_delete_elem: (machine, r) => {
    const map = mapOf(machine, r, 1);
    mayWrite(map);
    give(r, map.delete(keyOf(machine, r, map)));
  },
  // (ctx, map, index)
  bpf_tail_call: (machine, r) => {
    const map = mapOf(machine, r, 2);
    if (!(map instanceof ProgramArrayMap)) throw new Fault('map', `${map.spec.name} is no program array`);
    const program = map.program(r[6]! >>> 0);
    // What r0 holds when no program takes over is left open by the kernel; here it is always the same.
    give(r, 0);
    if (program === undefined || machine.tailCalls >= LIMITS.tailCalls) return;
    machine.tailCalls += 1;
    machine.tail = program;
  },
  // (map, value, flags), (map, value), (map, value)
  bpf_map_push_elem: (machine, r) => {
    const map = mapOf(machine, r, 1);
    mayWrite(map);
    const value = machine.memory.check(r[4]!, r[5]!, map.spec.valueSize, 'the value of a push');
    give(r, r[7] !== 0 ? EINVAL : (map.push?.(value, r[6]! >>> 0) ?? EINVAL));
  },
  bpf_map_pop_elem: (machine, r) => {
    const map = mapOf(machine, r, 1);
    mayWrite(map);
    give(r, map.pop?.(machine.memory.check(r[4]!, r[5]!, map.spec.valueSize, 'the target of a pop')) ?? EINVAL);
  },
  bpf_map_peek_elem: (machine, r) => {
    const map = mapOf(machine, r, 1);
    give(r, map.peek?.(machine.memory.check(r[4]!, r[5]!, map.spec.valueSize, 'the target of a peek')) ?? EINVAL);
  },
  // (lock): one program runs at a time
  bpf_spin_lock: (machine, r) => {
    const lock = machine.memory.check(r[2]!, r[3]!, 4, 'a spin lock');
    if (machine.memory.view.getInt32(lock, true) !== 0) throw new Fault('map', 'it takes a lock that is held already');
    machine.memory.view.setInt32(lock, 1, true);
    give(r, 0);
  },
  bpf_spin_unlock: (machine, r) => {
    machine.memory.view.setInt32(machine.memory.check(r[2]!, r[3]!, 4, 'a spin lock'), 0, true);
    give(r, 0);
  },
  // (map, callback, context, flags)
  bpf_for_each_map_elem: (machine, r) => {
    const map = mapOf(machine, r, 1);
    if (r[8] !== 0 || r[9] !== 0) {
      give(r, EINVAL);
      return;
    }
    const [callback, kind, low, top] = [r[4]!, r[5]!, r[6]!, r[7]!];
    const { memory } = machine;
    const { cpu } = machine.world;
    const key = memory.allocate(map.spec.keySize);
    let visited = 0;
    try {
      const keys = map.keys();
      memory.work += keys.length * (map.spec.keySize + 64);
      for (const bytes of keys) {
        memory.bytes.set(bytes, key);
        // A callback may have deleted what comes later.
        const value = map.lookup(key, cpu);
        if (value === 0) continue;
        visited += 1;
        if (machine.callback(callback, kind, [map.address, 0, key, 0, value, 0, low, top]) !== 0) break;
      }
    } finally {
      memory.release(key, map.spec.keySize);
    }
    giveUnsigned(r, visited);
  },
  // (timer, map, flags), (timer, callback), (timer, nanoseconds, flags), (timer)
  bpf_timer_init: (machine, r) => {
    const at = machine.memory.check(r[2]!, r[3]!, 16, 'a timer');
    give(r, machine.timers.init(at, mapOf(machine, r, 2), r[6]!));
  },
  bpf_timer_set_callback: (machine, r) => {
    const at = machine.memory.check(r[2]!, r[3]!, 16, 'a timer');
    give(r, machine.running ? machine.timers.setCallback(at, machine.running, r[4]!, r[5]!) : EINVAL);
  },
  bpf_timer_start: (machine, r) => {
    const at = machine.memory.check(r[2]!, r[3]!, 16, 'a timer');
    give(r, r[7] !== 0 ? EINVAL : machine.timers.start(at, argument64(r, 2), r[6]!));
  },
  bpf_timer_cancel: (machine, r) => give(r, machine.timers.cancel(machine.memory.check(r[2]!, r[3]!, 16, 'a timer'))),
  // (place, pointer)
  bpf_kptr_xchg: (machine, r) => {
    const { view } = machine.memory;
    const at = machine.memory.check(r[2]!, r[3]!, 8, 'a pointer in a map');
    const [low, top] = [r[4]!, r[5]!];
    r[0] = view.getInt32(at, true);
    r[1] = view.getInt32(at + 4, true);
    view.setInt32(at, low, true);
    view.setInt32(at + 4, top, true);
  },
  // (ctx, map, flags, data, size)
  bpf_perf_event_output: perfOutput,
  // The same for programs that trace.
  bpf_skb_output: perfOutput,
  bpf_xdp_output: perfOutput,
  // (map, data, size, flags)
  bpf_ringbuf_output: (machine, r) => {
    const size = r[6]! >>> 0;
    give(r, ringOf(machine, r).output(machine.memory.check(r[4]!, r[5]!, size, 'the data of a record'), size, r[8]!));
  },
  // (map, size, flags)
  bpf_ringbuf_reserve: (machine, r) => {
    const ring = ringOf(machine, r);
    giveUnsigned(r, r[5] !== 0 || r[6] !== 0 || r[7] !== 0 ? 0 : ring.reserve(r[4]! >>> 0));
  },
  // (record, flags)
  bpf_ringbuf_submit: (machine, r) => end(machine, r, false),
  bpf_ringbuf_discard: (machine, r) => end(machine, r, true),
  // (map, what)
  bpf_ringbuf_query: (machine, r) => give64(r, BigInt(ringOf(machine, r).query(r[4]!))),
  // (map, key, cpu)
  bpf_map_lookup_percpu_elem: (machine, r) => {
    const map = mapOf(machine, r, 1);
    const cpu = r[6]! >>> 0;
    giveUnsigned(r, cpu >= machine.cpus ? 0 : map.lookup(keyOf(machine, r, map), cpu));
  },
};

function perfOutput(machine: Machine, r: Int32Array): void {
  const map = mapOf(machine, r, 2);
  if (!(map instanceof PerfEventMap)) throw new Fault('map', `${map.spec.name} is no perf event array`);
  give(r, outputTo(map, machine, r));
}

/** The record; programs over packets may have bytes of the packet sent behind it (BPF_F_CTXLEN_MASK). */
function outputTo(map: PerfEventMap, machine: Machine, r: Int32Array): number {
  const data = machine.memory.slice(r[8]!, r[9]!, r[10]! >>> 0, 'the data of a perf event');
  const length = r[7]! & 0xfffff;
  if (length === 0) return map.output(data);
  const type = machine.running?.spec.hook?.programType ?? '';
  const packet = type === 'BPF_PROG_TYPE_XDP' ? machine.packet?.bytes() : machine.skb?.packet();
  if (packet === undefined) return EINVAL;
  if (length > packet.length) return EFAULT;
  machine.memory.work += packet.length;
  const record = new Uint8Array(data.length + length);
  record.set(data);
  record.set(packet.subarray(0, length), data.length);
  return map.output(record);
}

/** The kernel's verifier refuses such programs; here they end when they do it. */
function mayWrite(map: VmMap): void {
  if ((map.spec.flags & BPF_F_RDONLY_PROG) !== 0)
    throw new Fault('map', `it writes to ${map.spec.name}, which is read-only for programs`);
}

export function mapOf(machine: Machine, r: Int32Array, n: number): VmMap {
  const map = r[2 * n + 1] === 0 ? machine.mapsByAddress.get(r[2 * n]!) : undefined;
  if (map === undefined) throw new Fault('map', 'it passes what is no map to a map helper');
  return map;
}

export function keyOf(machine: Machine, r: Int32Array, map: VmMap): number {
  return machine.memory.check(r[4]!, r[5]!, map.spec.keySize, `a key of ${map.spec.name}`);
}

export function ringOf(machine: Machine, r: Int32Array): RingMap {
  const map = mapOf(machine, r, 1);
  if (!(map instanceof RingMap)) throw new Fault('map', `${map.spec.name} is no ring buffer`);
  return map;
}

function end(machine: Machine, r: Int32Array, discard: boolean): void {
  const record = machine.memory.check(r[2]!, r[3]!, 8, 'a record');
  RingMap.of(machine.memory, record, machine.mapsByAddress).commit(record, discard, r[4]!);
  give(r, 0);
}

/** `MAX_TAIL_CALL_CNT` (include/linux/bpf.h). */
