/**
 * One eBPF instruction as data (RFC 9669). `off` of jumps counts 8-byte slots from the next instruction, as in the
 * encoding; {@link LoadImm64} fills two slots. Immediates are signed 32-bit numbers; 64-bit ones are bigint, unsigned.
 */
export type Insn =
  | Alu
  | MoveSignExtend
  | ByteSwap
  | AddrSpaceCast
  | Load
  | Store
  | Atomic
  | LoadImm64
  | LoadPacket
  | Jump
  | Goto
  | MayGoto
  | Call
  | Exit;

/** r0 … r10. */
export type Reg = number;
export type Width = 32 | 64;
/** Bytes. */
export type AccessSize = 1 | 2 | 4 | 8;

export type Operand = { readonly kind: 'reg'; readonly reg: Reg } | { readonly kind: 'imm'; readonly imm: number };

export type AluOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'sdiv'
  | 'mod'
  | 'smod'
  | 'or'
  | 'and'
  | 'xor'
  | 'lsh'
  | 'rsh'
  | 'arsh'
  | 'mov';

export interface Alu {
  readonly kind: 'alu';
  readonly op: AluOp | 'neg';
  readonly width: Width;
  readonly dst: Reg;
  /** `neg` has `{kind:'imm', imm:0}`. */
  readonly src: Operand;
}

/** `r1 = (s8)r2`, cpu v4. */
export interface MoveSignExtend {
  readonly kind: 'movsx';
  readonly width: Width;
  readonly bits: 8 | 16 | 32;
  readonly dst: Reg;
  readonly src: Reg;
}

/** `r1 = be16 r1`, `r1 = le32 r1`, `r1 = bswap64 r1` (cpu v4). */
export interface ByteSwap {
  readonly kind: 'endian';
  readonly op: 'le' | 'be' | 'bswap';
  readonly bits: 16 | 32 | 64;
  readonly dst: Reg;
}

/** `r1 = addr_space_cast(r2, 0, 1)`: arena pointers. */
export interface AddrSpaceCast {
  readonly kind: 'addr_space_cast';
  readonly dst: Reg;
  readonly src: Reg;
  readonly to: number;
  readonly from: number;
}

export interface Load {
  readonly kind: 'load';
  readonly size: AccessSize;
  /** Sign-extending loads are cpu v4. */
  readonly signed: boolean;
  readonly dst: Reg;
  readonly src: Reg;
  readonly off: number;
}

export interface Store {
  readonly kind: 'store';
  readonly size: AccessSize;
  readonly dst: Reg;
  readonly off: number;
  readonly src: Operand;
}

export interface Atomic {
  readonly kind: 'atomic';
  readonly op: 'add' | 'or' | 'and' | 'xor' | 'xchg' | 'cmpxchg' | 'load_acq' | 'store_rel';
  /** The old value goes to `src` (to r0 for cmpxchg); always true for xchg and cmpxchg, false for load_acq, store_rel. */
  readonly fetch: boolean;
  /** 4 or 8; load_acq and store_rel also 1 and 2. */
  readonly size: AccessSize;
  /** The address, except for load_acq, where it is the destination and `src` the address. */
  readonly dst: Reg;
  readonly off: number;
  readonly src: Reg;
}

/** What a 64-bit immediate stands for; numbers are those of `src_reg` (`BPF_PSEUDO_MAP_FD` …). */
export type Imm64 =
  | { readonly kind: 'value'; readonly value: bigint }
  | { readonly kind: 'map_fd'; readonly fd: number }
  | { readonly kind: 'map_value'; readonly fd: number; readonly offset: number }
  | { readonly kind: 'btf_id'; readonly id: number; readonly module: number }
  | { readonly kind: 'func'; readonly offset: number }
  | { readonly kind: 'map_idx'; readonly index: number }
  | { readonly kind: 'map_idx_value'; readonly index: number; readonly offset: number };

export interface LoadImm64 {
  readonly kind: 'ld_imm64';
  readonly dst: Reg;
  readonly imm: Imm64;
}

/** Legacy packet loads, `r0 = *(u16 *)skb[12]`, `r0 = *(u8 *)skb[r7 + 3]`. */
export interface LoadPacket {
  readonly kind: 'ld_packet';
  readonly size: 1 | 2 | 4;
  readonly index: Reg | undefined;
  readonly imm: number;
}

export type JumpOp = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le' | 'set' | 'sgt' | 'sge' | 'slt' | 'sle';

export interface Jump {
  readonly kind: 'jump';
  readonly op: JumpOp;
  readonly width: Width;
  readonly dst: Reg;
  readonly src: Operand;
  readonly off: number;
}

export interface Goto {
  readonly kind: 'goto';
  /** `gotol` (cpu v4): a 32-bit offset. */
  readonly long: boolean;
  readonly off: number;
}

export interface MayGoto {
  readonly kind: 'may_goto';
  readonly off: number;
}

export interface Call {
  readonly kind: 'call';
  readonly target:
    | { readonly kind: 'helper'; readonly id: number }
    /** Slots from the next instruction to the subprogram. */
    | { readonly kind: 'local'; readonly off: number }
    | { readonly kind: 'kfunc'; readonly btfId: number; readonly module: number }
    /** `callx`: no kernel takes it, the instruction set has it. */
    | { readonly kind: 'reg'; readonly reg: Reg };
}

export interface Exit {
  readonly kind: 'exit';
}

/** How many 8-byte slots the instruction fills. */
export function slotsOf(insn: Insn): 1 | 2 {
  return insn.kind === 'ld_imm64' ? 2 : 1;
}

export const reg = (number: Reg): Operand => ({ kind: 'reg', reg: number });
export const imm = (value: number): Operand => ({ kind: 'imm', imm: value | 0 });
