/**
 * The encoding of eBPF instructions (RFC 9669, and `linux/bpf.h` where Linux goes further) as tables: encoder, decoder,
 * printer and assembler derive from them. An opcode byte is class | source | operation for arithmetic and jumps, and
 * class | size | mode for loads and stores.
 */
export const CLASS = {
  ld: 0x00,
  ldx: 0x01,
  st: 0x02,
  stx: 0x03,
  alu: 0x04,
  jmp: 0x05,
  jmp32: 0x06,
  alu64: 0x07,
} as const;
export const CLASS_MASK = 0x07;

export const SOURCE = { imm: 0x00, reg: 0x08 } as const;
export const SOURCE_MASK = 0x08;

export const OP_MASK = 0xf0;

export interface AluOpcode {
  readonly code: number;
  /** `off` of the instruction: 1 makes division and remainder signed (cpu v4). */
  readonly off: 0 | 1;
  /** As the kernel prints it: `r1 += r2`. */
  readonly symbol: string;
}

/** Two-operand arithmetic. Signed division and remainder are told from unsigned ones by `off`. */
export const ALU_OPS = {
  add: { code: 0x00, off: 0, symbol: '+=' },
  sub: { code: 0x10, off: 0, symbol: '-=' },
  mul: { code: 0x20, off: 0, symbol: '*=' },
  div: { code: 0x30, off: 0, symbol: '/=' },
  sdiv: { code: 0x30, off: 1, symbol: 's/=' },
  or: { code: 0x40, off: 0, symbol: '|=' },
  and: { code: 0x50, off: 0, symbol: '&=' },
  lsh: { code: 0x60, off: 0, symbol: '<<=' },
  rsh: { code: 0x70, off: 0, symbol: '>>=' },
  mod: { code: 0x90, off: 0, symbol: '%=' },
  smod: { code: 0x90, off: 1, symbol: 's%=' },
  xor: { code: 0xa0, off: 0, symbol: '^=' },
  mov: { code: 0xb0, off: 0, symbol: '=' },
  arsh: { code: 0xc0, off: 0, symbol: 's>>=' },
} as const satisfies Record<string, AluOpcode>;

export const ALU_NEG = 0x80;
/** Byte swaps: of class alu with the source bit for little or big endian; of class alu64 an unconditional swap. */
export const ALU_END = 0xd0;
export const ALU_MOV = 0xb0;
/** `off` of `mov64` that casts an arena pointer; `imm` is the new address space << 16 | the old one. */
export const ADDR_SPACE_CAST = 1;

/** Conditional jumps. */
export const JUMP_OPS = {
  eq: { code: 0x10, symbol: '==' },
  gt: { code: 0x20, symbol: '>' },
  ge: { code: 0x30, symbol: '>=' },
  set: { code: 0x40, symbol: '&' },
  ne: { code: 0x50, symbol: '!=' },
  sgt: { code: 0x60, symbol: 's>' },
  sge: { code: 0x70, symbol: 's>=' },
  lt: { code: 0xa0, symbol: '<' },
  le: { code: 0xb0, symbol: '<=' },
  slt: { code: 0xc0, symbol: 's<' },
  sle: { code: 0xd0, symbol: 's<=' },
} as const satisfies Record<string, { code: number; symbol: string }>;

/** Of class jmp a jump by `off`, of class jmp32 by `imm` (`gotol`, cpu v4). */
export const JUMP_JA = 0x00;
export const JUMP_CALL = 0x80;
export const JUMP_EXIT = 0x90;
/** Pseudo jump of class jmp with source 0: `may_goto` (Linux 6.9). */
export const JUMP_JCOND = 0xe0;

export const SIZE = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 } as const;
export const SIZE_MASK = 0x18;
export const MODE = { imm: 0x00, abs: 0x20, ind: 0x40, mem: 0x60, memsx: 0x80, atomic: 0xc0 } as const;
export const MODE_MASK = 0xe0;

export interface AtomicOpcode {
  /** `imm` of the instruction, without {@link ATOMIC_FETCH}. */
  readonly imm: number;
  /** `always`: the instruction exists only with the fetch bit; `never`: only without. */
  readonly fetch: 'may' | 'always' | 'never';
  /** As the kernel prints it: an operator, or the middle of the name of a function. */
  readonly symbol: string;
}

/** Class stx, mode atomic. The last two are cpu v4 (Linux 6.15). */
export const ATOMIC_OPS = {
  add: { imm: 0x00, fetch: 'may', symbol: '+=' },
  or: { imm: 0x40, fetch: 'may', symbol: '|=' },
  and: { imm: 0x50, fetch: 'may', symbol: '&=' },
  xor: { imm: 0xa0, fetch: 'may', symbol: '^=' },
  xchg: { imm: 0xe0, fetch: 'always', symbol: 'xchg' },
  cmpxchg: { imm: 0xf0, fetch: 'always', symbol: 'cmpxchg' },
  load_acq: { imm: 0x100, fetch: 'never', symbol: 'load_acquire' },
  store_rel: { imm: 0x110, fetch: 'never', symbol: 'store_release' },
} as const satisfies Record<string, AtomicOpcode>;
export const ATOMIC_FETCH = 0x01;

/** `src_reg` of a 64-bit immediate load: what its immediates stand for. */
export const PSEUDO_IMM64 = {
  value: 0,
  map_fd: 1,
  map_value: 2,
  btf_id: 3,
  func: 4,
  map_idx: 5,
  map_idx_value: 6,
} as const;

/** `src_reg` of a call. */
export const PSEUDO_CALL = { helper: 0, local: 1, kfunc: 2 } as const;

export const REGISTERS = 11;
export const FRAME_POINTER = 10;

/** What the kernel allows a program, `include/linux/bpf.h`, `filter.h` and `bpf_verifier.h`. */
export const LIMITS = {
  /** Bytes of stack a frame, and over all frames of a call chain; of those above a function that makes tail calls. */
  stack: 512,
  stackAboveTailCalls: 256,
  /** Frames. */
  callDepth: 8,
  tailCalls: 33,
  /** Functions of one program, the first included. */
  subprograms: 256,
  /** Instructions of one program, for users with CAP_BPF and without. */
  instructions: 1_000_000,
  instructionsUnprivileged: 4096,
  /** Instructions that the verifier walks before it gives up. */
  complexity: 1_000_000,
  /** Bytes of the names of maps and programs, with the NUL. */
  objectName: 16,
  mapsOfProgram: 64,
} as const;
