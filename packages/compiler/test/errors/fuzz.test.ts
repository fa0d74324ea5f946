import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kernelTypes } from '../support/kernel-types.ts';
import { fuzz } from './fuzz.ts';
import { MAIN, wrongPrograms } from './table.ts';

/** `node conformance/compiler/fuzz.mjs` goes on for as long as one likes. */
const SECONDS = process.env['CI'] ? 120 : 15;
const EXAMPLES = new URL('../../../../examples/', import.meta.url);

describe('mutated source text', () => {
  it(`gives an object or diagnostics for ${SECONDS} s`, { timeout: (2 * SECONDS + 120) * 1000 }, () => {
    const end = Date.now() + SECONDS * 1000;
    const goOn = (number: number) => Date.now() < end || number <= 3 * SECONDS;
    const report = fuzz({ corpus: corpus(), seed: 1, count: 1e9, vmlinux: kernelTypes, goOn });
    for (const [problem, { text }] of report.problems) console.error(`${problem}\n${'-'.repeat(60)}\n${text}`);
    expect([...report.problems.keys()]).toEqual([]);
    // Mutations that nearly always break the text at once would test only the first stages.
    expect(report.texts).toBeGreaterThan(2 * SECONDS);
    expect(report.compiled / report.texts).toBeGreaterThan(0.01);
  });
});

function corpus(): string[] {
  const examples = readdirSync(EXAMPLES)
    .filter((name) => name.endsWith('.c'))
    .map((name) => readFileSync(new URL(name, EXAMPLES), 'utf8'));
  const wrong = wrongPrograms().map((one) => one.files.get(MAIN)!);
  // The examples are larger and say more: they come up as often as the small ones.
  return [...wrong, ...Array.from({ length: 8 }, () => examples).flat()];
}
