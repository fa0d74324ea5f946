import type { Diagnostics, Span } from '@skep/base';
import type { AluOp } from '@skep/object';
import { stackAlign } from '../ir/alignment.ts';
import { bitsOf } from '../ir/constant.ts';
import { reversePostOrder } from '../ir/graph.ts';
import type {
  AllocaInst,
  Block,
  CoreInst,
  Func,
  Global,
  Inst,
  ScalarType,
  Terminator,
  Value,
  Variable,
} from '../ir/ir.ts';
import { targetsOf } from '../ir/uses.ts';
import { selectBinary, selectCast } from './arithmetic.ts';
import { selectCall } from './calls.ts';
import { selectBranch, selectTerminator } from './control-flow.ts';
import { tooManyParameters } from './diagnostics.ts';
import { selectAsm } from './inline-asm.ts';
import {
  addNotes,
  type Cpu,
  createMachineBlock,
  FIRST_VIRTUAL,
  type FrameSlot,
  fits32,
  type MachineBlock,
  type MachineFunction,
  MachineInst,
  type MachineNote,
  NONE,
  type VReg,
} from './machine.ts';
import { selectAtomic, selectLoad, selectStore } from './memory.ts';
import { addressOf, hasEffect, isRemade, isWide, type Needs, needsOf } from './needs.ts';
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
  readonly func: Func;
  readonly cpu: Cpu;
  readonly diagnostics: Diagnostics;
  needs: Needs = { registers: new Set(), patched: new Set(), low: new Set(), signed: new Set() };
  /** The block that is being written. */
  current: MachineBlock = createMachineBlock();
  private readonly addressTaken: ReadonlySet<Func>;
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

  // Building blocks, also for the files beside.

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

  /** The register that the value has already. */
  known(value: Value): VReg | undefined {
    return this.values.get(value);
  }

  /** From here on, the value is in the register. */
  hold(value: Value, register: VReg): void {
    this.values.set(value, register);
  }

  /** The register that the value gets. */
  registerOf(value: Value): VReg {
    let at = this.values.get(value);
    if (at === undefined) {
      at = this.fresh();
      this.values.set(value, at);
    }
    return at;
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

  blockOf(block: Block): MachineBlock {
    return this.blocks.get(block)!;
  }

  /** `held`: the addresses that are in registers on every way to the block. */
  enter(block: MachineBlock, held?: ReadonlyMap<Global | Func, VReg>): void {
    this.current = block;
    block.index = this.out.length;
    this.out.push(block);
    if (this.addresses.size > 0) this.addresses.clear();
    if (held) for (const [key, value] of held) this.addresses.set(key, value);
  }

  /** Writes a block of an edge, then goes on where it was. */
  aside(write: () => void): MachineBlock {
    const { current } = this;
    const held = new Map(this.addresses);
    const block = createMachineBlock();
    this.enter(block);
    block.isEdge = true;
    write();
    this.current = current;
    this.addresses.clear();
    for (const [key, value] of held) this.addresses.set(key, value);
    return block;
  }

  /** Registers that hold addresses of data hold them no longer. */
  forgetAddresses(): void {
    if (this.addresses.size > 0) this.addresses.clear();
  }

  jump(to: MachineBlock): void {
    this.emit(new MachineInst('jump', this.span));
    this.current.successors = [to];
  }

  private terminator(term: Terminator): void {
    this.span = term.span ?? this.span;
    if (this.notes.length === 0) {
      selectTerminator(this, term);
      return;
    }
    // The blocks of edges are written first.
    const { notes, current } = this;
    const at = current.insts.length;
    this.notes = [];
    selectTerminator(this, term);
    if (current.insts[at] !== undefined) addNotes(current.insts[at], notes);
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
        this.choose(this.registerOf(inst), inst.condition, inst.a, inst.b);
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
        selectLoad(this, inst);
        return;
      case 'store':
        selectStore(this, inst.address, inst.offset, inst.value);
        return;
      case 'atomic':
        selectAtomic(this, inst);
        return;
      case 'memcpy':
      case 'memset':
        throw new Error(`${this.func.name}: a ${inst.kind} that was not expanded`);
      case 'call':
        selectCall(this, inst);
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

  /** `dst = condition ? a : b` by a branch around the second move. */
  private choose(dst: VReg, condition: Value, a: Value, b: Value): void {
    this.into(dst, a);
    const other = createMachineBlock();
    const join = createMachineBlock();
    selectBranch(this, condition, join, other, undefined);
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

  /** Where in the frame the variable lies. */
  slot(alloca: AllocaInst): FrameSlot {
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
