import { MAP } from '@skep/abi';
import type { BpfMap } from './map.ts';
import {
  type BatchOptions,
  type Decode,
  type DecodeBatch,
  type RawBatch,
  type RawMemory,
  type ReadOnlyBytes,
  type ReadOnlyView,
  type RingMemory,
  type RingWalk,
  readBatches,
  ringMemory,
} from './reading.ts';
import { type Memory, mapShared, pageSize } from './sys/memory.ts';
import { waiter } from './sys/wait.ts';

/**
 * The consumer's side of a ring buffer map (kernel/bpf/ringbuf.c): reads what programs submitted, in order. What has not
 * been taken stays in the ring, and programs fail to reserve when it is full: the ring is the back pressure, and memory
 * of this process stays as it is. One reader a ring.
 *
 * Layout: one page with the consumer's position (ours to write), one with the producer's, then the data, mapped twice
 * in a row so that a record that wraps around lies in one piece. A record is a header of eight bytes, length and flags
 * in its first four, then the data, rounded up to eight.
 */
export class RingBuffer {
  /** Bytes of data that fit. */
  readonly size: number;
  private readonly map: BpfMap;
  private readonly consumer: Memory;
  private readonly producer: Memory;
  private readonly headers: Int32Array;
  private readonly raw: RawMemory;
  private readonly batch: Batch;
  private readonly consumerPosition: BigInt64Array;
  private readonly fence: Int32Array;
  private readonly positions: Uint32Array;
  private position: number;
  private draining = false;
  private iterating = false;
  private readonly ending = new AbortController();

  constructor(map: BpfMap) {
    if (map.type !== MAP.BPF_MAP_TYPE_RINGBUF) throw new Error(`map ${map.name} is not a ring buffer`);
    this.map = map;
    this.size = map.maxEntries;
    const page = pageSize();
    this.consumer = mapShared(map.fd, page, 0, true);
    try {
      this.producer = mapShared(map.fd, page + 2 * this.size, page, false);
    } catch (error) {
      this.consumer.free();
      throw error;
    }
    const { buffer } = this.producer.bytes;
    this.headers = new Int32Array(buffer, page, this.size / 2);
    this.raw = everyWidth(buffer, page, 2 * this.size);
    this.batch = new Batch(ringMemory(this.raw), this.size);
    this.positions = new Uint32Array(buffer, 0, 2);
    this.consumerPosition = new BigInt64Array(this.consumer.bytes.buffer, 0, 1);
    this.fence = new Int32Array(this.consumer.bytes.buffer, 64, 1);
    this.position = Number(Atomics.load(this.consumerPosition, 0));
  }

  get closed(): boolean {
    return this.batch.ended;
  }

  /** Bytes that wait to be read, headers and discarded records included. */
  get pending(): number {
    this.assertOpen();
    return this.producerPosition() - this.position;
  }

  /**
   * Calls `take` for each record that is there, at most `max`, oldest first, and says how many it were. What `take`
   * has returned from or thrown for is consumed. {@link close} may be called from it.
   */
  drain(take: (data: ReadOnlyView, offset: number, length: number) => void, max = Number.POSITIVE_INFINITY): number {
    return this.drainBatches((batch) => {
      const { memory, places, count } = batch;
      let taken = 0;
      try {
        while (taken < count && !batch.ended) {
          const at = 2 * taken++;
          take(memory.view, places[at]!, places[at + 1]!);
        }
      } finally {
        batch.taken = taken;
      }
    }, max);
  }

  /** Like {@link drain}, with some hundred records a call: the least that a record can cost. */
  drainBatches(take: (batch: RawBatch) => void, max = Number.POSITIVE_INFINITY): number {
    const { batch } = this;
    let count = 0;
    this.consume(() => {
      // Some at a time, so that their headers are still in the processor's cache when they are handed over.
      while (count < max && !batch.ended) {
        const end = this.find(Math.min(max - count, BATCH) | 0);
        if (batch.count === 0) {
          this.position += end;
          break;
        }
        batch.taken = batch.count;
        try {
          take(batch);
        } finally {
          this.position += batch.taken < batch.count ? batch.endOf(batch.taken, this.position & (this.size - 1)) : end;
          count += batch.taken;
        }
      }
    });
    return count;
  }

  /** Like {@link drain}, by a generated decoder that sees the memory itself. */
  walk<T>(decode: DecodeBatch<T>, take: (record: T) => void, max = Number.POSITIVE_INFINITY): number {
    const { size } = this;
    let taken = 0;
    this.consume(() => {
      while (taken < max && !this.closed) {
        const most = Math.min(max - taken, 0x7fff_ffff);
        // Where loads may overtake each other, headers are looked at first, and records behind a fence.
        const waiting = IN_ORDER ? this.waiting() : this.find(Math.min(most, BATCH));
        const walk = new Walk(this.raw, this.batch, this.position & (size - 1), waiting, size - 1, most);
        try {
          decode(walk, take);
        } finally {
          this.position += walk.bytes;
          taken += walk.taken;
        }
        if (walk.bytes === 0) break;
      }
    });
    return taken;
  }

  /** What `work` moves the position over is consumed at its end, however it ends. */
  private consume(work: () => void): void {
    this.assertOpen();
    if (this.draining) throw new Error('drain is not to be called from its own callback');
    this.draining = true;
    const from = this.position;
    try {
      work();
    } finally {
      this.draining = false;
      // One store for all, atomic and ordered: the producer must not see half of a position, and must see this one
      // before we look at its position again, or it would not wake us.
      if (this.position !== from) Atomics.store(this.consumerPosition, 0, BigInt(this.position));
      if (this.closed) this.unmap();
    }
  }

  /** Records that are there, decoded; empty when none is. */
  read<T>(decode: Decode<T>, max = 1024): T[] {
    const batch: T[] = [];
    this.drain((data, offset, length) => batch.push(decode(data, offset, length)), max);
    return batch;
  }

  /** The same for many at once. */
  readBatch<T>(decode: DecodeBatch<T>, max = 1024): T[] {
    const batch: T[] = [];
    const push = (record: T): void => {
      batch.push(record);
    };
    this.walk(decode, push, max);
    return batch;
  }

  /** {@link readBatches}, until the signal, `break` or {@link close}. */
  async *batches<T>(options: BatchOptions<T>): AsyncGenerator<T[], void, undefined> {
    if (this.iterating) throw new Error(`ring ${this.map.name} has a reader already`);
    this.assertOpen();
    this.iterating = true;
    const stop = options.signal ? AbortSignal.any([options.signal, this.ending.signal]) : this.ending.signal;
    const source = this;
    const { decode, decodeBatch } = options;
    try {
      yield* readBatches(
        {
          read: (max) => (decodeBatch ? source.readBatch(decodeBatch, max) : source.read(decode, max)),
          get pending() {
            return source.pending;
          },
          waiter: () => waiter(source.map.fd),
        },
        options,
        stop,
      );
    } finally {
      this.iterating = false;
    }
  }

  /** Unmaps it; the map stays open, and is closed after this. A pending {@link batches} ends. */
  close(): void {
    if (this.closed) return;
    this.batch.ended = true;
    this.ending.abort();
    if (!this.draining) this.unmap();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Fills {@link batch} with records that are there, and says how many bytes they take with what was discarded between.
   * Positions have 64 bits; what lies in the ring is counted in 32, which is what costs least.
   *
   * Where loads may overtake each other, records' bytes are what the producer wrote only behind a fence. It is a
   * read-modify-write on our own page, since an atomic load from a read-only mapping is one that some JavaScript engines
   * compile to a write.
   */
  private find(max: number): number {
    const { headers, fence } = this;
    const { places } = this.batch;
    const mask = this.size - 1;
    const start = this.position & mask;
    const waiting = this.waiting();
    if (!IN_ORDER) Atomics.add(fence, 0, 0);
    let bytes = 0;
    let count = 0;
    while (bytes < waiting && count < max) {
      const offset = (start + bytes) & mask;
      const header = headers[offset >> 2]!;
      if (header < 0) break; // BUSY is the sign bit: reserved, and not yet submitted
      const length = header & LENGTH;
      bytes += (length + HEADER + 7) & ~7;
      if (header & DISCARDED) continue;
      places[2 * count] = offset + HEADER;
      places[2 * count + 1] = length;
      count++;
    }
    if (!IN_ORDER) Atomics.add(fence, 0, 0);
    this.batch.count = count;
    return bytes;
  }

  private waiting(): number {
    return (this.producerPosition() - this.position) | 0;
  }

  /** 64 bits from two plain loads: once more when the upper half moved in between. Exact to 2^53. */
  private producerPosition(): number {
    for (;;) {
      const high = this.positions[1]!;
      const low = this.positions[0]!;
      if (high === this.positions[1]) return high * 0x1_0000_0000 + low;
    }
  }

  private assertOpen(): void {
    if (this.closed) throw new Error(`ring ${this.map.name} is closed`);
  }

  private unmap(): void {
    this.consumer.free();
    this.producer.free();
  }
}

/** {@link Decode} that copies the record. */
export function copyRecord(data: ReadOnlyView, offset: number, length: number): Uint8Array {
  const bytes = data as ReadOnlyBytes | DataView;
  if ('copy' in bytes) return bytes.copy(offset, length);
  return new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length).slice();
}

/** Records in a batch: few enough for what is written down of them to stay in the fastest cache. */
const BATCH = 128;

class Batch implements RawBatch {
  readonly memory: RingMemory;
  readonly places = new Int32Array(2 * BATCH);
  count = 0;
  taken = 0;
  ended = false;

  private readonly size: number;

  constructor(memory: RingMemory, size: number) {
    this.memory = memory;
    this.size = size;
  }

  /** Bytes from `start`, where the batch begins in the ring, to the end of its first `count` records. */
  endOf(count: number, start: number): number {
    if (count === 0) return 0;
    const { places, size } = this;
    const end = places[2 * count - 2]! + ((places[2 * count - 1]! + 7) & ~7) - start;
    return end < 0 ? end + size : end;
  }
}

class Walk implements RingWalk {
  readonly raw: RawMemory;
  readonly start: number;
  readonly waiting: number;
  readonly mask: number;
  readonly max: number;
  bytes = 0;
  taken = 0;
  private readonly batch: Batch;

  constructor(raw: RawMemory, batch: Batch, start: number, waiting: number, mask: number, max: number) {
    this.raw = raw;
    this.batch = batch;
    this.start = start;
    this.waiting = waiting;
    this.mask = mask;
    this.max = max;
  }

  get ended(): boolean {
    return this.batch.ended;
  }
}

function everyWidth(buffer: ArrayBufferLike, from: number, length: number): RawMemory {
  return {
    view: new DataView(buffer, from, length),
    i8: new Int8Array(buffer, from, length),
    u8: new Uint8Array(buffer, from, length),
    i16: new Int16Array(buffer, from, length / 2),
    u16: new Uint16Array(buffer, from, length / 2),
    i32: new Int32Array(buffer, from, length / 4),
    u32: new Uint32Array(buffer, from, length / 4),
    i64: new BigInt64Array(buffer, from, length / 8),
    u64: new BigUint64Array(buffer, from, length / 8),
    f32: new Float32Array(buffer, from, length / 4),
    f64: new Float64Array(buffer, from, length / 8),
  };
}

/** x86-64 does loads in their order, and so do compilers of JavaScript: a header is read before its record. */
const IN_ORDER = process.arch === 'x64';
/** BPF_RINGBUF_HDR_SZ, BPF_RINGBUF_DISCARD_BIT; BPF_RINGBUF_BUSY_BIT is bit 31. */
const HEADER = 8;
const DISCARDED = 1 << 30;
const LENGTH = DISCARDED - 1;
