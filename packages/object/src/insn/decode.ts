import {
  ADDR_SPACE_CAST,
  ALU_END,
  ALU_NEG,
  ALU_OPS,
  ATOMIC_FETCH,
  ATOMIC_OPS,
  CLASS,
  CLASS_MASK,
  JUMP_CALL,
  JUMP_EXIT,
  JUMP_JA,
  JUMP_JCOND,
  JUMP_OPS,
  MODE,
  MODE_MASK,
  OP_MASK,
  PSEUDO_CALL,
  PSEUDO_IMM64,
  REGISTERS,
  SIZE_MASK,
  SOURCE_MASK,
} from '@skep/abi';
import { type Diagnostic, SkepError } from '@skep/base';
import {
  badFieldValue,
  badImm64Half,
  badRegister,
  incompleteImm64,
  reservedField,
  truncatedProgram,
  unknownOpcode,
} from './diagnostics.ts';
import type { AccessSize, AluOp, Atomic, Imm64, Insn, JumpOp, Operand, Width } from './model.ts';
import { imm as immediate, reg } from './model.ts';

/** How bytes are read. */
export interface DecodeOptions {
  readonly bigEndian?: boolean;
}

/** What {@link decodeAt} gives for a slot that is no instruction. */
export interface BadInsn {
  readonly kind: 'bad';
  readonly diagnostic: Diagnostic;
}

/**
 * Bytes as instructions, strictly: every bit that an instruction does not use must be zero, as the kernel asks. Throws
 * SkepError (E3301–E3307) at the first slot that is none.
 */
export function decode(bytes: Uint8Array, options: DecodeOptions = {}): Insn[] {
  if (bytes.length % 8 !== 0) throw new SkepError(truncatedProgram(bytes.length));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = options.bigEndian !== true;
  const slots = bytes.length / 8;
  const insns: Insn[] = [];
  for (let slot = 0; slot < slots; ) {
    const insn = decodeSlot(view, slot, little);
    if (insn.kind === 'bad') throw new SkepError(insn.diagnostic);
    insns.push(insn);
    slot += insn.kind === 'ld_imm64' ? 2 : 1;
  }
  return insns;
}

/** The instruction that starts at a slot, or what is wrong with it. `slot` must lie within the bytes. */
export function decodeAt(bytes: Uint8Array, slot: number, options: DecodeOptions = {}): Insn | BadInsn {
  if (slot < 0 || slot * 8 + 8 > bytes.length) return bad(truncatedProgram(bytes.length));
  return decodeSlot(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), slot, options.bigEndian !== true);
}

const bad = (diagnostic: Diagnostic): BadInsn => ({ kind: 'bad', diagnostic });

function decodeSlot(view: DataView, slot: number, little: boolean): Insn | BadInsn {
  const at = slot * 8;
  const opcode = view.getUint8(at);
  const registers = view.getUint8(at + 1);
  const dst = little ? registers & 15 : registers >> 4;
  const src = little ? registers >> 4 : registers & 15;
  const off = view.getInt16(at + 2, little);
  const imm = view.getInt32(at + 4, little);
  if (dst >= REGISTERS) return bad(badRegister(slot, dst));
  if (src >= REGISTERS) return bad(badRegister(slot, src));
  switch (opcode & CLASS_MASK) {
    case CLASS.alu:
      return decodeAlu(slot, opcode, 32, dst, src, off, imm);
    case CLASS.alu64:
      return decodeAlu(slot, opcode, 64, dst, src, off, imm);
    case CLASS.jmp:
      return decodeJump(slot, opcode, 64, dst, src, off, imm);
    case CLASS.jmp32:
      return decodeJump(slot, opcode, 32, dst, src, off, imm);
    case CLASS.ld:
      return decodeLd(view, little, slot, opcode, dst, src, off, imm);
    case CLASS.ldx:
      return decodeLoad(slot, opcode, dst, src, off, imm);
    default:
      return decodeStore(slot, opcode, dst, src, off, imm);
  }
}

/** The tables of the instruction set turned round: by the upper four bits of the opcode. */
const ALU_BY_CODE: readonly (AluOp | undefined)[] = /* @__PURE__ */ byCode(ALU_OPS);
const JUMP_BY_CODE: readonly (JumpOp | undefined)[] = /* @__PURE__ */ byCode(JUMP_OPS);
const ATOMIC_BY_IMM: ReadonlyMap<number, Pick<Atomic, 'op' | 'fetch'>> = /* @__PURE__ */ atomics();
/** By the size bits of the opcode, shifted down. */
const SIZE_BY_CODE: readonly AccessSize[] = [4, 2, 1, 8];
const REG_OPERANDS: readonly Operand[] = /* @__PURE__ */ Array.from({ length: REGISTERS }, (_, number) => reg(number));
const ZERO: Operand = immediate(0);

function byCode<Name extends string>(table: Record<Name, { code: number; off?: number }>): (Name | undefined)[] {
  const found = new Array<Name | undefined>(16).fill(undefined);
  for (const name in table) if (!table[name].off) found[table[name].code >> 4] = name;
  return found;
}

function atomics(): ReadonlyMap<number, Pick<Atomic, 'op' | 'fetch'>> {
  const found = new Map<number, Pick<Atomic, 'op' | 'fetch'>>();
  for (const [name, { imm, fetch }] of Object.entries(ATOMIC_OPS)) {
    const op = name as Atomic['op'];
    if (fetch !== 'always') found.set(imm, { op, fetch: false });
    if (fetch !== 'never') found.set(imm | ATOMIC_FETCH, { op, fetch: true });
  }
  return found;
}

function decodeAlu(
  slot: number,
  opcode: number,
  width: Width,
  dst: number,
  src: number,
  off: number,
  imm: number,
): Insn | BadInsn {
  const fromRegister = (opcode & SOURCE_MASK) !== 0;
  const code = opcode & OP_MASK;
  if (code === ALU_END) {
    if (width === 64 && fromRegister) return bad(unknownOpcode(slot, opcode));
    if (src !== 0) return bad(reservedField(slot, 'a byte swap', 'src'));
    if (off !== 0) return bad(reservedField(slot, 'a byte swap', 'off'));
    if (imm !== 16 && imm !== 32 && imm !== 64) return bad(badFieldValue(slot, 'a byte swap', 'imm', imm));
    return { kind: 'endian', op: width === 64 ? 'bswap' : fromRegister ? 'be' : 'le', bits: imm, dst };
  }
  if (code === ALU_NEG) {
    if (fromRegister) return bad(unknownOpcode(slot, opcode));
    if (src !== 0) return bad(reservedField(slot, 'neg', 'src'));
    if (off !== 0) return bad(reservedField(slot, 'neg', 'off'));
    if (imm !== 0) return bad(reservedField(slot, 'neg', 'imm'));
    return { kind: 'alu', op: 'neg', width, dst, src: ZERO };
  }
  let op = ALU_BY_CODE[code >> 4];
  if (op === undefined) return bad(unknownOpcode(slot, opcode));
  if (off !== 0) {
    if (op === 'mov' && fromRegister) return decodeMove(slot, width, dst, src, off, imm);
    if (op !== 'div' && op !== 'mod') return bad(reservedField(slot, op, 'off'));
    if (off !== 1) return bad(badFieldValue(slot, op, 'off', off));
    op = op === 'div' ? 'sdiv' : 'smod';
  }
  if (fromRegister) {
    if (imm !== 0) return bad(reservedField(slot, `${op} of a register`, 'imm'));
    return { kind: 'alu', op, width, dst, src: REG_OPERANDS[src]! };
  }
  if (src !== 0) return bad(reservedField(slot, `${op} of an immediate`, 'src'));
  return { kind: 'alu', op, width, dst, src: immediate(imm) };
}

/** A move from register to register with `off`: it extends the sign, or casts between address spaces. */
function decodeMove(slot: number, width: Width, dst: number, src: number, off: number, imm: number): Insn | BadInsn {
  if (off === ADDR_SPACE_CAST && width === 64) {
    if (imm >>> 16 === (imm & 0xffff)) return bad(badFieldValue(slot, 'addr_space_cast', 'imm', imm));
    return { kind: 'addr_space_cast', dst, src, to: imm >>> 16, from: imm & 0xffff };
  }
  if (off !== 8 && off !== 16 && !(off === 32 && width === 64)) return bad(badFieldValue(slot, 'mov', 'off', off));
  if (imm !== 0) return bad(reservedField(slot, 'mov of a register', 'imm'));
  return { kind: 'movsx', width, bits: off, dst, src };
}

function decodeJump(
  slot: number,
  opcode: number,
  width: Width,
  dst: number,
  src: number,
  off: number,
  imm: number,
): Insn | BadInsn {
  const fromRegister = (opcode & SOURCE_MASK) !== 0;
  const code = opcode & OP_MASK;
  const op = JUMP_BY_CODE[code >> 4];
  if (op !== undefined) {
    if (fromRegister) {
      if (imm !== 0) return bad(reservedField(slot, 'a jump that compares registers', 'imm'));
      return { kind: 'jump', op, width, dst, src: REG_OPERANDS[src]!, off };
    }
    if (src !== 0) return bad(reservedField(slot, 'a jump that compares with an immediate', 'src'));
    return { kind: 'jump', op, width, dst, src: immediate(imm), off };
  }
  if (code === JUMP_CALL && width === 64) return decodeCall(slot, fromRegister, dst, src, off, imm);
  if (fromRegister) return bad(unknownOpcode(slot, opcode));
  if (code === JUMP_JA) {
    if (dst !== 0) return bad(reservedField(slot, 'goto', 'dst'));
    if (src !== 0) return bad(reservedField(slot, 'goto', 'src'));
    if (width === 64) {
      if (imm !== 0) return bad(reservedField(slot, 'goto', 'imm'));
      return { kind: 'goto', long: false, off };
    }
    if (off !== 0) return bad(reservedField(slot, 'gotol', 'off'));
    return { kind: 'goto', long: true, off: imm };
  }
  if (width === 32) return bad(unknownOpcode(slot, opcode));
  if (code === JUMP_EXIT) {
    if (dst !== 0) return bad(reservedField(slot, 'exit', 'dst'));
    if (src !== 0) return bad(reservedField(slot, 'exit', 'src'));
    if (off !== 0) return bad(reservedField(slot, 'exit', 'off'));
    if (imm !== 0) return bad(reservedField(slot, 'exit', 'imm'));
    return { kind: 'exit' };
  }
  if (code === JUMP_JCOND) {
    if (dst !== 0) return bad(reservedField(slot, 'may_goto', 'dst'));
    if (src !== 0) return bad(badFieldValue(slot, 'a pseudo jump', 'src', src));
    if (imm !== 0) return bad(reservedField(slot, 'may_goto', 'imm'));
    return { kind: 'may_goto', off };
  }
  return bad(unknownOpcode(slot, opcode));
}

function decodeCall(
  slot: number,
  byRegister: boolean,
  dst: number,
  src: number,
  off: number,
  imm: number,
): Insn | BadInsn {
  if (byRegister) {
    if (src !== 0) return bad(reservedField(slot, 'callx', 'src'));
    if (off !== 0) return bad(reservedField(slot, 'callx', 'off'));
    if (imm !== 0) return bad(reservedField(slot, 'callx', 'imm'));
    return { kind: 'call', target: { kind: 'reg', reg: dst } };
  }
  if (dst !== 0) return bad(reservedField(slot, 'call', 'dst'));
  if (src === PSEUDO_CALL.kfunc) return { kind: 'call', target: { kind: 'kfunc', btfId: imm, module: off } };
  if (off !== 0) return bad(reservedField(slot, 'call', 'off'));
  if (src === PSEUDO_CALL.local) return { kind: 'call', target: { kind: 'local', off: imm } };
  if (src === PSEUDO_CALL.helper) return { kind: 'call', target: { kind: 'helper', id: imm } };
  return bad(badFieldValue(slot, 'call', 'src', src));
}

function decodeLd(
  view: DataView,
  little: boolean,
  slot: number,
  opcode: number,
  dst: number,
  src: number,
  off: number,
  imm: number,
): Insn | BadInsn {
  const mode = opcode & MODE_MASK;
  const size = SIZE_BY_CODE[(opcode & SIZE_MASK) >> 3]!;
  if (mode === MODE.abs || mode === MODE.ind) {
    if (size === 8) return bad(unknownOpcode(slot, opcode));
    if (dst !== 0) return bad(reservedField(slot, 'a packet load', 'dst'));
    if (off !== 0) return bad(reservedField(slot, 'a packet load', 'off'));
    if (mode === MODE.ind) return { kind: 'ld_packet', size, index: src, imm };
    if (src !== 0) return bad(reservedField(slot, 'an absolute packet load', 'src'));
    return { kind: 'ld_packet', size, index: undefined, imm };
  }
  if (mode !== MODE.imm || size !== 8) return bad(unknownOpcode(slot, opcode));
  if (off !== 0) return bad(reservedField(slot, 'a 64-bit immediate', 'off'));
  const second = (slot + 1) * 8;
  if (second + 8 > view.byteLength) return bad(incompleteImm64(slot));
  if (view.getUint32(second, little) !== 0) return bad(badImm64Half(slot + 1));
  const high = view.getInt32(second + 4, little);
  const what = decodeImm64(src, imm, high);
  if (what === undefined) {
    if (src > PSEUDO_IMM64.map_idx_value) return bad(badFieldValue(slot, 'a 64-bit immediate', 'src', src));
    return bad(reservedField(slot + 1, 'this kind of 64-bit immediate', 'the second imm'));
  }
  return { kind: 'ld_imm64', dst, imm: what };
}

function decodeImm64(src: number, low: number, high: number): Imm64 | undefined {
  switch (src) {
    case PSEUDO_IMM64.value:
      return { kind: 'value', value: (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0) };
    case PSEUDO_IMM64.map_fd:
      return high === 0 ? { kind: 'map_fd', fd: low } : undefined;
    case PSEUDO_IMM64.map_value:
      return { kind: 'map_value', fd: low, offset: high };
    case PSEUDO_IMM64.btf_id:
      return { kind: 'btf_id', id: low, module: high };
    case PSEUDO_IMM64.func:
      return high === 0 ? { kind: 'func', offset: low } : undefined;
    case PSEUDO_IMM64.map_idx:
      return high === 0 ? { kind: 'map_idx', index: low } : undefined;
    case PSEUDO_IMM64.map_idx_value:
      return { kind: 'map_idx_value', index: low, offset: high };
    default:
      return undefined;
  }
}

function decodeLoad(slot: number, opcode: number, dst: number, src: number, off: number, imm: number): Insn | BadInsn {
  const mode = opcode & MODE_MASK;
  const size = SIZE_BY_CODE[(opcode & SIZE_MASK) >> 3]!;
  const signed = mode === MODE.memsx;
  if (mode !== MODE.mem && !(signed && size !== 8)) return bad(unknownOpcode(slot, opcode));
  if (imm !== 0) return bad(reservedField(slot, 'a load', 'imm'));
  return { kind: 'load', size, signed, dst, src, off };
}

function decodeStore(slot: number, opcode: number, dst: number, src: number, off: number, imm: number): Insn | BadInsn {
  const mode = opcode & MODE_MASK;
  const size = SIZE_BY_CODE[(opcode & SIZE_MASK) >> 3]!;
  const ofRegister = (opcode & CLASS_MASK) === CLASS.stx;
  if (mode === MODE.mem) {
    if (ofRegister) {
      if (imm !== 0) return bad(reservedField(slot, 'a store of a register', 'imm'));
      return { kind: 'store', size, dst, off, src: REG_OPERANDS[src]! };
    }
    if (src !== 0) return bad(reservedField(slot, 'a store of an immediate', 'src'));
    return { kind: 'store', size, dst, off, src: immediate(imm) };
  }
  if (mode !== MODE.atomic || !ofRegister) return bad(unknownOpcode(slot, opcode));
  const atomic = ATOMIC_BY_IMM.get(imm);
  if (atomic === undefined) return bad(badFieldValue(slot, 'an atomic operation', 'imm', imm));
  if (size < 4 && atomic.op !== 'load_acq' && atomic.op !== 'store_rel') return bad(unknownOpcode(slot, opcode));
  return { kind: 'atomic', op: atomic.op, fetch: atomic.fetch, size, dst, off, src };
}
