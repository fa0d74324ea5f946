import fc from 'fast-check';
import type { Imm64, Insn, Operand } from '../../src/insn/model.ts';

const register = fc.nat(10);
const int32 = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: -3, max: 3 }));
const off16 = fc.integer({ min: -32768, max: 32767 });
const nat16 = fc.nat(65535);
const width = fc.constantFrom(32 as const, 64 as const);
const size = fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const);
const operand: fc.Arbitrary<Operand> = fc.oneof(
  fc.record({ kind: fc.constant('reg' as const), reg: register }),
  fc.record({ kind: fc.constant('imm' as const), imm: int32 }),
);
const imm64: fc.Arbitrary<Imm64> = fc.oneof(
  fc.record({ kind: fc.constant('value' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ kind: fc.constant('map_fd' as const), fd: int32 }),
  fc.record({ kind: fc.constant('map_value' as const), fd: int32, offset: int32 }),
  fc.record({ kind: fc.constant('btf_id' as const), id: int32, module: int32 }),
  fc.record({ kind: fc.constant('func' as const), offset: int32 }),
  fc.record({ kind: fc.constant('map_idx' as const), index: int32 }),
  fc.record({ kind: fc.constant('map_idx_value' as const), index: int32, offset: int32 }),
);
const aluOp = fc.constantFrom(
  ...(['add', 'sub', 'mul', 'div', 'sdiv', 'mod', 'smod', 'or', 'and', 'xor', 'lsh', 'rsh', 'arsh', 'mov'] as const),
);
const jumpOp = fc.constantFrom(...(['eq', 'ne', 'gt', 'ge', 'lt', 'le', 'set', 'sgt', 'sge', 'slt', 'sle'] as const));

/** Every kind of instruction there is; jumps may go anywhere. */
export const anyInsn: fc.Arbitrary<Insn> = fc.oneof(
  fc.record({ kind: fc.constant('alu' as const), op: aluOp, width, dst: register, src: operand }),
  fc.record({
    kind: fc.constant('alu' as const),
    op: fc.constant('neg' as const),
    width,
    dst: register,
    src: fc.constant({ kind: 'imm', imm: 0 } as const),
  }),
  fc.record({
    kind: fc.constant('movsx' as const),
    width: fc.constant(64 as const),
    bits: fc.constantFrom(8 as const, 16 as const, 32 as const),
    dst: register,
    src: register,
  }),
  fc.record({
    kind: fc.constant('movsx' as const),
    width: fc.constant(32 as const),
    bits: fc.constantFrom(8 as const, 16 as const),
    dst: register,
    src: register,
  }),
  fc.record({
    kind: fc.constant('endian' as const),
    op: fc.constantFrom('le' as const, 'be' as const, 'bswap' as const),
    bits: fc.constantFrom(16 as const, 32 as const, 64 as const),
    dst: register,
  }),
  fc
    .record({ kind: fc.constant('addr_space_cast' as const), dst: register, src: register, to: nat16, from: nat16 })
    .filter(({ to, from }) => to !== from),
  fc.record({
    kind: fc.constant('load' as const),
    size,
    signed: fc.constant(false),
    dst: register,
    src: register,
    off: off16,
  }),
  fc.record({
    kind: fc.constant('load' as const),
    size: fc.constantFrom(1 as const, 2 as const, 4 as const),
    signed: fc.constant(true),
    dst: register,
    src: register,
    off: off16,
  }),
  fc.record({ kind: fc.constant('store' as const), size, dst: register, off: off16, src: operand }),
  fc.record({
    kind: fc.constant('atomic' as const),
    op: fc.constantFrom('add' as const, 'or' as const, 'and' as const, 'xor' as const),
    fetch: fc.boolean(),
    size: fc.constantFrom(4 as const, 8 as const),
    dst: register,
    off: off16,
    src: register,
  }),
  fc.record({
    kind: fc.constant('atomic' as const),
    op: fc.constantFrom('xchg' as const, 'cmpxchg' as const),
    fetch: fc.constant(true),
    size: fc.constantFrom(4 as const, 8 as const),
    dst: register,
    off: off16,
    src: register,
  }),
  fc.record({
    kind: fc.constant('atomic' as const),
    op: fc.constantFrom('load_acq' as const, 'store_rel' as const),
    fetch: fc.constant(false),
    size,
    dst: register,
    off: off16,
    src: register,
  }),
  fc.record({ kind: fc.constant('ld_imm64' as const), dst: register, imm: imm64 }),
  fc.record({
    kind: fc.constant('ld_packet' as const),
    size: fc.constantFrom(1 as const, 2 as const, 4 as const),
    index: fc.option(register, { nil: undefined }),
    imm: int32,
  }),
  fc.record({ kind: fc.constant('jump' as const), op: jumpOp, width, dst: register, src: operand, off: off16 }),
  fc.record({ kind: fc.constant('goto' as const), long: fc.constant(false), off: off16 }),
  fc.record({ kind: fc.constant('goto' as const), long: fc.constant(true), off: int32 }),
  fc.record({ kind: fc.constant('may_goto' as const), off: off16 }),
  fc.record({
    kind: fc.constant('call' as const),
    target: fc.oneof(
      fc.record({ kind: fc.constant('helper' as const), id: fc.oneof(fc.integer({ min: 1, max: 211 }), int32) }),
      fc.record({ kind: fc.constant('local' as const), off: int32 }),
      fc.record({ kind: fc.constant('kfunc' as const), btfId: int32, module: off16 }),
      fc.record({ kind: fc.constant('reg' as const), reg: register }),
    ),
  }),
  fc.constant({ kind: 'exit' } as const),
);

export const anyProgram = fc.array(anyInsn, { minLength: 1, maxLength: 40 });

/** Programs whose jumps, calls and function loads all go to an instruction of theirs. */
export const linkedProgram: fc.Arbitrary<Insn[]> = fc
  .tuple(anyProgram, fc.array(fc.nat(), { minLength: 41, maxLength: 41 }))
  .map(([insns, picks]) => {
    const starts: number[] = [];
    let slot = 0;
    for (const insn of insns) {
      starts.push(slot);
      slot += insn.kind === 'ld_imm64' ? 2 : 1;
    }
    return insns.map((insn, index): Insn => {
      const off = starts[picks[index]! % insns.length]! - starts[index]! - 1;
      if (insn.kind === 'jump' || insn.kind === 'goto' || insn.kind === 'may_goto') return { ...insn, off };
      if (insn.kind === 'call' && insn.target.kind === 'local') return { kind: 'call', target: { kind: 'local', off } };
      if (insn.kind === 'ld_imm64' && insn.imm.kind === 'func') return { ...insn, imm: { kind: 'func', offset: off } };
      return insn;
    });
  });
