import { type HookSpec, PLAIN_PROGRAM, type ProgramSpec } from '@skep/object';
import { expect, it } from 'vitest';
import { interpret } from '../src/interpreter.ts';
import { compileProgram } from '../src/jit/compile.ts';
import { buildFunctions } from '../src/jit/graph.ts';
import type { Trust } from '../src/jit/shared.ts';
import { vectorise } from '../src/jit/vector.ts';
import { Machine } from '../src/machine.ts';
import { insn, Random, type Word } from './jit-programs.ts';

/** Loops over memory, in the forms in which vector instructions do most turns, and in forms that only look like them. */
const LOOPS = Number(process.env.SKEP_FUZZ ?? 400);
const BYTES = 16384;

it.each(['verified', 'bounded'] as const)(
  'loops over memory give in mode %s what the interpreter gives',
  (trust) => {
    const sides = [new Side(undefined), new Side(trust)] as const;
    let vectors = 0;
    for (let seed = 1; seed <= LOOPS; seed++) {
      const code = loop(new Random(seed));
      const [want, got] = [sides[0].run(code, seed), sides[1].run(code, seed)];
      expect(got, `seed ${seed}`).toBe(want);
      if (isVector(code)) vectors += 1;
    }
    expect(vectors).toBeGreaterThan(LOOPS / 5);
  },
  240_000,
);

class Side {
  private readonly machine = new Machine({ budget: 4_000_000 });
  private readonly buffer = this.machine.memory.allocate(BYTES);
  private readonly trust: Trust | undefined;

  constructor(trust: Trust | undefined) {
    this.trust = trust;
  }

  run(code: Uint8Array, seed: number): string {
    const { machine, buffer } = this;
    const program = machine.loadProgram(spec(code), new Map());
    machine.objects.remove(program as never);
    const { bytes } = machine.memory;
    // Long runs of the same, so that searches go far.
    const random = new Random(seed);
    for (let at = 0; at < BYTES; ) {
      const [run, value] = [1 + random.below(700), random.pick([0, 1, 7, 255])];
      bytes.fill(value, buffer + at, buffer + Math.min(BYTES, at + run));
      at += run;
      if (random.chance(40)) bytes[buffer + Math.min(at, BYTES - 1)] = random.below(256);
    }
    const registers = new Int32Array(22);
    registers[2] = buffer;
    if (this.trust === undefined) {
      machine.fuel = machine.budget;
      interpret(machine, program.code, 0, registers);
    } else compileProgram(machine, program, this.trust)!.call(0, registers);
    return `${registers[0]} ${registers[1]} ${Buffer.from(bytes.subarray(buffer, buffer + BYTES)).toString('base64')}`;
  }
}

function isVector(code: Uint8Array): boolean {
  const words = new Int32Array(code.buffer);
  const graph = buildFunctions(words)!.graphs[0]!;
  vectorise(words, graph);
  return graph.blocks.some((block) => block.vector !== undefined);
}

/** Of types that see the kernel's memory every load is checked; this one does not. */
const spec = (code: Uint8Array): ProgramSpec => ({
  ...PLAIN_PROGRAM,
  name: 'loop',
  section: 'xdp',
  hook: { programType: 'BPF_PROG_TYPE_XDP' } as HookSpec,
  code,
});

/** r1 the buffer, r3 the counter, r4 and r5 the work, r2 a sum, r7 what else is carried from turn to turn. */
function loop(random: Random): Uint8Array {
  const words: Word[] = [];
  const push = (...list: Word[]): void => {
    words.push(...list);
  };
  const size = random.pick([1, 2, 4, 8]);
  const step = size === 1 ? 1 : random.pick([1, 1, 1, 2]);
  const shift = Math.log2(size / step) | 0;
  const stray = random.chance(7) ? 1 : 0;
  const start = random.pick([0, 0, 0, 1, 2, 5, 40, 250]) * step;
  const limit = start + step * (1 + random.below(random.pick([5, 40, 400, 700])));
  const load = { 1: 0x71, 2: 0x69, 4: 0x61, 8: 0x79 }[size]!;
  const top = random.chance(30) ? random.next() | 0 : 0;
  push(insn(0x18, 2, 0, 0, random.next() | 0), [0, top]);
  push(insn(0xb7, 7, 0, 0, random.below(100)), insn(0xb7, 8, 0, 0, random.below(256)));
  push(insn(0xb7, 0, 0, 0, 0), insn(0xb7, 4, 0, 0, 0), insn(0xb7, 5, 0, 0, 0), insn(0xb7, 3, 0, 0, start));
  const head = words.length;
  const exits: number[] = [];
  /** An element into a register, by way of another. */
  const element = (into: number, by: number, base: number): void => {
    push(insn(0xbf, by, 3, 0, 0));
    if (shift + stray > 0) push(insn(random.chance(50) ? 0x67 : 0x64, by, 0, 0, shift + stray));
    if (random.chance(30)) push(insn(0x07, by, 0, 0, base), insn(0x0f, by, 1, 0, 0), insn(load, into, by, 0, 0));
    else push(insn(0x0f, by, 1, 0, 0), insn(load, into, by, base, 0));
  };
  const [near, far] = [random.below(40), random.pick([random.below(60), 4096 + random.below(40)])];
  const kind = random.pick(['sum', 'copy', 'search', 'search']);
  element(4, 5, near);
  if (kind === 'sum') push(insn(random.chance(50) ? 0x0c : 0x0f, 2, 4, 0, 0));
  else if (kind === 'copy') {
    push(insn(0xbf, 5, 3, 0, 0));
    if (shift + stray > 0) push(insn(0x67, 5, 0, 0, shift + stray));
    push(insn(0x0f, 5, 1, 0, 0), insn(load + 2, 5, 4, far, 0));
  } else {
    if (random.chance(60)) {
      element(5, 5, far);
      if (size < 4 && random.chance(30)) {
        const by = random.pick([32 - 8 * size, 24]);
        for (const register of [4, 5])
          push(insn(0x64, register, 0, 0, by), insn(random.pick([0xc4, 0xc4, 0x74]), register, 0, 0, by));
      }
      exits.push(words.length);
      push(insn(random.pick([0x5d, 0x5e, 0x1d]), 4, 5, 0, 0));
    }
    if (exits.length === 0 || random.chance(50)) {
      exits.push(words.length);
      push(insn(random.pick([0x15, 0x16, 0x55]), random.pick([4, 4, 5]), 0, 0, random.pick([0, 1, 7, 255, -1])));
    }
  }
  // What vectors must not leave out.
  if (random.chance(15)) push(insn(0x27, 7, 0, 0, 31), insn(0x0f, 7, 4, 0, 0));
  if (random.chance(10)) push(insn(0xbf, 8, 4, 0, 0));
  push(insn(random.chance(70) ? 0x04 : 0x07, 3, 0, 0, step));
  const back = (op: number, imm: number): void => push(insn(op, 3, 0, head - words.length - 1, imm));
  switch (random.below(5)) {
    case 0:
      back(0xa5, limit);
      break;
    case 1:
      back(0xb6, limit - 1);
      break;
    case 2:
      back(0xc5, limit);
      break;
    case 3:
      // Out by the jump, back by what follows it.
      push(insn(0x35, 3, 0, 1, limit), insn(0x05, 0, 0, 0, 0));
      words[words.length - 1]![0] = 0x05 | ((head - words.length) << 16);
      break;
    default:
      back(0xa6, limit);
  }
  push(insn(0x07, 0, 0, 0, 1));
  for (const at of exits) words[at]![0] = (words[at]![0] & 0xffff) | ((words.length - at - 1) << 16);
  for (const register of [2, 3, 4, 5, 7, 8]) push(insn(0x27, 0, 0, 0, 31), insn(0xaf, 0, register, 0, 0));
  push(insn(0x95, 0, 0, 0, 0));
  return new Uint8Array(Int32Array.from(words.flat()).buffer);
}
