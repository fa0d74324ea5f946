import type { Waiter } from './sys/wait.ts';

/** A DataView that cannot be written through: pages below may be read-only, and a write would end the process. */
export type ReadOnlyView = Pick<DataView, Extract<keyof DataView, `get${string}`> | 'byteLength'>;

/** Decodes the record of `length` bytes at `offset`. It must copy what it keeps: the bytes are overwritten afterwards. */
export type Decode<T> = (data: ReadOnlyView, offset: number, length: number) => T;

/** Words of little-endian memory that cannot be written through, as {@link ReadOnlyView}. */
export type ReadOnlyWords<T = number> = ArrayLike<T>;

/** The memory of a ring at every width: where records are aligned, half as dear as a view's getters. */
export interface RingMemory {
  readonly view: ReadOnlyView;
  readonly i8: ReadOnlyWords;
  readonly u8: ReadOnlyWords;
  readonly i16: ReadOnlyWords;
  readonly u16: ReadOnlyWords;
  readonly i32: ReadOnlyWords;
  readonly u32: ReadOnlyWords;
  readonly i64: ReadOnlyWords<bigint>;
  readonly u64: ReadOnlyWords<bigint>;
  readonly f32: ReadOnlyWords;
  readonly f64: ReadOnlyWords;
}

/** Records where they lie. Each begins at a multiple of eight bytes. */
export interface RawBatch {
  readonly memory: RingMemory;
  /** Two numbers a record: where it begins in {@link memory}, and its length in bytes. */
  readonly places: ReadOnlyWords;
  /** Records. */
  readonly count: number;
  /** How many are consumed when the callback is left, however it is; {@link count} unless it says otherwise. */
  taken: number;
  /** The ring was closed meanwhile, and its memory is about to go: no more records are wanted. */
  readonly ended: boolean;
}

/** Decodes the records of a batch and gives each to `take`; sets {@link RawBatch.taken} when that throws. */
export type DecodeBatch<T> = (batch: RawBatch, take: (record: T) => void) => void;

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
