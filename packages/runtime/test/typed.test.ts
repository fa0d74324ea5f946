import { Btf, BtfBuilder, type BtfId } from '@skep/object';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchDecoderFor, decoderFor } from '../src/typed/decode.ts';
import { type Encodable, encode } from '../src/typed/encode.ts';
import { fieldsOf } from '../src/typed/fields.ts';
import { recordTypesOf } from '../src/typed/records.ts';

const builder = new BtfBuilder();
const int = (name: string, size: number, signed: boolean): BtfId =>
  builder.add({ kind: 'int', name, size, bits: size * 8, offset: 0, signed, char: false, bool: false });
const u8 = int('unsigned char', 1, false);
const char = int('char', 1, true);
const u16 = int('unsigned short', 2, false);
const u32 = int('unsigned int', 4, false);
const s32 = int('int', 4, true);
const u64 = int('unsigned long long', 8, false);
const s64 = int('long long', 8, true);
const array = (type: BtfId, count: number): BtfId => builder.add({ kind: 'array', type, index: u32, count });
const typedef = builder.add({ kind: 'typedef', name: 'u64', type: u64 });
const mode = builder.add({
  kind: 'enum',
  name: 'mode',
  size: 4,
  signed: false,
  values: [
    { name: 'OFF', value: 0n },
    { name: 'ON', value: 1n },
  ],
});
const point = builder.add({
  kind: 'struct',
  name: 'point',
  size: 8,
  members: [
    { name: 'x', type: s32, bitOffset: 0, bitSize: 0 },
    { name: 'y', type: u16, bitOffset: 32, bitSize: 0 },
    { name: 'low', type: u16, bitOffset: 48, bitSize: 3 },
    { name: 'high', type: s32, bitOffset: 51, bitSize: 13 },
  ],
});
const anonymous = builder.add({
  kind: 'union',
  name: '',
  size: 8,
  members: [
    { name: 'number', type: u64, bitOffset: 0, bitSize: 0 },
    { name: 'raw', type: array(u8, 8), bitOffset: 0, bitSize: 0 },
  ],
});
const event = builder.add({
  kind: 'struct',
  name: 'event',
  size: 136,
  members: [
    { name: 'time', type: typedef, bitOffset: 0, bitSize: 0 },
    { name: 'delta', type: s64, bitOffset: 64, bitSize: 0 },
    { name: 'comm', type: array(char, 16), bitOffset: 128, bitSize: 0 },
    { name: 'mode', type: mode, bitOffset: 256, bitSize: 0 },
    { name: 'at', type: point, bitOffset: 288, bitSize: 0 },
    { name: '', type: anonymous, bitOffset: 384, bitSize: 0 },
    { name: 'many', type: array(u32, 20), bitOffset: 448, bitSize: 0 },
  ],
});
builder.add({ kind: 'decl_tag', name: 'show:time', type: event, component: 0 });
const ring = builder.add({ kind: 'var', name: 'events', type: point, linkage: 'global' });
builder.add({ kind: 'decl_tag', name: 'record:struct event', type: ring, component: -1 });
const three = array(u8, 3);
const btf = Btf.parse(builder.toBytes());

const decode = (type: BtfId, bytes: Uint8Array) =>
  decoderFor(btf, type)(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);

describe('values of BTF types', () => {
  it('come back as they were written', () => {
    const value = fc.record({
      time: fc.bigInt(0n, 2n ** 64n - 1n),
      delta: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      comm: fc
        .string({ maxLength: 4, unit: 'grapheme' })
        .filter((text) => !text.includes('\0') && Buffer.byteLength(text) <= 16),
      mode: fc.constantFrom('ON', 'OFF'),
      number: fc.bigInt(0n, 2n ** 64n - 1n),
      many: fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 20, maxLength: 20 }),
    });
    fc.assert(
      fc.property(value, fc.integer(), fc.integer({ min: 0, max: 65535 }), (given, x, y) => {
        const bytes = encode(btf, event, { ...given, at: { x, y } } as Encodable, 'event');
        expect(decode(event, bytes)).toMatchObject({ ...given, at: { x, y, low: 0, high: 0 } });
      }),
    );
  });

  it('are read from bit-fields, signed and not', () => {
    const bits = 0b1111111110001_101;
    expect(decode(point, Uint8Array.of(0, 0, 0, 0, 0, 0, bits & 255, bits >> 8))).toMatchObject({ low: 5, high: -15 });
  });

  it('keep what has no name as it is', () => {
    expect(decode(mode, Uint8Array.of(7, 0, 0, 0))).toBe(7);
    expect(decode(three, Uint8Array.of(1, 2, 3))).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('are the same a record at a time and many at once, aligned or packed', () => {
    const packed = builder.add({
      kind: 'struct',
      name: 'packed',
      size: 61,
      members: [
        { name: 'first', type: u8, bitOffset: 0, bitSize: 0 },
        { name: 'wide', type: u64, bitOffset: 8, bitSize: 0 },
        { name: 'name', type: array(char, 16), bitOffset: 72, bitSize: 0 },
        { name: 'points', type: array(point, 3), bitOffset: 200, bitSize: 0 },
        { name: 'half', type: u16, bitOffset: 392, bitSize: 0 },
        { name: 'odd', type: array(u16, 5), bitOffset: 408, bitSize: 0 },
      ],
    });
    const types = Btf.parse(builder.toBytes());
    const records = [event, packed].map((type) => ({ type, size: types.sizeOf(type) }));
    const some = fc.array(fc.tuple(fc.constantFrom(0, 1, 2), fc.uint8Array({ minLength: 136, maxLength: 136 })));
    fc.assert(
      fc.property(some, fc.boolean(), (given, isWhole) => {
        const bytes = new Uint8Array(1 << 16);
        const view = new DataView(bytes.buffer);
        const discarded = (at: number) => view.setUint32(at, (1 << 30) | 3, true);
        discarded(0);
        let waiting = 16;
        const places = given.flatMap(([which, data]) => {
          const length = records[which]?.size ?? 5;
          const at = waiting + 8;
          view.setUint32(waiting, length, true);
          bytes.set(data.subarray(0, length), at);
          waiting += (length + 15) & ~7;
          return [at, length];
        });
        view.setUint32(waiting, (1 << 31) | 16, true); // not yet submitted
        const one = (at: number, length: number) => {
          const found = records.find(({ size }) => size === length);
          return found ? decoderFor(types, found.type)(view, at) : `${length} others`;
        };
        const wanted = given.map((_, i) => one(places[2 * i]!, places[2 * i + 1]!));
        const raw = everyWidth(bytes.buffer, view);
        const limits = { start: 0, waiting: waiting + 24, mask: bytes.length - 1, max: 1000 };
        const walk = { raw, ...limits, ended: false, taken: -1, bytes: -1 };
        const stop = isWhole ? given.length : Math.ceil(given.length / 2);
        const got: unknown[] = [];
        const decodeBatch = batchDecoderFor(types, records, (_view, _at, length) => `${length} others`);
        const run = () =>
          decodeBatch(walk, (record) => {
            got.push(record);
            if (got.length === stop && !isWhole) throw new Error('enough');
          });
        if (isWhole || given.length === 0) run();
        else expect(run).toThrow('enough');
        expect(got).toEqual(wanted.slice(0, stop));
        expect(walk.taken).toBe(stop);
        if (isWhole) expect(walk.bytes).toBe(waiting);
        else if (stop > 0) expect(walk.bytes).toBe(places[2 * stop - 2]! - 8 + ((places[2 * stop - 1]! + 15) & ~7));
      }),
    );
  });

  it('are refused where they do not fit, and the message says where', () => {
    for (const [value, message] of [
      [{ time: -1 }, /`?event\.time.*not between/],
      [{ comm: 'seventeen letters!' }, /event\.comm.*room for 16/],
      [{ mode: 'MAYBE' }, /enumerator `MAYBE`/],
      [{ at: 5 }, /event\.at.*members of struct point/],
      [{ where: 5 }, /no member `where`/],
      [{ many: [1, 2, 3.5] }, /many\[2\].*integer/],
    ] as const) {
      expect(() => encode(btf, event, value as Encodable, 'event')).toThrow(message);
      expect(() => encode(btf, event, value as Encodable, 'event')).toThrow(/E8002/);
    }
  });
});

function everyWidth(buffer: ArrayBuffer, view: DataView) {
  return {
    view,
    i8: new Int8Array(buffer),
    u8: new Uint8Array(buffer),
    i16: new Int16Array(buffer),
    u16: new Uint16Array(buffer),
    i32: new Int32Array(buffer),
    u32: new Uint32Array(buffer),
    i64: new BigInt64Array(buffer),
    u64: new BigUint64Array(buffer),
    f32: new Float32Array(buffer),
    f64: new Float64Array(buffer),
  };
}

describe('records', () => {
  it('are described by their members, with notes on how to show them', () => {
    const fields = fieldsOf(btf, event);
    expect(fields.map((one) => [one.name, one.kind])).toEqual([
      ['time', 'integer'],
      ['delta', 'integer'],
      ['comm', 'text'],
      ['mode', 'text'],
      ['at', 'other'],
      ['number', 'integer'],
      ['raw', 'bytes'],
      ['many', 'other'],
    ]);
    expect(fields[0]!.show).toBe('time');
    expect(fields[1]!.show).toBeUndefined();
  });

  it('are found by the tag on their ring', () => {
    expect(recordTypesOf(btf, { name: 'events', valueType: 0 })).toEqual([event]);
    expect(recordTypesOf(btf, { name: 'others', valueType: 0 })).toEqual([]);
    expect(recordTypesOf(btf, { name: 'others', valueType: point })).toEqual([point]);
  });
});
