import { BPF_F_NUMA_NODE } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { badMap, overwritten } from '../diagnostics.ts';
import { EAGAIN, ENOTSUPP } from '../errno.ts';
import { Fault } from '../fault.ts';
import type { Memory } from '../memory.ts';
import { checkMapFlags, mapAddress, roundUp8, type VmMap } from './map.ts';

/**
 * `BPF_MAP_TYPE_RINGBUF` (kernel/bpf/ringbuf.c), with the kernel's accounting to the byte: records start at
 * `position & mask` behind an 8-byte header. Where the kernel maps its pages twice so that a record may run past the
 * end, this has as much memory again behind the ring, which only such records use.
 */
export class RingMap implements VmMap {
  readonly spec: MapSpec;
  readonly address: number;
  readonly userValueSize = 0;
  readonly noKeys = ENOTSUPP;
  private readonly memory: Memory;
  private readonly data: number;
  private producer = 0;
  private consumer = 0;
  /** Called when a record was submitted and the consumer wants to know. */
  onSubmit: (() => void) | undefined;

  constructor(memory: Memory, spec: MapSpec) {
    checkMapFlags(spec, BPF_F_NUMA_NODE);
    const size = spec.maxEntries;
    if (spec.keySize !== 0 || spec.valueSize !== 0)
      throw badMap(spec.name, 'a ring buffer has neither keys nor values');
    if (size < 4096 || (size & (size - 1)) !== 0) {
      throw badMap(
        spec.name,
        `max_entries is ${size}; a ring buffer's is its size in bytes, a power of two of at least 4096`,
      );
    }
    this.memory = memory;
    this.spec = spec;
    this.address = mapAddress(memory);
    this.data = memory.allocate(size * 2);
  }

  /** The offset of `size` bytes for the program to fill, or 0 when they do not fit. */
  reserve(size: number): number {
    if (size > MAX_RECORD) return 0;
    const length = roundUp8(size + HEADER);
    if (length > this.spec.maxEntries) return 0;
    if (this.producer + length - this.consumer > this.spec.maxEntries - 1) return 0;
    const at = this.at(this.producer);
    this.memory.view.setUint32(at, (size | BUSY) >>> 0, true);
    this.memory.view.setUint32(at + 4, this.address, true);
    this.producer += length;
    return at + HEADER;
  }

  /** Ends a record that {@link reserve} gave out. */
  commit(record: number, discard: boolean, flags: number): void {
    const at = record - HEADER;
    const length = this.memory.view.getUint32(at, true);
    this.memory.view.setUint32(at, ((length & ~BUSY) | (discard ? DISCARD : 0)) >>> 0, true);
    if (!discard && (flags & BPF_RB_NO_WAKEUP) === 0) this.onSubmit?.();
  }

  /** The ring that a record belongs to is written behind its length, as the kernel writes a page offset there. */
  static of(memory: Memory, record: number, rings: ReadonlyMap<number, VmMap>): RingMap {
    const ring = rings.get(memory.view.getUint32(record - 4, true));
    if (!(ring instanceof RingMap)) throw new Fault('map', 'it submits what is no record of a ring buffer');
    return ring;
  }

  output(from: number, size: number, flags: number): number {
    const record = this.reserve(size);
    if (record === 0) return EAGAIN;
    this.memory.bytes.copyWithin(record, from, from + size);
    this.commit(record, false, flags);
    return 0;
  }

  /** `bpf_ringbuf_query`: 0 unread bytes, 1 size, 2 consumer, 3 producer position. */
  query(what: number): number {
    return [this.producer - this.consumer, this.spec.maxEntries, this.consumer, this.producer][what] ?? 0;
  }

  /** Hands every finished record to `take`, in order, and frees it; at most `max`. The view is valid during the call. */
  drain(take: (view: DataView, offset: number, length: number) => void, max: number): number {
    let taken = 0;
    while (this.consumer < this.producer && taken < max) {
      const { view } = this.memory;
      const at = this.at(this.consumer);
      const length = view.getUint32(at, true);
      if ((length & BUSY) !== 0) break;
      const size = length & ~(BUSY | DISCARD);
      if (this.consumer + roundUp8(size + HEADER) > this.producer) throw overwritten(this.spec.name);
      if ((length & DISCARD) === 0) {
        take(view, at + HEADER, size);
        taken += 1;
      }
      this.consumer += roundUp8(size + HEADER);
    }
    return taken;
  }

  lookup(): number {
    return 0;
  }
  update(): number {
    return ENOTSUPP;
  }
  delete(): number {
    return ENOTSUPP;
  }
  userLookup(): number {
    return ENOTSUPP;
  }
  userUpdate(): number {
    return ENOTSUPP;
  }
  keys(): Uint8Array[] {
    return [];
  }

  private at(position: number): number {
    // Positions pass 2^32 on long runs: the remainder of a double is exact, a mask would wrap.
    return this.data + (position % this.spec.maxEntries);
  }
}

const HEADER = 8;
const BUSY = 0x80000000 | 0;
const DISCARD = 0x40000000;
const BPF_RB_NO_WAKEUP = 1;
/** `RINGBUF_MAX_RECORD_SZ`. */
const MAX_RECORD = 0x3fffffff;
