import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../../../scripts/bundle.mjs';
import { boot, fetchKernel, whyNotBoot } from '../../../vmtest/index.mjs';
import { TRUTHS } from './guest/truths.ts';
import { outputOf, tool } from './record/testing.ts';

/** What is recorded on these kernels is replayed here: `SKEP_RECORD_KERNELS=6.12`, as it takes as long as all tools do. */
const SERIES = (process.env['SKEP_RECORD_KERNELS'] ?? '').split(',').filter(Boolean);
const MINUTES = 60_000;
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const OUT = `${REPOSITORY}.cache/kernel-test/tools`;

const why = SERIES.length === 0 ? 'SKEP_RECORD_KERNELS names no kernel' : whyNotBoot();
if (why !== undefined) console.warn(`guests are not booted: ${why}`);

interface Outcome {
  readonly index: number;
  /** Why it was not run. */
  readonly skipped?: string;
  readonly wrong?: string;
  readonly out: string;
  readonly err: string;
  readonly recording?: string;
}

describe.skipIf(why !== undefined)('tools that were recorded', () => {
  const main = `${OUT}/recorded-tools.cjs`;
  const scratch = mkdtempSync(join(tmpdir(), 'skep-replay-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));
  beforeAll(async () => {
    mkdirSync(OUT, { recursive: true });
    await bundle(fileURLToPath(new URL('guest/main.ts', import.meta.url)), main);
  }, 2 * MINUTES);

  describe.each(SERIES)('in a guest with Linux %s show the same here', (series) => {
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
      const timeout = Number(process.env['SKEP_GUEST_SECONDS'] ?? 420);
      const result = await boot(kernel, [process.execPath, main, '--record'], { cwd: REPOSITORY, timeout });
      for (const line of result.output.split('\n')) {
        if (!line.startsWith('{"index"')) continue;
        const outcome = JSON.parse(line) as Outcome;
        outcomes.set(outcome.index, outcome);
      }
    }, 60 * MINUTES);

    it.for(TRUTHS.map((one, index) => ({ ...one, index })))(
      '$tool $args',
      { timeout: 2 * MINUTES },
      async ({ index, tool: name }, ctx) => {
        if (unavailable !== undefined) ctx.skip(unavailable);
        const outcome = outcomes.get(index);
        expect(outcome, 'the guest did not come to it').toBeDefined();
        if (outcome!.skipped !== undefined) ctx.skip(outcome!.skipped);
        expect(outcome!.wrong).toBeUndefined();
        const lost = /recorded \d+ runs, (\d+) lost/.exec(outcome!.err)?.[1];
        if (lost !== '0') ctx.skip(`the guest was too slow to record it whole: ${lost} runs are lost`);
        const file = join(scratch, `${index}.skep`);
        writeFileSync(file, gunzipSync(Buffer.from(outcome!.recording!, 'base64')));
        const again = await outputOf(tool(name), { replay: file });
        expect(again.out).toBe(outcome!.out);
      },
    );
  });
});
