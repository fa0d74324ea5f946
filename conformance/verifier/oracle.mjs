// @ts-check
/**
 * node conformance/verifier/oracle.mjs [--suite libbpf-tools,selftests,samples] [--filter REGEXP] [--runs 20] [--seed N]
 *   [--programs N]
 *
 * Accepted programs, run in skep's virtual machine on random packets and contexts: before every instruction some state
 * that the verifier had there must hold all numbers in the registers of the run. Goes through the suites again, with
 * other numbers, until so many programs were run; once without --programs. Wants the packages built and clang's objects
 * as `conformance/compiler/run.mjs` leaves them; no kernel but for its types.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kernelBtf } from '@skep/kernel';
import { openObject } from '@skep/object';
import { programInputs } from '@skep/verifier';
import { Random } from '../../test/support/random.mjs';
import { corpusPath } from '../compiler/corpus.mjs';
import { compareRuns, noFigures } from './inside.mjs';

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: 'selftests,samples,libbpf-tools' },
    filter: { type: 'string' },
    runs: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    programs: { type: 'string', default: '0' },
  },
});

const filter = values.filter === undefined ? undefined : new RegExp(values.filter);
const types = kernelBtf();
const figures = noFigures();
const chance = new Random(Number(values.seed));
const random = () => chance.fraction();

do {
  const before = figures.programs;
  for (const suite of values.suite.split(',')) once(suite);
  if (figures.programs === before) break;
  console.error(JSON.stringify({ ...figures, outside: figures.outside.length }));
} while (figures.programs < Number(values.programs));
for (const line of figures.outside) console.log(line);
console.log(JSON.stringify({ ...figures, outside: figures.outside.length }));
if (figures.outside.length > 0) process.exitCode = 1;

/** @param {string} suite */
function once(suite) {
  const folder = corpusPath('objects/clang-19-v3', suite);
  if (!existsSync(folder)) throw new Error(`no objects in ${folder}: run conformance/compiler/run.mjs first`);
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.o') || (filter && !filter.test(file))) continue;
    try {
      const object = openObject(new Uint8Array(readFileSync(join(folder, file))), { name: file });
      for (const { program, input } of programInputs(object, { kernel: '6.18', kernelBtf: types }))
        if (input) compareRuns(file, object, { program, input }, { runs: Number(values.runs), random, types, figures });
    } catch (error) {
      if (!/^SkepError/.test(String(error))) throw error;
    }
  }
}
