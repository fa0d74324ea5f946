import type { Waiter } from './sys/wait.ts';

/** A DataView that cannot be written through: pages below may be read-only, and a write would end the process. */
export type ReadOnlyView = Pick<DataView, Extract<keyof DataView, `get${string}`> | 'byteLength'>;

/** Decodes the record of `length` bytes at `offset`. It must copy what it keeps: the bytes are overwritten afterwards. */
export type Decode<T> = (data: ReadOnlyView, offset: number, length: number) => T;

/**
 * The memory of a ring, little endian: what costs least to read where records are aligned, as they are at every multiple of
 * eight bytes. `at` in bytes, a multiple of the width. The memory itself cannot be had from it.
 */
export interface RingMemory {
  readonly view: ReadOnlyView;
  readonly i8: (at: number) => number;
  readonly u8: (at: number) => number;
  readonly i16: (at: number) => number;
  readonly u16: (at: number) => number;
  readonly i32: (at: number) => number;
  readonly u32: (at: number) => number;
  readonly i64: (at: number) => bigint;
  readonly u64: (at: number) => bigint;
  readonly f32: (at: number) => number;
  readonly f64: (at: number) => number;
}

/** Functions over the arrays rather than methods: those cost a look at the object for each word. */
export function ringMemory({ view, i8, u8, i16, u16, i32, u32, i64, u64, f32, f64 }: RawMemory): RingMemory {
  return {
    view: new ReadOnlyBytes(view),
    i8: (at) => i8[at]!,
    u8: (at) => u8[at]!,
    i16: (at) => i16[at >> 1]!,
    u16: (at) => u16[at >> 1]!,
    i32: (at) => i32[at >> 2]!,
    u32: (at) => u32[at >> 2]!,
    i64: (at) => i64[at >> 3]!,
    u64: (at) => u64[at >> 3]!,
    f32: (at) => f32[at >> 2]!,
    f64: (at) => f64[at >> 3]!,
  };
}

/** The memory itself, at every width. A write to it ends the process. */
export interface RawMemory {
  readonly view: DataView<ArrayBufferLike>;
  readonly i8: Int8Array<ArrayBufferLike>;
  readonly u8: Uint8Array<ArrayBufferLike>;
  readonly i16: Int16Array<ArrayBufferLike>;
  readonly u16: Uint16Array<ArrayBufferLike>;
  readonly i32: Int32Array<ArrayBufferLike>;
  readonly u32: Uint32Array<ArrayBufferLike>;
  readonly i64: BigInt64Array<ArrayBufferLike>;
  readonly u64: BigUint64Array<ArrayBufferLike>;
  readonly f32: Float32Array<ArrayBufferLike>;
  readonly f64: Float64Array<ArrayBufferLike>;
}

/** Getters of a view, and nothing else of it. */
export class ReadOnlyBytes implements ReadOnlyView {
  readonly #view: DataView<ArrayBufferLike>;

  constructor(view: DataView<ArrayBufferLike>) {
    this.#view = view;
  }

  get byteLength(): number {
    return this.#view.byteLength;
  }
  getInt8(at: number): number {
    return this.#view.getInt8(at);
  }
  getUint8(at: number): number {
    return this.#view.getUint8(at);
  }
  getInt16(at: number, little?: boolean): number {
    return this.#view.getInt16(at, little);
  }
  getUint16(at: number, little?: boolean): number {
    return this.#view.getUint16(at, little);
  }
  getInt32(at: number, little?: boolean): number {
    return this.#view.getInt32(at, little);
  }
  getUint32(at: number, little?: boolean): number {
    return this.#view.getUint32(at, little);
  }
  getBigInt64(at: number, little?: boolean): bigint {
    return this.#view.getBigInt64(at, little);
  }
  getBigUint64(at: number, little?: boolean): bigint {
    return this.#view.getBigUint64(at, little);
  }
  getFloat32(at: number, little?: boolean): number {
    return this.#view.getFloat32(at, little);
  }
  getFloat64(at: number, little?: boolean): number {
    return this.#view.getFloat64(at, little);
  }
  copy(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length).slice();
  }
}

/** Records where they lie. Each begins at a multiple of eight bytes. */
export interface RawBatch {
  readonly memory: RingMemory;
  /** Two numbers a record: where it begins in {@link memory}, and its length in bytes. */
  readonly places: ArrayLike<number>;
  /** Records. */
  readonly count: number;
  /** How many are consumed when the callback is left, however it is; {@link count} unless it says otherwise. */
  taken: number;
  /** The ring was closed meanwhile, and its memory is about to go: no more records are wanted. */
  readonly ended: boolean;
}

/**
 * What generated decoders walk through themselves, header by header, since handing over each record costs as much as
 * decoding it: from byte `start` of the ring, as long as there are bytes and the sign of a header is not set. They leave
 * what they walked over in {@link bytes} and {@link taken}, also when they are left by an error.
 */
export interface RingWalk {
  readonly raw: RawMemory;
  readonly start: number;
  /** Bytes that were produced, headers and all. */
  readonly waiting: number;
  /** The size of the ring less one. */
  readonly mask: number;
  /** Records at most. */
  readonly max: number;
  readonly ended: boolean;
  bytes: number;
  taken: number;
}

/** Walks, and gives each record to `take`. */
export type DecodeBatch<T> = (walk: RingWalk, take: (record: T) => void) => void;

/** How records are read, and how many at a time. */
export interface BatchOptions<T> {
  readonly decode: Decode<T>;
  /** The same for many records at once, for rings that have them in one memory. */
  readonly decodeBatch?: DecodeBatch<T>;
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** Records in one batch at most; 1024. */
  readonly max?: number;
  /** Milliseconds between looks while records keep coming; 1. Longer makes batches larger and wake-ups fewer. */
  readonly interval?: number;
}

/** What batches are read from. */
export interface RecordSource<T> {
  read(max: number): T[];
  /** Bytes that wait to be read. */
  readonly pending: number;
  /** To sleep on; asked for once, closed at the end. */
  waiter(): Waiter;
}

/**
 * Batches of decoded records as they come, until `stop`. Looks every `interval` while records keep coming, which costs
 * no system call, and sleeps in the kernel when they stop. Gives way to timers and signals between batches even when the
 * source never empties.
 */
export async function* readBatches<T>(
  source: RecordSource<T>,
  options: BatchOptions<T>,
  stop: AbortSignal,
): AsyncGenerator<T[], void, undefined> {
  const { max = 1024, interval = 1 } = options;
  let sleeper: Waiter | undefined;
  try {
    for (let idle = 0; !stop.aborted; ) {
      const batch = source.read(max);
      if (batch.length > 0) {
        idle = 0;
        yield batch;
        if (batch.length === max) {
          await turn();
          continue;
        }
      }
      if (stop.aborted) return;
      if (idle++ < IDLE_LOOKS) await delay(interval, stop);
      else {
        sleeper ??= source.waiter();
        await sleep(source, sleeper, stop);
      }
    }
  } finally {
    sleeper?.close();
  }
}

/** Looks without a record before we go to sleep. */
const IDLE_LOOKS = 3;

/**
 * Sleeps, then looks once more and only then waits. Perf events say but once that they are readable, and epoll_ctl(2)
 * swallows that when it comes before the descriptor is watched. The event loop begins to watch in its next turn.
 */
async function sleep(source: RecordSource<unknown>, sleeper: Waiter, stop: AbortSignal): Promise<void> {
  const found = new AbortController();
  const awake = sleeper.readable(AbortSignal.any([stop, found.signal]));
  await turn();
  await turn();
  if (!stop.aborted && source.pending > 0) found.abort();
  await awake;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
  });
}
