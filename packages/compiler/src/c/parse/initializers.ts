import { type Span, suggest } from '@skep/base';
import type { Expr, Initializer, InitPart, VariableDecl } from '../ast.ts';
import { constantOf, integerConstant } from '../constant.ts';
import type { CType, Field, RecordType } from '../ctype.ts';
import { T } from '../token.ts';
import {
  arrayOf,
  asArray,
  asRecord,
  compatibleUnqualified,
  complete,
  fieldNames,
  findField,
  isCharacter,
  isScalar,
  printType,
  qualifiersOf,
  qualify,
  sizeOf,
  strip,
} from '../types.ts';
import { noAttributes } from './attributes.ts';
import { assignTo, errorExpr, isError, isPlace, rvalue } from './conversions.ts';
import { badInitializer, excessElements, incompleteType, noMember, notConstant, stringTooLong } from './diagnostics.ts';
import { assignment, constantExpression } from './expressions.ts';
import type { Parser } from './parser.ts';

/** What collects the parts of one initialiser. */
interface Sink {
  readonly p: Parser;
  readonly doing: string;
  readonly constant: boolean;
  /** Where a part that covers the same bits stands, for designators that come back; undefined for parts taken away. */
  parts: InitPart[];
  at: Map<number, number>;
  /** Bytes that the object has at least. */
  end: number;
  /** Which member of the union at an offset was designated last. */
  readonly members: Map<RecordType, Map<number, number>>;
}

/** Beyond this an initialiser would fill memory rather than say something. */
const MAX_PARTS = 1 << 20;

/** The initialiser behind `=` of a variable. Open arrays get their size: the type in the result. */
export function initializer(p: Parser, type: CType, what: string, isStatic: boolean): Initializer {
  const start = p.at;
  const sink: Sink = {
    p,
    doing: `initialising ${what}`,
    constant: isStatic,
    parts: [],
    at: new Map(),
    end: 0,
    members: new Map(),
  };
  const made = p.kind === T.LBrace ? braced(sink, type, 0) : unbraced(sink, type, 0, assignment(p));
  const size = Math.max(sizeOf(made) ?? 0, sink.end);
  return { type: made, size, parts: sink.parts, span: p.from(start) };
}

/** `(type){ … }`, at the `{`. */
export function compoundLiteral(p: Parser, type: CType, start: number): Expr {
  return literal(p, initializer(p, type, `'${printType(type)}'`, p.fn === undefined), p.from(start));
}

/** `(union u)value`, GNU's: a literal whose member of the value's type is set. Undefined where there is no such member. */
export function castToUnion(p: Parser, union: RecordType, value: Expr, type: CType, span: Span): Expr | undefined {
  const layout = complete(union);
  const member = layout?.fields.find((field) => compatibleUnqualified(strip(field.type), strip(value.type)));
  if (layout === undefined || member === undefined) return undefined;
  if (p.fn === undefined && constantOf(value) === undefined) {
    p.report(notConstant(value.span, 'the initialiser of a global or static variable'));
    return errorExpr(span);
  }
  const part: InitPart = { offset: 0, type: member.type, bitField: bitFieldOf(member), value };
  return literal(p, { type, size: layout.size, parts: [part], span }, span);
}

function literal(p: Parser, init: Initializer, span: Span): Expr {
  const isStatic = p.fn === undefined;
  const variable: VariableDecl = {
    kind: 'variable',
    name: `.literal.${++p.counter}`,
    type: init.type,
    storage: isStatic ? 'static' : 'local',
    attributes: noAttributes(),
    init,
    used: true,
    span,
  };
  if (p.fn !== undefined) p.fn.decl.locals.push(variable);
  else if (p.unevaluated === 0) p.variables.push(variable);
  return { kind: 'compound', variable, type: init.type, span };
}

// ── one value ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** An expression for a whole object. Gives the type with its size filled in. */
function unbraced(sink: Sink, type: CType, offset: number, expr: Expr): CType {
  const { p } = sink;
  const bare = strip(type);
  if (bare.kind === 'array') {
    const text = asString(expr);
    if (text !== undefined && fitsString(bare.of, text)) return string(sink, type, offset, text);
    const literal = constantCopy(sink, type, expr);
    if (literal !== undefined) {
      splice(sink, offset, literal);
      return literal.type;
    }
    if (!isError(expr))
      p.report(badInitializer(expr.span, 'an array needs values in braces', 'write { … } around them'));
    return bare.count === undefined ? arrayOf(bare.of, 0) : type;
  }
  value(sink, type, offset, undefined, expr);
  return type;
}

function value(sink: Sink, type: CType, offset: number, field: Field | undefined, expr: Expr): void {
  const { p } = sink;
  const literal = asRecord(type) && constantCopy(sink, type, expr);
  if (literal !== undefined && asRecord(literal.type) === asRecord(type)) {
    splice(sink, offset, literal);
    return;
  }
  const made = assignTo(p, expr, type, sink.doing);
  if (isError(made)) return;
  if (sink.constant && constantOf(made) === undefined) {
    p.report(notConstant(expr.span, 'the initialiser of a global or static variable'));
    return;
  }
  add(sink, { offset, type, bitField: bitFieldOf(field), value: made });
}

/** A compound literal only lends its parts: there is nothing to copy at run time. */
function constantCopy(sink: Sink, _type: CType, expr: Expr): Initializer | undefined {
  if (expr.kind !== 'compound' || expr.variable.init === undefined) return undefined;
  if (!sink.constant && expr.variable.storage !== 'local') return undefined;
  return expr.variable.init;
}

function splice(sink: Sink, offset: number, literal: Initializer): void {
  for (const part of literal.parts) add(sink, { ...part, offset: part.offset + offset });
  sink.end = Math.max(sink.end, offset + literal.size);
}

function bitFieldOf(field: Field | undefined): InitPart['bitField'] {
  if (field?.bitWidth === undefined) return undefined;
  return { bitOffset: field.bitOffset % 8, bitWidth: field.bitWidth };
}

function add(sink: Sink, part: InitPart): void {
  const size = sizeOf(part.type) ?? 0;
  // Of an empty struct nothing is stored, but what makes it is still called.
  const runs = !sink.constant && (part.value.kind === 'call' || part.value.kind === 'statement');
  if (size === 0 && part.value.kind !== 'string' && !runs) return;
  const key = part.offset * 8 + (part.bitField?.bitOffset ?? 0);
  const before = sink.at.get(key);
  if (before !== undefined && sizeOf(sink.parts[before]!.type) === size && before === sink.parts.length - 1)
    sink.parts.pop();
  if (sink.parts.length >= MAX_PARTS) {
    if (sink.parts.length === MAX_PARTS)
      sink.p.report(badInitializer(part.value.span, 'this initialiser has too many values'));
    return;
  }
  sink.at.set(key, sink.parts.length);
  sink.parts.push(part);
  const { bitField } = part;
  const bytes = bitField === undefined ? size : Math.ceil((bitField.bitOffset + bitField.bitWidth) / 8);
  sink.end = Math.max(sink.end, part.offset + bytes);
}

type StringPlace = Extract<Expr, { kind: 'string' }>;

function asString(expr: Expr): StringPlace | undefined {
  return expr.kind === 'string' ? expr : undefined;
}

function fitsString(element: CType, text: StringPlace): boolean {
  const unit = asArray(text.type)!.of;
  return isCharacter(element) ? isCharacter(unit) : strip(element).kind === 'int' && sizeOf(element) === sizeOf(unit);
}

/** Fills an array of characters; a NUL that has no room is left out (C11 6.7.9p14). */
function string(sink: Sink, type: CType, offset: number, text: StringPlace): CType {
  const array = asArray(type)!;
  const unit = sizeOf(array.of)!;
  const units = text.bytes.length / unit;
  const count = array.count ?? units;
  if (units - 1 > count) sink.p.report(stringTooLong(text.span, units - 1, type));
  const own = arrayOf(array.of, count);
  const bytes = text.bytes.slice(0, Math.min(text.bytes.length, count * unit));
  const whole = qualify(own, qualifiersOf(type));
  add(sink, {
    offset,
    type: whole,
    bitField: undefined,
    value: { ...text, bytes, type: arrayOf(array.of, bytes.length / unit) },
  });
  return array.count === undefined ? whole : type;
}

// ── braces ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** One object whose parts are being filled, and how far that is. */
interface Frame {
  readonly type: CType;
  readonly offset: number;
  readonly record: RecordType | undefined;
  readonly fields: readonly Field[];
  readonly element: CType | undefined;
  readonly elementSize: number;
  readonly count: number;
  next: number;
  /** The highest element so far, for `[]`. */
  most: number;
}

interface Target {
  readonly type: CType;
  readonly offset: number;
  readonly field: Field | undefined;
}

function frameOf(type: CType, offset: number): Frame {
  const bare = strip(type);
  if (bare.kind === 'array') {
    return {
      type,
      offset,
      record: undefined,
      fields: [],
      element: bare.of,
      elementSize: sizeOf(bare.of) ?? 0,
      count: bare.count ?? Number.POSITIVE_INFINITY,
      next: 0,
      most: 0,
    };
  }
  const record = bare as RecordType;
  const fields = complete(record)?.fields ?? [];
  return { type, offset, record, fields, element: undefined, elementSize: 0, count: fields.length, next: 0, most: 0 };
}

/** The part that comes next, or undefined at the end. Unnamed bit-fields hold nothing; unions only their first member. */
function current(frame: Frame): Target | undefined {
  if (frame.element !== undefined) {
    if (frame.next >= frame.count) return undefined;
    return { type: frame.element, offset: frame.offset + frame.next * frame.elementSize, field: undefined };
  }
  while (frame.next < frame.count) {
    const field = frame.fields[frame.next]!;
    if (field.name === undefined && field.bitWidth !== undefined) {
      frame.next += 1;
      continue;
    }
    return { type: field.type, offset: frame.offset + Math.floor(field.bitOffset / 8), field };
  }
  return undefined;
}

function advance(frame: Frame): void {
  if (frame.record?.union) frame.next = frame.count;
  else frame.next += 1;
  if (frame.next > frame.most) frame.most = frame.next;
}

/** `{ … }` for an object of `type`. Gives the type with its size filled in. */
function braced(sink: Sink, type: CType, offset: number): CType {
  const { p } = sink;
  const opened = p.at;
  p.enter();
  p.next();
  const bare = strip(type);
  let result = type;
  if (bare.kind === 'array' || bare.kind === 'record') {
    if (bare.kind === 'record' && complete(bare) === undefined) {
      p.report(incompleteType(p.tokens.span(opened), type, 'what is initialised', bare.span));
      p.reset(opened);
      p.skipBalanced();
      p.leave();
      return type;
    }
    if (bare.kind === 'array' && p.kind === T.String && isWholeString(p)) {
      const expr = assignment(p) as StringPlace;
      p.accept(T.Comma);
      if (fitsString(bare.of, expr)) result = string(sink, type, offset, expr);
      else unbraced(sink, bare.of, offset, expr);
    } else {
      const most = items(sink, type, offset);
      if (bare.kind === 'array' && bare.count === undefined)
        result = qualify(arrayOf(bare.of, most), qualifiersOf(type));
    }
  } else if (!isScalar(type)) {
    p.report(incompleteType(p.tokens.span(opened), type, 'what is initialised'));
    p.reset(opened);
    p.skipBalanced();
    p.leave();
    return type;
  } else if (p.kind !== T.RBrace) {
    if (p.kind === T.LBrace) braced(sink, type, offset);
    else if (p.kind === T.Dot) {
      p.report(badInitializer(p.span(), `'${printType(type)}' has no members to designate`));
      p.syncBrace();
    } else value(sink, type, offset, undefined, assignment(p));
    p.accept(T.Comma);
    if (p.kind !== T.RBrace && p.kind !== T.Eof) {
      p.report(excessElements(p.span(), type));
      p.syncBrace();
    }
  }
  p.expect(T.RBrace, "'}'", opened);
  p.leave();
  return result;
}

/** `{"text"}` is the string itself, but `{"a", "b"}` are two. */
function isWholeString(p: Parser): boolean {
  let at = p.at;
  while (p.tokens.kinds[at] === T.String) at += 1;
  if (p.tokens.kinds[at] === T.Comma) at += 1;
  return p.tokens.kinds[at] === T.RBrace;
}

/** The items between braces; gives how many elements were reached. */
function items(sink: Sink, type: CType, offset: number): number {
  const { p } = sink;
  const base = frameOf(type, offset);
  let stack: Frame[] = [base];
  let excess = false;
  while (p.kind !== T.RBrace && p.kind !== T.Eof) {
    const oldName = p.kind === T.Identifier && p.peek() === T.Colon;
    if (p.kind === T.Dot || (p.kind === T.LBracket && p.peek() !== T.LBracket) || oldName) {
      stack = designated(sink, base, oldName);
    } else {
      while (stack.length > 1 && current(stack.at(-1)!) === undefined) stack.pop();
      const frame = stack.at(-1)!;
      const target = current(frame);
      if (target === undefined) {
        if (!excess) p.report(excessElements(p.span(), type));
        excess = true;
        if (p.kind === T.LBrace) p.skipBalanced();
        else rvalue(p, assignment(p));
      } else item(sink, stack);
    }
    if (!p.accept(T.Comma)) break;
  }
  return base.most;
}

/** One value for the current part of the innermost frame, going deeper while braces are left out. */
function item(sink: Sink, stack: Frame[]): void {
  const { p } = sink;
  if (p.kind === T.LBrace) {
    const frame = stack.at(-1)!;
    const target = current(frame)!;
    if (target.field?.bitWidth !== undefined) {
      const opened = p.at;
      p.next();
      if (!p.is(T.RBrace)) value(sink, target.type, target.offset, target.field, assignment(p));
      p.accept(T.Comma);
      p.expect(T.RBrace, "'}'", opened);
    } else braced(sink, target.type, target.offset);
    advance(frame);
    return;
  }
  place(sink, stack, assignment(p));
}

function place(sink: Sink, stack: Frame[], expr: Expr): void {
  for (;;) {
    const frame = stack.at(-1)!;
    const target = current(frame);
    if (target === undefined) {
      // An empty struct takes nothing: try what comes after it.
      if (stack.length === 1) {
        sink.p.report(excessElements(expr.span, frame.type));
        return;
      }
      stack.pop();
      continue;
    }
    const bare = strip(target.type);
    if (bare.kind !== 'array' && bare.kind !== 'record') {
      value(sink, target.type, target.offset, target.field, expr);
      advance(frame);
      return;
    }
    const text = asString(expr);
    if (bare.kind === 'array' && text !== undefined && fitsString(bare.of, text)) {
      string(sink, target.type, target.offset, text);
      advance(frame);
      return;
    }
    if (bare.kind === 'record' && asRecord(expr.type) === bare) {
      value(sink, target.type, target.offset, undefined, expr);
      advance(frame);
      return;
    }
    if (bare.kind === 'record' && isPlace(expr) && asRecord(expr.type) !== undefined) {
      // Another struct: the message about both types says more than one about its first member.
      value(sink, target.type, target.offset, undefined, expr);
      advance(frame);
      return;
    }
    if (frame.element !== undefined && frame.elementSize === 0) {
      // However many there are, none of them takes a value.
      sink.p.report(excessElements(expr.span, frame.type));
      advance(frame);
      return;
    }
    advance(frame);
    stack.push(frameOf(target.type, target.offset));
  }
}

/** `.a.b[3] = …`, `[1 ... 4] = …`, `a: …`. Gives the frames in which the next item without a designator goes on. */
function designated(sink: Sink, base: Frame, oldName: boolean): Frame[] {
  const { p } = sink;
  base.next = 0;
  const stack: Frame[] = [base];
  let last: { readonly frame: Frame; readonly index: number; readonly depth: number } | undefined;
  for (let first = true; ; first = false) {
    const isField = p.kind === T.Dot || (first && oldName);
    if (!isField && p.kind !== T.LBracket) break;
    let frame = stack.at(-1)!;
    if (!first) {
      const target = current(frame);
      const bare = target && strip(target.type);
      if (target === undefined || (bare!.kind !== 'array' && bare!.kind !== 'record')) {
        p.report(badInitializer(p.span(), `'${target ? printType(target.type) : '?'}' has no parts to designate`));
        return abandon(sink, stack);
      }
      advance(frame);
      frame = frameOf(target.type, target.offset);
      stack.push(frame);
    }
    if (isField) {
      if (p.kind === T.Dot) p.next();
      if (p.kind !== T.Identifier) p.fail('the name of a member');
      const way = frame.record && findField(frame.record, p.text());
      if (way === undefined) {
        if (frame.record === undefined)
          p.report(badInitializer(p.span(), `'${printType(frame.type)}' is an array: designate '[index]'`));
        else
          p.report(
            noMember(p.span(), frame.record, p.text(), suggest(p.text(), fieldNames(frame.record)), frame.record.span),
          );
        return abandon(sink, stack);
      }
      p.next();
      way.forEach((step, i) => {
        if (i > 0) {
          const target = current(frame)!;
          advance(frame);
          frame = frameOf(target.type, target.offset);
          stack.push(frame);
        }
        frame.next = step.index;
        if (step.record.union) chooseMember(sink, step.record, frame.offset, step.index);
      });
    } else {
      const opened = p.at;
      p.next();
      const from = elementIndex(p, frame);
      let to = from;
      if (p.accept(T.Ellipsis)) to = elementIndex(p, frame);
      p.expect(T.RBracket, "']'", opened);
      if (from === undefined || to === undefined || frame.element === undefined) {
        if (frame.element === undefined)
          p.report(
            badInitializer(p.tokens.span(opened), `'${printType(frame.type)}' is no array: designate '.member'`),
          );
        return abandon(sink, stack);
      }
      if (to < from) {
        p.report(badInitializer(p.from(opened), `the range ${from} ... ${to} is empty`));
        return abandon(sink, stack);
      }
      frame.next = from;
      if (to > from) last = { frame, index: to, depth: stack.length };
    }
  }
  if (oldName) p.expect(T.Colon, "':'");
  // GNU C lets the `=` behind `[index]` be left out.
  else if (p.kind === T.Assign) p.next();
  else if (p.kind !== T.LBrace) p.fail("'='");
  const before = sink.parts.length;
  item(sink, stack);
  if (last !== undefined) repeat(sink, last.frame, last.index, before);
  return stack;
}

/** Another member of a union takes the place of what was written into it before. */
function chooseMember(sink: Sink, record: RecordType, offset: number, index: number): void {
  let chosen = sink.members.get(record);
  if (chosen === undefined) {
    chosen = new Map();
    sink.members.set(record, chosen);
  }
  const before = chosen.get(offset);
  chosen.set(offset, index);
  if (before === undefined || before === index) return;
  const end = offset + (sizeOf(record) ?? 0);
  sink.parts = sink.parts.filter((part) => part.offset < offset || part.offset >= end);
  sink.at = new Map();
}

/** Copies what was just written into the elements up to `to`. */
function repeat(sink: Sink, frame: Frame, to: number, before: number): void {
  const made = sink.parts.slice(before);
  const from = frame.next - 1;
  const copies = to - from;
  if (made.length * copies + sink.parts.length > MAX_PARTS) {
    sink.p.report(badInitializer(made[0]!.value.span, 'this initialiser has too many values'));
    return;
  }
  for (let i = 1; i <= copies; i++)
    for (const part of made) add(sink, { ...part, offset: part.offset + i * frame.elementSize });
  frame.next = to + 1;
  if (frame.next > frame.most) frame.most = frame.next;
}

function elementIndex(p: Parser, frame: Frame): number | undefined {
  const expr = constantExpression(p);
  if (isError(expr)) return undefined;
  const value = integerConstant(expr);
  if (value === undefined) {
    p.report(notConstant(expr.span, 'the index of a designator'));
    return undefined;
  }
  if (frame.element === undefined) return 0;
  if (value < 0n || value >= BigInt(Number.isFinite(frame.count) ? frame.count : 0xffff_ffff)) {
    p.report(badInitializer(expr.span, `index ${value} lies outside of '${printType(frame.type)}'`));
    return undefined;
  }
  return Number(value);
}

/** After a report: over the rest of this item. */
function abandon(sink: Sink, stack: Frame[]): Frame[] {
  const { p } = sink;
  while (
    p.kind !== T.Assign &&
    p.kind !== T.Comma &&
    p.kind !== T.RBrace &&
    p.kind !== T.Colon &&
    p.kind !== T.Eof &&
    p.kind !== T.Semicolon
  )
    if (p.kind === T.LBracket || p.kind === T.LParen || p.kind === T.LBrace) p.skipBalanced();
    else p.next();
  if (p.accept(T.Assign) || p.accept(T.Colon)) {
    if (p.is(T.LBrace)) p.skipBalanced();
    else rvalue(p, assignment(p));
  }
  return stack;
}
