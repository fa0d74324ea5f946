import { foldNumbers } from '../constants.ts';
import * as say from '../diagnostics.ts';
import type { Node } from '../syntax.ts';
import { BOOLEAN, describe, numberOf, SAFE, type Type } from '../types.ts';
import type { Lowering } from './lowering.ts';
import { sameText, sameTexts } from './texts.ts';
import { constantValue, type Value, wide } from './value.ts';

export function binaryOperation(
  l: Lowering,
  operator: string,
  left: Value,
  right: Value,
  node: Node,
  leftNode: Node,
  rightNode: Node,
): Value {
  switch (operator) {
    case '===':
    case '!==':
      return equality(l, operator, left, right, node);
    case 'in':
    case 'instanceof':
      return l.fail(say.unsupported('this', l.span(node), `\`${operator}\``));
  }
  const a = l.defined(left, 'the left side', leftNode);
  const b = l.defined(right, 'the right side', rightNode);
  if (operator === '+' && (a.type.kind === 'string' || b.type.kind === 'string'))
    l.fail(say.unsupported('text', l.span(node)));
  if (a.type.kind === 'bigint' || b.type.kind === 'bigint')
    return onBigints(l, operator, a, b, node, leftNode, rightNode);
  return onNumbers(l, operator, l.number(a, leftNode), l.number(b, rightNode), node);
}

function onBigints(
  l: Lowering,
  operator: string,
  a: Value,
  b: Value,
  node: Node,
  leftNode: Node,
  rightNode: Node,
): Value {
  if (/^[<>]=?$/.test(operator) && (a.type.kind === 'number' || b.type.kind === 'number'))
    return { type: BOOLEAN, c: a.type.kind === 'bigint' ? mixed(operator, a, b) : mixed(MIRRORED[operator]!, b, a) };
  for (const [one, at] of [
    [a, leftNode],
    [b, rightNode],
  ] as const)
    if (one.type.kind !== 'bigint') l.fail(say.wrongType(describe(one.type), 'bigint', l.span(at)));
  const compared = comparison(operator, a, b);
  if (compared !== undefined) return constantValue(compared);
  if (operator === '/' || operator === '%')
    for (const [one, other, at] of [
      [a, b, leftNode],
      [b, a, rightNode],
    ] as const)
      if (one.constant !== undefined && beyond(one, other) !== 0)
        l.fail(say.outOfRange(String(one.constant), isSigned(other) ? 'i64' : 'u64', l.span(at)));
  const shift = operator === '<<' || operator === '>>';
  if (shift && typeof b.constant === 'bigint' && (b.constant < 0n || b.constant > 63n))
    l.fail(say.outOfRange(String(b.constant), 'a shift (0 to 63)', l.span(rightNode)));
  const signed = shift ? (a.type as { signed: boolean }).signed : sameSign(l, a, b, node);
  const type: Type = { kind: 'bigint', signed };
  const [x, y] = [signed ? `(s64)(${a.c})` : `(u64)(${a.c})`, signed ? `(s64)(${b.c})` : `(u64)(${b.c})`];
  switch (operator) {
    case '+':
    case '-':
    case '*':
    case '&':
    case '|':
    case '^':
      return { type, c: `(${x} ${operator} ${y})` };
    case '<<':
    case '>>':
      return { type, c: `(${signed ? `(s64)(${a.c})` : `(u64)(${a.c})`} ${operator} ((u64)(${b.c}) & 63))` };
    case '/':
    case '%':
      if (signed) return { type, c: signedDivision(operator, a.c, b.c) };
      return { type, c: `(${x} ${operator} ${y})` };
    case '<':
    case '<=':
    case '>':
    case '>=':
      return { type: BOOLEAN, c: `(${x} ${operator} ${y})` };
    default:
      return l.fail(say.unsupported('operator', l.span(node), `\`${operator}\``));
  }
}

function isSigned(value: Value): boolean {
  return (value.type as Type & { kind: 'bigint' }).signed;
}

/** Whether a constant is below (-1) or above (1) all that a bigint of the other's type can be. */
function beyond(constant: Value, other: Value): -1 | 0 | 1 {
  const value = constant.constant as bigint;
  if (other.constant !== undefined) return 0;
  const [low, high] = isSigned(other) ? [-(1n << 63n), (1n << 63n) - 1n] : [0n, (1n << 64n) - 1n];
  return value < low ? -1 : value > high ? 1 : 0;
}

/** What a comparison of bigints gives, where that is known: of constants, and with what no u64 or i64 can be. */
function comparison(operator: string, a: Value, b: Value): boolean | undefined {
  if (!/^([<>]=?|[=!]==)$/.test(operator)) return undefined;
  const [x, y] = [a.constant, b.constant] as [bigint | undefined, bigint | undefined];
  const order =
    x !== undefined && y !== undefined
      ? x < y
        ? -1
        : Number(x > y)
      : x !== undefined
        ? beyond(a, b) || undefined
        : y !== undefined
          ? -beyond(b, a) || undefined
          : undefined;
  if (order === undefined) return undefined;
  switch (operator) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    default:
      return (order === 0) === (operator === '===');
  }
}

/** Which of u64 and i64 two bigints are; literals are what the other side is. */
export function sameSign(l: Lowering, a: Value, b: Value, node: Node): boolean {
  const [x, y] = [a.type, b.type] as [Type & { kind: 'bigint' }, Type & { kind: 'bigint' }];
  if (typeof a.constant === 'bigint' && typeof b.constant !== 'bigint') return y.signed;
  if (typeof b.constant === 'bigint' && typeof a.constant !== 'bigint') return x.signed;
  if (x.signed !== y.signed && a.constant === undefined) l.fail(say.mixedSigns(l.span(node)));
  return x.signed || y.signed;
}

function onNumbers(l: Lowering, operator: string, a: Value, b: Value, node: Node): Value {
  if (typeof a.constant === 'number' && typeof b.constant === 'number') {
    const folded = foldNumbers(operator, a.constant, b.constant);
    if (folded !== undefined) {
      if (!Number.isSafeInteger(folded)) l.fail(say.unsupported('float', l.span(node)));
      return constantValue(folded);
    }
  }
  const [x, y] = [a.type, b.type] as [Type & { kind: 'number' }, Type & { kind: 'number' }];
  const whole = (min: number, max: number): Type => ({
    kind: 'number',
    min: Math.max(-SAFE, min),
    max: Math.min(SAFE, max),
  });
  const [p, q] = [wide(a.c), wide(b.c)];
  switch (operator) {
    case '+':
      return { type: whole(x.min + y.min, x.max + y.max), c: `(${p} + ${q})` };
    case '-':
      return { type: whole(x.min - y.max, x.max - y.min), c: `(${p} - ${q})` };
    case '*': {
      const ends = [x.min * y.min, x.min * y.max, x.max * y.min, x.max * y.max];
      if (Math.max(...ends) > SAFE || Math.min(...ends) < -SAFE) l.fail(say.imprecise(l.span(node)));
      return { type: whole(Math.min(...ends), Math.max(...ends)), c: `(${p} * ${q})` };
    }
    case '/':
      return l.fail(say.unsupported('division', l.span(node)));
    case '%': {
      const safe = x.min >= 0 && y.min >= 0;
      const c = safe ? `(s64)((u64)${p} % (u64)${q})` : signedDivision('%', a.c, b.c);
      const most = Math.max(Math.abs(y.min), y.max) - 1;
      const type = whole(x.min >= 0 ? 0 : Math.max(x.min, -most), Math.min(x.max, Math.max(0, most)));
      // JavaScript has NaN there, which is stored as 0.
      return { type, c: typeof b.constant === 'number' && b.constant !== 0 ? `(${c})` : `(${q} ? ${c} : 0)` };
    }
    case '&':
    case '|':
    case '^': {
      const mask =
        operator === '&' &&
        [a, b].find((one) => typeof one.constant === 'number' && one.constant >= 0 && one.constant < 2 ** 31);
      const type: Type = mask ? { kind: 'number', min: 0, max: mask.constant as number } : numberOf(32, true);
      return { type, c: `((s64)(s32)((u32)(${a.c}) ${operator} (u32)(${b.c})))` };
    }
    case '<<':
      return { type: numberOf(32, true), c: `((s64)(s32)((u32)(${a.c}) << ((u32)(${b.c}) & 31)))` };
    case '>>':
      return { type: numberOf(32, true), c: `((s64)((s32)(${a.c}) >> ((u32)(${b.c}) & 31)))` };
    case '>>>':
      return { type: numberOf(32, false), c: `((s64)((u32)(${a.c}) >> ((u32)(${b.c}) & 31)))` };
    case '<':
    case '<=':
    case '>':
    case '>=':
      return { type: BOOLEAN, c: `(${p} ${operator} ${q})` };
    default:
      return l.fail(say.unsupported('operator', l.span(node), `\`${operator}\``));
  }
}

export function equality(l: Lowering, operator: string, left: Value, right: Value, node: Node): Value {
  const yes = sameness(l, left, right, node);
  const oks = [left.ok, right.ok].filter((one) => one !== undefined);
  // Two that are both undefined are the same; one of them is a plain value nearly always.
  const c =
    oks.length === 0
      ? yes
      : oks.length === 1
        ? `(${oks[0]} && ${yes})`
        : `(${oks[0]} ? ${oks[1]} && ${yes} : !${oks[1]})`;
  return { type: BOOLEAN, c: operator === '===' ? c : `!${c}` };
}

export function sameness(l: Lowering, a: Value, b: Value, node: Node): string {
  if (a.type.kind === 'string' && b.type.kind === 'string') {
    const [text, constant] = typeof b.constant === 'string' ? [a, b.constant] : [b, a.constant];
    if (typeof constant !== 'string') return sameTexts(l, a, b, node);
    return sameText(l, text, constant, node);
  }
  const kinds = `${a.type.kind} ${b.type.kind}`;
  if (kinds === 'number number') return `(${wide(a.c)} == ${wide(b.c)})`;
  if (kinds === 'boolean boolean') return `(${a.c} == ${b.c})`;
  if (kinds === 'bigint bigint') {
    const known = comparison('===', a, b);
    if (known !== undefined) return known ? '1' : '0';
    sameSign(l, a, b, node);
    return `((u64)(${a.c}) == (u64)(${b.c}))`;
  }
  if (kinds === 'pointer pointer') return `(${a.c} == ${b.c})`;
  if (kinds === 'kernel kernel') return `((u64)${a.c} == (u64)${b.c})`;
  return l.fail(say.wrongType(describe(b.type, b.ok !== undefined), describe(a.type), l.span(node)));
}

/** Older instruction sets divide numbers without a sign only. */
export function signedDivision(operator: string, a: string, b: string): string {
  return `skep_signed_${operator === '/' ? 'divide' : 'remainder'}(${wide(a)}, ${wide(b)})`;
}

/** A bigint against a number, by their values as JavaScript compares them. */
function mixed(operator: string, big: Value, small: Value): string {
  const { signed } = big.type as { signed: boolean };
  const { min } = small.type as { min: number };
  if (signed) return `((s64)(${big.c}) ${operator} ${wide(small.c)})`;
  const plain = `((u64)(${big.c}) ${operator} (u64)${wide(small.c)})`;
  if (min >= 0) return plain;
  // No u64 is below a number that is below zero.
  return operator.startsWith('<') ? `(${wide(small.c)} >= 0 && ${plain})` : `(${wide(small.c)} < 0 || ${plain})`;
}

const MIRRORED: { readonly [operator: string]: string } = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
