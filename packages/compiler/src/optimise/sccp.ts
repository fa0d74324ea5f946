import {
  constant,
  evaluateBinary,
  evaluateByteSwap,
  evaluateCast,
  evaluateCompare,
  isSpaceCast,
} from '../ir/constant.ts';
import type { Block, Const, Func, Inst, Param, ScalarType, Target, Value } from '../ir/ir.ts';
import { forEachOperand, isLocal, replaceValues, targetsOf } from '../ir/uses.ts';

/**
 * Sparse conditional constant propagation (Wegman, Zadeck): finds what is constant on the paths that can be taken, so
 * that constants which depend on branches which depend on constants are found too. Branches are left to the pass on
 * control flow, which sees their conditions replaced.
 */
export function propagateConstants(func: Func): boolean {
  return new Propagation(func).run();
}

/** Not yet seen to have a value is `undefined`; no constant is `varies`. */
type Lattice = Const | 'varies' | undefined;

class Propagation {
  private readonly func: Func;
  private readonly known = new Map<Value, Lattice>();
  private readonly users = new Map<Value, { readonly user: Inst | undefined; readonly block: Block }[]>();
  private readonly entered = new Set<Block>();
  private readonly blockWork: Block[] = [];
  private readonly valueWork: Value[] = [];

  constructor(func: Func) {
    this.func = func;
    for (const block of func.blocks) {
      for (const inst of block.insts) forEachOperand(inst, (value) => this.addUser(value, inst, block));
      forEachOperand(block.term, (value) => this.addUser(value, undefined, block));
    }
  }

  run(): boolean {
    const entry = this.func.blocks[0];
    if (entry === undefined) return false;
    for (const param of this.func.params) this.known.set(param, 'varies');
    this.enter(entry);
    for (;;) {
      const block = this.blockWork.pop();
      if (block !== undefined) {
        for (const inst of block.insts) this.visit(inst);
        this.leave(block);
        continue;
      }
      const value = this.valueWork.pop();
      if (value === undefined) break;
      for (const { user, block: at } of this.users.get(value) ?? []) {
        if (!this.entered.has(at)) continue;
        if (user === undefined) this.leave(at);
        else this.visit(user);
      }
    }
    const replacements = new Map<Value, Value>();
    for (const [value, known] of this.known) {
      if (known !== undefined && known !== 'varies' && this.users.has(value)) replacements.set(value, known);
    }
    replaceValues(this.func, replacements);
    return replacements.size > 0;
  }

  private addUser(value: Value, user: Inst | undefined, block: Block): void {
    if (!isLocal(value)) return;
    const list = this.users.get(value);
    if (list === undefined) this.users.set(value, [{ user, block }]);
    else list.push({ user, block });
  }

  private enter(block: Block): void {
    if (this.entered.has(block)) return;
    this.entered.add(block);
    this.blockWork.push(block);
  }

  private of(value: Value): Lattice {
    if (value.kind === 'const') return value;
    return isLocal(value) ? this.known.get(value) : 'varies';
  }

  private raise(value: Inst | Param, to: Lattice): void {
    if (to === undefined) return;
    const before = this.known.get(value);
    if (before === 'varies') return;
    let after = to;
    if (before !== undefined && to !== 'varies' && before.value !== to.value) after = 'varies';
    if (before !== undefined && after !== 'varies') return;
    this.known.set(value, after);
    this.valueWork.push(value);
  }

  private visit(inst: Inst): void {
    if (inst.type !== 'void') this.raise(inst, this.evaluate(inst));
  }

  private evaluate(inst: Inst): Lattice {
    const type = inst.type as ScalarType;
    switch (inst.kind) {
      case 'cast': {
        const value = this.of(inst.value);
        if (value === undefined || value === 'varies') return value;
        if (isSpaceCast(inst.op)) return 'varies';
        return constant(type, evaluateCast(inst.op, value.type, type, value.value));
      }
      case 'bswap': {
        const value = this.of(inst.value);
        if (value === undefined || value === 'varies') return value;
        return constant(type, evaluateByteSwap(type, value.value));
      }
      case 'binary':
      case 'compare': {
        const a = this.of(inst.a);
        const b = this.of(inst.b);
        if (a === 'varies' || b === 'varies') {
          const zero = inst.kind === 'binary' && (inst.op === 'and' || inst.op === 'mul');
          if (zero && isZero(a)) return a;
          return zero && isZero(b) ? b : 'varies';
        }
        if (a === undefined || b === undefined) return undefined;
        if (inst.kind === 'binary') return constant(type, evaluateBinary(inst.op, type, a.value, b.value));
        return constant('i1', evaluateCompare(inst.op, a.type, a.value, b.value) ? 1n : 0n);
      }
      case 'select': {
        const condition = this.of(inst.condition);
        if (condition === undefined) return undefined;
        if (condition !== 'varies') return this.of(condition.value === 1n ? inst.a : inst.b);
        const a = this.of(inst.a);
        const b = this.of(inst.b);
        if (a === undefined || b === undefined) return a ?? b;
        return a !== 'varies' && b !== 'varies' && a.value === b.value ? a : 'varies';
      }
      default:
        return 'varies';
    }
  }

  private leave(block: Block): void {
    const { term } = block;
    if (term.kind === 'branch') {
      const condition = this.of(term.condition);
      if (condition === undefined) return;
      if (condition !== 'varies') {
        this.take(condition.value === 1n ? term.then : term.else);
        return;
      }
    } else if (term.kind === 'switch') {
      const value = this.of(term.value);
      if (value === undefined) return;
      if (value !== 'varies') {
        this.take(term.cases.find((one) => one.value === value.value)?.target ?? term.otherwise);
        return;
      }
    }
    for (const target of targetsOf(term)) this.take(target);
  }

  private take(target: Target): void {
    for (const [i, param] of target.block.params.entries()) this.raise(param, this.of(target.args[i]!));
    this.enter(target.block);
  }
}

function isZero(known: Lattice): boolean {
  return known !== undefined && known !== 'varies' && known.value === 0n;
}
