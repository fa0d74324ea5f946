import type { Expression } from '../ast.ts';
import { COMPARES } from '../check.ts';
import type { IntType } from '../type.ts';

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

export function positionalNumber(text: string): bigint | undefined {
  if (!/^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(text)) return undefined;
  const negative = text.startsWith('-');
  const digits = negative ? text.slice(1) : text;
  const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  return negative ? -value : value;
}
