import { typeOf } from '../ir/constant.ts';
import { removeUnreachable } from '../ir/graph.ts';
import type { Block, Const, Func, Inst, LoadInst, Value } from '../ir/ir.ts';
import { forEachOperand, isLocal, sizeOfBlock, targetsOf } from '../ir/uses.ts';
import { areApart } from './alias.ts';
import { copyBlocks, leaveThroughMemory } from './copy-blocks.ts';
import { constantOf, evaluate } from './evaluate.ts';
import { promoteAllocas } from './mem2reg.ts';

/**
 * Where a branch can lead back to a place that stores what the branch depends on, the way from there gets a copy of the
 * block that asks: in the copy the answer is known. So a `goto` back to where things are made such that the test will
 * succeed is no loop for verifiers.
 */
export function decideEarly(func: Func): boolean {
  const entry = func.blocks[0]!;
  let changed = false;
  let before: Map<Block, Block[]> | undefined;
  for (const block of func.blocks.slice()) {
    if (block === entry || block.term.kind !== 'branch' || block.term.unroll !== undefined) continue;
    if (sizeOfBlock(block) > MAX_COPIED || block.insts.some((inst) => inst.kind === 'call' || inst.kind === 'asm'))
      continue;
    const [load] = block.insts.filter((inst) => inst.kind === 'load');
    if (load === undefined || load.volatile) continue;
    before ??= waysOf(func);
    const ways = before.get(block) ?? [];
    if (ways.length < 2) continue;
    const decided = ways.filter((way) => decides(block, load, way) && reaches(block, way));
    // With all of them the original would not be there any more.
    if (decided.length === 0 || decided.length === ways.length) continue;
    leaveThroughMemory(func, [new Set([block])]);
    for (const way of decided) {
      const copy = copyBlocks([block]).blocks.get(block)!;
      for (const target of targetsOf(way.term)) if (target.block === block) target.block = copy;
      for (const target of targetsOf(copy.term)) if (target.block === copy) target.block = block;
      func.blocks.splice(func.blocks.indexOf(block) + 1, 0, copy);
    }
    changed = true;
    before = undefined;
  }
  if (!changed) return false;
  removeUnreachable(func);
  promoteAllocas(func);
  return true;
}

/** Instructions of a block that is copied. */
const MAX_COPIED = 10;

/** By block: the others that lead to it. */
function waysOf(func: Func): Map<Block, Block[]> {
  const ways = new Map<Block, Block[]>();
  for (const from of func.blocks) {
    for (const { block } of targetsOf(from.term)) {
      if (block === from) continue;
      const list = ways.get(block);
      if (list === undefined) ways.set(block, [from]);
      else if (list.at(-1) !== from) list.push(from);
    }
  }
  return ways;
}

function reaches(from: Block, to: Block): boolean {
  const seen = new Set([from]);
  const work = [from];
  for (let block = work.pop(); block !== undefined; block = work.pop()) {
    if (block === to) return true;
    for (const target of targetsOf(block.term)) {
      if (seen.has(target.block)) continue;
      seen.add(target.block);
      work.push(target.block);
    }
  }
  return false;
}

/** Coming from `way`, which has stored what the load reads, the branch has only one way to go on. */
function decides(block: Block, load: LoadInst, way: Block): boolean {
  const { term } = way;
  if (term.kind !== 'jump' || block.term.kind !== 'branch') return false;
  const stored = storedBefore(block, load, way);
  if (stored === undefined) return false;
  const known = new Map<Value, Const>([[load, stored]]);
  for (const [i, param] of block.params.entries()) {
    const arg = term.target.args[i]!;
    if (arg.kind === 'const') known.set(param, arg);
  }
  for (const inst of block.insts) {
    const value = evaluate(inst, known);
    if (value !== undefined) known.set(inst, value);
  }
  return constantOf(block.term.condition, known) !== undefined;
}

/** The constant that is in memory where the load reads it when control comes from `way`. */
function storedBefore(block: Block, load: LoadInst, way: Block): Const | undefined {
  for (const inst of block.insts) {
    if (inst === load) break;
    if (mayWrite(inst)) return undefined;
  }
  for (const inst of way.insts.toReversed()) {
    if (inst.kind === 'store' && inst.offset === load.offset && isSame(inst.address, load.address)) {
      const { value } = inst;
      return value.kind === 'const' && typeOf(value) === load.type ? value : undefined;
    }
    if (mayWrite(inst) && !(inst.kind === 'store' && areApart(inst, load))) return undefined;
  }
  return undefined;
}

function mayWrite({ kind }: Inst): boolean {
  return !(kind === 'load' || kind === 'compare' || kind === 'note' || kind === 'core' || isArithmetic(kind));
}

function isArithmetic(kind: Inst['kind']): boolean {
  return kind === 'binary' || kind === 'cast' || kind === 'ptradd' || kind === 'bswap' || kind === 'select';
}

/** The same address, also where it was made twice. */
function isSame(a: Value, b: Value, depth = 4): boolean {
  if (a === b) return true;
  if (a.kind === 'const' && b.kind === 'const') return a.type === b.type && a.value === b.value;
  if (depth === 0 || a.kind !== b.kind || !isLocal(a)) return false;
  if (a.kind === 'cast' && b.kind === 'cast' && (a.op !== b.op || a.type !== b.type)) return false;
  if (a.kind === 'binary' && b.kind === 'binary' && a.op !== b.op) return false;
  if (a.kind !== 'cast' && a.kind !== 'binary' && a.kind !== 'ptradd') return false;
  const others: Value[] = [];
  forEachOperand(b as Inst, (value) => others.push(value));
  let same = true;
  let i = 0;
  forEachOperand(a, (value) => {
    same &&= isSame(value, others[i++]!, depth - 1);
  });
  return same;
}
