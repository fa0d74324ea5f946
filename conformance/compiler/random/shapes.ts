import type { Expression, IntegerType } from './program.ts';

export const TYPES = {
  u8: { name: 'u8', bits: 8, signed: false },
  s8: { name: 's8', bits: 8, signed: true },
  u16: { name: 'u16', bits: 16, signed: false },
  s16: { name: 's16', bits: 16, signed: true },
  u32: { name: 'u32', bits: 32, signed: false },
  s32: { name: 's32', bits: 32, signed: true },
  u64: { name: 'u64', bits: 64, signed: false },
  s64: { name: 's64', bits: 64, signed: true },
  bool: { name: '_Bool', bits: 1, signed: false },
} as const satisfies Record<string, IntegerType>;
export const WHOLE = [TYPES.u8, TYPES.s8, TYPES.u16, TYPES.s16, TYPES.u32, TYPES.s32, TYPES.u64, TYPES.s64];
export const COMMON = [...WHOLE, TYPES.u32, TYPES.s32, TYPES.u64, TYPES.s32, TYPES.u64, TYPES.bool];

/** Somewhere an integer lies. */
export interface Place {
  readonly parts: (string | Expression)[];
  readonly type: IntegerType;
  readonly writable: boolean;
  readonly bits?: number;
}

export interface Variable {
  readonly name: string;
  readonly shape: Shape;
  readonly writable: boolean;
  /** A global variable: the kernel does not take pointers that may lead to it or to the stack. */
  readonly global: boolean;
}

export type Shape =
  | { readonly kind: 'integer'; readonly type: IntegerType }
  /** `length` is a power of two. */
  | { readonly kind: 'array'; readonly element: Shape; readonly length: number }
  | { readonly kind: 'record'; readonly record: RecordType }
  | { readonly kind: 'pointer'; readonly to: Shape; readonly writable: boolean };

export interface RecordType {
  readonly name: string;
  readonly union: boolean;
  readonly fields: readonly { readonly name: string; readonly shape: Shape; readonly bits?: number }[];
  /** No pointers, no bit-fields, no padding: its bytes may be compared. */
  readonly plain: boolean;
}

export interface Callable {
  readonly name: string;
  readonly params: readonly Shape[];
  readonly result: IntegerType;
  /** Neither writes anything outside nor through its pointers. */
  readonly pure: boolean;
}

export function literal(type: IntegerType, text: string): Expression {
  return { type, parts: [type.bits === 1 ? `((_Bool)${text})` : text] };
}

export function declare(shape: Shape, name: string, initialiser = ''): string {
  let inner: Shape = shape;
  let suffix = '';
  let prefix = '';
  for (;;) {
    if (inner.kind === 'array') {
      suffix += `[${inner.length}]`;
      inner = inner.element;
    } else if (inner.kind === 'pointer') {
      prefix += inner.writable ? '*' : 'const *';
      inner = inner.to;
    } else break;
  }
  const base = inner.kind === 'integer' ? inner.type.name : inner.record.name;
  return prefix.startsWith('const')
    ? `const ${base} *${name}${suffix}${initialiser};`
    : `${base} ${prefix}${name}${suffix}${initialiser};`;
}

export function isPointer(shape: Shape): boolean {
  return shape.kind === 'pointer';
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.kind === 'integer') return b.kind === 'integer' && a.type === b.type;
  if (a.kind === 'array') return b.kind === 'array' && a.length === b.length && sameShape(a.element, b.element);
  if (a.kind === 'record') return b.kind === 'record' && a.record === b.record;
  return false;
}

export function sizeOf(shape: Shape): number {
  switch (shape.kind) {
    case 'integer':
      return shape.type.bits;
    case 'array':
      return shape.length * sizeOf(shape.element);
    case 'record':
      return shape.record.fields.reduce((sum, one) => sum + sizeOf(one.shape), 0);
    case 'pointer':
      return 64;
  }
}

export function hasBool(shape: Shape): boolean {
  if (shape.kind === 'integer') return shape.type.bits === 1;
  if (shape.kind === 'array') return hasBool(shape.element);
  return shape.kind === 'record' && shape.record.fields.some((one) => hasBool(one.shape));
}

export function promoted(type: IntegerType): IntegerType {
  return type.bits < 32 ? TYPES.s32 : type;
}

export function usual(a: IntegerType, b: IntegerType): IntegerType {
  const [x, y] = [promoted(a), promoted(b)];
  if (x.bits !== y.bits) return x.bits > y.bits ? x : y;
  return x.signed ? y : x;
}
