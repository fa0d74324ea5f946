import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../../../scripts/bundle.mjs';
import { boot, fetchKernel, whyNotBoot } from '../../../vmtest/index.mjs';
import { TOOLS } from '../src/index.ts';
import { TRUTHS } from './guest/truths.ts';

/** `SKEP_KERNELS=5.10` boots another. */
const SERIES = (process.env['SKEP_KERNELS'] ?? '6.1,6.12,7.3').split(',').filter(Boolean);
const MINUTES = 60_000;
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const OUT = `${REPOSITORY}.cache/kernel-test/tools`;

const why = whyNotBoot();
if (why !== undefined) console.warn(`guests are not booted: ${why}`);

/** A line of the guest's output. */
interface Outcome {
  readonly index: number;
  /** Why it was not run. */
  readonly skipped?: string;
  readonly wrong?: string;
  readonly out?: string;
  readonly err: string;
}

it('every tool has a workload whose answer is known', () => {
  expect([...new Set(TRUTHS.map((one) => one.tool))].sort()).toEqual(TOOLS.map((one) => one.name).sort());
});

describe.skipIf(why !== undefined)('the tools', () => {
  const main = `${OUT}/tools.cjs`;
  beforeAll(async () => {
    mkdirSync(OUT, { recursive: true });
    await bundle(fileURLToPath(new URL('guest/main.ts', import.meta.url)), main);
  }, 2 * MINUTES);

  describe.each(SERIES)('say in a guest with Linux %s what happened there', (series) => {
    let unavailable: string | undefined;
    const outcomes = new Map<number, Outcome>();
    beforeAll(async () => {
      let kernel: ReturnType<typeof fetchKernel>;
      try {
        kernel = fetchKernel(series);
      } catch (error) {
        unavailable = `kernel ${series} cannot be fetched: ${(error as Error).message.split('\n')[0]}`;
        return;
      }
      const result = await boot(kernel, [process.execPath, main], { cwd: REPOSITORY, timeout: 840 });
      for (const line of result.output.split('\n')) {
        if (!line.startsWith('{"index"')) continue;
        const outcome = JSON.parse(line) as Outcome;
        outcomes.set(outcome.index, outcome);
      }
    }, 16 * MINUTES);

    it.for(TRUTHS.map((one, index) => ({ ...one, index })))('$tool $args', ({ index }, ctx) => {
      if (unavailable !== undefined) ctx.skip(unavailable);
      const outcome = outcomes.get(index);
      expect(outcome, 'the guest did not come to it').toBeDefined();
      if (outcome!.skipped !== undefined) ctx.skip(outcome!.skipped);
      expect(outcome!.wrong, outcome!.out).toBeUndefined();
    });
  });
});
