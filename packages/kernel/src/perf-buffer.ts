import { MAP, PERF_EVENTS, PERF_FORMAT_LOST, PERF_SAMPLE_RAW } from '@skep/abi';
import type { BpfMap } from './map.ts';
import { enablePerfEvent, openPerfEvent, readCounters, tryPerfEvent } from './perf-event.ts';
import { type BatchOptions, type Decode, type ReadOnlyView, readBatches } from './reading.ts';
import { onlineCpus } from './sys/cpus.ts';
import { epollSet } from './sys/epoll.ts';
import { Handle } from './sys/handle.ts';
import { type Memory, mapShared, pageSize } from './sys/memory.ts';
import { waiter } from './sys/wait.ts';

/** How large the rings are, and when readers wake up. */
export interface PerfBufferOptions {
  /** Pages of data for each CPU, a power of two; 64, as other loaders take. */
  readonly pages?: number;
  /** The name in messages. */
  readonly name?: string;
}

/**
 * The consumer's side of `bpf_perf_event_output`: one ring for each CPU (kernel/events/ring_buffer.c). Read like a
 * {@link RingBuffer}, with two differences that are the kernel's: records of different CPUs come in no order, and a record's
 * length is rounded up so that it ends on a multiple of eight. What finds no room is dropped, counted by the kernel and
 * told in {@link lost}. One reader a buffer.
 */
export class PerfBuffer {
  private readonly name: string;
  private readonly rings: readonly CpuRing[];
  /** Readable when one of the rings is. */
  private readonly wake: Handle;
  private dropped = 0;
  private lostAtClose = 0;
  private draining = false;
  private iterating = false;
  private readonly ending = new AbortController();

  constructor(map: BpfMap, options: PerfBufferOptions = {}) {
    if (map.type !== MAP.BPF_MAP_TYPE_PERF_EVENT_ARRAY) throw new Error(`map ${map.name} is not a perf event array`);
    const pages = options.pages ?? 64;
    if (pages < 1 || (pages & (pages - 1)) !== 0) throw new Error(`${pages} pages are not a power of two`);
    this.name = options.name ?? map.name;
    const rings: CpuRing[] = [];
    let wake: Handle | undefined;
    try {
      for (const cpu of onlineCpus()) {
        // A map of fewer slots than CPUs: programs on the others get an error from the helper.
        if (cpu >= map.maxEntries) break;
        const ring = new CpuRing(cpu, pages * pageSize());
        rings.push(ring);
        map.update(u32(cpu), u32(ring.event.fd));
      }
      wake = epollSet(
        rings.map((one) => one.event.fd),
        `perf buffer ${this.name}`,
      );
      // Programs can write from here on.
      for (const ring of rings) enablePerfEvent(ring.event, `perf buffer ${this.name}`);
    } catch (error) {
      wake?.close();
      for (const ring of rings) ring.close();
      throw error;
    }
    this.wake = wake;
    this.rings = rings;
  }

  get closed(): boolean {
    return this.ending.signal.aborted;
  }

  /**
   * Records that found no room, since the start. Exact from 6.0 on; older kernels tell of a loss in front of the next
   * record of that CPU, when it was read.
   */
  get lost(): number {
    return this.closed ? this.lostAtClose : this.rings.reduce((sum, ring) => sum + ring.lost(), this.dropped);
  }

  /** Bytes that wait to be read, headers included. */
  get pending(): number {
    this.assertOpen();
    return this.rings.reduce((sum, ring) => sum + ring.pending, 0);
  }

  /** As {@link RingBuffer.drain}, CPU after CPU. */
  drain(take: (data: ReadOnlyView, offset: number, length: number) => void, max = Number.POSITIVE_INFINITY): number {
    this.assertOpen();
    if (this.draining) throw new Error('drain is not to be called from its own callback');
    this.draining = true;
    let count = 0;
    try {
      for (const ring of this.rings) {
        if (count >= max || this.closed) break;
        count += ring.drain(
          take,
          max - count,
          (lost) => {
            this.dropped += lost;
          },
          this.ending.signal,
        );
      }
    } finally {
      this.draining = false;
      if (this.closed) this.release();
    }
    return count;
  }

  /** Records that are there, decoded; empty when none is. */
  read<T>(decode: Decode<T>, max = 1024): T[] {
    const batch: T[] = [];
    this.drain((data, offset, length) => batch.push(decode(data, offset, length)), max);
    return batch;
  }

  /** {@link readBatches}, until the signal, `break` or {@link close}. */
  async *batches<T>(options: BatchOptions<T>): AsyncGenerator<T[], void, undefined> {
    if (this.iterating) throw new Error(`perf buffer ${this.name} has a reader already`);
    this.assertOpen();
    this.iterating = true;
    const stop = options.signal ? AbortSignal.any([options.signal, this.ending.signal]) : this.ending.signal;
    const buffer = this;
    try {
      yield* readBatches(
        {
          read: (max) => buffer.read(options.decode, max),
          get pending() {
            return buffer.pending;
          },
          waiter: () => waiter(buffer.wake.fd),
        },
        options,
        stop,
      );
    } finally {
      this.iterating = false;
    }
  }

  /** Unmaps and takes the rings out of the map; the map stays open. A pending {@link batches} ends. */
  close(): void {
    if (this.closed) return;
    this.lostAtClose = this.lost;
    this.ending.abort();
    if (!this.draining) this.release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private release(): void {
    this.wake.close();
    // The kernel empties the slots of the map itself when the events are gone.
    for (const ring of this.rings) ring.close();
  }

  private assertOpen(): void {
    if (this.closed) throw new Error(`perf buffer ${this.name} is closed`);
  }
}

/** Offsets of struct perf_event_mmap_page. */
const DATA_HEAD = 1024;
const DATA_TAIL = 1032;
const PERF_RECORD_LOST = 2;
const PERF_RECORD_SAMPLE = 9;
/** struct perf_event_header: type, misc, size. */
const HEADER = 8;

/** One page with both positions, then the data, once: a record that wraps around is put together in `joined`. */
class CpuRing {
  readonly event: Handle;
  private readonly memory: Memory;
  private readonly mask: number;
  private readonly data: DataView;
  private readonly bytes: Uint8Array;
  private readonly head: BigInt64Array;
  private readonly tail: BigInt64Array;
  private readonly joined = new Uint8Array(1 << 16);
  private readonly joinedView = new DataView(this.joined.buffer);
  /** The kernel counts what is lost, for read(2). */
  private readonly counts: boolean;
  private position: number;

  constructor(cpu: number, size: number) {
    const what = `perf buffer of CPU ${cpu}`;
    const output = { ...PERF_EVENTS['bpf-output'], sampleType: PERF_SAMPLE_RAW, period: 1 };
    const counting = tryPerfEvent({ ...output, readFormat: PERF_FORMAT_LOST }, -1, cpu);
    this.counts = counting >= 0;
    this.event = this.counts ? new Handle(counting, what) : openPerfEvent(output, -1, cpu, what);
    try {
      this.memory = mapShared(this.event.fd, pageSize() + size, 0, true);
    } catch (error) {
      this.event.close();
      throw error;
    }
    const { buffer } = this.memory.bytes;
    this.mask = size - 1;
    this.data = new DataView(buffer, pageSize(), size);
    this.bytes = new Uint8Array(buffer, pageSize(), size);
    this.head = new BigInt64Array(buffer, DATA_HEAD, 1);
    this.tail = new BigInt64Array(buffer, DATA_TAIL, 1);
    this.position = Number(this.tail[0]);
  }

  get pending(): number {
    return Number(Atomics.load(this.head, 0)) - this.position;
  }

  drain(
    take: (data: ReadOnlyView, offset: number, length: number) => void,
    max: number,
    lost: (count: number) => void,
    ended: AbortSignal,
  ): number {
    const { data, mask } = this;
    // Atomic: what the producer wrote before it moved the head is seen behind this load.
    const end = Number(Atomics.load(this.head, 0));
    const from = this.position;
    let at = from;
    let count = 0;
    try {
      while (at < end && count < max && !ended.aborted) {
        let offset = at & mask;
        // Records are multiples of eight and so is the ring: a header never wraps.
        const type = data.getUint32(offset, true);
        const size = data.getUint16(offset + 6, true);
        if (size < HEADER) throw new Error('a perf ring holds a record without a size');
        at += size;
        let view = data;
        if (offset + size > mask + 1) {
          const first = mask + 1 - offset;
          this.joined.set(this.bytes.subarray(offset), 0);
          this.joined.set(this.bytes.subarray(0, size - first), first);
          view = this.joinedView;
          offset = 0;
        }
        if (type === PERF_RECORD_SAMPLE) {
          count++;
          // PERF_SAMPLE_RAW: u32 size, data, up to the end.
          take(view, offset + HEADER + 4, view.getUint32(offset + HEADER, true));
        } else if (type === PERF_RECORD_LOST && !this.counts) {
          // u64 id, u64 lost
          lost(Number(view.getBigUint64(offset + HEADER + 8, true)));
        }
      }
    } finally {
      this.position = at;
      if (at !== from) Atomics.store(this.tail, 0, BigInt(at));
    }
    return count;
  }

  /** What the kernel has counted; 0 where it tells by records instead. */
  lost(): number {
    if (!this.counts) return 0;
    return Number(readCounters(this.event, 2)[1]);
  }

  close(): void {
    this.memory.free();
    this.event.close();
  }
}

function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}
