import type { Span } from '@skep/base';
import type { BtfBuilder, BtfId, CoreKind } from '@skep/object';

/**
 * The intermediate representation that all languages meet in: SSA with block parameters instead of phi nodes, typed,
 * close to the machine. Aggregates live in memory (`alloca`); promotion turns what it can into values. Values are
 * referenced by identity. Passes mutate functions in place; `print.ts` and `parse.ts` are its text form.
 *
 * What back end and verifiers need, and no pass may break:
 * - a context field's address is never a value of its own (no block parameter, no select of `ptradd` on a context);
 *   the constant offset stays in the load;
 * - loads and stores keep the size the source wrote; none is widened, split or merged;
 * - a comparison is not moved to a copy of the value it bounds, and two compares are not fused into arithmetic.
 */
export interface Module {
  readonly name: string;
  readonly functions: Func[];
  readonly globals: Global[];
  /** Types of everything, as BTF; the back end adds functions, variables and data sections. */
  readonly types: BtfBuilder;
}

export type IrType = 'void' | 'i1' | 'i8' | 'i16' | 'i32' | 'i64' | 'ptr';
/** Types that a value in a register can have. */
export type ScalarType = Exclude<IrType, 'void'>;

export type Linkage = 'global' | 'static' | 'weak' | 'extern';

/** A function; `extern` ones (kfuncs) have no blocks. */
export interface Func {
  readonly kind: 'func';
  readonly name: string;
  linkage: Linkage;
  readonly hidden: boolean;
  /** `__attribute__((used))`: stays though nobody calls it. */
  readonly used?: boolean;
  /** `SEC("…")`: an entry program; undefined for subprograms, which go to `.text`, and for externs outside `.ksyms`. */
  readonly section: string | undefined;
  readonly inline: 'always' | 'never' | 'auto';
  /** The body is inline assembly alone, without anything before or behind it. */
  readonly naked?: boolean | undefined;
  readonly params: Param[];
  /** The names of the parameters, for BTF. */
  readonly result: IrType;
  /** The BTF `func_proto`. */
  readonly type: BtfId;
  /** `btf_decl_tag`s, `component` -1 for the function itself. */
  readonly declTags: readonly { readonly component: number; readonly value: string }[];
  /** blocks[0] is the entry; it has no parameters and no predecessors. */
  blocks: Block[];
  readonly span: Span | undefined;
}

export interface Global {
  readonly kind: 'global';
  readonly name: string;
  linkage: Linkage;
  readonly hidden: boolean;
  /** `.maps`, `license`, `.rodata`, `.data`, `.bss`, `.rodata.str1.1`, `.kconfig`, `.ksyms`, or as `SEC` says. */
  readonly section: string;
  readonly size: number;
  readonly align: number;
  /** Undefined for `.bss` and externs: zeros. */
  readonly init: Uint8Array | undefined;
  /** Addresses inside {@link init}. */
  readonly relocations: readonly { readonly offset: number; readonly target: Global | Func; readonly addend: number }[];
  /** 0 when it has no BTF (string literals). */
  readonly type: BtfId;
  readonly declTags: readonly { readonly component: number; readonly value: string }[];
  /** `__attribute__((used))`: stays though no code refers to it. */
  readonly used?: boolean;
  /** Nobody writes it (const, or seen never to be written): loads of it may be folded, unless `volatile`. */
  readonly constant: boolean;
  readonly span: Span | undefined;
}

export interface Block {
  readonly params: Param[];
  insts: Inst[];
  term: Terminator;
}

/** What an operand may be. */
export type Value = Const | Undef | Global | Func | Param | Inst;

/** Normalised to the signed value of its width; `i1` is 0n or 1n; `ptr` is a plain address, 0n being NULL. */
export interface Const {
  readonly kind: 'const';
  readonly type: ScalarType;
  readonly value: bigint;
}
export interface Undef {
  readonly kind: 'undef';
  readonly type: ScalarType;
}
/** A parameter of a function or of a block. */
export interface Param {
  readonly kind: 'param';
  readonly type: ScalarType;
  readonly name: string | undefined;
  /**
   * What a function's pointer parameter is known to point to. `context` for the first parameter of an entry program.
   */
  readonly origin?: 'context' | undefined;
}

export type Inst =
  | BinaryInst
  | CompareInst
  | CastInst
  | SelectInst
  | ByteSwapInst
  | KnownInst
  | AllocaInst
  | PtrAddInst
  | LoadInst
  | StoreInst
  | AtomicInst
  | MemCopyInst
  | MemSetInst
  | CallInst
  | CoreInst
  | BarrierInst
  | AsmInst
  | AsmResultInst
  | NoteInst;

interface InstBase {
  /** `void` when it makes no value. */
  readonly type: IrType;
  span: Span | undefined;
}

export type BinaryOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'udiv'
  | 'sdiv'
  | 'urem'
  | 'srem'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'lshr'
  | 'ashr';
/** Integers of one type, wrapping; shift counts past the width and division by zero are the machine's, not undefined. */
export interface BinaryInst extends InstBase {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  a: Value;
  b: Value;
}

export type CompareOp = 'eq' | 'ne' | 'ult' | 'ule' | 'ugt' | 'uge' | 'slt' | 'sle' | 'sgt' | 'sge';
/** Integers or pointers of one type; makes an `i1`. */
export interface CompareInst extends InstBase {
  readonly kind: 'compare';
  readonly op: CompareOp;
  a: Value;
  b: Value;
}

/**
 * `zext` also widens `i1`; `ptrtoint` and `inttoptr` are between `ptr` and `i64` and cost nothing. `cast_kern` makes an
 * address that programs can access of one in an arena, as user space has it; `cast_user` the other way.
 */
export interface CastInst extends InstBase {
  readonly kind: 'cast';
  readonly op: 'trunc' | 'zext' | 'sext' | 'ptrtoint' | 'inttoptr' | 'cast_kern' | 'cast_user';
  value: Value;
}

/** Made by no front end; the back end turns it into a branch. */
export interface SelectInst extends InstBase {
  readonly kind: 'select';
  condition: Value;
  a: Value;
  b: Value;
}

/** Reverses the bytes of an i16, i32 or i64. */
export interface ByteSwapInst extends InstBase {
  readonly kind: 'bswap';
  value: Value;
}

/** `__builtin_constant_p`: whether the value is a number before the program runs. Decided by the optimiser, at the latest when it is done. */
export interface KnownInst extends InstBase {
  readonly kind: 'known';
  value: Value;
}

/** Stack memory, alive for the whole function; only in the entry block. Makes a `ptr`. */
export interface AllocaInst extends InstBase {
  readonly kind: 'alloca';
  readonly size: number;
  readonly align: number;
  readonly name: string | undefined;
  /** What of the source lies there, where somebody wants to know. */
  readonly variable?: Variable | undefined;
}

/** `base + offset` bytes; `offset` is an i64. Makes a `ptr`. */
export interface PtrAddInst extends InstBase {
  readonly kind: 'ptradd';
  base: Value;
  offset: Value;
}

export interface LoadInst extends InstBase {
  readonly kind: 'load';
  address: Value;
  /** Bytes, constant, in addition to the address. */
  offset: number;
  readonly align: number;
  readonly volatile: boolean;
  /** What is there has the type of the value: no member of a union, no part of something else. Not in the text form. */
  readonly typed?: boolean | undefined;
}

export interface StoreInst extends InstBase {
  readonly kind: 'store';
  address: Value;
  offset: number;
  value: Value;
  readonly align: number;
  readonly volatile: boolean;
  /** As in {@link LoadInst}. */
  readonly typed?: boolean | undefined;
}

/** `type` is void unless `fetch`; `cmpxchg` compares with `expected` and always fetches. i32 or i64. */
export interface AtomicInst extends InstBase {
  readonly kind: 'atomic';
  readonly op: 'add' | 'or' | 'and' | 'xor' | 'xchg' | 'cmpxchg';
  readonly fetch: boolean;
  readonly width: 32 | 64;
  address: Value;
  value: Value;
  expected: Value | undefined;
}

/** The areas do not overlap (memmove of constant size loads everything first: `overlap`). */
export interface MemCopyInst extends InstBase {
  readonly kind: 'memcpy';
  target: Value;
  source: Value;
  readonly size: number;
  readonly align: number;
  readonly overlap: boolean;
  readonly volatile: boolean;
}

export interface MemSetInst extends InstBase {
  readonly kind: 'memset';
  target: Value;
  /** An i8. */
  value: Value;
  readonly size: number;
  readonly align: number;
}

export interface CallInst extends InstBase {
  readonly kind: 'call';
  callee: Callee;
  /** At most five once inlining is done. */
  args: Value[];
}
export type Callee =
  | { readonly kind: 'helper'; readonly id: number; readonly name: string }
  | { readonly kind: 'func'; readonly func: Func }
  /** Through a pointer; must be folded to a helper or function before the back end, which refuses it by name. */
  | { readonly kind: 'pointer'; readonly pointer: Value };

/**
 * A number that the loader fills in (CO-RE): `value` is what it is for the types the program was compiled with.
 * i64; `enumval_value` too. A `ptradd` of `field_byte_offset` folds into the offset of the load that uses it.
 */
export interface CoreInst extends InstBase {
  readonly kind: 'core';
  readonly relocation: CoreKind;
  readonly root: BtfId;
  readonly access: string;
  readonly value: bigint;
}

/** `asm volatile("" : "+r"(x))`: the same value, of which nothing is known. With no value: nothing moves across. */
export interface BarrierInst extends InstBase {
  readonly kind: 'barrier';
  value: Value | undefined;
}

/**
 * Inline assembly with instructions, which nobody looks into before registers are known. Its value is its first result
 * (`type` is void when it has none), all as whole registers: i64.
 */
export interface AsmInst extends InstBase {
  readonly kind: 'asm';
  /** With `%0`, `%[name]`, `%w0`, `%l[label]`, as the source wrote it. */
  readonly template: string;
  /** In the order of the numbers. */
  readonly operands: readonly AsmOperand[];
  /** Registers that it overwrites. */
  readonly clobbers: readonly number[];
  /** The names behind `goto` labels' numbers, which follow those of the operands. */
  readonly labels: readonly string[];
  /** Functions and variables that the template itself names. */
  readonly names: readonly string[];
  /** The operands' values, then what {@link names} name. */
  inputs: Value[];
}
export interface AsmOperand {
  readonly name: string | undefined;
  /**
   * `memory`: the input is an address, the operand what lies there. `any`: a number where it is one, else a register.
   * `r0` …: that very register, even where the assembly destroys it.
   */
  readonly place: 'register' | 'immediate' | 'any' | 'memory' | `r${number}`;
  /** The input was a number of at most 32 bits: as a number in the text it has its sign. Not in the text form. */
  readonly narrow?: boolean | undefined;
  /** Its index in `inputs`; undefined for what is only written. */
  readonly input: number | undefined;
  /** Its index among the results. */
  readonly result: number | undefined;
  /** Written before all inputs are read (`&`). */
  readonly early: boolean;
}
/** A further result of inline assembly; the first one is the value of `asm` itself. */
export interface AsmResultInst extends InstBase {
  readonly kind: 'asm-result';
  asm: Value;
  readonly index: number;
}

/** A variable of the source, or a member or element of one. One object each, which copies of its code share. */
export interface Variable {
  readonly name: string;
  /** C text. */
  readonly type: string;
  readonly declaration: Span | undefined;
  /** What lies at so many bytes and has this size; undefined where that is nothing with a name. */
  part(offset: number, size: number): Variable | undefined;
}

/**
 * From here on `variable` is `value`; undefined says that the value is nowhere. Only made when variables are asked for,
 * and no use of the value: it keeps nothing alive, and no pass may decide anything by it.
 */
export interface NoteInst extends InstBase {
  readonly kind: 'note';
  readonly variable: Variable;
  value: Value | undefined;
}

export type Terminator =
  | {
      readonly kind: 'jump';
      target: Target;
      /** On the back edge of a loop: what `#pragma unroll` asked for. */
      readonly unroll?: 'full' | 'disable' | number | undefined;
      span: Span | undefined;
    }
  | {
      readonly kind: 'branch';
      condition: Value;
      then: Target;
      else: Target;
      /** From `__builtin_expect`. */
      readonly likely?: boolean | undefined;
      /** On the back edge of a loop: what `#pragma unroll` asked for. */
      readonly unroll?: 'full' | 'disable' | number | undefined;
      span: Span | undefined;
    }
  | {
      readonly kind: 'switch';
      value: Value;
      cases: { readonly value: bigint; readonly target: Target }[];
      otherwise: Target;
      span: Span | undefined;
    }
  /** `asm goto`, without results: goes on at `otherwise`, or at the target of one of its labels. */
  | {
      readonly kind: 'asm-goto';
      readonly asm: AsmInst;
      readonly targets: readonly Target[];
      otherwise: Target;
      span: Span | undefined;
    }
  | { readonly kind: 'return'; value: Value | undefined; span: Span | undefined }
  /** `trap`: no promise of the program that nobody comes here, but a demand: what can be reached is an error. */
  | { readonly kind: 'unreachable'; readonly trap?: boolean | undefined; span: Span | undefined };

/** An edge: the arguments are those of the block's parameters. */
export interface Target {
  block: Block;
  args: Value[];
}
