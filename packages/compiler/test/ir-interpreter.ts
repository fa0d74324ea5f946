import {
  bytesOf,
  evaluateBinary,
  evaluateByteSwap,
  evaluateCast,
  evaluateCompare,
  normalise,
  typeOf,
} from '../src/ir/constant.ts';
import type { Func, Global, Module, ScalarType, Target, Value } from '../src/ir/ir.ts';

/** What a run can be told by: what was returned, what memory holds at the end, and which helpers were called with what. */
export interface Outcome {
  readonly result: bigint | undefined;
  readonly calls: readonly string[];
  readonly memory: string;
}

export interface RunOptions {
  /** Memory that the arguments may point into: pointer arguments get its address. */
  readonly buffer?: Uint8Array;
  readonly steps?: number;
}

/** The address of the buffer; the stack grows from {@link STACK}, globals lie at {@link GLOBALS}. */
export const BUFFER = 0x10000n;
const GLOBALS = 0x40000n;
const STACK = 0x80000n;

/** Runs a function of the IR as its definition says, with no regard for speed. */
export function interpret(module: Module, func: Func, args: readonly bigint[], options: RunOptions = {}): Outcome {
  const machine = new Machine(module, options);
  const result = machine.call(func, args);
  const memory = [...machine.buffer, ...machine.visibleGlobals()].map((byte) => byte.toString(16)).join(' ');
  return { result, calls: machine.calls, memory };
}

class Machine {
  readonly calls: string[] = [];
  readonly buffer: Uint8Array;
  private readonly globals = new Map<Global, bigint>();
  private readonly global: Uint8Array;
  private readonly stack = new Uint8Array(0x10000);
  private frame = 0;
  private steps: number;

  constructor(module: Module, options: RunOptions) {
    this.buffer = (options.buffer ?? new Uint8Array(64)).slice();
    this.steps = options.steps ?? 100_000;
    let at = 0;
    for (const global of module.globals) {
      at = Math.ceil(at / 8) * 8;
      this.globals.set(global, GLOBALS + BigInt(at));
      at += global.size;
    }
    this.global = new Uint8Array(at);
    for (const global of module.globals) {
      if (global.init !== undefined) this.global.set(global.init, Number(this.globals.get(global)! - GLOBALS));
    }
  }

  /** Of what others can see: static variables may have been optimised away. */
  visibleGlobals(): number[] {
    return [...this.globals].flatMap(([global, address]) => {
      const at = Number(address - GLOBALS);
      return global.linkage === 'static' ? [] : [...this.global.subarray(at, at + global.size)];
    });
  }

  call(func: Func, args: readonly bigint[]): bigint | undefined {
    const values = new Map<Value, bigint>();
    const base = this.frame;
    for (const [i, param] of func.params.entries()) values.set(param, normalise(param.type, args[i] ?? 0n));
    const of = (value: Value): bigint => {
      switch (value.kind) {
        case 'const':
          return value.value;
        case 'undef':
          return 0n;
        case 'global':
          return this.globals.get(value)!;
        case 'func':
          throw new Error('the interpreter has no addresses of functions');
        default: {
          const found = values.get(value);
          if (found === undefined) throw new Error(`a ${value.kind} has no value`);
          return found;
        }
      }
    };
    for (let block = func.blocks[0]!; ; ) {
      for (const inst of block.insts) {
        if (--this.steps < 0) throw new Error('out of steps');
        const type = inst.type as ScalarType;
        switch (inst.kind) {
          case 'binary':
            values.set(inst, evaluateBinary(inst.op, type, of(inst.a), of(inst.b)));
            break;
          case 'compare':
            values.set(inst, evaluateCompare(inst.op, typeOf(inst.a) as ScalarType, of(inst.a), of(inst.b)) ? 1n : 0n);
            break;
          case 'cast':
            values.set(inst, evaluateCast(inst.op, typeOf(inst.value) as ScalarType, type, of(inst.value)));
            break;
          case 'select':
            values.set(inst, of(inst.condition) === 1n ? of(inst.a) : of(inst.b));
            break;
          case 'bswap':
            values.set(inst, evaluateByteSwap(type, of(inst.value)));
            break;
          case 'alloca':
            this.frame = Math.ceil(this.frame / inst.align) * inst.align;
            this.stack.fill(0, this.frame, this.frame + inst.size);
            values.set(inst, STACK + BigInt(this.frame));
            this.frame += inst.size;
            break;
          case 'ptradd':
            values.set(inst, normalise('ptr', of(inst.base) + of(inst.offset)));
            break;
          case 'load':
            values.set(inst, this.load(type, of(inst.address) + BigInt(inst.offset)));
            break;
          case 'store':
            this.store(typeOf(inst.value) as ScalarType, of(inst.address) + BigInt(inst.offset), of(inst.value));
            break;
          case 'atomic': {
            const width: ScalarType = inst.width === 32 ? 'i32' : 'i64';
            const old = this.load(width, of(inst.address));
            const by = of(inst.value);
            let next = by;
            if (inst.op === 'cmpxchg') next = old === of(inst.expected!) ? by : old;
            else if (inst.op !== 'xchg') next = evaluateBinary(inst.op, width, old, by);
            this.store(width, of(inst.address), next);
            if (inst.fetch) values.set(inst, old);
            break;
          }
          case 'memcpy': {
            const bytes = [];
            for (let i = 0; i < inst.size; i++) bytes.push(this.load('i8', of(inst.source) + BigInt(i)));
            for (const [i, byte] of bytes.entries()) this.store('i8', of(inst.target) + BigInt(i), byte);
            break;
          }
          case 'memset':
            for (let i = 0; i < inst.size; i++) this.store('i8', of(inst.target) + BigInt(i), of(inst.value));
            break;
          case 'call': {
            const list = inst.args.map(of);
            if (inst.callee.kind === 'func') {
              const result = this.call(inst.callee.func, list);
              if (type !== ('void' as string)) values.set(inst, result!);
              break;
            }
            // Addresses of the stack differ between what is compared; what they point to is shown instead.
            const shown = list.map((arg, i) => (typeOf(inst.args[i]!) === 'ptr' ? this.show(arg) : String(arg)));
            const name = inst.callee.kind === 'helper' ? inst.callee.name : 'pointer';
            this.calls.push(`${name}(${shown.join(', ')})`);
            if (inst.callee.kind === 'helper' && inst.callee.id === 4) {
              this.store('i64', list[0]!, this.load('i64', list[2]!) + 1n);
            }
            if ((type as string) !== 'void') {
              let hash = 17n;
              for (const char of this.calls[this.calls.length - 1]!)
                hash = (hash * 31n + BigInt(char.charCodeAt(0))) & 0xffffn;
              values.set(inst, normalise(type, hash));
            }
            break;
          }
          case 'core':
            values.set(inst, inst.value);
            break;
          case 'barrier':
            if (inst.value !== undefined) values.set(inst, of(inst.value));
            break;
        }
      }
      if (--this.steps < 0) throw new Error('out of steps');
      const { term } = block;
      let target: Target;
      switch (term.kind) {
        case 'jump':
          target = term.target;
          break;
        case 'branch':
          target = of(term.condition) === 1n ? term.then : term.else;
          break;
        case 'switch': {
          const value = of(term.value);
          target = term.cases.find((one) => one.value === value)?.target ?? term.otherwise;
          break;
        }
        case 'return':
          this.frame = base;
          return term.value === undefined ? undefined : of(term.value);
        case 'asm-goto':
          throw new Error('assembly is not interpreted');
        case 'unreachable':
          throw new Error('reached the unreachable');
      }
      const list = target.args.map(of);
      for (const [i, param] of target.block.params.entries()) values.set(param, list[i]!);
      block = target.block;
    }
  }

  private show(value: bigint): string {
    if (value < STACK || value >= STACK + BigInt(this.stack.length)) return String(value);
    const at = Number(value - STACK);
    return `stack[${[...this.stack.subarray(at, at + 8)].join(' ')}]`;
  }

  private place(address: bigint, size: number): { bytes: Uint8Array; at: number } {
    for (const [start, bytes] of [
      [BUFFER, this.buffer],
      [GLOBALS, this.global],
      [STACK, this.stack],
    ] as const) {
      const at = Number(address - start);
      if (at >= 0 && at + size <= bytes.length) return { bytes, at };
    }
    throw new Error(`no memory at ${address}`);
  }

  private load(type: ScalarType, address: bigint): bigint {
    const size = bytesOf(type);
    const { bytes, at } = this.place(address, size);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!);
    return normalise(type, value);
  }

  private store(type: ScalarType, address: bigint, value: bigint): void {
    const size = bytesOf(type);
    const { bytes, at } = this.place(address, size);
    const unsigned = BigInt.asUintN(64, value);
    for (let i = 0; i < size; i++) bytes[at + i] = Number((unsigned >> BigInt(8 * i)) & 0xffn);
  }
}
