import { constant } from '../../ir/constant.ts';
import type { Value } from '../../ir/ir.ts';
import type { BuiltinExpr } from '../ast.ts';

import type { Emitter } from './emitter.ts';
import { lowerValue } from './expression.ts';
import type { FunctionState } from './state.ts';
import { irTypeOf, isSigned } from './types.ts';

/** `__builtin_popcount`, `ctz`, `clz`, `ffs`, `parity` and `abs`, for which eBPF has no instructions: without branches. */
export function lowerBits(fn: FunctionState, e: BuiltinExpr): Value {
  const { b } = fn;
  const [arg] = e.args as [BuiltinExpr];
  const x = b.resize(lowerValue(fn, arg), 'i64', isSigned(arg.type));
  const narrow = irTypeOf(arg.type) !== 'i64';
  const result = bits(b, e.name, x, narrow);
  const type = irTypeOf(e.type);
  return b.resize(result, type === 'i64' ? 'i64' : 'i32', false);
}

function bits(b: Emitter, name: BuiltinExpr['name'], x: Value, narrow: boolean): Value {
  switch (name) {
    case 'abs': {
      const sign = b.arithmetic('ashr', x, number(63n));
      return b.arithmetic('sub', b.arithmetic('xor', x, sign), sign);
    }
    case 'parity':
      return b.arithmetic('and', population(b, x), number(1n));
    case 'ctz':
      return population(b, below(b, x));
    case 'ffs':
      return b.arithmetic(
        'and',
        population(b, b.arithmetic('xor', x, b.arithmetic('sub', x, number(1n)))),
        isSet(b, x),
      );
    case 'clz': {
      let filled = x;
      for (let by = 1n; by < 64n; by *= 2n)
        filled = b.arithmetic('or', filled, b.arithmetic('lshr', filled, number(by)));
      return b.arithmetic('sub', number(narrow ? 32n : 64n), population(b, filled));
    }
    default:
      return population(b, x);
  }
}

/** The bits below the lowest one that is set. */
function below(b: Emitter, x: Value): Value {
  return b.arithmetic('and', b.arithmetic('xor', x, number(-1n)), b.arithmetic('sub', x, number(1n)));
}

/** All ones when the number is not zero, else zero. */
function isSet(b: Emitter, x: Value): Value {
  const either = b.arithmetic('or', x, b.arithmetic('sub', number(0n), x));
  return b.arithmetic('ashr', either, number(63n));
}

/** Counts in pairs, in fours, in bytes; the product gathers the bytes in the highest one. */
function population(b: Emitter, x: Value): Value {
  const and = (value: Value, mask: bigint) => b.arithmetic('and', value, number(mask));
  const right = (value: Value, by: bigint) => b.arithmetic('lshr', value, number(by));
  const pairs = b.arithmetic('sub', x, and(right(x, 1n), 0x5555_5555_5555_5555n));
  const fours = b.arithmetic('add', and(pairs, 0x3333_3333_3333_3333n), and(right(pairs, 2n), 0x3333_3333_3333_3333n));
  const bytes = and(b.arithmetic('add', fours, right(fours, 4n)), 0x0f0f_0f0f_0f0f_0f0fn);
  return right(b.arithmetic('mul', bytes, number(0x0101_0101_0101_0101n)), 56n);
}

function number(value: bigint): Value {
  return constant('i64', value);
}
