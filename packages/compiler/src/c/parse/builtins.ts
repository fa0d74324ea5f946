import type { Span } from '@skep/base';
import type { Expr, VariableDecl } from '../ast.ts';
import { constantOf, integerConstant, truthOf } from '../constant.ts';
import type { CType, EnumType, IntType } from '../ctype.ts';
import { T } from '../token.ts';
import {
  asRecord,
  BOOL,
  compatibleUnqualified,
  findField,
  INT,
  isConst,
  isInteger,
  isVolatile,
  LLONG,
  LONG,
  pointee,
  SIZE,
  sizeOf,
  stepOf,
  strip,
  UINT,
  ULLONG,
  ULONG,
  USHORT,
  VOID,
} from '../types.ts';
import { atomics } from './atomics.ts';
import { args, type Handler, make, places } from './builtin-arguments.ts';
import { memoryBuiltin } from './calls.ts';
import { assignTo, cast, convert, errorExpr, intExpr, isError, isPlace, promote, rvalue } from './conversions.ts';
import { typeName } from './declarators.ts';
import {
  badBuiltin,
  incompleteType,
  int128Arithmetic,
  noMember,
  notConstant,
  onlyForLiterals,
  unsupportedBuiltin,
} from './diagnostics.ts';
import { assignment, expression } from './expressions.ts';
import { binary } from './operators.ts';
import type { Parser } from './parser.ts';

/** Names that the compiler itself answers when nothing else is declared by them. */
export function isBuiltin(name: string): boolean {
  return HANDLERS.has(name) || /^__(builtin|sync|atomic|c11_atomic)_/.test(name);
}

export function builtin(p: Parser, name: string, span: Span): Expr {
  const start = p.at;
  const handler = HANDLERS.get(name);
  if (p.kind !== T.LParen) p.fail(`'(' after '${name}'`);
  if (handler === undefined) {
    p.report(unsupportedBuiltin(span, name));
    p.skipBalanced();
    return errorExpr(span);
  }
  const made = handler(p, name, span);
  const end = p.from(start);
  const whole =
    end.file === span.file && end.end > span.start ? { file: span.file, start: span.start, end: end.end } : span;
  return { ...made, span: whole } as Expr;
}

const HANDLERS = new Map<string, Handler>([
  ['__builtin_memcpy', (p, _n, span) => memoryBuiltin(p, 'memcpy', span)],
  ['__builtin_memcpy_inline', (p, _n, span) => memoryBuiltin(p, 'memcpy', span)],
  ['__builtin_memset_inline', (p, _n, span) => memoryBuiltin(p, 'memset', span)],
  ['__builtin_memmove', (p, _n, span) => memoryBuiltin(p, 'memmove', span)],
  ['__builtin_memset', (p, _n, span) => memoryBuiltin(p, 'memset', span)],
  ['__builtin_memcmp', (p, _n, span) => memoryBuiltin(p, 'memcmp', span)],
  ['__builtin_bswap16', swap('bswap16', USHORT)],
  ['__builtin_bswap32', swap('bswap32', UINT)],
  ['__builtin_bswap64', swap('bswap64', ULONG)],
  ...bitCounts(),
  ['__builtin_abs', absolute(INT)],
  ['__builtin_labs', absolute(LONG)],
  ['__builtin_llabs', absolute(LLONG)],
  ['__builtin_expect', expect],
  ['__builtin_expect_with_probability', expect],
  ['__builtin_unpredictable', (p, name, span) => args(p, name, span, 1)?.[0] ?? errorExpr(span)],
  ['__builtin_assume', (p, name, span) => discarded(p, name, span, 1)],
  ['__builtin_prefetch', (p, name, span) => discarded(p, name, span)],
  ['__builtin_constant_p', constantP],
  ['__builtin_choose_expr', chooseExpr],
  ['__builtin_types_compatible_p', typesCompatible],
  ['__builtin_offsetof', offsetOf],
  ['__builtin_object_size', objectSize],
  ['__builtin_dynamic_object_size', objectSize],
  ['__builtin_unreachable', flow('unreachable')],
  ['__builtin_trap', flow('trap')],
  ['__builtin_strlen', stringLength],
  ['__builtin_strcmp', stringCompare],
  ['__builtin_strncmp', stringCompare],
  ['__builtin_preserve_access_index', preserveAccess],
  ['__builtin_preserve_field_info', preserveFieldInfo],
  ['__builtin_preserve_type_info', typeInfo('preserve_type_info', ULONG)],
  ['__builtin_btf_type_id', typeInfo('btf_type_id', ULONG)],
  ['__builtin_preserve_enum_value', preserveEnumValue],
  ...overflows(),
  ...atomics(),
]);

function discarded(p: Parser, name: string, span: Span, most = 3): Expr {
  const given = args(p, name, span, 1, most);
  if (given === undefined) return errorExpr(span);
  return cast('void', given[0]!, VOID, true, span);
}

// ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function swap(name: 'bswap16' | 'bswap32' | 'bswap64', type: CType): Handler {
  const size = BigInt(sizeOf(type)!);
  return (p, written, span) => {
    const given = places(p, written, span, 1);
    if (given === undefined) return errorExpr(span);
    const value = assignTo(p, given[0]!, type, `passing argument 1 of '${written}'`);
    if (isError(value)) return value;
    const constant = integerConstant(value);
    if (constant === undefined) return make(name, [value], type, span);
    let swapped = 0n;
    for (let i = 0n; i < size; i++) swapped = (swapped << 8n) | ((constant >> (8n * i)) & 0xffn);
    return intExpr(swapped, type, span);
  };
}

/** `popcount`, `popcountl`, `popcountll` and their kin: how many bits of an unsigned number are what. */
function bitCounts(): [string, Handler][] {
  const names = ['popcount', 'parity', 'ctz', 'clz', 'ffs'] as const;
  const types: [string, IntType][] = [
    ['', UINT],
    ['l', ULONG],
    ['ll', ULLONG],
  ];
  return names.flatMap((name) =>
    types.map(([suffix, type]): [string, Handler] => [
      `__builtin_${name}${suffix}`,
      (p, written, span) => {
        const given = places(p, written, span, 1);
        if (given === undefined) return errorExpr(span);
        const value = assignTo(p, given[0]!, type, `passing argument 1 of '${written}'`);
        if (isError(value)) return value;
        const known = integerConstant(value);
        if (known === undefined) return make(name, [value], INT, span);
        return intExpr(BigInt(countBits(name, known.toString(2), type.size * 8)), INT, span);
      },
    ]),
  );
}

/** `digits`: binary. Of zero, whose leading and trailing zeros C does not count, all bits. */
function countBits(name: 'popcount' | 'parity' | 'ctz' | 'clz' | 'ffs', digits: string, width: number): number {
  const ones = digits.replaceAll('0', '').length;
  const last = ones === 0 ? width : digits.length - 1 - digits.lastIndexOf('1');
  switch (name) {
    case 'popcount':
      return ones;
    case 'parity':
      return ones % 2;
    case 'ctz':
      return last;
    case 'clz':
      return ones === 0 ? width : width - digits.length;
    case 'ffs':
      return ones === 0 ? 0 : last + 1;
  }
}

function absolute(type: IntType): Handler {
  return (p, written, span) => {
    const given = places(p, written, span, 1);
    if (given === undefined) return errorExpr(span);
    const value = assignTo(p, given[0]!, type, `passing argument 1 of '${written}'`);
    if (isError(value)) return value;
    const known = integerConstant(value);
    return known === undefined ? make('abs', [value], type, span) : intExpr(known < 0n ? -known : known, type, span);
  };
}

function expect(p: Parser, name: string, span: Span): Expr {
  const given = args(p, name, span, 2, 3);
  if (given === undefined) return errorExpr(span);
  const [value, likely] = given.slice(0, 2).map((one) => assignTo(p, one, LONG, `passing an argument of '${name}'`));
  if (isError(value!) || isError(likely!)) return errorExpr(span);
  return make('expect', [value!, likely!], LONG, span);
}

function constantP(p: Parser, name: string, span: Span): Expr {
  p.unevaluated += 1;
  const given = args(p, name, span, 1);
  p.unevaluated -= 1;
  if (given === undefined) return errorExpr(span);
  const constant = constantOf(given[0]!);
  const known =
    constant?.kind === 'int' ||
    (constant?.kind === 'address' && constant.base.kind === 'string' && constant.offset === 0);
  if (!known && p.fn !== undefined && mayBecomeKnown(given[0]!)) return make('constant_p', [given[0]!], INT, span);
  return intExpr(known ? 1n : 0n, INT, span);
}

/** A number made of nothing but variables of this function: what its caller passes may be one. */
function mayBecomeKnown(e: Expr): boolean {
  if (!isInteger(e.type)) return false;
  switch (e.kind) {
    case 'int':
      return true;
    case 'cast':
      if (e.op === 'int' || e.op === 'bool') return mayBecomeKnown(e.operand);
      if (e.op !== 'load' || e.operand.kind !== 'var') return false;
      return isLocalVariable(e.operand.variable) && !isVolatile(e.operand.type);
    case 'unary':
      return mayBecomeKnown(e.operand);
    case 'binary':
      return mayBecomeKnown(e.left) && mayBecomeKnown(e.right);
    default:
      return false;
  }
}

function isLocalVariable({ storage }: VariableDecl): boolean {
  return storage === 'local' || storage === 'param';
}

/** Unlike `?:`, the result has the type of the branch that is taken, and may be a place. */
function chooseExpr(p: Parser, _name: string, span: Span): Expr {
  const opened = p.at;
  p.next();
  const test = rvalue(p, assignment(p));
  p.expect(T.Comma, "','");
  const truth = truthOf(test);
  if (truth === undefined && !isError(test)) p.report(notConstant(test.span, "the choice of '__builtin_choose_expr'"));
  const branch = (taken: boolean): Expr => {
    if (!taken) p.unevaluated += 1;
    const made = assignment(p);
    if (!taken) p.unevaluated -= 1;
    return made;
  };
  const first = branch(truth !== false);
  p.expect(T.Comma, "','");
  const second = branch(truth === false);
  p.expect(T.RParen, "')'", opened);
  if (truth === undefined) return errorExpr(span);
  return truth ? first : second;
}

function typesCompatible(p: Parser, _name: string, span: Span): Expr {
  const opened = p.at;
  p.next();
  const left = typeName(p);
  p.expect(T.Comma, "','");
  const right = typeName(p);
  p.expect(T.RParen, "')'", opened);
  return intExpr(compatibleUnqualified(left.type, right.type) ? 1n : 0n, INT, span);
}

function offsetOf(p: Parser, name: string, span: Span): Expr {
  const opened = p.at;
  p.next();
  const { type, span: typeSpan } = typeName(p);
  p.expect(T.Comma, "','");
  let at = type;
  let bits = 0;
  let dynamic: Expr | undefined;
  let failed = false;
  for (let first = true; ; first = false) {
    if (first || p.accept(T.Dot)) {
      if (p.kind !== T.Identifier) p.fail('the name of a member');
      const record = asRecord(at);
      const way = record && findField(record, p.text());
      if (!failed && way === undefined) {
        if (record === undefined) p.report(badBuiltin(typeSpan, `'${name}' needs a struct or union`));
        else if (sizeOf(record) === undefined)
          p.report(incompleteType(typeSpan, record, `the type of '${name}'`, record.span));
        else p.report(noMember(p.span(), record, p.text(), undefined, record.span));
        failed = true;
      }
      for (const { field } of way ?? []) {
        bits += field.bitOffset;
        at = field.type;
        if (field.bitWidth !== undefined && !failed) {
          p.report(badBuiltin(p.span(), `the bit-field '${field.name}' has no offset in bytes`));
          failed = true;
        }
      }
      p.next();
    } else if (p.kind === T.LBracket) {
      p.next();
      const subscript = rvalue(p, expression(p));
      p.expect(T.RBracket, "']'");
      const bare = strip(at);
      if (bare.kind !== 'array') {
        if (!failed && !isError(subscript)) p.report(badBuiltin(subscript.span, `'${name}' with '[]' needs an array`));
        failed = true;
        continue;
      }
      at = bare.of;
      const value = integerConstant(subscript);
      const size = stepOf(at) ?? 1;
      if (value !== undefined) bits += Number(BigInt.asIntN(64, value)) * size * 8;
      else if (isInteger(subscript.type)) {
        const scaled = binary(p, '*', convert(promote(subscript), SIZE), intExpr(BigInt(size), SIZE, span), span);
        dynamic = dynamic === undefined ? scaled : binary(p, '+', dynamic, scaled, span);
      } else failed = true;
    } else break;
  }
  p.expect(T.RParen, "')'", opened);
  if (failed) return errorExpr(span);
  const fixed = intExpr(BigInt(bits / 8), SIZE, span);
  return dynamic === undefined ? fixed : binary(p, '+', fixed, dynamic, span);
}

/** Sizes are not tracked: "unknown", which is what clang says too when it cannot see the object. */
function objectSize(p: Parser, name: string, span: Span): Expr {
  p.unevaluated += 1;
  const given = args(p, name, span, 2);
  p.unevaluated -= 1;
  if (given === undefined) return errorExpr(span);
  const mode = integerConstant(given[1]!);
  const constant = constantOf(given[0]!);
  if (constant?.kind === 'address' && constant.base.kind !== 'function') {
    const size = sizeOf(constant.base.type);
    if (size !== undefined) return intExpr(BigInt(Math.max(0, size - constant.offset)), SIZE, span);
  }
  return intExpr(mode === 2n || mode === 3n ? 0n : (1n << 64n) - 1n, SIZE, span);
}

function flow(name: 'unreachable' | 'trap'): Handler {
  return (p, written, span) =>
    places(p, written, span, 0) === undefined ? errorExpr(span) : make(name, [], VOID, span);
}

/** `__builtin_add_overflow` of any integers, and its kin that name their type: `__builtin_umull_overflow`. */
function overflows(): [string, Handler][] {
  const list: [string, Handler][] = [];
  const types = { s: INT, sl: LONG, sll: LLONG, u: UINT, ul: ULONG, ull: ULLONG };
  for (const op of ['add', 'sub', 'mul'] as const) {
    list.push([`__builtin_${op}_overflow`, overflow(op, undefined)]);
    for (const [kind, type] of Object.entries(types))
      list.push([`__builtin_${kind[0]}${op}${kind.slice(1)}_overflow`, overflow(op, type)]);
  }
  return list;
}

function overflow(op: 'add' | 'sub' | 'mul', type: CType | undefined): Handler {
  return (p, name, span) => {
    const given = args(p, name, span, 3);
    if (given === undefined) return errorExpr(span);
    const target = pointee(given[2]!.type);
    const isTarget = target !== undefined && isInteger(target) && strip(target) !== BOOL && !isConst(target);
    const pair = type === undefined ? given.slice(0, 2) : given.slice(0, 2).map((one) => convert(one, type));
    const bad = isTarget ? pair.find((one) => !isInteger(one.type)) : given[2];
    const wide = [...pair, ...(isTarget ? [{ type: target, span }] : [])].find((one) => sizeOf(one.type) === 16);
    if (bad === undefined && wide === undefined) return make(`${op}_overflow`, [...pair, given[2]!], BOOL, span);
    if (bad !== undefined) {
      const what = bad === given[2] ? 'the address of an integer as its third argument' : 'integers';
      p.report(badBuiltin(bad.span, `'${name}' needs ${what}`));
    } else p.report(int128Arithmetic(span, name));
    return errorExpr(span);
  };
}

/** Of literals only: there is no code for it. */
function stringCompare(p: Parser, name: string, span: Span): Expr {
  const limited = name.endsWith('strncmp');
  const given = args(p, name, span, limited ? 3 : 2);
  if (given === undefined) return errorExpr(span);
  const [a, b] = given.slice(0, 2).map(literalBytes);
  const limit = limited ? integerConstant(given[2]!) : 1n << 32n;
  if (a === undefined || b === undefined || limit === undefined) {
    // What a static function is given may be a literal after all.
    const known = a ?? b;
    if (p.fn?.decl.storage === 'static' && known !== undefined && limit !== undefined) {
      const most = BigInt(Math.min(known.length, Number(limit)));
      return make('strcmp', [given[0]!, given[1]!, intExpr(most, SIZE, span)], INT, span);
    }
    p.report(badBuiltin(span, `'${name}' of strings that are not known at compile time`, 'use bpf_strncmp'));
    return errorExpr(span);
  }
  for (let i = 0; i < limit; i++) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    if (x !== y) return intExpr(x < y ? -1n : 1n, INT, span);
    if (x === 0) break;
  }
  return intExpr(0n, INT, span);
}

function literalBytes(e: Expr): Uint8Array | undefined {
  let at = e;
  while (at.kind === 'cast') at = at.operand;
  return at.kind === 'string' ? at.bytes : undefined;
}

function stringLength(p: Parser, name: string, span: Span): Expr {
  const given = args(p, name, span, 1);
  if (given === undefined) return errorExpr(span);
  const constant = constantOf(given[0]!);
  if (constant?.kind === 'address' && constant.base.kind === 'string') {
    const { bytes } = constant.base;
    const end = bytes.indexOf(0, constant.offset);
    if (constant.offset >= 0 && end >= 0) return intExpr(BigInt(end - constant.offset), SIZE, span);
  }
  const to = pointee(given[0]!.type);
  // What a static function is given may be a literal after all, and verifiers follow a loop over one.
  if (p.fn?.decl.storage === 'static' && to !== undefined && stepOf(to) === 1) return make('strlen', given, SIZE, span);
  p.report(onlyForLiterals(span, name));
  return errorExpr(span);
}

// ── CO-RE ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function preserveAccess(p: Parser, name: string, span: Span): Expr {
  const given = args(p, name, span, 1);
  if (given === undefined) return errorExpr(span);
  return make('preserve_access_index', given, given[0]!.type, span);
}

function preserveFieldInfo(p: Parser, name: string, span: Span): Expr {
  const given = places(p, name, span, 2);
  if (given === undefined) return errorExpr(span);
  const kind = infoKind(p, name, given[1]!, 5n);
  const field = given[0]!;
  if (!isPlace(field) || (field.kind !== 'member' && field.kind !== 'index' && field.kind !== 'deref')) {
    p.report(badBuiltin(field.span, `'${name}' needs a member, as in 'p->member'`));
    return errorExpr(span);
  }
  return kind === undefined ? errorExpr(span) : make('preserve_field_info', [field, kind], UINT, span);
}

function infoKind(p: Parser, name: string, expr: Expr, most: bigint): Expr | undefined {
  const value = integerConstant(rvalue(p, expr));
  if (value !== undefined && value >= 0n && value <= most) return intExpr(value, ULONG, expr.span);
  p.report(badBuiltin(expr.span, `the last argument of '${name}' must be a constant from 0 to ${most}`));
  return undefined;
}

/** The type of the first argument counts, which is written as `*(struct s *)0`. */
function typeInfo(which: 'preserve_type_info' | 'btf_type_id', result: CType): Handler {
  return (p, name, span) => {
    const given = places(p, name, span, 2);
    if (given === undefined) return errorExpr(span);
    const kind = infoKind(p, name, given[1]!, which === 'btf_type_id' ? 1n : 2n);
    if (kind === undefined) return errorExpr(span);
    return make(which, [kind], result, span, given[0]!.type);
  };
}

/** The first argument is written as `*(enum e *)ENUMERATOR`. */
function preserveEnumValue(p: Parser, name: string, span: Span): Expr {
  const given = places(p, name, span, 2);
  if (given === undefined) return errorExpr(span);
  const kind = infoKind(p, name, given[1]!, 1n);
  const first = given[0]!;
  let at: Expr = first;
  while (at.kind === 'deref' || at.kind === 'cast') at = at.kind === 'deref' ? at.pointer : at.operand;
  const type = strip(first.type);
  if (at.kind !== 'int' || at.enumerator === undefined || type.kind !== 'enum') {
    p.report(badBuiltin(first.span, `'${name}' needs an enumerator, as in '*(enum e *)NAME'`));
    return errorExpr(span);
  }
  if (kind === undefined) return errorExpr(span);
  const enumType: EnumType = type;
  const value: Expr = { ...at, type: enumType, enumerator: { name: at.enumerator.name, type: first.type } };
  return make('preserve_enum_value', [value, kind], ULONG, span, first.type);
}
