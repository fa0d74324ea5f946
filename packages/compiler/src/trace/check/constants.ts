import { COMPARES, type Expression } from '../ast.ts';
import type { Checker } from '../check.ts';
import { FUNCTIONS } from '../functions/index.ts';
import { baseName, type IntType, showType, sizeOf } from '../type.ts';
import { offsetIn, typeOrExpression } from './written-types.ts';

// What is known before the program runs.

/** The value of an integer expression made of literals. */
export function constantOf(checker: Checker, node: Expression): bigint | undefined {
  switch (node.kind) {
    case 'int':
      return node.value;
    case 'bool':
      return node.value ? 1n : 0n;
    case 'positional': {
      const value = positionalOf(checker, node);
      return typeof value === 'bigint' ? value : undefined;
    }
    case 'positionalCount':
      return BigInt(checker.options.positional.length);
    case 'name': {
      if (FUNCTIONS.has(node.name))
        return FUNCTIONS.get(node.name)!.constant?.(checker, { ...node, kind: 'call', args: [] });
      const constant = /^s?arg\d+$/.test(node.name) ? undefined : checker.options.types.constant(node.name);
      return constant?.kind === 'int' ? constant.value : undefined;
    }
    case 'call':
      return FUNCTIONS.get(node.name)?.constant?.(checker, node);
    case 'sizeof': {
      const type = typeOrExpression(checker, node.of);
      return type && BigInt(sizeOf(type));
    }
    case 'offsetof': {
      const value = offsetIn(checker, node);
      return value === undefined ? undefined : BigInt(value);
    }
    case 'comptime':
      return constantOf(checker, node.operand);
    case 'block':
      return node.statements.length === 0 && node.value ? constantOf(checker, node.value) : undefined;
    case 'cast': {
      const value = constantOf(checker, node.operand);
      const type = node.type;
      if (value === undefined || type?.kind !== 'int') return undefined;
      return type.signed ? BigInt.asIntN(type.size * 8, value) : BigInt.asUintN(type.size * 8, value);
    }
    case 'unary': {
      const value = constantOf(checker, node.operand);
      if (value === undefined) return undefined;
      if (node.op === '-') return -value;
      if (node.op === '+') return value;
      if (node.op === '~') return ~value;
      return node.op === '!' ? (value === 0n ? 1n : 0n) : undefined;
    }
    case 'conditional': {
      const condition = constantOf(checker, node.condition);
      if (condition === undefined) return undefined;
      return condition !== 0n
        ? node.consequent
          ? constantOf(checker, node.consequent)
          : condition
        : constantOf(checker, node.otherwise);
    }
    case 'binary': {
      const left = constantOf(checker, node.left);
      const right = constantOf(checker, node.right);
      if (left !== undefined && right !== undefined) return fold(node.op, left, right);
      if (left !== undefined && ((node.op === '&&' && left === 0n) || (node.op === '||' && left !== 0n)))
        return node.op === '||' ? 1n : 0n;
      if (node.op === '==' || node.op === '!=') {
        const [a, b] = [textOf(checker, node.left), textOf(checker, node.right)];
        if (a !== undefined && b !== undefined) return (a === b) === (node.op === '==') ? 1n : 0n;
        const [s, t] = [node.left, node.right];
        if (s.kind === 'typeinfo' && t.kind === 'typeinfo') {
          const [x, y] = [typeOrExpression(checker, s.of), typeOrExpression(checker, t.of)];
          if (x && y) return (showType(x) === showType(y)) === (node.op === '==') ? 1n : 0n;
        }
      }
      return undefined;
    }
    default:
      return undefined;
  }
}

/** The text of a string expression made of literals. */
export function textOf(checker: Checker, node: Expression): string | undefined {
  switch (node.kind) {
    case 'string':
      return node.value;
    case 'positional': {
      const value = positionalOf(checker, node);
      return typeof value === 'string' ? value : undefined;
    }
    case 'comptime':
      return textOf(checker, node.operand);
    case 'name': {
      if (FUNCTIONS.has(node.name))
        return FUNCTIONS.get(node.name)!.text?.(checker, { ...node, kind: 'call', args: [] });
      const constant = /^s?arg\d+$/.test(node.name) ? undefined : checker.options.types.constant(node.name);
      return constant?.kind === 'string' ? constant.value : undefined;
    }
    case 'call':
      return FUNCTIONS.get(node.name)?.text?.(checker, node);
    case 'block':
      return node.statements.length === 0 && node.value ? textOf(checker, node.value) : undefined;
    case 'conditional': {
      const condition = constantOf(checker, node.condition);
      if (condition === undefined) return undefined;
      return condition !== 0n ? node.consequent && textOf(checker, node.consequent) : textOf(checker, node.otherwise);
    }
    case 'member': {
      if (node.base.kind !== 'typeinfo') return undefined;
      const type = typeOrExpression(checker, node.base.of);
      return (
        type &&
        (node.name === 'base_type' || node.name === 'base_ty'
          ? baseName(type)
          : node.name === 'full_type' || node.name === 'full_ty'
            ? showType(type)
            : undefined)
      );
    }
    default:
      return undefined;
  }
}

/** What a condition known before the program runs is; undefined when it is not known yet. */
export function comptimeOf(checker: Checker, node: Expression): boolean | undefined {
  if (node.kind !== 'comptime') return undefined;
  checker.rvalue(node.operand);
  const value = constantOf(checker, node.operand);
  return value === undefined ? undefined : value !== 0n;
}

export function positionalOf(checker: Checker, node: Expression & { kind: 'positional' }): bigint | string {
  const text = checker.options.positional[node.index - 1];
  if (text === undefined) return 0n;
  return positionalNumber(text) ?? text;
}

export function fold(op: string, left: bigint, right: bigint): bigint | undefined {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0n ? undefined : left / right;
    case '%':
      return right === 0n ? undefined : left % right;
    case '<<':
      return right >= 0n && right < 64n ? BigInt.asUintN(64, left << right) : undefined;
    case '>>':
      return right >= 0n && right < 64n ? left >> right : undefined;
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case '&&':
      return left !== 0n && right !== 0n ? 1n : 0n;
    case '||':
      return left !== 0n || right !== 0n ? 1n : 0n;
    case '==':
      return left === right ? 1n : 0n;
    case '!=':
      return left !== right ? 1n : 0n;
    case '<':
      return left < right ? 1n : 0n;
    case '>':
      return left > right ? 1n : 0n;
    case '<=':
      return left <= right ? 1n : 0n;
    case '>=':
      return left >= right ? 1n : 0n;
    default:
      return undefined;
  }
}

export function isLiteral(node: Expression): boolean {
  switch (node.kind) {
    case 'int':
    case 'positional':
    case 'positionalCount':
    case 'sizeof':
    case 'offsetof':
      return true;
    case 'unary':
      return (node.op === '-' || node.op === '+' || node.op === '~') && isLiteral(node.operand);
    case 'binary':
      return !COMPARES.has(node.op) && isLiteral(node.left) && isLiteral(node.right);
    default:
      return false;
  }
}

export function fits(value: bigint, type: IntType): boolean {
  return (type.signed ? BigInt.asIntN(type.size * 8, value) : BigInt.asUintN(type.size * 8, value)) === value;
}

function positionalNumber(text: string): bigint | undefined {
  if (!/^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(text)) return undefined;
  const negative = text.startsWith('-');
  const digits = negative ? text.slice(1) : text;
  const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  return negative ? -value : value;
}
