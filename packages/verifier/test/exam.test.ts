import { existsSync, readFileSync } from 'node:fs';
import { Btf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { type VerifyInput, verify } from '../src/index.ts';

const exam = new URL('../../../conformance/verifier/exam.mjs', import.meta.url).href;
const { EXAM, examIsHere, kernelBtf, programs } = (await import(exam)) as {
  EXAM: string;
  examIsHere(): boolean;
  kernelBtf(btf: typeof Btf): Btf;
  programs(
    btf: typeof Btf,
  ): Iterable<{ id: string; wanted: { verdict: string; processed: number }; input: VerifyInput }>;
};
const knownFailures = new URL('../../../conformance/verifier/known-failures.json', import.meta.url);
/** Of the exam; the whole of it is for `conformance/verifier/run.mjs`. */
const EVERY = 6;
const LONGEST = 5000;

describe('the exam, against Linux 6.12', () => {
  it('gives the same verdict but for the known differences', { timeout: 60_000 }, (context) => {
    if (!examIsHere()) context.skip(`there is no exam in ${EXAM}`);
    const known = (existsSync(knownFailures) ? JSON.parse(readFileSync(knownFailures, 'utf8')) : {}) as Record<
      string,
      string
    >;
    const types = kernelBtf(Btf);
    const differ: string[] = [];
    let count = 0;
    let at = 0;
    for (const { id, wanted, input } of programs(Btf)) {
      if (at++ % EVERY !== 0 || wanted.processed > LONGEST || known[id] !== undefined) continue;
      count++;
      const verdict = verify({ ...input, kernelBtf: types });
      if (!verdict.decided && !verdict.accepted) differ.push(`${id}: not judged`);
      else if (verdict.accepted !== (wanted.verdict === 'accept'))
        differ.push(`${id}: ${wanted.verdict}, not ${verdict.accepted}`);
    }
    expect(differ).toEqual([]);
    expect(count).toBeGreaterThan(400);
  });
});
