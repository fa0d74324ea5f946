import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { permitted } from '@skep/kernel';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compareRandom } from './random/compare.ts';

const permission = permitted();
if (!permission.ok) console.warn(`random probes do not run in the kernel: ${permission.message}`);

/** More by hand: `npm run random-probes -w packages/runtime -- --count 5000 --seed 1000`. */
const PROGRAMS = 60;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skep-random-probes-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it(
  'random probes do the same in JavaScript, the virtual machine and the kernel',
  async () => {
    const results = { same: 0, refused: 0, kernel: 0 };
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const result = await compareRandom(seed, folder, permission.ok);
      if (result.kind === 'differs') expect(result.found, `seed ${seed}, ${result.home}`).toBe(result.wanted);
      else results[result.kind]++;
      if (result.kind === 'same' && result.kernel) results.kernel++;
    }
    // Some need more stack than programs have.
    expect(results.same).toBeGreaterThan(PROGRAMS * 0.9);
    if (permission.ok) expect(results.kernel).toBeGreaterThan(PROGRAMS * 0.85);
  },
  5 * 60_000,
);
