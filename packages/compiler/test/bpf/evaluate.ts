import {
  bitsOf,
  bytesOf,
  evaluateBinary,
  evaluateByteSwap,
  evaluateCast,
  evaluateCompare,
  normalise,
  typeOf,
} from '../../src/ir/constant.ts';
import type { Block, Func, Inst, ScalarType, Target, Value } from '../../src/ir/ir.ts';

/** Runs a function on its IR: one parameter, a context of `context.length` bytes. No calls but of helper 8 (CPU number). */
export function evaluate(func: Func, context: Uint8Array): bigint {
  const env = new Map<Value, bigint>();
  const memory: Uint8Array[] = [context];
  env.set(func.params[0]!, 1n << 32n);
  const read = (value: Value): bigint => {
    if (value.kind === 'const') return value.value;
    if (value.kind === 'undef') return 0n;
    const found = env.get(value);
    if (found === undefined) throw new Error(`${value.kind} is not computed`);
    return found;
  };
  const bytesAt = (address: bigint, size: number) => {
    const area = memory[Number(address >> 32n) - 1]!;
    const at = Number(address & 0xffffffffn);
    if (at + size > area.length) throw new Error('out of bounds');
    return new DataView(area.buffer, area.byteOffset + at, size);
  };
  const load = (type: ScalarType, address: bigint) => {
    const view = bytesAt(address, bytesOf(type));
    let out = 0n;
    for (let i = view.byteLength - 1; i >= 0; i--) out = (out << 8n) | BigInt(view.getUint8(i));
    return normalise(type, out);
  };
  const store = (type: ScalarType, address: bigint, value: bigint) => {
    const view = bytesAt(address, bytesOf(type));
    let rest = BigInt.asUintN(64, value);
    for (let i = 0; i < view.byteLength; i++, rest >>= 8n) view.setUint8(i, Number(rest & 0xffn));
  };
  const inst = (one: Inst): bigint | undefined => {
    const type = one.type as ScalarType;
    switch (one.kind) {
      case 'binary':
        return evaluateBinary(one.op, type, read(one.a), read(one.b));
      case 'compare':
        return evaluateCompare(one.op, typeOf(one.a) as ScalarType, read(one.a), read(one.b)) ? 1n : 0n;
      case 'cast':
        return evaluateCast(one.op, typeOf(one.value) as ScalarType, type, read(one.value));
      case 'select':
        return read(one.condition) !== 0n ? read(one.a) : read(one.b);
      case 'bswap':
        return evaluateByteSwap(type, read(one.value));
      case 'alloca':
        memory.push(new Uint8Array(one.size));
        return BigInt(memory.length) << 32n;
      case 'ptradd':
        return read(one.base) + read(one.offset);
      case 'load':
        return load(type, read(one.address) + BigInt(one.offset));
      case 'store':
        store(typeOf(one.value) as ScalarType, read(one.address) + BigInt(one.offset), read(one.value));
        return undefined;
      case 'atomic': {
        const width: ScalarType = one.width === 32 ? 'i32' : 'i64';
        const address = read(one.address);
        const old = load(width, address);
        const value = read(one.value);
        let next = value;
        if (one.op === 'cmpxchg') next = old === read(one.expected!) ? value : old;
        else if (one.op !== 'xchg') next = evaluateBinary(one.op, width, old, value);
        store(width, address, next);
        return old;
      }
      case 'memcpy': {
        const from = bytesAt(read(one.source), one.size);
        const to = bytesAt(read(one.target), one.size);
        const copy = Array.from({ length: one.size }, (_, i) => from.getUint8(i));
        for (const [i, byte] of copy.entries()) to.setUint8(i, byte);
        return undefined;
      }
      case 'memset': {
        const to = bytesAt(read(one.target), one.size);
        for (let i = 0; i < one.size; i++) to.setUint8(i, Number(BigInt.asUintN(8, read(one.value))));
        return undefined;
      }
      case 'call':
        return 0n;
      case 'core':
        return one.value;
      case 'barrier':
        return one.value === undefined ? undefined : read(one.value);
    }
  };
  let block: Block = func.blocks[0]!;
  const go = (target: Target) => {
    const values = target.args.map(read);
    for (const [i, param] of target.block.params.entries()) env.set(param, values[i]!);
    block = target.block;
  };
  for (let steps = 0; steps < 100_000; steps++) {
    for (const one of block.insts) {
      const value = inst(one);
      if (value !== undefined) env.set(one, value);
    }
    const { term } = block;
    if (term.kind === 'return') return BigInt.asUintN(bitsOf(func.result as ScalarType), read(term.value!));
    if (term.kind === 'jump') go(term.target);
    else if (term.kind === 'branch') go(read(term.condition) !== 0n ? term.then : term.else);
    else if (term.kind === 'switch') {
      const value = read(term.value);
      go(term.cases.find((one) => one.value === value)?.target ?? term.otherwise);
    } else throw new Error('unreachable code was reached');
  }
  throw new Error('does not end');
}
