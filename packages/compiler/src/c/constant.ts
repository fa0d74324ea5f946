import type { BinaryExpr, Expr, FunctionDecl, StringExpr, VariableDecl } from './ast.ts';
import type { IntType } from './ctype.ts';
import { integerOf, isConst, isVolatile, strip, wrap } from './types.ts';

/** What an expression is when it is known before the program runs. */
export type Constant =
  /** Also pointers made from integers: `(void *)6`, `&((struct s *)0)->m`. Normalised to the expression's type. */
  | { readonly kind: 'int'; readonly value: bigint }
  /** The address of something with a static place, plus bytes. */
  | { readonly kind: 'address'; readonly base: VariableDecl | FunctionDecl | StringExpr; readonly offset: number };

/** The constant value of a value expression, or undefined when it has none. Arithmetic wraps as C's types do. */
export function constantOf(expr: Expr): Constant | undefined {
  switch (expr.kind) {
    case 'int':
      return { kind: 'int', value: expr.value };
    case 'unary': {
      const operand = constantOf(expr.operand);
      if (operand === undefined) return undefined;
      if (operand.kind === 'address') return expr.op === '!' && !isWeak(operand.base) ? INT_0 : undefined;
      switch (expr.op) {
        case '!':
          return operand.value === 0n ? INT_1 : INT_0;
        case '-':
          return int(-operand.value, expr);
        default:
          return int(~operand.value, expr);
      }
    }
    case 'binary':
      return binary(expr);
    case 'logical': {
      const left = truthOf(expr.left);
      if (left === undefined) return undefined;
      if (left !== (expr.op === '&&')) return left ? INT_1 : INT_0;
      const right = truthOf(expr.right);
      return right === undefined ? undefined : right ? INT_1 : INT_0;
    }
    case 'conditional': {
      const condition = truthOf(expr.condition);
      if (condition === undefined) return undefined;
      return constantOf(condition ? expr.then : expr.else);
    }
    case 'comma':
      return constantOf(expr.left) === undefined ? undefined : constantOf(expr.right);
    case 'address':
      return placeOf(expr.place);
    case 'builtin':
      return expr.name === 'expect' ? constantOf(expr.args[0]!) : undefined;
    case 'cast':
      switch (expr.op) {
        case 'decay':
          return placeOf(expr.operand);
        case 'int': {
          const operand = constantOf(expr.operand);
          if (operand?.kind === 'address') return integerOf(expr.type)?.size === 8 ? operand : undefined;
          return operand && int(operand.value, expr);
        }
        case 'bool': {
          const truth = truthOf(expr.operand);
          return truth === undefined ? undefined : truth ? INT_1 : INT_0;
        }
        case 'load':
          return expr.operand.kind === 'var' ? constantVariable(expr.operand.variable) : undefined;
        case 'pointer':
          return constantOf(expr.operand);
        case 'pointer-to-int':
        case 'int-to-pointer': {
          const operand = constantOf(expr.operand);
          if (operand?.kind !== 'int') return operand;
          const type = integerOf(expr.type);
          return { kind: 'int', value: type ? wrap(operand.value, type) : BigInt.asUintN(64, operand.value) };
        }
        default:
          return undefined;
      }
    default:
      return undefined;
  }
}

/** The value of an integer constant expression, or undefined. */
export function integerConstant(expr: Expr): bigint | undefined {
  const constant = constantOf(expr);
  return constant?.kind === 'int' ? constant.value : undefined;
}

/** Whether a scalar constant is not zero; addresses of objects never are, unless the object may be missing. */
export function truthOf(expr: Expr): boolean | undefined {
  const constant = constantOf(expr);
  if (constant === undefined) return undefined;
  if (constant.kind === 'address') return isWeak(constant.base) ? undefined : true;
  return constant.value !== 0n;
}

function isWeak(base: VariableDecl | FunctionDecl | StringExpr): boolean {
  return base.kind !== 'string' && base.attributes.weak;
}

/** What a variable holds that nobody may change: `const`, not `volatile`, with a constant initialiser. */
function constantVariable({ type, init, attributes }: VariableDecl): Constant | undefined {
  const [part] = init?.parts ?? [];
  if (part === undefined || init!.parts.length !== 1 || part.bitField !== undefined || attributes.weak)
    return undefined;
  if (!isConst(type) || isVolatile(type) || integerOf(type) === undefined || part.value.kind === 'string')
    return undefined;
  const value = constantOf(part.value);
  return value?.kind === 'int' ? value : undefined;
}

const INT_0: Constant = { kind: 'int', value: 0n };
const INT_1: Constant = { kind: 'int', value: 1n };

function int(value: bigint, expr: Expr): Constant {
  const type = integerOf(expr.type);
  return { kind: 'int', value: type === undefined ? BigInt.asUintN(64, value) : wrap(value, type) };
}

/** The address of a place. */
function placeOf(place: Expr): Constant | undefined {
  switch (place.kind) {
    case 'var':
      return place.variable.storage === 'local' || place.variable.storage === 'param'
        ? undefined
        : { kind: 'address', base: place.variable, offset: 0 };
    case 'compound':
      return place.variable.storage === 'local' ? undefined : { kind: 'address', base: place.variable, offset: 0 };
    case 'func':
      return { kind: 'address', base: place.function, offset: 0 };
    case 'string':
      return { kind: 'address', base: place, offset: 0 };
    case 'deref':
      return constantOf(place.pointer);
    case 'member':
      return place.field.bitWidth === undefined ? moved(placeOf(place.place), place.field.bitOffset / 8) : undefined;
    case 'index': {
      const subscript = integerConstant(place.subscript);
      if (subscript === undefined) return undefined;
      const base = place.ofArray ? placeOf(place.base) : constantOf(place.base);
      return moved(base, Number(BigInt.asIntN(64, subscript)) * place.scale);
    }
    default:
      return undefined;
  }
}

function moved(constant: Constant | undefined, bytes: number): Constant | undefined {
  if (constant === undefined) return undefined;
  if (constant.kind === 'int') return { kind: 'int', value: BigInt.asUintN(64, constant.value + BigInt(bytes)) };
  return { kind: 'address', base: constant.base, offset: constant.offset + bytes };
}

function binary(expr: BinaryExpr): Constant | undefined {
  const left = constantOf(expr.left);
  if (left === undefined) return undefined;
  const right = constantOf(expr.right);
  if (right === undefined) return undefined;
  if (expr.scale !== undefined) return pointerArithmetic(expr, left, right, expr.scale);
  if (left.kind === 'address' || right.kind === 'address') return compareAddresses(expr.op, left, right);
  const a = left.value;
  const b = right.value;
  switch (expr.op) {
    case '+':
      return int(a + b, expr);
    case '-':
      return int(a - b, expr);
    case '*':
      return int(a * b, expr);
    case '/':
      return b === 0n ? undefined : int(a / b, expr);
    case '%':
      return b === 0n ? undefined : int(a % b, expr);
    case '&':
      return int(a & b, expr);
    case '|':
      return int(a | b, expr);
    case '^':
      return int(a ^ b, expr);
    case '<<':
    case '>>': {
      const type = integerOf(expr.type) as IntType;
      // Beyond the width C says nothing; the machine masks.
      const count = b & BigInt(type.size * 8 - 1);
      return int(expr.op === '<<' ? a << count : a >> count, expr);
    }
    case '==':
      return a === b ? INT_1 : INT_0;
    case '!=':
      return a !== b ? INT_1 : INT_0;
    case '<':
      return a < b ? INT_1 : INT_0;
    case '>':
      return a > b ? INT_1 : INT_0;
    case '<=':
      return a <= b ? INT_1 : INT_0;
    default:
      return a >= b ? INT_1 : INT_0;
  }
}

function pointerArithmetic(expr: BinaryExpr, left: Constant, right: Constant, scale: number): Constant | undefined {
  if (strip(expr.right.type).kind === 'pointer') {
    const size = BigInt(scale || 1);
    if (left.kind === 'int' && right.kind === 'int') return int((left.value - right.value) / size, expr);
    if (left.kind === 'address' && right.kind === 'address' && left.base === right.base)
      return int(BigInt(left.offset - right.offset) / size, expr);
    return undefined;
  }
  if (right.kind !== 'int') return undefined;
  const bytes = Number(BigInt.asIntN(64, right.value)) * scale;
  return moved(left, expr.op === '-' ? -bytes : bytes);
}

function compareAddresses(op: BinaryExpr['op'], left: Constant, right: Constant): Constant | undefined {
  if (op !== '==' && op !== '!=') return undefined;
  if (left.kind === 'address' && right.kind === 'address') {
    if (left.base !== right.base) return undefined;
    return (left.offset === right.offset) === (op === '==') ? INT_1 : INT_0;
  }
  const other = left.kind === 'int' ? left : (right as { value: bigint });
  return other.value === 0n ? (op === '!=' ? INT_1 : INT_0) : undefined;
}
