import type { Expression } from '../ast.ts';
import type { Emitter } from '../emit.ts';
import { asNumber, isCompound, isScalar, sizeOf, type TraceType } from '../type.ts';
import { copy, zero } from './bytes.ts';
import { cType, plus, wide } from './c-text.ts';
import { readString } from './places.ts';

export function cast(e: Emitter, node: Expression & { kind: 'cast' }, to: TraceType): string {
  const { operand } = node;
  const from = asNumber(operand.type!);
  // A small integer becomes an address without its sign.
  if (from.kind === 'int' && to.kind === 'pointer') return e.keep(to, `(u64)(u${from.size * 8})(${e.value(operand)})`);
  if (isScalar(from))
    return e.keep(
      to,
      to.kind === 'bool'
        ? `((${e.value(operand)}) != 0)`
        : `(${cType(to)})${from.kind === 'int' ? wide(from) : ''}(${e.value(operand)})`,
    );
  const at = e.ref(operand);
  if (to.kind === 'bool') return e.keep(to, `(${at}[0] != 0)`);
  if (to.kind === 'pointer') return e.keep(to, `(u64)${at}`);
  // Bytes become a number as they lie.
  const room = e.room(8);
  e.emit(`  *(u64 *)${room} = 0;`);
  copy(e, room, at, Math.min(8, sizeOf(from)));
  return e.keep(to, `*(${cType(to)} *)${room}`);
}

export function castInto(e: Emitter, node: Expression & { kind: 'cast' }, type: TraceType, dest: string): void {
  const { operand } = node;
  const from = asNumber(operand.type!);
  const size = sizeOf(type);
  if (type.kind === 'string' && isScalar(from)) {
    readString(e, e.space(from.kind === 'pointer' ? from.space : 'none'), dest, type.size, e.value(operand));
    return;
  }
  if (isScalar(from)) {
    const room = e.room(8);
    e.emit(`  *(u64 *)${room} = (u64)${from.kind === 'int' ? wide(from) : ''}(${e.value(operand)});`);
    zero(e, dest, size);
    copy(e, dest, room, Math.min(8, size));
    return;
  }
  if (isCompound(type)) {
    e.into(operand, type, dest);
    return;
  }
  const at = e.ref(operand);
  const count = Math.min(size, sizeOf(from));
  copy(e, dest, at, count);
  if (count < size) zero(e, plus(dest, count), size - count);
}
