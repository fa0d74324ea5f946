import { constant, NULL } from '../../ir/constant.ts';
import type { ScalarType, Value } from '../../ir/ir.ts';
import type { CastExpr, Expr, IndexExpr, MemberExpr, VariableDecl } from '../ast.ts';
import type { CType } from '../ctype.ts';
import { alignOf, complete, inArena, isVolatile, pointee, sizeOf } from '../types.ts';
import { relocatedPlace, relocates } from './core-access.ts';
import { incompleteObject, wideInteger } from './diagnostics.ts';
import { lowerAggregate, lowerDiscard, lowerValue } from './expression.ts';
import { initialise } from './initialise.ts';
import type { FunctionState } from './state.ts';
import { staticNumber } from './static-value.ts';
import { alignAt, INT_OF_SIZE, irTypeOf, isAggregate, isSigned, stackAlignOf } from './types.ts';
import { variableOf } from './variable.ts';

/** Where an object is: `base` + `offset` bytes. The offset stays apart so that it ends up inside the load. */
export interface Place {
  readonly base: Value;
  readonly offset: number;
  /** Of the address `base` + `bias`: a cast may claim more for a place than its object promises. */
  readonly align: number;
  readonly bias: number;
  readonly volatile: boolean;
  /** Other members of a union, of other types, are there too. */
  readonly inUnion?: boolean | undefined;
  /** `base` is an address in the arena: to be cast before it is accessed. */
  readonly arena: boolean;
  /** A bit-field: the place is that of its unit. */
  readonly bits: BitPlace | undefined;
}

export interface BitPlace {
  /** Bytes of the unit; any number up to 8. */
  readonly unit: number;
  /** Bits from the unit's lowest. */
  readonly shift: number;
  readonly width: number;
}

/** Evaluates what designates an object, without reading it. */
export function lowerPlace(fn: FunctionState, e: Expr): Place {
  const { b } = fn;
  const outer = b.span;
  b.span = e.span;
  const place = lowerPlaceInner(fn, e);
  b.span = outer;
  return place;
}

function lowerPlaceInner(fn: FunctionState, e: Expr): Place {
  switch (e.kind) {
    case 'var':
      return placeOfVariable(fn, e.variable);
    case 'string':
      return plain(fn.unit.stringOf(e.bytes), 1, false);
    case 'compound': {
      const place = placeOfVariable(fn, e.variable);
      if (e.variable.init !== undefined && e.variable.storage === 'local') initialise(fn, place, e.variable.init);
      return place;
    }
    case 'deref':
      return pointedTo(fn, e.pointer, e.type);
    case 'member': {
      if (relocates(fn, e)) return relocatedPlace(fn, e);
      return memberOf(lowerPlace(fn, e.place), e);
    }
    case 'index':
      return lowerIndex(fn, e);
    case 'cast':
      // A struct value that is used as a place: `f().x`.
      if (e.op === 'load' && isAggregate(e.type)) return lowerPlace(fn, e.operand);
      break;
    case 'comma':
      lowerDiscard(fn, e.left);
      return lowerPlace(fn, e.right);
    default:
      break;
  }
  if (isAggregate(e.type)) return lowerAggregate(fn, e);
  // A value where a place is wanted: give it one.
  const type = irTypeOf(e.type) as ScalarType;
  const value = lowerValue(fn, e);
  const slot = fn.b.alloca(sizeOf(e.type) ?? 8, alignOf(e.type));
  if (type !== undefined) fn.b.store(value, slot);
  return plain(slot, alignOf(e.type), false);
}

/** What a pointer value points to; constant distances go into the offset. */
export function pointedTo(fn: FunctionState, pointer: Expr, type: CType): Place {
  const volatile = isVolatile(type);
  const align = alignOf(type);
  let at = pointer;
  let offset = 0;
  for (;;) {
    if (at.kind === 'cast' && at.op === 'pointer' && !changesSpace(at)) at = at.operand;
    else if (at.kind === 'binary' && at.scale !== undefined && (at.op === '+' || at.op === '-')) {
      const by = irTypeOf(at.right.type) === 'ptr' ? undefined : staticNumber(fn.unit, at.right);
      const bytes = by === undefined ? undefined : Number(by) * at.scale;
      if (bytes === undefined || !fitsOffset(offset + bytes)) break;
      offset += at.op === '+' ? bytes : -bytes;
      at = at.left;
    } else break;
  }
  if (at.kind === 'address') {
    const place = lowerPlace(fn, at.place);
    if (place.bits === undefined) return claim({ ...place, offset: place.offset + offset, volatile }, align);
  }
  if (at.kind === 'cast' && at.op === 'decay' && at.operand.kind !== 'func') {
    const place = lowerPlace(fn, at.operand);
    return claim({ ...place, offset: place.offset + offset, volatile }, align);
  }
  return { base: lowerValue(fn, at), offset, align, bias: offset, volatile, arena: inArena(type), bits: undefined };
}

/** The place when it is read through a pointer to a type of this alignment. */
function claim(place: Place, align: number): Place {
  return align > alignOfPlace(place) ? { ...place, align, bias: place.offset } : place;
}

export function placeOfVariable(fn: FunctionState, variable: VariableDecl): Place {
  const volatile = isVolatile(variable.type);
  if (variable.storage === 'local' || variable.storage === 'param') {
    return plain(slotOf(fn, variable), alignOfLocal(variable), volatile);
  }
  const owner = variable.storage === 'static-local' ? fn.decl.name : undefined;
  const global = fn.unit.globalOf(variable, owner);
  return { ...plain(global, global.align, volatile), arena: inArena(variable.type) };
}

/** The stack memory of a local, made when it is first mentioned. */
export function slotOf(fn: FunctionState, variable: VariableDecl): Value {
  let slot = fn.slots.get(variable);
  if (slot === undefined) {
    const size = sizeOf(variable.type);
    if (size === undefined) fn.unit.diagnostics.add(incompleteObject(variable.name, variable.span));
    const align = alignOfLocal(variable);
    slot = fn.b.alloca(roomOf(size), align, variable.name, fn.unit.notesVariables ? variableOf(variable) : undefined);
    fn.slots.set(variable, slot);
  }
  return slot;
}

function alignOfLocal({ type, attributes }: VariableDecl): number {
  return Math.max(stackAlignOf(type), attributes.align ?? 1);
}

/** Memory of its own for a value of the type. */
export function temporary(fn: FunctionState, type: CType, name: string): Place {
  const align = stackAlignOf(type);
  return plain(fn.b.alloca(roomOf(sizeOf(type)), align, name), align, false);
}

/** Even an object without bytes has an address inside of the frame: helpers are given it with size 0. */
function roomOf(size: number | undefined): number {
  return Math.max(1, size ?? 0);
}

export function plain(base: Value, align: number, volatile: boolean): Place {
  return { base, offset: 0, align, bias: 0, volatile, arena: false, bits: undefined };
}

/** A cast of a pointer between the arena and everything else. */
export function changesSpace(e: CastExpr): boolean {
  return inArena(pointee(e.type) ?? e.type) !== inArena(pointee(e.operand.type) ?? e.operand.type);
}

/** The base as accesses take it. */
export function accessibleBase(fn: FunctionState, place: Place): Value {
  return place.arena ? fn.b.convert('cast_kern', 'ptr', place.base) : place.base;
}

/** The place's address as accesses take it. */
export function accessibleAddress(fn: FunctionState, place: Place): Value {
  return fn.b.advance(accessibleBase(fn, place), place.offset);
}

/** The place's address as a value. */
export function addressOf(fn: FunctionState, place: Place): Value {
  return fn.b.advance(place.base, place.offset);
}

export function alignOfPlace(place: Place): number {
  return alignAt(place.align, place.offset - place.bias);
}

function memberOf(outer: Place, e: MemberExpr): Place {
  const volatile = outer.volatile || isVolatile(e.type);
  const { field } = e;
  if (field.bitWidth === undefined) {
    const inUnion = outer.inUnion || e.record.union;
    return { ...outer, offset: outer.offset + (field.bitOffset >> 3), volatile, inUnion };
  }
  const bits = bitUnit(field.bitOffset, field.bitWidth, sizeOf(field.type) ?? 4, complete(e.record)?.size ?? 0);
  return { ...outer, offset: outer.offset + bits.byte, volatile, bits };
}

/**
 * The bytes through which a bit-field is read and written: a unit of its declared type where that lies inside of the
 * record, else the fewest bytes that hold it.
 */
export function bitUnit(
  bitOffset: number,
  width: number,
  declared: number,
  recordSize: number,
): BitPlace & { readonly byte: number } {
  const first = Math.floor(bitOffset / 8 / declared) * declared;
  if (bitOffset + width <= (first + declared) * 8 && first + declared <= recordSize) {
    return { byte: first, unit: declared, shift: bitOffset - first * 8, width };
  }
  const byte = bitOffset >> 3;
  const shift = bitOffset & 7;
  return { byte, unit: Math.ceil((shift + width) / 8), shift, width };
}

function lowerIndex(fn: FunctionState, e: IndexExpr): Place {
  const { b } = fn;
  const subscript = staticNumber(fn.unit, e.subscript);
  if (e.ofArray && relocates(fn, e)) return relocatedPlace(fn, e);
  const base = e.ofArray ? lowerPlace(fn, e.base) : pointedTo(fn, e.base, pointee(e.base.type) ?? e.type);
  const volatile = base.volatile || isVolatile(e.type);
  if (subscript !== undefined && fitsOffset(base.offset + Number(subscript) * e.scale)) {
    return { ...base, offset: base.offset + Number(subscript) * e.scale, volatile };
  }
  const distance = b.arithmetic('mul', b.resize(lowerValue(fn, e.subscript), 'i64', true), constant('i64', e.scale));
  // The variable part goes to the base, the constant part stays in the load.
  return { ...base, base: b.advance(base.base, distance), align: alignAt(base.align, e.scale), volatile };
}

/** Offsets of loads and stores have 16 bits; what is further away is added to the address. */
function fitsOffset(offset: number): boolean {
  return offset >= -0x8000 && offset < 0x7fff;
}

/** Reads a scalar. */
export function load(fn: FunctionState, place: Place, type: CType): Value {
  const ir = irTypeOf(type);
  if (place.bits !== undefined) return loadBits(fn, place, place.bits, type);
  if (ir === undefined || ir === 'void') return NULL;
  return fn.b.load(ir, accessibleBase(fn, place), accessOf(place, sizeOf(type)!));
}

/** Writes a scalar of the place's type. */
export function store(fn: FunctionState, place: Place, type: CType, value: Value): void {
  if (place.bits !== undefined) storeBits(fn, place, place.bits, value);
  else fn.b.store(value, accessibleBase(fn, place), accessOf(place, sizeOf(type) ?? 8));
}

/** Copies an object that has no register type. */
export function copy(fn: FunctionState, target: Place, source: Place, type: CType): void {
  const size = sizeOf(type) ?? 0;
  if (size === 0) return;
  const align = Math.min(alignOfPlace(target), alignOfPlace(source));
  fn.b.memcpy(accessibleAddress(fn, target), accessibleAddress(fn, source), size, {
    align,
    volatile: target.volatile || source.volatile,
  });
}

function accessOf(place: Place, size: number) {
  const { offset, volatile } = place;
  return { offset, align: Math.min(size, alignOfPlace(place)), volatile, typed: !place.inUnion && !volatile };
}

function loadBits(fn: FunctionState, place: Place, bits: BitPlace, type: CType): Value {
  const { b } = fn;
  const unit = loadUnit(fn, place, bits);
  const unitType = unit.type;
  const size = unitType === 'i64' ? 64 : unitType === 'i32' ? 32 : unitType === 'i16' ? 16 : 8;
  const signed = isSigned(type);
  let value = unit.value;
  if (signed) {
    value = b.arithmetic('shl', value, constant(unitType, size - bits.shift - bits.width));
    value = b.arithmetic('ashr', value, constant(unitType, size - bits.width));
  } else {
    value = b.arithmetic('lshr', value, constant(unitType, bits.shift));
    if (bits.shift + bits.width < size) {
      value = b.arithmetic('and', value, constant(unitType, (1n << BigInt(bits.width)) - 1n));
    }
  }
  return b.resize(value, irTypeOf(type) as ScalarType, signed);
}

function storeBits(fn: FunctionState, place: Place, bits: BitPlace, value: Value): void {
  const { b } = fn;
  const unit = loadUnit(fn, place, bits);
  const mask = ((1n << BigInt(bits.width)) - 1n) << BigInt(bits.shift);
  const wide = b.resize(value, unit.type, false);
  const moved = b.arithmetic(
    'and',
    b.arithmetic('shl', wide, constant(unit.type, bits.shift)),
    constant(unit.type, mask),
  );
  const rest = b.arithmetic('and', unit.value, constant(unit.type, ~mask));
  const merged = b.arithmetic('or', rest, moved);
  const whole = INT_OF_SIZE[bits.unit];
  if (whole !== undefined) {
    b.store(merged, accessibleBase(fn, place), accessOf(place, bits.unit));
    return;
  }
  for (let i = 0; i < bits.unit; i++) {
    const byte = b.resize(b.arithmetic('lshr', merged, constant('i64', i * 8)), 'i8', false);
    b.store(byte, accessibleBase(fn, place), { offset: place.offset + i, align: 1, volatile: place.volatile });
  }
}

/** The unit as one number: units of 3, 5, 6 or 7 bytes are put together from bytes. */
function loadUnit(fn: FunctionState, place: Place, bits: BitPlace): { value: Value; type: ScalarType } {
  const { b } = fn;
  const whole = INT_OF_SIZE[bits.unit];
  if (whole !== undefined)
    return { value: b.load(whole, accessibleBase(fn, place), accessOf(place, bits.unit)), type: whole };
  if (bits.unit > 8) fn.unit.diagnostics.add(wideInteger('a bit-field', b.span!));
  let value: Value = constant('i64', 0);
  for (let i = 0; i < Math.min(8, bits.unit); i++) {
    const byte = b.load('i8', accessibleBase(fn, place), {
      offset: place.offset + i,
      align: 1,
      volatile: place.volatile,
    });
    value = b.arithmetic('or', value, b.arithmetic('shl', b.resize(byte, 'i64', false), constant('i64', i * 8)));
  }
  return { value, type: 'i64' };
}
