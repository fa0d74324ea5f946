import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as base from '../src/index.ts';
import { mul64, sdiv64, smod64, udiv64, umod64 } from '../src/index.ts';

const u64 = fc.oneof(
  fc.bigInt(0n, 2n ** 64n - 1n),
  fc.integer({ min: 0, max: 63 }).map((bit) => 1n << BigInt(bit)),
  fc.constantFrom(0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 0xffffffffn, 0x100000000n),
);
const halves = (value: bigint): [number, number] => {
  const low = base.split(value);
  return [low, base.high];
};

describe('64-bit numbers as halves', () => {
  const operations = {
    mul64: (a: bigint, b: bigint) => a * b,
    udiv64: (a: bigint, b: bigint) => (b === 0n ? undefined : a / b),
    umod64: (a: bigint, b: bigint) => (b === 0n ? undefined : a % b),
    sdiv64: (a: bigint, b: bigint) => (b === 0n ? undefined : BigInt.asIntN(64, a) / BigInt.asIntN(64, b)),
    smod64: (a: bigint, b: bigint) => (b === 0n ? undefined : BigInt.asIntN(64, a) % BigInt.asIntN(64, b)),
  } as const;
  const ours = { mul64, udiv64, umod64, sdiv64, smod64 };
  for (const [name, oracle] of Object.entries(operations)) {
    it(`${name} agrees with bigint`, () => {
      fc.assert(
        fc.property(u64, u64, (a, b) => {
          const want = oracle(a, b);
          if (want === undefined) return;
          const [aLow, aHigh] = halves(a);
          const [bLow, bHigh] = halves(b);
          const low = ours[name as keyof typeof operations](aLow, aHigh, bLow, bHigh);
          expect(base.unsigned(low, base.high)).toBe(BigInt.asUintN(64, want));
        }),
        { numRuns: 2000 },
      );
    });
  }
});

describe('diagnostics', () => {
  const file = { name: 'a.c', text: 'int main(void)\n{\n\treturn foo;\n}\n' };

  it('render with a code frame, notes and advice', () => {
    const start = file.text.indexOf('foo');
    const text = base.renderDiagnostic({
      code: 'E1201',
      severity: 'error',
      message: '`foo` is not declared',
      span: { file, start, end: start + 3 },
      notes: [{ message: 'in this function', span: { file, start: 4, end: 8 } }],
      help: 'declare it',
    });
    expect(text).toBe(
      [
        'error[E1201]: `foo` is not declared',
        ' --> a.c:3:9',
        '2 | {',
        '3 |     return foo;',
        '  |            ^^^',
        '  note: in this function',
        ' --> a.c:1:5',
        '1 | int main(void)',
        '  |     ^^^^',
        '  help: declare it',
      ].join('\n'),
    );
  });

  it('find line and column of every offset', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (text, at) => {
        const offset = at % (text.length + 1);
        const before = text.slice(0, offset).split('\n');
        expect(base.positionOf({ name: 'x', text }, offset)).toEqual({
          line: before.length,
          column: before.at(-1)!.length + 1,
        });
      }),
    );
  });

  it('stop after their limit', () => {
    const list = new base.Diagnostics(2);
    const one = { code: 'E1000', severity: 'error', message: 'm' } as const;
    list.add(one);
    expect(() => list.add(one)).toThrow(base.SkepError);
  });
});

describe('bytes', () => {
  it('read what was written, in both byte orders', () => {
    fc.assert(
      fc.property(fc.boolean(), u64, fc.uint8Array(), (little, value, raw) => {
        const writer = new base.ByteWriter(little, 1).u8(7).u64(value).u32(5).u16(3).raw(raw).align(8);
        const reader = new base.ByteReader(writer.toBytes(), little);
        expect([reader.u8(), reader.u64(), reader.u32(), reader.u16()]).toEqual([7, value, 5, 3]);
        expect(reader.slice(raw.length)).toEqual(raw);
        expect(writer.length % 8).toBe(0);
        expect(() => reader.skip(9)).toThrow(base.OutOfBounds);
      }),
    );
  });

  it('grow by a byte at a time', () => {
    const writer = new base.ByteWriter(true, 1);
    for (let i = 0; i < 300; i++) writer.u8(i & 0xff);
    expect([...writer.toBytes()]).toEqual(Array.from({ length: 300 }, (_, i) => i & 0xff));
  });

  it('end strings at the NUL', () => {
    expect(base.cString(base.utf8Bytes('käse\0x'))).toBe('käse');
  });
});

describe('suggest', () => {
  it('proposes what is near, and nothing else', () => {
    expect(base.suggest('pdi', ['pid', 'comm'])).toBe('pid');
    expect(base.suggest('bpf_map_lookup_elm', ['bpf_map_lookup_elem', 'bpf_map_update_elem'])).toBe(
      'bpf_map_lookup_elem',
    );
    expect(base.suggest('zzz', ['pid', 'comm'])).toBeUndefined();
  });
});
