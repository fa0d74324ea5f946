import { typeOf } from '../ir/constant.ts';
import type { Block, CompareInst, CoreInst, Inst, PtrAddInst, Target, Terminator, Value } from '../ir/ir.ts';
import { forEachOperand } from '../ir/uses.ts';

/** What of a function must be computed into a register, and what lives inside of the instructions that use it. */
export interface Needs {
  /** Instructions whose value some instruction takes from a register. */
  readonly registers: ReadonlySet<Inst>;
  /** `ptradd`s of a CO-RE offset that every user takes as the offset of its access. */
  readonly patched: ReadonlySet<Inst>;
  /** Integers of which only the bits of their type are ever looked at: what lies above need not be cleared. */
  readonly low: ReadonlySet<Value>;
  /** Loads that are only used sign-extended to 64 bits, which v4 does in one instruction. */
  readonly signed: ReadonlySet<Inst>;
}

/** `order` has definitions before uses (reverse post order). `narrowCompares`: there are jumps on 32 bits. */
export function needsOf(order: readonly Block[], narrowCompares: boolean): Needs {
  const patched = patchedOffsets(order);
  const registers = new Set<Inst>();
  const need = (value: Value) => {
    if (isInst(value) && !isRemade(value)) registers.add(value);
  };
  const needAddress = (value: Value) => {
    const { root } = addressOf(value, patched);
    need(root);
  };
  const needCondition = (value: Value) => {
    const { compare, value: rest } = conditionOf(value);
    if (compare) {
      need(compare.a);
      need(compare.b);
    } else need(rest);
  };
  for (let i = order.length - 1; i >= 0; i--) {
    const block = order[i]!;
    needTerminator(block.term, need, needCondition);
    for (let j = block.insts.length - 1; j >= 0; j--) {
      const inst = block.insts[j]!;
      if (!registers.has(inst) && !hasEffect(inst)) continue;
      switch (inst.kind) {
        case 'load':
          needAddress(inst.address);
          break;
        case 'store':
          need(inst.value);
          needAddress(inst.address);
          break;
        case 'atomic':
          need(inst.value);
          if (inst.expected) need(inst.expected);
          needAddress(inst.address);
          break;
        case 'memcpy':
          needAddress(inst.target);
          needAddress(inst.source);
          break;
        case 'memset':
          needAddress(inst.target);
          need(inst.value);
          break;
        case 'select':
          needCondition(inst.condition);
          need(inst.a);
          need(inst.b);
          break;
        case 'ptradd':
          if (inst.offset.kind === 'const') {
            const { root } = addressOf(inst, patched);
            need(root === inst ? inst.base : root);
          } else {
            need(inst.base);
            if (inst.offset.kind !== 'core') need(inst.offset);
          }
          break;
        case 'binary':
          need(inst.a);
          if (!patchesImmediate(inst)) need(inst.b);
          break;
        default:
          forEachOperand(inst, need);
      }
    }
  }
  return { registers, patched, low: lowOnly(order, registers, narrowCompares), signed: signedLoads(order, patched) };
}

/** Kept even when nobody uses its value. */
export function hasEffect(inst: Inst): boolean {
  switch (inst.kind) {
    case 'store':
    case 'atomic':
    case 'memcpy':
    case 'memset':
    case 'call':
      return true;
    case 'load':
      return inst.volatile;
    case 'barrier':
      return inst.value !== undefined;
    case 'asm':
      return true;
    default:
      return false;
  }
}

export interface Address {
  /** What is added to: never a `ptradd` of a constant. */
  readonly root: Value;
  readonly offset: number;
  /** The offset is this relocation's, and {@link offset} is 0. */
  readonly core: CoreInst | undefined;
}

/** Takes an address apart into what must be in a register and what the access itself can add. */
export function addressOf(value: Value, patched: ReadonlySet<Inst>, offset = 0): Address {
  let root = value;
  let total = offset;
  while (root.kind === 'ptradd') {
    if (patched.has(root)) return { root: root.base, offset: 0, core: root.offset as CoreInst };
    if (root.offset.kind !== 'const') break;
    const sum = total + Number(root.offset.value);
    if (sum > 0x7fffffff || sum < -0x80000000) break;
    total = sum;
    root = root.base;
  }
  return { root, offset: total, core: undefined };
}

/** Not of contexts, whose fields the kernel reads in its own way, and not where a loader patches the offset. */
function signedLoads(order: readonly Block[], patched: ReadonlySet<Inst>): Set<Inst> {
  const found = new Set<Inst>();
  for (const block of order) {
    for (const inst of block.insts) {
      if (inst.kind !== 'cast' || inst.op !== 'sext' || inst.type !== 'i64' || inst.value.kind !== 'load') continue;
      const { root, core } = addressOf(inst.value.address, patched);
      // The kernel has no sign-extending loads from arenas (`convert_ctx_accesses`).
      const arena = root.kind === 'cast' && root.op === 'cast_kern';
      if (core === undefined && !arena && !(root.kind === 'param' && root.origin === 'context')) found.add(inst.value);
    }
  }
  if (found.size === 0) return found;
  for (const block of order) {
    for (const inst of block.insts) {
      const extends64 = inst.kind === 'cast' && inst.op === 'sext' && inst.type === 'i64';
      if (!extends64) forEachOperand(inst, (value) => found.delete(value as Inst));
    }
    forEachOperand(block.term, (value) => found.delete(value as Inst));
  }
  return found;
}

/** An address on the stack or in a data section, which is made anew wherever it is used. */
export function isRemade(value: Value): boolean {
  if (value.kind !== 'ptradd') return value.kind === 'alloca';
  const { root } = addressOf(value, NO_INSTS);
  return root.kind === 'alloca' || root.kind === 'global';
}

const NO_INSTS: ReadonlySet<Inst> = new Set();

/** Sees through `x ^ true`; `negated` says that an odd number of them was passed. */
export function conditionOf(value: Value): { compare: CompareInst | undefined; value: Value; negated: boolean } {
  let negated = false;
  let at = value;
  for (;;) {
    if (at.kind === 'binary' && at.op === 'xor' && at.type === 'i1' && at.b.kind === 'const') {
      if (at.b.value !== 0n) negated = !negated;
      at = at.a;
    } else if (at.kind === 'compare') {
      return { compare: at, value: at, negated };
    } else {
      return { compare: undefined, value: at, negated };
    }
  }
}

/** `x << core`, `x + core` …: the loader patches the immediate of the operation itself. */
export function patchesImmediate(inst: Inst): boolean {
  return (
    inst.kind === 'binary' &&
    inst.type === 'i64' &&
    inst.b.kind === 'core' &&
    !isWide(inst.b) &&
    (inst.op === 'add' || inst.op === 'shl' || inst.op === 'lshr' || inst.op === 'ashr')
  );
}

/** Relocations whose value may need 64 bits; loaders patch them in `ld_imm64`. */
export function isWide(core: CoreInst): boolean {
  return (
    core.relocation === 'enumval_value' || core.relocation === 'type_id_local' || core.relocation === 'type_id_target'
  );
}

/**
 * Stores and jumps on 32 bits look at the low bits only, and so do block parameters that are used by nothing else.
 * Everything starts as low and is taken out when somebody looks at the whole register.
 */
function lowOnly(order: readonly Block[], registers: ReadonlySet<Inst>, narrowCompares: boolean): Set<Value> {
  const low = new Set<Value>();
  const flows = new Map<Value, Value[]>();
  const stored: Value[] = [];
  const whole = new Set<Value>();
  const look = (value: Value) => {
    if (value.kind === 'param' || isInst(value)) whole.add(value);
  };
  const flow = (target: Target) => {
    for (const [i, param] of target.block.params.entries()) {
      const arg = target.args[i]!;
      if (arg.kind !== 'param' && !isInst(arg)) continue;
      const list = flows.get(param);
      if (list) list.push(arg);
      else flows.set(param, [arg]);
      stored.push(arg);
    }
  };
  for (const block of order) {
    for (const inst of block.insts) {
      if (!registers.has(inst) && !hasEffect(inst) && inst.kind !== 'compare') continue;
      if (inst.kind === 'store') {
        look(inst.address);
        stored.push(inst.value);
      } else if (inst.kind === 'compare' && narrowCompares && typeOf(inst.a) === 'i32') {
        stored.push(inst.a, inst.b);
      } else forEachOperand(inst, look);
    }
    const { term } = block;
    if (term.kind === 'jump') flow(term.target);
    else if (term.kind === 'branch') {
      look(term.condition);
      flow(term.then);
      flow(term.else);
    } else if (term.kind === 'switch') {
      if (narrowCompares && typeOf(term.value) === 'i32') stored.push(term.value);
      else look(term.value);
      for (const one of term.cases) flow(one.target);
      flow(term.otherwise);
    } else if (term.kind === 'asm-goto') {
      for (const input of term.asm.inputs) look(input);
      for (const target of term.targets) flow(target);
      flow(term.otherwise);
    } else forEachOperand(term, look);
  }
  const work = [...whole];
  for (let value = work.pop(); value !== undefined; value = work.pop()) {
    for (const arg of flows.get(value) ?? []) {
      if (whole.has(arg)) continue;
      whole.add(arg);
      work.push(arg);
    }
  }
  for (const value of stored) if ((value.kind === 'param' || isInst(value)) && !whole.has(value)) low.add(value);
  return low;
}

/**
 * Loaders compare the offset that stands in a load or store with the one that the relocation was made for, so only
 * accesses without an offset of their own can take it.
 */
function patchedOffsets(order: readonly Block[]): Set<Inst> {
  separateAccesses(order);
  const patched = new Set<Inst>();
  let any = false;
  for (const block of order) {
    for (const inst of block.insts) {
      if (isCoreOffset(inst)) {
        patched.add(inst);
        any = true;
      }
    }
  }
  if (!any) return patched;
  const refuse = (value: Value) => {
    if (value.kind === 'ptradd') patched.delete(value);
  };
  for (const block of order) {
    for (const inst of block.insts) {
      if (inst.kind === 'load' && inst.offset === 0) continue;
      if (inst.kind === 'store' && inst.offset === 0) refuse(inst.value);
      else forEachOperand(inst, refuse);
    }
    forEachOperand(block.term, refuse);
  }
  return patched;
}

/**
 * An address that one load reads from and another user takes as a value: the load gets a copy of its own, since an
 * access to a context or a map's fields must have the offset in itself.
 */
function separateAccesses(order: readonly Block[]): void {
  const values = new Set<Value>();
  for (const block of order) {
    const note = (value: Value) => {
      if (value.kind === 'ptradd' && isCoreOffset(value)) values.add(value);
    };
    for (const inst of block.insts) if (!(inst.kind === 'load' && inst.offset === 0)) forEachOperand(inst, note);
    forEachOperand(block.term, note);
  }
  if (values.size === 0) return;
  for (const block of order) {
    if (!block.insts.some((inst) => inst.kind === 'load' && values.has(inst.address))) continue;
    const insts: Inst[] = [];
    for (const inst of block.insts) {
      if (inst.kind === 'load' && inst.offset === 0 && inst.address.kind === 'ptradd' && values.has(inst.address)) {
        const own: PtrAddInst = { ...inst.address };
        insts.push(own);
        inst.address = own;
      }
      insts.push(inst);
    }
    block.insts = insts;
  }
}

function isCoreOffset(inst: Inst): inst is PtrAddInst {
  return (
    inst.kind === 'ptradd' &&
    inst.offset.kind === 'core' &&
    inst.offset.relocation === 'field_byte_offset' &&
    inst.offset.value >= 0n &&
    inst.offset.value <= 0x7fffn &&
    inst.base.kind !== 'alloca' &&
    (inst.base.kind !== 'global' || inst.base.section === '.maps')
  );
}

function needTerminator(term: Terminator, need: (value: Value) => void, needCondition: (value: Value) => void): void {
  switch (term.kind) {
    case 'jump':
      for (const arg of term.target.args) need(arg);
      return;
    case 'branch':
      needCondition(term.condition);
      for (const arg of term.then.args) need(arg);
      for (const arg of term.else.args) need(arg);
      return;
    case 'switch':
    case 'asm-goto':
    case 'return':
      forEachOperand(term, need);
      return;
    case 'unreachable':
      return;
  }
}

function isInst(value: Value): value is Inst {
  const kind = value.kind;
  return kind !== 'const' && kind !== 'undef' && kind !== 'global' && kind !== 'func' && kind !== 'param';
}
