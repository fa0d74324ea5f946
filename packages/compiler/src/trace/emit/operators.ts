import type { Span } from '@skep/base';
import { type BinaryOperator, COMPARES, type Expression } from '../ast.ts';
import type { Emitter } from '../emit.ts';
import { asNumber, INT64, type IntType, isScalar, sizeOf, type TraceType, UINT64 } from '../type.ts';
import { cType, wide } from './c-text.ts';
import { compareBytes } from './compare.ts';
import { accessKey, lookup, updateMap } from './maps.ts';
import { load, placeOf } from './places.ts';

// Operators on what fits a register; what is behind them is compared in `compare.ts`.

export function unary(e: Emitter, node: Expression & { kind: 'unary' }): string {
  const type = asNumber(node.type!);
  const { operand, op } = node;
  switch (op) {
    case '&':
      return addressOf(e, operand);
    case '*':
      return load(e, placeOf(e, node), type, node.span);
    case '!':
      return e.keep(type, `!(${e.value(operand)})`);
    default:
      return e.keep(type, `${op}(${wide(asNumber(operand.type!) as IntType)}(${e.value(operand)}))`);
  }
}

function addressOf(e: Emitter, operand: Expression): string {
  if (operand.kind === 'variable') {
    const variable = e.variable(operand.symbol!);
    return isScalar(operand.symbol!.type!) ? `((u64)&${variable})` : `((u64)${variable})`;
  }
  if (operand.kind === 'map' || operand.kind === 'element') {
    const map = e.checker.mapOf(operand.kind === 'map' ? operand : operand.map);
    if (operand.kind === 'map' && map.scalar === false) return `((u64)&${e.mapSymbol(map.name)})`;
    return e.keep(UINT64, `(u64)${lookup(e, map, accessKey(e, operand, map))}`);
  }
  const place = placeOf(e, operand);
  return e.keep(UINT64, `(u64)(${place.at})`);
}

export function step(e: Emitter, node: Expression & { kind: 'step' }): string {
  const { operand, op, prefix } = node;
  const type = asNumber(node.type ?? operand.type!);
  const by = type.kind === 'pointer' ? Math.max(1, sizeOf(type.to)) : 1;
  const sign = op === '++' ? '+' : '-';
  if (operand.kind === 'variable') {
    const variable = e.variable(operand.symbol!);
    const before = prefix ? '' : e.keep(type, variable);
    e.emit(`  ${variable} = ${variable} ${sign} ${by};`);
    return prefix ? e.keep(type, variable) : before;
  }
  if (operand.kind !== 'map' && operand.kind !== 'element') throw new Error('a step of no variable');
  const map = e.checker.mapOf(operand.kind === 'map' ? operand : operand.map);
  const key = accessKey(e, operand, map);
  const stored = map.value!;
  const pointer = lookup(e, map, key);
  const before = e.keep(stored, '0');
  // In place, so that an increment costs one lookup.
  e.emit(
    `  if (${pointer}) { ${before} = *(${cType(stored)} *)${pointer}; *(${cType(stored)} *)${pointer} = ${before} ${sign} ${by}; } else {`,
  );
  const room = e.room(8);
  e.emit(`  *(${cType(stored)} *)${room} = (${cType(stored)})(${sign}${by});`);
  updateMap(e, map, key, room, node.span);
  e.emit('  }');
  return prefix ? e.keep(stored, `${before} ${sign} ${by}`) : before;
}

export function binary(e: Emitter, node: Expression & { kind: 'binary' }): string {
  const { op, left, right } = node;
  if (op === '&&' || op === '||') {
    const result = e.scratchVariable('u8', `(${e.truth(left)}) != 0`);
    e.emit(`  if (${op === '&&' ? '' : '!'}${result}) {`);
    e.emit(`  ${result} = (${e.truth(right)}) != 0;`);
    e.emit('  }');
    return result;
  }
  return binaryOf(e, op, left, right, node.span, asNumber(node.type!));
}

export function binaryOf(
  e: Emitter,
  op: BinaryOperator,
  left: Expression,
  right: Expression,
  span: Span,
  type: TraceType,
): string {
  const l = asNumber(left.type!);
  const r = asNumber(right.type!);
  if (!isScalar(l) || !isScalar(r)) return compareBytes(e, op, left, l, right, r, type);
  const a = e.value(left);
  const b = e.value(right);
  if (l.kind === 'pointer' || r.kind === 'pointer') {
    if (COMPARES.has(op)) return e.keep(type, `((u64)${a} ${op} (u64)(${b}))`);
    const [base, baseType, offset] = l.kind === 'pointer' ? [a, l, b] : [b, r as TraceType & { kind: 'pointer' }, a];
    return e.keep(type, `${base} ${op} (u64)(s64)(${offset}) * ${Math.max(1, sizeOf(baseType.to))}`);
  }
  const li = l.kind === 'int' ? l : UINT64;
  const ri = r.kind === 'int' ? r : UINT64;
  const lSigned = li.flexible && !ri.flexible ? ri.signed : li.signed;
  const rSigned = ri.flexible && !li.flexible ? li.signed : ri.signed;
  const bothSigned = lSigned && rSigned;
  const to = bothSigned ? 's64' : 'u64';
  const x = `(${to})${wide(li)}(${a})`;
  const y = `(${to})${wide(ri)}(${b})`;
  const result = type.kind === 'int' || type.kind === 'bool' ? cType(type) : 'u64';
  switch (op) {
    case '/':
    case '%':
      return divide(e, op, x, y, bothSigned, e.checker.constant(right), span, type);
    case '<<':
      return e.keep(type, `(${result})((u64)${wide(li)}(${a}) << (((u64)(${b})) & 63))`);
    case '>>':
      return e.keep(type, `(${result})((${li.signed ? 's64' : 'u64'})${wide(li)}(${a}) >> (((u64)(${b})) & 63))`);
    default:
      return e.keep(type, COMPARES.has(op) ? `(${x} ${op} ${y})` : `(${result})(${x} ${op} ${y})`);
  }
}

function divide(
  e: Emitter,
  op: '/' | '%',
  x: string,
  y: string,
  signed: boolean,
  by: bigint | undefined,
  span: Span,
  type: TraceType,
): string {
  const result = e.keep(signed ? INT64 : UINT64, x);
  const divisor = e.keep(signed ? INT64 : UINT64, y);
  if (signed) e.out.helpers.add('divide');
  const compute = signed
    ? op === '/'
      ? `skep_divide(${result}, ${divisor})`
      : `skep_modulo(${result}, ${divisor})`
    : `${result} ${op} ${divisor}`;
  if (by !== undefined && by !== 0n) e.emit(`  ${result} = ${compute};`);
  else {
    e.emit(
      `  if (${divisor} == 0) { ${e.notice('Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.', span)} ${result} = 1; }`,
    );
    e.emit(`  else ${result} = ${compute};`);
  }
  return e.keep(type, result);
}
