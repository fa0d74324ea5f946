import type { CoreKind } from '@skep/object';
import { constant, FALSE, typeOf, undef } from '../../ir/constant.ts';
import type { AtomicInst, ScalarType, Value } from '../../ir/ir.ts';
import type { BuiltinExpr, BuiltinName, Expr } from '../ast.ts';
import { alignOf, asEnum, inArena, pointee, sizeOf } from '../types.ts';
import { lowerBits } from './bits.ts';
import { fieldInfo, rootOf } from './core-access.ts';
import { atomicSize, memcmpTooLong, notConstantSize, sizeTooLarge } from './diagnostics.ts';
import { lowerDiscard, lowerValue } from './expression.ts';
import { lowerOverflow } from './overflow.ts';
import { accessibleAddress, alignOfPlace, changesSpace, lowerPlace, pointedTo } from './place.ts';
import type { FunctionState } from './state.ts';
import { staticNumber } from './static-value.ts';
import { irTypeOf } from './types.ts';

/** Bytes that a copy or fill may have: far more than the verifier follows, few enough to look at each. */
const MOST_BYTES = 1n << 20n;
/** Bytes that `memcmp` may compare: more would be a wall of instructions. */
const MEMCMP_LIMIT = 128;

export function lowerBuiltin(fn: FunctionState, e: BuiltinExpr, used: boolean): Value {
  const { b, unit } = fn;
  const arg = (i: number): Expr => e.args[i]!;
  switch (e.name) {
    case 'memcpy':
    case 'memmove': {
      const target = bytesAt(fn, arg(0));
      const source = bytesAt(fn, arg(1));
      const varying = e.name === 'memcpy' ? varyingSize(fn, arg(2)) : undefined;
      if (varying !== undefined) {
        byteLoop(fn, target.address, varying, (i) => b.load('i8', b.ptradd(source.address, i)));
        return target.address;
      }
      const size = sizeArgument(fn, arg(2), e.name);
      if (size > 0) {
        const align = Math.min(target.align, source.align);
        b.memcpy(target.address, source.address, size, { align, overlap: e.name === 'memmove' });
      }
      return target.address;
    }
    case 'memset': {
      const target = bytesAt(fn, arg(0));
      const value = b.resize(lowerValue(fn, arg(1)), 'i8', false);
      const varying = varyingSize(fn, arg(2));
      if (varying !== undefined) {
        byteLoop(fn, target.address, varying, () => value);
        return target.address;
      }
      const size = sizeArgument(fn, arg(2), e.name);
      if (size > 0) b.memset(target.address, value, size, target.align);
      return target.address;
    }
    case 'memcmp':
      return lowerMemcmp(fn, e);
    case 'strlen':
      return lengthOf(fn, bytesAt(fn, arg(0)).address);
    case 'bswap16':
    case 'bswap32':
    case 'bswap64': {
      const width: ScalarType = e.name === 'bswap16' ? 'i16' : e.name === 'bswap32' ? 'i32' : 'i64';
      const swapped = b.swapBytes(b.resize(lowerValue(fn, arg(0)), width, false));
      return b.resize(swapped, registerType(e), false);
    }
    case 'strcmp':
      return compareStrings(fn, e);
    case 'popcount':
    case 'parity':
    case 'ctz':
    case 'clz':
    case 'ffs':
    case 'abs':
      return lowerBits(fn, e);
    case 'expect': {
      const value = lowerValue(fn, arg(0));
      return value;
    }
    case 'constant_p':
      return b.cast('zext', 'i32', b.known(lowerValue(fn, arg(0))));
    case 'unreachable':
    case 'trap':
      if (e.name === 'trap') b.trap();
      else b.unreachable();
      return undef('i64');
    case 'add_overflow':
    case 'sub_overflow':
    case 'mul_overflow':
      return lowerOverflow(fn, e);
    case 'preserve_access_index': {
      fn.preserving++;
      const value = lowerValue(fn, arg(0));
      fn.preserving--;
      return value;
    }
    case 'preserve_field_info': {
      const kind = Number(staticNumber(unit, arg(1)) ?? -1n);
      return b.resize(fieldInfo(fn, placeArgument(arg(0)), kind), registerType(e), false);
    }
    case 'preserve_type_info': {
      const kind = TYPE_KINDS[Number(staticNumber(unit, e.args.at(-1)!) ?? -1n)] ?? 'type_exists';
      const type = e.ofType!;
      const value = kind === 'type_size' ? BigInt(sizeOf(type) ?? 0) : 1n;
      return b.resize(b.core(kind, unit.types.idOf(type), '0', value), registerType(e), false);
    }
    case 'preserve_enum_value':
      return lowerEnumValue(fn, e);
    case 'btf_type_id': {
      const target = staticNumber(unit, e.args.at(-1)!) === 1n;
      const id = unit.types.idOf(e.ofType!);
      return b.resize(b.core(target ? 'type_id_target' : 'type_id_local', id, '0', BigInt(id)), registerType(e), false);
    }
    default:
      return lowerAtomic(fn, e, e.name, used);
  }
}

const TYPE_KINDS: readonly CoreKind[] = ['type_exists', 'type_size', 'type_matches'];

function registerType(e: Expr): ScalarType {
  const type = irTypeOf(e.type);
  return type === undefined || type === 'void' ? 'i64' : type;
}

/** The field that is asked about: the place itself, or what a load or an address is of. */
function placeArgument(e: Expr): Expr {
  let at = e;
  for (;;) {
    if (at.kind === 'cast') at = at.operand;
    else if (at.kind === 'address') at = at.place;
    else return at;
  }
}

/** In a static function a size may become constant by inlining: until then it is a value. */
function varyingSize(fn: FunctionState, e: Expr): Value | undefined {
  if (fn.decl.storage !== 'static' || staticNumber(fn.unit, e) !== undefined) return undefined;
  const size = lowerValue(fn, e);
  return size.kind === 'const' ? undefined : fn.b.resize(size, 'i64', false);
}

/** Byte by byte without a loop, so that nothing is left of it where both turn out to be literals. */
function compareStrings(fn: FunctionState, e: BuiltinExpr): Value {
  const { b } = fn;
  const [left, right] = [bytesAt(fn, e.args[0]!).address, bytesAt(fn, e.args[1]!).address];
  const most = Number(staticNumber(fn.unit, e.args[2]!) ?? 0n);
  const end = b.createBlock();
  const result = b.param(end, 'i32');
  for (let i = 0; i < most; i++) {
    const [x, y] = [left, right].map((text) => b.resize(b.load('i8', text, { offset: i }), 'i32', false)) as [
      Value,
      Value,
    ];
    const differ = b.arithmetic('sub', x, y);
    const same = b.createBlock();
    b.branch(b.test('ne', differ, constant('i32', 0)), { block: end, args: [differ] }, same);
    b.enter(same);
  }
  b.jump(end, [constant('i32', 0)]);
  b.enter(end);
  return result;
}

/** Counts up to the NUL. Verifiers follow that in literals, which lie in read-only memory. */
function lengthOf(fn: FunctionState, text: Value): Value {
  const { b } = fn;
  const head = b.createBlock();
  const next = b.createBlock();
  const end = b.createBlock();
  const i = b.param(head, 'i64');
  b.jump(head, [constant('i64', 0)]);
  b.enter(head);
  b.branch(b.test('eq', b.load('i8', b.ptradd(text, i)), constant('i8', 0)), end, next);
  b.enter(next);
  b.jump(head, [b.arithmetic('add', i, constant('i64', 1))]);
  b.enter(end);
  return i;
}

/** Writes byte by byte; unrolled where the size turns out to be constant. */
function byteLoop(fn: FunctionState, target: Value, size: Value, byte: (i: Value) => Value): void {
  const { b } = fn;
  const head = b.createBlock();
  const body = b.createBlock();
  const end = b.createBlock();
  const i = b.param(head, 'i64');
  b.jump(head, [constant('i64', 0)]);
  b.enter(head);
  b.branch(b.test('ult', i, size), body, end);
  b.enter(body);
  b.store(byte(i), b.ptradd(target, i));
  b.jump(head, [b.arithmetic('add', i, constant('i64', 1))], 'full');
  b.enter(end);
}

function sizeArgument(fn: FunctionState, e: Expr, what: BuiltinName): number {
  let known = staticNumber(fn.unit, e);
  if (known === undefined) {
    const size = lowerValue(fn, e);
    if (size.kind === 'const') known = size.value;
  }
  if (known === undefined) fn.unit.diagnostics.add(notConstantSize(what, e.span));
  else if (known > MOST_BYTES || known < 0n)
    fn.unit.diagnostics.add(sizeTooLarge(what, BigInt.asUintN(64, known), e.span));
  else return Number(known);
  return 0;
}

/** A pointer argument with what is known of its alignment, through casts to `void *`. */
function bytesAt(fn: FunctionState, e: Expr): { address: Value; align: number } {
  let at = e;
  while (at.kind === 'cast' && at.op === 'pointer' && !changesSpace(at)) at = at.operand;
  if (at.kind === 'address' || (at.kind === 'cast' && at.op === 'decay' && at.operand.kind !== 'func')) {
    const { b } = fn;
    const outer = b.span;
    b.span = at.span;
    const place = lowerPlace(fn, at.kind === 'address' ? at.place : at.operand);
    const address = accessibleAddress(fn, place);
    b.span = outer;
    return { address, align: alignOfPlace(place) };
  }
  const target = pointee(at.type);
  if (target === undefined) return { address: lowerValue(fn, at), align: 1 };
  const place = pointedTo(fn, at, target);
  return { address: accessibleAddress(fn, place), align: Math.min(alignOfPlace(place), alignOf(target)) };
}

/**
 * Word by word, as wide as both sides are aligned; the first difference decides, seen as big-endian numbers, which is
 * the order of bytes.
 */
function lowerMemcmp(fn: FunctionState, e: BuiltinExpr): Value {
  const { b } = fn;
  const left = bytesAt(fn, e.args[0]!);
  const right = bytesAt(fn, e.args[1]!);
  const size = sizeArgument(fn, e.args[2]!, 'memcmp');
  if (size > MEMCMP_LIMIT) {
    fn.unit.diagnostics.add(memcmpTooLong(size, MEMCMP_LIMIT, e.span));
    return constant('i32', 0);
  }
  const end = b.createBlock();
  const differs = b.createBlock();
  const a = b.param(differs, 'i64');
  const z = b.param(differs, 'i64');
  const result = b.param(end, 'i32');
  for (let at = 0; at < size; ) {
    let step = Math.min(8, left.align, right.align);
    while (step > size - at) step >>= 1;
    const type: ScalarType = step === 8 ? 'i64' : step === 4 ? 'i32' : step === 2 ? 'i16' : 'i8';
    const word = (address: Value) => {
      const value = b.load(type, address, { offset: at, align: step });
      return b.resize(step === 1 ? value : b.swapBytes(value), 'i64', false);
    };
    const x = word(left.address);
    const y = word(right.address);
    const next = b.createBlock();
    b.branch(b.test('eq', x, y), next, { block: differs, args: [x, y] });
    b.enter(next);
    at += step;
  }
  b.jump(end, [constant('i32', 0)]);
  b.enter(differs);
  const less = b.createBlock();
  const more = b.createBlock();
  b.branch(b.test('ult', a, z), less, more);
  b.enter(less);
  b.jump(end, [constant('i32', -1)]);
  b.enter(more);
  b.jump(end, [constant('i32', 1)]);
  b.enter(end);
  return result;
}

function lowerEnumValue(fn: FunctionState, e: BuiltinExpr): Value {
  const { b } = fn;
  let named = e.args[0]!;
  while (named.kind === 'cast') named = named.operand;
  const enumerator = named.kind === 'int' ? named.enumerator : undefined;
  const type = enumerator && asEnum(enumerator.type);
  const kind = staticNumber(fn.unit, e.args[1]!) === 1n ? 'enumval_value' : 'enumval_exists';
  const at = type?.enumerators.findIndex((one) => one.name === enumerator!.name) ?? -1;
  if (enumerator === undefined || type === undefined || at < 0) return constant(registerType(e), 0);
  const value = kind === 'enumval_value' ? type.enumerators[at]!.value : 1n;
  const written = e.ofType ?? enumerator.type;
  return b.resize(b.core(kind, rootOf(fn, written), String(at), value), registerType(e), false);
}

type Atomic = AtomicInst['op'];
const ATOMIC: Readonly<Partial<Record<BuiltinName, { readonly op: Atomic; readonly after?: 'add' | 'sub' }>>> = {
  atomic_fetch_add: { op: 'add' },
  atomic_fetch_sub: { op: 'add' },
  atomic_fetch_or: { op: 'or' },
  atomic_fetch_and: { op: 'and' },
  atomic_fetch_xor: { op: 'xor' },
  atomic_add_fetch: { op: 'add', after: 'add' },
  atomic_sub_fetch: { op: 'add', after: 'sub' },
  atomic_exchange: { op: 'xchg' },
  atomic_compare_exchange_value: { op: 'cmpxchg' },
  atomic_compare_exchange_bool: { op: 'cmpxchg' },
};

function lowerAtomic(fn: FunctionState, e: BuiltinExpr, name: BuiltinName, used: boolean): Value {
  const { b } = fn;
  const { op, after } = ATOMIC[name]!;
  const pointer = e.args[0]!;
  const target = pointee(pointer.type);
  const size = (target && sizeOf(target)) ?? 8;
  if (size !== 4 && size !== 8) {
    fn.unit.diagnostics.add(atomicSize(size, pointer.span));
    for (const arg of e.args) lowerDiscard(fn, arg);
    return name === 'atomic_compare_exchange_bool' ? FALSE : undef(registerType(e));
  }
  const type: ScalarType = size === 4 ? 'i32' : 'i64';
  const given = lowerValue(fn, pointer);
  const address = target !== undefined && inArena(target) ? b.convert('cast_kern', 'ptr', given) : given;
  const isPointer = target !== undefined && irTypeOf(target) === 'ptr';
  const operand = (arg: Expr): Value => {
    const value = lowerValue(fn, arg);
    return typeOf(value) === 'ptr' ? b.convert('ptrtoint', 'i64', value) : b.resize(value, type, true);
  };
  const result = (value: Value): Value => (isPointer ? b.convert('inttoptr', 'ptr', value) : value);
  if (op === 'cmpxchg') {
    const expected = operand(e.args[1]!);
    const old = b.atomic(op, address, operand(e.args[2]!), true, expected);
    if (name === 'atomic_compare_exchange_value') return result(old);
    return b.resize(b.test('eq', old, expected), registerType(e), false);
  }
  let value = operand(e.args[1]!);
  const plus = value;
  if (name === 'atomic_fetch_sub' || name === 'atomic_sub_fetch') value = b.arithmetic('sub', constant(type, 0), value);
  const old = b.atomic(op, address, value, used || op === 'xchg');
  if (!used) return undef('i64');
  return after === undefined ? result(old) : b.arithmetic(after, old, plus);
}
