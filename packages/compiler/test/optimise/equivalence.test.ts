import { BtfBuilder } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../../test/support/random.mjs';
import type { Module } from '../../src/ir/ir.ts';
import { parseModule } from '../../src/ir/parse.ts';
import { printModule } from '../../src/ir/print.ts';
import { verifyModule } from '../../src/ir/verify.ts';
import { type OptimiseOptions, optimise } from '../../src/optimise/optimise.ts';
import { BUFFER_SIZE, randomModule } from '../ir-generator.ts';
import { BUFFER, interpret } from '../ir-interpreter.ts';

const SEEDS = Number(process.env['SKEP_IR_SEEDS'] ?? 200);
const FIRST = Number(process.env['SKEP_IR_FIRST'] ?? 1);

describe('optimised programs', () => {
  for (const options of [
    { level: 0, cpu: 'v3' },
    { level: 1, cpu: 'v3' },
    { level: 2, cpu: 'v3' },
  ] as const) {
    it(`do the same at level ${options.level} for ${options.cpu}`, () => {
      for (let seed = FIRST; seed < FIRST + SEEDS; seed++) compare(seed, { ...options, debug: true });
    });
  }
});

describe('large functions', () => {
  it('take time in proportion to their size', () => {
    const module = randomModule(82, new BtfBuilder(), 16_000);
    // Of the processor, which others may use at the same time, not of the clock.
    const start = process.cpuUsage();
    optimise(module, { level: 2, cpu: 'v3' });
    const { user, system } = process.cpuUsage(start);
    // About 2 s for 21 000 instructions in 9 000 blocks, of which inlining makes no more; a quadratic pass makes it minutes.
    expect((user + system) / 1000).toBeLessThan(20_000);
  });
});

describe('the text of random modules', () => {
  it('reads back', () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const module = randomModule(seed, new BtfBuilder());
      expect(verifyModule(module), `seed ${seed}`).toEqual([]);
      const text = printModule(module);
      expect(printModule(parseModule({ name: 'random.ir', text }, new BtfBuilder())), `seed ${seed}`).toBe(text);
    }
  });
});

function compare(seed: number, options: OptimiseOptions): void {
  const before = randomModule(seed, new BtfBuilder());
  const after = randomModule(seed, new BtfBuilder());
  let diagnostics: ReturnType<typeof optimise>;
  try {
    diagnostics = optimise(after, options);
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}\n${printModule(before)}`);
  }
  expect(diagnostics, `seed ${seed}`).toEqual([]);
  expect(verifyModule(after), `seed ${seed}`).toEqual([]);
  const random = new Random(seed);
  for (let run = 0; run < 4; run++) {
    const buffer = Uint8Array.from({ length: BUFFER_SIZE }, () => (run === 0 ? 0 : random.below(256)));
    const numbers = [0n, 1n, BigInt(random.next()), BigInt(random.below(16))];
    const args = [BUFFER, ...Array.from({ length: 4 }, () => (run === 0 ? 0n : random.pick(numbers)))];
    const expected = attempt(before, args, buffer);
    // A loop that the source makes long says nothing.
    if (expected === undefined) continue;
    const got = attempt(after, args, buffer);
    if (JSON.stringify(got, text) !== JSON.stringify(expected, text)) {
      const report = `seed ${seed}, run ${run}, level ${options.level}`;
      expect.soft(got, `${report}\n${printModule(before)}\n${printModule(after)}`).toEqual(expected);
      throw new Error(report);
    }
  }
}

function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function attempt(module: Module, args: readonly bigint[], buffer: Uint8Array) {
  const main = module.functions.find((func) => func.name === 'main')!;
  try {
    return interpret(module, main, args, { buffer });
  } catch (error) {
    if ((error as Error).message === 'out of steps') return undefined;
    throw error;
  }
}
