import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ByteWriter, SkepError } from '@skep/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gzip, readScap, writePcapng } from '../src/index.ts';

const samples = fileURLToPath(new URL('../../../../shared/exams/falco-captures.tgz', import.meta.url));
const absent = existsSync(samples) ? '' : ' (skipped: shared/exams/falco-captures.tgz is not here)';

function block(writer: ByteWriter, type: number, body: (into: ByteWriter) => void): void {
  const inner = new ByteWriter();
  body(inner);
  const padding = (4 - (inner.length % 4)) % 4;
  const length = inner.length + padding + 12;
  writer.u32(type).u32(length).raw(inner.toBytes()).zeros(padding).u32(length);
}

function event(into: ByteWriter, counted: boolean, type: number, params: readonly Uint8Array[], wide = false): void {
  const width = wide ? 4 : 2;
  const size = params.reduce((sum, one) => sum + one.length + width, 0) + (counted ? 26 : 22);
  into.u64(1_600_000_000_000_000_000n).u64(77n).u32(size).u16(type);
  if (counted) into.u32(params.length);
  for (const one of params) wide ? into.u32(one.length) : into.u16(one.length);
  for (const one of params) into.raw(one);
}

function capture(): Uint8Array {
  const writer = new ByteWriter();
  block(writer, 0x0a0d0d0a, (into) => into.u32(0x1a2b3c4d).u16(1).u16(2).u64(0xffffffffffffffffn));
  block(writer, 0x201, (into) =>
    into
      .u32(4)
      .u64(1n << 30n)
      .u64(32768n)
      .raw(Buffer.from('bee'))
      .zeros(125),
  );
  block(writer, 0x216, (into) => event(into.u16(3), true, 2, [Uint8Array.of(1, 2), Uint8Array.of()]));
  block(writer, 0x204, (into) => event(into.u16(1), false, 3, [Uint8Array.of(9, 9, 9), Uint8Array.of(4)]));
  block(writer, 0x222, (into) => event(into.u16(0).u32(5), true, 6, [new Uint8Array(70_000).fill(1)], true));
  return writer.toBytes();
}

describe('scap', () => {
  it('reads events of every shape, with the machine they are from', async () => {
    for (const file of [capture(), await gzip(capture())]) {
      const read = await readScap(file, 'x.scap');
      expect(read.warnings).toEqual([]);
      expect(read.machine).toEqual({ cpus: 4, memory: 1n << 30n, maxPid: 32768n, hostname: 'bee' });
      expect(read.events.map(({ params, ...rest }) => ({ ...rest, sizes: params.map((one) => one.length) }))).toEqual([
        { time: 1_600_000_000_000_000_000n, tid: 77n, cpu: 3, type: 2, direction: 'enter', flags: 0, sizes: [2, 0] },
        { time: 1_600_000_000_000_000_000n, tid: 77n, cpu: 1, type: 3, direction: 'exit', flags: 0, sizes: [3, 1] },
        { time: 1_600_000_000_000_000_000n, tid: 77n, cpu: 0, type: 6, direction: 'enter', flags: 5, sizes: [70_000] },
      ]);
    }
  });

  it('keeps what stands before the place where a file breaks off', async () => {
    const whole = capture();
    for (const cut of [10, 40, 100, 1000, 70_000]) {
      const read = await readScap(whole.subarray(0, whole.length - cut), 'cut.scap');
      expect(read.events).toHaveLength(2);
      expect(read.warnings[0]!.code).toBe('E6006');
    }
  });

  it('refuses what is none by name', async () => {
    await expect(readScap(Uint8Array.of(1, 2, 3), 'x')).rejects.toThrow(/Sysdig/);
    const packets = writePcapng({ interfaces: [{ linkType: 1 }], packets: [] });
    await expect(readScap(packets, 'x')).rejects.toThrow(/file of packets/);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (tail) => {
        try {
          await readScap(Uint8Array.of(...capture().subarray(0, 28), ...tail), 'x');
        } catch (error) {
          expect(error).toBeInstanceOf(SkepError);
        }
      }),
    );
  });

  it.skipIf(absent !== '')(`reads captures that sysdig made, to the last byte${absent}`, async () => {
    const names = execFileSync('tar', ['tzf', samples])
      .toString()
      .split('\n')
      .filter((one) => one.endsWith('.scap'));
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      const file = execFileSync('tar', ['xzOf', samples, name], { maxBuffer: 1 << 28 });
      const read = await readScap(file, name);
      expect([name, read.warnings]).toEqual([name, []]);
      expect(read.machine?.cpus).toBeGreaterThan(0);
      let last = 0n;
      for (const one of read.events) {
        expect(one.cpu).toBeLessThan(read.machine!.cpus);
        expect(one.params.length).toBeLessThan(40);
        // Events of different CPUs are merged by time, but for a few that came late.
        expect(one.time).toBeGreaterThan(last - 10_000_000_000n);
        last = one.time;
      }
      if (!name.includes('empty')) expect(read.events.length).toBeGreaterThan(0);
    }
  });
});
