import { SkepError } from '@skep/base';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/insn/assemble.ts';
import { decode } from '../../src/insn/decode.ts';
import { disassemble } from '../../src/insn/disassemble.ts';
import { encode } from '../../src/insn/encode.ts';
import { examIsThere, examWhy, isaTests } from './exam.ts';

/** What a decoder alone must refuse: not jumps out of the program, unknown helpers and the like. */
const BY_THE_DECODER =
  /^reserved|^incomplete lddw|lddw second half|invalid endian|invalid destination register|invalid source register at/;

describe.skipIf(!examIsThere)(`the exam of the instruction set${examWhy}`, () => {
  it('decodes and encodes every program that may run, and refuses reserved fields', () => {
    let same = 0;
    let refused = 0;
    for (const test of isaTests()) {
      const bytes = Uint8Array.from(Buffer.from(test.bytecode, 'hex'));
      const mustRefuse = BY_THE_DECODER.test(test.expect.load_error ?? '');
      try {
        const insns = decode(bytes);
        expect(mustRefuse, `${test.name} was decoded`).toBe(false);
        expect(Buffer.from(encode(insns)).toString('hex'), test.name).toBe(test.bytecode);
        expect(encode(assemble(disassemble(insns))), test.name).toEqual(bytes);
        const linked = disassemble(insns, { labels: true });
        expect(encode(assemble(linked)), `${test.name}\n${linked}`).toEqual(bytes);
        same++;
      } catch (error) {
        if (!(error instanceof SkepError)) throw error;
        expect(test.expect.load_error, `${test.name}: ${error.message}`).toBeDefined();
        refused++;
      }
    }
    expect({ same, refused }).toEqual({ same: 376, refused: 56 });
  });
});
