import { type Span, suggest } from '@skep/base';
import type { BinaryExpr, Expr, Stmt, VariableDecl } from '../ast.ts';
import { integerConstant, truthOf } from '../constant.ts';
import type { CType, RecordType } from '../ctype.ts';
import {
  asArray,
  asRecord,
  commonInteger,
  compatible,
  compatibleUnqualified,
  composite,
  DOUBLE,
  fieldNames,
  findField,
  INT,
  integerOf,
  isArithmetic,
  isComplete,
  isConst,
  isInteger,
  isVoid,
  LONG,
  NO_QUALIFIERS,
  PTRDIFF,
  pointee,
  pointerTo,
  qualifiersOf,
  qualify,
  stepOf,
  strip,
  ULONG,
  VOID,
  wrap,
} from '../types.ts';
import { noAttributes } from './attributes.ts';
import {
  assignTo,
  cast,
  convert,
  errorExpr,
  intExpr,
  isCondition,
  isError,
  isNullConstant,
  isPlace,
  promote,
  rvalue,
} from './conversions.ts';
import {
  assignsConst,
  badOperand,
  badOperands,
  badPlace,
  comparesPointers,
  divisionByZero,
  floatArithmetic,
  incompleteType,
  int128Arithmetic,
  noMember,
  notARecord,
  notAssignable,
  shiftCount,
  unsupported,
} from './diagnostics.ts';
import { floatExpr, foldFloats, knownFloat } from './floats.ts';
import type { Parser } from './parser.ts';

export type BinaryOp = BinaryExpr['op'];

// ── binary ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export function binary(p: Parser, op: BinaryOp, leftExpr: Expr, rightExpr: Expr, span: Span): Expr {
  const left = rvalue(p, leftExpr);
  const right = rvalue(p, rightExpr);
  if (isError(left) || isError(right)) return errorExpr(span);
  const a = strip(left.type);
  const b = strip(right.type);
  const folded = a.kind === 'float' || b.kind === 'float' ? foldFloats(op, left, right, span) : undefined;
  if (folded !== undefined) return folded;
  if (refuseWide(p, op, left, right, span)) return errorExpr(span);
  const pointers = (a.kind === 'pointer' ? 1 : 0) + (b.kind === 'pointer' ? 1 : 0);
  if (pointers > 0) return pointerBinary(p, op, left, right, span);
  if (!isInteger(a) || !isInteger(b)) {
    p.report(badOperands(span, op, left.type, right.type));
    return errorExpr(span);
  }
  const l = promote(left);
  const r = promote(right);
  if (op === '<<' || op === '>>') {
    checkShift(p, l.type, r, span);
    return { kind: 'binary', op, left: l, right: r, type: l.type, scale: undefined, span };
  }
  if (op === '/' || op === '%') checkDivision(p, op, r, span);
  const common = commonInteger(l.type, r.type);
  const type = isComparison(op) ? INT : common;
  return { kind: 'binary', op, left: convert(l, common), right: convert(r, common), type, scale: undefined, span };
}

export function logical(p: Parser, op: '&&' | '||', leftExpr: Expr, rightExpr: Expr, span: Span): Expr {
  const left = condition(p, leftExpr, op);
  const right = condition(p, rightExpr, op);
  if (isError(left) || isError(right)) return errorExpr(span);
  return { kind: 'logical', op, left, right, type: INT, span };
}

/** A scalar value that is only asked whether it is zero. */
export function condition(p: Parser, expr: Expr, op = 'condition'): Expr {
  const value = rvalue(p, expr);
  if (isError(value) || isCondition(value)) return value;
  if (value.kind === 'float') return intExpr(value.value === 0 ? 0n : 1n, INT, expr.span);
  p.report(
    strip(value.type).kind === 'float'
      ? floatArithmetic(expr.span)
      : badOperand(expr.span, op, value.type, 'a condition is a number or a pointer'),
  );
  return errorExpr(expr.span);
}

function isComparison(op: BinaryOp): boolean {
  return op === '==' || op === '!=' || op === '<' || op === '>' || op === '<=' || op === '>=';
}

/** Floats and 128-bit integers have types, but nothing can be computed with them; the latter can be equal. */
function refuseWide(p: Parser, op: string, left: Expr, right: Expr, span: Span): boolean {
  for (const { type } of [left, right]) {
    const bare = strip(type);
    if (bare.kind === 'float') {
      p.report(floatArithmetic(span));
      return true;
    }
    if (bare.kind === 'int' && bare.size === 16 && op !== '==' && op !== '!=') {
      p.report(int128Arithmetic(span, op));
      return true;
    }
  }
  return false;
}

function checkShift(p: Parser, type: CType, count: Expr, span: Span): void {
  const value = integerConstant(count);
  const bits = integerOf(type)!.size * 8;
  if (value !== undefined && (value < 0n || value >= BigInt(bits))) p.report(shiftCount(span, value, bits));
}

function checkDivision(p: Parser, op: '/' | '%', divisor: Expr, span: Span): void {
  if (p.unevaluated === 0 && integerConstant(divisor) === 0n) p.report(divisionByZero(span, op));
}

function pointerBinary(p: Parser, op: BinaryOp, left: Expr, right: Expr, span: Span): Expr {
  const to = pointee(left.type);
  const other = pointee(right.type);
  if (op === '+' || op === '-') {
    if (to !== undefined && other !== undefined) {
      if (op === '+' || !compatibleUnqualified(to, other)) return refuse();
      const scale = stepOf(to);
      if (scale === undefined) return incomplete(to);
      return { kind: 'binary', op, left, right, type: PTRDIFF, scale, span };
    }
    const [pointer, count] = to !== undefined ? [left, right] : [right, left];
    if ((op === '-' && to === undefined) || !isInteger(count.type)) return refuse();
    return movePointer(p, op, pointer, count, span);
  }
  if (!isComparison(op)) return refuse();
  if (to !== undefined && other !== undefined) {
    if (
      !isVoid(to) &&
      !isVoid(other) &&
      !compatibleUnqualified(to, other) &&
      !isNullConstant(left) &&
      !isNullConstant(right)
    )
      p.report(comparesPointers(span, left.type, right.type));
    return { kind: 'binary', op, left, right, type: INT, scale: undefined, span };
  }
  const [pointer, number] = to !== undefined ? [left, right] : [right, left];
  if (!isInteger(number.type)) return refuse();
  if (!isNullConstant(number)) p.report(comparesPointers(span, left.type, right.type));
  const made = convert(number, pointer.type);
  return {
    kind: 'binary',
    op,
    left: to !== undefined ? left : made,
    right: to !== undefined ? made : right,
    type: INT,
    scale: undefined,
    span,
  };

  function refuse(): Expr {
    p.report(badOperands(span, op, left.type, right.type));
    return errorExpr(span);
  }
  function incomplete(type: CType): Expr {
    p.report(incompleteType(span, type, 'what the pointer points to', asRecord(type)?.span));
    return errorExpr(span);
  }
}

function movePointer(p: Parser, op: '+' | '-', pointer: Expr, count: Expr, span: Span): Expr {
  const to = pointee(pointer.type)!;
  const scale = stepOf(to);
  if (scale === undefined) {
    p.report(incompleteType(span, to, 'what the pointer points to', asRecord(to)?.span));
    return errorExpr(span);
  }
  return { kind: 'binary', op, left: pointer, right: toIndex(count), type: pointer.type, scale, span };
}

/** Subscripts and pointer offsets are 64 bits wide, extended by their own sign. */
function toIndex(count: Expr): Expr {
  const type = promote(count);
  const int = integerOf(type.type)!;
  return convert(type, int.signed || int.size < 8 ? LONG : ULONG);
}

// ── unary ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export function unary(p: Parser, op: '+' | '-' | '~' | '!', operand: Expr, span: Span): Expr {
  if (op === '!') {
    const value = condition(p, operand, '!');
    return isError(value)
      ? value
      : { kind: 'unary', op, operand: isInteger(value.type) ? promote(value) : value, type: INT, span };
  }
  const value = rvalue(p, operand);
  if (value.kind === 'float' && op !== '~') return floatExpr(op === '-' ? -value.value : value.value, value.type, span);
  if (isError(value) || refuseWide(p, op, value, value, span)) return errorExpr(span);
  if (!isInteger(value.type)) {
    p.report(badOperand(span, op, value.type));
    return errorExpr(span);
  }
  const wide = promote(value);
  if (op === '+') return wide;
  // A negative literal stays a literal, so that messages and the tree show the number that was written.
  if (op === '-' && wide.kind === 'int') return intExpr(wrap(-wide.value, integerOf(wide.type)!), wide.type, span);
  return { kind: 'unary', op, operand: wide, type: wide.type, span };
}

export function deref(p: Parser, operand: Expr, span: Span): Expr {
  const pointer = rvalue(p, operand);
  if (isError(pointer)) return pointer;
  const to = pointee(pointer.type);
  if (to === undefined) {
    p.report(badOperand(span, '*', pointer.type, 'only pointers can be followed'));
    return errorExpr(span);
  }
  // `*f` of a function is the function again.
  if (strip(to).kind === 'function' && pointer.kind === 'cast' && pointer.op === 'decay') return pointer.operand;
  return { kind: 'deref', pointer, type: to, span };
}

export function addressOf(p: Parser, place: Expr, span: Span): Expr {
  if (isError(place)) return place;
  if (place.kind === 'func') return cast('decay', place, pointerTo(place.type), false, span);
  if (!isPlace(place)) {
    p.report(badPlace(span, 'this is a value, not a place in memory: it has no address'));
    return errorExpr(span);
  }
  if (place.kind === 'member' && place.field.bitWidth !== undefined) {
    p.report(badPlace(span, `the bit-field '${place.field.name}' has no address`));
    return errorExpr(span);
  }
  // `&*p` and `&p[i]` of a pointer to nothing known are fine: nothing is read.
  if (place.kind === 'deref') return { ...place.pointer, span, type: pointerTo(place.type) } as Expr;
  return { kind: 'address', place, type: pointerTo(place.type), span };
}

/** `++x`, `x--` */
export function step(p: Parser, op: '++' | '--', prefix: boolean, operand: Expr, span: Span): Expr {
  if (isError(operand) || !checkAssignable(p, operand, span)) return errorExpr(span);
  if (refuseWide(p, op, operand, operand, span)) return errorExpr(span);
  const to = pointee(operand.type);
  const by = to === undefined ? 1 : stepOf(to);
  if (by === undefined) {
    p.report(incompleteType(span, to!, 'what the pointer points to'));
    return errorExpr(span);
  }
  if (to === undefined && !isInteger(operand.type)) {
    p.report(badOperand(span, op, operand.type));
    return errorExpr(span);
  }
  return { kind: 'step', op, prefix, operand, by, type: rvalueType(operand.type), span };
}

function rvalueType(type: CType): CType {
  return qualifiersOf(type) === NO_QUALIFIERS ? type : stripQualifiers(type);
}
function stripQualifiers(type: CType): CType {
  let at = type;
  while (at.kind === 'qualified' || (at.kind === 'typedef' && qualifiersOf(at) !== NO_QUALIFIERS)) at = at.type;
  return at;
}

// ── members and elements ────────────────────────────────────────────────────────────────────────────────────────────

export function member(p: Parser, object: Expr, name: string, arrow: boolean, span: Span, nameSpan: Span): Expr {
  if (isError(object)) return errorExpr(span);
  let place: Expr = object;
  if (arrow) {
    const pointer = rvalue(p, object);
    if (isError(pointer)) return pointer;
    const to = pointee(pointer.type);
    if (to === undefined || asRecord(to) === undefined) {
      p.report(notARecord(nameSpan, pointer.type, true));
      return errorExpr(span);
    }
    place = { kind: 'deref', pointer, type: to, span: object.span };
  }
  const record = asRecord(place.type);
  if (record === undefined) {
    p.report(notARecord(nameSpan, place.type, false));
    return errorExpr(span);
  }
  if (!isPlace(place)) place = materialise(p, place);
  if (!isComplete(record)) {
    p.report(incompleteType(nameSpan, record, `what '${name}' is looked for in`, record.span, nearTag(p, record)));
    return errorExpr(span);
  }
  const way = findField(record, name);
  if (way === undefined) {
    p.report(noMember(nameSpan, record, name, suggest(name, fieldNames(record)), record.span));
    return errorExpr(span);
  }
  for (const { record: owner, field, index } of way) {
    const type = qualify(field.type, { ...qualifiersOf(place.type), restrict: false });
    place = { kind: 'member', place, record: owner, field, index, type, span };
  }
  return place;
}

/** A record value (of `?:`, `=` or a statement expression) put into a place of its own. */
function materialise(p: Parser, value: Expr): Expr {
  if (value.kind === 'cast' && value.op === 'load') return value.operand;
  const variable = temporary(p, value.type, value.span);
  variable.init = {
    type: value.type,
    size: 0,
    parts: [{ offset: 0, type: value.type, bitField: undefined, value }],
    span: value.span,
  };
  return { kind: 'compound', variable, type: value.type, span: value.span };
}

/** A variable that the program has no name for. */
export function temporary(p: Parser, type: CType, span: Span): VariableDecl {
  const variable: VariableDecl = {
    kind: 'variable',
    name: `.tmp.${++p.counter}`,
    type,
    storage: p.fn === undefined ? 'static' : 'local',
    attributes: noAttributes(),
    init: undefined,
    used: true,
    span,
  };
  if (p.fn === undefined) p.variables.push(variable);
  else p.fn.decl.locals.push(variable);
  return variable;
}

export function index(p: Parser, first: Expr, second: Expr, span: Span): Expr {
  if (isError(first) || isError(second)) return errorExpr(span);
  // `2[a]` is `a[2]`.
  const swapped = isInteger(first.type);
  const base = swapped ? second : first;
  const subscript = rvalue(p, swapped ? first : second);
  const array = asArray(base.type);
  const ofArray = array !== undefined && isPlace(base);
  const value = ofArray ? base : rvalue(p, base);
  if (isError(value) || isError(subscript)) return errorExpr(span);
  const element = ofArray ? array.of : pointee(value.type);
  if (element === undefined || !isInteger(subscript.type) || strip(element).kind === 'function') {
    p.report(badOperands(span, '[]', first.type, second.type));
    return errorExpr(span);
  }
  const scale = stepOf(element);
  if (scale === undefined) {
    p.report(incompleteType(span, element, 'the element', asRecord(element)?.span));
    return errorExpr(span);
  }
  return { kind: 'index', base: value, ofArray, subscript: toIndex(subscript), scale, type: element, span };
}

// ── assignment ──────────────────────────────────────────────────────────────────────────────────────────────────────

export function assign(p: Parser, op: BinaryOp | undefined, place: Expr, valueExpr: Expr, span: Span): Expr {
  if (isError(place)) {
    rvalue(p, valueExpr);
    return errorExpr(span);
  }
  if (!checkAssignable(p, place, span)) return errorExpr(span);
  const type = rvalueType(place.type);
  if (op === undefined) {
    const value = assignTo(p, valueExpr, place.type, 'assigning');
    if (isError(value)) return errorExpr(span);
    return { kind: 'assign', op, place, value, computeType: type, scale: undefined, type, span };
  }
  const value = rvalue(p, valueExpr);
  if (isError(value) || refuseWide(p, `${op}=`, place, value, span)) return errorExpr(span);
  const to = pointee(place.type);
  if (to !== undefined) {
    if ((op !== '+' && op !== '-') || !isInteger(value.type)) return refuse();
    const scale = stepOf(to);
    if (scale === undefined) {
      p.report(incompleteType(span, to, 'what the pointer points to'));
      return errorExpr(span);
    }
    return { kind: 'assign', op, place, value: toIndex(value), computeType: type, scale, type, span };
  }
  if (!isInteger(place.type) || !isInteger(value.type)) return refuse();
  const left = promote(rvalue(p, place)).type;
  const right = promote(value);
  if (op === '<<' || op === '>>') {
    checkShift(p, left, right, span);
    return { kind: 'assign', op, place, value: right, computeType: left, scale: undefined, type, span };
  }
  if (op === '/' || op === '%') checkDivision(p, op, right, span);
  const common = commonInteger(left, right.type);
  return {
    kind: 'assign',
    op,
    place,
    value: convert(right, common),
    computeType: common,
    scale: undefined,
    type,
    span,
  };

  function refuse(): Expr {
    p.report(badOperands(span, `${op}=`, place.type, value.type));
    return errorExpr(span);
  }
}

function checkAssignable(p: Parser, place: Expr, span: Span): boolean {
  const bare = strip(place.type);
  if (!isPlace(place) || bare.kind === 'function' || place.kind === 'string') {
    p.report(notAssignable(place.span));
    return false;
  }
  if (bare.kind === 'array') {
    p.report(badPlace(span, 'an array cannot be assigned as a whole: copy it with __builtin_memcpy'));
    return false;
  }
  if (isConst(place.type)) {
    const { what, declared } = whatIsConst(place);
    p.report(assignsConst(span, what, declared));
    return false;
  }
  return true;
}

function whatIsConst(place: Expr): { what: string; declared: Span | undefined } {
  switch (place.kind) {
    case 'var':
      return { what: `'${place.variable.name}'`, declared: place.variable.span };
    case 'member':
      return { what: `member '${place.field.name}'`, declared: place.field.span };
    case 'index':
      return { what: 'this element', declared: undefined };
    default:
      return { what: 'what this points to', declared: undefined };
  }
}

// ── conditional ─────────────────────────────────────────────────────────────────────────────────────────────────────

export function conditional(p: Parser, test: Expr, thenExpr: Expr, elseExpr: Expr, span: Span): Expr {
  const cond = condition(p, test, '?:');
  const [left, right] = alike(rvalue(p, thenExpr), rvalue(p, elseExpr));
  if (isError(cond) || isError(left) || isError(right)) return errorExpr(span);
  const type = branchType(p, left, right, span);
  if (type === undefined) return errorExpr(span);
  // biome-ignore lint/suspicious/noThenProperty: what C calls it
  return { kind: 'conditional', condition: cond, then: convert(left, type), else: convert(right, type), type, span };
}

/** `c ? 1.5 : 2`: both are floats. */
function alike(left: Expr, right: Expr): [Expr, Expr] {
  const as = (value: Expr, other: Expr): Expr => {
    const known = other.kind === 'float' ? knownFloat(value) : undefined;
    return known === undefined ? value : floatExpr(known, DOUBLE, value.span);
  };
  return [as(left, right), as(right, left)];
}

/** `c ?: x`: the condition is evaluated once, into a temporary. */
export function elvis(p: Parser, test: Expr, elseExpr: Expr, span: Span): Expr {
  const value = rvalue(p, test);
  if (isError(value)) return errorExpr(span);
  const constant = p.fn === undefined ? truthOf(value) !== undefined : integerConstant(value) !== undefined;
  if (constant) return conditional(p, value, value, elseExpr, span);
  if (p.fn === undefined) {
    p.report(unsupported(span, "'?:' with an omitted operand outside of functions"));
    return errorExpr(span);
  }
  const variable = temporary(p, value.type, test.span);
  variable.init = {
    type: value.type,
    size: 8,
    parts: [{ offset: 0, type: value.type, bitField: undefined, value }],
    span: test.span,
  };
  const declare: Stmt = { kind: 'declare', variables: [variable], span: test.span };
  const read = (): Expr => rvalue(p, { kind: 'var', variable, type: variable.type, span: test.span });
  const result = conditional(p, read(), read(), elseExpr, span);
  if (isError(result)) return result;
  return { kind: 'statement', body: [declare], value: result, type: result.type, span };
}

function branchType(p: Parser, left: Expr, right: Expr, span: Span): CType | undefined {
  const a = strip(left.type);
  const b = strip(right.type);
  if (isArithmetic(a) && isArithmetic(b)) {
    if (a.kind === 'float' || b.kind === 'float') {
      if (a === b) return left.type;
      p.report(floatArithmetic(span));
      return undefined;
    }
    return commonInteger(promote(left).type, promote(right).type);
  }
  if (a.kind === 'void' || b.kind === 'void') return VOID;
  if (a.kind === 'record' && a === b) return left.type;
  if (a.kind === 'pointer' && b.kind === 'pointer') {
    if (isNullConstant(left)) return right.type;
    if (isNullConstant(right)) return left.type;
    const quals = merge(a.to, b.to);
    if (isVoid(a.to)) return pointerTo(qualify(VOID, quals));
    if (isVoid(b.to)) return pointerTo(qualify(VOID, quals));
    if (compatibleUnqualified(a.to, b.to))
      return compatible(a.to, b.to) ? left.type : pointerTo(qualify(composite(a.to, b.to), quals));
    p.report(comparesPointers(span, left.type, right.type));
    return pointerTo(qualify(VOID, quals));
  }
  if (a.kind === 'pointer' && isInteger(b)) return mixed(left, right);
  if (b.kind === 'pointer' && isInteger(a)) return mixed(right, left);
  p.report(badOperands(span, '?:', left.type, right.type));
  return undefined;

  function mixed(pointer: Expr, number: Expr): CType {
    if (!isNullConstant(number)) p.report(comparesPointers(span, left.type, right.type));
    return pointer.type;
  }
}

function merge(a: CType, b: CType) {
  const left = qualifiersOf(a);
  const right = qualifiersOf(b);
  return {
    const: left.const || right.const,
    volatile: left.volatile || right.volatile,
    restrict: false,
    arena: left.arena || right.arena,
  };
}

/** What the tag of a record that nobody defined was probably meant to be. */
function nearTag(p: Parser, record: RecordType): string | undefined {
  const near = record.tag === undefined ? undefined : p.nearTag(record.tag);
  return near && `${record.union ? 'union' : 'struct'} ${near}`;
}
