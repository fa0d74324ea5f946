import { SkepError } from '@skep/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRecording, encodeRecording, gunzip, gzip, type RecordingBlock } from '../src/index.ts';

const bytes = (max: number) => fc.uint8Array({ maxLength: max });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u64 = fc.bigInt(0n, 2n ** 64n - 1n);

const header: RecordingBlock = {
  kind: 'header',
  header: {
    release: '6.12.0',
    machine: 'x86_64',
    cpus: 2,
    startRealtime: 1_700_000_000_000_000_000n,
    startMonotonic: 5_000n,
    globals: { target_tgid: 42 },
    command: ['cat', '/etc/hosts'],
  },
};

const block: fc.Arbitrary<RecordingBlock> = fc.oneof(
  fc.record({ kind: fc.constant('btf' as const), bytes: bytes(50) }),
  fc.record({ kind: fc.constant('lost' as const), count: u64 }),
  fc.record({
    kind: fc.constant('hook' as const),
    hook: fc.record({ id: u32, section: fc.string(), programType: fc.string() }),
  }),
  fc.record({
    kind: fc.constant('run' as const),
    run: fc.record({
      hook: u32,
      cpu: u32,
      time: u64,
      pidTgid: u64,
      uidGid: u64,
      comm: fc.string({ maxLength: 16 }),
      context: bytes(80),
      memory: fc.array(
        fc.record({
          address: u64,
          space: fc.constantFrom('kernel' as const, 'user' as const),
          result: fc.integer(),
          bytes: bytes(40),
        }),
        { maxLength: 4 },
      ),
      calls: fc.array(fc.record({ helper: u32, result: u64 }), { maxLength: 4 }),
    }),
  }),
);
const recording = fc.array(block, { maxLength: 8 }).map((blocks) => [header, ...blocks]);

describe('a recording', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(recording, (blocks) => {
        const read = decodeRecording(encodeRecording(blocks), 'test');
        expect(read.blocks).toEqual(blocks);
        expect(read.warnings).toEqual([]);
      }),
    );
  });

  it('that breaks off keeps every whole block and says where it ends', () => {
    fc.assert(
      fc.property(recording, fc.nat(), (blocks, cut) => {
        const whole = encodeRecording(blocks);
        const first = encodeRecording([header]).length;
        const length = first + (cut % (whole.length - first + 1));
        const read = decodeRecording(whole.subarray(0, length), 'test');
        expect(read.blocks).toEqual(blocks.slice(0, read.blocks.length));
        expect(length === whole.length || read.blocks.length < blocks.length).toBe(true);
        for (const warning of read.warnings) expect(warning.code).toBe('E6003');
      }),
    );
  });

  it('with any bytes changed is read or refused with a code', () => {
    fc.assert(
      fc.property(
        recording,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1 }),
        (blocks, edits) => {
          const damaged = encodeRecording(blocks);
          for (const [at, value] of edits) damaged[at % damaged.length] = value;
          try {
            decodeRecording(damaged, 'test');
          } catch (error) {
            expect(error).toBeInstanceOf(SkepError);
            expect((error as SkepError).code).toMatch(/^E600[12]$/);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('says what is wrong with a file that is none', () => {
    expect(() => decodeRecording(new Uint8Array(3), 'x.skep')).toThrow(/E6001: x.skep is not a skep recording/);
    expect(() => decodeRecording(Uint8Array.of(0x53, 0x4b, 0x45, 0x50, 0x52, 0x45, 0x43, 9), 'x')).toThrow(/version 9/);
  });
});

describe('compression', () => {
  it('goes both ways, leaves other bytes alone, and survives a cut', async () => {
    const plain = encodeRecording([
      header,
      { kind: 'btf', bytes: new Uint8Array(200_000).map((_, i) => (i * 7919) >> 3) },
    ]);
    const packed = await gzip(plain);
    expect((await gunzip(packed, 'x')).bytes).toEqual(plain);
    expect((await gunzip(plain, 'x')).bytes).toBe(plain);
    const cut = await gunzip(packed.subarray(0, packed.length - 20), 'x');
    expect(cut.complete).toBe(false);
    await expect(gunzip(Uint8Array.of(0x1f, 0x8b, 1, 2, 3), 'x')).rejects.toThrow(/E6004/);
  });
});
