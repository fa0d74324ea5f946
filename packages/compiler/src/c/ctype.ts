import type { Span } from '@skep/base';

/**
 * A C type. Sugar (`typedef`, qualifiers, type tags) is kept, since BTF must show it; `strip` in `types.ts` removes it.
 * Records and enums are compared by identity, everything else by structure.
 */
export type CType =
  | VoidType
  | IntType
  | FloatType
  | PointerType
  | ArrayType
  | FunctionType
  | RecordType
  | EnumType
  | TypedefType
  | QualifiedType
  | TaggedType;

export interface VoidType {
  readonly kind: 'void';
}
/** `char` is signed, `long` has 8 bytes, `_Bool` is an int of one byte with `bool`. */
export interface IntType {
  readonly kind: 'int';
  /** As BTF spells it: `unsigned int`, `long`, `char`, `_Bool`. */
  readonly name: string;
  readonly size: 1 | 2 | 4 | 8 | 16;
  readonly signed: boolean;
  readonly bool: boolean;
  /** Conversion rank, C11 6.3.1.1. */
  readonly rank: number;
}
/** Only declared, sized and copied; eBPF has no arithmetic on it. */
export interface FloatType {
  readonly kind: 'float';
  readonly name: string;
  readonly size: number;
}
export interface PointerType {
  readonly kind: 'pointer';
  readonly to: CType;
}
export interface ArrayType {
  readonly kind: 'array';
  readonly of: CType;
  /** Undefined for `[]`; 0 for `[0]`. */
  readonly count: number | undefined;
}
export interface FunctionType {
  readonly kind: 'function';
  readonly result: CType;
  readonly params: readonly { readonly name: string | undefined; readonly type: CType }[];
  readonly variadic: boolean;
  /** `()` without a prototype. */
  readonly unspecified: boolean;
}

/** Identity matters: one object a definition. Members are filled in when the definition is complete, or on demand. */
export interface RecordType {
  readonly kind: 'record';
  readonly union: boolean;
  readonly tag: string | undefined;
  /** Undefined while incomplete. Call `complete(type)` of `types.ts` before reading: BTF types are filled on demand. */
  layout: RecordLayout | undefined;
  /** Fills in {@link layout} the first time it is asked for (types that come from BTF). */
  load: (() => RecordLayout) | undefined;
  /** `__attribute__((preserve_access_index))`: accesses are relocated. */
  preserveAccessIndex: boolean;
  declTags: readonly string[];
  span: Span | undefined;
}
export interface RecordLayout {
  readonly fields: readonly Field[];
  /** Bytes. */
  readonly size: number;
  readonly align: number;
}
export interface Field {
  /** Undefined for anonymous members (`struct { … };`) and unnamed bit-fields. */
  readonly name: string | undefined;
  readonly type: CType;
  /** Bits from the start of the record, little endian. */
  readonly bitOffset: number;
  /** Undefined when not a bit-field. */
  readonly bitWidth: number | undefined;
  readonly declTags: readonly string[];
  readonly span: Span | undefined;
}

export interface EnumType {
  readonly kind: 'enum';
  readonly tag: string | undefined;
  /** The integer type that it is compatible with; undefined while incomplete. */
  underlying: IntType | undefined;
  enumerators: readonly { readonly name: string; readonly value: bigint }[];
  preserveAccessIndex: boolean;
  span: Span | undefined;
}

export interface TypedefType {
  readonly kind: 'typedef';
  readonly name: string;
  readonly type: CType;
  readonly declTags: readonly string[];
  /** `aligned` on the typedef. */
  readonly align: number | undefined;
}
export interface QualifiedType {
  readonly kind: 'qualified';
  readonly type: CType;
  readonly const: boolean;
  readonly volatile: boolean;
  readonly restrict: boolean;
  /** `address_space(1)`: lies in the program's arena. */
  readonly arena?: boolean | undefined;
}
/** `__attribute__((btf_type_tag("…")))` */
export interface TaggedType {
  readonly kind: 'tagged';
  readonly tag: string;
  readonly type: CType;
}
