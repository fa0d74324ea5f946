import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from '@skep/compiler';
import { permitted } from '@skep/kernel';
import { beforeAll, describe, expect, it } from 'vitest';
import { IDIOMS, idiomSource } from '../conformance/compiler/idioms/cases.ts';
import { bundleModule } from '../scripts/bundle-module.mjs';
import { boot, fetchKernel, whyNotBoot } from '../vmtest/index.mjs';

/** `SKEP_KERNELS=5.10,7.3` boots others. */
const SERIES = (process.env['SKEP_KERNELS'] ?? '6.1,6.12').split(',').filter(Boolean);
const MINUTES = 60_000;
const REPOSITORY = fileURLToPath(new URL('../', import.meta.url));
const OUT = `${REPOSITORY}.cache/idioms`;
const BUNDLE = `${OUT}/load.mjs`;
const SETTINGS = [
  { optimise: 2, cpu: 'v3' },
  { optimise: 2, cpu: 'v2' },
  { optimise: 1, cpu: 'v3' },
] as const;

const objects: string[] = [];
beforeAll(async () => {
  mkdirSync(OUT, { recursive: true });
  for (const [i, idiom] of IDIOMS.entries()) {
    for (const setting of SETTINGS) {
      const result = compile({ name: `idiom${i}.bpf.c`, text: idiomSource(idiom) }, { ...setting, debug: true });
      if (!result.ok) throw new Error(`${idiom.rule}: ${result.diagnostics.map((one) => one.message).join('\n')}`);
      const path = `${OUT}/${i}-O${setting.optimise}-${setting.cpu}.o`;
      writeFileSync(path, result.object);
      objects.push(path);
    }
  }
  await bundleModule(`${REPOSITORY}conformance/compiler/idioms/load.ts`, BUNDLE);
}, 2 * MINUTES);

const here = permitted().ok ? '' : ' (skipped: needs bpf(2))';

describe.skipIf(here !== '')(`what verifiers demand, on this kernel${here}`, () => {
  verdicts(() => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [BUNDLE, ...objects], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    return stdout;
  });
});

const why = whyNotBoot();
if (why !== undefined) console.warn(`guests are not booted: ${why}`);

describe.skipIf(why !== undefined).each(SERIES)('what verifiers demand, on Linux %s', (series) => {
  verdicts(async () => {
    let kernel: ReturnType<typeof fetchKernel>;
    try {
      kernel = fetchKernel(series);
    } catch (error) {
      console.warn(`kernel ${series} cannot be fetched: ${(error as Error).message.split('\n')[0]}`);
      return undefined;
    }
    const result = await boot(kernel, [process.execPath, BUNDLE, ...objects], { cwd: REPOSITORY, timeout: 480 });
    expect(result.code, `${result.how}\n${result.console}\n${result.output}`).toBe(0);
    return result.output;
  });
});

/** A test for each rule; `load` gives the lines of `load.ts`, or undefined when there is no such kernel. */
function verdicts(load: () => string | undefined | Promise<string | undefined>): void {
  let errors: Map<string, string | null> | undefined;
  beforeAll(async () => {
    const output = await load();
    if (output === undefined) return;
    const lines = output.split('\n').filter((line) => line.startsWith('{'));
    errors = new Map(
      lines.map((line) => {
        const { name, error } = JSON.parse(line) as { name: string; error: string | null };
        return [name, error];
      }),
    );
  }, 10 * MINUTES);

  it.for(IDIOMS.map((idiom, i) => [idiom.rule, i] as const))('%s', ([, i], ctx) => {
    if (errors === undefined) ctx.skip('no such kernel');
    for (const { optimise, cpu } of SETTINGS) {
      const name = `${i}-O${optimise}-${cpu}.o`;
      expect(errors?.get(name), name).toBeNull();
    }
  });
}
