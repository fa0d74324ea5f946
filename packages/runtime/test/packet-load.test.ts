import { dated, PROG_TYPES } from '@skep/abi';
import { loadProgram, permitted } from '@skep/kernel';
import { PLAIN_PROGRAM, type ProgramSpec } from '@skep/object';
import { Machine, testRun } from '@skep/vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** One instruction of eight bytes. */
const insn = (op: number, dst = 0, src = 0, off = 0, imm = 0): number[] => {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setUint8(0, op);
  bytes.setUint8(1, dst | (src << 4));
  bytes.setInt16(2, off, true);
  bytes.setInt32(4, imm, true);
  return [...new Uint8Array(bytes.buffer)];
};
const EXIT = insn(0x95);
/** `r6 = r1`, as these loads want it. */
const SAVE = insn(0xbf, 6, 1);

function spec(code: Uint8Array): ProgramSpec {
  return {
    ...PLAIN_PROGRAM,
    name: 'loads',
    section: 'socket',
    hook: {
      programType: 'BPF_PROG_TYPE_SOCKET_FILTER',
      attachType: undefined,
      target: undefined,
      sleepable: false,
      flags: [],
    },
    code,
  };
}

const permission = permitted();
const skip = permission.ok ? undefined : permission.message;

describe.skipIf(skip !== undefined)(`loads of classic BPF${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const offset = fc.oneof(
    fc.integer({ min: -3, max: 70 }),
    fc.integer({ min: -3, max: 40 }).map((n) => n - 0x100000),
    fc.integer({ min: -3, max: 40 }).map((n) => n - 0x200000),
    fc.constantFrom(0x7fffffff, -0x80000000),
  );

  it('give what they give in the kernel, at any offset and beyond the packet', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0x20, 0x28, 0x30, 0x40, 0x48, 0x50),
        offset,
        fc.integer({ min: -20, max: 60 }),
        (op, at, more) => {
          const code = Uint8Array.of(
            ...SAVE,
            ...insn(0xb7, 7, 0, 0, more),
            ...insn(op, 0, op >= 0x40 ? 7 : 0, 0, at),
            ...EXIT,
          );
          const data = Uint8Array.from({ length: 64 }, (_, i) => (i === 12 ? 8 : i === 13 ? 0 : 200 - i));
          const type = dated(PROG_TYPES, 'BPF_PROG_TYPE_SOCKET_FILTER').value;
          const program = loadProgram({ name: 'loads', type, code, license: 'GPL' });
          let wanted: number;
          try {
            wanted = program.testRun({ data }).retval;
          } finally {
            program.close();
          }
          for (const options of [{ engine: 'interpreter' as const }, { compileAfter: 0 }]) {
            const machine = new Machine(options);
            expect(testRun(machine, machine.loadProgram(spec(code), new Map()), { data }).retval).toBe(wanted);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
