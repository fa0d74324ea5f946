import { Fault } from '../fault.ts';
import type { Machine } from '../machine.ts';
import { FRAME_SIZE, MAX_FRAMES, MAX_NESTING, STACKS } from '../memory.ts';
import type { VmProgram } from '../program.ts';
import { isStateless } from './helper-calls.ts';
import { hostImports } from './imports.ts';
import { type Translation, translateProgram } from './module.ts';
import type { Trust } from './shared.ts';
import { faultOf } from './traps.ts';

/** A program as WebAssembly over the memory of its machine. */
export interface Compiled {
  /** Runs on a context; gives the low half of r0. Throws {@link Fault}. */
  run(context: number): number;
  /**
   * The same so many times, with a budget for each; gives the last result. Undefined for programs whose helpers leave
   * something with the machine, which has to look after every run.
   */
  readonly repeat: ((context: number, times: number) => number) | undefined;
  /** The same for every packet of a table ({@link PacketBatch}), with the context of one. */
  readonly batch: ((table: number, count: number, context: number) => void) | undefined;
  /** Runs the program (slot 0) or a callback on r1 … r5 and leaves r0: halves as in the interpreter. */
  call(slot: number, registers: Int32Array): void;
  /** Goes on in a frame of another program, with what is left of its budget; r1 and the result are in the cells. */
  enter(frame: number): void;
}

/**
 * Compiles a loaded program; undefined when it is one that only the interpreter takes: it writes r10, is larger than a
 * WebAssembly function may be, or its functions jump into one another at length.
 */
export function compileProgram(
  machine: Machine,
  program: VmProgram,
  trust: Trust = 'unverified',
): Compiled | undefined {
  const translation = translateProgram(machine, program, trust);
  if (translation === undefined) return undefined;
  return instantiate(machine, program.code, translation, new WebAssembly.Module(translation.bytes));
}

/** The same without blocking: browsers refuse to compile more than 4 KiB at once on a page's main thread. */
export async function compileProgramAsync(
  machine: Machine,
  program: VmProgram,
  trust: Trust = 'unverified',
): Promise<Compiled | undefined> {
  const translation = translateProgram(machine, program, trust);
  if (translation === undefined) return undefined;
  return instantiate(machine, program.code, translation, await WebAssembly.compile(translation.bytes));
}

interface Exports {
  run(context: number, frame: number, fuel: number, cpu: number): number;
  repeat(context: number, frame: number, fuel: number, cpu: number, times: number): number;
  readonly batch?: (table: number, count: number, context: number, frame: number, fuel: number, cpu: number) => void;
}

function instantiate(
  machine: Machine,
  code: Int32Array,
  translation: Translation,
  module: WebAssembly.Module,
): Compiled {
  const { memory } = machine;
  const host = hostImports(machine, code, translation.helpers);
  const instance = new WebAssembly.Instance(module, { host });
  const exports = instance.exports as unknown as Exports & Record<string, (frame: number) => void>;
  const { run, repeat, batch } = exports;
  const calls = new Map<number, (frame: number) => void>();
  for (const slot of [0, ...translation.callbacks]) calls.set(slot, exports[`call${slot}`]!);
  const fuel = Math.min(machine.budget, 0x7fffffff);
  const frame = (): number => {
    if (machine.nesting >= MAX_NESTING) throw new Fault('stack', 'callbacks are nested too deeply');
    return STACKS + machine.nesting * MAX_FRAMES * FRAME_SIZE;
  };
  const guarded = <T>(body: () => T): T => {
    machine.nesting += 1;
    try {
      return body();
    } catch (error) {
      throw faultOf(error, translation);
    } finally {
      machine.nesting -= 1;
    }
  };
  return {
    run(context) {
      const at = frame();
      machine.nesting += 1;
      try {
        return run(context, at, fuel, machine.world.cpu);
      } catch (error) {
        throw faultOf(error, translation);
      } finally {
        machine.nesting -= 1;
      }
    },
    repeat: translation.helpers.every(isStateless)
      ? (context, times) => {
          const at = frame();
          return times < 1 ? 0 : guarded(() => repeat(context, at, fuel, machine.world.cpu, times));
        }
      : undefined,
    batch:
      batch &&
      ((table, count, context) => {
        const at = frame();
        guarded(() => batch(table, count, context, at, fuel, machine.world.cpu));
      }),
    call(slot, registers) {
      const call = calls.get(slot);
      if (call === undefined) throw new Fault('call', 'it passes what is no function as a callback');
      const at = frame();
      memory.bytes.set(new Uint8Array(registers.buffer, registers.byteOffset, 48), machine.cells);
      guarded(() => {
        // A callback goes on with the budget of the run that it is part of.
        if (machine.nesting === 1) {
          machine.globals.fuel.value = fuel;
          machine.globals.cpu.value = machine.world.cpu;
        }
        call(at);
      });
      registers[0] = memory.view.getInt32(machine.cells, true);
      registers[1] = memory.view.getInt32(machine.cells + 4, true);
    },
    enter(at) {
      try {
        calls.get(0)!(at);
      } catch (error) {
        throw faultOf(error, translation);
      }
    },
  };
}
