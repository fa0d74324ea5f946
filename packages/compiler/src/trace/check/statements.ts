import type { Span } from '@skep/base';
import type { BinaryOperator, BlockNode, Expression, Statement, VariableSymbol } from '../ast.ts';
import type { Checker } from '../check.ts';
import { badAssignment, badCall, mapScalar, mismatch, notConstant } from '../diagnostics.ts';
import { FUNCTIONS } from '../functions/index.ts';
import { shown } from '../macros.ts';
import { asNumber, INT64, isCastable, NONE, promote, showType, type TraceType } from '../type.ts';
import { fits } from './constants.ts';
import { aggregateCall } from './expression.ts';
import { binary } from './operators.ts';
import { typeNamed } from './written-types.ts';

// Statements: what they assign, and what is odd about them.

export function block(checker: Checker, node: BlockNode, isStatement: boolean): TraceType {
  for (const [i, one] of node.statements.entries()) {
    statement(checker, one);
    const ends =
      one.kind === 'return' ||
      one.kind === 'break' ||
      one.kind === 'continue' ||
      (one.kind === 'expression' && isExit(one.value));
    const next = node.statements[i + 1] ?? node.value;
    if (ends && next) checker.warn('Unreachable statement', next.span, 'remove it');
  }
  if (!node.value) return NONE;
  const type = checker.visit(node.value) ?? NONE;
  if (isStatement) discarded(checker, node.value, type);
  return type;
}

export function statement(checker: Checker, one: Statement): void {
  switch (one.kind) {
    case 'expression': {
      const type = checker.visit(one.value, true);
      if (type) discarded(checker, one.value, type);
      return;
    }
    case 'assign':
      assign(checker, one);
      return;
    case 'let': {
      const { symbol } = one.variable;
      if (!symbol) return;
      if (one.declared && !symbol.declared) {
        const type = typeNamed(checker, one.declared, true);
        if (type?.kind === 'string' && type.size === 0) {
          // `let $a: string = …` takes the size of what is assigned.
        } else if (type) {
          symbol.declared = type;
          checker.setVariable(symbol, type, one.span);
        }
      }
      if (one.value) {
        const type = checker.rvalue(one.value);
        if (type) assignVariable(checker, symbol, type, one.value, one.variable.span);
      }
      one.variable.type = symbol.type;
      return;
    }
    case 'unroll': {
      const count = checker.visit(one.count) && checker.constant(one.count);
      if (count === undefined) checker.report(notConstant('the count of unroll', one.count.span));
      else if (count > 100n) checker.report(badCall('unroll maximum value is 100', one.span, 'use a `for` loop'));
      else if (count < 1n) checker.report(badCall('unroll minimum value is 1', one.span, 'use a `for` loop'));
      block(checker, one.body, true);
      return;
    }
    case 'while':
      checker.condition(one.condition);
      block(checker, one.body, true);
      return;
    case 'for': {
      const { over } = one;
      let type: TraceType | undefined;
      if (over.kind === 'range') {
        const from = checker.rvalue(over.from);
        const to = checker.rvalue(over.to);
        for (const [side, bound] of [
          [over.from, from],
          [over.to, to],
        ] as const)
          if (bound && bound.kind !== 'int')
            checker.report(
              mismatch(
                `Loop range requires an integer for the start and end values, got ${showType(bound)}`,
                side.span,
              ),
            );
        type = INT64;
      } else if (over.map.kind === 'map') {
        const map = checker.mapOf(over.map);
        if (map.scalar)
          checker.report(
            mapScalar(`${map.name} has no explicit keys (scalar map), and cannot be used for iteration`, over.map.span),
          );
        if (map.value?.kind === 'aggregate' && !isCastable(map.value))
          checker.report(mapScalar(`Loop expression does not support type: ${showType(map.value)}`, over.map.span));
        if (map.key && map.value) type = { kind: 'tuple', items: [map.key, asNumber(map.value)] };
      } else
        checker.report(
          badCall('a loop goes over a map or a range', over.map.span, 'write `for ($kv : @map)` or `for ($i : 0..10)`'),
        );
      if (type && one.variable.symbol) checker.setVariable(one.variable.symbol, type, one.variable.span);
      one.variable.type = one.variable.symbol?.type;
      block(checker, one.body, true);
      return;
    }
    case 'return':
      if (one.value) checker.rvalue(one.value);
      return;
    default:
      return;
  }
}

export function discarded(checker: Checker, value: Expression, type: TraceType): void {
  if (type.kind === 'none') return;
  if (value.kind === 'call' && FUNCTIONS.get(value.name)?.discardable) return;
  if (value.kind === 'step' || (value.kind === 'block' && type.kind === 'aggregate')) return;
  if (type.kind === 'aggregate' && value.kind === 'call') {
    checker.report(badAssignment(`${value.name}() must be assigned directly to a map`, value.span));
    return;
  }
  if (value.kind === 'conditional' || value.kind === 'ifElse' || value.kind === 'block') return;
  checker.warn('Return value discarded.', value.span, 'write `_ = …` if you mean it');
}

export function assign(checker: Checker, one: Statement & { kind: 'assign' }): void {
  const { target } = one;
  if (target.kind === 'name') {
    checker.rvalue(one.value);
    return;
  }
  if (target.kind === 'variable') {
    const { symbol } = target;
    const type = one.op ? combined(checker, one.op, target, one.value, one.span) : checker.rvalue(one.value);
    if (symbol && type) assignVariable(checker, symbol, type, one.value, one.span);
    target.type = symbol?.type;
    return;
  }
  if (target.kind !== 'map' && target.kind !== 'element') {
    checker.visit(target);
    checker.rvalue(one.value);
    checker.report(badAssignment('only variables and maps can be assigned to', target.span));
    return;
  }
  const map = checker.access(target);
  if (map) map.assigned = true;
  const call = aggregateCall(one.value);
  let type = one.op
    ? combined(checker, one.op, target, one.value, one.span)
    : call
      ? checker.visit(one.value)
      : checker.rvalue(one.value);
  if (!map || !type) return;
  if (call && type.kind === 'aggregate' && one.op)
    checker.report(badAssignment(`${showType(type)} can only be assigned`, one.span));
  if (type.kind === 'none') {
    checker.report(badAssignment(`Value '${describe(one.value)}' cannot be assigned to a map.`, one.span));
    return;
  }
  if (type.kind === 'special' && (type.name === 'timestamp_mode' || type.name === 'stack_mode'))
    checker.report(badAssignment(`${type.mode ?? showType(type)} cannot be assigned`, one.value.span));
  if (map.value && isCastable(map.value) && type.kind !== 'aggregate') {
    checker.report(
      mismatch(
        `Type mismatch for ${map.name}: trying to assign value of type '${showType(type)}' when map already has a type '${showType(map.value)}'`,
        one.span,
        'a map holds one kind of values',
      ),
    );
    return;
  }
  if (type.kind === 'int' && type.flexible && !map.value) type = { ...type };
  checker.setMapValue(map, type, one.span);
  target.type = map.value;
}

export function combined(
  checker: Checker,
  op: BinaryOperator,
  target: Expression,
  value: Expression,
  span: Span,
): TraceType | undefined {
  const left = checker.rvalue(target) ?? (target.kind !== 'variable' ? INT64 : undefined);
  const right = checker.rvalue(value);
  if (!left || !right) return undefined;
  // What an assignment with an operator stores keeps the size that the variable has, unless it must grow.
  return binary(checker, op, left, right, span);
}

function assignVariable(
  checker: Checker,
  symbol: VariableSymbol,
  type: TraceType,
  value: Expression,
  span: Span,
): void {
  if (type.kind === 'none' || type.kind === 'aggregate') {
    checker.report(badAssignment(`Value '${describe(value)}' cannot be assigned to a scratch variable.`, span));
    return;
  }
  if (symbol.declared) {
    const { declared } = symbol;
    const literal = checker.constant(value);
    if (declared.kind === 'int' && literal !== undefined && value.kind !== 'cast' && !fits(literal, declared))
      checker.report(
        mismatch(
          `Type mismatch for ${symbol.name}: trying to assign value ${literal} to variable of type '${showType(declared)}'`,
          span,
          `cast it: (${showType(declared)})`,
        ),
      );
    if (!assignable(declared, type))
      checker.report(
        mismatch(
          `Type mismatch for ${shown(symbol.name)}: trying to assign value of type '${showType(type)}' when variable already has a type '${showType(declared)}'`,
          span,
        ),
      );
    return;
  }
  checker.setVariable(symbol, type, span);
}

function isExit(value: Expression): boolean {
  return (
    (value.kind === 'call' && value.name === 'exit') ||
    (value.kind === 'block' && value.value !== undefined && isExit(value.value))
  );
}

function assignable(to: TraceType, from: TraceType): boolean {
  if (to.kind === 'int' && from.kind === 'int') return true;
  if (to.kind === 'pointer' && from.kind === 'pointer') return true;
  if (to.kind === 'string' && from.kind === 'string') return true;
  return promote(to, from) !== undefined;
}

function describe(value: Expression): string {
  return value.span.file.text.slice(value.span.start, value.span.end);
}
