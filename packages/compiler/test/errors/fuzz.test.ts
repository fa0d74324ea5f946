import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SkepError } from '@skep/base';
import { type CompileOptions, compile } from '@skep/compiler';
import { openObject } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { kernelTypes } from '../support/kernel-types.ts';
import { Mutator } from './mutate.ts';
import { MAIN, wrongPrograms } from './table.ts';

/**
 * SKEP_FUZZ_SECONDS=600, SKEP_FUZZ_SEED=n and SKEP_FUZZ_CORPUS=folder (of more C sources) by hand; a failure prints the
 * text.
 */
const SECONDS = Number(process.env['SKEP_FUZZ_SECONDS'] ?? 20);
const SEED = Number(process.env['SKEP_FUZZ_SEED'] ?? 1);
/** Of the processor: more than any text of this size may take. */
const MOST_MILLISECONDS = 10_000;

const EXAMPLES = new URL('../../../../examples/', import.meta.url);

describe('mutated source text', () => {
  it(`gives an object or diagnostics for ${SECONDS} s, from seed ${SEED}`, { timeout: (SECONDS + 60) * 1000 }, () => {
    const end = Date.now() + SECONDS * 1000;
    const mutator = new Mutator(SEED, corpus());
    const found = new Map<string, string>();
    let texts = 0;
    let compiled = 0;
    while (Date.now() < end) {
      const text = mutator.next();
      texts += 1;
      const problem = problemOf(text, LEVELS[texts % LEVELS.length]!);
      if (problem === undefined) compiled += 1;
      else if (problem !== 'refused' && !found.has(problem)) found.set(problem, text);
    }
    for (const [problem, text] of found) console.error(`${problem}\n${'-'.repeat(60)}\n${text}\n${'-'.repeat(60)}`);
    expect([...found.keys()]).toEqual([]);
    // Mutations that nearly always break the text at once would test only the first stages.
    expect(texts).toBeGreaterThan(2 * SECONDS);
    expect(compiled / texts).toBeGreaterThan(0.01);
  });
});

const LEVELS: readonly Pick<CompileOptions, 'optimise' | 'cpu'>[] = [
  { optimise: 2, cpu: 'v3' },
  { optimise: 0, cpu: 'v1' },
  { optimise: 1, cpu: 'v4' },
];

/** Undefined when it compiles, `refused` when it is refused as it should be, else what went wrong. */
function problemOf(text: string, options: Pick<CompileOptions, 'optimise' | 'cpu'>): string | undefined {
  const start = cpuMilliseconds();
  let result: ReturnType<typeof compile>;
  try {
    result = compile({ name: MAIN, text }, { ...options, vmlinux: kernelTypes });
  } catch (error) {
    if (error instanceof SkepError) return `thrown, not returned: ${error.code}`;
    return `exception: ${firstLines(error)}`;
  }
  const took = cpuMilliseconds() - start;
  if (took > MOST_MILLISECONDS) return `took ${Math.round(took / 1000)} s`;
  if (!result.ok) {
    if (result.diagnostics.length === 0) return 'refused without a word';
    const bad = result.diagnostics.find((one) => !/^[EW][1-3]\d\d\d$/.test(one.code) || one.message === '');
    return bad ? `a diagnostic without a code: ${JSON.stringify(bad.message)}` : 'refused';
  }
  try {
    openObject(result.object, { name: 'fuzz.o' });
  } catch (error) {
    // What only a loader can say, of maps and sections; but never that the file itself is damaged.
    if (error instanceof SkepError && /^E34/.test(error.code)) return undefined;
    return `the object cannot be read: ${firstLines(error)}`;
  }
  return undefined;
}

function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What tells one mistake from another. */
function firstLines(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '));
  const places = frames.slice(0, 3).map((line) => line.trim().replace(/\(.*\/packages\//, '('));
  return [error.message.slice(0, 200), ...places].join('\n  ');
}

function corpus(): string[] {
  const examples = readdirSync(EXAMPLES)
    .filter((name) => name.endsWith('.c'))
    .map((name) => readFileSync(new URL(name, EXAMPLES), 'utf8'));
  const wrong = wrongPrograms().map((one) => one.files.get(MAIN)!);
  const folder = process.env['SKEP_FUZZ_CORPUS'];
  const more = folder === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith('.c'));
  const texts = more.map((name) => readFileSync(join(folder!, name), 'utf8')).filter((text) => text.length < 20_000);
  // The examples are larger and say more: they come up as often as the small ones.
  return [...wrong, ...texts, ...Array.from({ length: 8 }, () => examples).flat()];
}
