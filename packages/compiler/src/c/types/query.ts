import type { ArrayType, CType, EnumType, Field, FunctionType, IntType, RecordLayout, RecordType } from '../ctype.ts';
import { NO_QUALIFIERS, type Qualifiers } from './basic.ts';

/** A type without its sugar: no typedef, qualifier or type tag on the outside. */
export type Bare = Exclude<CType, { kind: 'typedef' | 'qualified' | 'tagged' }>;

export function strip(type: CType): Bare {
  let at = type;
  while (at.kind === 'typedef' || at.kind === 'qualified' || at.kind === 'tagged') at = at.type;
  return at;
}

/** The layout of a record, filled in now if it is one that loads on demand; undefined while incomplete. */
export function complete(type: RecordType): RecordLayout | undefined {
  if (type.layout === undefined && type.load !== undefined) {
    const load = type.load;
    type.load = undefined;
    type.layout = load();
  }
  return type.layout;
}

/** All qualifiers on the outside of `type`, through typedefs; of an array, those of its elements. */
export function qualifiersOf(type: CType): Qualifiers {
  let at = type;
  let found = NO_QUALIFIERS;
  for (;;) {
    if (at.kind === 'qualified') {
      found =
        found === NO_QUALIFIERS
          ? at
          : {
              const: found.const || at.const,
              volatile: found.volatile || at.volatile,
              restrict: found.restrict || at.restrict,
              arena: found.arena || at.arena,
            };
      at = at.type;
    } else if (at.kind === 'typedef' || at.kind === 'tagged') at = at.type;
    else if (at.kind === 'array') at = at.of;
    else return found;
  }
}

export function isConst(type: CType): boolean {
  return qualifiersOf(type).const;
}

export function isVolatile(type: CType): boolean {
  return qualifiersOf(type).volatile;
}

/** `address_space(1)`: an object of the type lies in the arena. */
export function inArena(type: CType): boolean {
  return qualifiersOf(type).arena === true;
}

/** The type of a value: outer qualifiers gone, typedefs kept as far as they hide none. */
export function unqualified(type: CType): CType {
  let at = type;
  for (;;) {
    if (at.kind === 'qualified') at = at.type;
    else if (at.kind === 'typedef' && hidesQualifier(at.type)) at = at.type;
    else return at;
  }
}

function hidesQualifier(type: CType): boolean {
  let at = type;
  while (at.kind === 'typedef' || at.kind === 'tagged') at = at.type;
  return at.kind === 'qualified';
}

/** Bytes, or undefined when the type is incomplete or a function. */
export function sizeOf(type: CType): number | undefined {
  const bare = strip(type);
  switch (bare.kind) {
    case 'int':
    case 'float':
      return bare.size;
    case 'pointer':
      return 8;
    case 'array': {
      if (bare.count === undefined) return undefined;
      const size = sizeOf(bare.of);
      return size === undefined ? undefined : size * bare.count;
    }
    case 'record':
      return complete(bare)?.size;
    case 'enum':
      return bare.underlying?.size;
    default:
      return undefined;
  }
}

/** Bytes; 1 for what has no alignment of its own (void, functions, incomplete types). A typedef's `aligned` wins. */
export function alignOf(type: CType): number {
  let at = type;
  for (;;) {
    switch (at.kind) {
      case 'typedef':
        if (at.align !== undefined) return at.align;
        at = at.type;
        break;
      case 'qualified':
      case 'tagged':
        at = at.type;
        break;
      case 'array':
        at = at.of;
        break;
      case 'int':
      case 'float':
        return at.size;
      case 'pointer':
        return 8;
      case 'record':
        return complete(at)?.align ?? 1;
      case 'enum':
        return at.underlying?.size ?? 1;
      default:
        return 1;
    }
  }
}

/** What pointer arithmetic counts in. GNU C counts `void` and functions as one byte. */
export function stepOf(type: CType): number | undefined {
  const bare = strip(type);
  return bare.kind === 'void' || bare.kind === 'function' ? 1 : sizeOf(bare);
}

export function isComplete(type: CType): boolean {
  return sizeOf(type) !== undefined;
}

/** The integer that a value of `type` is: an enum's underlying type; undefined for anything else. */
export function integerOf(type: CType): IntType | undefined {
  const bare = strip(type);
  return bare.kind === 'int' ? bare : bare.kind === 'enum' ? bare.underlying : undefined;
}

export function isInteger(type: CType): boolean {
  const { kind } = strip(type);
  return kind === 'int' || kind === 'enum';
}
export function isScalar(type: CType): boolean {
  const { kind } = strip(type);
  return kind === 'int' || kind === 'enum' || kind === 'pointer' || kind === 'float';
}
export function isArithmetic(type: CType): boolean {
  const { kind } = strip(type);
  return kind === 'int' || kind === 'enum' || kind === 'float';
}
export function isVoid(type: CType): boolean {
  return strip(type).kind === 'void';
}
export function pointee(type: CType): CType | undefined {
  const bare = strip(type);
  return bare.kind === 'pointer' ? bare.to : undefined;
}
export function asRecord(type: CType): RecordType | undefined {
  const bare = strip(type);
  return bare.kind === 'record' ? bare : undefined;
}
export function asEnum(type: CType): EnumType | undefined {
  const bare = strip(type);
  return bare.kind === 'enum' ? bare : undefined;
}
export function asArray(type: CType): ArrayType | undefined {
  const bare = strip(type);
  return bare.kind === 'array' ? bare : undefined;
}
export function asFunction(type: CType): FunctionType | undefined {
  const bare = strip(type);
  return bare.kind === 'function' ? bare : undefined;
}
/** Character arrays take strings: `char`, `signed char`, `unsigned char`. */
export function isCharacter(type: CType): boolean {
  const bare = strip(type);
  return bare.kind === 'int' && bare.size === 1 && !bare.bool;
}

export interface FieldStep {
  readonly record: RecordType;
  readonly field: Field;
  readonly index: number;
}

/** The way to a named member, through anonymous members; undefined when there is none. */
export function findField(record: RecordType, name: string): readonly FieldStep[] | undefined {
  const layout = complete(record);
  if (layout === undefined) return undefined;
  const { fields } = layout;
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index]!;
    if (field.name === name) return [{ record, field, index }];
  }
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index]!;
    if (field.name !== undefined) continue;
    const inner = asRecord(field.type);
    const rest = inner && findField(inner, name);
    if (rest !== undefined) return [{ record, field, index }, ...rest];
  }
  return undefined;
}

/** All member names that can be written after `.`, through anonymous members. */
export function* fieldNames(record: RecordType): Generator<string> {
  for (const field of complete(record)?.fields ?? []) {
    if (field.name !== undefined) yield field.name;
    else {
      const inner = asRecord(field.type);
      if (inner !== undefined) yield* fieldNames(inner);
    }
  }
}
