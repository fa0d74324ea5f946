import { createParam } from '../ir/build.ts';
import { bytesOf, typeOf } from '../ir/constant.ts';
import type { AllocaInst, Block, Func, Inst, ScalarType, Value } from '../ir/ir.ts';
import { cloneInst, cloneTerminator, forEachOperand, isLocal, mapOperands, targetsOf } from '../ir/uses.ts';

export interface BlockCopy {
  /** By original. */
  readonly blocks: ReadonlyMap<Block, Block>;
  readonly values: ReadonlyMap<Value, Value>;
}

/** Copies of the blocks, which lead to each other where the originals do. Values from elsewhere are those of the originals. */
export function copyBlocks(originals: readonly Block[]): BlockCopy {
  const blocks = new Map<Block, Block>();
  const values = new Map<Value, Value>();
  for (const { params, insts, term } of originals) {
    const copy: Block = { params: [], insts: insts.map(cloneInst), term: cloneTerminator(term) };
    for (const param of params) {
      const own = createParam(param.type, param.name);
      values.set(param, own);
      copy.params.push(own);
    }
    for (const [i, inst] of insts.entries()) values.set(inst, copy.insts[i]!);
    blocks.set(originals[blocks.size]!, copy);
  }
  const map = (value: Value) => values.get(value) ?? value;
  for (const block of blocks.values()) {
    for (const inst of block.insts) mapOperands(inst, map);
    mapOperands(block.term, map);
    for (const target of targetsOf(block.term)) target.block = blocks.get(target.block) ?? target.block;
  }
  return { blocks, values };
}

/**
 * Values of each group of blocks that are used outside of it go through allocas, which promotion then turns into
 * parameters where the ways out of the copies meet. Returns whether there are any.
 */
export function leaveThroughMemory(func: Func, groups: readonly ReadonlySet<Block>[]): boolean {
  const groupOf = new Map<Block, ReadonlySet<Block>>();
  const home = new Map<Value, Block>();
  for (const group of groups) {
    for (const block of group) {
      groupOf.set(block, group);
      for (const param of block.params) home.set(param, block);
      for (const inst of block.insts) home.set(inst, block);
    }
  }
  const slots = new Map<Value, Slot>();
  for (const block of func.blocks) {
    const own = groupOf.get(block);
    const kept: Inst[] = [];
    let changed = false;
    const outside = (value: Value) => {
      const from = isLocal(value) ? home.get(value) : undefined;
      return from !== undefined && groupOf.get(from) !== own;
    };
    for (const user of [...block.insts, block.term]) {
      const loads = new Map<Value, Inst>();
      if (user.kind === 'note' && user.value !== undefined && outside(user.value)) user.value = undefined;
      forEachOperand(user, (value) => {
        if (!outside(value) || loads.has(value)) return;
        const load = loadOf(slotOf(slots, value));
        loads.set(value, load);
        kept.push(load);
      });
      if (loads.size > 0) {
        mapOperands(user, (value) => loads.get(value) ?? value);
        changed = true;
      }
      if (user !== block.term) kept.push(user as Inst);
    }
    if (changed) block.insts = kept;
  }
  for (const [value, { alloca }] of slots) {
    const block = home.get(value)!;
    const { align, span } = alloca;
    const store: Inst = {
      kind: 'store',
      type: 'void',
      address: alloca,
      offset: 0,
      value,
      align,
      volatile: false,
      span,
    };
    block.insts.splice(value.kind === 'param' ? 0 : block.insts.indexOf(value as Inst) + 1, 0, store);
    func.blocks[0]!.insts.unshift(alloca);
  }
  return slots.size > 0;
}

interface Slot {
  readonly alloca: AllocaInst;
  readonly type: ScalarType;
}

function slotOf(slots: Map<Value, Slot>, value: Value): Slot {
  let slot = slots.get(value);
  if (slot === undefined) {
    const type = typeOf(value) as ScalarType;
    const size = bytesOf(type);
    const alloca: AllocaInst = { kind: 'alloca', type: 'ptr', size, align: size, name: undefined, span: undefined };
    slot = { alloca, type };
    slots.set(value, slot);
  }
  return slot;
}

function loadOf({ alloca, type }: Slot): Inst {
  const { align, span } = alloca;
  return { kind: 'load', type, address: alloca, offset: 0, align, volatile: false, span };
}
