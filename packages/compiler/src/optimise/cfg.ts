import { createBranch } from '../ir/build.ts';
import {
  constant,
  evaluateBinary,
  evaluateCast,
  evaluateCompare,
  FALSE,
  isSpaceCast,
  sameValue,
  TRUE,
  typeOf,
} from '../ir/constant.ts';
import { dominatorsOf, graphOf, removeUnreachable } from '../ir/graph.ts';
import type { Block, Const, Func, Inst, Param, ScalarType, Target, Terminator, Value } from '../ir/ir.ts';
import { forEachOperand, forEachUser, isLocal, replaceValues, sizeOfBlock, targetsOf } from '../ir/uses.ts';

/**
 * Control flow: decided branches, blocks that only lead on, straight lines in one block, parameters that always get the
 * same argument. Blocks are never merged because their ends look alike: the same load reached with two kinds of
 * pointers is what verifiers refuse.
 */
export function simplifyControlFlow(func: Func): boolean {
  let changed = removeUnreachable(func);
  // Each again until none of them has found anything since it was its turn.
  for (let turn = 0, idle = 0; idle < STEPS.length && turn < ROUNDS * STEPS.length; turn++) {
    idle += 1;
    if (!STEPS[turn % STEPS.length]!(func)) continue;
    idle = 0;
    changed = true;
  }
  return changed;
}

const ROUNDS = 16;
const STEPS: readonly ((func: Func) => boolean)[] = [
  simplifyTerminators,
  shareReturns,
  askOnce,
  threadJumps,
  removeUnreachable,
  removeParams,
  mergeLines,
];

function simplifyTerminators(func: Func): boolean {
  let changed = false;
  for (const block of func.blocks) if (simplifyTerminator(block)) changed = true;
  return changed;
}

function simplifyTerminator(block: Block): boolean {
  const { term } = block;
  const { span } = term;
  const jump = (target: Target): true => {
    block.term = { kind: 'jump', target, span };
    return true;
  };
  if (term.kind === 'branch') {
    if (term.condition.kind === 'const') return jump(term.condition.value === 1n ? term.then : term.else);
    if (term.condition.kind === 'undef' || sameTarget(term.then, term.else)) return jump(term.else);
    if (isNever(term.then.block)) return jump(term.else);
    if (isNever(term.else.block)) return jump(term.then);
    return false;
  }
  if (term.kind !== 'switch') return false;
  const { value } = term;
  if (value.kind === 'const') {
    return jump(term.cases.find((one) => one.value === value.value)?.target ?? term.otherwise);
  }
  const cases = term.cases.filter((one) => !sameTarget(one.target, term.otherwise));
  if (cases.length === 0) return jump(term.otherwise);
  if (cases.length === 1) {
    const type = typeOf(value) as ScalarType;
    const b = constant(type, cases[0]!.value);
    const condition: Inst = { kind: 'compare', op: 'eq', type: 'i1', a: value, b, span };
    block.insts.push(condition);
    block.term = createBranch(condition, cases[0]!.target, term.otherwise, { span });
    return true;
  }
  if (cases.length === term.cases.length) return false;
  term.cases = cases;
  return true;
}

/** `__builtin_unreachable()`: nobody comes here. */
function isNever(block: Block): boolean {
  return block.term.kind === 'unreachable' && !block.term.trap && sizeOfBlock(block) === 0;
}

function sameTarget(a: Target, b: Target): boolean {
  return a.block === b.block && a.args.every((arg, i) => sameValue(arg, b.args[i]!));
}

/** Of blocks that only return the same value, which needs no register, one is enough; then branches between them go. */
function shareReturns(func: Func): boolean {
  const first = new Map<bigint | undefined, Block>();
  const same = new Map<Block, Block>();
  for (const block of func.blocks) {
    const { term } = block;
    if (term.kind !== 'return' || block === func.blocks[0]) continue;
    if (block.params.length > 0 || sizeOfBlock(block) > 0) continue;
    const { value } = term;
    if (value !== undefined && value.kind !== 'const') continue;
    const before = first.get(value?.value);
    if (before === undefined) first.set(value?.value, block);
    else same.set(block, before);
  }
  if (same.size === 0) return false;
  for (const block of func.blocks) {
    for (const target of targetsOf(block.term)) {
      const instead = same.get(target.block);
      if (instead === undefined) continue;
      target.block = instead;
      instead.insts = [];
    }
  }
  return true;
}

/** Decides branches that the only way to them has decided already: see {@link threadJumps} for whom. */
function askOnce(func: Func): boolean {
  const entered = onlyEntries(func);
  let changed = false;
  for (const block of func.blocks) {
    const { term } = block;
    const before = entered.get(block);
    if (term.kind !== 'branch' || before === undefined) continue;
    const edge = targetsOf(before.term).find((one) => one.block === block)!;
    const holds = decidedBefore(term.condition, decisionsBefore(before, edge, entered), (value) => value, NOTHING_NEW);
    if (holds === undefined) continue;
    block.term = { kind: 'jump', target: holds ? term.then : term.else, span: term.span };
    changed = true;
  }
  return changed;
}

/** What was decided before a block says nothing of what it computes itself: that was not there yet. */
const NOTHING_NEW: ReadonlySet<Value> = new Set();

/** At most this many instructions are evaluated to see where a block will lead. */
const MAX_EVALUATED = 4;

/**
 * Leads an edge past a block that does nothing but decide, when the arguments of the edge already say how (what `&&`
 * and `||` in a value leave behind), or a decision on the way to it (a pointer is looked at twice). The second matters to
 * verifiers too: those before Linux 6.2 do not know that memory from a ring buffer, once found not to be NULL, stays so.
 */
function threadJumps(func: Func): boolean {
  const candidates = findPassages(func);
  if (candidates.size === 0) return false;
  let changed = false;
  const entered = onlyEntries(func);
  for (const block of func.blocks) {
    for (const target of targetsOf(block.term)) {
      for (let steps = 0; steps < 8; steps++) {
        const through = candidates.has(target.block)
          ? lookThrough(target, decisionsBefore(block, target, entered))
          : undefined;
        if (through === undefined || through.block === target.block) break;
        if (through.block === candidates.get(target.block)) break;
        // Its own way on is no longer the one behind which its values are used.
        if (candidates.get(block) === target.block) candidates.delete(block);
        passNotes(block, target, through.block);
        target.block = through.block;
        target.args = through.args;
        entered.delete(through.block);
        changed = true;
      }
    }
  }
  return changed;
}

/**
 * Blocks of few instructions without effect. Where their values are used further on, it is only behind one of their
 * targets, which is entered from nowhere else: edges can be led to the others. The entry has no edges to lead elsewhere.
 */
function findPassages(func: Func): Map<Block, Block | undefined> {
  const passages = new Map<Block, Block | undefined>();
  const home = new Map<Value, Block>();
  for (const block of func.blocks) {
    const { term } = block;
    if (term.kind !== 'jump' && term.kind !== 'branch' && term.kind !== 'switch') continue;
    if (term.kind !== 'switch' && term.unroll !== undefined) continue;
    const size = sizeOfBlock(block);
    if (size > MAX_EVALUATED || !block.insts.every(isEvaluated)) continue;
    if (term.kind === 'jump' && (size > 0 || term.target.block === block)) continue;
    passages.set(block, undefined);
    for (const param of block.params) home.set(param, block);
    for (const inst of block.insts) home.set(inst, block);
  }
  const users = new Map<Block, Set<Block>>();
  forEachUser(func, (user, block) =>
    forEachOperand(user, (value) => {
      const of = isLocal(value) ? home.get(value) : undefined;
      if (of === undefined || of === block) return;
      const list = users.get(of);
      if (list === undefined) users.set(of, new Set([block]));
      else list.add(block);
    }),
  );
  if (users.size === 0) return passages;
  const graph = graphOf(func);
  const dominators = dominatorsOf(graph);
  for (const [passage, blocks] of users) {
    const only = targetsOf(passage.term).find(({ block }) => {
      const index = graph.indexOf.get(block);
      if (index === undefined || graph.edges[index]!.length !== 1) return false;
      return [...blocks].every((user) => {
        const at = graph.indexOf.get(user);
        return at === undefined || dominators.dominates(index, at);
      });
    });
    if (only === undefined) passages.delete(passage);
    else passages.set(passage, only.block);
  }
  return passages;
}

function isEvaluated(inst: Inst): boolean {
  return inst.kind === 'compare' || inst.kind === 'cast' || inst.kind === 'binary' || inst.kind === 'note';
}

/** What is noted in a block that an edge of `from` now leads past: noted before, or where `from` has other ways, forgotten. */
function passNotes(from: Block, edge: Target, next: Block): void {
  const passed = edge.block;
  const notes = passed.insts.filter((inst) => inst.kind === 'note');
  if (notes.length === 0) return;
  if (from.term.kind !== 'jump') {
    next.insts.unshift(...notes.map((inst) => ({ ...inst, value: undefined })));
    return;
  }
  const values = new Map<Value, Value | undefined>();
  for (const [i, param] of passed.params.entries()) values.set(param, edge.args[i]);
  for (const inst of passed.insts) values.set(inst, undefined);
  for (const inst of notes) {
    const { value } = inst;
    from.insts.push({ ...inst, value: value && values.has(value) ? values.get(value) : value });
  }
}

/** A condition and how it was decided. */
interface Decision {
  readonly condition: Value;
  readonly holds: boolean;
}

/** How far back decisions are looked for. */
const MAX_DECISIONS = 6;

/** Blocks that are entered by one edge only, with the block that it comes from. */
function onlyEntries(func: Func): Map<Block, Block> {
  const found = new Map<Block, Block>();
  const several = new Set<Block>([func.blocks[0]!]);
  for (const block of func.blocks) {
    for (const target of targetsOf(block.term)) {
      if (found.has(target.block)) several.add(target.block);
      found.set(target.block, block);
    }
  }
  for (const block of several) found.delete(block);
  return found;
}

/** What was decided on the only way to an edge of `block`, the last first. */
function decisionsBefore(block: Block, edge: Target, entered: ReadonlyMap<Block, Block>): Decision[] {
  const found: Decision[] = [];
  for (let at: Block | undefined = block, way = edge, i = 0; at !== undefined && i < MAX_DECISIONS; i++) {
    const { term } = at;
    if (term.kind === 'branch' && term.then.block !== term.else.block) {
      found.push({ condition: term.condition, holds: term.then.block === way.block });
    }
    const before = entered.get(at);
    const into: Target | undefined = before && targetsOf(before.term).find((one) => one.block === at);
    if (into === undefined) break;
    way = into;
    at = before;
  }
  return found;
}

/** The same comparison, or its opposite. `anew`: what the block computes itself; it may have had other values before. */
function decidedBefore(
  condition: Value,
  decisions: readonly Decision[],
  valueIn: (value: Value) => Value,
  anew: ReadonlySet<Value>,
): boolean | undefined {
  const here = anew.has(condition);
  if (condition.kind === 'compare' && (anew.has(condition.a) || anew.has(condition.b))) return undefined;
  for (const one of decisions) {
    if (one.condition === condition && !here) return one.holds;
    if (condition.kind !== 'compare' || one.condition.kind !== 'compare') continue;
    const known = one.condition;
    const [a, b] = here ? [valueIn(condition.a), valueIn(condition.b)] : [condition.a, condition.b];
    if (!isSame(a, known.a) || !isSame(b, known.b)) continue;
    if (condition.op === known.op) return one.holds;
    if ((condition.op === 'eq' && known.op === 'ne') || (condition.op === 'ne' && known.op === 'eq')) return !one.holds;
  }
  return undefined;
}

function isSame(a: Value, b: Value): boolean {
  return a === b || (a.kind === 'const' && b.kind === 'const' && a.type === b.type && a.value === b.value);
}

/** Where an edge ends up after the block that it enters, if that is sure. */
function lookThrough(edge: Target, decisions: readonly Decision[]): Target | undefined {
  const { block } = edge;
  const values = new Map<Value, Value>();
  for (const [i, param] of block.params.entries()) values.set(param, edge.args[i]!);
  const valueIn = (value: Value) => values.get(value) ?? value;
  const unknown = new Set<Value>();
  for (const inst of block.insts) {
    const result = evaluate(inst, valueIn);
    if (result === undefined) unknown.add(inst);
    else values.set(inst, result);
  }
  const next = decided(block.term, valueIn, decisions, unknown);
  if (next === undefined || next.block === block || next.args.some((arg) => unknown.has(arg))) return undefined;
  return { block: next.block, args: next.args.map(valueIn) };
}

function decided(
  term: Terminator,
  valueIn: (value: Value) => Value,
  decisions: readonly Decision[],
  anew: ReadonlySet<Value>,
): Target | undefined {
  if (term.kind === 'jump') return term.target;
  if (term.kind === 'branch') {
    const condition = valueIn(term.condition);
    const holds =
      condition.kind === 'const' ? condition.value === 1n : decidedBefore(condition, decisions, valueIn, anew);
    return holds === undefined ? undefined : holds ? term.then : term.else;
  }
  if (term.kind !== 'switch') return undefined;
  const value = valueIn(term.value);
  if (value.kind !== 'const') return undefined;
  return term.cases.find((one) => one.value === value.value)?.target ?? term.otherwise;
}

function evaluate(inst: Inst, valueIn: (value: Value) => Value): Const | undefined {
  if (inst.kind === 'cast' && !isSpaceCast(inst.op)) {
    const value = valueIn(inst.value);
    if (value.kind !== 'const') return undefined;
    return constant(inst.type as ScalarType, evaluateCast(inst.op, value.type, inst.type as ScalarType, value.value));
  }
  if (inst.kind !== 'binary' && inst.kind !== 'compare') return undefined;
  const a = valueIn(inst.a);
  const b = valueIn(inst.b);
  if (a.kind !== 'const' || b.kind !== 'const') return undefined;
  if (inst.kind === 'compare') return evaluateCompare(inst.op, a.type, a.value, b.value) ? TRUE : FALSE;
  return constant(a.type, evaluateBinary(inst.op, a.type, a.value, b.value));
}

/** Parameters that get the same value on every edge, themselves aside, are that value. */
function removeParams(func: Func): boolean {
  const incoming = new Map<Block, Value[][]>();
  for (const block of func.blocks) {
    for (const target of targetsOf(block.term)) {
      const list = incoming.get(target.block);
      if (list === undefined) incoming.set(target.block, [target.args]);
      else list.push(target.args);
    }
  }
  const replacements = new Map<Value, Value>();
  const final = (value: Value) => {
    let at = value;
    for (let next = replacements.get(at); next !== undefined; next = replacements.get(at)) at = next;
    return at;
  };
  for (const block of func.blocks) {
    const edges = incoming.get(block) ?? [];
    for (let at = block.params.length - 1; at >= 0; at--) {
      const param = block.params[at]!;
      const only = onlyArgument(param, edges, at, final);
      if (only === undefined) continue;
      replacements.set(param, only);
      block.params.splice(at, 1);
      for (const args of edges) args.splice(at, 1);
    }
  }
  replaceValues(func, replacements);
  return replacements.size > 0;
}

function onlyArgument(
  param: Param,
  edges: readonly Value[][],
  at: number,
  final: (value: Value) => Value,
): Value | undefined {
  let only: Value | undefined;
  for (const args of edges) {
    const arg = final(args[at]!);
    if (arg === param) continue;
    if (only !== undefined && !sameValue(only, arg)) return undefined;
    only = arg;
  }
  return only;
}

/** A block with one way in, from a block with one way out, continues that block. */
function mergeLines(func: Func): boolean {
  const entries = new Map<Block, number>();
  for (const block of func.blocks) {
    for (const target of targetsOf(block.term)) entries.set(target.block, (entries.get(target.block) ?? 0) + 1);
  }
  const replacements = new Map<Value, Value>();
  const gone = new Set<Block>();
  for (const block of func.blocks) {
    if (gone.has(block)) continue;
    for (let { term } = block; term.kind === 'jump'; term = block.term) {
      const { block: next, args } = term.target;
      if (next === block || next === func.blocks[0] || entries.get(next) !== 1) break;
      for (const [i, param] of next.params.entries()) replacements.set(param, args[i]!);
      for (const inst of next.insts) block.insts.push(inst);
      const { unroll } = term;
      block.term = next.term;
      // What was the back edge of a loop may now be further on.
      if (unroll !== undefined && (block.term.kind === 'jump' || block.term.kind === 'branch')) {
        block.term = { ...block.term, unroll };
      }
      gone.add(next);
    }
  }
  if (gone.size === 0) return false;
  func.blocks = func.blocks.filter((block) => !gone.has(block));
  replaceValues(func, replacements);
  return true;
}
