import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { Btf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { type VerifyInput, verify } from '../src/index.ts';

const exam = new URL('../../../conformance/verifier/exam.mjs', import.meta.url).href;
const { EXAM, examIsHere, kernelBtf, programs } = (await import(exam)) as {
  EXAM: string;
  examIsHere(): boolean;
  kernelBtf(btf: typeof Btf, version: string): Btf;
  programs(
    btf: typeof Btf,
    options: object,
  ): Iterable<{ id: string; wanted: { verdict: string; processed: number }; input: VerifyInput }>;
};
const knownFailures = new URL('../../../conformance/verifier/known-failures.json', import.meta.url);
/** Of the exam; the whole of it is for `conformance/verifier/run.mjs`. */
const EVERY = 9;
const LONGEST = 5000;
const VMLINUX = '/sys/kernel/btf/vmlinux';

describe('the exam', () => {
  for (const kernel of ['6.12', '6.18', '6.1'] as const)
    it(`gives the verdicts of Linux ${kernel} but for the known differences`, { timeout: 90_000 }, (context) => {
      if (!examIsHere()) context.skip(`there is no exam in ${EXAM}`);
      const known = (JSON.parse(readFileSync(knownFailures, 'utf8')) as Record<string, Record<string, string>>)[
        kernel
      ]!;
      // The programs of 6.18 are fitted to the types of the machine that they were taken on.
      const here = kernel === '6.18';
      if (here && !(release().startsWith('6.18.') && existsSync(VMLINUX))) context.skip('this is no Linux 6.18');
      const types = here ? Btf.parse(new Uint8Array(readFileSync(VMLINUX))) : kernelBtf(Btf, kernel);
      const differ: string[] = [];
      let count = 0;
      let at = 0;
      for (const { id, wanted, input } of programs(Btf, { kernel, unprivileged: kernel !== '6.18' })) {
        if (at++ % EVERY !== 0 || (wanted.processed ?? 0) > LONGEST || known[id] !== undefined) continue;
        count++;
        const verdict = verify({ ...input, kernel, kernelBtf: types });
        if (!verdict.decided && !verdict.accepted) differ.push(`${id}: not judged`);
        else if (verdict.accepted !== (wanted.verdict === 'accept'))
          differ.push(`${id}: ${wanted.verdict}, not ${verdict.accepted}`);
      }
      expect(differ).toEqual([]);
      expect(count).toBeGreaterThan(150);
    });
});
