import type { Diagnostics, Span } from '@skep/base';
import type { AccessSize, AluOp, JumpOp } from '@skep/object';
import { stackAlign } from '../ir/alignment.ts';
import { bitsOf, bytesOf, evaluateCompare, INVERSE, SWAPPED, typeOf } from '../ir/constant.ts';
import { reversePostOrder } from '../ir/graph.ts';
import type {
  AllocaInst,
  AtomicInst,
  Block,
  CallInst,
  CompareOp,
  CoreInst,
  Func,
  Global,
  Inst,
  ScalarType,
  SelectInst,
  Target,
  Terminator,
  Value,
  Variable,
} from '../ir/ir.ts';
import { targetsOf } from '../ir/uses.ts';
import { selectBinary, selectCast } from './arithmetic.ts';
import { atomicNeedsV3, indirectCall, tooManyArguments, tooManyParameters } from './diagnostics.ts';
import { selectAsm } from './inline-asm.ts';
import {
  addNotes,
  type Cpu,
  createMachineBlock,
  FIRST_VIRTUAL,
  type FrameSlot,
  type MachineBlock,
  type MachineFunction,
  MachineInst,
  type MachineNote,
  NONE,
  type VReg,
} from './machine.ts';
import { type Address, addressOf, conditionOf, hasEffect, isRemade, isWide, type Needs, needsOf } from './needs.ts';
import { maxBits } from './range.ts';
import { shareSlots } from './share-slots.ts';

/**
 * Chooses instructions. `addressTaken`: functions that the kernel may call (callbacks), whose integer parameters are not
 * known to be zero-extended.
 */
export function selectFunction(
  func: Func,
  cpu: Cpu,
  addressTaken: ReadonlySet<Func>,
  diagnostics: Diagnostics,
): MachineFunction {
  return new Selector(func, cpu, addressTaken, diagnostics).run();
}

/** The state of selecting one function; {@link selectBinary} and its like write through it. */
export class Selector {
  readonly cpu: Cpu;
  private readonly func: Func;
  private readonly addressTaken: ReadonlySet<Func>;
  private readonly diagnostics: Diagnostics;
  private readonly values = new Map<Value, VReg>();
  private readonly blocks = new Map<Block, MachineBlock>();
  private readonly out: MachineBlock[] = [];
  private readonly slots: FrameSlot[] = [];
  private readonly slotOf = new Map<AllocaInst, FrameSlot>();
  /** Slots that several variables have in turn. */
  private shared: ReadonlyMap<AllocaInst, FrameSlot> = new Map();
  /** Addresses of data that are in a register already, from here to the end of the block or the next call. */
  private readonly addresses = new Map<Global | Func, VReg>();
  private readonly asmResults = new Map<Value, readonly VReg[]>();
  private needs: Needs = { registers: new Set(), patched: new Set(), low: new Set(), signed: new Set() };
  private current: MachineBlock = createMachineBlock();
  private next: VReg = FIRST_VIRTUAL;
  private span: Span | undefined;
  /** For the next instruction. */
  private notes: MachineNote[] = [];
  private readonly variables: { variable: Variable; slot: FrameSlot }[] = [];
  private noted = false;

  constructor(func: Func, cpu: Cpu, addressTaken: ReadonlySet<Func>, diagnostics: Diagnostics) {
    this.func = func;
    this.cpu = cpu;
    this.addressTaken = addressTaken;
    this.diagnostics = diagnostics;
    this.span = func.span;
  }

  run(): MachineFunction {
    const order = reversePostOrder(this.func);
    if (this.func.naked) return this.naked(order);
    this.needs = needsOf(order, this.cpu.alu32);
    this.shared = shareSlots(order, stackAlign);
    for (const block of order) this.blocks.set(block, createMachineBlock());
    const onlyEntry = singlePredecessors(order);
    const atEnd = new Map<Block, ReadonlyMap<Global | Func, VReg>>();
    for (const [i, block] of order.entries()) {
      const from = onlyEntry.get(block);
      this.enter(this.blocks.get(block)!, from ? atEnd.get(from) : undefined);
      if (i === 0) this.takeParameters();
      for (const inst of block.insts) this.inst(inst);
      this.terminator(block.term);
      if (this.addresses.size > 0) atEnd.set(block, new Map(this.addresses));
    }
    if (this.noted) this.settleNotes();
    return {
      func: this.func,
      blocks: this.out,
      slots: this.slots,
      variables: this.noted ? this.variables : undefined,
      registers: this.next,
    };
  }

  /** Only what the source wrote in assembly. */
  private naked(order: readonly Block[]): MachineFunction {
    this.enter(this.current);
    for (const block of order) {
      for (const inst of block.insts) {
        if (inst.kind === 'asm') selectAsm(this, inst, this.func, this.diagnostics);
      }
    }
    return { func: this.func, blocks: this.out, slots: [], variables: undefined, registers: this.next };
  }

  // Building blocks, also for arithmetic.ts and inline-asm.ts.

  /** Where in the source the instruction that is being selected stands. */
  get position(): Span | undefined {
    return this.span;
  }

  fresh(): VReg {
    return this.next++;
  }

  emit(inst: MachineInst): MachineInst {
    if (this.notes.length > 0) {
      inst.notes = this.notes;
      this.notes = [];
    }
    this.current.insts.push(inst);
    return inst;
  }

  mov(dst: VReg, a: VReg): void {
    const inst = this.emit(new MachineInst('mov', this.span));
    inst.dst = dst;
    inst.a = a;
  }

  /** `dst op= src` */
  alu(op: AluOp, dst: VReg, src: VReg, width: 32 | 64 = 64): void {
    const inst = this.emit(new MachineInst('alu', this.span));
    inst.alu = op;
    inst.width = width;
    inst.dst = dst;
    inst.a = src;
  }

  /** `dst op= imm` */
  alui(op: AluOp, dst: VReg, imm: number, width: 32 | 64 = 64): MachineInst {
    const inst = this.emit(new MachineInst('alui', this.span));
    inst.alu = op;
    inst.width = width;
    inst.dst = dst;
    inst.imm = imm;
    return inst;
  }

  /** `dst = (u32)a`; with `dst === a` allowed. */
  zext32(dst: VReg, a: VReg): void {
    if (this.cpu.alu32) {
      const inst = this.emit(new MachineInst('zext', this.span));
      inst.dst = dst;
      inst.a = a;
      return;
    }
    if (dst !== a) this.mov(dst, a);
    this.alui('lsh', dst, 32);
    this.alui('rsh', dst, 32);
  }

  /** `dst = (s64)(sN)a` */
  sext64(dst: VReg, a: VReg, bits: number): void {
    if (this.cpu.v4 && bits >= 8 && bits < 64) {
      const inst = this.emit(new MachineInst('movsx', this.span));
      inst.dst = dst;
      inst.a = a;
      inst.bits = bits as 8 | 16 | 32;
      return;
    }
    if (dst !== a) this.mov(dst, a);
    if (bits === 64) return;
    this.alui('lsh', dst, 64 - bits);
    this.alui('arsh', dst, 64 - bits);
  }

  castSpace(to: 'cast_kern' | 'cast_user', value: Value): VReg {
    const a = this.reg(value);
    const inst = this.emit(new MachineInst('space', this.span));
    inst.dst = this.fresh();
    inst.a = a;
    inst.imm = to === 'cast_kern' ? 0 : 1;
    return inst.dst;
  }

  /** Clears what lies above the type's width. */
  normalise(dst: VReg, type: ScalarType): void {
    const bits = bitsOf(type);
    if (bits === 64) return;
    if (bits === 32) this.zext32(dst, dst);
    else this.alui('and', dst, 2 ** bits - 1);
  }

  /** The constant as it stands in a register: zero-extended from its type. */
  set(dst: VReg, type: ScalarType, value: bigint): void {
    const bits = bitsOf(type);
    const word = bits === 64 ? BigInt.asIntN(64, value) : BigInt.asUintN(bits, value);
    if (fits32(word)) {
      const inst = this.emit(new MachineInst('set', this.span));
      inst.dst = dst;
      inst.imm = Number(word);
    } else if (this.cpu.alu32 && word > 0n && word <= 0xffffffffn) {
      const inst = this.emit(new MachineInst('set', this.span));
      inst.dst = dst;
      inst.imm = Number(word) | 0;
      inst.width = 32;
    } else {
      const inst = this.emit(new MachineInst('set64', this.span));
      inst.dst = dst;
      inst.value = BigInt.asUintN(64, word);
    }
  }

  /** A register that holds the value; it must not be written. */
  reg(value: Value): VReg {
    const known = this.values.get(value);
    if (known !== undefined) return known;
    if (value.kind === 'global' || value.kind === 'func') {
      let at = this.addresses.get(value);
      if (at === undefined) {
        at = this.fresh();
        this.into(at, value);
        this.addresses.set(value, at);
      }
      return at;
    }
    const dst = this.fresh();
    this.into(dst, value);
    return dst;
  }

  /** Puts the value into `dst`. */
  into(dst: VReg, value: Value): void {
    const known = this.values.get(value);
    if (known !== undefined) {
      this.mov(dst, known);
      return;
    }
    switch (value.kind) {
      case 'const':
        this.set(dst, value.type, value.value);
        return;
      case 'undef':
        this.set(dst, 'i64', 0n);
        return;
      case 'global':
      case 'func':
        this.address(dst, value, 0);
        return;
      case 'alloca':
        this.frame(dst, this.slot(value), 0);
        return;
      case 'ptradd': {
        const at = addressOf(value, NOTHING);
        if (at.root.kind === 'alloca' || at.root.kind === 'global') {
          this.displaced(dst, at.root, at.offset);
          return;
        }
        break;
      }
    }
    throw new Error(`${this.func.name}: a ${value.kind} is used before it is defined`);
  }

  /** Nobody looks at what lies above the value's width: it may be anything. */
  isLow(value: Value): boolean {
    return this.needs.low.has(value);
  }

  /** A load that extends the sign itself. */
  isSigned(value: Value): boolean {
    return this.cpu.v4 && value.kind === 'load' && this.needs.signed.has(value);
  }

  /** The value as an immediate of a 64-bit operation, if it is a constant that fits. */
  immediate(value: Value): number | undefined {
    if (value.kind !== 'const') return undefined;
    const bits = bitsOf(value.type);
    const word = bits === 64 ? value.value : BigInt.asUintN(bits, value.value);
    return fits32(word) ? Number(word) : undefined;
  }

  // Control flow.

  /** `held`: the addresses that are in registers on every way to the block. */
  private enter(block: MachineBlock, held?: ReadonlyMap<Global | Func, VReg>): void {
    this.current = block;
    block.index = this.out.length;
    this.out.push(block);
    if (this.addresses.size > 0) this.addresses.clear();
    if (held) for (const [key, value] of held) this.addresses.set(key, value);
  }

  private jump(to: MachineBlock): void {
    this.emit(new MachineInst('jump', this.span));
    this.current.successors = [to];
  }

  private edge(target: Target): MachineBlock {
    const to = this.blocks.get(target.block)!;
    if (target.args.length === 0) return to;
    const from = this.current;
    const held = new Map(this.addresses);
    this.enter(createMachineBlock());
    const block = this.current;
    block.isEdge = true;
    this.copies(target);
    this.jump(to);
    this.current = from;
    this.addresses.clear();
    for (const [key, value] of held) this.addresses.set(key, value);
    return block;
  }

  private terminator(term: Terminator): void {
    this.span = term.span ?? this.span;
    if (this.notes.length === 0) {
      this.leave(term);
      return;
    }
    // The blocks of edges are written first.
    const { notes, current } = this;
    const at = current.insts.length;
    this.notes = [];
    this.leave(term);
    if (current.insts[at] !== undefined) addNotes(current.insts[at], notes);
  }

  private leave(term: Terminator): void {
    switch (term.kind) {
      case 'jump':
        this.copies(term.target);
        this.jump(this.blocks.get(term.target.block)!);
        return;
      case 'branch': {
        const yes = this.edge(term.then);
        const no = this.edge(term.else);
        this.branch(term.condition, yes, no, term.likely);
        return;
      }
      case 'switch':
        this.switch(term);
        return;
      case 'asm-goto': {
        const successors = [term.otherwise, ...term.targets].map((target) => this.edge(target));
        selectAsm(this, term.asm, this.func, this.diagnostics);
        this.current.successors = successors;
        return;
      }
      case 'return': {
        const { value } = term;
        if (value !== undefined) this.result(value);
        else if (this.func.linkage !== 'static') this.set(0, 'i64', 0n);
        this.exit();
        return;
      }
      case 'unreachable':
        this.set(0, 'i64', 0n);
        this.exit();
        return;
    }
  }

  private exit(): void {
    this.emit(new MachineInst('exit', this.span)).imm =
      this.func.result === 'void' && this.func.linkage === 'static' ? 0 : 1;
    this.current.successors = [];
  }

  private result(value: Value): void {
    // The kernel looks at the low half of what an entry program returns: the short form of a negative number will do.
    if (value.kind === 'const' && value.type === 'i32' && !this.cpu.alu32 && this.func.section !== undefined)
      this.set(0, 'i64', value.value);
    else this.into(0, value);
  }

  private branch(condition: Value, yes: MachineBlock, no: MachineBlock, likely: boolean | undefined): void {
    const { compare, value, negated } = conditionOf(condition);
    const [to, other] = negated ? [no, yes] : [yes, no];
    const expected = likely === undefined ? undefined : likely !== negated ? 0 : 1;
    if (compare) this.compare(compare.op, compare.a, compare.b, to, other);
    else if (value.kind === 'const') this.jump(value.value !== 0n ? to : other);
    else this.branchImm('ne', this.reg(value), 0, 64, to, other);
    this.current.likely = expected;
  }

  private compare(op: CompareOp, a: Value, b: Value, yes: MachineBlock, no: MachineBlock): void {
    if (a.kind === 'const' && b.kind === 'const') {
      this.jump(evaluateCompare(op, a.type, a.value, b.value) ? yes : no);
      return;
    }
    if (a.kind === 'const') {
      this.compare(SWAPPED[op], b, a, yes, no);
      return;
    }
    const type = typeOf(a) as ScalarType;
    const bits = bitsOf(type);
    if (bits === 32 && this.cpu.alu32 && (this.isLow(a) || this.isLow(b))) {
      if (b.kind === 'const') this.branchImm(JUMPS[op], this.reg(a), Number(b.value), 32, yes, no);
      else this.branchReg(JUMPS[op], this.reg(a), this.reg(b), 32, yes, no);
      return;
    }
    if (bits < 64 && isSigned(op)) {
      if (maxBits(a) < bits && maxBits(b) < bits) {
        this.compare(UNSIGNED[op], a, b, yes, no);
        return;
      }
      if (bits === 32 && this.cpu.alu32) {
        if (b.kind === 'const') this.branchImm(JUMPS[op], this.reg(a), Number(b.value), 32, yes, no);
        else this.branchReg(JUMPS[op], this.reg(a), this.reg(b), 32, yes, no);
        return;
      }
      const x = this.fresh();
      this.sext64(x, this.reg(a), bits);
      if (b.kind === 'const') {
        this.branchImm(JUMPS[op], x, Number(b.value), 64, yes, no);
        return;
      }
      const y = this.fresh();
      this.sext64(y, this.reg(b), bits);
      this.branchReg(JUMPS[op], x, y, 64, yes, no);
      return;
    }
    const imm = this.immediate(b);
    if (imm !== undefined) this.branchImm(JUMPS[op], this.reg(a), imm, 64, yes, no);
    else if (b.kind === 'const' && bits === 32 && this.cpu.alu32)
      this.branchImm(JUMPS[op], this.reg(a), Number(b.value), 32, yes, no);
    else this.branchReg(JUMPS[op], this.reg(a), this.reg(b), 64, yes, no);
  }

  private branchImm(op: JumpOp, a: VReg, imm: number, width: 32 | 64, yes: MachineBlock, no: MachineBlock): void {
    const inst = this.emit(new MachineInst('branchi', this.span));
    inst.jump = op;
    inst.a = a;
    inst.imm = imm;
    inst.width = width;
    this.current.successors = [yes, no];
  }

  private branchReg(op: JumpOp, a: VReg, b: VReg, width: 32 | 64, yes: MachineBlock, no: MachineBlock): void {
    const inst = this.emit(new MachineInst('branch', this.span));
    inst.jump = op;
    inst.a = a;
    inst.b = b;
    inst.width = width;
    this.current.successors = [yes, no];
  }

  /** Up to four cases in a row, a search tree of unsigned comparisons above. */
  private switch(term: Extract<Terminator, { kind: 'switch' }>): void {
    const { value } = term;
    const type = typeOf(value) as ScalarType;
    const otherwise = this.edge(term.otherwise);
    const cases = term.cases.map((one) => ({
      key: BigInt.asUintN(bitsOf(type), one.value),
      value: one.value,
      block: this.edge(one.target),
    }));
    if (value.kind === 'const') {
      this.jump(cases.find((one) => one.value === value.value)?.block ?? otherwise);
      return;
    }
    if (cases.length > 4) cases.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    const reg = this.reg(value);
    this.values.set(value, reg);
    const work = [{ block: this.current, from: 0, to: cases.length }];
    for (let item = work.pop(); item !== undefined; item = work.pop()) {
      if (item.block !== this.current) this.enter(item.block);
      if (item.to - item.from > 4) {
        const middle = (item.from + item.to) >> 1;
        const left = createMachineBlock();
        const right = createMachineBlock();
        this.compare('ult', value, { kind: 'const', type, value: cases[middle]!.value }, left, right);
        work.push({ block: right, from: middle, to: item.to }, { block: left, from: item.from, to: middle });
        continue;
      }
      for (let i = item.from; i < item.to; i++) {
        const last = i + 1 === item.to;
        const rest = last ? otherwise : createMachineBlock();
        const one = cases[i]!;
        this.compare('eq', value, { kind: 'const', type, value: one.value }, one.block, rest);
        if (!last) this.enter(rest);
      }
      if (item.from === item.to) this.jump(otherwise);
    }
    this.addresses.clear();
  }

  /** The arguments of an edge go to the block's parameters, all at once. */
  private copies(target: Target): void {
    const pending: { dst: VReg; src: VReg }[] = [];
    const late: { dst: VReg; value: Value }[] = [];
    for (const [i, param] of target.block.params.entries()) {
      const dst = this.registerOf(param);
      const value = target.args[i]!;
      const src = this.values.get(value);
      if (src === undefined) late.push({ dst, value });
      else if (src !== dst) pending.push({ dst, src });
    }
    while (pending.length > 0) {
      const ready = pending.findIndex((one) => !pending.some((other) => other !== one && other.src === one.dst));
      if (ready >= 0) {
        const [one] = pending.splice(ready, 1);
        this.mov(one!.dst, one!.src);
        continue;
      }
      const first = pending[0]!;
      const spare = this.fresh();
      this.mov(spare, first.src);
      for (const one of pending) if (one.src === first.src) one.src = spare;
    }
    for (const { dst, value } of late) this.into(dst, value);
  }

  private registerOf(value: Value): VReg {
    let at = this.values.get(value);
    if (at === undefined) {
      at = this.fresh();
      this.values.set(value, at);
    }
    return at;
  }

  private takeParameters(): void {
    const { func } = this;
    if (func.params.length > 5) {
      this.diagnostics.add(tooManyParameters(func.name, func.params.length, func.span));
      // So that the rest can be looked at.
      for (const param of func.params.slice(5)) this.registerOf(param);
    }
    const trusted = func.linkage === 'static' && func.section === undefined && !this.addressTaken.has(func);
    const taken = func.params.slice(0, 5).map((param, i) => {
      const reg = this.registerOf(param);
      this.mov(reg, i + 1);
      return { reg, param };
    });
    for (const { reg, param } of taken) if (!trusted && !this.isLow(param)) this.normalise(reg, param.type);
  }

  // Instructions.

  private inst(inst: Inst): void {
    if (inst.kind === 'note') {
      this.note(inst.variable, inst.value, undefined);
      return;
    }
    if (isRemade(inst)) return;
    if (!this.needs.registers.has(inst) && !hasEffect(inst)) return;
    this.span = inst.span ?? this.span;
    switch (inst.kind) {
      case 'alloca':
        return;
      case 'binary':
        this.values.set(inst, selectBinary(this, inst));
        return;
      case 'cast':
        this.values.set(inst, selectCast(this, inst));
        return;
      case 'compare': {
        const dst = this.registerOf(inst);
        this.choose(dst, inst, { kind: 'const', type: 'i1', value: 1n }, { kind: 'const', type: 'i1', value: 0n });
        return;
      }
      case 'select':
        this.select(inst);
        return;
      case 'bswap': {
        const dst = this.registerOf(inst);
        this.into(dst, inst.value);
        const swap = this.emit(new MachineInst('endian', this.span));
        swap.dst = dst;
        swap.bits = bitsOf(inst.type as ScalarType) as 16 | 32 | 64;
        return;
      }
      case 'ptradd':
        this.ptradd(inst);
        return;
      case 'load':
        this.load(inst);
        return;
      case 'store':
        this.store(inst.address, inst.offset, inst.value);
        return;
      case 'atomic':
        this.atomic(inst);
        return;
      case 'memcpy':
      case 'memset':
        throw new Error(`${this.func.name}: a ${inst.kind} that was not expanded`);
      case 'call':
        this.call(inst);
        return;
      case 'core':
        this.core(this.registerOf(inst), inst);
        return;
      case 'barrier':
        if (inst.value !== undefined) this.values.set(inst, this.reg(inst.value));
        return;
      case 'asm':
        this.asmResults.set(inst, selectAsm(this, inst, this.func, this.diagnostics));
        if (inst.type !== 'void') this.values.set(inst, this.asmResults.get(inst)![0]!);
        return;
      case 'asm-result':
        this.values.set(inst, this.asmResults.get(inst.asm)![inst.index]!);
        return;
    }
  }

  private select(inst: SelectInst): void {
    this.choose(this.registerOf(inst), inst.condition, inst.a, inst.b);
  }

  /** `dst = condition ? a : b` by a branch around the second move. */
  private choose(dst: VReg, condition: Value, a: Value, b: Value): void {
    this.into(dst, a);
    const other = createMachineBlock();
    const join = createMachineBlock();
    this.branch(condition, join, other, undefined);
    const held = new Map(this.addresses);
    this.enter(other);
    this.into(dst, b);
    this.jump(join);
    this.enter(join, held);
  }

  private ptradd(inst: Extract<Inst, { kind: 'ptradd' }>): void {
    const dst = this.registerOf(inst);
    if (inst.offset.kind === 'core' && !isWide(inst.offset)) {
      this.into(dst, inst.base);
      const add = this.alui('add', dst, Number(BigInt.asIntN(32, inst.offset.value)));
      add.core = inst.offset;
      return;
    }
    if (inst.offset.kind === 'const') {
      const at = addressOf(inst, NOTHING);
      if (at.root !== inst) {
        this.displaced(dst, at.root, at.offset);
        return;
      }
    }
    this.into(dst, inst.base);
    const imm = this.immediate(inst.offset);
    if (imm !== undefined) this.alui('add', dst, imm);
    else this.alu('add', dst, this.reg(inst.offset));
  }

  /** `dst = root + offset` */
  private displaced(dst: VReg, root: Value, offset: number): void {
    if (root.kind === 'alloca') this.frame(dst, this.slot(root), offset);
    else if (root.kind === 'global') this.address(dst, root, offset);
    else {
      this.into(dst, root);
      if (offset !== 0) this.alui('add', dst, offset);
    }
  }

  private frame(dst: VReg, slot: FrameSlot, offset: number): void {
    const inst = this.emit(new MachineInst('frame', this.span));
    inst.dst = dst;
    inst.slot = slot;
    inst.imm = offset;
  }

  private address(dst: VReg, symbol: Global | Func, offset: number): void {
    const inst = this.emit(new MachineInst('address', this.span));
    inst.dst = dst;
    inst.symbol = symbol;
    inst.imm = offset;
  }

  private core(dst: VReg, core: CoreInst): void {
    const wide = isWide(core) || !fits32(core.value);
    const inst = this.emit(new MachineInst(wide ? 'set64' : 'set', this.span));
    inst.dst = dst;
    inst.core = core;
    inst.value = BigInt.asUintN(64, core.value);
    if (!wide) inst.imm = Number(core.value);
  }

  private slot(alloca: AllocaInst): FrameSlot {
    let slot = this.slotOf.get(alloca);
    if (slot === undefined) {
      const { size } = alloca;
      slot = this.shared.get(alloca) ?? { size, align: stackAlign(alloca), alloca, offset: 0 };
      this.slotOf.set(alloca, slot);
      if (!this.slots.includes(slot)) this.slots.push(slot);
      if (alloca.variable && !this.isShared(slot)) {
        this.noted = true;
        this.variables.push({ variable: alloca.variable, slot });
      }
    }
    if (alloca.variable && this.isShared(slot)) this.note(alloca.variable, undefined, slot);
    return slot;
  }

  private isShared(slot: FrameSlot): boolean {
    let count = 0;
    for (const other of this.shared.values()) if (other === slot) count += 1;
    return count > 1;
  }

  private note(variable: Variable, value: Value | undefined, slot: FrameSlot | undefined): void {
    this.noted = true;
    this.notes.push({ variable, value, reg: NONE, slot, number: undefined });
  }

  /** Every value has its register by now, if it has one at all. */
  private settleNotes(): void {
    for (const block of this.out) {
      for (const inst of block.insts) {
        inst.notes &&= inst.notes.map(({ variable, value, slot }) => ({
          variable,
          reg: (value && this.values.get(value)) ?? NONE,
          slot,
          number: value?.kind === 'const' ? value.value : undefined,
        }));
      }
    }
  }

  /** Sets base, offset and relocation of an access. */
  private access(inst: MachineInst, address: Value, offset: number): void {
    this.accessAt(inst, addressOf(address, this.needs.patched, offset));
  }

  private accessAt(inst: MachineInst, at: Address): void {
    if (at.core) {
      inst.a = this.reg(at.root);
      inst.off = Number(at.core.value);
      inst.core = at.core;
      return;
    }
    if (at.root.kind === 'alloca') {
      inst.slot = this.slot(at.root);
      inst.off = at.offset;
      return;
    }
    const base = this.reg(at.root);
    if (at.offset >= -0x8000 && at.offset <= 0x7fff) {
      inst.a = base;
      inst.off = at.offset;
      return;
    }
    const far = this.fresh();
    this.mov(far, base);
    this.alui('add', far, at.offset);
    inst.a = far;
  }

  private load(inst: Extract<Inst, { kind: 'load' }>): void {
    const load = new MachineInst('load', this.span);
    load.size = bytesOf(inst.type as ScalarType) as AccessSize;
    load.flag = this.isSigned(inst);
    this.access(load, inst.address, inst.offset);
    load.dst = this.registerOf(inst);
    this.emit(load);
  }

  private store(address: Value, offset: number, value: Value): void {
    const type = typeOf(value) as ScalarType;
    const at = addressOf(address, this.needs.patched, offset);
    const imm =
      value.kind === 'const' && fits32(value.value) && takesImmediateStore(at.root) ? Number(value.value) : undefined;
    const store = new MachineInst(imm === undefined ? 'store' : 'storei', this.span);
    store.size = bytesOf(type) as AccessSize;
    if (imm === undefined) store.b = this.reg(value);
    else store.imm = imm;
    this.accessAt(store, at);
    this.emit(store);
  }

  private atomic(inst: AtomicInst): void {
    const fetches = inst.op === 'cmpxchg' || inst.op === 'xchg' || (inst.fetch && this.needs.registers.has(inst));
    // Those on 8 bytes belong to every level, as in clang, though they came with Linux 5.12.
    if ((fetches || inst.op !== 'add') && inst.width === 32 && !this.cpu.alu32) {
      this.diagnostics.add(
        atomicNeedsV3(inst.fetch && inst.op === 'add' ? 'fetch-and-add' : inst.op, this.cpu.version, inst.span),
      );
    }
    const atomic = new MachineInst('atomic', this.span);
    atomic.atomic = inst.op;
    atomic.flag = fetches;
    atomic.size = inst.width === 32 ? 4 : 8;
    this.access(atomic, inst.address, 0);
    if (inst.op === 'cmpxchg') {
      atomic.b = this.reg(inst.value);
      this.into(0, inst.expected!);
      atomic.dst = 0;
      this.emit(atomic);
      if (this.needs.registers.has(inst)) this.mov(this.registerOf(inst), 0);
      return;
    }
    if (fetches) {
      atomic.dst = this.registerOf(inst);
      this.into(atomic.dst, inst.value);
    } else {
      atomic.dst = this.reg(inst.value);
    }
    this.emit(atomic);
  }

  private call(inst: CallInst): void {
    const { args } = inst;
    const target = this.callee(inst);
    if (target === undefined) {
      // Refused; the rest of the function may have more to say.
      if (inst.type !== 'void') this.set(this.registerOf(inst), 'i64', 0n);
      return;
    }
    const name = target.kind === 'func' ? target.func.name : `helper ${target.id}`;
    if (args.length > 5) this.diagnostics.add(tooManyArguments(name, args.length, inst.span));
    const passed = args.slice(0, 5);
    // What is in a register goes first: it may end there. Numbers and addresses are made in place.
    for (const [i, arg] of passed.entries()) {
      const known = this.values.get(arg);
      if (known !== undefined) this.mov(i + 1, known);
    }
    for (const [i, arg] of passed.entries()) {
      if (this.values.has(arg)) continue;
      this.into(i + 1, arg);
    }
    const call = this.emit(new MachineInst('call', this.span));
    call.target = target;
    call.imm = passed.length;
    if (this.addresses.size > 0) this.addresses.clear();
    if (inst.type === 'void' || !this.needs.registers.has(inst)) return;
    const dst = this.registerOf(inst);
    this.mov(dst, 0);
    if (this.isLow(inst)) return;
    if (target.kind !== 'func' || target.func.linkage !== 'static') this.normalise(dst, inst.type);
  }

  private callee(inst: CallInst): MachineInst['target'] {
    const { callee } = inst;
    if (callee.kind === 'helper') return { kind: 'helper', id: callee.id };
    if (callee.kind === 'func') return { kind: 'func', func: callee.func };
    const { pointer } = callee;
    if (pointer.kind === 'func') return { kind: 'func', func: pointer };
    if (pointer.kind === 'const') return { kind: 'helper', id: Number(pointer.value) };
    this.diagnostics.add(indirectCall(inst.span));
    return undefined;
  }
}

/** The predecessor of each block that has one only. */
function singlePredecessors(order: readonly Block[]): Map<Block, Block | undefined> {
  const out = new Map<Block, Block | undefined>();
  for (const from of order) {
    for (const { block } of targetsOf(from.term)) out.set(block, out.has(block) ? undefined : from);
  }
  return out;
}

const NOTHING: ReadonlySet<Inst> = new Set();

export function fits32(value: bigint): boolean {
  return value >= -0x80000000n && value <= 0x7fffffffn;
}

function isSigned(op: CompareOp): op is 'slt' | 'sle' | 'sgt' | 'sge' {
  return op === 'slt' || op === 'sle' || op === 'sgt' || op === 'sge';
}

const UNSIGNED = { slt: 'ult', sle: 'ule', sgt: 'ugt', sge: 'uge' } as const;

export const JUMPS: Readonly<Record<CompareOp, JumpOp>> = {
  eq: 'eq',
  ne: 'ne',
  ult: 'lt',
  ule: 'le',
  ugt: 'gt',
  uge: 'ge',
  slt: 'slt',
  sle: 'sle',
  sgt: 'sgt',
  sge: 'sge',
};

/** The jump that is taken when this one is not. */
export const INVERSE_JUMP: Readonly<Record<Exclude<JumpOp, 'set'>, JumpOp>> = {
  eq: JUMPS[INVERSE.eq],
  ne: JUMPS[INVERSE.ne],
  lt: JUMPS[INVERSE.ult],
  le: JUMPS[INVERSE.ule],
  gt: JUMPS[INVERSE.ugt],
  ge: JUMPS[INVERSE.uge],
  slt: JUMPS[INVERSE.slt],
  sle: JUMPS[INVERSE.sle],
  sgt: JUMPS[INVERSE.sgt],
  sge: JUMPS[INVERSE.sge],
};

/**
 * Before Linux 6.4 the verifier refused store-immediate through a pointer to the context; it is used only where the
 * memory is known to be something else.
 */
function takesImmediateStore(root: Value): boolean {
  switch (root.kind) {
    case 'alloca':
    case 'global':
    case 'call':
      return true;
    case 'ptradd':
      return takesImmediateStore(addressRoot(root));
    case 'cast': {
      if (root.op === 'cast_kern') return true;
      let at: Value = root;
      while (at.kind === 'cast') at = at.value;
      return at.kind === 'load' && at.type === 'i32';
    }
    default:
      return false;
  }
}

function addressRoot(value: Value): Value {
  let at = value;
  while (at.kind === 'ptradd') at = at.base;
  return at;
}
