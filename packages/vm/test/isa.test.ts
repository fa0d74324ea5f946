import { existsSync, readFileSync } from 'node:fs';
import { PLAIN_PROGRAM, type ProgramSpec } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { interpret } from '../src/interpreter.ts';
import { compileProgram } from '../src/jit/compile.ts';
import type { Trust } from '../src/jit/shared.ts';
import { Machine } from '../src/machine.ts';
import type { VmProgram } from '../src/program.ts';

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
const absent = tests.length === 0 ? ' (skipped: shared/exams/isa.json is not here)' : '';

/** What no kernel takes, by what a test needs: calls through a register, and helpers that only ubpf has. */
const ELSEWHERE = ['callx', 'helper:ubpf'];

/** Refusals that are the business of a verifier or of one machine, not of an interpreter in a sandbox. */
const NOT_REFUSED: Record<string, string> = {
  'ubpf/errors/err-too-many-instructions': 'a limit of 65536 instructions that ubpf has and Linux has not',
  'ubpf/errors/err-stack-oob': 'writes above the frame, which is memory of the machine: the verifier refuses it',
};

const spec = (code: Uint8Array): ProgramSpec => ({
  ...PLAIN_PROGRAM,
  name: 'test',
  section: 'socket',
  code,
});

type Engine = (machine: Machine, program: VmProgram, registers: Int32Array) => void;

const ENGINES: Record<string, Engine> = {
  'the interpreter': (machine, { code }, registers) => {
    machine.fuel = machine.budget;
    interpret(machine, code, 0, registers);
  },
  'compiled code': compiled('unverified'),
  'compiled code with a budget': compiled('bounded'),
  'compiled code without checks': compiled('verified'),
};

function compiled(trust: Trust): Engine {
  return (machine, program, registers) => {
    const code = compileProgram(machine, program, trust);
    if (code === undefined) throw new Error('only the interpreter takes it');
    code.call(0, registers);
  };
}

function run(test: IsaTest, engine: Engine): bigint {
  const machine = new Machine({ budget: 1_000_000 });
  const program = machine.loadProgram(spec(Uint8Array.from(Buffer.from(test.bytecode, 'hex'))), new Map());
  const memory = Buffer.from(test.memory, 'hex');
  const registers = new Int32Array(22);
  if (memory.length > 0) {
    registers[2] = machine.memory.allocate(memory.length);
    machine.memory.bytes.set(memory, registers[2]);
    registers[4] = memory.length;
  }
  engine(machine, program, registers);
  return (BigInt(registers[1]! >>> 0) << 32n) | BigInt(registers[0]! >>> 0);
}

describe('the instruction set', () => {
  for (const [name, engine] of Object.entries(ENGINES)) {
    it.skipIf(absent !== '')(`agrees with every exam program in ${name}${absent}`, () => {
      const wrong: string[] = [];
      let checked = 0;
      for (const test of tests) {
        if (test.needs.some((need) => ELSEWHERE.includes(need)) || test.name in NOT_REFUSED) continue;
        // Without checks run only programs that a verifier takes.
        if (test.expect.result === undefined && name.startsWith('compiled code w')) continue;
        checked += 1;
        const want = test.expect.result === undefined ? 'refused' : `0x${BigInt(test.expect.result).toString(16)}`;
        let got: string;
        try {
          got = `0x${run(test, engine).toString(16)}`;
        } catch (error) {
          got = `refused: ${error instanceof Error ? error.message : error}`;
        }
        if (want === 'refused' ? !got.startsWith('refused') : got !== want)
          wrong.push(`${test.suite} ${test.name}: ${got}, not ${want}`);
      }
      expect(wrong).toEqual([]);
      expect(checked).toBeGreaterThan(350);
    });
  }
});
