// @ts-check
/**
 * node conformance/compiler/random-c.mjs [--count 100000] [--seed 1] [--seconds N] [--batch 200] [--kernel-every 50] [--fewer]
 *
 * Random C programs: what skep makes of them against what gcc -O0 makes of them. The compiler is bundled from its
 * sources first, so that a change during the run does not matter. Ends with 1 where anything differed.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleModule } from '../../scripts/bundle-module.mjs';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '1e9' },
    batch: { type: 'string', default: '200' },
    'kernel-every': { type: 'string', default: '50' },
    fewer: { type: 'boolean', default: false },
  },
});

const repository = fileURLToPath(new URL('../..', import.meta.url));
const bundle = join(repository, '.cache', `random-c-${process.pid}.mjs`);
mkdirSync(join(repository, '.cache'), { recursive: true });
await bundleModule(fileURLToPath(new URL('random/campaign.ts', import.meta.url)), bundle);
const { check } = await import(pathToFileURL(bundle).href);
rmSync(bundle);
const report = check({
  first: Number(values.seed),
  programs: Number(values.count),
  seconds: Number(values.seconds),
  batch: Number(values.batch),
  kernelEvery: Number(values['kernel-every']),
  fewer: values.fewer,
  log: (/** @type {string} */ line) => console.log(line),
});
for (const one of report.differences) console.log(one);
process.exitCode = report.differences.length === 0 ? 0 : 1;
