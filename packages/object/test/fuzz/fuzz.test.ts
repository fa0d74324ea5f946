import { describe, expect, it } from 'vitest';
import { Random } from '../../../../test/support/random.mjs';
import { HAVE_CLANG } from '../clang.ts';
import { mutate } from './mutate.ts';
import { readEverything } from './readers.ts';
import { seeds } from './seeds.ts';

describe.skipIf(!HAVE_CLANG)('damaged objects (skipped without clang-19)', () => {
  it('are read or refused with a code, never anything else', () => {
    const sound = seeds();
    const seen = { read: 0, refused: 0 };
    for (let index = 0; index < 1200; index++) {
      const random = new Random(7_000_021 + index);
      const seed = sound[random.below(sound.length)]!;
      seen[readEverything(mutate(seed, random), seed.bytes)]++;
    }
    expect(seen.refused).toBeGreaterThan(200);
    expect(seen.read).toBeGreaterThan(50);
  });
});
