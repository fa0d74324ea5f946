import { dominatorsOf, type Graph, graphOf, type Loop, loopsOf, removeUnreachable } from '../ir/graph.ts';
import type { Block, Const, Func, Param, Value } from '../ir/ir.ts';
import { sizeOfBlock, targetsOf } from '../ir/uses.ts';
import { copyBlocks, leaveThroughMemory } from './copy-blocks.ts';
import { constantOf, evaluate } from './evaluate.ts';
import { promoteAllocas } from './mem2reg.ts';

/**
 * Unrolls the loops whose source asks for it (`#pragma unroll`), or that index the context, and whose number of iterations
 * is constant. Where it asks for fewer copies than there are iterations, a loop over so many copies is left. What asks and
 * cannot be counted stays a loop. Inner loops come first; the outer ones are then counted anew.
 */
export function unrollLoops(func: Func): boolean {
  let changed = false;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (!asksToUnroll(func)) break;
    const graph = graphOf(func);
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

export function asksToUnroll(func: Func): boolean {
  return func.blocks.some((block) => isHinted(block.term) || indexesContext(block));
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

function isEqual(value: Value, to: Const): boolean {
  return value.kind === 'const' && value.value === to.value;
}

/** The blocks themselves are the first iteration, copies of them the others; if these are all, the last cannot go back. */
function unroll(func: Func, { header, blocks, copies: count, whole }: Found): void {
  const originals = [...blocks];
  const copies = Array.from({ length: count - 1 }, () => [...copyBlocks(originals).blocks.values()]);
  const at = originals.indexOf(header);
  const never: Block = { params: [], insts: [], term: { kind: 'unreachable', span: undefined } };
  const last = whole ? never : header;
  for (const [i, copy] of [originals, ...copies].entries()) {
    const next = copies[i]?.[at] ?? last;
    for (const block of copy) goOn(block, copy[at]!, next);
  }
  const after = func.blocks.indexOf(originals[originals.length - 1]!) + 1;
  func.blocks.splice(after, 0, ...copies.flat(), ...(whole ? [never] : []));
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
