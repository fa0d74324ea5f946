import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  type BpfMap,
  copyRecord,
  createMap,
  loadProgram,
  onlineCpus,
  PerfBuffer,
  type Program,
  possibleCpus,
  releaseAtLeast,
} from '../src/index.ts';
import { perfWriter } from './support/code.ts';
import { bytes32, expectNoLeaks, noKernel, number64 } from './support/host.ts';
import { until } from './support/until.ts';

const XDP = 6;
const ARRAY = 2;
const PERF_EVENT_ARRAY = 4;

describe.skipIf(noKernel)('perf buffers', () => {
  expectNoLeaks();

  it('bring every record once, around the end many times', () => {
    using bench = new Bench(1);
    const seen = new Set<number>();
    let next = 0;
    for (let round = 0; round < 200; round++) {
      bench.write(100);
      const numbers = bench.buffer.read((data, at) => data.getUint32(at, true));
      for (const number of numbers) seen.add(number);
      expect(numbers.length).toBe(100);
      next += 100;
    }
    expect(seen.size).toBe(next);
    expect(bench.refused()).toBe(0);
    expect(bench.buffer.lost).toBe(0);
    expect(bench.buffer.pending).toBe(0);
  });

  it('count what found no room, as the program does', () => {
    using bench = new Bench(1);
    let received = 0;
    for (let round = 0; round < 10; round++) {
      bench.write(1000);
      received += bench.buffer.drain(() => {});
    }
    // Before 6.0 the kernel tells of losses in front of the next record of that CPU: the program has to run there.
    for (const cpu of releaseAtLeast('6.0') ? [] : onlineCpus()) {
      execFileSync('taskset', ['-p', '-c', String(cpu), String(process.pid)]);
      bench.write(1);
      received += bench.buffer.drain(() => {});
    }
    expect(bench.refused()).toBeGreaterThan(5000);
    expect(bench.buffer.lost).toBe(bench.refused());
    expect(received).toBe(bench.submitted());
  });

  it.each([1, 4, 12, 13, 16, 100])('records of %i bytes end on a multiple of eight, where they wrap too', (size) => {
    using bench = new Bench(1, size);
    for (let round = 0; round < 100; round++) {
      bench.write(7);
      const records = bench.buffer.read(copyRecord);
      expect(records.map((one) => one.length)).toEqual(Array(7).fill(Math.ceil((size + 4) / 8) * 8 - 4));
      if (size >= 8) {
        const numbers = records.map((one) => number64(one)).sort((a, b) => a - b);
        expect(numbers).toEqual(Array.from({ length: 7 }, (_, i) => round * 7 + i));
      }
    }
  });

  it('come as batches, from busy to idle and back', async () => {
    using bench = new Bench(16);
    const stop = new AbortController();
    const seen: number[] = [];
    const reading = (async () => {
      const options = { signal: stop.signal, max: 100 };
      for await (const batch of bench.buffer.batches({ ...options, decode: (data, at) => data.getUint32(at, true) })) {
        expect(batch.length).toBeLessThanOrEqual(100);
        seen.push(...batch);
      }
    })();
    for (const pause of [0, 1, 40, 5, 60, 0, 30, 30, 30]) {
      bench.write(250);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    await until(() => seen.length >= 2250);
    stop.abort();
    await reading;
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 2250 }, (_, i) => i));
  });

  it('wake a sleeper at whatever moment the record comes', async () => {
    using bench = new Bench(4);
    const stop = new AbortController();
    let received = 0;
    const reading = (async () => {
      for await (const batch of bench.buffer.batches({ decode: () => 0, signal: stop.signal }))
        received += batch.length;
    })();
    for (let round = 0; round < 60; round++) {
      // Around the time when the reader goes to sleep.
      await new Promise((resolve) => setTimeout(resolve, 2 + (round % 6)));
      bench.write(1);
      await until(() => received > round);
      expect(received, `round ${round}`).toBe(round + 1);
    }
    stop.abort();
    await reading;
  });

  it('may be closed from the callback, and end a pending iteration', async () => {
    using bench = new Bench(1);
    bench.write(3);
    let seen = 0;
    bench.buffer.drain(() => {
      seen++;
      bench.buffer.close();
    });
    expect(seen).toBe(1);
    expect(() => bench.buffer.drain(() => {})).toThrow(/closed/);
    using other = new PerfBuffer(bench.map);
    const next = other.batches({ decode: copyRecord }).next();
    setTimeout(() => other.close(), 30);
    expect(await next).toEqual({ done: true, value: undefined });
    expect(() => new PerfBuffer(bench.counters)).toThrow(/not a perf event array/);
    expect(() => new PerfBuffer(bench.map, { pages: 3 })).toThrow(/power of two/);
  });
});

/** A perf event array, a program that writes to it when run, and what the program counted. */
class Bench {
  readonly map: BpfMap;
  readonly counters: BpfMap;
  readonly buffer: PerfBuffer;
  private readonly program: Program;

  constructor(pages: number, record = 16) {
    const cpus = possibleCpus();
    this.map = createMap({ name: 'events', type: PERF_EVENT_ARRAY, keySize: 4, valueSize: 4, maxEntries: cpus });
    this.counters = createMap({ name: 'counters', type: ARRAY, keySize: 4, valueSize: 16, maxEntries: 1 });
    const code = perfWriter(this.map.fd, this.counters.fd, record);
    this.program = loadProgram({ name: 'writer', type: XDP, license: 'GPL', code });
    this.buffer = new PerfBuffer(this.map, { pages });
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
    this.buffer.close();
    this.program.close();
    this.counters.close();
    this.map.close();
  }
}
