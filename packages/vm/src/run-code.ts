import { PLAIN_PROGRAM } from '@skep/object';
import { Fault } from './fault.ts';
import { interpret } from './interpreter.ts';
import { compileProgram } from './jit/compile.ts';
import { Machine } from './machine.ts';
import { faultError } from './program.ts';

/** How instructions are run by themselves. */
export interface RunCodeOptions {
  readonly engine?: 'jit' | 'interpreter';
  /** Instructions that it may take. */
  readonly budget?: number;
}

/** What a run of them left. */
export interface RunCodeResult {
  /** All 64 bits, unsigned. */
  readonly r0: bigint;
  /** The memory afterwards. */
  readonly memory: Uint8Array;
}

/**
 * Runs instructions by themselves, without an object around them: r1 is the address of a copy of `memory`, r2 its
 * length. Throws E4004, E4005 for what is no program, E4010 when it was stopped.
 */
export function runCode(code: Uint8Array, memory: Uint8Array, options: RunCodeOptions = {}): RunCodeResult {
  const machine = new Machine({ budget: options.budget ?? 10_000_000 });
  const program = machine.loadProgram(
    {
      ...PLAIN_PROGRAM,
      name: 'program',
      section: 'socket',
      code,
    },
    new Map(),
  );
  const registers = new Int32Array(22);
  const at = memory.length > 0 ? machine.memory.allocate(memory.length) : 0;
  machine.memory.bytes.set(memory, at);
  registers[2] = at;
  registers[4] = memory.length;
  try {
    const compiled = options.engine === 'interpreter' ? undefined : compileProgram(machine, program);
    if (compiled) compiled.call(0, registers);
    else {
      machine.fuel = machine.budget;
      interpret(machine, program.code, 0, registers);
    }
  } catch (error) {
    throw error instanceof Fault ? faultError(program, error) : error;
  }
  return {
    r0: (BigInt(registers[1]! >>> 0) << 32n) | BigInt(registers[0]! >>> 0),
    memory: machine.memory.bytes.slice(at, at + memory.length),
  };
}
