import type { BlockNode, Expression, Statement, VariableSymbol } from '../ast.ts';
import { aggregateCall } from '../check/expression.ts';
import type { Emitter } from '../emit.ts';
import { storeAggregate } from '../functions/aggregates.ts';
import { asNumber, isScalar, sameType, sizeOf } from '../type.ts';
import { copy, storeScalar, zero } from './bytes.ts';
import { forLoop } from './loops.ts';
import { accessKey, updateMap } from './maps.ts';
import { binaryOf, step } from './operators.ts';
import { callFunction, ifElse } from './values.ts';

// Statements, and expressions whose value nobody asks for.

/** `result`: what becomes of the value of a block. */
export function block(e: Emitter, node: BlockNode, result: ((value: Expression) => void) | undefined): void {
  for (const one of node.statements) statement(e, one);
  if (node.value) {
    e.at(node.value.span);
    if (result) result(node.value);
    else discard(e, node.value);
  }
}

function statement(e: Emitter, one: Statement): void {
  e.at(one.span);
  switch (one.kind) {
    case 'expression':
      discard(e, one.value);
      return;
    case 'assign':
      assign(e, one);
      return;
    case 'let': {
      const { symbol } = one.variable;
      if (!symbol?.type) return;
      if (one.value) setVariable(e, symbol, one.value);
      else if (isScalar(symbol.type)) e.emit(`  ${e.variable(symbol)} = 0;`);
      else zero(e, e.variable(symbol), sizeOf(symbol.type));
      return;
    }
    case 'unroll': {
      const count = Number(e.checker.constant(one.count) ?? 0n);
      for (let i = 0; i < count; i++) e.block(one.body, undefined);
      return;
    }
    case 'while':
      e.emit('  for (;;) {');
      e.emit(`  if (!(${e.truth(one.condition)})) break;`);
      e.loops.push('c');
      e.block(one.body, undefined);
      e.loops.pop();
      e.emit('  }');
      return;
    case 'for':
      forLoop(e, one);
      return;
    case 'break':
      e.emit(e.loops.at(-1) === 'callback' ? '  return 1;' : '  break;');
      return;
    case 'continue':
      e.emit(e.loops.at(-1) === 'callback' ? '  return 0;' : '  continue;');
      return;
    case 'return': {
      const value = one.value && (isScalar(asNumber(one.value.type!)) ? e.value(one.value) : undefined);
      e.leave(value);
    }
  }
}

export function discard(e: Emitter, value: Expression): void {
  if (value.kind === 'block') e.block(value, undefined);
  else if (value.kind === 'ifElse') ifElse(e, value, undefined);
  else if (value.kind === 'conditional') {
    e.emit(`  if (${e.truth(value.condition)}) {`);
    if (value.consequent) discard(e, value.consequent);
    e.emit('  } else {');
    discard(e, value.otherwise);
    e.emit('  }');
  } else if (value.kind === 'call' || value.kind === 'name') {
    const type = value.type && asNumber(value.type);
    const bytes = type && type.kind !== 'none' && type.kind !== 'aggregate' && !isScalar(type);
    callFunction(e, value, bytes ? e.room(sizeOf(type)) : undefined, true);
  } else if (value.kind === 'step') step(e, value);
  else if (value.type && value.type.kind !== 'none') {
    if (isScalar(asNumber(value.type))) e.value(value);
    else if (value.type.kind !== 'aggregate' && value.kind !== 'typeof') e.ref(value);
  }
}

function assign(e: Emitter, one: Statement & { kind: 'assign' }): void {
  const { target, value, op } = one;
  if (target.kind === 'name') {
    discard(e, value);
    return;
  }
  if (target.kind === 'variable') {
    const { symbol } = target;
    if (!symbol?.type) return;
    if (op) e.emit(`  ${e.variable(symbol)} = ${binaryOf(e, op, target, value, one.span, symbol.type)};`);
    else setVariable(e, symbol, value);
    return;
  }
  if (target.kind !== 'map' && target.kind !== 'element') return;
  const map = e.checker.mapOf(target.kind === 'map' ? target : target.map);
  const call = aggregateCall(value);
  if (call && map.value?.kind === 'aggregate') {
    // A block around it is run first.
    let inner: Expression = value;
    while (inner.kind === 'block') {
      for (const before of inner.statements) statement(e, before);
      inner = inner.value!;
    }
    storeAggregate(e, map, map.value, target, inner as Expression & { kind: 'call' });
    return;
  }
  const { value: type } = map;
  if (!type) return;
  const key = accessKey(e, target, map);
  let source: string;
  if (isScalar(type)) {
    const computed = op ? binaryOf(e, op, target, value, one.span, type) : e.valueAs(value, type);
    const room = e.room(8);
    storeScalar(e, room, type, computed);
    source = room;
  } else if (!op && value.type && sameType(value.type, type)) source = e.ref(value);
  else {
    source = e.room(sizeOf(type));
    e.into(value, type, source);
  }
  updateMap(e, map, key, source, one.span);
}

function setVariable(e: Emitter, symbol: VariableSymbol, value: Expression): void {
  const type = symbol.type!;
  const variable = e.variable(symbol);
  if (isScalar(type)) {
    e.emit(`  ${variable} = ${e.valueAs(value, type)};`);
    return;
  }
  // The value may read the variable: it is made aside first, unless it plainly does not.
  if (
    value.kind === 'string' ||
    value.kind === 'variable' ||
    value.kind === 'element' ||
    value.kind === 'map' ||
    value.kind === 'call' ||
    value.kind === 'name' ||
    value.kind === 'unary'
  )
    e.into(value, type, variable);
  else {
    const aside = e.room(sizeOf(type));
    e.into(value, type, aside);
    copy(e, variable, aside, sizeOf(type));
  }
}
