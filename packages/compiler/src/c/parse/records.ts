import type { Span } from '@skep/base';
import type { Expr } from '../ast.ts';
import { integerConstant } from '../constant.ts';
import type { CType, EnumType, IntType, RecordType } from '../ctype.ts';
import { layOut, type MemberSpec } from '../layout.ts';
import { nameText } from '../names.ts';
import { T } from '../token.ts';
import {
  describeType,
  fieldNames,
  fits,
  INT,
  integerOf,
  isComplete,
  isInteger,
  LONG,
  printType,
  SCHAR,
  SHORT,
  strip,
  UCHAR,
  UINT,
  ULONG,
  USHORT,
} from '../types.ts';
import { type Attributes, attributes, mergeSpecifiers, newAttributes, stringLiteral } from './attributes.ts';
import { declarator, MAX_OBJECT } from './declarators.ts';
import {
  assertionFailed,
  badArray,
  badAttribute,
  badBitField,
  badDeclaration,
  declaresNothing,
  incompleteType,
  notConstant,
  redefinesKnown,
  redefinition,
  wrongKindOfTag,
} from './diagnostics.ts';
import { constantExpression } from './expressions.ts';
import { type Parser, Recover, type Tag } from './parser.ts';
import { specifiers } from './specifiers.ts';

/** Records defined inside a record: `preserve_access_index` goes to them too. */
const inside = new WeakMap<RecordType, RecordType[]>();

/** `struct tag`, `union tag { … }`, with its attributes. */
export function recordSpecifier(p: Parser): RecordType {
  const start = p.at;
  const union = p.kind === T.Union;
  p.next();
  const own = newAttributes();
  attributes(p, own);
  const { id, span } = tagName(p, start);
  if (p.kind !== T.LBrace) {
    if (id < 0) p.fail(`a tag or '{' after '${union ? 'union' : 'struct'}'`);
    // `struct s;` names a new one in this block (C11 6.7.2.3p7).
    const scope = p.kind === T.Semicolon ? p.scope : undefined;
    const found =
      scope !== undefined && scope !== p.fileScope ? scope.tags.get(id) : findTag(p, id, union ? 'union' : 'struct');
    if (found !== undefined) {
      if (found.kind === 'record' && found.union === union) return found;
      p.report(wrongKindOfTag(span, nameText(id), found.span));
      return newRecord(union, nameText(id), span);
    }
    return declareTag(p, id, newRecord(union, nameText(id), span));
  }
  const record = beginRecord(p, id, union, span);
  const level = p.level;
  p.enter();
  p.openRecords.push(record);
  const unfinished = record.layout;
  try {
    members(p, record, own);
  } finally {
    p.openRecords.pop();
    p.restore(level);
    if (record.layout === unfinished) record.layout = { fields: [], size: 0, align: 1 };
  }
  return record;
}

function tagName(p: Parser, start: number): { id: number; span: Span } {
  if (p.kind !== T.Identifier) return { id: -1, span: p.tokens.span(start) };
  const found = { id: p.nameId(), span: p.span() };
  p.next();
  return found;
}

function newRecord(union: boolean, tag: string | undefined, span: Span): RecordType {
  return {
    kind: 'record',
    union,
    tag,
    layout: undefined,
    load: undefined,
    preserveAccessIndex: false,
    declTags: [],
    span,
  };
}

function declareTag<R extends Tag>(p: Parser, id: number, tag: R): R {
  p.scope.tags.set(id, tag);
  return tag;
}

/** A tag in scope, or one that BTF knows. */
function findTag(p: Parser, id: number, kind: 'struct' | 'union' | 'enum'): Tag | undefined {
  const found = p.tag(id);
  if (found !== undefined) return found;
  const known = p.types?.tag(kind, nameText(id));
  if (known !== undefined) p.fileScope.tags.set(id, known);
  return known;
}

/** The record that a `{` defines now: a new one, or the one that was declared before in this block. */
function beginRecord(p: Parser, id: number, union: boolean, span: Span): RecordType {
  const tag = id < 0 ? undefined : nameText(id);
  const before = id < 0 ? undefined : p.scope.tags.get(id);
  if (before !== undefined) {
    if (before.kind !== 'record' || before.union !== union) p.report(wrongKindOfTag(span, tag!, before.span));
    else if (p.types?.owns(before)) p.report(redefinesKnown(span, printType(before)));
    else if (before.layout !== undefined || p.openRecords.includes(before))
      p.report(redefinition(span, printType(before), before.span));
    else {
      before.span = span;
      return before;
    }
    return newRecord(union, tag, span);
  }
  const made = newRecord(union, tag, span);
  if (id >= 0) declareTag(p, id, made);
  return made;
}

function members(p: Parser, record: RecordType, own: Attributes): void {
  const opened = p.at;
  p.next();
  const { pack } = p;
  const list: MemberSpec[] = [];
  const names = new Map<string, Span>();
  while (p.kind !== T.RBrace) {
    if (p.kind === T.Eof) p.fail("'}'", opened);
    const { level } = p;
    try {
      memberDeclaration(p, list, names);
    } catch (error) {
      if (!(error instanceof Recover)) throw error;
      p.restore(level);
      p.syncStatement();
    }
  }
  p.next();
  attributes(p, own);
  if (own.section !== undefined)
    p.report(
      badAttribute(p.from(opened), "attribute 'section' stands behind the type: write it behind the variable's name"),
    );
  record.declTags = [...record.declTags, ...own.declTags];
  if (own.preserveAccessIndex || p.preservesAccess) preserve(record);
  const outer = p.openRecords.at(-2);
  if (outer !== undefined) {
    const siblings = inside.get(outer);
    if (siblings) siblings.push(record);
    else inside.set(outer, [record]);
  }
  checkOpenArrays(p, record, list);
  record.layout = layOut(list, { union: record.union, packed: own.packed, align: own.align, pack });
  if (record.layout.size > MAX_OBJECT)
    p.report(
      badArray(
        record.span ?? p.from(opened),
        `${describeType(record)} is too large: BTF counts no more than 4294967295 bytes`,
      ),
    );
}

function preserve(record: RecordType): void {
  record.preserveAccessIndex = true;
  for (const one of inside.get(record) ?? []) preserve(one);
}

function memberDeclaration(p: Parser, list: MemberSpec[], names: Map<string, Span>): void {
  if (p.kind === T.Semicolon) {
    p.next();
    return;
  }
  if (p.kind === T.StaticAssert) {
    staticAssert(p);
    return;
  }
  const start = p.at;
  const specs = specifiers(p, 'member');
  if (p.kind === T.Semicolon) {
    const bare = strip(specs.type);
    p.next();
    if (bare.kind === 'record' && specs.type.kind !== 'typedef' && bare.tag === undefined) {
      for (const name of fieldNames(bare)) claim(p, names, name, bare.span);
      add(undefined, specs.type, undefined, specs.attributes, specs.span);
    } else p.report(declaresNothing(p.from(start)));
    return;
  }
  for (;;) {
    const own = newAttributes();
    let found = { type: specs.type, name: undefined as string | undefined, span: p.span() };
    if (p.kind !== T.Colon) found = declarator(p, specs.type, 'required', own);
    let bitWidth: number | undefined;
    if (p.accept(T.Colon)) bitWidth = width(p, found.type, found.name);
    attributes(p, own);
    mergeSpecifiers(own, specs.attributes);
    let type = found.type;
    for (const tag of own.typeTags) type = tagPointee(type, tag);
    if (found.name !== undefined) claim(p, names, found.name, found.span);
    const bare = strip(type);
    if (bare.kind === 'function') {
      p.report(badDeclaration(found.span, `member '${found.name}' is a function`, 'make it a pointer to one'));
      type = INT;
    } else if (!isComplete(type) && bare.kind !== 'array') {
      p.report(
        incompleteType(
          found.span,
          type,
          `member '${found.name ?? ''}'`,
          bare.kind === 'record' ? bare.span : undefined,
        ),
      );
      type = INT;
    }
    add(found.name, type, bitWidth, own, found.span);
    if (!p.accept(T.Comma)) break;
  }
  p.expect(T.Semicolon, "';'");

  function add(name: string | undefined, type: CType, bitWidth: number | undefined, own: Attributes, span: Span): void {
    list.push({ name, type, bitWidth, packed: own.packed, align: own.align, declTags: own.declTags, span });
  }
}

/** `struct node __rcu *next` tags what the pointer points to; a tag behind the declarator means the same. */
function tagPointee(type: CType, tag: string): CType {
  return type.kind === 'pointer' ? { kind: 'pointer', to: { kind: 'tagged', tag, type: type.to } } : type;
}

function claim(p: Parser, names: Map<string, Span>, name: string, span: Span | undefined): void {
  const before = names.get(name);
  if (before !== undefined && span !== undefined) p.report(redefinition(span, name, before));
  else if (span !== undefined) names.set(name, span);
}

function width(p: Parser, type: CType, name: string | undefined): number {
  const expr = constantExpression(p);
  const value = integerConstant(expr);
  const int = integerOf(type);
  if (int === undefined || int.size > 8) {
    p.report(
      badBitField(expr.span, `bit-field '${name ?? ''}' has the type '${printType(type)}', which is no integer`),
    );
    return 1;
  }
  if (value === undefined) {
    p.report(notConstant(expr.span, 'the width of a bit-field'));
    return 1;
  }
  const most = int.bool ? 1 : int.size * 8;
  if (value < 0n || value > BigInt(most) || (value === 0n && name !== undefined)) {
    p.report(badBitField(expr.span, `a bit-field of '${printType(type)}' has 1 to ${most} bits, not ${value}`));
    return 1;
  }
  return Number(value);
}

/** `[]` may only come last (or in a union, as GNU C allows). */
function checkOpenArrays(p: Parser, record: RecordType, list: readonly MemberSpec[]): void {
  list.forEach((member, i) => {
    const bare = strip(member.type);
    if (bare.kind !== 'array' || bare.count !== undefined) return;
    if (!record.union && i < list.length - 1)
      p.report(badDeclaration(member.span!, `the flexible array '${member.name}' is not the last member`));
  });
}

// ── enums ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export function enumSpecifier(p: Parser): EnumType {
  const start = p.at;
  p.next();
  const own = newAttributes();
  attributes(p, own);
  const { id, span } = tagName(p, start);
  let fixed: IntType | undefined;
  if (p.kind === T.Colon && id !== -2 && (p.peek() >= T.Auto || p.peek() === T.Identifier)) {
    p.next();
    const named = specifiers(p, 'type-name');
    fixed = integerOf(named.type);
    if (fixed === undefined) p.report(badDeclaration(named.span, "an enum's type must be an integer"));
  }
  if (p.kind !== T.LBrace) {
    if (id < 0) p.fail("a tag or '{' after 'enum'");
    const found = findTag(p, id, 'enum');
    if (found !== undefined) {
      if (found.kind === 'enum') return found;
      p.report(wrongKindOfTag(span, nameText(id), found.span));
    }
    return declareTag(p, id, newEnum(nameText(id), span, fixed));
  }
  const type = beginEnum(p, id, span);
  enumerators(p, type, fixed, own);
  return type;
}

function newEnum(tag: string | undefined, span: Span, underlying: IntType | undefined): EnumType {
  return { kind: 'enum', tag, underlying, enumerators: [], preserveAccessIndex: false, span };
}

function beginEnum(p: Parser, id: number, span: Span): EnumType {
  const tag = id < 0 ? undefined : nameText(id);
  const before = id < 0 ? undefined : p.scope.tags.get(id);
  if (before !== undefined) {
    if (before.kind !== 'enum') p.report(wrongKindOfTag(span, tag!, before.span));
    else if (p.types?.owns(before)) p.report(redefinesKnown(span, printType(before)));
    else if (before.enumerators.length > 0) p.report(redefinition(span, printType(before), before.span));
    else return before;
    return newEnum(tag, span, undefined);
  }
  const made = newEnum(tag, span, undefined);
  if (id >= 0) declareTag(p, id, made);
  return made;
}

function enumerators(p: Parser, type: EnumType, fixed: IntType | undefined, own: Attributes): void {
  const opened = p.at;
  p.next();
  const list: { id: number; name: string; value: bigint; span: Span }[] = [];
  let next = 0n;
  while (p.kind !== T.RBrace) {
    if (p.kind !== T.Identifier) p.fail("an enumerator or '}'", opened);
    const id = p.nameId();
    const name = p.text();
    const span = p.span();
    p.next();
    attributes(p, newAttributes());
    if (p.accept(T.Assign)) {
      const expr = constantExpression(p);
      const value = isInteger(expr.type) ? integerConstant(expr) : undefined;
      if (value === undefined) p.report(notConstant(expr.span, `the value of '${name}'`));
      next = value ?? next;
    }
    const before = p.scope.names.get(id);
    if (before !== undefined && !(before.span === undefined)) p.report(redefinition(span, name, before.span));
    list.push({ id, name, value: next, span });
    // Enumerators can be used by those that follow; their final types are known at the `}`.
    p.scope.names.set(id, { kind: 'enumerator', name, value: next, type: smallest(next), of: type, span });
    next += 1n;
    if (!p.accept(T.Comma)) break;
  }
  p.expect(T.RBrace, "'}'", opened);
  attributes(p, own);
  type.preserveAccessIndex ||= own.preserveAccessIndex || p.preservesAccess;
  type.underlying =
    fixed ??
    underlyingOf(
      list.map((one) => one.value),
      own.packed,
    );
  type.enumerators = list.map(({ name, value }) => ({ name, value }));
  for (const { id, name, value, span } of list) {
    if (fixed !== undefined && !fits(value, fixed))
      p.report(badDeclaration(span, `${value} does not fit into '${fixed.name}'`));
    const own = fixed ?? (fits(value, INT) ? INT : type.underlying);
    p.scope.names.set(id, { kind: 'enumerator', name, value, type: own, of: type, span });
  }
}

function smallest(value: bigint): IntType {
  return fits(value, INT) ? INT : fits(value, UINT) ? UINT : fits(value, LONG) ? LONG : ULONG;
}

/** As clang chooses: `unsigned int` unless something is negative, wider or (packed) smaller when needed. */
function underlyingOf(values: readonly bigint[], packed = false): IntType {
  const negative = values.some((value) => value < 0n);
  const choices = negative
    ? packed
      ? [SCHAR, SHORT, INT, LONG]
      : [INT, LONG]
    : packed
      ? [UCHAR, USHORT, UINT, ULONG]
      : [UINT, ULONG];
  return choices.find((type) => values.every((value) => fits(value, type))) ?? choices.at(-1)!;
}

// ── _Static_assert ──────────────────────────────────────────────────────────────────────────────────────────────────

export function staticAssert(p: Parser): void {
  p.next();
  const opened = p.at;
  p.expect(T.LParen, "'('");
  const expr = constantExpression(p);
  let message: string | undefined;
  if (p.accept(T.Comma)) {
    if (p.kind !== T.String) p.fail('a string');
    const { bytes } = stringLiteral(p);
    message = new TextDecoder().decode(bytes.subarray(0, bytes.length - 1));
  }
  p.expect(T.RParen, "')'", opened);
  p.expect(T.Semicolon, "';'");
  const value = integerConstant(expr);
  if (value === undefined) p.report(notConstant(expr.span, 'what a static assertion asks'));
  else if (value === 0n) p.report(assertionFailed(expr.span, message, valuesOf(expr)));
}

/** Of a comparison, both sides: `16 == 12`. */
function valuesOf(expr: Expr): string | undefined {
  if (expr.kind === 'cast') return valuesOf(expr.operand);
  if (expr.kind !== 'binary') return undefined;
  const [left, right] = [integerConstant(expr.left), integerConstant(expr.right)];
  return left === undefined || right === undefined ? undefined : `${left} ${expr.op} ${right}`;
}
