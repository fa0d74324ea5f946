import { BtfBuilder } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../../test/support/random.mjs';
import { emitFunctions } from '../../src/bpf/backend.ts';
import type { CpuVersion } from '../../src/bpf/machine.ts';
import type { Func } from '../../src/ir/ir.ts';
import { printFunction } from '../../src/ir/print.ts';
import { expandMemory } from '../../src/optimise/expand-memory.ts';
import { evaluate } from './evaluate.ts';
import { interpret } from './interpret.ts';
import { openKernel, type RunResult } from './kernel.ts';
import { CONTEXT_SIZE, INPUTS, randomFunction } from './random.ts';

const kernel = openKernel();
const COUNT = Number(process.env['SKEP_RANDOM_PROGRAMS'] ?? 60);
const CPUS: readonly CpuVersion[] = ['v1', 'v2', 'v3', 'v4'];

/** Long ones have more live values than there are registers. */
function program(seed: number, cpu: CpuVersion): Func {
  return randomFunction({
    seed,
    pieces: 4 + (seed % 40),
    atomics: cpu === 'v3' || cpu === 'v4',
    calls: seed % 3 !== 0,
  });
}

function compile(func: Func, cpu: CpuVersion) {
  const module = { name: 'random', functions: [func], globals: [], types: new BtfBuilder() };
  // What the function means was asked of `evaluate` before, or will be: copies and fills mean the same expanded.
  expandMemory(func, (one) => expect.fail(one.message));
  return emitFunctions(module, cpu).get(func)!.insns;
}

describe('random functions compute what the IR says', () => {
  it.each(CPUS)('interpreted, %s', (cpu) => {
    for (let seed = 1; seed <= COUNT; seed++) {
      const func = program(seed, cpu);
      const insns = compile(func, cpu);
      for (let round = 0; round < 3; round++) {
        const wanted = input(seed * 31 + round, round);
        const got = wanted.slice();
        const result = evaluate(func, wanted);
        const say = `seed ${seed} ${cpu} round ${round}\n${printFunction(func)}`;
        expect(interpret(insns, got), say).toBe(BigInt.asUintN(64, result));
        expect(Buffer.from(got).toString('hex'), say).toBe(Buffer.from(wanted).toString('hex'));
      }
    }
  });

  it.for(CPUS)('accepted by the verifier and run by the kernel, %s', (cpu, context) => {
    if ('unavailable' in kernel) return context.skip(kernel.unavailable);
    for (let seed = 1; seed <= COUNT; seed++) {
      const func = program(seed, cpu);
      const wanted = input(seed * 31, seed % 3);
      const got = wanted.slice();
      const result = evaluate(func, wanted);
      const run: RunResult = kernel.run(compile(func, cpu), got);
      if (!run.accepted) expect.fail(`seed ${seed} ${cpu}: refused\n${printFunction(func)}\n${run.log}`);
      const say = `seed ${seed} ${cpu}\n${printFunction(func)}`;
      expect(Buffer.from(got).toString('hex'), say).toBe(Buffer.from(wanted).toString('hex'));
      expect(run.result, say).toBe(Number(BigInt.asUintN(32, result)));
    }
  });
});

function input(seed: number, round: number): Uint8Array {
  const random = new Random(seed + 7);
  const bytes = new Uint8Array(CONTEXT_SIZE);
  const view = new DataView(bytes.buffer);
  const edges = [0n, 1n, -1n, 0x7fffffffn, 0x80000000n, -0x80000000n, 1n << 63n, 0xffn, 0x8000n];
  for (let i = 0; i < INPUTS; i++) {
    const any = BigInt(random.next()) * BigInt(random.next());
    const value = round > 0 && random.chance(50) ? random.pick(edges) : round === 2 ? any & 15n : any;
    view.setBigUint64(8 * i, BigInt.asUintN(64, value), true);
  }
  return bytes;
}
