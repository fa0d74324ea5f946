/** Programs of the exam, changed here and there, against the kernel that runs; a part of conformance/verifier/fuzz.mjs. */

import { release } from 'node:os';
import { Btf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../test/support/random.mjs';
import { type KernelProfile, PROFILES, type VerifyInput, verify } from '../src/index.ts';

interface HostVerdict {
  readonly asked: boolean;
  readonly accepted: boolean;
  readonly text: string;
}
interface Host {
  readonly types: Btf;
  verdict(input: VerifyInput): HostVerdict;
  afresh(input: VerifyInput): HostVerdict;
  close(): void;
}
const conformance = new URL('../../../conformance/verifier/', import.meta.url).href;
const { EXAM, examIsHere, programs } = (await import(`${conformance}exam.mjs`)) as {
  EXAM: string;
  examIsHere(): boolean;
  programs(
    btf: typeof Btf,
    options: object,
  ): Iterable<{ id: string; wanted: { processed?: number }; input: VerifyInput }>;
};
const { mutate } = (await import(`${conformance}mutate.mjs`)) as {
  mutate(input: VerifyInput, random: () => number): VerifyInput;
};

const EVERY = process.env['CI'] ? 1 : 30;
const CHANGES = 12;
/** However long it takes; after that, so many milliseconds. */
const LEAST = 50;
const PATIENCE = process.env['CI'] ? 120_000 : 20_000;
/** Arenas lie at the address of a mapping; types of kernel pointers were made up. */
const NOT_HERE = /arena|map_kptr/;

describe('changed programs', () => {
  it('are never accepted when the running kernel refuses them', { timeout: PATIENCE + 70_000 }, async (context) => {
    const kernel = release().split('.').slice(0, 2).join('.') as KernelProfile['version'];
    if (process.getuid?.() !== 0) context.skip('only root may load programs of every type');
    if (!(kernel in PROFILES) || kernel === '6.1')
      context.skip(`Linux ${kernel} is none that skep can be held against`);
    if (!examIsHere()) context.skip(`there is no exam in ${EXAM}`);
    const { HostVerifier } = (await import(`${conformance}host.mjs`)) as { HostVerifier: new () => Host };
    const chance = new Random(12345);
    const random = () => chance.fraction();
    const wrong: string[] = [];
    let asked = 0;
    let at = 0;
    const end = performance.now() + PATIENCE;
    const host = new HostVerifier();
    try {
      for (const { id, wanted, input } of programs(Btf, { unprivileged: false })) {
        if (at++ % EVERY !== 0 || input.code.length > 1600 || (wanted.processed ?? 0) > 1000 || NOT_HERE.test(id))
          continue;
        for (let i = 0; i < CHANGES && (asked <= LEAST || performance.now() < end); i++) {
          const changed = mutate(input, random);
          const theirs = host.verdict(changed);
          if (!theirs.asked) break;
          asked++;
          const ours = verify({ ...changed, kernel, kernelBtf: host.types, budget: { time: 2000 } });
          if (ours.accepted && !theirs.accepted && !host.afresh(changed).accepted)
            wrong.push(`${id}: ${theirs.text}: ${Buffer.from(changed.code).toString('base64')}`);
        }
      }
    } finally {
      host.close();
    }
    expect(wrong).toEqual([]);
    expect(asked).toBeGreaterThan(LEAST);
  });
});
