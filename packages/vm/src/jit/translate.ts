import { FRAME_SIZE } from '../memory.ts';
import { analyse, type Flow } from './dominators.ts';
import { FunctionCode } from './function-code.ts';
import { type Block, type Graph, isPacketLoad, width } from './graph.ts';
import { instructionAt } from './instruction.ts';
import { atomic, load, packetLoad, store } from './instructions/access.ts';
import { alu32, alu64, loadConstant, swap } from './instructions/alu.ts';
import { call } from './instructions/calls.ts';
import { condition } from './instructions/conditions.ts';
import { type Known, type Shared, STOP } from './shared.ts';
import { structure } from './structure.ts';
import { blockSize } from './unroll.ts';
import type { VectorLoop } from './vector.ts';
import { VectorTurns } from './vector-turns.ts';
import * as w from './wasm.ts';

export interface Translated {
  readonly locals: readonly number[];
  readonly code: w.Code;
  /** Where in {@link code} the instruction of a slot begins, ascending: offset, slot, offset, slot … */
  readonly marks: readonly number[];
}

/** One function of a module. */
export function translate(shared: Shared, graph: Graph): Translated {
  return new Translator(shared, graph).run();
}

/** Goes through the blocks of a function. */
class Translator {
  private readonly f: FunctionCode;
  private readonly flow: Flow;
  private readonly successors: readonly (readonly number[])[];
  /** What is known at the end of each block. */
  private readonly checkedAfter: ((number | undefined)[] | undefined)[] = [];
  private readonly knownAfter: ((Known | undefined)[] | undefined)[] = [];
  private zeroVector: number | undefined;

  constructor(shared: Shared, graph: Graph) {
    this.successors = graph.blocks.map((block) => block.next);
    this.flow = analyse(this.successors);
    this.f = new FunctionCode(shared, graph, this.flow);
  }

  run(): Translated {
    const { f, flow, successors } = this;
    const { graph, code } = f;
    this.prologue();
    const predecessor = new Int32Array(successors.length).fill(-1);
    for (const node of flow.order) {
      for (const next of successors[node]!) predecessor[next] = predecessor[next] === -1 ? node : -2;
    }
    structure(code, flow, {
      successors,
      label: f.t32,
      body: (node) => {
        const before = predecessor[node]!;
        const sameContext = before >= 0 && graph.blocks[before]!.context === graph.blocks[node]!.context;
        f.known = sameContext && flow.reducible ? [...(this.knownAfter[before] ?? [])] : [];
        f.checked = sameContext && flow.reducible ? [...(this.checkedAfter[before] ?? [])] : [];
        this.body(node, graph.blocks[node]!);
        this.knownAfter[node] = f.known;
        this.checkedAfter[node] = f.checked;
      },
      condition: (node) => {
        const block = graph.blocks[node]!;
        f.context = block.context;
        condition(f, block.slot);
      },
    });
    code.op(w.UNREACHABLE);
    code.op(w.END);
    return { locals: f.locals, code, marks: f.marks };
  }

  private prologue(): void {
    const { shared, graph } = this.f;
    // The local keeps the budget also of functions without loops: calls of helpers write it back.
    this.f.loadFuel();
    if (shared.trust === 'unverified' && usesFrame(shared.code, graph, 0)) this.clearFrame(0);
    // Arguments come whole.
    this.f.hand(0);
  }

  /** A fresh frame is zero, so that a run depends on nothing that ran before; untouched frames need not be. */
  private clearFrame(depth: number): void {
    const { code } = this.f;
    if (this.zeroVector === undefined) this.zeroVector = this.f.local(w.V128);
    for (let at = 0; at < FRAME_SIZE; at += 16) {
      code.op1(w.LOCAL_GET, this.f.frame);
      code.op1(w.LOCAL_GET, this.zeroVector);
      code.op(w.SIMD);
      code.access(w.V128_STORE, depth * FRAME_SIZE + at);
    }
  }

  private body(node: number, block: Block): void {
    const { f } = this;
    const { code: words } = f.shared;
    f.enter(node, block);
    if (block.before !== undefined) this.crossing(block, block.before);
    f.begin(block);
    if (f.counts) this.charge(node, block);
    if (block.vector) this.vector(block.vector, block.next[0]!);
    for (let slot = block.from; slot < block.to; slot += width(words, slot)) {
      const pair = slot + 1 < block.to && isExtension(words, slot);
      f.before(slot, block, pair);
      if (pair) this.extension(slot);
      else this.instruction(slot);
      f.after(slot, block, pair);
      if (pair) slot += 1;
    }
    if (block.end === 'exit') {
      f.saveFuel();
      f.get(0);
      f.code.op(w.RETURN);
      return;
    }
    for (const next of block.next) f.hand(next);
  }

  /** Every block takes from the budget what it costs. */
  private charge(node: number, block: Block): void {
    const { code } = this.f;
    code.op1(w.LOCAL_GET, this.f.fuel);
    code.i32(blockSize(block));
    code.op(w.I32_SUB);
    if (node !== 0 && this.flow.isHeader[node] === 0) {
      code.op1(w.LOCAL_SET, this.f.fuel);
      return;
    }
    this.f.mark(block.from);
    code.op1(w.LOCAL_TEE, this.f.fuel);
    code.i32(0);
    code.op(w.I32_LT_S);
    code.op(w.IF);
    code.op(w.VOID);
    this.f.stop(STOP.fuel, block.from);
    code.op(w.END);
  }

  /** Turns of the loop that begins with the next block, several at a time, while at least one is left for the loop. */
  private vector(loop: VectorLoop, header: number): void {
    const { widths, context } = this.f;
    const sum = loop.work.kind === 'sum' ? loop.work.sum : -1;
    const liveIn = (register: number): boolean => {
      const index = 11 * context + register;
      return (widths.liveIn[header * widths.words + (index >> 5)]! & (1 << (index & 31))) !== 0;
    };
    if (!this.f.isShort(loop.counter)) return;
    if (loop.written.some((one) => one !== loop.counter && one !== sum && liveIn(one))) return;
    const turns = new VectorTurns(this.f.code, loop, {
      local: (type) => this.f.local(type),
      get32: (register) => this.f.get32(register),
    });
    turns.emit();
    if (loop.work.kind === 'sum') {
      if (loop.work.wide) this.f.get(sum);
      else this.f.get32(sum);
      turns.emitSum();
      this.f.code.op(loop.work.wide ? w.I64_ADD : w.I32_ADD);
      this.f.put(sum, !loop.work.wide);
    }
    if (this.f.counts) turns.emitCharge(this.f.fuel);
    this.f.code.op1(w.LOCAL_GET, turns.counter);
    this.f.put(loop.counter, true);
  }

  /** Arguments into an inlined function, or its result out of it. */
  private crossing(block: Block, { kind, other, call }: NonNullable<Block['before']>): void {
    const { code, shared, graph } = this.f;
    // A copy is held as the original is.
    const move = (from: number, to: number): void => {
      const narrow = this.f.narrow[from]!;
      code.op1(w.LOCAL_GET, this.f.at(from, narrow === 1));
      code.op1(w.LOCAL_SET, this.f.at(to, narrow === 1));
      this.f.narrow[to] = narrow;
    };
    const [inner, outer] = [11 * block.context, 11 * other];
    if (kind === 'leave') {
      move(outer, inner);
      return;
    }
    for (let register = 0; register < 10; register++) {
      if (register >= 1 && register <= 5) move(outer + register, inner + register);
      else {
        code.i32(0);
        code.op1(w.LOCAL_SET, this.f.at(inner + register, true));
        this.f.narrow[inner + register] = 1;
      }
    }
    this.f.context = block.context;
    const depth = graph.depth[block.context]!;
    if (shared.deep && shared.trust === 'unverified') this.f.checkDepth(call, depth - 1);
    if (shared.trust === 'unverified' && usesFrame(shared.code, graph, block.context)) this.clearFrame(depth);
  }

  private instruction(slot: number): void {
    const { f } = this;
    const { op, d, s, off, imm } = instructionAt(f.shared.code, slot);
    switch (op & 7) {
      case 7:
        if (op >> 4 === 13) swap(f, slot, d, imm, true);
        else alu64(f, slot, op, d, s, off, imm);
        return;
      case 4:
        if (op >> 4 === 13) swap(f, slot, d, imm, (op & 8) !== 0);
        else alu32(f, slot, op, d, s, off, imm);
        return;
      case 1:
        load(f, slot, op, d, s, off);
        return;
      case 2:
      case 3:
        if (op >> 5 === 6) atomic(f, slot, op, d, s, off, imm);
        else store(f, slot, op, d, s, off, imm);
        return;
      case 0:
        if (isPacketLoad(op)) packetLoad(f, slot, op, s, imm);
        else if (op !== 0x18) f.illegal(slot);
        else loadConstant(f, d, imm, f.shared.code[2 * slot + 3]!);
        return;
      default:
        call(f, slot, op, s, imm);
    }
  }

  /** See {@link isExtension}. */
  private extension(slot: number): void {
    const { code } = this.f.shared;
    const d = (code[2 * slot]! >>> 8) & 15;
    if ((code[2 * slot + 2]! & 0xff) !== 0xc7 || this.f.lower) {
      this.f.get32(d);
      this.f.set32(d);
    } else {
      this.f.get(d);
      this.f.code.op(w.I64_EXTEND32_S);
      this.f.set(d);
    }
  }
}

/** `r <<= 32; r >>= 32` and its signed form, which is how older instruction sets extend 32 bits. */
function isExtension(code: Int32Array, slot: number): boolean {
  const [first, second] = [code[2 * slot]!, code[2 * slot + 2]!];
  if (code[2 * slot + 1] !== 32 || code[2 * slot + 3] !== 32 || (first & 0xff) !== 0x67) return false;
  const op = second & 0xff;
  return (op === 0xc7 || op === 0x77) && ((second >>> 8) & 15) === ((first >>> 8) & 15);
}

/** Whether a context's instructions name r10: only then can a frame be told from one that was never cleared. */
function usesFrame(code: Int32Array, graph: Graph, context: number): boolean {
  for (const block of graph.blocks) {
    if (block.context !== context) continue;
    for (let slot = block.from; slot <= block.to && 2 * slot < code.length; slot += width(code, slot)) {
      if ((code[2 * slot]! & 0xf00) === 0xa00 || (code[2 * slot]! & 0xf000) === 0xa000) return true;
    }
  }
  return false;
}
