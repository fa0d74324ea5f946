import { E2BIG, EBUSY, EINVAL, ERANGE } from '../errno.ts';
import { Fault } from '../fault.ts';
import type { Machine } from '../machine.ts';
import { RingMap } from '../maps/ring.ts';
import { UserRingMap } from '../maps/user-ring.ts';
import type { SimulatedFile } from '../world.ts';
import { argument64, give, giveUnsigned, type Helper } from './helper.ts';
import { mapOf, ringOf } from './maps.ts';

/**
 * Dynamic pointers (`struct bpf_dynptr_kern`): the address as 64 bits, then the size with a read-only flag in its top
 * bit and the type below, then an offset. A dynptr of nothing has address 0; of a packet it has the context's, so that it
 * follows the packet wherever helpers move it.
 */
export const dynptrHelpers: Record<string, Helper> = {
  // (data, size, flags, dynptr)
  bpf_dynptr_from_mem: (machine, r) => {
    const at = place(machine, r[8]!, r[9]!);
    const size = r[4]! >>> 0;
    const error = size > MAX_SIZE ? E2BIG : r[6] !== 0 || r[7] !== 0 ? EINVAL : 0;
    if (error !== 0) setDynptr(machine, at, 0, 0, false);
    else setDynptr(machine, at, machine.memory.check(r[2]!, r[3]!, size, 'the data of a dynptr'), size, false);
    give(r, error);
  },
  // (ring, size, flags, dynptr)
  bpf_ringbuf_reserve_dynptr: (machine, r) => {
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
    setDynptr(machine, at, record, error === 0 ? size : 0, false, RING);
    give(r, error);
  },
  // (dynptr, flags)
  bpf_ringbuf_submit_dynptr: (machine, r) => end(machine, r, false),
  bpf_ringbuf_discard_dynptr: (machine, r) => end(machine, r, true),
  // (target, length, dynptr, offset, flags)
  bpf_dynptr_read: (machine, r) => {
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
  // (dynptr, offset, source, length, flags)
  bpf_dynptr_write: (machine, r) => {
    const to = readDynptr(machine, r[2]!, r[3]!);
    const offset = r[4]! >>> 0;
    const length = r[8]! >>> 0;
    const source = machine.memory.check(r[6]!, r[7]!, length, 'the bytes of a write');
    // Only packets have flags: BPF_F_RECOMPUTE_CSUM and the like, about checksums that nobody keeps here.
    const flags = (r[10]! & (to.type === SKB ? ~7 : ~0)) | r[11]!;
    if (to.data === 0 || to.readOnly || flags !== 0) give(r, EINVAL);
    else if (offset > to.size || length > to.size - offset) give(r, E2BIG);
    else {
      machine.memory.bytes.copyWithin(to.data + to.offset + offset, source, source + length);
      give(r, 0);
    }
  },
  // (dynptr, offset, length)
  bpf_dynptr_data: (machine, r) => {
    const from = readDynptr(machine, r[2]!, r[3]!);
    const offset = r[4]! >>> 0;
    const length = r[6]! >>> 0;
    const inside =
      from.data !== 0 &&
      !from.readOnly &&
      from.type !== SKB &&
      from.type !== XDP &&
      offset <= from.size &&
      length <= from.size - offset;
    giveUnsigned(r, inside ? from.data + from.offset + offset : 0);
  },
  // (map, callback, context, flags)
  bpf_user_ringbuf_drain: (machine, r) => {
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

/** Kernel functions over dynptrs (kernel/bpf/helpers.c, net/core/filter.c). */
export const dynptrKfuncs: Record<string, Helper> = {
  // (context, flags, dynptr)
  bpf_dynptr_from_skb: (machine, r) => {
    const at = place(machine, r[6]!, r[7]!);
    const { skb } = machine;
    const own = skb !== undefined && r[3] === 0 && (r[2] === skb.context || (r[2] === skb.structure && r[2] !== 0));
    if ((r[4]! | r[5]!) !== 0 || !own) {
      setDynptr(machine, at, 0, 0, false);
      give(r, EINVAL);
      return;
    }
    const type = machine.running?.spec.hook?.programType ?? '';
    setDynptr(machine, at, skb.context, skb.length, !WRITABLE.has(type), SKB);
    give(r, 0);
  },
  bpf_dynptr_from_xdp: (machine, r) => {
    const at = place(machine, r[6]!, r[7]!);
    const { packet } = machine;
    if ((r[4]! | r[5]!) !== 0 || packet === undefined || r[2] !== packet.context || r[3] !== 0) {
      setDynptr(machine, at, 0, 0, false);
      give(r, EINVAL);
      return;
    }
    setDynptr(machine, at, packet.context, packet.length, false, XDP);
    give(r, 0);
  },
  // (file, flags, dynptr)
  bpf_dynptr_from_file: (machine, r) => {
    const at = place(machine, r[6]!, r[7]!);
    const file = machine.world.files?.find((one) => one.address === argument64(r, 1));
    if ((r[4]! | r[5]!) !== 0 || file === undefined || file.bytes.length === 0) {
      setDynptr(machine, at, 0, 0, false);
      give(r, EINVAL);
      return;
    }
    const size = Math.min(file.bytes.length, MAX_SIZE);
    setDynptr(machine, at, placeOfFile(machine, file, size), size, true, FILE);
    give(r, 0);
  },
  bpf_dynptr_file_discard: (machine, r) => {
    setDynptr(machine, place(machine, r[2]!, r[3]!), 0, 0, false);
    give(r, 0);
  },
  // (dynptr, offset, buffer, length)
  bpf_dynptr_slice: (machine, r) => slice(machine, r, false),
  bpf_dynptr_slice_rdwr: (machine, r) => slice(machine, r, true),
  // (dynptr, start, end)
  bpf_dynptr_adjust: (machine, r) => {
    const at = place(machine, r[2]!, r[3]!);
    const from = readDynptr(machine, r[2]!, r[3]!);
    const [start, end] = [r[4]! >>> 0, r[6]! >>> 0];
    if (from.data === 0 || start > end) give(r, EINVAL);
    else if (start > from.size || end > from.size) give(r, ERANGE);
    else {
      const { view } = machine.memory;
      view.setUint32(at + 8, ((view.getUint32(at + 8, true) & ~MAX_SIZE) | (end - start)) >>> 0, true);
      view.setUint32(at + 12, from.offset + start, true);
      give(r, 0);
    }
  },
  bpf_dynptr_is_null: (machine, r) => giveUnsigned(r, readDynptr(machine, r[2]!, r[3]!).data === 0 ? 1 : 0),
  bpf_dynptr_is_rdonly: (machine, r) => {
    const { data, readOnly } = readDynptr(machine, r[2]!, r[3]!);
    giveUnsigned(r, data !== 0 && readOnly ? 1 : 0);
  },
  bpf_dynptr_size: (machine, r) => {
    const { data, size } = readDynptr(machine, r[2]!, r[3]!);
    giveUnsigned(r, data === 0 ? EINVAL : size);
  },
  // (dynptr, clone)
  bpf_dynptr_clone: (machine, r) => {
    const to = place(machine, r[4]!, r[5]!);
    const from = place(machine, r[2]!, r[3]!);
    if (readDynptr(machine, r[2]!, r[3]!).data === 0) {
      setDynptr(machine, to, 0, 0, false);
      give(r, EINVAL);
    } else {
      machine.memory.bytes.copyWithin(to, from, from + 16);
      give(r, 0);
    }
  },
  // (target, offset, source, offset, size)
  bpf_dynptr_copy: (machine, r) => {
    const to = readDynptr(machine, r[2]!, r[3]!);
    const from = readDynptr(machine, r[6]!, r[7]!);
    const [toOffset, fromOffset, size] = [r[4]! >>> 0, r[8]! >>> 0, r[10]! >>> 0];
    if (to.data === 0 || from.data === 0 || to.readOnly) give(r, EINVAL);
    else if (toOffset + size > to.size || fromOffset + size > from.size) give(r, E2BIG);
    else {
      const at = from.data + from.offset + fromOffset;
      machine.memory.bytes.copyWithin(to.data + to.offset + toOffset, at, at + size);
      give(r, 0);
    }
  },
  // (dynptr, offset, size, byte)
  bpf_dynptr_memset: (machine, r) => {
    const to = readDynptr(machine, r[2]!, r[3]!);
    const [offset, size] = [r[4]! >>> 0, r[6]! >>> 0];
    if (to.data === 0 || to.readOnly) give(r, EINVAL);
    else if (offset > to.size || size > to.size - offset) give(r, E2BIG);
    else {
      const at = to.data + to.offset + offset;
      machine.memory.bytes.fill(r[8]! & 0xff, at, at + size);
      give(r, 0);
    }
  },
};

/** Where files lie in the memory of machines: put there once, by the first who reads them. */
const placed = new WeakMap<Machine, Map<SimulatedFile, number>>();

function placeOfFile(machine: Machine, file: SimulatedFile, size: number): number {
  let files = placed.get(machine);
  if (files === undefined) {
    files = new Map();
    placed.set(machine, files);
  }
  let at = files.get(file);
  if (at === undefined) {
    at = machine.memory.allocate(size);
    machine.memory.bytes.set(file.bytes.subarray(0, size), at);
    files.set(file, at);
  }
  return at;
}

/** Types of program that may write to `__sk_buff` packets (may_access_direct_pkt_data). */
const WRITABLE: ReadonlySet<string> = new Set([
  'BPF_PROG_TYPE_SCHED_CLS',
  'BPF_PROG_TYPE_SCHED_ACT',
  'BPF_PROG_TYPE_LWT_XMIT',
  'BPF_PROG_TYPE_SK_SKB',
]);

/** Packets are in one piece here, so that the caller's buffer is never needed. */
function slice(machine: Machine, r: Int32Array, write: boolean): void {
  const from = readDynptr(machine, r[2]!, r[3]!);
  const [offset, length] = [r[4]! >>> 0, r[8]! >>> 0];
  const inside = from.data !== 0 && !(write && from.readOnly) && offset <= from.size && length <= from.size - offset;
  giveUnsigned(r, inside ? from.data + from.offset + offset : 0);
}

interface Dynptr {
  /** Offset in memory of the first byte; of a packet, where it starts now. */
  readonly data: number;
  readonly size: number;
  readonly offset: number;
  readonly readOnly: boolean;
  readonly type: number;
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
  const word = view.getUint32(at + 8, true);
  const size = word & MAX_SIZE;
  const type = (word >>> TYPE_SHIFT) & 7;
  const offset = view.getUint32(at + 12, true);
  const pointer = view.getUint32(at, true);
  const data = pointer === 0 ? 0 : dataOf(machine, type, pointer);
  if (data !== 0) machine.memory.check(data, view.getInt32(at + 4, true), offset + size, 'a dynptr');
  return { data, size, offset, readOnly: (word & READ_ONLY) !== 0, type };
}

function dataOf(machine: Machine, type: number, pointer: number): number {
  if (type === SKB) return machine.skb?.context === pointer ? machine.skb.data : 0;
  if (type === XDP) return machine.packet?.context === pointer ? machine.packet.start : 0;
  return pointer;
}

function setDynptr(machine: Machine, at: number, data: number, size: number, readOnly: boolean, type = LOCAL): void {
  const { view } = machine.memory;
  view.setUint32(at, data, true);
  view.setUint32(at + 4, 0, true);
  view.setUint32(at + 8, data === 0 ? 0 : (size | (type << TYPE_SHIFT) | (readOnly ? READ_ONLY : 0)) >>> 0, true);
  view.setUint32(at + 12, 0, true);
}

/** `enum bpf_dynptr_type` (include/linux/bpf.h), and where it stands in the word with the size. */
const LOCAL = 1;
const RING = 2;
const SKB = 3;
const XDP = 4;
const FILE = 6;
const TYPE_SHIFT = 28;

/** `DYNPTR_SIZE_MASK`, `DYNPTR_RDONLY_BIT` (kernel/bpf/helpers.c). */
const MAX_SIZE = 0xffffff;
const READ_ONLY = 0x80000000;
/** `BPF_MAX_USER_RINGBUF_SAMPLES`. */
const MAX_DRAIN = 128 * 1024;
