import type { Span } from '@skep/base';
import { type BinaryOperator, COMPARES, type Expression } from '../ast.ts';
import type { Checker } from '../check.ts';
import { badAssignment, badOperand, mismatch } from '../diagnostics.ts';
import {
  asNumber,
  BOOL,
  INT64,
  type IntType,
  isCompound,
  literalType,
  NONE,
  pointer,
  promote,
  sameType,
  showType,
  sizeOf,
  string,
  type TraceType,
  UINT64,
} from '../type.ts';
import { spaceOf, withSpace } from './access.ts';
import { isLiteral } from './constants.ts';
import { typeNamed } from './written-types.ts';

// Operators and casts: which types they take, and give.

export function unary(checker: Checker, node: Expression & { kind: 'unary' }): TraceType | undefined {
  const { op, operand } = node;
  if (op === '&') {
    if (operand.kind === 'variable') {
      const type = checker.visit(operand);
      if (operand.symbol) operand.symbol.addressed = true;
      return type && pointer(type, 'bpf');
    }
    if (operand.kind === 'map' || operand.kind === 'element') {
      const type = checker.visit(operand);
      return type && pointer(asNumber(type), 'bpf');
    }
    const type = checker.visit(operand);
    if (
      type &&
      (operand.kind === 'member' || operand.kind === 'index' || (operand.kind === 'unary' && operand.op === '*'))
    )
      return pointer(type, spaceOf(checker, NONE, operand));
    return checker.report(
      badOperand('&', `'${type ? showType(type) : '?'}'`, node.span, 'take the address of a variable or a map'),
    );
  }
  const type = checker.rvalue(operand);
  if (!type) return undefined;
  switch (op) {
    case '*':
      if (type.kind === 'pointer') {
        if (type.to.kind === 'none')
          return checker.report(badOperand('*', `'${showType(type)}'`, node.span, 'cast it to a pointer to something'));
        return withSpace(checker, type.to, type, node);
      }
      if (type.kind === 'int') return UINT64;
      // `*args` is `args`.
      if (type.kind === 'struct' && operand.kind === 'name') return type;
      return checker.report(badOperand('*', `'${showType(type)}'`, node.span, 'it follows pointers'));
    case '!':
      if (type.kind === 'int' || type.kind === 'bool' || type.kind === 'pointer') return BOOL;
      return checker.report(badOperand('!', `'${showType(type)}'`, node.span));
    default: {
      if (type.kind !== 'int') return checker.report(badOperand(op, `'${showType(type)}'`, node.span));
      const value = checker.constant(node);
      if (value !== undefined && isLiteral(operand) && op === '-') return literalType(value);
      return op === '-' || type.signed ? INT64 : UINT64;
    }
  }
}

export function step(checker: Checker, node: Expression & { kind: 'step' }): TraceType | undefined {
  const { operand } = node;
  if (operand.kind === 'variable') {
    const type = checker.visit(operand);
    if (!type || !operand.symbol) return undefined;
    if (type.kind === 'pointer' || operand.symbol.declared) return type;
    if (type.kind !== 'int') return checker.report(badOperand(node.op, `'${showType(type)}'`, node.span));
    const result = type.signed || node.op === '--' ? INT64 : UINT64;
    checker.setVariable(operand.symbol, result, node.span);
    return result;
  }
  if (operand.kind === 'map' || operand.kind === 'element') {
    const map = checker.access(operand);
    if (!map) return undefined;
    if (map.value?.kind === 'pointer') {
      operand.type = map.value;
      return map.value;
    }
    const type = map.value ?? INT64;
    if (type.kind !== 'int') return checker.report(badOperand(node.op, `'${showType(type)}'`, node.span));
    const result = type.signed || node.op === '--' ? INT64 : UINT64;
    checker.setMapValue(map, result, node.span);
    operand.type = map.value;
    return result;
  }
  checker.visit(operand);
  return checker.report(badAssignment(`The ${node.op} operator must be applied to a map or variable`, node.span));
}

export function binary(
  checker: Checker,
  op: BinaryOperator,
  left: TraceType,
  right: TraceType,
  span: Span,
): TraceType | undefined {
  const bad = () => checker.report(badOperand(op, `'${showType(left)}', '${showType(right)}'`, span));
  const logical = op === '&&' || op === '||';
  const equality = op === '==' || op === '!=';
  if (left.kind === 'bool' && right.kind === 'bool')
    return logical || COMPARES.has(op) || op === '&' || op === '|' || op === '^' ? BOOL : INT64;
  if (left.kind === 'pointer' || right.kind === 'pointer') {
    const [first, other] = left.kind === 'pointer' ? [left, right] : [right as TraceType & { kind: 'pointer' }, left];
    if (other.kind === 'pointer') {
      if (logical) return BOOL;
      if (!COMPARES.has(op)) return bad();
      if (left.kind === 'pointer' && right.kind === 'pointer' && !sameType(left.to, right.to))
        checker.warn(`comparison of distinct pointer types: ${showType(left.to)}, ${showType(right.to)}`, span);
      return BOOL;
    }
    if (other.kind !== 'int' && other.kind !== 'bool') return bad();
    if (COMPARES.has(op) || logical) return BOOL;
    if (op === '+' || (op === '-' && left.kind === 'pointer')) return first;
    return bad();
  }
  const numeric = (type: TraceType) => type.kind === 'int' || type.kind === 'bool';
  if (numeric(left) && numeric(right)) {
    if (logical || COMPARES.has(op)) return BOOL;
    const l = left.kind === 'bool' ? UINT64 : (left as IntType);
    const r = right.kind === 'bool' ? UINT64 : (right as IntType);
    if ((op === '/' || op === '%') && ((l.signed && !l.flexible) || (r.signed && !r.flexible)))
      checker.warn(
        `signed operands for '${op}' can lead to undefined behavior (cast to unsigned to silence warning)`,
        span,
      );
    if (op === '<<' || op === '>>') return l.signed ? INT64 : UINT64;
    if (op === '-') return INT64;
    return signOf(l, r) ? INT64 : UINT64;
  }
  if (equality) {
    if (left.kind === 'string' && right.kind === 'string') return BOOL;
    if (left.kind === 'buffer' && right.kind === 'buffer') return BOOL;
    if (left.kind === 'array' && right.kind === 'array' && sizeOf(left) === sizeOf(right)) return BOOL;
    if (isCompound(left) && isCompound(right))
      return promote(left, right)
        ? BOOL
        : checker.report(
            mismatch(`Type mismatch for '${op}': comparing ${showType(left)} with ${showType(right)}`, span),
          );
    if (left.kind === 'special' && right.kind === 'special' && left.name === right.name) return BOOL;
    if (left.kind === 'special' && right.kind === 'string' && left.name === 'inet') return BOOL;
  }
  if (left.kind === 'string' || right.kind === 'string')
    return checker.report(
      mismatch(
        `Type mismatch for '${op}': comparing ${showType(left)} with ${showType(right)}`,
        span,
        op === '+' ? 'str_concat(a, b) puts strings together' : undefined,
      ),
    );
  return bad();
}

export function cast(checker: Checker, node: Expression & { kind: 'cast' }): TraceType | undefined {
  const from = checker.rvalue(node.operand);
  const to = typeNamed(checker, node.to, true, from);
  if (!from || !to) return undefined;
  const bad = () => checker.report(mismatch(`Cannot cast from "${showType(from)}" to "${showType(to)}"`, node.span));
  switch (to.kind) {
    case 'int':
      if (from.kind === 'int' || from.kind === 'bool' || from.kind === 'pointer') return to;
      if (from.kind === 'array' || from.kind === 'string')
        return sizeOf(from) <= 8 && [1, 2, 4, 8].includes(sizeOf(from)) ? to : bad();
      if (from.kind === 'special' && (from.name === 'ksym' || from.name === 'usym' || from.name === 'username'))
        return to;
      if (from.kind === 'special' && from.name === 'inet') return to;
      return bad();
    case 'bool':
      return from.kind === 'int' || from.kind === 'bool' || from.kind === 'pointer'
        ? to
        : from.kind === 'string'
          ? to
          : bad();
    case 'pointer':
      if (from.kind === 'int' || from.kind === 'bool')
        return pointer(to.to, to.space === 'none' ? checker.unit.context.space : to.space);
      if (from.kind === 'pointer') return pointer(to.to, from.space);
      if (from.kind === 'array' || from.kind === 'special') return pointer(to.to, checker.unit.context.space);
      return bad();
    case 'array':
      if (from.kind === 'int' || from.kind === 'bool')
        return sizeOf(to) === sizeOf(from) || (isLiteral(node.operand) && sizeOf(to) >= sizeOf(from))
          ? to
          : checker.report(
              mismatch(
                `Cannot cast from "${showType(from)}" to "${showType(to)}"`,
                node.span,
                'both have the same number of bytes',
              ),
            );
      if (from.kind === 'string' || from.kind === 'array' || from.kind === 'special') return to;
      return bad();
    case 'string':
      if (from.kind === 'string' || from.kind === 'array') return to.size === 0 ? string(sizeOf(from)) : to;
      if (from.kind === 'pointer' || from.kind === 'int')
        return to.size === 0 ? string(checker.options.config.max_strlen) : to;
      return bad();
    case 'buffer':
      return to;
    case 'struct':
      if (from.kind === 'struct' && from.name === to.name) return to;
      return checker.report(
        mismatch(
          `Cannot cast to struct/union type: "${to.name}". ${from.kind === 'pointer' ? `Try a pointer: (${to.name} *)` : ''}`.trim(),
          node.span,
          'cast to a pointer and follow it',
        ),
      );
    case 'special':
      return from.kind === 'int' || from.kind === 'special' ? to : bad();
    default:
      return sameType(from, to) ? to : promote(from, to) && isCompound(to) ? to : bad();
  }
}

/** Two integers together: whether they count as signed. */
function signOf(left: IntType, right: IntType): boolean {
  if (left.flexible && !right.flexible) return right.signed;
  if (right.flexible && !left.flexible) return left.signed;
  return left.signed || right.signed;
}
