import { SkepError } from '@skep/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, decodeAt } from '../../src/insn/decode.ts';
import { encode } from '../../src/insn/encode.ts';
import { slotStarts } from '../../src/insn/slots.ts';
import { cpuMilliseconds } from '../clang.ts';
import { anyInsn, anyProgram } from './arbitrary.ts';

const bytes = (hex: string) =>
  Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof SkepError) return error.code;
    throw error;
  }
  return 'accepted';
};

describe('encode and decode', () => {
  it('are each other’s inverse for every instruction', () => {
    fc.assert(
      fc.property(anyProgram, fc.boolean(), (insns, bigEndian) => {
        expect(decode(encode(insns, { bigEndian }), { bigEndian })).toEqual(insns);
      }),
      { numRuns: 500 },
    );
  });

  it('decode whatever bytes there are, or name the slot', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 64 }), (random) => {
        let insns: ReturnType<typeof decode>;
        try {
          insns = decode(random);
        } catch (error) {
          expect(error).toBeInstanceOf(SkepError);
          return;
        }
        expect([...encode(insns)]).toEqual([...random]);
      }),
      { numRuns: 2000 },
    );
  });

  it('lay out the bytes as RFC 9669 says', () => {
    const insns = decode(bytes('b7 01 0000 ffffffff  79 13 f8ff 00000000  18 02 0000 78563412 00 00 0000 f0debc9a'));
    expect(insns).toEqual([
      { kind: 'alu', op: 'mov', width: 64, dst: 1, src: { kind: 'imm', imm: -1 } },
      { kind: 'load', size: 8, signed: false, dst: 3, src: 1, off: -8 },
      { kind: 'ld_imm64', dst: 2, imm: { kind: 'value', value: 0x9abcdef012345678n } },
    ]);
    expect([...encode(insns, { bigEndian: true })]).toEqual([
      ...bytes('b7 10 0000 ffffffff  79 31 fff8 00000000  18 20 0000 12345678 00 00 0000 9abcdef0'),
    ]);
    expect([...slotStarts(insns)]).toEqual([0, 1, 2, 4]);
  });

  it.each([
    ['E3301', '95 00 0000 000000'],
    ['E3302', 'ff 00 0000 00000000'],
    ['E3302', '96 00 0000 00000000'],
    ['E3302', '8f 00 0000 00000000'],
    ['E3302', '83 00 0000 00000000'],
    ['E3303', '95 01 0000 00000000'],
    ['E3303', '61 10 0000 01000000'],
    ['E3303', '18 11 0000 05000000 00 00 0000 01000000'],
    ['E3304', 'b7 0b 0000 00000000'],
    ['E3304', 'bf b1 0000 00000000'],
    ['E3305', '18 01 0000 05000000'],
    ['E3306', '18 01 0000 05000000 00 10 0000 00000000'],
    ['E3307', '18 71 0000 05000000 00 00 0000 00000000'],
    ['E3307', 'd4 01 0000 08000000'],
    ['E3307', 'bf 21 0300 00000000'],
    ['E3307', 'bc 21 2000 00000000'],
    ['E3307', 'db 21 0000 07000000'],
    ['E3307', '85 30 0000 07000000'],
  ])('%s for %s', (code, hex) => {
    expect(codeOf(() => decode(bytes(hex)))).toBe(code);
  });

  it('decodeAt says what is wrong with a slot, and reads the rest', () => {
    const program = bytes('b7 00 0000 01000000  ff 00 0000 00000000  95 00 0000 00000000');
    expect(decodeAt(program, 1)).toMatchObject({ kind: 'bad', diagnostic: { code: 'E3302' } });
    expect(decodeAt(program, 2)).toEqual({ kind: 'exit' });
    expect(decodeAt(program, 3)).toMatchObject({ kind: 'bad', diagnostic: { code: 'E3301' } });
  });

  it('refuses to encode what no encoding holds', () => {
    expect(() => encode([{ kind: 'goto', long: false, off: 40_000 }])).toThrow('16 bits');
    expect(() => encode([{ kind: 'alu', op: 'add', width: 64, dst: 11, src: { kind: 'imm', imm: 1 } }])).toThrow('r11');
    expect(() => encode([{ kind: 'alu', op: 'add', width: 64, dst: 1, src: { kind: 'imm', imm: 2 ** 31 } }])).toThrow(
      '32 bits',
    );
  });

  it('takes well below a second for a million instructions', () => {
    const sample = fc.sample(anyInsn, { numRuns: 500, seed: 7 });
    const program = encode(Array.from({ length: 2000 }, () => sample).flat());
    const start = cpuMilliseconds();
    expect(decode(program)).toHaveLength(1_000_000);
    // Some 0.3 s when the machine is free; the bound only catches a change of order.
    expect(cpuMilliseconds() - start).toBeLessThan(5000);
  });
});
