import { existsSync, readFileSync } from 'node:fs';
import type { ProgramSpec } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { interpret } from '../src/interpreter.ts';
import { Machine } from '../src/machine.ts';

interface IsaTest {
  readonly suite: string;
  readonly name: string;
  readonly bytecode: string;
  readonly memory: string;
  readonly expect: { readonly result?: string; readonly load_error?: string; readonly runtime_error?: string };
  readonly needs: readonly string[];
}

const file = new URL('../../../../shared/exams/isa.json', import.meta.url);
const tests: IsaTest[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).tests : [];

/** What no kernel takes, by what a test needs: calls through a register, and helpers that only ubpf has. */
const ELSEWHERE = ['callx', 'helper:ubpf'];

/** Refusals that are the business of a verifier or of one machine, not of an interpreter in a sandbox. */
const NOT_REFUSED: Record<string, string> = {
  'ubpf/errors/err-too-many-instructions': 'a limit of 65536 instructions that ubpf has and Linux has not',
  'ubpf/errors/err-stack-oob': 'writes above the frame, which is memory of the machine: the verifier refuses it',
};

const spec = (code: Uint8Array): ProgramSpec => ({
  name: 'test',
  section: 'socket',
  hook: undefined,
  autoload: true,
  code,
  references: [],
  core: [],
  funcInfo: [],
  lineInfo: [],
  functions: [],
});

function run(test: IsaTest): bigint {
  const machine = new Machine({ budget: 1_000_000 });
  const { code } = machine.loadProgram(spec(Uint8Array.from(Buffer.from(test.bytecode, 'hex'))), new Map());
  const memory = Buffer.from(test.memory, 'hex');
  const registers = new Int32Array(22);
  if (memory.length > 0) {
    registers[2] = machine.memory.allocate(memory.length);
    machine.memory.bytes.set(memory, registers[2]);
    registers[4] = memory.length;
  }
  machine.fuel = machine.budget;
  interpret(machine, code, 0, registers);
  return (BigInt(registers[1]! >>> 0) << 32n) | BigInt(registers[0]! >>> 0);
}

describe('the instruction set', () => {
  it.skipIf(tests.length === 0)('agrees with every exam program (skipped: shared/exams/isa.json is not here)', () => {
    const wrong: string[] = [];
    let checked = 0;
    for (const test of tests) {
      if (test.needs.some((need) => ELSEWHERE.includes(need)) || test.name in NOT_REFUSED) continue;
      checked += 1;
      const want = test.expect.result === undefined ? 'refused' : `0x${BigInt(test.expect.result).toString(16)}`;
      let got: string;
      try {
        got = `0x${run(test).toString(16)}`;
      } catch (error) {
        got = `refused: ${error instanceof Error ? error.message : error}`;
      }
      if (want === 'refused' ? !got.startsWith('refused') : got !== want)
        wrong.push(`${test.suite} ${test.name}: ${got}, not ${want}`);
    }
    expect(wrong).toEqual([]);
    expect(checked).toBeGreaterThan(400);
  });
});
