import { MAP } from '@skep/abi';
import type { BpfMap } from './map.ts';
import { type Memory, mapShared, pageSize } from './sys/memory.ts';

/** A place in the ring: fill it, then give it away by one of the two. */
export interface Reservation {
  /** Not to be touched afterwards. */
  readonly bytes: Uint8Array;
  /** Programs may read it. */
  submit(): void;
  /** Programs skip it. */
  discard(): void;
}

/**
 * The producer's side of a user ring buffer (kernel/bpf/ringbuf.c, 6.1): what is sent here, programs take with
 * `bpf_user_ringbuf_drain`, in order. Nobody is woken: whoever sends sees to it that a program runs. One writer a ring.
 *
 * Layout as of a {@link RingBuffer}, with the sides changed: the consumer's position is the kernel's, all else is ours.
 */
export class UserRing {
  /** Bytes of data that fit, headers included. */
  readonly size: number;
  private readonly map: BpfMap;
  private readonly consumer: Memory;
  private readonly producer: Memory;
  private readonly consumed: Uint32Array;
  private readonly produced: BigInt64Array;
  private readonly headers: Int32Array;
  private readonly fence: Int32Array;
  private ended = false;

  constructor(map: BpfMap) {
    if (map.type !== MAP.BPF_MAP_TYPE_USER_RINGBUF) throw new Error(`map ${map.name} is not a user ring buffer`);
    this.map = map;
    this.size = map.maxEntries;
    const page = pageSize();
    this.consumer = mapShared(map.fd, page, 0, false);
    try {
      this.producer = mapShared(map.fd, page + 2 * this.size, page, true);
    } catch (error) {
      this.consumer.free();
      throw error;
    }
    const { buffer } = this.producer.bytes;
    this.consumed = new Uint32Array(this.consumer.bytes.buffer, 0, 2);
    this.produced = new BigInt64Array(buffer, 0, 1);
    this.fence = new Int32Array(buffer, 64, 1);
    this.headers = new Int32Array(buffer, page, this.size / 2);
  }

  get closed(): boolean {
    return this.ended;
  }

  /** A place for so many bytes; undefined when there is no room for them now. */
  reserve(length: number): Reservation | undefined {
    this.assertOpen();
    const total = (length + HEADER + 7) & ~7;
    if (length < 0 || total > this.size) throw new Error(`${length} bytes can never fit into ring ${this.map.name}`);
    const at = Number(Atomics.load(this.produced, 0));
    if (this.size - (at - this.consumedPosition()) < total) return undefined;
    const offset = at & (this.size - 1);
    const header = offset >> 2;
    Atomics.store(this.headers, header, length | BUSY);
    this.headers[header + 1] = 0;
    Atomics.store(this.produced, 0, BigInt(at + total));
    let isGiven = false;
    const give = (flags: number): void => {
      this.assertOpen();
      if (isGiven) throw new Error('a place in a ring is given away once');
      isGiven = true;
      Atomics.store(this.headers, header, length | flags);
    };
    return {
      bytes: new Uint8Array(this.producer.bytes.buffer, pageSize() + offset + HEADER, length),
      submit: () => give(0),
      discard: () => give(DISCARDED),
    };
  }

  /** Copies the bytes into the ring; false when there is no room for them now. */
  send(bytes: Uint8Array): boolean {
    const place = this.reserve(bytes.length);
    if (place === undefined) return false;
    place.bytes.set(bytes);
    place.submit();
    return true;
  }

  /** Unmaps it; the map stays open, and what was submitted stays in it. */
  close(): void {
    if (this.ended) return;
    this.ended = true;
    this.consumer.free();
    this.producer.free();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** 64 bits from two plain loads of a read-only page: once more when the upper half moved in between. */
  private consumedPosition(): number {
    Atomics.add(this.fence, 0, 0);
    for (;;) {
      const high = this.consumed[1]!;
      const low = this.consumed[0]!;
      if (high === this.consumed[1]) return high * 0x1_0000_0000 + low;
    }
  }

  private assertOpen(): void {
    if (this.ended) throw new Error(`ring ${this.map.name} is closed`);
  }
}

/** BPF_RINGBUF_HDR_SZ, BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT. */
const HEADER = 8;
const BUSY = 1 << 31;
const DISCARDED = 1 << 30;
