import { constant, typeOf } from '../../ir/constant.ts';
import type { Block, ScalarType, Value } from '../../ir/ir.ts';
import type { Expr, Stmt, Unroll } from '../ast.ts';
import { integerOf } from '../types.ts';
import { lowerAsm } from './asm.ts';
import { lowerAggregate, lowerBranch, lowerDiscard, lowerValue } from './expression.ts';
import { initialise } from './initialise.ts';
import { cleanupsAt } from './label-depths.ts';
import { addressOf, copy, load, lowerPlace, placeOfVariable, plain, store } from './place.ts';
import type { Exit, FunctionState, SwitchState } from './state.ts';
import { isAggregate } from './types.ts';

/** `case 1 ... n` becomes single cases up to so many values, and two comparisons beyond. */
const RANGE_AS_CASES = 16n;

export function lowerStatement(fn: FunctionState, s: Stmt): void {
  const { b } = fn;
  b.span = s.span;
  switch (s.kind) {
    case 'compound-stmt':
      inScope(fn, () => {
        for (const inner of s.body) lowerStatement(fn, inner);
      });
      return;
    case 'expression':
      lowerDiscard(fn, s.expr);
      return;
    case 'declare':
      for (const variable of s.variables) {
        if (variable.storage !== 'local') continue;
        const place = placeOfVariable(fn, variable);
        if (variable.init !== undefined) initialise(fn, place, variable.init);
        if (variable.attributes.cleanup !== undefined) fn.cleanups.push(variable);
      }
      return;
    case 'if': {
      const then = b.createBlock();
      const end = b.createBlock();
      const otherwise = s.else === undefined ? end : b.createBlock();
      lowerBranch(fn, s.condition, then, otherwise);
      b.enter(then);
      lowerStatement(fn, s.then);
      if (!b.terminated) b.jump(end);
      if (s.else !== undefined) {
        b.enter(otherwise);
        lowerStatement(fn, s.else);
        if (!b.terminated) b.jump(end);
      }
      b.enter(end);
      return;
    }
    case 'while': {
      const head = b.createBlock();
      const body = b.createBlock();
      const end = b.createBlock();
      b.fallInto(head);
      lowerBranch(fn, s.condition, body, end);
      b.enter(body);
      inLoop(fn, end, head, () => lowerStatement(fn, s.body), s.unroll);
      return;
    }
    case 'do': {
      const body = b.createBlock();
      const test = b.createBlock();
      const end = b.createBlock();
      b.fallInto(body);
      fn.breaks.push(exit(fn, end));
      fn.continues.push(exit(fn, test));
      lowerStatement(fn, s.body);
      fn.breaks.pop();
      fn.continues.pop();
      b.fallInto(test);
      b.span = s.condition.span;
      const hint = unrollOf(s.unroll);
      if (hint === undefined) lowerBranch(fn, s.condition, body, end);
      else {
        const again = b.createBlock();
        lowerBranch(fn, s.condition, again, end);
        b.enter(again);
        b.jump(body, [], hint);
      }
      b.enter(end);
      return;
    }
    case 'for':
      inScope(fn, () => lowerFor(fn, s));
      return;
    case 'switch':
      lowerSwitch(fn, s.value, s.body);
      return;
    case 'case': {
      const block = b.createBlock();
      fn.switches.at(-1)?.cases.push({ value: s.value, last: s.last, block });
      b.fallInto(block);
      lowerStatement(fn, s.body);
      return;
    }
    case 'default': {
      const block = b.createBlock();
      const state = fn.switches.at(-1);
      if (state !== undefined) state.otherwise = block;
      b.fallInto(block);
      lowerStatement(fn, s.body);
      return;
    }
    case 'break':
      leave(fn, fn.breaks);
      return;
    case 'continue':
      leave(fn, fn.continues);
      return;
    case 'empty':
      return;
    case 'return':
      lowerReturn(fn, s.value);
      return;
    case 'goto':
      cleanUp(fn, cleanupsAt(fn, s.label));
      b.jump(labelled(fn, s.label));
      return;
    case 'label':
      b.fallInto(labelled(fn, s.label));
      lowerStatement(fn, s.body);
      return;
    case 'barrier':
      lowerBarrier(fn, s.places);
      return;
    case 'asm':
      lowerAsm(fn, s, (label) => labelled(fn, label));
      return;
  }
}

function lowerFor(fn: FunctionState, s: Extract<Stmt, { kind: 'for' }>): void {
  const { b } = fn;
  if (s.init !== undefined) lowerStatement(fn, s.init);
  const head = b.createBlock();
  const body = b.createBlock();
  const step = b.createBlock();
  const end = b.createBlock();
  b.span = s.span;
  b.fallInto(head);
  if (s.condition === undefined) b.jump(body);
  else lowerBranch(fn, s.condition, body, end);
  b.enter(body);
  fn.breaks.push(exit(fn, end));
  fn.continues.push(exit(fn, step));
  lowerStatement(fn, s.body);
  fn.breaks.pop();
  fn.continues.pop();
  b.fallInto(step);
  if (s.step !== undefined) lowerDiscard(fn, s.step);
  b.span = s.span;
  b.jump(head, [], unrollOf(s.unroll));
  b.enter(end);
}

function exit(fn: FunctionState, block: Block): Exit {
  return { block, depth: fn.cleanups.length };
}

/** Runs the cleanups of what `body` declares at its end, where it can be reached. */
export function inScope<T>(fn: FunctionState, body: () => T): T {
  const depth = fn.cleanups.length;
  const value = body();
  if (!fn.b.terminated) cleanUp(fn, depth);
  fn.cleanups.length = depth;
  return value;
}

/** Calls the cleanups beyond the first `depth`, the last first. */
function cleanUp(fn: FunctionState, depth: number): void {
  for (let i = fn.cleanups.length - 1; i >= depth; i--) {
    const variable = fn.cleanups[i]!;
    const func = fn.unit.funcOf(variable.attributes.cleanup!);
    fn.b.call(func, [addressOf(fn, placeOfVariable(fn, variable))], func.result);
  }
}

function inLoop(fn: FunctionState, end: Block, again: Block, body: () => void, unroll: Unroll): void {
  const { b } = fn;
  const span = b.span;
  fn.breaks.push(exit(fn, end));
  fn.continues.push(exit(fn, again));
  body();
  fn.breaks.pop();
  fn.continues.pop();
  b.span = span;
  if (!b.terminated) b.jump(again, [], unrollOf(unroll));
  b.enter(end);
}

function unrollOf(unroll: Unroll): 'full' | 'disable' | number | undefined {
  return unroll === 'default' ? undefined : unroll;
}

function leave(fn: FunctionState, targets: readonly Exit[]): void {
  const target = targets.at(-1);
  if (target === undefined) return;
  cleanUp(fn, target.depth);
  fn.b.jump(target.block);
}

function labelled(fn: FunctionState, label: string): Block {
  let block = fn.labels.get(label);
  if (block === undefined) {
    block = fn.b.createBlock();
    fn.labels.set(label, block);
  }
  return block;
}

function lowerSwitch(fn: FunctionState, value: Expr, body: Stmt): void {
  const { b } = fn;
  const subject = lowerValue(fn, value);
  const type = typeOf(subject) as ScalarType;
  const signed = integerOf(value.type)?.signed ?? false;
  const end = b.createBlock();
  const dispatch = b.createBlock();
  const span = b.span;
  b.jump(dispatch);
  const state: SwitchState = { cases: [], otherwise: undefined };
  fn.switches.push(state);
  fn.breaks.push(exit(fn, end));
  lowerStatement(fn, body);
  fn.breaks.pop();
  fn.switches.pop();
  if (!b.terminated) b.jump(end);

  b.span = span;
  b.enter(dispatch);
  const single: { value: bigint; block: Block }[] = [];
  for (const { value: first, last, block } of state.cases) {
    if (last - first < RANGE_AS_CASES) {
      for (let at = first; at <= last; at++) single.push({ value: constantOf(type, at), block });
    } else {
      const above = b.createBlock();
      const next = b.createBlock();
      b.decide(b.test(signed ? 'sge' : 'uge', subject, constant(type, first)), above, next);
      b.enter(above);
      b.decide(b.test(signed ? 'sle' : 'ule', subject, constant(type, last)), block, next);
      b.enter(next);
    }
  }
  const otherwise = state.otherwise ?? end;
  if (single.length === 0) b.jump(otherwise);
  else if (subject.kind === 'const') {
    b.jump(single.find((one) => one.value === subject.value)?.block ?? otherwise);
  } else b.switch(subject, single, otherwise);
  b.enter(end);
}

function constantOf(type: ScalarType, value: bigint): bigint {
  return (constant(type, value) as { value: bigint }).value;
}

function lowerReturn(fn: FunctionState, value: Expr | undefined): void {
  const { b, func } = fn;
  if (value === undefined) {
    cleanUp(fn, 0);
    b.return(defaultResult(fn));
    return;
  }
  if (fn.result !== undefined) {
    copy(fn, plain(fn.result, 1, false), lowerAggregate(fn, value), value.type);
    cleanUp(fn, 0);
    b.return();
    return;
  }
  if (func.result === 'void') {
    lowerDiscard(fn, value);
    cleanUp(fn, 0);
    b.return();
    return;
  }
  const result = lowerValue(fn, value);
  cleanUp(fn, 0);
  b.return(result);
}

/** What a function that ends without a `return` gives back: the verifier wants r0 set, whatever C says. */
export function defaultResult(fn: FunctionState): Value | undefined {
  return fn.func.result === 'void' ? undefined : constant(fn.func.result, 0);
}

function lowerBarrier(fn: FunctionState, places: readonly Expr[]): void {
  const { b } = fn;
  if (places.length === 0) b.barrier();
  for (const e of places) {
    if (isAggregate(e.type)) {
      b.barrier();
      continue;
    }
    const place = lowerPlace(fn, e);
    store(fn, place, e.type, b.barrier(load(fn, place, e.type)));
  }
}
