import { Fault } from '../fault.ts';
import type { Machine } from '../machine.ts';
import { EINVAL, type VmMap } from '../maps/map.ts';
import { PerfEventMap } from '../maps/perf.ts';
import { RingMap } from '../maps/ring.ts';
import { give, give64, giveUnsigned, type Helper } from './helper.ts';

/** Map, ring buffer and perf event helpers. */
export const mapHelpers: Record<number, Helper> = {
  // bpf_map_lookup_elem
  1: (machine, r) => {
    const map = mapOf(machine, r, 1);
    giveUnsigned(r, map.lookup(keyOf(machine, r, map), machine.world.cpu));
  },
  // bpf_map_update_elem
  2: (machine, r) => {
    const map = mapOf(machine, r, 1);
    const value = machine.memory.check(r[6]!, r[7]!, map.spec.valueSize, 'the value of a map update');
    give(r, r[9] !== 0 ? EINVAL : map.update(keyOf(machine, r, map), value, r[8]! >>> 0, machine.world.cpu));
  },
  // bpf_map_delete_elem
  3: (machine, r) => {
    const map = mapOf(machine, r, 1);
    give(r, map.delete(keyOf(machine, r, map)));
  },
  // bpf_perf_event_output(ctx, map, flags, data, size)
  25: (machine, r) => {
    const map = mapOf(machine, r, 2);
    if (!(map instanceof PerfEventMap)) throw new Fault('map', `${map.spec.name} is no perf event array`);
    give(r, map.output(machine.memory.slice(r[8]!, r[9]!, r[10]! >>> 0, 'the data of a perf event')));
  },
  // bpf_ringbuf_output(map, data, size, flags)
  130: (machine, r) => {
    const size = r[6]! >>> 0;
    give(r, ringOf(machine, r).output(machine.memory.check(r[4]!, r[5]!, size, 'the data of a record'), size, r[8]!));
  },
  // bpf_ringbuf_reserve(map, size, flags)
  131: (machine, r) => {
    const ring = ringOf(machine, r);
    giveUnsigned(r, r[5] !== 0 || r[6] !== 0 || r[7] !== 0 ? 0 : ring.reserve(r[4]! >>> 0));
  },
  // bpf_ringbuf_submit(record, flags)
  132: (machine, r) => end(machine, r, false),
  // bpf_ringbuf_discard(record, flags)
  133: (machine, r) => end(machine, r, true),
  // bpf_ringbuf_query(map, what)
  134: (machine, r) => give64(r, BigInt(ringOf(machine, r).query(r[4]!))),
  // bpf_map_lookup_percpu_elem(map, key, cpu)
  195: (machine, r) => {
    const map = mapOf(machine, r, 1);
    const cpu = r[6]! >>> 0;
    giveUnsigned(r, cpu >= machine.cpus ? 0 : map.lookup(keyOf(machine, r, map), cpu));
  },
};

function mapOf(machine: Machine, r: Int32Array, n: number): VmMap {
  const map = r[2 * n + 1] === 0 ? machine.mapsByAddress.get(r[2 * n]!) : undefined;
  if (map === undefined) throw new Fault('map', 'it passes what is no map to a map helper');
  return map;
}

function keyOf(machine: Machine, r: Int32Array, map: VmMap): number {
  return machine.memory.check(r[4]!, r[5]!, map.spec.keySize, `a key of ${map.spec.name}`);
}

function ringOf(machine: Machine, r: Int32Array): RingMap {
  const map = mapOf(machine, r, 1);
  if (!(map instanceof RingMap)) throw new Fault('map', `${map.spec.name} is no ring buffer`);
  return map;
}

function end(machine: Machine, r: Int32Array, discard: boolean): void {
  const record = machine.memory.check(r[2]!, r[3]!, 8, 'a record');
  RingMap.of(machine.memory, record, machine.mapsByAddress).commit(record, discard, r[4]!);
  give(r, 0);
}
