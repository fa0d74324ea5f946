import {
  ADDR_SPACE_CAST,
  ALU_END,
  ALU_MOV,
  ALU_NEG,
  ALU_OPS,
  ATOMIC_FETCH,
  ATOMIC_OPS,
  CLASS,
  JUMP_CALL,
  JUMP_EXIT,
  JUMP_JA,
  JUMP_JCOND,
  JUMP_OPS,
  MODE,
  PSEUDO_CALL,
  PSEUDO_IMM64,
  REGISTERS,
  SIZE,
  SOURCE,
} from '@skep/abi';
import type { Call, Imm64, Insn, Operand } from './model.ts';

/** How bytes are written. */
export interface EncodeOptions {
  readonly bigEndian?: boolean;
}

/**
 * Instructions as bytes. The instructions come from our own stages, so what no encoding can hold (an offset beyond 16
 * bits, r11) is a programmer's error and throws a plain Error.
 */
export function encode(insns: readonly Insn[], options: EncodeOptions = {}): Uint8Array {
  let slots = insns.length;
  for (const insn of insns) if (insn.kind === 'ld_imm64') slots++;
  const writer = new SlotWriter(slots, options.bigEndian !== true);
  for (const insn of insns) encodeInsn(writer, insn);
  return writer.bytes;
}

class SlotWriter {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly little: boolean;
  private at = 0;

  constructor(slots: number, little: boolean) {
    this.bytes = new Uint8Array(slots * 8);
    this.view = new DataView(this.bytes.buffer);
    this.little = little;
  }

  slot(opcode: number, dst: number, src: number, off: number, imm: number): this {
    if (!(dst >= 0 && dst < REGISTERS && src >= 0 && src < REGISTERS))
      throw new Error(`no register r${dst} or r${src}`);
    if ((off << 16) >> 16 !== off) throw new Error(`offset ${off} does not fit 16 bits`);
    if ((imm | 0) !== imm) throw new Error(`immediate ${imm} does not fit 32 bits`);
    const { view, at, little } = this;
    view.setUint8(at, opcode);
    view.setUint8(at + 1, little ? dst | (src << 4) : src | (dst << 4));
    view.setInt16(at + 2, off, little);
    view.setInt32(at + 4, imm, little);
    this.at = at + 8;
    return this;
  }
}

function encodeInsn(out: SlotWriter, insn: Insn): SlotWriter {
  switch (insn.kind) {
    case 'alu': {
      const cls = insn.width === 64 ? CLASS.alu64 : CLASS.alu;
      if (insn.op === 'neg') return out.slot(cls | ALU_NEG, insn.dst, 0, 0, 0);
      const { code, off } = ALU_OPS[insn.op];
      return withOperand(out, cls | code, insn.dst, insn.src, off);
    }
    case 'movsx':
      if (insn.bits === 32 && insn.width === 32) throw new Error('a 32-bit move cannot extend 32 bits');
      return out.slot(
        (insn.width === 64 ? CLASS.alu64 : CLASS.alu) | ALU_MOV | SOURCE.reg,
        insn.dst,
        insn.src,
        insn.bits,
        0,
      );
    case 'endian': {
      const opcode =
        insn.op === 'bswap'
          ? CLASS.alu64 | ALU_END
          : CLASS.alu | ALU_END | (insn.op === 'be' ? SOURCE.reg : SOURCE.imm);
      return out.slot(opcode, insn.dst, 0, 0, insn.bits);
    }
    case 'addr_space_cast':
      return out.slot(
        CLASS.alu64 | ALU_MOV | SOURCE.reg,
        insn.dst,
        insn.src,
        ADDR_SPACE_CAST,
        (insn.to << 16) | insn.from,
      );
    case 'load':
      return out.slot(
        CLASS.ldx | SIZE[insn.size] | (insn.signed ? MODE.memsx : MODE.mem),
        insn.dst,
        insn.src,
        insn.off,
        0,
      );
    case 'store': {
      const { src } = insn;
      if (src.kind === 'imm') return out.slot(CLASS.st | SIZE[insn.size] | MODE.mem, insn.dst, 0, insn.off, src.imm);
      return out.slot(CLASS.stx | SIZE[insn.size] | MODE.mem, insn.dst, src.reg, insn.off, 0);
    }
    case 'atomic': {
      const imm = ATOMIC_OPS[insn.op].imm | (insn.fetch ? ATOMIC_FETCH : 0);
      return out.slot(CLASS.stx | SIZE[insn.size] | MODE.atomic, insn.dst, insn.src, insn.off, imm);
    }
    case 'ld_imm64': {
      const [low, high] = halvesOf(insn.imm);
      out.slot(CLASS.ld | SIZE[8] | MODE.imm, insn.dst, PSEUDO_IMM64[insn.imm.kind], 0, low);
      return out.slot(0, 0, 0, 0, high);
    }
    case 'ld_packet':
      if (insn.index === undefined) return out.slot(CLASS.ld | SIZE[insn.size] | MODE.abs, 0, 0, 0, insn.imm);
      return out.slot(CLASS.ld | SIZE[insn.size] | MODE.ind, 0, insn.index, 0, insn.imm);
    case 'jump': {
      const opcode = (insn.width === 64 ? CLASS.jmp : CLASS.jmp32) | JUMP_OPS[insn.op].code;
      return withOperand(out, opcode, insn.dst, insn.src, insn.off);
    }
    case 'goto':
      if (insn.long) return out.slot(CLASS.jmp32 | JUMP_JA, 0, 0, 0, insn.off);
      return out.slot(CLASS.jmp | JUMP_JA, 0, 0, insn.off, 0);
    case 'may_goto':
      return out.slot(CLASS.jmp | JUMP_JCOND, 0, 0, insn.off, 0);
    case 'call':
      return encodeCall(out, insn.target);
    case 'exit':
      return out.slot(CLASS.jmp | JUMP_EXIT, 0, 0, 0, 0);
  }
}

function encodeCall(out: SlotWriter, target: Call['target']): SlotWriter {
  const opcode = CLASS.jmp | JUMP_CALL;
  switch (target.kind) {
    case 'helper':
      return out.slot(opcode, 0, PSEUDO_CALL.helper, 0, target.id);
    case 'local':
      return out.slot(opcode, 0, PSEUDO_CALL.local, 0, target.off);
    case 'kfunc':
      return out.slot(opcode, 0, PSEUDO_CALL.kfunc, target.module, target.btfId);
    case 'reg':
      return out.slot(opcode | SOURCE.reg, target.reg, 0, 0, 0);
  }
}

function withOperand(out: SlotWriter, opcode: number, dst: number, operand: Operand, off: number): SlotWriter {
  if (operand.kind === 'imm') return out.slot(opcode | SOURCE.imm, dst, 0, off, operand.imm);
  return out.slot(opcode | SOURCE.reg, dst, operand.reg, off, 0);
}

function halvesOf(imm: Imm64): readonly [number, number] {
  switch (imm.kind) {
    case 'value':
      return [Number(BigInt.asIntN(32, imm.value)), Number(BigInt.asIntN(32, imm.value >> 32n))];
    case 'map_fd':
      return [imm.fd, 0];
    case 'map_value':
      return [imm.fd, imm.offset];
    case 'btf_id':
      return [imm.id, imm.module];
    case 'func':
      return [imm.offset, 0];
    case 'map_idx':
      return [imm.index, 0];
    case 'map_idx_value':
      return [imm.index, imm.offset];
  }
}
