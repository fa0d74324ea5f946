import { bytesOf, typeOf } from '../ir/constant.ts';
import type { LoadInst, ScalarType, StoreInst, Value } from '../ir/ir.ts';

/**
 * Whether two accesses certainly have no byte in common: parts of one object, elements of one array, or a variable and
 * what C says cannot be in it, an object of another type.
 */
export function areApart(a: LoadInst | StoreInst, b: LoadInst | StoreInst): boolean {
  const x = placeOf(a);
  const y = placeOf(b);
  if (x.root !== y.root) return areOtherElements(x, y) || areOtherTypes(a, b);
  return x.start + x.size <= y.start || y.start + y.size <= x.start;
}

/** Only where one is in a variable, whose type is known: what pointers lead to is often read as something else. */
function areOtherTypes(a: LoadInst | StoreInst, b: LoadInst | StoreInst): boolean {
  if (!a.typed || !b.typed || isVariable(a.address) === isVariable(b.address)) return false;
  const types = [a, b].map((one) => (one.kind === 'load' ? one.type : typeOf(one.value)));
  return types[0] !== types[1] && !types.includes('i8');
}

function isVariable(address: Value): boolean {
  let at = address;
  while (at.kind === 'ptradd' || (at.kind === 'cast' && at.op === 'cast_kern')) {
    at = at.kind === 'ptradd' ? at.base : at.value;
  }
  return at.kind === 'global';
}

interface Place {
  /** Never a constant addition. */
  readonly root: Value;
  readonly start: number;
  readonly size: number;
}

function placeOf(inst: LoadInst | StoreInst): Place {
  let root = inst.address;
  let start = inst.offset;
  while (root.kind === 'ptradd' && root.offset.kind === 'const') {
    start += Number(root.offset.value);
    root = root.base;
  }
  const type = inst.kind === 'load' ? inst.type : typeOf(inst.value);
  return { root, start, size: bytesOf(type as ScalarType) };
}

/** `p[i + 1]` and `p[i + 2]`: even if the sums wrap, they are different numbers. */
function areOtherElements(x: Place, y: Place): boolean {
  const a = elementOf(x);
  const b = elementOf(y);
  if (a === undefined || b === undefined) return false;
  const same = a.base === b.base && a.shift === b.shift && a.extension === b.extension && a.index === b.index;
  const step = 1 << a.shift;
  return same && a.plus !== b.plus && x.start === y.start && x.size <= step && y.size <= step;
}

/** `base + (extension(index + plus) << shift)` */
function elementOf({ root }: Place) {
  if (root.kind !== 'ptradd') return undefined;
  const { base, offset } = root;
  if (offset.kind !== 'binary' || offset.op !== 'shl' || offset.b.kind !== 'const') return undefined;
  const shift = Number(offset.b.value);
  const extended = offset.a;
  // 32 bits and the shift have room in 64.
  if (shift > 16 || extended.kind !== 'cast' || (extended.op !== 'sext' && extended.op !== 'zext')) return undefined;
  const number = extended.value;
  if (typeOf(number) !== 'i32') return undefined;
  const sum = number.kind === 'binary' && number.op === 'add' && number.b.kind === 'const' ? number : undefined;
  const plus = sum?.b.kind === 'const' ? sum.b.value : 0n;
  return { base, shift, extension: extended.op, index: sum?.a ?? number, plus };
}
