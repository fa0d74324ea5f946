import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from '@skep/compiler';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleModule } from '../../../scripts/bundle-module.mjs';
import { boot, fetchKernel, fetchModules, whyNotBoot } from '../../../vmtest/index.mjs';
import { compileTypes } from '../src/index.ts';
import { CHECKS, filesFor, HAS_CONNTRACK, type Outcome } from './guest/loading.ts';

/** `SKEP_KERNELS=6.12,7.3` boots others. */
const SERIES = (process.env['SKEP_KERNELS'] ?? '5.10,6.12').split(',').filter(Boolean);
const MINUTES = 60_000;
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const OUT = `${REPOSITORY}.cache/kernel-test/loading`;

const why = process.arch === 'x64' ? whyNotBoot() : 'the probes are those of x86-64';
if (why !== undefined) console.warn(`guests are not booted: ${why}`);

describe.skipIf(why !== undefined)('programs, compiled here', () => {
  beforeAll(async () => {
    mkdirSync(OUT, { recursive: true });
    const { target, sources } = filesFor(OUT);
    writeFileSync(`${OUT}/target.c`, target);
    for (const [name, how] of Object.entries({ fixed: '-no-pie', anywhere: '-pie' }))
      execFileSync('gcc', ['-O1', '-fPIE', how, '-o', `${OUT}/${name}`, `${OUT}/target.c`]);
    for (const [name, text] of Object.entries(sources)) {
      const result = compile(
        { name: `${name}.bpf.c`, text },
        { vmlinux: compileTypes, defines: ['__TARGET_ARCH_x86'] },
      );
      if (!result.ok) throw new Error(result.diagnostics.map((one) => one.message).join('\n'));
      writeFileSync(`${OUT}/${name}.o`, result.object);
    }
    await bundleModule(fileURLToPath(new URL('guest/loading.ts', import.meta.url)), `${OUT}/loading.mjs`);
  }, 2 * MINUTES);

  describe.each(SERIES)('are loaded by Linux %s', (series) => {
    let unavailable: string | undefined;
    const outcomes = new Map<string, Outcome>();
    beforeAll(async () => {
      let kernel: ReturnType<typeof fetchKernel>;
      try {
        kernel = fetchKernel(series);
        const further = HAS_CONNTRACK.includes(series) ? fetchModules(kernel, ['nf_conntrack']) : [];
        kernel = { ...kernel, modules: [...kernel.modules, ...further] };
      } catch (error) {
        unavailable = `kernel ${series} cannot be fetched: ${(error as Error).message.split('\n')[0]}`;
        return;
      }
      const command = [process.execPath, `${OUT}/loading.mjs`, OUT];
      const result = await boot(kernel, command, { cwd: REPOSITORY, timeout: 480 });
      expect(result.code, `${result.how}\n${result.console}\n${result.output}`).toBe(0);
      for (const line of result.output.split('\n').filter((one) => one.startsWith('{'))) {
        const outcome = JSON.parse(line) as Outcome;
        outcomes.set(outcome.name, outcome);
      }
    }, 10 * MINUTES);

    for (const [name, { series: has }] of Object.entries(CHECKS))
      it(name, (ctx) => {
        if (unavailable !== undefined) ctx.skip(unavailable);
        if (has && !has.includes(series)) ctx.skip(`Linux ${series} does not have it`);
        expect(outcomes.get(name)).toMatchObject({ name, result: 'ok' });
      });
  });
});
