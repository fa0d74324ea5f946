import { Random } from '../../../../test/support/random.mjs';
import { createFunc, createParam, FunctionBuilder } from '../../src/ir/build.ts';
import { typeOf } from '../../src/ir/constant.ts';
import type { BinaryOp, CompareOp, Func, ScalarType, Value } from '../../src/ir/ir.ts';

export const INPUTS = 10;
export const OUTPUTS = 8;
/** Bytes: the inputs, 8 each, then the outputs. */
export const CONTEXT_SIZE = 8 * (INPUTS + OUTPUTS);

export interface RandomOptions {
  readonly seed: number;
  /** How many pieces of code to put one after the other. */
  readonly pieces: number;
  /** Atomics that fetch, too (v3). */
  readonly atomics: boolean;
  /** Calls, which take r0 to r5 away from everybody. */
  readonly calls: boolean;
}

/** A function that computes something arbitrary from a context: loops and branches end, memory accesses lie inside. */
export function randomFunction(options: RandomOptions): Func {
  const source = new Random(options.seed);
  const random = () => source.fraction();
  const below = (n: number) => source.below(n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const ctx = createParam('ptr', 'ctx', 'context');
  const func = createFunc('f', { params: [ctx], result: 'i64', linkage: 'global', section: 'syscall' });
  const b = new FunctionBuilder(func);
  const types: ScalarType[] = ['i8', 'i16', 'i32', 'i32', 'i32', 'i64', 'i64'];
  const bits = { i1: 1, i8: 8, i16: 16, i32: 32, i64: 64, ptr: 64 } as const;
  let pool: Value[] = [];
  const stack = b.alloca(32, 8, 'stack');
  b.memset(stack, b.int('i8', below(256)), 32, 8);
  for (let i = 0; i < INPUTS; i++) pool.push(b.load('i64', ctx, { offset: 8 * i }));

  // Atomics get memory of their own, of which the verifier knows nothing: Linux 6.18 does not follow a known number
  // through a fetching atomic (backtrack_insn ignores that it reads), and removes branches that are taken.
  const counters = b.alloca(32, 8, 'counters');
  for (let i = 0; i < 4; i++) b.store(pool[i]!, counters, { offset: 8 * i });

  const number = (type: ScalarType): Value => {
    const edge = [0n, 1n, -1n, 2n, 7n, 127n, -128n, 255n, 0x7fffn, 0x7fffffffn, -0x80000000n, 0x80000000n, 0xffffffffn];
    const any = random() < 0.7 ? pick(edge) : BigInt(below(2 ** 31)) * BigInt(below(2 ** 31)) - (1n << 60n);
    return b.int(type, any);
  };
  const value = (type: ScalarType): Value => {
    if (random() < 0.15) return number(type);
    const same = pool.filter((one) => typeOf(one) === type);
    if (same.length > 0 && random() < 0.8) return same[Math.max(0, same.length - 1 - below(random() < 0.5 ? 4 : 40))]!;
    const from = pick(pool);
    const at = typeOf(from) as ScalarType;
    if (bits[at] === bits[type]) return from;
    const made = b.cast(bits[at] > bits[type] ? 'trunc' : random() < 0.5 && at !== 'i1' ? 'sext' : 'zext', type, from);
    pool.push(made);
    return made;
  };
  const condition = (): Value => {
    const type = pick(types);
    const ops: CompareOp[] = ['eq', 'ne', 'ult', 'ule', 'ugt', 'uge', 'slt', 'sle', 'sgt', 'sge'];
    const made = b.compare(pick(ops), value(type), value(type));
    return random() < 0.1 ? b.binary('xor', made, b.int('i1', 1)) : made;
  };
  const arithmetic = () => {
    const type = pick(types);
    const ops: BinaryOp[] = [
      'add',
      'sub',
      'mul',
      'udiv',
      'sdiv',
      'urem',
      'srem',
      'and',
      'or',
      'xor',
      'shl',
      'lshr',
      'ashr',
      'add',
      'sub',
    ];
    const op = pick(ops);
    let right = value(type);
    // Division of the smallest number by -1 traps on some machines; C does not define it.
    if ((op === 'sdiv' || op === 'srem') && random() < 0.9) right = number(type);
    if ((op === 'sdiv' || op === 'srem') && (right.kind !== 'const' || right.value === -1n)) right = b.int(type, 3);
    if ((op === 'shl' || op === 'lshr' || op === 'ashr') && random() < 0.5) right = b.int(type, below(bits[type]));
    pool.push(b.binary(op, value(type), right));
  };
  const memory = () => {
    const type = pick(types);
    const size = bits[type] / 8;
    const offset = below(32 / size) * size;
    const address = random() < 0.3 ? b.ptradd(stack, offset) : stack;
    const at = address === stack ? offset : 0;
    if (random() < 0.5) b.store(value(type), address, { offset: at });
    else pool.push(b.load(type, address, { offset: at }));
  };
  const atomic = () => {
    const type = random() < 0.5 ? 'i32' : 'i64';
    const address = b.ptradd(counters, 8 * below(4));
    if (!options.atomics) {
      b.atomic('add', address, value(type), false);
      return;
    }
    const op = pick(['add', 'or', 'and', 'xor', 'xchg', 'cmpxchg'] as const);
    const fetch = random() < 0.6;
    const made = b.atomic(op, address, value(type), fetch, op === 'cmpxchg' ? value(type) : undefined);
    if (made.type !== 'void') pool.push(made);
  };
  const diamond = (depth: number) => {
    const yes = b.createBlock();
    const no = b.createBlock();
    const join = b.createBlock();
    const count = 1 + below(3);
    const wanted = Array.from({ length: count }, () => pick(types));
    const params = wanted.map((type) => b.param(join, type));
    b.branch(condition(), yes, no, pick([true, false, undefined]));
    const before = pool;
    for (const side of [yes, no]) {
      b.enter(side);
      pool = [...before];
      for (let i = below(3); i > 0; i--) piece(depth + 1);
      b.jump(join, wanted.map(value));
    }
    pool = [...before, ...params];
    b.enter(join);
  };
  const loop = (depth: number) => {
    const head = b.createBlock();
    const body = b.createBlock();
    const exit = b.createBlock();
    const i = b.param(head, 'i32');
    const wanted = Array.from({ length: 1 + below(3) }, () => pick(types));
    const carried = wanted.map((type) => b.param(head, type));
    b.jump(head, [b.int('i32', 0), ...wanted.map(value)]);
    b.enter(head);
    const before = [...pool, i, ...carried];
    pool = [...before];
    b.branch(b.compare('ult', i, b.int('i32', 1 + below(4))), body, exit);
    b.enter(body);
    for (let n = below(3); n > 0; n--) piece(depth + 1);
    // Values change places on the way back.
    const next =
      random() < 0.4
        ? [...carried].reverse().map((one, k) => (typeOf(one) === wanted[k] ? one : value(wanted[k]!)))
        : wanted.map(value);
    b.jump(head, [b.binary('add', i, b.int('i32', 1)), ...next]);
    pool = before;
    b.enter(exit);
  };
  const choice = () => {
    const type = pick(['i32', 'i64', 'i8'] as const);
    const join = b.createBlock();
    const result = b.param(join, type);
    const keys = [...new Set(Array.from({ length: 1 + below(8) }, () => BigInt(below(20) - 4)))];
    const cases = keys.map((key) => ({ value: key, block: b.createBlock() }));
    const otherwise = b.createBlock();
    b.switch(value(type), cases, otherwise);
    const before = pool;
    for (const block of [...cases.map((one) => one.block), otherwise]) {
      b.enter(block);
      pool = [...before];
      arithmetic();
      b.jump(join, [value(type)]);
    }
    pool = [...before, result];
    b.enter(join);
  };
  const piece = (depth: number) => {
    const kind = random();
    if (kind < 0.5) arithmetic();
    else if (kind < 0.62) memory();
    else if (kind < 0.68) atomic();
    else if (kind < 0.72 && options.calls)
      b.call({ kind: 'helper', id: 8, name: 'bpf_get_smp_processor_id' }, [], 'void');
    else if (kind < 0.77) {
      const type = pick(types);
      pool.push(
        b.emit({ kind: 'select', type, condition: condition(), a: value(type), b: value(type), span: undefined }),
      );
    } else if (kind < 0.8) pool.push(b.bswap(value(pick(['i16', 'i32', 'i64'] as const))));
    else if (kind < 0.83) pool.push(b.cast('zext', 'i32', condition()));
    else if (kind < 0.86) pool.push(b.barrier(value(pick(types))));
    else if (depth < 2 && kind < 0.93) diamond(depth);
    else if (depth < 1 && kind < 0.97) loop(depth);
    else if (depth < 1) choice();
    else arithmetic();
  };
  for (let i = 0; i < options.pieces; i++) piece(0);
  for (let i = 0; i < OUTPUTS; i++) {
    const one = i < 4 ? pool[pool.length - 1 - i]! : pick(pool);
    b.store(b.resize(one, 'i64', false), ctx, { offset: 8 * (INPUTS + i) });
  }
  b.return(value('i64'));
  return func;
}
