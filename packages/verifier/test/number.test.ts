import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, JMP, refine } from '../src/number/branch.ts';
import { repair, sync } from '../src/number/range.ts';
import { arithmetic, OP } from '../src/number/scalar.ts';
import { known, type Reg, unknown } from '../src/state/reg.ts';

const big = (l: number, h: number): bigint => (BigInt(h >>> 0) << 32n) | BigInt(l >>> 0);
const low = (n: bigint): number => Number(BigInt.asIntN(32, n));
const high = (n: bigint): number => Number(BigInt.asIntN(32, n >> 32n));
const u64 = (n: bigint): bigint => BigInt.asUintN(64, n);
const s64 = (n: bigint): bigint => BigInt.asIntN(64, n);

/** Everything that is said of a register is true of the number. */
function holds(r: Reg, n: bigint): boolean {
  const v = u64(n);
  const w = Number(BigInt.asUintN(32, v));
  const t = Number(BigInt.asIntN(32, v));
  return (
    (v & u64(~big(r.ml, r.mh))) === big(r.vl, r.vh) &&
    big(r.unl, r.unh) <= v &&
    v <= big(r.uxl, r.uxh) &&
    s64(big(r.snl, r.snh)) <= s64(v) &&
    s64(v) <= s64(big(r.sxl, r.sxh)) &&
    r.wn >>> 0 <= w &&
    w <= r.wx >>> 0 &&
    r.tn <= t &&
    t <= r.tx
  );
}

const number = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.bigInt({ min: 0n, max: 300n }),
  fc.constantFrom(
    0n,
    1n,
    0x7fffffffn,
    0x80000000n,
    0xffffffffn,
    0x100000000n,
    0x7fffffffffffffffn,
    0x8000000000000000n,
    (1n << 64n) - 1n,
  ),
);

const ordered = (a: bigint, b: bigint): readonly [bigint, bigint] => (a < b ? [a, b] : [b, a]);

/** A register with ranges around a number. */
const register = fc
  .record({ value: number, other: number, mask: number, how: fc.integer({ min: 0, max: 3 }) })
  .map(({ value, other, mask, how }) => {
    if (how === 0) return { value, reg: known(low(value), high(value)) };
    const r = unknown();
    if (how === 1) {
      const [least, most] = ordered(value, other);
      r.unl = low(least);
      r.unh = high(least);
      r.uxl = low(most);
      r.uxh = high(most);
    } else if (how === 2) {
      const [least, most] = ordered(s64(value), s64(other));
      r.snl = low(least);
      r.snh = high(least);
      r.sxl = low(most);
      r.sxh = high(most);
    } else {
      r.ml = low(mask);
      r.mh = high(mask);
      r.vl = low(value & u64(~mask));
      r.vh = high(value & u64(~mask));
    }
    sync(r);
    return { value, reg: r };
  });

const COMPUTE: Record<number, (a: bigint, b: bigint, bits: bigint) => bigint> = {
  [OP.add]: (a, b) => a + b,
  [OP.sub]: (a, b) => a - b,
  [OP.mul]: (a, b) => a * b,
  [OP.and]: (a, b) => a & b,
  [OP.or]: (a, b) => a | b,
  [OP.xor]: (a, b) => a ^ b,
  [OP.lsh]: (a, b, bits) => a << (b & (bits - 1n)),
  [OP.rsh]: (a, b, bits) => a >> (b & (bits - 1n)),
  [OP.arsh]: (a, b, bits) => BigInt.asIntN(Number(bits), a) >> (b & (bits - 1n)),
};

describe('what is known of numbers', () => {
  it('stays true when ranges tighten each other', () => {
    fc.assert(
      fc.property(register, ({ value, reg }) => holds(reg, value)),
      { numRuns: 2000 },
    );
  });

  it('is true of every result of arithmetic', () => {
    const op = fc.constantFrom(...Object.keys(COMPUTE).map(Number));
    fc.assert(
      fc.property(register, register, op, fc.boolean(), (a, b, which, wide) => {
        const bits = wide ? 64n : 32n;
        const x = wide ? a.value : BigInt.asUintN(32, a.value);
        const y = wide ? b.value : BigInt.asUintN(32, b.value);
        const result = BigInt.asUintN(Number(bits), COMPUTE[which]!(x, y, bits));
        const d = a.reg.clone();
        arithmetic(d, which, b.reg, wide);
        return holds(d, result);
      }),
      { numRuns: 5000 },
    );
  });

  const TAKEN: Record<number, (a: bigint, b: bigint, bits: number) => boolean> = {
    [JMP.eq]: (a, b) => a === b,
    [JMP.ne]: (a, b) => a !== b,
    [JMP.gt]: (a, b) => a > b,
    [JMP.ge]: (a, b) => a >= b,
    [JMP.lt]: (a, b) => a < b,
    [JMP.le]: (a, b) => a <= b,
    [JMP.set]: (a, b) => (a & b) !== 0n,
    [JMP.sgt]: (a, b, n) => BigInt.asIntN(n, a) > BigInt.asIntN(n, b),
    [JMP.sge]: (a, b, n) => BigInt.asIntN(n, a) >= BigInt.asIntN(n, b),
    [JMP.slt]: (a, b, n) => BigInt.asIntN(n, a) < BigInt.asIntN(n, b),
    [JMP.sle]: (a, b, n) => BigInt.asIntN(n, a) <= BigInt.asIntN(n, b),
  };

  it('is true on the way that a comparison takes', () => {
    const op = fc.constantFrom(...Object.keys(TAKEN).map(Number));
    fc.assert(
      fc.property(register, register, op, fc.boolean(), (a, b, which, wide) => {
        const bits = wide ? 64 : 32;
        const taken = TAKEN[which]!(BigInt.asUintN(bits, a.value), BigInt.asUintN(bits, b.value), bits);
        const way = decide(a.reg, b.reg, which, wide);
        if (way >= 0) return (way === 1) === taken;
        const [ta, tb, fa, fb] = [a.reg.clone(), b.reg.clone(), a.reg.clone(), b.reg.clone()];
        refine(ta, tb, fa, fb, which, wide);
        return taken ? holds(ta, a.value) && holds(tb, b.value) : holds(fa, a.value) && holds(fb, b.value);
      }),
      { numRuns: 5000 },
    );
  });

  it('knows nothing where ranges are empty', () => {
    const r = known(5);
    r.unl = 9;
    repair(r);
    expect([r.unl, r.uxl, r.tx]).toEqual([0, -1, 2147483647]);
  });
});
