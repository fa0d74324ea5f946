import { type BranchTerminator, invertBranch } from '../ir/build.ts';
import {
  bitsOf,
  constant,
  evaluateBinary,
  evaluateByteSwap,
  evaluateCast,
  evaluateCompare,
  FALSE,
  INVERSE,
  isSpaceCast,
  SWAPPED,
  sameValue,
  TRUE,
  typeOf,
  unsignedOf,
} from '../ir/constant.ts';
import { reversePostOrder } from '../ir/graph.ts';
import type {
  BinaryInst,
  BinaryOp,
  CastInst,
  CompareInst,
  CompareOp,
  Const,
  Func,
  Inst,
  Param,
  ScalarType,
  Value,
} from '../ir/ir.ts';
import { countUses, isLocal, mapOperands, replaceValues, resolve } from '../ir/uses.ts';
import { constantContents } from './globals.ts';
import { isNonNegative, usedBits } from './known.ts';
import { simplifyAddress } from './simplify-address.ts';

/**
 * Local rewriting: constants, identities, chains of casts, compares of booleans. Only rewrites that a verifier follows
 * as well as the source: a compare stays on the value that it bounds, and two compares are never made one.
 */
export function simplifyInstructions(func: Func): boolean {
  const simplifier = new Simplifier(countUses(func));
  let changed = false;
  for (const block of reversePostOrder(func)) {
    const kept: Inst[] = [];
    for (const inst of block.insts) {
      mapOperands(inst, simplifier.resolved);
      const value = simplifier.simplify(inst, kept);
      if (value === undefined) {
        kept.push(inst);
      } else {
        changed = true;
        if (value !== inst) simplifier.replacements.set(inst, value);
      }
    }
    block.insts = kept;
    mapOperands(block.term, simplifier.resolved);
    const condition = block.term.kind === 'branch' ? negated(block.term.condition) : undefined;
    if (condition !== undefined) {
      block.term = invertBranch(block.term as BranchTerminator, condition);
      changed = true;
    }
  }
  replaceValues(func, simplifier.replacements);
  return changed || simplifier.mutated;
}

export class Simplifier {
  readonly replacements = new Map<Value, Value>();
  /** An instruction was changed in place. */
  mutated = false;
  readonly resolved = (value: Value): Value => (isLocal(value) ? resolve(this.replacements, value) : value);
  private readonly uses: Map<Inst | Param, number>;
  private into: Inst[] = [];
  private at: Inst | undefined;
  private depth = 0;

  constructor(uses: Map<Inst | Param, number>) {
    this.uses = uses;
  }

  /** The value to use instead, for which new instructions may have been put into `into`; undefined to keep it. */
  simplify(inst: Inst, into: Inst[]): Value | undefined {
    this.into = into;
    this.at = inst;
    switch (inst.kind) {
      case 'binary':
        return this.binary(inst);
      case 'compare':
        return this.compare(inst);
      case 'cast':
        return this.cast(inst);
      case 'select':
        if (inst.condition.kind === 'const') return inst.condition.value === 1n ? inst.a : inst.b;
        return sameValue(inst.a, inst.b) ? inst.a : undefined;
      case 'bswap':
        if (inst.value.kind === 'const')
          return constant(inst.value.type, evaluateByteSwap(inst.value.type, inst.value.value));
        return inst.value.kind === 'bswap' ? inst.value.value : undefined;
      case 'load':
        simplifyAddress(inst, this);
        return constantContents(inst);
      case 'known':
        return inst.value.kind === 'const' ? TRUE : undefined;
      case 'memcpy':
      case 'memset':
        // An instruction that makes no value and is replaced by anything goes away.
        return inst.size === 0 ? FALSE : undefined;
      default:
        return simplifyAddress(inst, this);
    }
  }

  usedOnce(value: Value): boolean {
    return isLocal(value) && this.uses.get(value) === 1;
  }

  /** Puts a new instruction before the one that is looked at. */
  make<T extends Inst>(inst: T): Value {
    inst.span = this.at?.span;
    if (this.depth < MAX_DEPTH) {
      this.depth += 1;
      const value = this.rewrite(inst);
      this.depth -= 1;
      if (value !== undefined) return value;
    }
    this.into.push(inst);
    return inst as Value;
  }

  binaryOf(op: BinaryOp, a: Value, b: Value): Value {
    return this.make({ kind: 'binary', op, type: typeOf(a), a, b, span: undefined });
  }

  castOf(op: CastInst['op'], type: ScalarType, value: Value): Value {
    if (typeOf(value) === type) return value;
    return this.make({ kind: 'cast', op, type, value, span: undefined });
  }

  compareOf(op: CompareOp, a: Value, b: Value): Value {
    return this.make({ kind: 'compare', op, type: 'i1', a, b, span: undefined });
  }

  /** What was just made may itself be simple. */
  private rewrite(inst: Inst): Value | undefined {
    if (inst.kind === 'binary') return this.binary(inst);
    if (inst.kind === 'compare') return this.compare(inst);
    return inst.kind === 'cast' ? this.cast(inst) : undefined;
  }

  private binary(inst: BinaryInst): Value | undefined {
    const type = inst.type as ScalarType;
    if (COMMUTATIVE.has(inst.op) && inst.a.kind === 'const' && inst.b.kind !== 'const') {
      const { a } = inst;
      inst.a = inst.b;
      inst.b = a;
      this.mutated = true;
    }
    const { op, a, b } = inst;
    if (a.kind === 'const' && b.kind === 'const') return constant(type, evaluateBinary(op, type, a.value, b.value));
    if (b.kind === 'const') return this.binaryConst(inst, type, b);
    if (sameValue(a, b)) {
      if (op === 'and' || op === 'or') return a;
      if (op === 'xor' || op === 'sub') return constant(type, 0);
    }
    if (a.kind === 'const' && a.value === 0n && (SHIFTS.has(op) || DIVISIONS.has(op))) return a;
    if ((op === 'sdiv' || op === 'srem') && isNonNegative(a) && isNonNegative(b)) {
      return this.binaryOf(op === 'sdiv' ? 'udiv' : 'urem', a, b);
    }
    if (op === 'ashr' && isNonNegative(a)) return this.binaryOf('lshr', a, b);
    return undefined;
  }

  private binaryConst(inst: BinaryInst, type: ScalarType, b: Const): Value | undefined {
    const { op, a } = inst;
    const bits = bitsOf(type);
    const zero = b.value === 0n;
    const inner = a.kind === 'binary' && a.b.kind === 'const' ? a : undefined;
    switch (op) {
      case 'add':
        if (zero) return a;
        if (inner?.op === 'add' && this.usedOnce(inner)) return this.join('add', inner, b);
        return undefined;
      case 'sub':
        return zero ? a : this.binaryOf('add', a, constant(type, -b.value));
      case 'mul': {
        if (zero) return b;
        if (b.value === 1n) return a;
        const power = powerOfTwo(b);
        return power === undefined ? undefined : this.binaryOf('shl', a, constant(type, power));
      }
      case 'and': {
        if (zero) return b;
        const used = usedBits(a);
        const mask = unsignedOf(b);
        const covered = (1n << BigInt(used)) - 1n;
        // A mask that does nothing by what the instructions say does nothing for a verifier either.
        if ((mask & covered) === covered) return a;
        return inner?.op === 'and' ? this.join('and', inner, b) : undefined;
      }
      case 'or':
        if (zero) return a;
        if (b.value === constant(type, -1).value) return b;
        return inner?.op === 'or' && this.usedOnce(inner) ? this.join('or', inner, b) : undefined;
      case 'xor':
        if (zero) return a;
        if (type === 'i1' && a.kind === 'compare') return this.compareOf(INVERSE[a.op], a.a, a.b);
        if (inner?.op === 'xor') return this.join('xor', inner, b);
        return undefined;
      case 'shl':
      case 'lshr':
      case 'ashr': {
        const count = b.value & (bits === 64 ? 63n : 31n);
        if (count === 0n) return a;
        if (op !== 'ashr' && count >= BigInt(bits)) return constant(type, 0);
        if (op === 'ashr' && isNonNegative(a)) return this.binaryOf('lshr', a, b);
        if (op === 'lshr' && usedBits(a) <= Number(count)) return constant(type, 0);
        return undefined;
      }
      case 'udiv': {
        if (zero) return b;
        const power = powerOfTwo(b);
        return power === undefined ? undefined : this.binaryOf('lshr', a, constant(type, power));
      }
      case 'urem':
        if (zero) return a;
        if (powerOfTwo(b) === undefined) return undefined;
        return this.binaryOf('and', a, constant(type, unsignedOf(b) - 1n));
      case 'sdiv':
        if (zero) return b;
        if (b.value === 1n) return a;
        return b.value > 0n && isNonNegative(a) ? this.binaryOf('udiv', a, b) : undefined;
      case 'srem':
        if (zero) return a;
        if (b.value === 1n || b.value === -1n) return constant(type, 0);
        return b.value > 0n && isNonNegative(a) ? this.binaryOf('urem', a, b) : undefined;
    }
  }

  /** `(x op c) op d` to `x op (c op d)`. */
  private join(op: BinaryOp, inner: BinaryInst, b: Const): Value {
    const value = evaluateBinary(op, b.type, (inner.b as Const).value, b.value);
    return this.binaryOf(op, inner.a, constant(b.type, value));
  }

  private compare(inst: CompareInst): Value | undefined {
    if (isFixed(inst.a) && !isFixed(inst.b)) {
      // The constant goes to the right.
      return this.compareOf(SWAPPED[inst.op], inst.b, inst.a);
    }
    const { op, a, b } = inst;
    const type = typeOf(a) as ScalarType;
    if (a.kind === 'const' && b.kind === 'const') return evaluateCompare(op, type, a.value, b.value) ? TRUE : FALSE;
    if (sameValue(a, b) && a.kind !== 'undef') return REFLEXIVE.has(op) ? TRUE : FALSE;
    if (b.kind !== 'const') {
      // Numbers are equal before they are extended: what was loaded is compared as it is.
      if ((op === 'eq' || op === 'ne') && this.isSignExtended(a) && this.isSignExtended(b)) {
        if (typeOf(a.value) === typeOf(b.value)) return this.compareOf(op, a.value, b.value);
      }
      if (SIGNED.has(op) && isNonNegative(a) && isNonNegative(b)) return this.compareOf(UNSIGNED[op]!, a, b);
      return undefined;
    }
    if (type === 'ptr' && b.value === 0n) {
      // Memory of the program's own is never NULL; weak externs may be.
      const never =
        a.kind === 'alloca' ||
        ((a.kind === 'global' || a.kind === 'func') && a.linkage !== 'extern' && a.linkage !== 'weak');
      // Neither is what lies behind something else: a pointer to a member, or to the next element.
      const behind = a.kind === 'ptradd' && a.offset.kind === 'const' && a.offset.value > 0n;
      if ((never || behind) && (op === 'eq' || op === 'ne')) return op === 'ne' ? TRUE : FALSE;
    }
    if (type === 'i1' && (op === 'eq' || op === 'ne')) {
      return (op === 'eq') === (b.value === 1n) ? a : this.binaryOf('xor', a, TRUE);
    }
    const known = this.compareKnown(op, a, b, type);
    if (known !== undefined) return known;
    if (a.kind === 'cast' && a.op === 'zext' && typeOf(a.value) === 'i1') return this.compareBoolean(op, a.value, b);
    if (a.kind === 'cast' && a.op === 'sext' && (op === 'eq' || op === 'ne')) {
      // The register that was loaded is the one that is compared.
      const narrow = typeOf(a.value) as ScalarType;
      const fitting = constant(narrow, b.value);
      if (narrow !== 'i1')
        return fitting.value === b.value ? this.compareOf(op, a.value, fitting) : op === 'eq' ? FALSE : TRUE;
    }
    if (a.kind === 'cast' && a.op === 'sext' && UNSIGNED_ORDER.has(op) && b.value >= 0n) {
      // What is negative is above every such number, extended or not.
      const narrow = typeOf(a.value) as ScalarType;
      const fitting = constant(narrow, b.value);
      if (narrow !== 'i1' && fitting.value === b.value) return this.compareOf(op, a.value, fitting);
    }
    if (a.kind === 'cast' && a.op === 'ptrtoint' && (op === 'eq' || op === 'ne') && b.value === 0n) {
      return this.compareOf(op, a.value, constant('ptr', 0));
    }
    if (
      a.kind === 'binary' &&
      a.op === 'xor' &&
      a.b.kind === 'const' &&
      (op === 'eq' || op === 'ne') &&
      b.value === 0n
    ) {
      return this.compareOf(op, a.a, a.b);
    }
    if (a.kind === 'binary' && a.op === 'sub' && (op === 'eq' || op === 'ne') && b.value === 0n && this.usedOnce(a)) {
      return this.compareOf(op, a.a, a.b);
    }
    const below = b.value === 0n && (op === 'eq' || op === 'ne') ? upperBits(a, bitsOf(type)) : undefined;
    if (below !== undefined) {
      return this.compareOf(op === 'ne' ? 'ugt' : 'ule', (a as BinaryInst).a, constant(type, (1n << below) - 1n));
    }
    return undefined;
  }

  /** What the width of the left side already decides, and signed compares of what cannot be negative. */
  private compareKnown(op: CompareOp, a: Value, b: Const, type: ScalarType): Value | undefined {
    if (type === 'ptr') return undefined;
    const bits = bitsOf(type);
    if (SIGNED.has(op) && usedBits(a, true) < bits) {
      if (b.value >= 0n) return this.compareOf(UNSIGNED[op]!, a, b);
      return op === 'sgt' || op === 'sge' ? TRUE : FALSE;
    }
    const used = usedBits(a);
    const most = (1n << BigInt(used)) - 1n;
    const right = unsignedOf(b);
    if (op === 'ult' && right === 0n) return FALSE;
    if (op === 'uge' && right === 0n) return TRUE;
    if (right > most) {
      if (op === 'eq' || op === 'ugt' || op === 'uge') return FALSE;
      if (op === 'ne' || op === 'ult' || op === 'ule') return TRUE;
    }
    if (right === most) {
      if (op === 'ugt') return FALSE;
      if (op === 'ule') return TRUE;
    }
    if (op === 'ult' && right === 1n) return this.compareOf('eq', a, constant(type, 0));
    if (op === 'uge' && right === 1n) return this.compareOf('ne', a, constant(type, 0));
    if (op === 'ugt' && right === 0n) return this.compareOf('ne', a, b);
    if (op === 'ule' && right === 0n) return this.compareOf('eq', a, b);
    return undefined;
  }

  /** For nobody else. */
  private isSignExtended(value: Value): value is CastInst {
    return value.kind === 'cast' && value.op === 'sext' && typeOf(value.value) !== 'i1' && this.usedOnce(value);
  }

  private compareBoolean(op: CompareOp, value: Value, b: Const): Value | undefined {
    const type = b.type;
    const whenFalse = evaluateCompare(op, type, 0n, b.value);
    const whenTrue = evaluateCompare(op, type, 1n, b.value);
    if (whenFalse === whenTrue) return whenTrue ? TRUE : FALSE;
    return whenTrue ? value : this.binaryOf('xor', value, TRUE);
  }

  /** There and back is nothing; accesses to parts of one object share the cast of its address. */
  private arenaCast(op: 'cast_kern' | 'cast_user', value: Value): Value | undefined {
    if (value.kind === 'cast' && isSpaceCast(value.op) && value.op !== op) return value.value;
    if (value.kind !== 'ptradd') return undefined;
    if (op === 'cast_user') {
      let root = value.base;
      while (root.kind === 'ptradd') root = root.base;
      if (root.kind !== 'cast' || root.op !== 'cast_kern') return undefined;
    }
    const base = this.make({ kind: 'cast', op, type: 'ptr', value: value.base, span: undefined });
    return this.make({ kind: 'ptradd', type: 'ptr', base, offset: value.offset, span: undefined });
  }

  private cast(inst: CastInst): Value | undefined {
    const { op, value } = inst;
    const type = inst.type as ScalarType;
    const from = typeOf(value) as ScalarType;
    if (isSpaceCast(op)) return this.arenaCast(op, value);
    if (value.kind === 'const') return constant(type, evaluateCast(op, from, type, value.value));
    if (value.kind === 'undef')
      return op === 'trunc' || op === 'inttoptr' || op === 'ptrtoint' ? { kind: 'undef', type } : undefined;
    if (op === 'sext' && isNonNegative(value)) return this.castOf('zext', type, value);
    if (op === 'trunc' && value.kind === 'binary' && value.op === 'and' && value.b.kind === 'const') {
      const kept = (1n << BigInt(bitsOf(type))) - 1n;
      if ((unsignedOf(value.b) & kept) === kept) return this.castOf('trunc', type, value.a);
    }
    if (value.kind !== 'cast') return undefined;
    const origin = value.value;
    const start = typeOf(origin) as ScalarType;
    if (op === 'ptrtoint' && value.op === 'inttoptr') return origin;
    if (op === 'inttoptr' && value.op === 'ptrtoint') return origin;
    if (op === 'trunc' && (value.op === 'zext' || value.op === 'sext')) {
      if (bitsOf(start) === bitsOf(type)) return origin;
      return this.castOf(bitsOf(start) > bitsOf(type) ? 'trunc' : value.op, type, origin);
    }
    if (op === 'trunc' && value.op === 'trunc') return this.castOf('trunc', type, origin);
    if ((op === 'zext' || op === 'sext') && value.op === op) return this.castOf(op, type, origin);
    if (op === 'sext' && value.op === 'zext') return this.castOf('zext', type, origin);
    // 32 bits are one instruction by themselves (`w = w`); narrower ones are a mask.
    if (op === 'zext' && value.op === 'trunc' && start === type && from !== 'i32') {
      return this.binaryOf('and', origin, constant(type, (1n << BigInt(bitsOf(from))) - 1n));
    }
    if (op === 'zext' && value.op === 'trunc' && start === type && usedBits(origin) <= bitsOf(from)) return origin;
    return undefined;
  }
}

const MAX_DEPTH = 8;
const COMMUTATIVE: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['add', 'mul', 'and', 'or', 'xor']);
const SHIFTS: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['shl', 'lshr', 'ashr']);
const DIVISIONS: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['udiv', 'sdiv', 'urem', 'srem']);
const REFLEXIVE: ReadonlySet<CompareOp> = new Set<CompareOp>(['eq', 'ule', 'uge', 'sle', 'sge']);
const SIGNED: ReadonlySet<CompareOp> = new Set<CompareOp>(['slt', 'sle', 'sgt', 'sge']);
const UNSIGNED_ORDER: ReadonlySet<CompareOp> = new Set<CompareOp>(['ult', 'ule', 'ugt', 'uge']);
const UNSIGNED: Partial<Record<CompareOp, CompareOp>> = { slt: 'ult', sle: 'ule', sgt: 'ugt', sge: 'uge' };

function isFixed(value: Value): boolean {
  return value.kind === 'const' || value.kind === 'undef';
}

/**
 * `x >> n`, or `x & mask` of all bits from n on: the number n, where what is below fits into an instruction. As a bound of
 * `x` itself verifiers learn more from whether these bits are zero: `while (sum >> 16)` ends for them.
 */
function upperBits(value: Value, bits: number): bigint | undefined {
  if (bits < 32 || value.kind !== 'binary' || value.b.kind !== 'const') return undefined;
  let from: bigint | undefined;
  if (value.op === 'lshr' || value.op === 'ashr') {
    from = value.b.value & BigInt(bits - 1);
  } else if (value.op === 'and') {
    const above = powerOfTwo(constant(value.b.type, -value.b.value));
    from = value.b.value < 0n && above !== undefined ? BigInt(above) : undefined;
  }
  return from !== undefined && from > 0n && from < 32n ? from : undefined;
}

/** What `value` is the negation of. */
function negated(value: Value): Value | undefined {
  if (value.kind !== 'binary' || value.op !== 'xor' || value.type !== 'i1') return undefined;
  return value.b.kind === 'const' && value.b.value === 1n ? value.a : undefined;
}

function powerOfTwo(value: Const): number | undefined {
  const number = unsignedOf(value);
  return number > 0n && (number & (number - 1n)) === 0n ? number.toString(2).length - 1 : undefined;
}
