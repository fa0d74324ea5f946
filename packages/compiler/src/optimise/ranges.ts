import { bitsOf, FALSE, INVERSE, SWAPPED, TRUE, typeOf } from '../ir/constant.ts';
import { dominatorsOf, type Graph, graphOf } from '../ir/graph.ts';
import type { BinaryInst, Block, CompareInst, CompareOp, Func, Inst, ScalarType, Value } from '../ir/ir.ts';
import { isLocal, replaceValues } from '../ir/uses.ts';
import { usedBits } from './known.ts';

/**
 * What branches say about the values that they compare: further compares that are decided by it, and signed operations
 * on what is not negative. Verifiers draw the same conclusions from the same branches, so nothing that they need goes.
 */
export function applyRanges(func: Func): boolean {
  const graph = graphOf(func);
  if (graph.order.length === 1) return false;
  return new Ranges(func, graph).run();
}

/** Inclusive bounds of the number as unsigned and as signed. */
interface Range {
  readonly low: bigint;
  readonly high: bigint;
  readonly least: bigint;
  readonly most: bigint;
}

class Ranges {
  private readonly func: Func;
  private readonly graph: Graph;
  /** Of values that a branch on the way to the current block has compared. */
  private readonly facts = new Map<Value, Range>();
  private readonly replacements = new Map<Value, Value>();
  private changed = false;

  constructor(func: Func, graph: Graph) {
    this.func = func;
    this.graph = graph;
  }

  run(): boolean {
    const { children } = dominatorsOf(this.graph);
    type Undo = { readonly value: Value; readonly before: Range | undefined };
    const path: { node: number; next: number; undo: Undo[] }[] = [{ node: 0, next: -1, undo: [] }];
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      if (top.next === -1) {
        this.learn(top.node, (value, range) => {
          top.undo.push({ value, before: this.facts.get(value) });
          this.facts.set(value, range);
        });
        if (this.facts.size > 0) this.block(this.graph.order[top.node]!);
        top.next = 0;
      }
      const child = children[top.node]![top.next++];
      if (child !== undefined) {
        path.push({ node: child, next: -1, undo: [] });
        continue;
      }
      for (let undo = top.undo.pop(); undo !== undefined; undo = top.undo.pop()) {
        if (undo.before === undefined) this.facts.delete(undo.value);
        else this.facts.set(undo.value, undo.before);
      }
      path.pop();
    }
    replaceValues(this.func, this.replacements);
    return this.changed || this.replacements.size > 0;
  }

  /** What the only branch that leads to the block says. */
  private learn(node: number, set: (value: Value, range: Range) => void): void {
    const edges = this.graph.edges[node]!;
    if (edges.length !== 1) return;
    const { from, target } = edges[0]!;
    const { term } = from;
    if (term.kind === 'switch') {
      const one = term.cases.find((other) => other.target === target);
      if (one !== undefined && isLocal(term.value)) set(term.value, exactly(one.value, widthOf(term.value)));
      return;
    }
    if (term.kind !== 'branch' || term.condition.kind !== 'compare') return;
    const { a, b } = term.condition;
    if (typeOf(a) === 'ptr' || typeOf(a) === 'i1') return;
    const op = target === term.then ? term.condition.op : INVERSE[term.condition.op];
    this.bound(op, a, b, set);
    this.bound(SWAPPED[op], b, a, set);
  }

  private bound(op: CompareOp, a: Value, b: Value, set: (value: Value, range: Range) => void): void {
    if (!isLocal(a)) return;
    const range = narrowed(this.of(a), op, this.of(b), widthOf(a));
    if (range === undefined) return;
    set(a, range);
    // A number that was widened by zeros is the number it was made from.
    if (a.kind === 'cast' && a.op === 'zext' && isLocal(a.value) && typeOf(a.value) !== 'i1') {
      const bits = widthOf(a.value);
      if (range.high < 1n << BigInt(bits))
        set(a.value, tightened({ ...all(bits), low: range.low, high: range.high }, bits));
    }
  }

  private block(block: Block): void {
    for (const inst of block.insts) {
      const value = this.rewrite(inst);
      if (value !== undefined) this.replacements.set(inst, value);
    }
  }

  private rewrite(inst: Inst): Value | undefined {
    switch (inst.kind) {
      case 'compare':
        return this.decide(inst);
      case 'binary':
        return this.unsign(inst);
      case 'cast':
        if (inst.op !== 'sext' || inst.value.kind === 'const' || this.of(inst.value).least < 0n) return undefined;
        (inst as { op: 'zext' }).op = 'zext';
        this.changed = true;
        return undefined;
      default:
        return undefined;
    }
  }

  private decide({ op, a, b }: CompareInst): Value | undefined {
    const type = typeOf(a) as ScalarType;
    if (type === 'ptr' || type === 'i1' || (!this.facts.has(a) && !this.facts.has(b))) return undefined;
    const x = this.of(a);
    const y = this.of(b);
    if (never(x, op, y)) return FALSE;
    return never(x, INVERSE[op], y) ? TRUE : undefined;
  }

  private unsign(inst: BinaryInst): undefined {
    const { op, a, b } = inst;
    if (op !== 'sdiv' && op !== 'srem' && op !== 'ashr') return;
    if (this.of(a).least < 0n || (op !== 'ashr' && this.of(b).least < 0n)) return;
    (inst as { op: BinaryInst['op'] }).op = op === 'sdiv' ? 'udiv' : op === 'srem' ? 'urem' : 'lshr';
    this.changed = true;
  }

  private of(value: Value): Range {
    const bits = widthOf(value);
    if (value.kind === 'const') return exactly(value.value, bits);
    const known = this.facts.get(value);
    if (known !== undefined) return known;
    const used = usedBits(value, true);
    if (used >= bits) return all(bits);
    return tightened({ ...all(bits), high: (1n << BigInt(used)) - 1n }, bits);
  }
}

function widthOf(value: Value): number {
  return bitsOf(typeOf(value) as ScalarType);
}

function all(bits: number): Range {
  const half = 1n << BigInt(bits - 1);
  return { low: 0n, high: 2n * half - 1n, least: -half, most: half - 1n };
}

function exactly(value: bigint, bits: number): Range {
  const low = BigInt.asUintN(bits, value);
  const least = BigInt.asIntN(bits, value);
  return { low, high: low, least, most: least };
}

/** What holds where `a op b`; undefined when that says nothing new. */
function narrowed(a: Range, op: CompareOp, b: Range, bits: number): Range | undefined {
  let { low, high, least, most } = a;
  switch (op) {
    case 'eq':
      low = larger(low, b.low);
      high = smaller(high, b.high);
      least = larger(least, b.least);
      most = smaller(most, b.most);
      break;
    case 'ne':
      if (b.low !== b.high) return undefined;
      if (low === b.low) low += 1n;
      if (high === b.low) high -= 1n;
      if (least === b.least) least += 1n;
      if (most === b.least) most -= 1n;
      break;
    case 'ult':
      high = smaller(high, b.high - 1n);
      break;
    case 'ule':
      high = smaller(high, b.high);
      break;
    case 'ugt':
      low = larger(low, b.low + 1n);
      break;
    case 'uge':
      low = larger(low, b.low);
      break;
    case 'slt':
      most = smaller(most, b.most - 1n);
      break;
    case 'sle':
      most = smaller(most, b.most);
      break;
    case 'sgt':
      least = larger(least, b.least + 1n);
      break;
    case 'sge':
      least = larger(least, b.least);
      break;
  }
  if (low === a.low && high === a.high && least === a.least && most === a.most) return undefined;
  // Nobody comes here: the branch itself will be decided elsewhere.
  if (low > high || least > most) return undefined;
  return tightened({ low, high, least, most }, bits);
}

/** Where all numbers have one sign, both views of them say the same. */
function tightened({ low, high, least, most }: Range, bits: number): Range {
  const half = 1n << BigInt(bits - 1);
  let range: Range = { low, high, least, most };
  if (high < half || low >= half) {
    const from = high < half ? 0n : 2n * half;
    range = { low, high, least: larger(least, low - from), most: smaller(most, high - from) };
  } else if (least >= 0n || most < 0n) {
    const from = least >= 0n ? 0n : 2n * half;
    range = { low: larger(low, least + from), high: smaller(high, most + from), least, most };
  }
  return range.low > range.high || range.least > range.most ? { low, high, least, most } : range;
}

/** No two numbers of the ranges compare so. */
function never(a: Range, op: CompareOp, b: Range): boolean {
  switch (op) {
    case 'eq':
      return a.high < b.low || b.high < a.low || a.most < b.least || b.most < a.least;
    case 'ne':
      return a.low === a.high && b.low === b.high && a.low === b.low;
    case 'ult':
      return a.low >= b.high;
    case 'ule':
      return a.low > b.high;
    case 'ugt':
      return a.high <= b.low;
    case 'uge':
      return a.high < b.low;
    case 'slt':
      return a.least >= b.most;
    case 'sle':
      return a.least > b.most;
    case 'sgt':
      return a.most <= b.least;
    case 'sge':
      return a.most < b.least;
  }
}

const larger = (a: bigint, b: bigint) => (a > b ? a : b);
const smaller = (a: bigint, b: bigint) => (a < b ? a : b);
