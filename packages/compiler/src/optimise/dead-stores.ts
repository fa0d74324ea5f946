import { bytesOf, typeOf } from '../ir/constant.ts';
import { graphOf } from '../ir/graph.ts';
import type { AllocaInst, Block, Func, Inst, MemCopyInst, ScalarType, Terminator, Value } from '../ir/ir.ts';
import { forEachOperand, forEachUser } from '../ir/uses.ts';
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
  const allocas = trackedAllocas(func);
  if (allocas.size === 0) return false;
  const { order, indexOf, edges } = graphOf(func);
  const before = edges.map((list) => list.map(({ from }) => indexOf.get(from)!));
  const accesses = accessesOf(order, allocas);
  /** What writes bytes that are read later. */
  const needed = new Set<Inst>();
  // A copy reads only if what it writes is read: that may turn out when its source has been looked at.
  const waiting = new Set(allocas);
  for (const alloca of waiting) {
    waiting.delete(alloca);
    const own = accesses.get(alloca);
    if (own === undefined) continue;
    findNeeded(alloca.size, own, before, needed, (copy) => {
      const source = rootOf(copy.source) as AllocaInst;
      if (allocas.has(source)) waiting.add(source);
    });
  }
  const dead = new Set<Inst>();
  for (const own of accesses.values()) {
    for (const list of own.values())
      for (const { kind, inst } of list) if (kind === 'write' && !needed.has(inst)) dead.add(inst);
  }
  if (dead.size === 0) return false;
  for (const block of order) {
    if (block.insts.some((inst) => dead.has(inst))) block.insts = block.insts.filter((inst) => !dead.has(inst));
  }
  return true;
}

/** What an instruction does to the bytes of one variable from `start` to before `end`. */
interface Access {
  /** `copy`: reads if what the instruction writes is needed. */
  readonly kind: 'read' | 'write' | 'copy';
  readonly inst: Inst;
  readonly start: number;
  readonly end: number;
}

/** By the index of a block: the accesses in it, in their order. */
type Accesses = Map<number, Access[]>;

/** Goes backwards from what reads a variable to what has written it. `copied` is told of copies into it that turn out to be needed. */
function findNeeded(
  size: number,
  accesses: Accesses,
  before: readonly (readonly number[])[],
  needed: Set<Inst>,
  copied: (copy: MemCopyInst) => void,
): void {
  const words = (size + 31) >> 5;
  /** One bit a byte that is read after the block, by its index. */
  const leaving = new Map<number, Uint32Array>();
  const work = [...accesses.keys()];
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    const after = leaving.get(at);
    const own = accesses.get(at);
    const live = own === undefined ? after! : (after?.slice() ?? new Uint32Array(words));
    for (let i = (own?.length ?? 0) - 1; i >= 0; i--) {
      const { kind, inst, start, end } = own![i]!;
      if (kind !== 'write') {
        if (kind === 'read' || needed.has(inst)) mark(live, start, end, true);
      } else if (isLive(live, start, end)) {
        if (inst.kind === 'memcpy' && !needed.has(inst)) copied(inst);
        needed.add(inst);
        mark(live, start, end, false);
      }
    }
    if (live.every((word) => word === 0)) continue;
    for (const from of before[at]!) {
      const known = leaving.get(from);
      if (known === undefined) leaving.set(from, live.slice());
      else if (!join(known, live)) continue;
      work.push(from);
    }
  }
}

function join(into: Uint32Array, from: Uint32Array): boolean {
  let changed = false;
  for (let w = 0; w < into.length; w++) {
    const both = (into[w]! | from[w]!) >>> 0;
    if (both === into[w]) continue;
    into[w] = both;
    changed = true;
  }
  return changed;
}

function isLive(live: Uint32Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (((live[i >> 5]! >>> (i & 31)) & 1) !== 0) return true;
  return false;
}

function mark(live: Uint32Array, start: number, end: number, value: boolean): void {
  for (let i = start; i < end; i++) {
    if (value) live[i >> 5]! |= 1 << (i & 31);
    else live[i >> 5]! &= ~(1 << (i & 31));
  }
}

function trackedAllocas(func: Func): Set<AllocaInst> {
  const allocas = new Set<AllocaInst>();
  for (const inst of func.blocks[0]?.insts ?? []) if (inst.kind === 'alloca' && inst.size > 0) allocas.add(inst);
  if (allocas.size > 0) forEachUser(func, (user) => forgetEscaping(user, allocas));
  return allocas;
}

/** Leaves those whose address is nowhere but in accesses, in arguments of helpers and in additions for these. */
function forgetEscaping(user: Inst | Terminator, allocas: Set<AllocaInst>): void {
  switch (user.kind) {
    case 'load':
    case 'ptradd':
    case 'memcpy':
    case 'memset':
    case 'compare':
      return;
    case 'store':
      allocas.delete(rootOf(user.value) as AllocaInst);
      return;
    case 'atomic':
      allocas.delete(rootOf(user.value) as AllocaInst);
      return;
    case 'call':
      if (user.callee.kind === 'helper') return;
      break;
  }
  forEachOperand(user, (value) => allocas.delete(rootOf(value) as AllocaInst));
}

function accessesOf(order: readonly Block[], allocas: ReadonlySet<AllocaInst>): Map<AllocaInst, Accesses> {
  const found = new Map<AllocaInst, Accesses>();
  for (const [at, block] of order.entries()) {
    const add = (kind: Access['kind'], inst: Inst, alloca: AllocaInst, from = 0, length = alloca.size) => {
      const start = Math.max(0, from);
      const access: Access = { kind, inst, start, end: Math.max(start, Math.min(alloca.size, from + length)) };
      let own = found.get(alloca);
      if (own === undefined) {
        own = new Map();
        found.set(alloca, own);
      }
      const list = own.get(at);
      if (list === undefined) own.set(at, [access]);
      else list.push(access);
    };
    const read = (kind: 'read' | 'copy', inst: Inst, address: Value, offset: number, length: number) => {
      const place = placeOf(address, offset, allocas);
      if (place?.start === undefined) {
        if (place !== undefined) add(kind, inst, place.alloca);
      } else add(kind, inst, place.alloca, place.start, length);
    };
    for (const inst of block.insts) {
      switch (inst.kind) {
        case 'store': {
          const place = placeOf(inst.address, inst.offset, allocas);
          if (place?.start === undefined || inst.volatile) break;
          add('write', inst, place.alloca, place.start, bytesOf(typeOf(inst.value) as ScalarType));
          break;
        }
        case 'memset':
        case 'memcpy': {
          const place = placeOf(inst.target, 0, allocas);
          const removable = place?.start !== undefined && !(inst.kind === 'memcpy' && inst.volatile);
          // Backwards, what is read comes after what is written.
          if (inst.kind === 'memcpy') read(removable ? 'copy' : 'read', inst, inst.source, 0, inst.size);
          if (removable) add('write', inst, place.alloca, place.start, inst.size);
          break;
        }
        case 'load':
          read('read', inst, inst.address, inst.offset, bytesOf(inst.type as ScalarType));
          break;
        case 'atomic':
          read('read', inst, inst.address, 0, inst.width / 8);
          break;
        case 'call':
          // What a helper reads of it is not known here: all, also what lies before the address.
          for (const arg of inst.args) {
            const root = rootOf(arg) as AllocaInst;
            if (allocas.has(root)) add('read', inst, root);
          }
          break;
        case 'barrier':
          if (inst.value === undefined) for (const alloca of allocas) add('read', inst, alloca);
          break;
      }
    }
  }
  return found;
}

/** `start` is undefined where the address has a variable part. */
function placeOf(
  address: Value,
  offset: number,
  allocas: ReadonlySet<Value>,
): { alloca: AllocaInst; start: number | undefined } | undefined {
  let start: number | undefined = offset;
  let at = address;
  for (; at.kind === 'ptradd'; at = at.base) {
    start = start === undefined || at.offset.kind !== 'const' ? undefined : start + Number(at.offset.value);
  }
  return at.kind === 'alloca' && allocas.has(at) ? { alloca: at, start } : undefined;
}
