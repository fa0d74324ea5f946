import { constant, FALSE, TRUE, typeOf, undef } from '../../ir/constant.ts';
import type { Block, ScalarType, Value } from '../../ir/ir.ts';
import type { AssignExpr, BinaryExpr, CastExpr, Expr, StepExpr } from '../ast.ts';
import type { CType } from '../ctype.ts';
import { asFunction, inArena, integerOf, isConst, isVoid, isVolatile, pointee, sizeOf, strip } from '../types.ts';
import { lowerBuiltin } from './builtin.ts';
import { lowerCall } from './call.ts';
import { writeWide } from './initialise.ts';
import { BINARY_OPS, COMPARE_OPS } from './operators.ts';
import { addressOf, changesSpace, copy, load, lowerPlace, type Place, plain, store, temporary } from './place.ts';
import { noteReserved } from './record-tags.ts';
import type { FunctionState } from './state.ts';
import { inScope, lowerStatement } from './statement.ts';
import { staticNumber, staticValue } from './static-value.ts';
import { irTypeOf, isAggregate, isSigned } from './types.ts';
import { convertWide, narrowWide, outOfRegisters, refuseMemoryType, wideEquality, wideTruth } from './wide.ts';

/** The value of an expression of register type. Of a void expression, a value that nobody may use. */
export function lowerValue(fn: FunctionState, e: Expr): Value {
  const { b } = fn;
  const outer = b.span;
  b.span = e.span;
  const value = scalarValue(fn, e, true);
  b.span = outer;
  return value;
}

/** Evaluates for the effects alone. */
export function lowerDiscard(fn: FunctionState, e: Expr): void {
  const { b } = fn;
  const outer = b.span;
  b.span = e.span;
  if (isAggregate(e.type)) lowerAggregate(fn, e);
  else scalarValue(fn, e, false);
  b.span = outer;
}

/** Where the value of a record (or another type without registers) is; it may be a temporary. */
export function lowerAggregate(fn: FunctionState, e: Expr): Place {
  const { b } = fn;
  switch (e.kind) {
    case 'cast':
      if (e.op === 'load') return lowerPlace(fn, e.operand);
      return convertWide(fn, e);
    case 'assign': {
      const source = lowerAggregate(fn, e.value);
      const target = lowerPlace(fn, e.place);
      copy(fn, target, source, e.type);
      return target;
    }
    case 'comma':
      lowerDiscard(fn, e.left);
      return lowerAggregate(fn, e.right);
    case 'statement':
      if (e.value === undefined) break;
      return inScope(fn, () => {
        for (const stmt of e.body) lowerStatement(fn, stmt);
        return lowerAggregate(fn, e.value!);
      });
    case 'conditional': {
      const slot = temporary(fn, e.type, 'choice');
      fork(fn, e.condition, (branch) => copy(fn, slot, lowerAggregate(fn, branch ? e.then : e.else), e.type));
      return slot;
    }
    case 'call': {
      const slot = temporary(fn, e.type, 'result');
      lowerCall(fn, e, addressOf(fn, slot));
      return slot;
    }
    case 'int': {
      const slot = temporary(fn, e.type, 'wide');
      writeWide(fn, slot, e.value);
      return slot;
    }
    case 'float':
      refuseMemoryType(fn, e.type, e, 'a constant');
      return temporary(fn, e.type, 'float');
    case 'var':
    case 'deref':
    case 'member':
    case 'index':
    case 'compound':
    case 'string':
      return lowerPlace(fn, e);
    default:
      break;
  }
  refuseMemoryType(fn, e.type, e, 'arithmetic');
  return plain(b.alloca(sizeOf(e.type) ?? 0, 8), 8, false);
}

/** A condition as an `i1`. */
function lowerCondition(fn: FunctionState, e: Expr): Value {
  const { b } = fn;
  const outer = b.span;
  b.span = e.span;
  const value = conditionOf(fn, e);
  b.span = outer;
  return value;
}

/** Goes to one block or the other; `&&`, `||` and `!` become control flow. */
export function lowerBranch(fn: FunctionState, e: Expr, then: Block, otherwise: Block, likely?: boolean): void {
  const { b } = fn;
  const outer = b.span;
  b.span = e.span;
  branchOn(fn, e, then, otherwise, likely);
  b.span = outer;
}

function branchOn(fn: FunctionState, e: Expr, then: Block, otherwise: Block, likely: boolean | undefined): void {
  const { b } = fn;
  switch (e.kind) {
    case 'logical': {
      const middle = b.createBlock();
      if (e.op === '&&') lowerBranch(fn, e.left, middle, otherwise, likely === true ? true : undefined);
      else lowerBranch(fn, e.left, then, middle, likely === false ? false : undefined);
      b.enter(middle);
      lowerBranch(fn, e.right, then, otherwise, likely);
      return;
    }
    case 'unary':
      if (e.op !== '!') break;
      lowerBranch(fn, e.operand, otherwise, then, likely === undefined ? undefined : !likely);
      return;
    case 'cast':
      if (!keepsTruth(e)) break;
      lowerBranch(fn, e.operand, then, otherwise, likely);
      return;
    case 'comma':
      lowerDiscard(fn, e.left);
      lowerBranch(fn, e.right, then, otherwise, likely);
      return;
    case 'builtin':
      if (e.name === 'expect' && e.args.length === 2) {
        const expected = staticValue(fn.unit, e.args[1]!);
        const hint = expected === undefined ? likely : expected.addend !== 0n;
        lowerBranch(fn, e.args[0]!, then, otherwise, hint);
        return;
      }
      break;
    default:
      break;
  }
  b.decide(conditionOf(fn, e), then, otherwise, likely);
}

function conditionOf(fn: FunctionState, e: Expr): Value {
  const { b } = fn;
  switch (e.kind) {
    case 'binary': {
      const compare = COMPARE_OPS[e.op];
      if (compare !== undefined) return compareOf(fn, e, compare);
      break;
    }
    case 'unary':
      if (e.op === '!') return b.not(lowerCondition(fn, e.operand));
      break;
    case 'logical': {
      const short = b.createBlock();
      const long = b.createBlock();
      const end = b.createBlock();
      const result = b.param(end, 'i1');
      // Where the left side decides, the result is known; the right side's is a value of its own.
      if (e.op === '&&') lowerBranch(fn, e.left, long, short);
      else lowerBranch(fn, e.left, short, long);
      b.enter(short);
      b.jump(end, [e.op === '&&' ? FALSE : TRUE]);
      b.enter(long);
      const right = lowerCondition(fn, e.right);
      b.jump(end, [right]);
      b.enter(end);
      return result;
    }
    case 'cast':
      if (keepsTruth(e)) return lowerCondition(fn, e.operand);
      break;
    case 'comma':
      lowerDiscard(fn, e.left);
      return lowerCondition(fn, e.right);
    default:
      break;
  }
  if (isAggregate(e.type)) return wideTruth(fn, e);
  const value = lowerValue(fn, e);
  // Objects and functions that are defined here have addresses.
  if ((value.kind === 'global' || value.kind === 'func') && value.linkage !== 'weak') return TRUE;
  const type = scalarOf(value);
  return b.test('ne', value, constant(type, 0));
}

/** Is the cast's result zero exactly when its operand is? */
function keepsTruth(e: CastExpr): boolean {
  if (e.op === 'bool') return !isVoid(e.operand.type) && !isAggregate(e.operand.type);
  if (e.op === 'pointer' || e.op === 'pointer-to-int' || e.op === 'int-to-pointer') {
    return (sizeOf(e.type) ?? 8) >= (sizeOf(e.operand.type) ?? 8) && !isAggregate(e.operand.type);
  }
  if (e.op !== 'int' || isAggregate(e.operand.type)) return false;
  return isTruth(e.operand) || (sizeOf(e.type) ?? 0) >= (sizeOf(e.operand.type) ?? 0);
}

/** Is it 0 or 1 by its form? */
function isTruth(e: Expr): boolean {
  if (e.kind === 'logical') return true;
  if (e.kind === 'unary') return e.op === '!';
  if (e.kind === 'binary') return e.op in COMPARE_OPS;
  if (e.kind === 'cast') return e.op === 'bool' || (e.op === 'int' && isTruth(e.operand));
  return false;
}

function scalarValue(fn: FunctionState, e: Expr, used: boolean): Value {
  const { b } = fn;
  switch (e.kind) {
    case 'int': {
      const type = irTypeOf(e.type);
      return type === undefined || type === 'void' ? outOfRegisters(fn, e, 'a constant') : constant(type, e.value);
    }
    case 'float':
      return outOfRegisters(fn, e, 'a constant');
    case 'unary': {
      if (e.op === '!') return truthAs(fn, e);
      const operand = lowerValue(fn, e.operand);
      const type = scalarOf(operand);
      if (isAggregate(e.type)) return outOfRegisters(fn, e, `'${e.op}'`);
      return e.op === '-'
        ? b.arithmetic('sub', constant(type, 0), operand)
        : b.arithmetic('xor', operand, constant(type, -1));
    }
    case 'step':
      return lowerStep(fn, e);
    case 'binary':
      if (e.op in COMPARE_OPS) return truthAs(fn, e);
      return lowerBinary(fn, e);
    case 'logical': {
      if (used) return truthAs(fn, e);
      const right = b.createBlock();
      const end = b.createBlock();
      if (e.op === '&&') lowerBranch(fn, e.left, right, end);
      else lowerBranch(fn, e.left, end, right);
      b.enter(right);
      lowerDiscard(fn, e.right);
      b.fallInto(end);
      return undef('i32');
    }
    case 'conditional':
      return lowerConditional(fn, e, used);
    case 'comma':
      lowerDiscard(fn, e.left);
      if (used) return lowerValue(fn, e.right);
      lowerDiscard(fn, e.right);
      return undef('i64');
    case 'assign':
      return lowerAssign(fn, e);
    case 'address':
      return addressOf(fn, lowerPlace(fn, e.place));
    case 'call':
      return lowerCall(fn, e, undefined);
    case 'builtin':
      return lowerBuiltin(fn, e, used);
    case 'cast':
      return lowerCast(fn, e, used);
    case 'statement':
      return inScope(fn, () => {
        for (const stmt of e.body) lowerStatement(fn, stmt);
        if (e.value === undefined) return undef('i64');
        if (used) return lowerValue(fn, e.value);
        lowerDiscard(fn, e.value);
        return undef('i64');
      });
    case 'func':
      return fn.unit.funcOf(e.function);
    case 'var':
    case 'deref':
    case 'member':
    case 'index':
    case 'compound':
    case 'string':
      // A place whose value nobody loads: only its address is computed.
      return addressOf(fn, lowerPlace(fn, e));
  }
}

function truthAs(fn: FunctionState, e: Expr): Value {
  const type = irTypeOf(e.type);
  return fn.b.resize(conditionOf(fn, e), type === undefined || type === 'void' ? 'i32' : type, false);
}

function compareOf(
  fn: FunctionState,
  e: BinaryExpr,
  compare: (signed: boolean) => Parameters<FunctionState['b']['test']>[0],
): Value {
  if (isAggregate(e.left.type)) return wideEquality(fn, e);
  const left = lowerValue(fn, e.left);
  const right = lowerValue(fn, e.right);
  return fn.b.test(compare(isSigned(e.left.type)), left, right);
}

function lowerBinary(fn: FunctionState, e: BinaryExpr): Value {
  const { b } = fn;
  if (isAggregate(e.type) || isAggregate(e.left.type)) return outOfRegisters(fn, e, `'${e.op}'`);
  const left = lowerValue(fn, e.left);
  const right = lowerValue(fn, e.right);
  return combine(b, e.op, left, right, {
    scale: e.scale,
    signed: isSigned(e.left.type),
    rightSigned: isSigned(e.right.type),
  });
}

interface Operands {
  readonly scale: number | undefined;
  /** Of the left operand's type, which decides the operation. */
  readonly signed: boolean;
  readonly rightSigned: boolean;
}

function combine(
  b: FunctionState['b'],
  op: BinaryExpr['op'],
  left: Value,
  right: Value,
  { scale, signed, rightSigned }: Operands,
): Value {
  if (typeOf(left) === 'ptr') {
    if (typeOf(right) === 'ptr') return difference(b, left, right, scale ?? 1);
    const index = b.resize(right, 'i64', rightSigned);
    const bytes = b.arithmetic('mul', index, constant('i64', scale ?? 1));
    return b.advance(left, op === '-' ? b.arithmetic('sub', constant('i64', 0), bytes) : bytes);
  }
  const type = scalarOf(left);
  // Only shift counts have a type of their own.
  const operand = b.resize(right, type, rightSigned);
  return b.arithmetic(BINARY_OPS[op]!(signed), left, operand);
}

/** Elements between two pointers. The division is exact, so it is a shift and a product by the inverse modulo 2^64. */
function difference(b: FunctionState['b'], left: Value, right: Value, scale: number): Value {
  const bytes = b.arithmetic('sub', b.convert('ptrtoint', 'i64', left), b.convert('ptrtoint', 'i64', right));
  if (scale <= 1) return bytes;
  const low = scale & -scale;
  const shifted = b.arithmetic('ashr', bytes, constant('i64', Math.log2(low)));
  const odd = BigInt(scale / low);
  if (odd === 1n) return shifted;
  let inverse = odd;
  for (let i = 0; i < 5; i++) inverse = BigInt.asUintN(64, inverse * (2n - odd * inverse));
  return b.arithmetic('mul', shifted, constant('i64', inverse));
}

function lowerConditional(fn: FunctionState, e: Extract<Expr, { kind: 'conditional' }>, used: boolean): Value {
  const { b } = fn;
  const type = irTypeOf(e.type);
  if (type === undefined) return addressOf(fn, lowerAggregate(fn, e));
  const end = b.createBlock();
  const wanted = used && type !== 'void';
  const result = wanted ? b.param(end, type) : undef('i64');
  const then = b.createBlock();
  const otherwise = b.createBlock();
  lowerBranch(fn, e.condition, then, otherwise);
  for (const [block, branch] of [
    [then, e.then],
    [otherwise, e.else],
  ] as const) {
    b.enter(block);
    if (wanted) {
      const value = lowerValue(fn, branch);
      b.jump(end, [value]);
    } else {
      lowerDiscard(fn, branch);
      b.jump(end);
    }
  }
  b.enter(end);
  return result;
}

/** Runs `part` on either side of a condition. */
function fork(fn: FunctionState, condition: Expr, part: (branch: boolean) => void): void {
  const { b } = fn;
  const then = b.createBlock();
  const otherwise = b.createBlock();
  const end = b.createBlock();
  lowerBranch(fn, condition, then, otherwise);
  for (const block of [then, otherwise]) {
    b.enter(block);
    part(block === then);
    b.jump(end);
  }
  b.enter(end);
}

function lowerAssign(fn: FunctionState, e: AssignExpr): Value {
  const { b } = fn;
  const { type } = e.place;
  if (isAggregate(type)) {
    if (e.op !== undefined) return outOfRegisters(fn, e, `'${e.op}='`);
    return addressOf(fn, lowerAggregate(fn, e));
  }
  const value = lowerValue(fn, e.value);
  const place = lowerPlace(fn, e.place);
  if (e.op === undefined) {
    store(fn, place, type, value);
    return kept(fn, place, type, value);
  }
  const old = load(fn, place, type);
  if (typeOf(old) === 'ptr') {
    const moved = combine(b, e.op, old, value, { scale: e.scale, signed: false, rightSigned: isSigned(e.value.type) });
    store(fn, place, type, moved);
    return moved;
  }
  if (isAggregate(e.computeType)) return outOfRegisters(fn, e, `'${e.op}='`);
  const wide = convertInt(fn, old, type, e.computeType);
  const operands = { scale: undefined, signed: isSigned(e.computeType), rightSigned: isSigned(e.value.type) };
  const computed = combine(b, e.op, wide, value, operands);
  const result = convertInt(fn, computed, e.computeType, type);
  store(fn, place, type, result);
  return kept(fn, place, type, result);
}

/** What an assignment leaves in the place: a bit-field keeps its own bits only. */
function kept(fn: FunctionState, place: Place, type: CType, value: Value): Value {
  const { b } = fn;
  const ir = scalarOf(value);
  if (place.bits === undefined || ir === 'ptr') return value;
  const size = (sizeOf(type) ?? 8) * 8;
  if (place.bits.width >= size) return value;
  if (!isSigned(type)) return b.arithmetic('and', value, constant(ir, (1n << BigInt(place.bits.width)) - 1n));
  const by = constant(ir, size - place.bits.width);
  return b.arithmetic('ashr', b.arithmetic('shl', value, by), by);
}

function lowerStep(fn: FunctionState, e: StepExpr): Value {
  const { b } = fn;
  const { type } = e.operand;
  if (isAggregate(type)) return outOfRegisters(fn, e, `'${e.op}'`);
  const place = lowerPlace(fn, e.operand);
  const old = load(fn, place, type);
  const ir = scalarOf(old);
  let next: Value;
  if (ir === 'ptr') next = b.advance(old, e.op === '++' ? e.by : -e.by);
  else if (integerOf(type)?.bool === true) {
    next = e.op === '++' ? constant(ir, 1) : b.arithmetic('xor', old, constant(ir, 1));
  } else next = b.arithmetic(e.op === '++' ? 'add' : 'sub', old, constant(ir, e.by));
  store(fn, place, type, next);
  return e.prefix ? kept(fn, place, type, next) : old;
}

function lowerCast(fn: FunctionState, e: CastExpr, used: boolean): Value {
  const { b } = fn;
  const { operand } = e;
  switch (e.op) {
    case 'void':
      lowerDiscard(fn, operand);
      return undef('i64');
    case 'load': {
      if (isAggregate(e.type)) return outOfRegisters(fn, e, 'a value');
      const constant = constantLoad(fn, operand);
      if (constant !== undefined) return constant;
      const place = lowerPlace(fn, operand);
      if (!used && !place.volatile) return undef('i64');
      return load(fn, place, operand.type);
    }
    case 'decay':
      if (operand.kind === 'func') return fn.unit.funcOf(operand.function);
      if (asFunction(operand.type) !== undefined && operand.kind === 'deref') return lowerValue(fn, operand.pointer);
      return addressOf(fn, lowerPlace(fn, operand));
    case 'bool':
      return b.resize(isAggregate(operand.type) ? wideTruth(fn, operand) : lowerCondition(fn, operand), 'i8', false);
    case 'int':
      if (isAggregate(e.type)) return outOfRegisters(fn, e, 'a value');
      if (isAggregate(operand.type)) return narrowWide(fn, e);
      if (isTruth(operand)) return b.resize(lowerCondition(fn, operand), irTypeOf(e.type) as ScalarType, false);
      return convertInt(fn, lowerValue(fn, operand), operand.type, e.type);
    case 'pointer-to-int': {
      const value = lowerValue(fn, operand);
      if (typeOf(value) !== 'ptr') return convertInt(fn, value, operand.type, e.type);
      return b.resize(b.convert('ptrtoint', 'i64', value), irTypeOf(e.type) as ScalarType, false);
    }
    case 'int-to-pointer': {
      if (isAggregate(operand.type)) return outOfRegisters(fn, operand, 'a pointer made');
      const value = lowerValue(fn, operand);
      if (typeOf(value) === 'ptr') return value;
      return b.convert('inttoptr', 'ptr', b.resize(value, 'i64', isSigned(operand.type)));
    }
    case 'pointer':
      noteReserved(fn.unit, operand, e.type);
      if (!changesSpace(e) || staticNumber(fn.unit, operand) === 0n) return lowerValue(fn, operand);
      return b.convert(inArena(pointee(e.type)!) ? 'cast_user' : 'cast_kern', 'ptr', lowerValue(fn, operand));
  }
}

function convertInt(fn: FunctionState, value: Value, from: CType, to: CType): Value {
  const { b } = fn;
  const type = irTypeOf(to);
  if (type === undefined || type === 'void' || type === 'ptr' || typeOf(value) === 'ptr') return value;
  if (integerOf(to)?.bool === true && integerOf(from)?.bool !== true) {
    return b.resize(b.test('ne', value, constant(scalarOf(value), 0)), type, false);
  }
  return b.resize(value, type, isSigned(from));
}

/** A `const` pointer to a function holds the address (or the helper's number) that it starts with, for ever. */
function constantLoad(fn: FunctionState, place: Expr): Value | undefined {
  if (place.kind !== 'var' || !isConst(place.variable.type) || isVolatile(place.variable.type)) return undefined;
  const { variable } = place;
  const target = strip(variable.type);
  if (target.kind !== 'pointer' || strip(target.to).kind !== 'function') return undefined;
  if (variable.storage === 'extern' || variable.attributes.weak) return undefined;
  const part = variable.init?.parts[0];
  const known = part && staticValue(fn.unit, part.value);
  if (known === undefined) return undefined;
  if (known.symbol === undefined) return constant('ptr', known.addend);
  return known.addend === 0n ? known.symbol : undefined;
}

function scalarOf(value: Value): ScalarType {
  const type = typeOf(value);
  return type === 'void' ? 'i64' : type;
}
