import { PROG_TYPES, uapiField, uapiRecord } from '@skep/abi';
import { loadProgram, type Program, permitted } from '@skep/kernel';
import { PLAIN_PROGRAM, type ProgramSpec } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { interpret } from '../src/interpreter.ts';
import { compileProgram } from '../src/jit/compile.ts';
import { Machine } from '../src/machine.ts';
import { BUFFER, Random, randomProgram } from './jit-programs.ts';

/** Programs of one run; `SKEP_FUZZ=200000` by hand. */
const PROGRAMS = Number(process.env.SKEP_FUZZ ?? (process.env.CI ? 20_000 : 2000));
const SEED = Number(process.env.SKEP_SEED ?? 1);
const permission = permitted();
const reason = permission.ok ? '' : ` (skipped: ${permission.message})`;
/** Test runs of XDP programs take the kernel milliseconds before the first instruction. */
const TYPE = PROG_TYPES.find((one) => one.name === 'BPF_PROG_TYPE_SCHED_CLS')!.value;
const SKB = uapiRecord('__sk_buff')!;
const DATA = uapiField(SKB, 'data')!.offset;
const DATA_END = uapiField(SKB, 'data_end')!.offset;

/**
 * r1 = the packet, behind a check that there is enough of it: what the kernel needs to let the program work on it.
 * r7 keeps nothing; the checked pointer is r1 as the program expects it.
 */
function prologue(): number[] {
  const insn = (op: number, dst: number, src: number, off: number, imm: number): number[] => [
    op | (dst << 8) | (src << 12) | (off << 16),
    imm,
  ];
  return [
    ...insn(0x61, 2, 1, DATA, 0), // r2 = ctx->data
    ...insn(0x61, 3, 1, DATA_END, 0), // r3 = ctx->data_end
    ...insn(0xbf, 4, 2, 0, 0),
    ...insn(0x07, 4, 0, 0, BUFFER),
    ...insn(0xbd, 4, 3, 2, 0), // if r4 <= r3 goto +2
    ...insn(0xb7, 0, 0, 0, 0),
    ...insn(0x95, 0, 0, 0, 0),
    ...insn(0xbf, 1, 2, 0, 0),
  ];
}

function withPrologue(code: Uint8Array): Uint8Array {
  const head = new Uint8Array(Int32Array.from(prologue()).buffer);
  const whole = new Uint8Array(head.length + code.length);
  whole.set(head);
  whole.set(code, head.length);
  return whole;
}

const machine = new Machine();
const fresh = machine.memory.save();

const spec = (code: Uint8Array): ProgramSpec => ({
  ...PLAIN_PROGRAM,
  name: 'random',
  section: 'tc',
  code,
});

/** The low half of r0 and the packet, as text. */
function inMachine(code: Uint8Array, packet: Uint8Array, compiled: boolean): string {
  const { memory } = machine;
  memory.restore(fresh);
  const program = machine.loadProgram(spec(code), new Map());
  machine.objects.remove(program);
  const data = memory.allocate(packet.length);
  memory.bytes.set(packet, data);
  const registers = new Int32Array(22);
  registers[2] = memory.allocate(SKB.size);
  memory.view.setUint32(registers[2] + DATA, data, true);
  memory.view.setUint32(registers[2] + DATA_END, data + packet.length, true);
  if (compiled) compileProgram(machine, program, 'verified')!.call(0, registers);
  else {
    machine.fuel = machine.budget;
    interpret(machine, program.code, 0, registers);
  }
  return `${registers[0]! >>> 0} ${Buffer.from(memory.bytes.subarray(data, data + packet.length)).toString('hex')}`;
}

describe('random programs that the kernel accepts', () => {
  it.skipIf(!permission.ok)(
    `give in both engines what they give in the kernel${reason}`,
    () => {
      let accepted = 0;
      for (let i = 0; i < PROGRAMS; i++) {
        const seed = SEED * 4_000_037 + i;
        const random = new Random(seed);
        const code = withPrologue(randomProgram(random, { maps: [], wild: false, tame: true }));
        const packet = Uint8Array.from({ length: BUFFER }, (_, at) => (at * 37 + seed) & 255);
        let program: Program;
        try {
          program = loadProgram({ name: 'random', type: TYPE, code, license: 'GPL' });
        } catch {
          continue;
        }
        try {
          const { retval, data } = program.testRun({ data: packet });
          accepted += 1;
          const want = `${retval} ${Buffer.from(data).toString('hex')}`;
          expect(inMachine(code, packet, false), `interpreter, seed ${seed}`).toBe(want);
          expect(inMachine(code, packet, true), `compiled code, seed ${seed}`).toBe(want);
        } finally {
          program.close();
        }
      }
      if (process.env.SKEP_FUZZ) console.log(`${accepted} of ${PROGRAMS} accepted`);
      expect(accepted).toBeGreaterThan(PROGRAMS / 2);
    },
    24 * 3_600_000,
  );
});
