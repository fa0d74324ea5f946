import type {
  ArrayType,
  CType,
  FloatType,
  FunctionType,
  IntType,
  PointerType,
  QualifiedType,
  VoidType,
} from '../ctype.ts';

// The types of the eBPF target (LP64, little endian), each one object, so that identity is a quick test.

export const VOID: VoidType = { kind: 'void' };
export const BOOL: IntType = int('_Bool', 1, false, 0, true);
export const CHAR: IntType = int('char', 1, true, 1);
export const SCHAR: IntType = int('signed char', 1, true, 1);
export const UCHAR: IntType = int('unsigned char', 1, false, 1);
export const SHORT: IntType = int('short', 2, true, 2);
export const USHORT: IntType = int('unsigned short', 2, false, 2);
export const INT: IntType = int('int', 4, true, 3);
export const UINT: IntType = int('unsigned int', 4, false, 3);
export const LONG: IntType = int('long', 8, true, 4);
export const ULONG: IntType = int('unsigned long', 8, false, 4);
export const LLONG: IntType = int('long long', 8, true, 5);
export const ULLONG: IntType = int('unsigned long long', 8, false, 5);
export const INT128: IntType = int('__int128', 16, true, 6);
export const UINT128: IntType = int('unsigned __int128', 16, false, 6);
export const FLOAT: FloatType = { kind: 'float', name: 'float', size: 4 };
export const DOUBLE: FloatType = { kind: 'float', name: 'double', size: 8 };
/** The eBPF target has no extended format: `long double` is a `double` with another name. */
export const LONG_DOUBLE: FloatType = { kind: 'float', name: 'long double', size: 8 };

/** `size_t`, and what `sizeof` gives. */
export const SIZE: IntType = ULONG;
/** `ptrdiff_t`, and what subscripts are converted to. */
export const PTRDIFF: IntType = LONG;

/**
 * The type of an expression that has already been complained about: behaves as `int`, and everything made of it is
 * silent, so that one mistake gives one diagnostic.
 */
export const ERROR_TYPE: IntType = int('int', 4, true, 3);

/** The integer types in the order of their rank, for looking one up by size and sign. */
export const INT_TYPES: readonly IntType[] = [
  BOOL,
  CHAR,
  SCHAR,
  UCHAR,
  SHORT,
  USHORT,
  INT,
  UINT,
  LONG,
  ULONG,
  LLONG,
  ULLONG,
  INT128,
  UINT128,
];

/** The integer type with the same rank and the other sign (C11 6.3.1.8 needs the unsigned one). */
export function toUnsigned(type: IntType): IntType {
  switch (type.name) {
    case 'char':
    case 'signed char':
      return UCHAR;
    case 'short':
      return USHORT;
    case 'int':
      return UINT;
    case 'long':
      return ULONG;
    case 'long long':
      return ULLONG;
    case '__int128':
      return UINT128;
    default:
      return type;
  }
}

export function pointerTo(to: CType): PointerType {
  return { kind: 'pointer', to };
}

export function arrayOf(of: CType, count: number | undefined): ArrayType {
  return { kind: 'array', of, count };
}

export function functionType(
  result: CType,
  params: FunctionType['params'],
  variadic = false,
  unspecified = false,
): FunctionType {
  return { kind: 'function', result, params, variadic, unspecified };
}

export interface Qualifiers {
  readonly const: boolean;
  readonly volatile: boolean;
  readonly restrict: boolean;
  /** `address_space(1)` */
  readonly arena?: boolean | undefined;
}
export const NO_QUALIFIERS: Qualifiers = { const: false, volatile: false, restrict: false };

/** Adds qualifiers; those of an array go to its elements (C11 6.7.3p9). Gives `type` itself when nothing is added. */
export function qualify(type: CType, add: Qualifiers): CType {
  if (!add.const && !add.volatile && !add.restrict && !add.arena) return type;
  if (type.kind === 'array') return { kind: 'array', of: qualify(type.of, add), count: type.count };
  if (type.kind === 'qualified') {
    const has = (type.const || !add.const) && (type.volatile || !add.volatile) && (type.restrict || !add.restrict);
    if (has && (type.arena || !add.arena)) return type;
    return {
      kind: 'qualified',
      type: type.type,
      const: type.const || add.const,
      volatile: type.volatile || add.volatile,
      restrict: type.restrict || add.restrict,
      arena: type.arena || add.arena,
    };
  }
  const made: QualifiedType = {
    kind: 'qualified',
    type,
    const: add.const,
    volatile: add.volatile,
    restrict: add.restrict,
    arena: add.arena,
  };
  return made;
}

export function constOf(type: CType): CType {
  return qualify(type, { const: true, volatile: false, restrict: false });
}

function int(name: string, size: IntType['size'], signed: boolean, rank: number, bool = false): IntType {
  return { kind: 'int', name, size, signed, bool, rank };
}
