import { beforeAll, describe, expect, it } from 'vitest';
import { boot, fetchKernel, whyNotBoot } from '../../../vmtest/index.mjs';
import { bundleChecks, parseOutcomes, REPOSITORY } from './attach/bundle.ts';
import { CHECKS, WITHOUT_TRACEFS } from './attach/checks.ts';
import { LINKS } from './attach/links.ts';
import type { Outcome } from './attach/main.ts';

/** `SKEP_KERNELS=5.10,7.3` boots others. */
const SERIES = (process.env['SKEP_KERNELS'] ?? '6.1,6.12').split(',').filter(Boolean);
const MINUTES = 60_000;

const why = whyNotBoot();
if (why !== undefined) console.warn(`guests are not booted: ${why}`);

describe.skipIf(why !== undefined).each(SERIES)('in a guest with Linux %s', (series) => {
  let unavailable: string | undefined;
  let outcomes = new Map<string, Outcome>();
  let links = new Map<string, Outcome>();
  let withoutTracefs = new Map<string, Outcome>();

  beforeAll(async () => {
    const bundle = await bundleChecks(`guest-${series}`);
    let kernel: ReturnType<typeof fetchKernel>;
    try {
      kernel = fetchKernel(series);
    } catch (error) {
      unavailable = `kernel ${series} cannot be fetched: ${(error as Error).message.split('\n')[0]}`;
      return;
    }
    const run = async (mode: string, tracefs: boolean): Promise<Map<string, Outcome>> => {
      const command = [process.execPath, '--enable-source-maps', bundle, mode];
      const result = await boot(kernel, command, { cwd: REPOSITORY, tracefs, timeout: 480 });
      expect(result.code, `${result.how}\n${result.console}\n${result.output}`).toBe(0);
      return parseOutcomes(result.output);
    };
    outcomes = await run('guest', true);
    links = await run('links', true);
    withoutTracefs = await run('no-tracefs', false);
  }, 25 * MINUTES);

  for (const check of CHECKS) it(check.name, (ctx) => expectOk(outcomes, check.name, ctx.skip));
  for (const { name } of [...LINKS, { name: 'killed' }]) {
    it(`link: ${name}`, (ctx) => expectOk(links, name, ctx.skip));
  }
  for (const check of WITHOUT_TRACEFS) {
    it(`without tracefs: ${check.name}`, (ctx) => expectOk(withoutTracefs, check.name, ctx.skip));
  }

  function expectOk(found: Map<string, Outcome>, name: string, skip: (reason: string) => void): void {
    if (unavailable !== undefined) skip(unavailable);
    const outcome = found.get(name);
    if (outcome?.result === 'left out') skip(`Linux ${series} does not have it`);
    expect(outcome).toMatchObject({ name, result: 'ok' });
  }
});
