import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Tuples } from '../../src/optimise/tuples.ts';

it('gives equal tuples one number, and others their own, in the order in which they come', () => {
  const int = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }));
  fc.assert(
    fc.property(fc.array(fc.tuple(int, int, int, int, int), { maxLength: 400 }), (list) => {
      const tuples = new Tuples();
      const known = new Map<string, number>();
      for (const one of list) {
        const text = one.join();
        if (!known.has(text)) known.set(text, known.size);
        expect(tuples.numberOf(...one)).toBe(known.get(text));
      }
    }),
    { numRuns: 50 },
  );
});
