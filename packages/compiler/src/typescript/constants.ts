import type { Binding, Constant } from './declarations.ts';
import { bare, type Expression, type ObjectLiteral } from './syntax.ts';

/** A constant of the module: literals, names of other constants, and arithmetic of these. */
export function fold(given: Expression, bindings: ReadonlyMap<string, Binding>): Constant | undefined {
  const node = bare(given);
  switch (node.type) {
    case 'NumericLiteral':
    case 'BooleanLiteral':
    case 'StringLiteral':
      return node.value;
    case 'BigIntLiteral':
      return BigInt(node.value);
    case 'Identifier': {
      const binding = bindings.get(node.name);
      return binding?.kind === 'constant' ? binding.value : undefined;
    }
    case 'UnaryExpression': {
      const value = fold(node.argument, bindings);
      if (node.operator === '-' && (typeof value === 'number' || typeof value === 'bigint')) return -value;
      return undefined;
    }
    case 'BinaryExpression': {
      if (node.left.type === 'PrivateName') return undefined;
      const [left, right] = [fold(node.left, bindings), fold(node.right, bindings)];
      if (typeof left === 'number' && typeof right === 'number') return foldNumbers(node.operator, left, right);
      if (typeof left === 'bigint' && typeof right === 'bigint') return foldBigints(node.operator, left, right);
      return undefined;
    }
    default:
      return undefined;
  }
}

/** `name: value` and `'name': value`; other members of an object are left out. */
export function plainMembers(node: ObjectLiteral): [string, Expression][] {
  const found: [string, Expression][] = [];
  for (const one of node.properties) {
    if (one.type !== 'ObjectProperty' || one.computed) continue;
    const name =
      one.key.type === 'Identifier' ? one.key.name : one.key.type === 'StringLiteral' ? one.key.value : undefined;
    if (name !== undefined) found.push([name, one.value as Expression]);
  }
  return found;
}

/** The values of a list of constants of one type; undefined of any other list. */
export function listOf(
  node: Expression & { type: 'ArrayExpression' },
  fold: (node: Expression) => Constant | undefined,
): readonly Constant[] | undefined {
  const values: Constant[] = [];
  for (const one of node.elements) {
    const value = one === null || one.type === 'SpreadElement' ? undefined : fold(one);
    if (value === undefined || typeof value !== typeof (values[0] ?? value)) return undefined;
    values.push(value);
  }
  return values;
}

export function foldNumbers(operator: string, a: number, b: number): number | undefined {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
    case '**':
      return a ** b;
    case '<<':
      return a << b;
    case '>>':
      return a >> b;
    case '>>>':
      return a >>> b;
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    default:
      return undefined;
  }
}

function foldBigints(operator: string, a: bigint, b: bigint): bigint | undefined {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return b === 0n ? undefined : a / b;
    case '<<':
      return b < 0n || b > 128n ? undefined : a << b;
    case '|':
      return a | b;
    case '&':
      return a & b;
    default:
      return undefined;
  }
}
