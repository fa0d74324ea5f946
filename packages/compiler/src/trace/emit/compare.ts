import type { BinaryOperator, Expression } from '../ast.ts';
import type { Emitter } from '../emit.ts';
import { promote, sizeOf, type TraceType } from '../type.ts';
import { sameLayout } from './bytes.ts';
import { signedByte } from './c-text.ts';

// `==` and `!=` of what has bytes.

export function compareBytes(
  e: Emitter,
  op: BinaryOperator,
  left: Expression,
  l: TraceType,
  right: Expression,
  r: TraceType,
  type: TraceType,
): string {
  const equal =
    l.kind === 'string' && r.kind === 'string'
      ? compareStrings(e, left, l.size, right, r.size)
      : compareSame(e, left, l, right, r);
  return e.keep(type, op === '==' ? equal : `!${equal}`);
}

function compareSame(e: Emitter, left: Expression, l: TraceType, right: Expression, r: TraceType): string {
  const common = promote(l, r) ?? l;
  const make = (node: Expression, own: TraceType): string => {
    if (sameLayout(own, common)) return e.ref(node);
    const room = e.room(sizeOf(common));
    e.into(node, common, room);
    return room;
  };
  return bytesEqual(e, make(left, l), make(right, r), sizeOf(common));
}

function compareStrings(e: Emitter, left: Expression, leftSize: number, right: Expression, rightSize: number): string {
  const literal = e.checker.textOf(left) ?? e.checker.textOf(right);
  if (literal !== undefined && e.checker.textOf(left) !== undefined && e.checker.textOf(right) !== undefined)
    return e.checker.textOf(left) === e.checker.textOf(right) ? '1' : '0';
  if (literal !== undefined && literal.length < 48) {
    const [node, size] = e.checker.textOf(left) !== undefined ? [right, rightSize] : [left, leftSize];
    const text = literal.replace(/\0.*$/s, '');
    const at = e.ref(node);
    const result = e.scratchVariable('u8', '1');
    const count = Math.min(text.length + 1, size);
    e.emit(
      `  if (${[...Array(count).keys()].map((i) => `${at}[${i}] != ${signedByte(text.charCodeAt(i) || 0)}`).join(' || ')}) ${result} = 0;`,
    );
    return result;
  }
  const [a, b] = [e.ref(left), e.ref(right)];
  return compareText(e, a, b, Math.min(leftSize, rightSize));
}

/** Whether two texts are the same, in at most so many bytes. */
export function compareText(e: Emitter, a: string, b: string, size: number): string {
  const result = e.scratchVariable('u8', '1');
  const i = e.scratchVariable('u32', '0');
  e.emit(
    `  for (${i} = 0; ${i} < ${size}; ${i}++) { if (${a}[${i}] != ${b}[${i}]) { ${result} = 0; break; } if (!${a}[${i}]) break; }`,
  );
  return result;
}

function bytesEqual(e: Emitter, a: string, b: string, size: number): string {
  if (size === 0) return '1';
  const result = e.scratchVariable('u8', '1');
  const i = e.scratchVariable('u32', '0');
  e.emit(`  for (${i} = 0; ${i} < ${size}; ${i}++) if (${a}[${i}] != ${b}[${i}]) { ${result} = 0; break; }`);
  return result;
}
