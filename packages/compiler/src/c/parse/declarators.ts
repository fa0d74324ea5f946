import type { Span } from '@skep/base';
import type { Expr, VariableDecl } from '../ast.ts';
import { integerConstant } from '../constant.ts';
import type { CType, FunctionType } from '../ctype.ts';
import { T } from '../token.ts';
import {
  arrayOf,
  functionType,
  INT,
  isComplete,
  isConst,
  isInteger,
  isVoid,
  isVolatile,
  NO_QUALIFIERS,
  pointerTo,
  type Qualifiers,
  qualify,
  sizeOf,
  strip,
} from '../types.ts';
import { type Attributes, attributes, declAttributes, mergeSpecifiers, newAttributes } from './attributes.ts';
import { isError, rvalue } from './conversions.ts';
import { badArray, badDeclaration, incompleteType, notConstant, variableLengthArray } from './diagnostics.ts';
import { assignment } from './expressions.ts';
import type { Parser } from './parser.ts';
import { specifiers, startsType } from './specifiers.ts';

export interface Declarator {
  readonly type: CType;
  readonly name: string | undefined;
  /** The number of the name; -1 without one. */
  readonly id: number;
  readonly span: Span;
}

/** The declared parameters of a function type, for its definition. */
const parametersOf = new WeakMap<FunctionType, readonly VariableDecl[]>();
export function parametersOfType(type: FunctionType): readonly VariableDecl[] {
  return parametersOf.get(type) ?? [];
}

/**
 * A declarator around `base`. Pointers on the left are applied first, then what stands on the right of the innermost
 * name, so a parenthesised part is gone over twice: skipped, and parsed once the type around it is known.
 */
export function declarator(
  p: Parser,
  base: CType,
  named: 'required' | 'optional' | 'none',
  into: Attributes,
): Declarator {
  p.enter();
  try {
    return parse(p, base, named, into);
  } finally {
    p.leave();
  }
}

function parse(p: Parser, base: CType, named: 'required' | 'optional' | 'none', into: Attributes): Declarator {
  const start = p.at;
  let type = pointers(p, base, into);
  if (p.kind === T.LParen && isNested(p, named)) {
    const inner = p.at;
    p.skipBalanced();
    type = suffixes(p, type);
    const after = p.at;
    p.reset(inner);
    p.next();
    const found = declarator(p, type, named, into);
    p.expect(T.RParen, "')'", inner);
    p.reset(after);
    attributes(p, into);
    return found;
  }
  let name: string | undefined;
  let id = -1;
  let span = p.span();
  if (p.kind === T.Identifier && named !== 'none') {
    name = p.text();
    id = p.nameId();
    p.next();
  } else if (named === 'required') p.fail('a name');
  else span = p.from(Math.min(start, p.at));
  attributes(p, into);
  type = suffixes(p, type);
  attributes(p, into);
  if (into.arena) type = qualify(type, IN_ARENA);
  return { type, name, id, span };
}
const IN_ARENA: Qualifiers = { ...NO_QUALIFIERS, arena: true };

/** `(` opens a nested declarator, not a parameter list: `(*f)(int)`, but in `int (int)` a type follows. */
function isNested(p: Parser, named: 'required' | 'optional' | 'none'): boolean {
  if (named === 'required') return true;
  const next = p.peekAt();
  const kind = p.tokens.kinds[next]!;
  if (kind === T.RParen) return false;
  if (kind === T.Attribute) return true;
  return !startsType(p, next);
}

function pointers(p: Parser, base: CType, into: Attributes): CType {
  let type = base;
  let count = 0;
  for (;;) {
    if (p.kind === T.Star) {
      if (++count > 64) p.fail('fewer levels of pointers');
      p.next();
      type = pointerTo(type);
    } else if (p.kind === T.Const && type.kind !== 'void' && count > 0) {
      type = qualify(type, { const: true, volatile: false, restrict: false });
      p.next();
    } else if (p.kind === T.Volatile && count > 0) {
      type = qualify(type, { const: false, volatile: true, restrict: false });
      p.next();
    } else if (p.kind === T.Restrict && count > 0) {
      type = qualify(type, { const: false, volatile: false, restrict: true });
      p.next();
    } else if (p.kind === T.Attribute) {
      const own = newAttributes();
      attributes(p, own);
      for (const tag of own.typeTags) type = { kind: 'tagged', tag, type };
      if (own.arena) type = qualify(type, IN_ARENA);
      mergeSpecifiers(into, own);
    } else return type;
  }
}

/** Arrays and parameter lists behind the name; the first one written is the outermost. */
function suffixes(p: Parser, base: CType): CType {
  if (p.kind === T.LBracket && p.peek() !== T.LBracket) return arraySuffix(p, base);
  if (p.kind === T.LParen) {
    const opened = p.at;
    const type = parameters(p, base);
    if (strip(base).kind === 'function' || strip(base).kind === 'array')
      p.report(
        badDeclaration(
          p.from(opened),
          `a function cannot return ${strip(base).kind === 'array' ? 'an array' : 'a function'}`,
          'return a pointer to it',
        ),
      );
    if (p.kind === T.LParen || p.kind === T.LBracket) {
      p.report(
        badDeclaration(
          p.span(),
          `a function cannot return ${p.kind === T.LParen ? 'a function' : 'an array'}`,
          'return a pointer to it',
        ),
      );
      suffixes(p, base);
    }
    return type;
  }
  return base;
}

function arraySuffix(p: Parser, base: CType): CType {
  const opened = p.at;
  p.next();
  // Inside parameters: `[static 4]`, `[const]`, `[*]`.
  while (p.kind === T.Static || p.kind === T.Const || p.kind === T.Volatile || p.kind === T.Restrict) p.next();
  let count: number | undefined;
  let given = false;
  if (p.kind === T.Star && p.peek() === T.RBracket) p.next();
  else if (p.kind !== T.RBracket) {
    given = true;
    count = arrayCount(p);
  }
  p.expect(T.RBracket, "']'", opened);
  p.enter();
  const element = suffixes(p, base);
  p.leave();
  const bare = strip(element);
  if (bare.kind === 'function' || bare.kind === 'void') {
    p.report(badArray(p.from(opened), `an array of ${bare.kind === 'void' ? "'void'" : 'functions'} does not exist`));
    return arrayOf(INT, count ?? 0);
  }
  if (!isComplete(element) && !(bare.kind === 'array' && bare.count === undefined && !given)) {
    if (bare.kind === 'array')
      p.report(badArray(p.from(opened), 'only the first dimension of an array can be left open'));
    else if (bare.kind !== 'record' || given)
      p.report(
        incompleteType(
          p.from(opened),
          element,
          'the element of the array',
          bare.kind === 'record' ? bare.span : undefined,
        ),
      );
  }
  if (count !== undefined && (count > MAX_OBJECT || count * (sizeOf(element) ?? 1) > Number.MAX_SAFE_INTEGER)) {
    const shown = count > MAX_OBJECT ? 'more than 4294967295' : count;
    p.report(badArray(p.from(opened), `an array of ${shown} elements is too large`));
    count = 0;
  }
  return arrayOf(element, count);
}

/** Elements of an array, and bytes of what is defined: what fits into 32 bits, which is all that BTF and ELF sections say. */
export const MAX_OBJECT = 0xffff_ffff;

function arrayCount(p: Parser): number {
  const expr = rvalue(p, assignment(p));
  if (isError(expr)) return 1;
  if (!isInteger(expr.type)) {
    p.report(notConstant(expr.span, 'the size of an array'));
    return 1;
  }
  const value = integerConstant(expr) ?? integerConstant(throughConstants(expr));
  if (value === undefined) {
    if (p.variableSizes !== undefined) {
      p.variableSizes.push(expr);
      return 1;
    }
    p.report(p.fn === undefined ? notConstant(expr.span, 'the size of an array') : variableLengthArray(expr.span));
    return 1;
  }
  if (value < 0n) {
    p.report(badArray(expr.span, `the size of an array is negative: ${BigInt.asIntN(64, value)}`));
    return 1;
  }
  return value > BigInt(MAX_OBJECT) ? MAX_OBJECT + 1 : Number(value);
}

/** `const int n = 32; char a[n];` is no array of variable length for anybody but the standard: clang folds it too. */
function throughConstants(expr: Expr): Expr {
  switch (expr.kind) {
    case 'cast': {
      const { operand } = expr;
      if (expr.op === 'int') return { ...expr, operand: throughConstants(operand) };
      if (expr.op !== 'load' || operand.kind !== 'var' || !isConst(operand.type)) return expr;
      const value = operand.variable.init?.parts[0]?.value;
      return value === undefined || isVolatile(operand.type) ? expr : value;
    }
    case 'binary':
      return { ...expr, left: throughConstants(expr.left), right: throughConstants(expr.right) };
    default:
      return expr;
  }
}

function parameters(p: Parser, result: CType): FunctionType {
  const opened = p.at;
  p.next();
  if (p.accept(T.RParen)) {
    const type = functionType(result, [], false, true);
    parametersOf.set(type, []);
    return type;
  }
  if (p.kind === T.Void && p.peek() === T.RParen) {
    p.next();
    p.next();
    return functionType(result, []);
  }
  const list: VariableDecl[] = [];
  let variadic = false;
  // Parameters can be named by those after them: `int n, int (*f)(typeof(n))`.
  p.push();
  // Sizes of array parameters do not matter: they are pointers.
  try {
    for (;;) {
      if (p.accept(T.Ellipsis)) {
        variadic = true;
        break;
      }
      list.push(parameter(p));
      if (!p.accept(T.Comma)) break;
    }
    p.expect(T.RParen, "')'", opened);
  } finally {
    const { tags } = p.scope;
    p.pop();
    // A struct that is first named in a parameter list belongs to what is around: stricter rules help nobody.
    for (const [id, tag] of tags) p.scope.tags.set(id, tag);
  }
  if (list.length === 1 && !variadic && isVoid(list[0]!.type)) return functionType(result, []);
  const type = functionType(
    result,
    list.map(({ name, type }) => ({ name: name === '' ? undefined : name, type })),
    variadic,
  );
  parametersOf.set(type, list);
  return type;
}

function parameter(p: Parser): VariableDecl {
  const specs = specifiers(p, 'parameter');
  const own = newAttributes();
  const found = declarator(p, specs.type, 'optional', own);
  mergeSpecifiers(own, specs.attributes);
  const decl: VariableDecl = {
    kind: 'variable',
    name: found.name ?? '',
    type: adjusted(found.type),
    storage: 'param',
    attributes: declAttributes(own),
    init: undefined,
    used: false,
    span: found.span,
  };
  if (found.id >= 0) {
    if (p.scope.names.has(found.id)) p.report(badDeclaration(found.span, `two parameters are named '${found.name}'`));
    p.scope.names.set(found.id, decl);
  }
  return decl;
}

/** Array and function parameters are pointers (C11 6.7.6.3p7-8). */
function adjusted(type: CType): CType {
  const bare = strip(type);
  if (bare.kind === 'array') return pointerTo(type.kind === 'array' ? type.of : bare.of);
  if (bare.kind === 'function') return pointerTo(type);
  return type;
}

/** A type name: `const struct key *`, `int (*)(void)`. */
export function typeName(p: Parser): { readonly type: CType; readonly span: Span } {
  const start = p.at;
  const specs = specifiers(p, 'type-name');
  const found = declarator(p, specs.type, 'none', newAttributes());
  return { type: found.type, span: p.from(start) };
}
