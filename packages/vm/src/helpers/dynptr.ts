import { Fault } from '../fault.ts';
import type { Machine } from '../machine.ts';
import { E2BIG, EINVAL } from '../maps/map.ts';
import { RingMap } from '../maps/ring.ts';
import { UserRingMap } from '../maps/user-ring.ts';
import { give, giveUnsigned, type Helper } from './helper.ts';
import { mapOf, ringOf } from './maps.ts';

/**
 * Dynamic pointers (`struct bpf_dynptr_kern`): the address as 64 bits, then the size with a read-only flag in its top
 * bit, then an offset. A dynptr of nothing has address 0.
 */
export const dynptrHelpers: Record<number, Helper> = {
  // bpf_dynptr_from_mem(data, size, flags, dynptr)
  197: (machine, r) => {
    const at = place(machine, r[8]!, r[9]!);
    const size = r[4]! >>> 0;
    const error = size > MAX_SIZE ? E2BIG : r[6] !== 0 || r[7] !== 0 ? EINVAL : 0;
    if (error !== 0) setDynptr(machine, at, 0, 0, false);
    else setDynptr(machine, at, machine.memory.check(r[2]!, r[3]!, size, 'the data of a dynptr'), size, false);
    give(r, error);
  },
  // bpf_ringbuf_reserve_dynptr(ring, size, flags, dynptr)
  198: (machine, r) => {
    const at = place(machine, r[8]!, r[9]!);
    const size = r[4]! >>> 0;
    let error = 0;
    let record = 0;
    if (r[6] !== 0 || r[7] !== 0) error = EINVAL;
    else if (size > MAX_SIZE) error = E2BIG;
    else {
      record = ringOf(machine, r).reserve(size);
      if (record === 0) error = EINVAL;
    }
    setDynptr(machine, at, record, error === 0 ? size : 0, false);
    give(r, error);
  },
  // bpf_ringbuf_submit_dynptr(dynptr, flags), bpf_ringbuf_discard_dynptr
  199: (machine, r) => end(machine, r, false),
  200: (machine, r) => end(machine, r, true),
  // bpf_dynptr_read(target, length, dynptr, offset, flags)
  201: (machine, r) => {
    const length = r[4]! >>> 0;
    const from = readDynptr(machine, r[6]!, r[7]!);
    const offset = r[8]! >>> 0;
    const target = machine.memory.check(r[2]!, r[3]!, length, 'the target of a read');
    if (from.data === 0 || r[10] !== 0 || r[11] !== 0) give(r, EINVAL);
    else if (offset > from.size || length > from.size - offset) give(r, E2BIG);
    else {
      const at = from.data + from.offset + offset;
      machine.memory.bytes.copyWithin(target, at, at + length);
      give(r, 0);
    }
  },
  // bpf_dynptr_write(dynptr, offset, source, length, flags)
  202: (machine, r) => {
    const to = readDynptr(machine, r[2]!, r[3]!);
    const offset = r[4]! >>> 0;
    const length = r[8]! >>> 0;
    const source = machine.memory.check(r[6]!, r[7]!, length, 'the bytes of a write');
    if (to.data === 0 || to.readOnly || r[10] !== 0 || r[11] !== 0) give(r, EINVAL);
    else if (offset > to.size || length > to.size - offset) give(r, E2BIG);
    else {
      machine.memory.bytes.copyWithin(to.data + to.offset + offset, source, source + length);
      give(r, 0);
    }
  },
  // bpf_dynptr_data(dynptr, offset, length)
  203: (machine, r) => {
    const from = readDynptr(machine, r[2]!, r[3]!);
    const offset = r[4]! >>> 0;
    const length = r[6]! >>> 0;
    const inside = from.data !== 0 && !from.readOnly && offset <= from.size && length <= from.size - offset;
    giveUnsigned(r, inside ? from.data + from.offset + offset : 0);
  },
  // bpf_user_ringbuf_drain(map, callback, context, flags)
  209: (machine, r) => {
    const map = mapOf(machine, r, 1);
    if (!(map instanceof UserRingMap)) throw new Fault('map', `${map.spec.name} is no user ring buffer`);
    const { memory } = machine;
    const [callback, kind, low, top] = [r[4]!, r[5]!, r[6]!, r[7]!];
    if ((r[8]! & ~3) !== 0 || r[9] !== 0) {
      give(r, EINVAL);
      return;
    }
    if (map.draining) {
      give(r, EBUSY);
      return;
    }
    map.draining = true;
    const dynptr = memory.allocate(16);
    let drained = 0;
    try {
      for (let record = map.next(); record !== undefined; record = drained < MAX_DRAIN ? map.next() : undefined) {
        const at = memory.allocate(record.length);
        memory.bytes.set(record, at);
        setDynptr(machine, dynptr, at, record.length, true);
        const result = machine.callback(callback, kind, [dynptr, 0, low, top]);
        memory.release(at, record.length);
        drained += 1;
        if (result !== 0) break;
      }
    } finally {
      map.draining = false;
      memory.release(dynptr, 16);
    }
    give(r, drained);
  },
};

interface Dynptr {
  readonly data: number;
  readonly size: number;
  readonly offset: number;
  readonly readOnly: boolean;
}

function end(machine: Machine, r: Int32Array, discard: boolean): void {
  const at = place(machine, r[2]!, r[3]!);
  const { data } = readDynptr(machine, r[2]!, r[3]!);
  if (data !== 0) RingMap.of(machine.memory, data, machine.mapsByAddress).commit(data, discard, r[4]!);
  setDynptr(machine, at, 0, 0, false);
  give(r, 0);
}

function place(machine: Machine, low: number, high: number): number {
  return machine.memory.check(low, high, 16, 'a dynptr');
}

function readDynptr(machine: Machine, low: number, high: number): Dynptr {
  const at = place(machine, low, high);
  const { view } = machine.memory;
  const size = view.getUint32(at + 8, true);
  const data = view.getUint32(at, true);
  const offset = view.getUint32(at + 12, true);
  if (data !== 0) machine.memory.check(data, view.getInt32(at + 4, true), offset + (size & MAX_SIZE), 'a dynptr');
  return { data, size: size & MAX_SIZE, offset, readOnly: (size & READ_ONLY) !== 0 };
}

function setDynptr(machine: Machine, at: number, data: number, size: number, readOnly: boolean): void {
  const { view } = machine.memory;
  view.setUint32(at, data, true);
  view.setUint32(at + 4, 0, true);
  view.setUint32(at + 8, (size | (readOnly ? READ_ONLY : 0)) >>> 0, true);
  view.setUint32(at + 12, 0, true);
}

/** `DYNPTR_SIZE_MASK`, `DYNPTR_RDONLY_BIT` (kernel/bpf/helpers.c). */
const MAX_SIZE = 0xffffff;
const READ_ONLY = 0x80000000;
/** `BPF_MAX_USER_RINGBUF_SAMPLES`. */
const MAX_DRAIN = 128 * 1024;
const EBUSY = -16;
