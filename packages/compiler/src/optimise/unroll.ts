import { createParam } from '../ir/build.ts';
import {
  bytesOf,
  constant,
  evaluateBinary,
  evaluateByteSwap,
  evaluateCast,
  evaluateCompare,
  isSpaceCast,
  typeOf,
} from '../ir/constant.ts';
import { dominatorsOf, type Graph, graphOf, type Loop, loopsOf, removeUnreachable } from '../ir/graph.ts';
import type { AllocaInst, Block, Const, Func, Inst, Param, ScalarType, Value } from '../ir/ir.ts';
import {
  cloneInst,
  cloneTerminator,
  forEachOperand,
  isLocal,
  mapOperands,
  sizeOfBlock,
  targetsOf,
} from '../ir/uses.ts';
import { promoteAllocas } from './mem2reg.ts';

/**
 * Unrolls the loops whose source asks for it (`#pragma unroll`), or that index the context, and whose number of iterations
 * is constant. Where it asks for fewer copies than there are iterations, a loop over so many copies is left. What asks and
 * cannot be counted stays a loop. Inner loops come first; the outer ones are then counted anew.
 */
export function unrollLoops(func: Func): boolean {
  let changed = false;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const graph = graphOf(func);
    if (!graph.order.some((block) => isHinted(block.term) || indexesContext(block))) break;
    const found = findLoops(graph);
    if (found.length === 0) break;
    const slots = leaveThroughMemory(
      func,
      found.map((one) => one.blocks),
    );
    for (const one of found) unroll(func, one);
    removeUnreachable(func);
    if (slots) promoteAllocas(func);
    changed = true;
  }
  return changed;
}

/** Loops in loops. */
const MAX_DEPTH = 8;
/** Instructions that one loop may become. */
const MAX_UNROLLED = 65_536;
const MAX_ITERATIONS = 4096;

interface Found {
  readonly header: Block;
  readonly blocks: ReadonlySet<Block>;
  /** How often the loop's code will be there. */
  readonly copies: number;
  /** The copies are all iterations. */
  readonly whole: boolean;
}

/** Loops to unroll that have no block in common, the innermost. */
function findLoops(graph: Graph): Found[] {
  const found: Found[] = [];
  const taken = new Set<number>();
  for (const loop of loopsOf(graph, dominatorsOf(graph))) {
    const latches = loop.latches.map((latch) => graph.order[latch]!.term);
    const needs = [...loop.blocks].some((index) => indexesContext(graph.order[index]!));
    if (!latches.some(isHinted) && (latches.some(isLeft) || !needs)) continue;
    if ([...loop.blocks].some((index) => taken.has(index))) continue;
    const iterations = countIterations(graph, loop);
    if (iterations === undefined) continue;
    for (const index of loop.blocks) taken.add(index);
    const indices = [...loop.blocks].sort((x, y) => x - y);
    const blocks = new Set(indices.map((index) => graph.order[index]!));
    const wanted = needs ? iterations : Math.min(...latches.map(wantedCopies));
    // Where the header tests, it is entered once more than the body runs.
    const whole = iterations <= wanted + 1;
    found.push({ header: graph.order[loop.header]!, blocks, copies: whole ? iterations : wanted, whole });
  }
  return found;
}

/** A field of the context by a number that varies: verifiers take constant offsets only, so the loop cannot stay. */
function indexesContext(block: Block): boolean {
  return block.insts.some((inst) => {
    if (inst.kind !== 'ptradd' || inst.offset.kind === 'const' || inst.offset.kind === 'core') return false;
    let root = inst.base;
    while (root.kind === 'ptradd') root = root.base;
    return root.kind === 'param' && root.origin === 'context';
  });
}

/** `#pragma unroll(disable)` */
function isLeft(term: Block['term']): boolean {
  return (term.kind === 'jump' || term.kind === 'branch') && term.unroll === 'disable';
}

function isHinted(term: Block['term']): boolean {
  if (term.kind !== 'jump' && term.kind !== 'branch') return false;
  return term.unroll === 'full' || (typeof term.unroll === 'number' && term.unroll > 1);
}

function wantedCopies(term: Block['term']): number {
  const asked = term.kind === 'jump' || term.kind === 'branch' ? term.unroll : undefined;
  return typeof asked === 'number' && asked > 1 ? asked : Number.POSITIVE_INFINITY;
}

/**
 * Runs the loop with what is constant in it, until a branch leaves it: how often its header is entered. Undefined when
 * a branch in the loop that could leave it depends on something that is not constant before the count is known.
 */
function countIterations(graph: Graph, loop: Loop): number | undefined {
  const header = graph.order[loop.header]!;
  const known = new Map<Value, Const>();
  const outside = graph.edges[loop.header]!.filter((edge) => !loop.blocks.has(graph.indexOf.get(edge.from)!));
  const inside = graph.edges[loop.header]!.filter((edge) => loop.blocks.has(graph.indexOf.get(edge.from)!));
  for (const [i, param] of header.params.entries()) {
    const first = outside[0]?.target.args[i];
    if (first?.kind !== 'const') continue;
    if (outside.every((edge) => isEqual(edge.target.args[i]!, first))) known.set(param, first);
  }
  const order = [...loop.blocks].sort((a, b) => a - b).map((index) => graph.order[index]!);
  let size = 0;
  for (const block of order) size += sizeOfBlock(block) + 1;
  const most = Math.min(MAX_ITERATIONS, Math.floor(MAX_UNROLLED / size));
  for (let iterations = 1; iterations <= most; iterations++) {
    for (const block of order) {
      for (const inst of block.insts) {
        const value = evaluate(inst, known);
        if (value === undefined) known.delete(inst);
        else known.set(inst, value);
      }
    }
    if (staysOut(order, header, known)) return iterations;
    const next = new Map<Param, Const | undefined>();
    for (const [i, param] of header.params.entries()) {
      const values = inside.map((edge) => constantOf(edge.target.args[i]!, known));
      const first = values[0];
      next.set(param, first !== undefined && values.every((one) => one?.value === first.value) ? first : undefined);
    }
    if ([...next.values()].every((value) => value === undefined)) return undefined;
    known.clear();
    for (const [param, value] of next) if (value !== undefined) known.set(param, value);
  }
  return undefined;
}

/** With what is known, no path from the header leads back to it. */
function staysOut(order: readonly Block[], header: Block, known: ReadonlyMap<Value, Const>): boolean {
  const inLoop = new Set(order);
  const seen = new Set<Block>([header]);
  const work = [header];
  for (let block = work.pop(); block !== undefined; block = work.pop()) {
    const { term } = block;
    let targets = targetsOf(term);
    if (term.kind === 'branch') {
      const condition = constantOf(term.condition, known);
      if (condition !== undefined) targets = [condition.value === 1n ? term.then : term.else];
    }
    for (const target of targets) {
      if (target.block === header) return false;
      if (!inLoop.has(target.block) || seen.has(target.block)) continue;
      seen.add(target.block);
      work.push(target.block);
    }
  }
  return true;
}

function constantOf(value: Value, known: ReadonlyMap<Value, Const>): Const | undefined {
  return value.kind === 'const' ? value : known.get(value);
}

function isEqual(value: Value, to: Const): boolean {
  return value.kind === 'const' && value.value === to.value;
}

function evaluate(inst: Inst, known: ReadonlyMap<Value, Const>): Const | undefined {
  const type = inst.type as ScalarType;
  if (inst.kind === 'cast' && !isSpaceCast(inst.op)) {
    const value = constantOf(inst.value, known);
    return value && constant(type, evaluateCast(inst.op, value.type, type, value.value));
  }
  if (inst.kind === 'bswap') {
    const value = constantOf(inst.value, known);
    return value && constant(type, evaluateByteSwap(type, value.value));
  }
  if (inst.kind !== 'binary' && inst.kind !== 'compare') return undefined;
  const a = constantOf(inst.a, known);
  const b = constantOf(inst.b, known);
  if (a === undefined || b === undefined) return undefined;
  if (inst.kind === 'binary') return constant(type, evaluateBinary(inst.op, type, a.value, b.value));
  return constant('i1', evaluateCompare(inst.op, a.type, a.value, b.value) ? 1n : 0n);
}

/** The blocks themselves are the first iteration, copies of them the others; if these are all, the last cannot go back. */
function unroll(func: Func, { header, blocks, copies: count, whole }: Found): void {
  const originals = [...blocks];
  const copies: { blocks: Map<Block, Block>; values: Map<Value, Value> }[] = [];
  for (let i = 1; i < count; i++) copies.push(copyBlocks(originals));
  const never: Block = { params: [], insts: [], term: { kind: 'unreachable', span: undefined } };
  const last = whole ? never : header;
  for (const [i, copy] of copies.entries()) {
    const map = (value: Value) => copy.values.get(value) ?? value;
    for (const [original, block] of copy.blocks) {
      for (const inst of block.insts) mapOperands(inst, map);
      block.term = cloneTerminator(original.term);
      mapOperands(block.term, map);
      for (const target of targetsOf(block.term)) {
        if (target.block !== header) target.block = copy.blocks.get(target.block) ?? target.block;
      }
      goOn(block, header, copies[i + 1]?.blocks.get(header) ?? last);
    }
  }
  for (const block of originals) goOn(block, header, copies[0]?.blocks.get(header) ?? last);
  const after = func.blocks.indexOf(originals[originals.length - 1]!) + 1;
  func.blocks.splice(after, 0, ...copies.flatMap((copy) => [...copy.blocks.values()]), ...(whole ? [never] : []));
}

/** Back edges lead to the next iteration. */
function goOn(block: Block, header: Block, next: Block): void {
  for (const target of targetsOf(block.term)) {
    if (target.block !== header) continue;
    target.block = next;
    if (next.params.length === 0) target.args = [];
  }
  const { term } = block;
  if (term.kind === 'jump' || term.kind === 'branch') block.term = { ...term, unroll: undefined };
}

function copyBlocks(blocks: readonly Block[]): { blocks: Map<Block, Block>; values: Map<Value, Value> } {
  const copies = new Map<Block, Block>();
  const values = new Map<Value, Value>();
  for (const block of blocks) {
    const copy: Block = { params: [], insts: [], term: block.term };
    for (const param of block.params) {
      const own = createParam(param.type, param.name);
      values.set(param, own);
      copy.params.push(own);
    }
    for (const inst of block.insts) {
      const own = cloneInst(inst);
      values.set(inst, own);
      copy.insts.push(own);
    }
    copies.set(block, copy);
  }
  return { blocks: copies, values };
}

/**
 * Values of the loop that are used after it go through allocas, which promotion then turns into parameters where the
 * ways out of the copies meet.
 */
function leaveThroughMemory(func: Func, loops: readonly ReadonlySet<Block>[]): boolean {
  const loopOf = new Map<Block, ReadonlySet<Block>>();
  const home = new Map<Value, Block>();
  for (const loop of loops) {
    for (const block of loop) {
      loopOf.set(block, loop);
      for (const param of block.params) home.set(param, block);
      for (const inst of block.insts) home.set(inst, block);
    }
  }
  const slots = new Map<Value, Slot>();
  for (const block of func.blocks) {
    const inLoop = loopOf.get(block);
    const kept: Inst[] = [];
    let changed = false;
    const outside = (value: Value) => {
      const from = isLocal(value) ? home.get(value) : undefined;
      return from !== undefined && loopOf.get(from) !== inLoop;
    };
    for (const user of [...block.insts, block.term]) {
      const loads = new Map<Value, Inst>();
      if (user.kind === 'note' && user.value !== undefined && outside(user.value)) user.value = undefined;
      forEachOperand(user, (value) => {
        if (!outside(value) || loads.has(value)) return;
        const load = loadOf(slotOf(slots, value));
        loads.set(value, load);
        kept.push(load);
      });
      if (loads.size > 0) {
        mapOperands(user, (value) => loads.get(value) ?? value);
        changed = true;
      }
      if (user !== block.term) kept.push(user as Inst);
    }
    if (changed) block.insts = kept;
  }
  for (const [value, { alloca }] of slots) {
    const block = home.get(value)!;
    const { align, span } = alloca;
    const store: Inst = {
      kind: 'store',
      type: 'void',
      address: alloca,
      offset: 0,
      value,
      align,
      volatile: false,
      span,
    };
    block.insts.splice(value.kind === 'param' ? 0 : block.insts.indexOf(value as Inst) + 1, 0, store);
    func.blocks[0]!.insts.unshift(alloca);
  }
  return slots.size > 0;
}

interface Slot {
  readonly alloca: AllocaInst;
  readonly type: ScalarType;
}

function slotOf(slots: Map<Value, Slot>, value: Value): Slot {
  let slot = slots.get(value);
  if (slot === undefined) {
    const type = typeOf(value) as ScalarType;
    const size = bytesOf(type);
    const alloca: AllocaInst = { kind: 'alloca', type: 'ptr', size, align: size, name: undefined, span: undefined };
    slot = { alloca, type };
    slots.set(value, slot);
  }
  return slot;
}

function loadOf({ alloca, type }: Slot): Inst {
  const { align, span } = alloca;
  return { kind: 'load', type, address: alloca, offset: 0, align, volatile: false, span };
}
