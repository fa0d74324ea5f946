import type { CType, FunctionType } from '../ctype.ts';
import { BOOL, CHAR, DOUBLE, FLOAT, SCHAR, SHORT, UCHAR, USHORT } from './basic.ts';
import { qualifiersOf, strip, unqualified } from './query.ts';

/** Compatible in the sense of C11 6.2.7, qualifiers on the outside included. */
export function compatible(a: CType, b: CType): boolean {
  if (a === b) return true;
  const qa = qualifiersOf(a);
  const qb = qualifiersOf(b);
  return qa.const === qb.const && qa.volatile === qb.volatile && !qa.arena === !qb.arena && compatibleUnqualified(a, b);
}

/** Compatible when the outer qualifiers are left aside. */
export function compatibleUnqualified(a: CType, b: CType): boolean {
  const left = strip(a);
  const right = strip(b);
  if (left === right) return true;
  if (left.kind !== right.kind) {
    if (left.kind === 'enum' && right.kind === 'int') return left.underlying === right;
    if (right.kind === 'enum' && left.kind === 'int') return right.underlying === left;
    return false;
  }
  switch (left.kind) {
    case 'void':
      return true;
    case 'int':
      // `char` is a type of its own, whatever its sign.
      return right.kind === 'int' && left.name === right.name;
    case 'float':
      return right.kind === 'float' && left.name === right.name;
    case 'pointer':
      return right.kind === 'pointer' && compatible(left.to, right.to);
    case 'array':
      return (
        right.kind === 'array' &&
        (left.count === undefined || right.count === undefined || left.count === right.count) &&
        compatible(left.of, right.of)
      );
    case 'function':
      return right.kind === 'function' && compatibleFunctions(left, right);
    default:
      return false;
  }
}

/** The type that both declarations together give (C11 6.2.7p3); both must be compatible. */
export function composite(a: CType, b: CType): CType {
  const left = strip(a);
  const right = strip(b);
  if (left.kind === 'array' && right.kind === 'array') {
    if (left.count === undefined && right.count !== undefined) return b;
    return a;
  }
  if (left.kind === 'function' && right.kind === 'function') {
    if (left.unspecified && !right.unspecified) return b;
    return a;
  }
  return a;
}

function compatibleFunctions(a: FunctionType, b: FunctionType): boolean {
  if (!compatible(unqualified(a.result), unqualified(b.result))) return false;
  if (a.unspecified && b.unspecified) return true;
  if (a.unspecified) return agreesWithoutPrototype(b);
  if (b.unspecified) return agreesWithoutPrototype(a);
  if (a.variadic !== b.variadic || a.params.length !== b.params.length) return false;
  return a.params.every((param, i) => compatibleUnqualified(param.type, b.params[i]!.type));
}

/** C11 6.7.6.3p15: no parameter may change under the default promotions. */
function agreesWithoutPrototype(type: FunctionType): boolean {
  if (type.variadic) return false;
  return type.params.every(({ type: param }) => {
    const bare = strip(param);
    return ![BOOL, CHAR, SCHAR, UCHAR, SHORT, USHORT, FLOAT].includes(bare as never) || bare === DOUBLE;
  });
}
