// Runs of the examples in the virtual machine, held against what the verifier knew before every instruction.

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Btf, type ObjectSpec, openObject } from '@skep/object';
import { type ProgramAndInput, programInputs } from '@skep/verifier';
import { bundledTypes, compileFile } from 'skep';
import { expect, it } from 'vitest';
import { Random } from './support/random.mjs';

interface Figures {
  readonly programs: number;
  readonly fitted: number;
  readonly runs: number;
  readonly instructions: number;
  readonly outside: readonly string[];
}
interface Inside {
  noFigures(): Figures;
  compareRuns(
    name: string,
    object: ObjectSpec,
    one: ProgramAndInput,
    options: { runs: number; random: () => number; types: Btf; figures: Figures },
  ): void;
}

const root = new URL('..', import.meta.url);
const { compareRuns, noFigures } = (await import(new URL('conformance/verifier/inside.mjs', root).href)) as Inside;

/** Milliseconds, after which no more programs are begun than must be. */
const PATIENCE = 15_000;
const LEAST = 5;
const RUNS = 3;

it('finds the numbers of every run in a state that the verifier had', { timeout: 120_000 }, () => {
  const types = bundledTypes();
  const figures = noFigures();
  const chance = new Random(4711);
  const random = () => chance.fraction();
  const end = performance.now() + PATIENCE;
  for (const folder of ['examples/', 'examples/tutorial/'].map((one) => fileURLToPath(new URL(one, root)))) {
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.bpf.c'))) {
      if (performance.now() > end && figures.programs > LEAST) break;
      const object = openObject(compileFile(folder + file, { btf: types }).object, { name: file });
      for (const one of programInputs(object, { kernel: '6.12', kernelBtf: types }))
        if (one.input) compareRuns(file, object, one, { runs: RUNS, random, types, figures });
    }
  }
  expect(figures.outside).toEqual([]);
  expect(figures.programs).toBeGreaterThan(LEAST);
  expect(figures.fitted).toBeGreaterThan(0);
  expect(figures.instructions).toBeGreaterThan(100);
});
