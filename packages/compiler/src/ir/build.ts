import type { Span } from '@skep/base';
import type { BtfId, CoreKind } from '@skep/object';
import { bytesOf, constant, typeOf } from './constant.ts';
import type {
  AllocaInst,
  AsmInst,
  AtomicInst,
  BinaryOp,
  Block,
  Callee,
  CastInst,
  CompareOp,
  Func,
  Inst,
  IrType,
  Param,
  ScalarType,
  Target,
  Terminator,
  Value,
  Variable,
} from './ir.ts';

/** What a function is before it has a body. */
export type FuncOptions = Partial<
  Pick<Func, 'linkage' | 'hidden' | 'used' | 'section' | 'inline' | 'naked' | 'type' | 'declTags' | 'span'>
> & { readonly params?: readonly Param[]; readonly result?: IrType };

/** A function without blocks: a declaration until a {@link FunctionBuilder} is set on it. */
export function createFunc(name: string, options: FuncOptions = {}): Func {
  return {
    kind: 'func',
    name,
    linkage: options.linkage ?? 'static',
    hidden: options.hidden ?? false,
    ...(options.used && { used: true }),
    section: options.section,
    inline: options.inline ?? 'auto',
    ...(options.naked && { naked: true }),
    params: [...(options.params ?? [])],
    result: options.result ?? 'void',
    type: options.type ?? 0,
    declTags: options.declTags ?? [],
    blocks: [],
    span: options.span,
  };
}

export function createParam(type: ScalarType, name?: string, origin?: 'context'): Param {
  return origin === undefined ? { kind: 'param', type, name } : { kind: 'param', type, name, origin };
}

/** A block that belongs to no function yet and ends in `unreachable` until it is given a terminator. */
export function createBlock(params: readonly Param[] = []): Block {
  return { params: [...params], insts: [], term: { kind: 'unreachable', span: undefined } };
}

/** The one place that spells the property `then`, which linters take for a promise's. */
export function createBranch(
  condition: Value,
  then: Target,
  otherwise: Target,
  rest: {
    readonly likely?: boolean | undefined;
    readonly unroll?: Unroll | undefined;
    readonly span: Span | undefined;
  },
): BranchTerminator {
  return {
    kind: 'branch',
    condition,
    then,
    else: otherwise,
    likely: rest.likely,
    unroll: rest.unroll,
    span: rest.span,
  };
}

/** The same branch on the opposite condition. */
export function invertBranch(term: BranchTerminator, condition: Value): BranchTerminator {
  const likely = term.likely === undefined ? undefined : !term.likely;
  return createBranch(condition, term.else, term.then, { likely, unroll: term.unroll, span: term.span });
}

/**
 * Writes a function block by block. Instructions go to the end of {@link block} and get the span {@link span}; what is
 * emitted after a terminator goes to a fresh block that nothing reaches, so that `return; x = 1;` needs no care.
 *
 * ```ts
 * const b = new FunctionBuilder(func);        // opens the entry block
 * const loop = b.createBlock();
 * const i = b.param(loop, 'i32', 'i');
 * b.jump(loop, [b.int('i32', 0)]);
 * b.enter(loop);                              // appends `loop` to the function and goes on there
 * ```
 */
export class FunctionBuilder {
  readonly func: Func;
  /** What the next instructions are made from. */
  span: Span | undefined;
  private current: Block;
  private open: boolean;
  private allocas = 0;

  /** Opens the entry block, or a new one when the function already has blocks. */
  constructor(func: Func) {
    this.func = func;
    this.span = undefined;
    this.current = createBlock();
    this.open = true;
    func.blocks.push(this.current);
  }

  /** Where instructions go. */
  get block(): Block {
    return this.current;
  }

  /** The current block has its terminator: what follows is unreachable unless a block is entered. */
  get terminated(): boolean {
    return !this.open;
  }

  /** Makes a block; it joins the function when it is {@link enter}ed. */
  createBlock(): Block {
    return createBlock();
  }

  /** Adds a parameter to a block. Every edge to the block must give an argument for it. */
  param(block: Block, type: ScalarType, name?: string): Param {
    const param = createParam(type, name);
    block.params.push(param);
    return param;
  }

  /** Appends the block to the function and makes it current. The block before must have been terminated. */
  enter(block: Block): void {
    if (this.open) throw new Error(`${this.func.name}: a block is entered before the one before it is terminated`);
    this.func.blocks.push(block);
    this.current = block;
    this.open = true;
  }

  /** Jumps to the block unless the current one is terminated, and goes on there. */
  fallInto(block: Block, args: Value[] = []): void {
    if (this.open) this.jump(block, args);
    this.enter(block);
  }

  int(type: ScalarType, value: bigint | number): Value {
    return constant(type, value);
  }

  binary(op: BinaryOp, a: Value, b: Value): Inst {
    return this.emit({ kind: 'binary', op, type: scalar(a), a, b, span: this.span });
  }

  compare(op: CompareOp, a: Value, b: Value): Inst {
    return this.emit({ kind: 'compare', op, type: 'i1', a, b, span: this.span });
  }

  cast(op: CastInst['op'], type: ScalarType, value: Value): Inst {
    return this.emit({ kind: 'cast', op, type, value, span: this.span });
  }

  /** Brings an integer to another width: truncates, or widens by sign or zeros; the value itself when it has the width. */
  resize(value: Value, type: ScalarType, signed: boolean): Value {
    const from = scalar(value);
    if (from === type) return value;
    if (WIDTH[from] > WIDTH[type]) return this.cast('trunc', type, value);
    return this.cast(signed && from !== 'i1' ? 'sext' : 'zext', type, value);
  }

  bswap(value: Value): Inst {
    return this.emit({ kind: 'bswap', type: scalar(value), value, span: this.span });
  }

  /** Whether the value turns out to be a number before the program runs. */
  known(value: Value): Inst {
    return this.emit({ kind: 'known', type: 'i1', value, span: this.span });
  }

  /** Goes to the entry block, wherever the builder stands. */
  alloca(size: number, align: number, name?: string, variable?: Variable): AllocaInst {
    const inst: AllocaInst = { kind: 'alloca', type: 'ptr', size, align, name, variable, span: this.span };
    this.func.blocks[0]!.insts.splice(this.allocas++, 0, inst);
    return inst;
  }

  /** The base itself when the offset is the number 0. */
  ptradd(base: Value, offset: Value | number): Value {
    if (offset === 0) return base;
    const by = typeof offset === 'number' ? constant('i64', offset) : offset;
    return this.emit({ kind: 'ptradd', type: 'ptr', base, offset: by, span: this.span });
  }

  /** `align` is the natural one of the type unless given. */
  load(type: ScalarType, address: Value, access: Access = {}): Inst {
    const { offset = 0, align = bytesOf(type), volatile = false, typed } = access;
    return this.emit({ kind: 'load', type, address, offset, align, volatile, typed, span: this.span });
  }

  store(value: Value, address: Value, access: Access = {}): Inst {
    const { offset = 0, align = bytesOf(scalar(value)), volatile = false, typed } = access;
    return this.emit({ kind: 'store', type: 'void', address, offset, value, align, volatile, typed, span: this.span });
  }

  /** `fetch` is implied by `cmpxchg` and `xchg`; the width is that of the value. */
  atomic(op: AtomicInst['op'], address: Value, value: Value, fetch: boolean, expected?: Value): Inst {
    const fetches = fetch || op === 'cmpxchg' || op === 'xchg';
    const width = scalar(value) === 'i32' ? 32 : 64;
    const type = !fetches ? 'void' : width === 32 ? 'i32' : 'i64';
    return this.emit({ kind: 'atomic', type, op, fetch: fetches, width, address, value, expected, span: this.span });
  }

  memcpy(target: Value, source: Value, size: number, access: CopyAccess = {}): Inst {
    const { align = 1, overlap = false, volatile = false } = access;
    return this.emit({ kind: 'memcpy', type: 'void', target, source, size, align, overlap, volatile, span: this.span });
  }

  /** `value` is an `i8`. */
  memset(target: Value, value: Value, size: number, align = 1): Inst {
    return this.emit({ kind: 'memset', type: 'void', target, value, size, align, span: this.span });
  }

  call(callee: Callee | Func, args: readonly Value[], type: IrType): Inst {
    const target: Callee = callee.kind === 'func' && !('func' in callee) ? { kind: 'func', func: callee } : callee;
    return this.emit({ kind: 'call', type, callee: target, args: [...args], span: this.span });
  }

  core(relocation: CoreKind, root: BtfId, access: string, value: bigint): Inst {
    return this.emit({ kind: 'core', type: 'i64', relocation, root, access, value, span: this.span });
  }

  /** With a value: the same value, opaque. Without: nothing moves across. */
  barrier(value?: Value): Inst {
    return this.emit({
      kind: 'barrier',
      type: value === undefined ? 'void' : scalar(value),
      value,
      span: this.span,
    });
  }

  asm(inst: AsmInst): AsmInst {
    return this.emit(inst);
  }

  /** Result `index` of inline assembly; result 0 is the instruction itself. */
  asmResult(asm: AsmInst, index: number): Inst {
    return this.emit({ kind: 'asm-result', type: 'i64', asm, index, span: this.span });
  }

  asmGoto(asm: AsmInst, labels: readonly Block[], otherwise: Block): void {
    this.terminate({
      kind: 'asm-goto',
      asm,
      targets: labels.map((block) => target(block)),
      otherwise: target(otherwise),
      span: this.span,
    });
  }

  jump(block: Block, args: Value[] = [], unroll?: Unroll): void {
    this.terminate({ kind: 'jump', target: { block, args }, unroll, span: this.span });
  }

  branch(condition: Value, then: Block | Target, otherwise: Block | Target, likely?: boolean, unroll?: Unroll): void {
    this.terminate(createBranch(condition, target(then), target(otherwise), { likely, unroll, span: this.span }));
  }

  switch(value: Value, cases: readonly { value: bigint; block: Block }[], otherwise: Block): void {
    this.terminate({
      kind: 'switch',
      value,
      cases: cases.map((one) => ({ value: one.value, target: target(one.block) })),
      otherwise: target(otherwise),
      span: this.span,
    });
  }

  return(value?: Value): void {
    this.terminate({ kind: 'return', value, span: this.span });
  }

  unreachable(): void {
    this.terminate({ kind: 'unreachable', span: this.span });
  }

  trap(): void {
    this.terminate({ kind: 'unreachable', trap: true, span: this.span });
  }

  /** Appends an instruction that was made elsewhere. */
  emit<T extends Inst>(inst: T): T {
    if (!this.open) this.enter(createBlock());
    this.current.insts.push(inst);
    return inst;
  }

  private terminate(term: Terminator): void {
    if (!this.open) this.enter(createBlock());
    this.current.term = term;
    this.open = false;
  }
}

export interface Access {
  readonly offset?: number;
  readonly align?: number;
  readonly volatile?: boolean;
  readonly typed?: boolean;
}
export interface CopyAccess {
  readonly align?: number;
  readonly overlap?: boolean;
  readonly volatile?: boolean;
}
export type BranchTerminator = Extract<Terminator, { kind: 'branch' }>;
export type Unroll = 'full' | 'disable' | number;

const WIDTH: Record<ScalarType, number> = { i1: 1, i8: 8, i16: 16, i32: 32, i64: 64, ptr: 64 };

function target(to: Block | Target): Target {
  return 'insts' in to ? { block: to, args: [] } : to;
}

function scalar(value: Value): ScalarType {
  const type = typeOf(value);
  if (type === 'void') throw new Error(`a ${value.kind} instruction makes no value`);
  return type;
}
