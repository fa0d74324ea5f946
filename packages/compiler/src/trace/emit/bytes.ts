import type { Emitter } from '../emit.ts';
import { type IntType, isCompound, isScalar, layoutOf, partsOf, sizeOf, type TraceType } from '../type.ts';
import { cType, plus, signedByte } from './c-text.ts';

// Bytes in memory that the program may use: constants, copies, values of one type as another.

export function storeScalar(e: Emitter, dest: string, type: TraceType, value: string): void {
  e.emit(`  *(${cType(type)} *)(${dest}) = ${value};`);
}

export function storeText(e: Emitter, dest: string, size: number, text: string): void {
  const bytes = [...text.slice(0, Math.max(0, size - 1))].map((c) => c.charCodeAt(0));
  if (size <= 64) {
    for (let at = 0; at < size; at += 8) {
      const width = Math.min(8, size - at);
      if (width === 8) {
        let word = 0n;
        for (let i = 7; i >= 0; i--) word = (word << 8n) | BigInt(bytes[at + i] ?? 0);
        e.emit(`  *(u64 *)(${plus(dest, at)}) = 0x${word.toString(16)}ULL;`.replace('*(u64 *)', alignedFor(dest, at)));
      } else for (let i = 0; i < width; i++) e.emit(`  (${dest})[${at + i}] = ${signedByte(bytes[at + i] ?? 0)};`);
    }
    return;
  }
  zero(e, dest, size);
  const name = e.out.text(bytes);
  copy(e, dest, `((char *)${name})`, bytes.length);
}

/** Rooms begin at multiples of eight, strings inside tuples may not. */
function alignedFor(dest: string, at: number): string {
  const offset = at + [...dest.matchAll(/\+ (\d+)/g)].reduce((sum, one) => sum + Number(one[1]), 0);
  return offset % 8 === 0 ? '*(u64 *)' : '*(skep_unaligned *)';
}

export function copy(e: Emitter, dest: string, source: string, size: number): void {
  if (size === 0 || dest === source) return;
  if (size > 256) e.emit(`  bpf_probe_read_kernel(${dest}, ${size}, ${source});`);
  else e.emit(`  __builtin_memcpy(${dest}, ${source}, ${size});`);
}

export function zero(e: Emitter, dest: string, size: number): void {
  if (size === 0) return;
  // Reading from nowhere fails, and leaves zeros.
  if (size > 256) e.emit(`  bpf_probe_read_kernel(${dest}, ${size}, 0);`);
  else e.emit(`  __builtin_memset(${dest}, 0, ${size});`);
}

/** Bytes of one type as another: strings and integers that grew, parts that stand elsewhere. */
export function convert(e: Emitter, dest: string, to: TraceType, source: string, from: TraceType): void {
  if (sameLayout(to, from) && !isScalar(to)) {
    copy(e, dest, source, sizeOf(to));
    return;
  }
  if (isScalar(to)) {
    e.emit(`  *(${cType(to)} *)(${dest}) = *(${cType(from)} *)(${source});`);
    return;
  }
  if ((to.kind === 'string' && from.kind === 'string') || (to.kind === 'buffer' && from.kind === 'buffer')) {
    const count = Math.min(sizeOf(to), sizeOf(from));
    copy(e, dest, source, count);
    if (sizeOf(to) > count) zero(e, plus(dest, count), sizeOf(to) - count);
    else if (to.kind === 'string') e.emit(`  (${dest})[${count - 1}] = 0;`);
    return;
  }
  if (isCompound(to) && isCompound(from)) {
    const { offsets, padded, size } = layoutOf(to);
    const sources = layoutOf(from).offsets;
    if (padded) zero(e, dest, size);
    for (const [i, part] of partsOf(to).entries()) {
      const j =
        to.kind === 'record' && from.kind === 'record'
          ? from.fields.findIndex((one) => one.name === to.fields[i]!.name)
          : i;
      convert(e, plus(dest, offsets[i]!), part, plus(source, sources[j]!), partsOf(from)[j]!);
    }
    return;
  }
  const count = Math.min(sizeOf(to), sizeOf(from));
  copy(e, dest, source, count);
  if (sizeOf(to) > count) zero(e, plus(dest, count), sizeOf(to) - count);
}

/** Same bytes, whatever else the types say. */
export function sameLayout(a: TraceType, b: TraceType): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'int':
      return a.size === (b as IntType).size;
    case 'tuple': {
      const { items } = b as typeof a;
      return a.items.length === items.length && a.items.every((one, i) => sameLayout(one, items[i]!));
    }
    case 'record': {
      const { fields } = b as typeof a;
      return (
        a.fields.length === fields.length &&
        a.fields.every((one, i) => one.name === fields[i]!.name && sameLayout(one.type, fields[i]!.type))
      );
    }
    case 'pointer':
    case 'bool':
      return true;
    default:
      return sizeOf(a) === sizeOf(b);
  }
}
