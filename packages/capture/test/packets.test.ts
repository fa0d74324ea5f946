import { SkepError } from '@skep/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gzip, readPackets, readPcap, readPcapng, writePcap, writePcapng } from '../src/index.ts';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));

const packet = fc.record({
  time: fc.bigInt(0n, 0xffffffffn * 1_000_000_000n),
  interface: fc.constant(0),
  data: fc.uint8Array({ maxLength: 80 }),
});

describe('pcap', () => {
  it('reads files of either byte order and resolution, as their specification lays them out', () => {
    const little = bytesOf(`d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000
      01000000 02000000 03000000 3c000000 aabbcc`);
    const big = bytesOf(`a1b23c4d 0002 0004 00000000 00000000 0000ffff 00000065
      00000001 00000002 00000003 0000003c aabbcc`);
    expect(readPcap(little, 'a.pcap')).toEqual({
      format: 'pcap',
      interfaces: [{ linkType: 1, name: undefined, snapLength: 65535 }],
      packets: [{ time: 1_000_002_000n, interface: 0, data: bytesOf('aabbcc'), length: 60 }],
      warnings: [],
    });
    expect(readPcap(big, 'b.pcap').interfaces[0]!.linkType).toBe(101);
    expect(readPcap(big, 'b.pcap').packets[0]!.time).toBe(1_000_000_002n);
  });

  it('reads what it writes', () => {
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 8 }),
        fc.boolean(),
        fc.boolean(),
        (packets, nanoseconds, littleEndian) => {
          const read = readPcap(writePcap(packets, { nanoseconds, littleEndian, linkType: 101 }), 'x');
          const unit = nanoseconds ? 1n : 1000n;
          expect(read.packets).toEqual(
            packets.map((one) => ({ ...one, time: (one.time / unit) * unit, length: one.data.length })),
          );
          expect(read.interfaces[0]!.linkType).toBe(101);
          expect(read.warnings).toEqual([]);
        },
      ),
    );
  });

  it('loses only what is damaged', () => {
    const packets = Array.from({ length: 5 }, (_, i) => ({ time: BigInt(i), data: new Uint8Array(10).fill(i) }));
    const whole = writePcap(packets, { nanoseconds: true });
    for (let length = 24; length <= whole.length; length++) {
      const read = readPcap(whole.subarray(0, length), 'cut.pcap');
      const complete = Math.floor((length - 24) / 26);
      expect(read.packets.map((one) => one.data)).toEqual(packets.slice(0, complete).map((one) => one.data));
      expect(read.warnings.map((one) => one.code)).toEqual((length - 24) % 26 === 0 ? [] : ['E6006']);
    }
    const wrong = whole.slice();
    new DataView(wrong.buffer).setUint32(24 + 26 + 8, 0xfffffff0, true);
    expect(readPcap(wrong, 'x').packets.length).toBe(1);
    expect(() => readPcap(bytesOf('d4c3b2a10200'), 'x')).toThrow(/E6005|header/);
  });
});

describe('pcapng', () => {
  it('reads a file as its specification lays it out: options, clocks, kinds of packets', () => {
    const file = bytesOf(`
      0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000
      01000000 34000000 0100 0000 00000000  0200 0400 65746830  0900 0100 09000000  0e00 0800 0a00000000000000 0000 0000 34000000
      05000000 10000000 00000000 10000000
      06000000 34000000 00000000 01000000 02000000 05000000 09000000 0102030405000000 0100 0300 68692100 0000 0000 34000000
      03000000 14000000 04000000 0a0b0c0d 14000000`);
    expect(readPcapng(file, 'x.pcapng')).toEqual({
      format: 'pcapng',
      interfaces: [{ linkType: 1, name: 'eth0', snapLength: 0 }],
      packets: [
        {
          time: 10_000_000_000n + (1n << 32n) + 2n,
          interface: 0,
          data: bytesOf('0102030405'),
          length: 9,
          comment: 'hi!',
        },
        { time: 0n, interface: 0, data: bytesOf('0a0b0c0d'), length: 4 },
      ],
      warnings: [],
    });
  });

  it('reads what it writes, in either byte order', () => {
    const commented = fc.record({
      ...{ time: fc.bigInt(0n, 2n ** 63n), interface: fc.nat(1), data: fc.uint8Array({ maxLength: 50 }) },
      comment: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(commented, { maxLength: 8 }), fc.boolean(), (packets, littleEndian) => {
        const interfaces = [{ linkType: 1, name: 'lo' }, { linkType: 113 }];
        const read = readPcapng(writePcapng({ interfaces, packets }, { littleEndian }), 'x');
        expect(read.warnings).toEqual([]);
        expect(read.interfaces.map((one) => [one.linkType, one.name])).toEqual([
          [1, 'lo'],
          [113, undefined],
        ]);
        expect(read.packets).toEqual(
          packets.map(({ comment, ...rest }) => ({
            ...rest,
            length: rest.data.length,
            ...(comment !== undefined && { comment }),
          })),
        );
      }),
    );
  });

  it('takes sections behind each other, each with interfaces of its own', () => {
    const section = (value: number, littleEndian: boolean) =>
      writePcapng(
        { interfaces: [{ linkType: value }], packets: [{ time: 1n, interface: 0, data: Uint8Array.of(value) }] },
        { littleEndian },
      );
    const both = Uint8Array.of(...section(1, true), ...section(101, false));
    const read = readPcapng(both, 'x');
    expect(read.packets.map((one) => [one.interface, one.data[0]])).toEqual([
      [0, 1],
      [1, 101],
    ]);
  });

  it('leaves out a damaged block and reads the rest', () => {
    const packets = Array.from({ length: 3 }, (_, i) => ({ time: 0n, interface: 0, data: Uint8Array.of(i, i, i, i) }));
    const whole = writePcapng({ interfaces: [{ linkType: 1 }], packets });
    const second = whole.length - 2 * 36;
    const view = new DataView(whole.buffer, whole.byteOffset);
    expect(view.getUint32(second, true)).toBe(6);
    view.setUint32(second + 20, 1000, true);
    const read = readPcapng(whole, 'x');
    expect(read.packets.map((one) => one.data[0])).toEqual([0, 2]);
    expect(read.warnings).toHaveLength(1);
    view.setUint32(second + 4, 0x7ffffffc, true);
    expect(readPcapng(whole, 'x').packets.map((one) => one.data[0])).toEqual([0]);
  });
});

describe('files of packets', () => {
  it('are told apart, and unpacked', async () => {
    const data = { time: 5_000_000n, interface: 0, data: Uint8Array.of(1, 2, 3) };
    const pcap = writePcap([data]);
    const pcapng = writePcapng({ interfaces: [{ linkType: 1 }], packets: [data] });
    for (const file of [pcap, pcapng, await gzip(pcap), await gzip(pcapng)]) {
      const read = await readPackets(file, 'x');
      expect(read.packets).toEqual([{ ...data, length: 3 }]);
    }
    await expect(readPackets(Uint8Array.of(1, 2, 3, 4), 'x')).rejects.toThrow(SkepError);
    await expect(readPackets(new Uint8Array(), 'x')).rejects.toThrow(/E6005|empty/);
  });

  it('of any bytes give packets or a diagnostic, never anything else', async () => {
    const start = fc.constantFrom('', 'd4c3b2a1', 'a1b2c3d4', '0a0d0d0a1c0000004d3c2b1a', '0a0d0d0a0000001c1a2b3c4d');
    await fc.assert(
      fc.asyncProperty(start, fc.uint8Array({ maxLength: 300 }), async (head, tail) => {
        try {
          const { packets } = await readPackets(Uint8Array.of(...bytesOf(head), ...tail), 'x');
          expect(packets.length).toBeLessThan(100);
        } catch (error) {
          expect(error).toBeInstanceOf(SkepError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
