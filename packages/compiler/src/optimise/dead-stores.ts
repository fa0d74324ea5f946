import { bytesOf, typeOf } from '../ir/constant.ts';
import { reversePostOrder } from '../ir/graph.ts';
import type { AllocaInst, Block, Func, Inst, ScalarType, Terminator, Value } from '../ir/ir.ts';
import { forEachOperand, forEachUser, targetsOf } from '../ir/uses.ts';
import { rootOf } from './memory.ts';

/**
 * Removes stores to the stack that nobody reads before the same bytes are written again or the function ends: most of
 * what `struct event e = {}` writes, when the fields are set one by one afterwards. What helpers read stays written.
 */
export function removeDeadStores(func: Func): boolean {
  const unread = removeUnread(func);
  return removeOverwritten(func) || unread;
}

/** What is only written, wherever in it, need not be written. */
function removeUnread(func: Func): boolean {
  const unread = new Set<Value>();
  for (const inst of func.blocks[0]?.insts ?? []) if (inst.kind === 'alloca') unread.add(inst);
  if (unread.size > 0) forEachUser(func, (user) => forgetRead(user, unread));
  if (unread.size === 0) return false;
  for (const block of func.blocks) {
    block.insts = block.insts.filter((inst) => {
      if (inst.kind === 'store') return !unread.has(rootOf(inst.address));
      return (inst.kind !== 'memset' && inst.kind !== 'memcpy') || !unread.has(rootOf(inst.target));
    });
  }
  return true;
}

function forgetRead(user: Inst | Terminator, unread: Set<Value>): void {
  if (user.kind === 'ptradd') return;
  const target =
    user.kind === 'store' ? user.address : user.kind === 'memset' || user.kind === 'memcpy' ? user.target : undefined;
  const volatile = (user.kind === 'store' || user.kind === 'memcpy') && user.volatile;
  let written = target !== undefined && !volatile;
  forEachOperand(user, (value) => {
    // The first mention as the target; the same address may also be what is stored.
    if (written && value === target) written = false;
    else unread.delete(rootOf(value));
  });
}

function removeOverwritten(func: Func): boolean {
  const variables = trackedAllocas(func);
  if (variables.size === 0) return false;
  const order = reversePostOrder(func).reverse();
  const liveIn = new Map<Block, Uint32Array>();
  let words = 0;
  for (const { size } of variables.values()) words += 2 * Math.ceil(size / UNIT);
  const leaving = (block: Block) => {
    const live = new Uint32Array(words);
    for (const target of targetsOf(block.term)) {
      const from = liveIn.get(target.block);
      if (from) for (let w = 0; w < words; w++) live[w]! |= from[w]!;
    }
    return live;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of order) {
      const live = leaving(block);
      for (let i = block.insts.length - 1; i >= 0; i--) step(block.insts[i]!, live, variables);
      const before = liveIn.get(block);
      if (before?.every((word, w) => word === live[w])) continue;
      liveIn.set(block, live);
      changed = true;
    }
  }
  let removed = false;
  for (const block of order) {
    const live = leaving(block);
    const dead = new Set<Inst>();
    for (let i = block.insts.length - 1; i >= 0; i--) {
      const inst = block.insts[i]!;
      if (step(inst, live, variables)) dead.add(inst);
    }
    if (dead.size === 0) continue;
    removed = true;
    block.insts = block.insts.filter((inst) => !dead.has(inst));
  }
  return removed;
}

/** Variables begin at multiples of so many bits, one a byte. */
const UNIT = 64;

interface Tracked {
  /** In units of {@link UNIT}. */
  readonly index: number;
  readonly size: number;
}

function trackedAllocas(func: Func): Map<Value, Tracked> {
  const allocas = new Set<Value>();
  for (const inst of func.blocks[0]?.insts ?? []) if (inst.kind === 'alloca' && inst.size > 0) allocas.add(inst);
  if (allocas.size > 0) forEachUser(func, (user) => forgetEscaping(user, allocas));
  const out = new Map<Value, Tracked>();
  let index = 0;
  for (const alloca of allocas) {
    const { size } = alloca as AllocaInst;
    out.set(alloca, { index, size });
    index += Math.ceil(size / UNIT);
  }
  return out;
}

/** Leaves those whose address is nowhere but in accesses, in arguments of helpers and in additions for these. */
function forgetEscaping(user: Inst | Terminator, allocas: Set<Value>): void {
  switch (user.kind) {
    case 'load':
    case 'ptradd':
    case 'memcpy':
    case 'memset':
    case 'compare':
      return;
    case 'store':
      allocas.delete(rootOf(user.value));
      return;
    case 'atomic':
      allocas.delete(rootOf(user.value));
      return;
    case 'call':
      if (user.callee.kind === 'helper') return;
      break;
  }
  forEachOperand(user, (value) => allocas.delete(rootOf(value)));
}

/** Goes backwards over an instruction; says whether it is a store that nobody needs. */
function step(inst: Inst, live: Uint32Array, variables: ReadonlyMap<Value, Tracked>): boolean {
  switch (inst.kind) {
    case 'store': {
      const at = placeOf(inst.address, inst.offset, variables);
      if (at?.start === undefined || inst.volatile) return false;
      const size = bytesOf(typeOf(inst.value) as ScalarType);
      if (!isLive(live, at.variable, at.start, size)) return true;
      mark(live, at.variable, at.start, size, false);
      return false;
    }
    case 'memset':
    case 'memcpy': {
      const at = placeOf(inst.target, 0, variables);
      if (at?.start !== undefined && !(inst.kind === 'memcpy' && inst.volatile)) {
        if (!isLive(live, at.variable, at.start, inst.size)) return true;
        mark(live, at.variable, at.start, inst.size, false);
      }
      if (inst.kind === 'memcpy') read(inst.source, 0, inst.size, live, variables);
      return false;
    }
    case 'load':
      read(inst.address, inst.offset, bytesOf(inst.type as ScalarType), live, variables);
      return false;
    case 'atomic':
      read(inst.address, 0, inst.width / 8, live, variables);
      return false;
    case 'call':
      // What a helper reads of it is not known here: all, also what lies before the address.
      for (const arg of inst.args) {
        const variable = variables.get(rootOf(arg));
        if (variable) mark(live, variable, 0, variable.size, true);
      }
      return false;
    case 'barrier':
      if (inst.value === undefined) live.fill(0xffffffff);
      return false;
    default:
      return false;
  }
}

function read(
  address: Value,
  offset: number,
  size: number,
  live: Uint32Array,
  variables: ReadonlyMap<Value, Tracked>,
): void {
  const at = placeOf(address, offset, variables);
  if (at === undefined) return;
  if (at.start === undefined) mark(live, at.variable, 0, at.variable.size, true);
  else mark(live, at.variable, at.start, size, true);
}

/** `start` is undefined where the address has a variable part. */
function placeOf(
  address: Value,
  offset: number,
  variables: ReadonlyMap<Value, Tracked>,
): { variable: Tracked; start: number | undefined } | undefined {
  let start: number | undefined = offset;
  let at = address;
  for (; at.kind === 'ptradd'; at = at.base) {
    start = start === undefined || at.offset.kind !== 'const' ? undefined : start + Number(at.offset.value);
  }
  const variable = variables.get(at);
  return variable && { variable, start };
}

function isLive(live: Uint32Array, { index, size }: Tracked, start: number, length: number): boolean {
  for (let i = Math.max(0, start); i < Math.min(size, start + length); i++) {
    const bit = index * UNIT + i;
    if (((live[bit >> 5]! >>> (bit & 31)) & 1) !== 0) return true;
  }
  return false;
}

function mark(live: Uint32Array, { index, size }: Tracked, start: number, length: number, value: boolean): void {
  for (let i = Math.max(0, start); i < Math.min(size, start + length); i++) {
    const bit = index * UNIT + i;
    if (value) live[bit >> 5]! |= 1 << (bit & 31);
    else live[bit >> 5]! &= ~(1 << (bit & 31));
  }
}
