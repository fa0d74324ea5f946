import type { BtfBuilder } from '@skep/object';
import { Random } from '../../../test/support/random.mjs';
import { createFunc, createParam, FunctionBuilder } from '../src/ir/build.ts';
import { bitsOf, bytesOf, constant, typeOf } from '../src/ir/constant.ts';
import type { BinaryOp, CompareOp, Func, Global, Module, ScalarType, Value } from '../src/ir/ir.ts';

const INTEGERS: readonly ScalarType[] = ['i8', 'i16', 'i32', 'i64'];
const OPS: readonly BinaryOp[] = [
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
];
const COMPARES: readonly CompareOp[] = ['eq', 'ne', 'ult', 'ule', 'ugt', 'uge', 'slt', 'sle', 'sgt', 'sge'];
const INTERESTING = [
  0n,
  1n,
  2n,
  3n,
  4n,
  7n,
  8n,
  10n,
  16n,
  31n,
  32n,
  63n,
  255n,
  256n,
  65535n,
  -1n,
  -2n,
  -128n,
  1n << 31n,
  1n << 63n,
];

/** Size of the buffer that pointer parameters point to. */
export const BUFFER_SIZE = 64;

/**
 * A module of functions as a front end would write them: variables in allocas, structured control flow with loops that
 * end, accesses inside of their memory, calls of helpers and of functions before. Everything is initialised before it is read.
 */
export function randomModule(seed: number, types: BtfBuilder, size = 60): Module {
  const random = new Random(seed);
  const globals: Global[] = [
    global('table', 32, random, true),
    global('state', 32, random, false),
    { ...global('fixed', 16, random, false), linkage: 'static' },
  ];
  const module: Module = { name: 'random', functions: [], globals, types };
  const count = 1 + random.below(3);
  for (let i = 0; i < count; i++) {
    const inline = random.pick(['always', 'auto', 'never'] as const);
    const last = i === count - 1;
    module.functions.push(
      new Generator(module, random, size).func(last ? 'main' : `f${i}`, last ? 'auto' : inline, last),
    );
  }
  return module;
}

function global(name: string, size: number, random: Random, isConstant: boolean): Global {
  const init = Uint8Array.from({ length: size }, () => random.below(256));
  const section = isConstant ? '.rodata' : '.data';
  return {
    kind: 'global',
    name,
    linkage: 'global',
    hidden: false,
    section,
    size,
    align: 8,
    init,
    relocations: [],
    type: 0,
    declTags: [],
    constant: isConstant,
    span: undefined,
  };
}

interface Memory {
  readonly address: Value;
  readonly size: number;
  readonly readOnly: boolean;
}

class Generator {
  private readonly module: Module;
  private readonly random: Random;
  private b!: FunctionBuilder;
  private memories: Memory[] = [];
  /** Values that are valid here, undone when a block is left. */
  private values: Value[] = [];
  private budget: number;

  constructor(module: Module, random: Random, size: number) {
    this.budget = size;
    this.module = module;
    this.random = random;
  }

  func(name: string, inline: Func['inline'], entry: boolean): Func {
    const { random } = this;
    const params = [createParam('ptr', entry ? 'ctx' : 'p', entry && random.chance(50) ? 'context' : undefined)];
    for (let i = random.below(4); i > 0; i--) params.push(createParam(random.pick(INTEGERS), `x${i}`));
    const linkage = entry ? 'global' : 'static';
    const func = createFunc(name, { params, result: 'i64', inline, linkage, ...(entry ? { section: 'xdp' } : {}) });
    this.b = new FunctionBuilder(func);
    this.memories = [{ address: params[0]!, size: BUFFER_SIZE, readOnly: false }];
    for (const one of this.module.globals) {
      const readOnly = one.constant || one.linkage === 'static';
      this.memories.push({ address: one, size: one.size, readOnly });
    }
    this.values = params.slice(1);
    for (let i = 1 + random.below(4); i > 0; i--) this.variable();
    this.statements(Math.max(3, Math.floor(this.budget / 12)) + random.below(6), 0);
    this.b.return(this.value('i64'));
    return func;
  }

  /** A scalar or a small struct or array, initialised. */
  private variable(): void {
    const { random, b } = this;
    const size = random.pick([1, 2, 4, 8, 8, 16, 24, 12, 40]);
    const align = size % 8 === 0 ? 8 : size % 4 === 0 ? 4 : size % 2 === 0 ? 2 : 1;
    const address = b.alloca(size, align, `v${this.memories.length}`);
    if (size > 8 || random.chance(30)) {
      if (random.chance(70) || size > BUFFER_SIZE)
        b.memset(address, constant('i8', random.pick([0, 0, 0, 1, 255])), size, align);
      else b.memcpy(address, this.memories[0]!.address, size, { align: 1 });
    } else {
      b.store(this.value(TYPE_OF_SIZE[size]!), address);
    }
    this.memories.push({ address, size, readOnly: false });
  }

  private statements(count: number, depth: number): void {
    for (let i = 0; i < count && this.budget > 0; i++) {
      this.budget -= 1;
      const kind = this.random.below(depth < 3 ? 14 : 9);
      if (kind < 3) this.store();
      else if (kind < 5) this.values.push(this.expression(this.random.pick(INTEGERS)));
      else if (kind === 5) this.values.push(this.loadOf(this.random.pick(INTEGERS)));
      else if (kind === 6) this.copy();
      else if (kind === 7) this.call();
      else if (kind === 8) this.rare();
      else if (kind < 11) this.conditional(depth);
      else if (kind === 11) this.multiway(depth);
      else this.loop(depth);
    }
  }

  private rare(): void {
    const { random, b } = this;
    const kind = random.below(4);
    if (kind === 0) {
      b.barrier();
    } else if (kind === 1) {
      this.values.push(b.barrier(this.value(random.pick(INTEGERS))));
    } else if (kind === 2) {
      const memory = this.writable();
      if (memory.size < 8) return;
      const type: ScalarType = random.pick(['i32', 'i64']);
      const offset = random.below(Math.floor(memory.size / 8)) * 8;
      const address = b.ptradd(memory.address, offset);
      const fetch = random.chance(50);
      const op = random.pick(['add', 'or', 'and', 'xor', 'xchg', 'cmpxchg'] as const);
      const expected = op === 'cmpxchg' ? this.value(type) : undefined;
      const inst = b.atomic(op, address, this.value(type), fetch, expected);
      if (inst.type !== 'void') this.values.push(inst);
    } else {
      const field = random.below(16);
      this.values.push(b.core('field_byte_offset', 1, `0:${field}`, BigInt(field)));
    }
  }

  private writable(): Memory {
    return this.random.pick(this.memories.filter((memory) => !memory.readOnly));
  }

  /** An address in the memory for that many bytes: at a constant offset, or at one computed and masked. */
  private place(memory: Memory, size: number): { address: Value; offset: number; align: number } {
    const { random, b } = this;
    const room = memory.size - size;
    if (random.chance(12) && memory.size >= 8 && size <= 2) {
      const mask = random.pick([1, 3, 7].filter((one) => one + size <= memory.size));
      if (mask !== undefined) {
        const index = b.binary('and', this.value('i64'), constant('i64', mask));
        return { address: b.ptradd(memory.address, index), offset: 0, align: 1 };
      }
    }
    const natural = random.chance(85);
    const at = natural ? random.below(Math.floor(room / size) + 1) * size : random.below(room + 1);
    const split = random.below(at + 1);
    const address = random.chance(50) ? b.ptradd(memory.address, split) : memory.address;
    return { address, offset: address === memory.address ? at : at - split, align: at % size === 0 ? size : 1 };
  }

  private store(): void {
    const memory = this.writable();
    const type = this.typeFor(memory);
    const { address, offset, align } = this.place(memory, bytesOf(type));
    this.b.store(this.value(type), address, { offset, align, volatile: this.random.chance(5) });
  }

  private loadOf(type: ScalarType): Value {
    const memory = this.random.pick(this.memories.filter((one) => one.size >= bytesOf(type)));
    const { address, offset, align } = this.place(memory, bytesOf(type));
    return this.b.load(type, address, { offset, align, volatile: this.random.chance(5) });
  }

  private typeFor(memory: Memory): ScalarType {
    return this.random.pick(INTEGERS.filter((type) => bytesOf(type) <= memory.size));
  }

  private copy(): void {
    const { random, b } = this;
    const target = this.writable();
    const source = random.pick(this.memories);
    if (target === source || random.chance(30)) {
      const size = 1 + random.below(target.size);
      b.memset(target.address, this.random.chance(70) ? constant('i8', random.below(3)) : this.value('i8'), size, 1);
      return;
    }
    const size = random.chance(60)
      ? Math.min(target.size, source.size)
      : 1 + random.below(Math.min(target.size, source.size));
    b.memcpy(target.address, source.address, size, { align: 1, overlap: random.chance(10) });
  }

  private call(): void {
    const { random, b } = this;
    const callees = this.module.functions.filter((func) => func.name !== 'main');
    if (callees.length > 0 && random.chance(50)) {
      const callee = random.pick(callees);
      // A function reads and writes as much as the buffer has.
      const args = callee.params.map((param, i) => (i === 0 ? this.memories[0]!.address : this.value(param.type)));
      this.values.push(b.call(callee, args, 'i64'));
      return;
    }
    const memory = random.chance(40) ? this.memories.find((one) => one.size >= 8 && isStack(one)) : undefined;
    if (memory !== undefined && random.chance(40)) {
      // Writes to its first argument, and only reads its third.
      const source = this.memories.find((one) => one.size >= 8)!.address;
      const callee = { kind: 'helper', id: 4, name: 'bpf_probe_read' } as const;
      this.values.push(b.call(callee, [memory.address, constant('i32', 8), source], 'i64'));
      return;
    }
    const args = memory === undefined ? [this.value('i64'), this.value('i32')] : [memory.address, this.value('i64')];
    this.values.push(b.call({ kind: 'helper', id: 1, name: 'helper' }, args, 'i64'));
  }

  private condition(): Value {
    const { random, b } = this;
    const type = random.pick(INTEGERS);
    const compare = b.compare(random.pick(COMPARES), this.value(type), this.value(type));
    if (random.chance(70)) return compare;
    const wide = b.cast('zext', 'i32', compare);
    return b.compare(random.pick(['ne', 'eq'] as const), wide, constant('i32', random.below(2)));
  }

  private scoped(run: () => void): void {
    const kept = this.values.length;
    run();
    this.values.length = kept;
  }

  private conditional(depth: number): void {
    const { random, b } = this;
    const then = b.createBlock();
    const otherwise = b.createBlock();
    const join = b.createBlock();
    const type = random.pick(INTEGERS);
    const param = random.chance(50) ? b.param(join, type) : undefined;
    const args = () => (param === undefined ? [] : [this.value(type)]);
    b.branch(this.condition(), then, otherwise);
    b.enter(then);
    this.scoped(() => {
      this.statements(1 + random.below(3), depth + 1);
      if (random.chance(10)) b.return(this.value('i64'));
      else b.jump(join, args());
    });
    b.enter(otherwise);
    this.scoped(() => {
      if (random.chance(60)) this.statements(1 + random.below(3), depth + 1);
      b.jump(join, args());
    });
    b.enter(join);
    if (param !== undefined) this.values.push(param);
  }

  private multiway(depth: number): void {
    const { random, b } = this;
    const join = b.createBlock();
    const value = this.value('i32');
    const numbers = [0n, 1n, 2n, 7n, -1n].slice(0, random.below(5));
    const cases = numbers.map((number) => ({ value: number, block: random.chance(20) ? join : b.createBlock() }));
    const otherwise = b.createBlock();
    b.switch(value, cases, otherwise);
    for (const block of [...cases.map((one) => one.block), otherwise]) {
      if (block === join) continue;
      b.enter(block);
      this.scoped(() => {
        this.statements(1 + random.below(2), depth + 1);
        b.jump(join);
      });
    }
    b.enter(join);
  }

  /** Counts in a variable or in a parameter, with a bound that may be constant; `break` now and then. */
  private loop(depth: number): void {
    const { random, b } = this;
    const head = b.createBlock();
    const body = b.createBlock();
    const exit = b.createBlock();
    const bound = random.chance(60)
      ? constant('i32', 1 + random.below(5))
      : b.binary('and', this.value('i32'), constant('i32', 7));
    const unroll = random.chance(50) ? 'full' : undefined;
    const rotated = random.chance(30);
    if (random.chance(50)) {
      const i = b.param(head, 'i32', 'i');
      b.jump(head, [constant('i32', 0)]);
      b.enter(head);
      if (!rotated) b.branch(b.compare('ult', i, bound), body, exit);
      else b.jump(body);
      b.enter(body);
      this.scoped(() => {
        this.values.push(i);
        this.statements(1 + random.below(3), depth + 1);
        const next = b.binary('add', i, constant('i32', 1));
        if (rotated) b.branch(b.compare('ult', next, bound), { block: head, args: [next] }, exit, undefined, unroll);
        else if (random.chance(20)) this.leave(exit);
        if (!rotated) b.jump(head, [next], unroll);
      });
    } else {
      const slot = b.alloca(4, 4, 'n');
      b.store(constant('i32', 0), slot);
      b.jump(head);
      b.enter(head);
      b.branch(b.compare('slt', b.load('i32', slot), bound), body, exit);
      b.enter(body);
      this.scoped(() => {
        this.values.push(b.load('i32', slot));
        this.statements(1 + random.below(3), depth + 1);
        if (random.chance(20)) this.leave(exit);
        b.store(b.binary('add', b.load('i32', slot), constant('i32', 1)), slot);
        b.jump(head, [], unroll);
      });
    }
    b.enter(exit);
  }

  private leave(exit: ReturnType<FunctionBuilder['createBlock']>): void {
    const on = this.b.createBlock();
    this.b.branch(this.condition(), exit, on);
    this.b.enter(on);
  }

  /** Something of the type: known, constant, or made from what is there. */
  private value(type: ScalarType): Value {
    const { random } = this;
    const fitting = this.values.filter((value) => typeOf(value) === type);
    if (fitting.length > 0 && random.chance(60)) return random.pick(fitting);
    if (random.chance(40)) return constant(type, random.chance(70) ? random.pick(INTERESTING) : BigInt(random.next()));
    return this.expression(type);
  }

  private expression(type: ScalarType): Value {
    const { random, b } = this;
    const known = this.values.filter((value) => typeOf(value) !== 'ptr');
    const kind = random.below(10);
    if (kind < 5) {
      const op = random.pick(OPS);
      return b.binary(op, this.leaf(type), this.leaf(type));
    }
    if (kind < 8 && known.length > 0) return b.resize(random.pick(known), type, random.chance(50));
    if (kind === 8 && bitsOf(type) > 8) return b.bswap(this.leaf(type));
    return this.loadOf(type);
  }

  private leaf(type: ScalarType): Value {
    const { random } = this;
    const fitting = this.values.filter((value) => typeOf(value) === type);
    if (fitting.length > 0 && random.chance(60)) return random.pick(fitting);
    if (random.chance(60)) return constant(type, random.pick(INTERESTING));
    return this.loadOf(type);
  }
}

const TYPE_OF_SIZE: Record<number, ScalarType> = { 1: 'i8', 2: 'i16', 4: 'i32', 8: 'i64' };

function isStack(memory: Memory): boolean {
  return memory.address.kind === 'alloca';
}
