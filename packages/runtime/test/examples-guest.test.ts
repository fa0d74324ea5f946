import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleModule } from '../../../scripts/bundle-module.mjs';
import { boot, fetchKernel, whyNotBoot } from '../../../vmtest/index.mjs';
import { compileFile } from '../src/index.ts';
import { EXAMPLES, NOT_REPLAYED, type Outcome, REFUSED } from './guest/examples.ts';

/** `SKEP_KERNELS=5.10,7.3` boots others. */
const SERIES = (process.env['SKEP_KERNELS'] ?? '6.1,6.12').split(',').filter(Boolean);
const MINUTES = 60_000;
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const OUT = `${REPOSITORY}.cache/kernel-test/examples`;

const why = whyNotBoot();
if (why !== undefined) console.warn(`guests are not booted: ${why}`);
const names = readdirSync(`${REPOSITORY}examples`)
  .filter((file) => file.endsWith('.bpf.c'))
  .map((file) => file.slice(0, -'.bpf.c'.length));

it('every example has a workload whose answer is known', () => {
  expect(Object.keys(EXAMPLES).sort()).toEqual([...names].sort());
});

describe.skipIf(why !== undefined)('the examples, compiled here', () => {
  const objects: string[] = [];
  const bundle = `${OUT}/examples.mjs`;
  beforeAll(async () => {
    mkdirSync(OUT, { recursive: true });
    for (const name of names) {
      const path = `${OUT}/${name}.bpf.o`;
      writeFileSync(path, compileFile(`${REPOSITORY}examples/${name}.bpf.c`).object);
      objects.push(path);
    }
    await bundleModule(fileURLToPath(new URL('guest/examples.ts', import.meta.url)), bundle);
  }, 2 * MINUTES);

  describe.each(SERIES)('run in a guest with Linux %s', (series) => {
    let unavailable: string | undefined;
    const outcomes = new Map<string, Outcome>();
    beforeAll(async () => {
      let kernel: ReturnType<typeof fetchKernel>;
      try {
        kernel = fetchKernel(series);
      } catch (error) {
        unavailable = `kernel ${series} cannot be fetched: ${(error as Error).message.split('\n')[0]}`;
        return;
      }
      const command = [process.execPath, bundle, ...objects];
      const result = await boot(kernel, command, { cwd: REPOSITORY, timeout: 480 });
      expect(result.code, `${result.how}\n${result.console}\n${result.output}`).toBe(0);
      for (const line of result.output.split('\n').filter((one) => one.startsWith('{'))) {
        const outcome = JSON.parse(line) as Outcome;
        outcomes.set(outcome.name, outcome);
      }
    }, 10 * MINUTES);

    for (const name of names) {
      it(name, (ctx) => {
        if (unavailable !== undefined) ctx.skip(unavailable);
        const code = REFUSED[series]?.[name];
        const wanted = code === undefined ? { name, result: 'ok' } : { name, result: 'failed', code };
        const seen = outcomes.get(name);
        expect(seen).toMatchObject(wanted);
        // The same check in the virtual machine, over a recording of a run: exact in both directions.
        const replayed = code === undefined && NOT_REPLAYED[name] === undefined ? 'ok' : 'failed';
        expect(seen?.replayed).toMatchObject({ result: replayed });
      });
    }
  });
});
