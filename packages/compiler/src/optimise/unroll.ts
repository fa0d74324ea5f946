import { createParam } from '../ir/build.ts';
import { bytesOf, constant, evaluateBinary, evaluateByteSwap, evaluateCast, evaluateCompare } from '../ir/constant.ts';
import { dominatorsOf, type Graph, graphOf, type Loop, loopsOf, removeUnreachable } from '../ir/graph.ts';
import type { AllocaInst, Block, Const, Func, Inst, Param, ScalarType, Value } from '../ir/ir.ts';
import { cloneInst, cloneTerminator, forEachOperand, isLocal, mapOperands, targetsOf } from '../ir/uses.ts';
import { promoteAllocas } from './mem2reg.ts';

/**
 * Unrolls the loops whose source asks for it (`#pragma unroll`) and whose number of iterations is constant. What asks
 * and cannot be counted stays a loop. Inner loops come first; the outer ones are then counted anew.
 */
export function unrollLoops(func: Func): boolean {
  let changed = false;
  for (let round = 0; round < MAX_LOOPS; round++) {
    const graph = graphOf(func);
    const found = findLoop(func, graph);
    if (found === undefined) break;
    unroll(func, graph, found.loop, found.iterations);
    changed = true;
  }
  return changed;
}

const MAX_LOOPS = 256;
/** Instructions that one loop may become. */
const MAX_UNROLLED = 65_536;
const MAX_ITERATIONS = 4096;

function findLoop(_func: Func, graph: Graph): { loop: Loop; iterations: number } | undefined {
  const hinted = graph.order.some(({ term }) => isHinted(term));
  if (!hinted) return undefined;
  for (const loop of loopsOf(graph, dominatorsOf(graph))) {
    if (!loop.latches.some((latch) => isHinted(graph.order[latch]!.term))) continue;
    const iterations = countIterations(graph, loop);
    if (iterations === undefined) continue;
    let size = 0;
    for (const index of loop.blocks) size += graph.order[index]!.insts.length + 1;
    if (size * iterations <= MAX_UNROLLED) return { loop, iterations };
  }
  return undefined;
}

function isHinted(term: Block['term']): boolean {
  if (term.kind !== 'jump' && term.kind !== 'branch') return false;
  return term.unroll === 'full' || (typeof term.unroll === 'number' && term.unroll > 1);
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
  for (let iterations = 1; iterations <= MAX_ITERATIONS; iterations++) {
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
  if (inst.kind === 'cast') {
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

/** Copies the loop's blocks once for each iteration; the last one cannot go back. */
function unroll(func: Func, graph: Graph, loop: Loop, iterations: number): void {
  const blocks = [...loop.blocks].sort((a, b) => a - b).map((index) => graph.order[index]!);
  const header = graph.order[loop.header]!;
  const slots = leaveThroughMemory(func, new Set(blocks));
  const copies: { blocks: Map<Block, Block>; values: Map<Value, Value> }[] = [];
  for (let i = 0; i < iterations; i++) copies.push(copyBlocks(blocks));
  const never: Block = { params: [], insts: [], term: { kind: 'unreachable', span: undefined } };
  for (const [i, copy] of copies.entries()) {
    const map = (value: Value) => copy.values.get(value) ?? value;
    for (const [original, block] of copy.blocks) {
      for (const inst of block.insts) mapOperands(inst, map);
      const term = cloneTerminator(original.term);
      mapOperands(term, map);
      for (const target of targetsOf(term)) {
        if (target.block !== header) {
          target.block = copy.blocks.get(target.block) ?? target.block;
          continue;
        }
        const next = copies[i + 1]?.blocks.get(header);
        target.block = next ?? never;
        if (next === undefined) target.args = [];
      }
      block.term = term.kind === 'jump' || term.kind === 'branch' ? { ...term, unroll: undefined } : term;
    }
  }
  const first = copies[0]!.blocks.get(header)!;
  for (const edge of graph.edges[loop.header]!) {
    if (!loop.blocks.has(graph.indexOf.get(edge.from)!)) edge.target.block = first;
  }
  const at = func.blocks.indexOf(header);
  func.blocks.splice(
    at < 0 ? func.blocks.length : at,
    0,
    ...copies.flatMap((copy) => [...copy.blocks.values()]),
    never,
  );
  removeUnreachable(func);
  if (slots) promoteAllocas(func);
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
function leaveThroughMemory(func: Func, inLoop: ReadonlySet<Block>): boolean {
  const home = new Map<Value, Block>();
  for (const block of inLoop) {
    for (const param of block.params) home.set(param, block);
    for (const inst of block.insts) home.set(inst, block);
  }
  const slots = new Map<Value, AllocaInst>();
  for (const block of func.blocks) {
    if (inLoop.has(block)) continue;
    const loads: { at: Inst | Block['term']; load: Inst; of: Value }[] = [];
    for (const user of [...block.insts, block.term]) {
      forEachOperand(user, (value) => {
        if (!isLocal(value) || !home.has(value)) return;
        let slot = slots.get(value);
        if (slot === undefined) {
          const size = bytesOf(value.type as ScalarType);
          slot = { kind: 'alloca', type: 'ptr', size, align: size, name: undefined, span: undefined };
          slots.set(value, slot);
        }
        if (loads.some((one) => one.at === user && one.of === value)) return;
        const type = value.type;
        const load: Inst = {
          kind: 'load',
          type,
          address: slot,
          offset: 0,
          align: slot.align,
          volatile: false,
          span: undefined,
        };
        loads.push({ at: user, load, of: value });
      });
    }
    if (loads.length === 0) continue;
    const kept: Inst[] = [];
    for (const user of [...block.insts, block.term]) {
      const own = new Map<Value, Value>();
      for (const one of loads) {
        if (one.at !== user) continue;
        kept.push(one.load);
        own.set(one.of, one.load);
      }
      if (own.size > 0) mapOperands(user, (value) => own.get(value) ?? value);
      if (user !== block.term) kept.push(user as Inst);
    }
    block.insts = kept;
  }
  for (const [value, slot] of slots) {
    const block = home.get(value)!;
    const { align } = slot;
    const store: Inst = {
      kind: 'store',
      type: 'void',
      address: slot,
      offset: 0,
      value,
      align,
      volatile: false,
      span: undefined,
    };
    const at = value.kind === 'param' ? 0 : block.insts.indexOf(value as Inst) + 1;
    block.insts.splice(at, 0, store);
    func.blocks[0]!.insts.unshift(slot);
  }
  return slots.size > 0;
}
