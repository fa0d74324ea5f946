/**
 * Programs that compute with numbers, run beside the verifier: before every instruction some state that the verifier
 * had there must hold all values of the run. For each kernel's rules.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROFILES, type RegisterView, type VerifyInput, verify } from '../src/index.ts';

type Version = keyof typeof PROFILES;
type Registers = readonly (RegisterView | undefined)[];

const REGISTERS = 5;
const RANDOM = 7;
const ALU = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0];
const JUMPS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
const LOW = 0xffffffffn;
const ALL = (1n << 64n) - 1n;

interface Insn {
  readonly code: number;
  readonly dst: number;
  readonly src: number;
  readonly off: number;
  readonly imm: number;
}

const small = fc.oneof(
  fc.integer({ min: -9, max: 9 }),
  fc.constantFrom(255, 4096, -4096, 0x7fffffff, -0x80000000),
  fc.integer(),
);
const register = fc.integer({ min: 6, max: 5 + REGISTERS - 1 });
const alu = fc
  .record({
    op: fc.constantFrom(...ALU),
    wide: fc.boolean(),
    fromReg: fc.boolean(),
    dst: register,
    src: register,
    imm: small,
  })
  .map(({ op, wide, fromReg, dst, src, imm }): Insn => {
    const shift = op === 0x60 || op === 0x70 || op === 0xc0;
    const divides = op === 0x30 || op === 0x90;
    const value = shift ? imm & (wide ? 63 : 31) : divides && imm === 0 ? 3 : imm;
    const code = op | (wide ? 7 : 4) | (fromReg ? 8 : 0);
    return { code, dst, src: fromReg ? src : 0, off: 0, imm: fromReg ? 0 : value };
  });
const jump = fc
  .record({
    op: fc.constantFrom(...JUMPS),
    wide: fc.boolean(),
    fromReg: fc.boolean(),
    dst: register,
    src: register,
    imm: small,
    off: fc.integer({ min: 0, max: 5 }),
  })
  .map(
    ({ op, wide, fromReg, dst, src, imm, off }): Insn => ({
      code: op | (wide ? 5 : 6) | (fromReg ? 8 : 0),
      dst,
      src: fromReg ? src : 0,
      off,
      imm: fromReg ? 0 : imm,
    }),
  );
const body = fc.array(fc.oneof({ weight: 3, arbitrary: alu }, { weight: 2, arbitrary: jump }), {
  minLength: 4,
  maxLength: 24,
});

/** Random numbers into r6 …, then the instructions, jumps cut to the end. */
function programOf(insns: readonly Insn[]): Insn[] {
  const out: Insn[] = [];
  for (let r = 6; r < 6 + REGISTERS - 1; r++) {
    out.push({ code: 0x85, dst: 0, src: 0, off: 0, imm: RANDOM });
    out.push({ code: 0xbf, dst: r, src: 0, off: 0, imm: 0 });
  }
  const end = out.length + insns.length;
  insns.forEach((one) => {
    const at = out.length;
    const jumps = (one.code & 7) === 5 || (one.code & 7) === 6;
    out.push(jumps ? { ...one, off: Math.min(one.off, end - at - 1) } : one);
  });
  out.push({ code: 0xb7, dst: 0, src: 0, off: 0, imm: 0 }, { code: 0x95, dst: 0, src: 0, off: 0, imm: 0 });
  return out;
}

function encode(insns: readonly Insn[]): Uint8Array {
  const bytes = new Uint8Array(insns.length * 8);
  const view = new DataView(bytes.buffer);
  insns.forEach((one, i) => {
    bytes[i * 8] = one.code;
    bytes[i * 8 + 1] = one.dst | (one.src << 4);
    view.setInt16(i * 8 + 2, one.off, true);
    view.setInt32(i * 8 + 4, one.imm, true);
  });
  return bytes;
}

const signed = (value: bigint, bits: number): bigint => BigInt.asIntN(bits, value);

function compute(op: number, a: bigint, b: bigint, wide: boolean): bigint {
  const bits = wide ? 64 : 32;
  const mask = wide ? ALL : LOW;
  const [x, y] = [a & mask, b & mask];
  const shift = b & BigInt(bits - 1);
  switch (op) {
    case 0x00:
      return (x + y) & mask;
    case 0x10:
      return (x - y) & mask;
    case 0x20:
      return (x * y) & mask;
    case 0x30:
      return y === 0n ? 0n : x / y;
    case 0x40:
      return x | y;
    case 0x50:
      return x & y;
    case 0x60:
      return (x << shift) & mask;
    case 0x70:
      return x >> shift;
    case 0x90:
      return y === 0n ? x : x % y;
    case 0xa0:
      return x ^ y;
    case 0xb0:
      return y;
    default:
      return BigInt.asUintN(bits, signed(x, bits) >> shift);
  }
}

function taken(op: number, a: bigint, b: bigint, wide: boolean): boolean {
  const bits = wide ? 64 : 32;
  const [x, y] = [BigInt.asUintN(bits, a), BigInt.asUintN(bits, b)];
  const [s, t] = [signed(a, bits), signed(b, bits)];
  switch (op) {
    case 0x10:
      return x === y;
    case 0x20:
      return x > y;
    case 0x30:
      return x >= y;
    case 0x40:
      return (x & y) !== 0n;
    case 0x50:
      return x !== y;
    case 0x60:
      return s > t;
    case 0x70:
      return s >= t;
    case 0xa0:
      return x < y;
    case 0xb0:
      return x <= y;
    case 0xc0:
      return s < t;
    default:
      return s <= t;
  }
}

const holds = (view: RegisterView | undefined, value: bigint): boolean =>
  view === undefined ||
  view.kind !== 'scalar' ||
  (value >= view.umin &&
    value <= view.umax &&
    signed(value, 64) >= view.smin &&
    signed(value, 64) <= view.smax &&
    Number(value & LOW) >= view.umin32 &&
    Number(value & LOW) <= view.umax32 &&
    Number(signed(value, 32)) >= view.smin32 &&
    Number(signed(value, 32)) <= view.smax32 &&
    (value & ~view.bits.unknown & ALL) === view.bits.value);

/** Runs the program; the first instruction at which no state holds its values, or -1. */
function run(insns: readonly Insn[], numbers: readonly bigint[], states: ReadonlyMap<number, Registers[]>): number {
  const r = new Array<bigint | undefined>(11).fill(undefined);
  let called = 0;
  for (let pc = 0; ; ) {
    const found = states.get(pc) ?? [];
    if (!found.some((state) => r.every((value, i) => value === undefined || holds(state[i], value)))) return pc;
    const { code, dst, src, off, imm } = insns[pc]!;
    const wide = (code & 7) === 7 || (code & 7) === 5;
    const op = code & 0xf0;
    const operand = code & 8 ? (r[src] ?? 0n) : BigInt.asUintN(64, BigInt(imm));
    if (code === 0x95) return -1;
    if (code === 0x85) {
      r[0] = numbers[called++]!;
      for (let i = 1; i <= 5; i++) r[i] = undefined;
      pc++;
    } else if ((code & 7) === 4 || (code & 7) === 7) {
      r[dst] = compute(op, r[dst] ?? 0n, operand, wide);
      pc++;
    } else pc += taken(op, r[dst] ?? 0n, operand, wide) ? 1 + off : 1;
  }
}

/** Sixty-four bits as a helper may give them, often near a border. */
const number = fc.oneof(
  fc.bigInt({ min: 0n, max: ALL }),
  fc.bigInt({ min: 0n, max: 300n }),
  fc.constantFrom(0n, 1n, LOW, LOW + 1n, ALL, ALL >> 1n, (ALL >> 1n) + 1n, 0x7fffffffn, 0x80000000n),
);

/** SKEP_SOUND_RUNS=100000 npx vitest run packages/verifier/test/sound.test.ts looks longer. */
const RUNS = Number(process.env['SKEP_SOUND_RUNS'] ?? 400);

describe('what the verifier knows of numbers holds in every run', () => {
  for (const kernel of Object.keys(PROFILES) as Version[])
    it(`by the rules of Linux ${kernel}`, { timeout: 60_000 + RUNS * 20 }, () => {
      fc.assert(
        fc.property(
          body,
          fc.array(fc.array(number, { minLength: 4, maxLength: 4 }), { minLength: 8, maxLength: 8 }),
          (insns, runs) => {
            const program = programOf(insns);
            const states = new Map<number, Registers[]>();
            const input: VerifyInput = {
              code: encode(program),
              type: 1,
              license: 'GPL',
              kernel,
              observe: (insn, _frame, registers) => {
                const list = states.get(insn);
                if (list === undefined) states.set(insn, [registers]);
                else list.push(registers);
              },
            };
            const verdict = verify(input);
            fc.pre(verdict.accepted);
            for (const numbers of runs) expect(run(program, numbers, states)).toBe(-1);
          },
        ),
        { numRuns: RUNS },
      );
    });
});
