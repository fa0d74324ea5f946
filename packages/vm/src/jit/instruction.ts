/** The parts of an instruction (RFC 9669, section 3): two words a slot, the second of which is the immediate. */
export interface Instruction {
  readonly op: number;
  readonly d: number;
  readonly s: number;
  readonly off: number;
  readonly imm: number;
}

export function instructionAt(code: Int32Array, slot: number): Instruction {
  const word = code[2 * slot]!;
  return {
    op: word & 0xff,
    d: (word >>> 8) & 15,
    s: (word >>> 12) & 15,
    off: word >> 16,
    imm: code[2 * slot + 1]!,
  };
}

/** Bytes of an access, by the size bits of the opcode. */
export const SIZES: readonly number[] = [4, 2, 1, 8];
