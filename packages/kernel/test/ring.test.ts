import { describe, expect, it } from 'vitest';
import { type BpfMap, copyRecord, createMap, loadProgram, type Program, RingBuffer } from '../src/index.ts';
import { loopWaiter, threadWaiter } from '../src/sys/wait.ts';
import { ringWriter } from './support/code.ts';
import { bytes32, expectNoLeaks, noKernel, number64 } from './support/host.ts';
import { until } from './support/until.ts';

const XDP = 6;
const ARRAY = 2;
const RINGBUF = 27;

describe.skipIf(noKernel)('ring buffers', () => {
  expectNoLeaks();

  it('bring every record once and in order, around the end many times', () => {
    using bench = new Bench(4096);
    let expected = 0;
    for (let round = 0; round < 200; round++) {
      bench.write(150);
      expect(bench.ring.pending).toBe(150 * 24);
      const count = bench.ring.drain((data, offset, length) => {
        const number = data.getUint32(offset, true);
        if (length !== 16 || number !== expected++ || data.getUint32(offset + 8, true) !== 0x5ee9)
          expect.fail(`record ${expected - 1} is ${number}, of ${length} bytes`);
      });
      expect(count).toBe(150);
    }
    expect(expected).toBe(30_000);
    expect(bench.refused()).toBe(0);
  });

  it('count exactly under stress: what was submitted arrives, the rest was refused', () => {
    using bench = new Bench(1 << 16);
    const rounds = 40;
    const perRound = 50_000;
    let received = 0;
    let next = 0;
    for (let round = 0; round < rounds; round++) {
      bench.write(perRound);
      received += bench.ring.drain((data, offset) => {
        if (data.getUint32(offset, true) !== next++) throw new Error(`out of order at ${next - 1}`);
      });
    }
    expect(received).toBe(bench.submitted());
    expect(received + bench.refused()).toBe(rounds * perRound);
    expect(received).toBe(rounds * Math.floor(((1 << 16) - 1) / 24));
  });

  it.each([1, 3, 17, 40, 200])('keep records of %i bytes apart', (size) => {
    using bench = new Bench(4096, Math.max(size, 16));
    bench.write(5);
    expect(bench.ring.read(copyRecord).map((record) => record.length)).toEqual(Array(5).fill(Math.max(size, 16)));
  });

  it('leave behind what was not asked for', () => {
    using bench = new Bench(4096);
    bench.write(10);
    const numbers = (max: number) => bench.ring.read((data, at) => data.getUint32(at, true), max);
    expect(numbers(3)).toEqual([0, 1, 2]);
    expect(numbers(0)).toEqual([]);
    expect(numbers(4)).toEqual([3, 4, 5, 6]);
    // Another reader of the same map goes on where this one stopped.
    bench.ring.close();
    const other = new RingBuffer(bench.map);
    expect(other.read((data, at) => data.getUint32(at, true))).toEqual([7, 8, 9]);
    other.close();
  });

  it('hand out copies that outlive the record', () => {
    using bench = new Bench(4096);
    bench.write(1);
    const [record] = bench.ring.read(copyRecord);
    for (let i = 0; i < 5; i++) {
      bench.write(150);
      bench.ring.drain(() => {});
    }
    expect(number64(record!)).toBe(0);
    record!.fill(1);
  });

  it('consume the record that a callback fails on', () => {
    using bench = new Bench(4096);
    bench.write(3);
    expect(() =>
      bench.ring.drain((data, at) => {
        if (data.getUint32(at, true) === 1) throw new Error('mine');
      }),
    ).toThrow('mine');
    expect(bench.ring.read((data, at) => data.getUint32(at, true))).toEqual([2]);
  });

  it('come many at once, around the end too; what was not taken of a batch stays', () => {
    using bench = new Bench(4096);
    let expected = 0;
    for (let round = 0; round < 300; round++) {
      bench.write(150);
      for (const fails of [true, false]) {
        const before = expected;
        const take = () =>
          bench.ring.drainBatches((batch) => {
            const { memory, places, count } = batch;
            for (let i = 0; i < count; i++) {
              const at = places[2 * i]!;
              const number = memory.view.getUint32(at, true);
              if (number !== expected || memory.u64(at) !== BigInt(expected) || places[2 * i + 1] !== 16)
                expect.fail(`record ${expected} is ${number}, of ${places[2 * i + 1]} bytes`);
              expected++;
              if (!fails || expected < before + (round % 150)) continue;
              batch.taken = i + 1;
              throw new Error('enough');
            }
          });
        if (fails) expect(take).toThrow('enough');
        else take();
        expect(bench.ring.pending).toBe((150 * (round + 1) - expected) * 24);
      }
    }
    expect(expected).toBe(300 * 150);
    expect(bench.refused()).toBe(0);
  });

  it('may be closed, but not drained, from the callback', () => {
    using bench = new Bench(4096);
    bench.write(3);
    expect(() => bench.ring.drain(() => bench.ring.drain(() => {}))).toThrow(/own callback/);
    let seen = 0;
    bench.ring.drain(() => {
      seen++;
      bench.ring.close();
    });
    expect(seen).toBe(1);
    expect(() => bench.ring.drain(() => {})).toThrow(/closed/);
    expect(() => bench.ring.pending).toThrow(/closed/);
  });

  it('come as batches, from busy to idle and back', async () => {
    using bench = new Bench(1 << 16);
    const stop = new AbortController();
    const seen: number[] = [];
    const sizes: number[] = [];
    const reading = (async () => {
      for await (const batch of bench.ring.batches({
        decode: (data, at) => data.getUint32(at, true),
        signal: stop.signal,
        max: 100,
      })) {
        seen.push(...batch);
        sizes.push(batch.length);
      }
    })();
    for (const pause of [0, 1, 40, 5, 60, 0]) {
      bench.write(250);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    await until(() => seen.length >= 1500);
    stop.abort();
    await reading;
    expect(seen).toEqual(Array.from({ length: 1500 }, (_, i) => i));
    expect(Math.max(...sizes)).toBe(100);
  });

  it('end their iteration at break, abort and close, and leave the rest', async () => {
    using bench = new Bench(4096);
    const decode = (data: { getUint32(at: number, little: boolean): number }, at: number) => data.getUint32(at, true);
    bench.write(10);
    for await (const batch of bench.ring.batches({ decode, max: 2 })) {
      expect(batch).toEqual([0, 1]);
      break;
    }
    const stop = new AbortController();
    for await (const batch of bench.ring.batches({ decode, signal: stop.signal })) {
      expect(batch).toHaveLength(8);
      setTimeout(() => stop.abort(), 30);
    }
    for await (const _ of bench.ring.batches({ decode, signal: AbortSignal.abort() })) expect.unreachable();
    const reader = bench.ring.batches({ decode });
    const next = reader.next();
    await expect(bench.ring.batches({ decode }).next()).rejects.toThrow(/reader already/);
    setTimeout(() => bench.ring.close(), 30);
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('give way to timers when they never empty', async () => {
    using bench = new Bench(4096);
    let timers = 0;
    const stop = new AbortController();
    const timer = setInterval(() => ++timers > 5 && stop.abort(), 1);
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(30_000)]);
    for await (const _ of bench.ring.batches({ decode: () => 0, max: 10, signal })) bench.write(10);
    clearInterval(timer);
    expect(timers).toBeGreaterThan(5);
  });

  it.each([
    ['the event loop', loopWaiter],
    ['a thread', threadWaiter],
  ] as const)('wake a sleeper by %s', async (_, makeWaiter) => {
    using bench = new Bench(4096);
    const waiter = makeWaiter(bench.map.fd);
    const never = new AbortController();
    setTimeout(() => bench.write(1), 30);
    expect(await waiter.readable(never.signal)).toBe(true);
    expect(await waiter.readable(never.signal)).toBe(true); // still there
    bench.ring.drain(() => {});
    setTimeout(() => never.abort(), 30);
    expect(await waiter.readable(never.signal)).toBe(false);
    expect(await waiter.readable(never.signal)).toBe(false);
    waiter.close();
  });

  it('are made of ring buffer maps only', () => {
    using bench = new Bench(4096);
    expect(() => new RingBuffer(bench.counters)).toThrow(/not a ring buffer/);
    expect(() => createMap({ name: 'odd', type: RINGBUF, keySize: 0, valueSize: 0, maxEntries: 1000 })).toThrow(
      /E5004.*odd.*RINGBUF.*1000 entries/,
    );
  });
});

/** A ring, a program that fills it when run, and what the program counted. */
class Bench {
  readonly map: BpfMap;
  readonly counters: BpfMap;
  readonly ring: RingBuffer;
  private readonly program: Program;

  constructor(size: number, record = 16) {
    this.map = createMap({ name: 'ring', type: RINGBUF, keySize: 0, valueSize: 0, maxEntries: size });
    this.counters = createMap({ name: 'counters', type: ARRAY, keySize: 4, valueSize: 16, maxEntries: 1 });
    const bytes = ringWriter(this.map.fd, this.counters.fd, 0x5ee9, record);
    this.program = loadProgram({ name: 'writer', type: XDP, license: 'GPL', code: bytes });
    this.ring = new RingBuffer(this.map);
  }

  write(count: number): void {
    this.program.testRun({ data: new Uint8Array(64), repeat: count });
  }
  submitted(): number {
    return number64(this.counters.lookup(bytes32(0))!);
  }
  refused(): number {
    return number64(this.counters.lookup(bytes32(0))!, 8);
  }

  [Symbol.dispose](): void {
    this.ring.close();
    this.program.close();
    this.counters.close();
    this.map.close();
  }
}
