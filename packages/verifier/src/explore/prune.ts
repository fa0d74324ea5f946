/** Whether a path needs to be followed further: not when a state that was found safe covers it. */
import { rangeWithin } from '../number/range.ts';
import { tnumIn } from '../number/tnum.ts';
import { EMPTY_SLOT, type Frame, NO_LINKS, type Slot } from '../state/frame.ts';
import { ITER_ACTIVE } from '../state/iterator.ts';
import {
  allOf,
  BASE,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_BUF,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_TP_BUFFER,
  SCALAR,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_ITER,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
} from '../state/kinds.ts';
import { ADD_CONST, type Reg, sameButIds, sameButNumbers, UNINIT, unknown } from '../state/reg.ts';
import { loopEntryOf, markRead, markSlotRead, type State, updateLoopEntry } from '../state/state.ts';
import type { Explorer } from './explorer.ts';
import { propagatePrecision } from './precision.ts';

type Exactness = 'prune' | 'exact' | 'within';

/** True when the path may end here. Also decides whether the state is kept for later paths. */
export function visited(x: Explorer): boolean {
  const { state, insn } = x;
  const forced = x.testStateFreq || x.forceCheckpoint[insn] === 1 || state.steps.length > 40;
  let add = forced || (x.jumps - x.jumpsAtState >= 2 && x.processed - x.processedAtState >= 8);
  const list = x.statesAt(insn);
  if (x.observe === undefined) cleanLive(x, list, state);
  let count = 0;
  let at = 0;
  while (at < list.length) {
    // The newest state is at the end of the list and asked first.
    const index = list.length - 1 - at;
    const old = list[index]!;
    count++;
    let hit = false;
    if (old.branches > 0) {
      const frame = old.frame;
      const otherAsync = frame.asyncCallback && frame.asyncEntries !== state.frame.asyncEntries;
      let checkLoop = !otherAsync;
      if (checkLoop && x.isIterNext[insn]) {
        checkLoop = false;
        if (statesEqual(x, old, state, 'within') && iteratorActive(x)) {
          updateLoopEntry(state, old);
          hit = true;
        }
      } else if (checkLoop && x.isMayGoto(insn)) {
        if (old.mayGotoDepth !== state.mayGotoDepth && statesEqual(x, old, state, 'within')) {
          updateLoopEntry(state, old);
          hit = true;
        }
      } else if (checkLoop && x.callsCallback[insn]) {
        checkLoop = false;
        hit = statesEqual(x, old, state, 'within');
      }
      if (
        !hit &&
        checkLoop &&
        maybeLooping(old, state) &&
        statesEqual(x, old, state, x.kernel.early ? 'prune' : 'exact') &&
        !iteratorDepthsDiffer(old, state) &&
        old.mayGotoDepth === state.mayGotoDepth &&
        old.callbackUnrollDepth === state.callbackUnrollDepth
      )
        x.refuse(`infinite loop detected at insn ${insn}`);
      if (!hit && !forced && x.jumps - x.jumpsAtState < 20 && x.processed - x.processedAtState < 100) add = false;
    } else {
      const entry = loopEntryOf(old);
      const force = entry !== undefined && entry.branches > 0;
      if (statesEqual(x, old, state, force || x.observe !== undefined ? 'within' : 'prune')) {
        if (force) updateLoopEntry(state, entry);
        hit = true;
      }
    }
    if (hit) {
      old.hits++;
      propagateLiveness(old, state);
      if (x.jumpPoint[insn]) x.recordStep(0, undefined);
      propagatePrecision(x, old);
      return true;
    }
    if (add) old.misses++;
    const patience = x.forceCheckpoint[insn] && old.branches > 0 ? 64 : 3;
    if (old.misses > old.hits * patience + patience) {
      list.splice(index, 1);
      x.peakStates--;
      continue;
    }
    at++;
  }
  if (count > x.mostStates) x.mostStates = count;
  if (!x.privileged && count > 64) return false;
  if (!add) return false;
  checkpoint(x, list);
  return false;
}

function checkpoint(x: Explorer, list: State[]): void {
  const { state, insn } = x;
  x.totalStates++;
  x.peakStates++;
  x.statesKept[insn]! += 1;
  x.jumpsAtState = x.jumps;
  x.processedAtState = x.processed;
  for (const frame of state.frames) frame.precise = frame.preciseLow = frame.preciseHigh = 0;
  const kept = state.clone();
  kept.insn = insn;
  kept.loopEntry = state.loopEntry;
  list.push(kept);
  state.parent = kept;
  state.firstInsn = insn;
  state.steps = [];
  state.depth = kept.depth + 1;
  const last = state.frames.length - 1;
  for (const frame of state.frames) {
    frame.links = linksTo(frame.number, frame.number === last);
    frame.stackLinked = true;
    frame.written = frame.writtenLow = frame.writtenHigh = 0;
    frame.read = frame.readLow = frame.readHigh = 0;
  }
}

const linkCache = new Map<number, readonly number[]>();

function linksTo(frame: number, current: boolean): readonly number[] {
  const key = frame * 2 + (current ? 1 : 0);
  let links = linkCache.get(key);
  if (links === undefined) {
    links = NO_LINKS.map((_, r) => (r < 10 && (current || r >= 6) ? frame : -1));
    linkCache.set(key, links);
  }
  return links;
}

/** States that are explored to the end forget what nobody read. */
function cleanLive(x: Explorer, list: readonly State[], state: State): void {
  for (const old of list) {
    if (old.branches > 0 || old.cleaned || !sameCallsites(old, state)) continue;
    const entry = loopEntryOf(old);
    if (entry !== undefined && entry.branches > 0) continue;
    old.cleaned = true;
    for (const frame of old.frames) {
      const read = x.live === undefined ? frame.read : x.live[insnOf(old, frame)]!;
      for (let r = 0; r < 10; r++) if (!(read & (1 << r))) frame.regs[r] = UNINIT;
      for (let s = 0; s < frame.stack.length; s++) if (!frame.slotRead(s)) frame.stack[s] = EMPTY_SLOT;
    }
  }
}

/** Where a frame of a kept state stands: the callers at their calls. */
function insnOf(state: State, frame: Frame): number {
  return state.frames[frame.number + 1]?.callsite ?? state.insn;
}

function sameCallsites(a: State, b: State): boolean {
  return a.frames.length === b.frames.length && a.frames.every((frame, f) => frame.callsite === b.frames[f]!.callsite);
}

function maybeLooping(old: State, state: State): boolean {
  if (old.frames.length !== state.frames.length) return false;
  const a = old.frame.regs;
  const b = state.frame.regs;
  for (let r = 0; r < 11; r++) {
    const p = a[r]!;
    const q = b[r]!;
    if (p !== q && !(sameButIds(p, q) && p.id === q.id && p.ref === q.ref)) return false;
  }
  return true;
}

function iteratorActive(x: Explorer): boolean {
  const pointer = x.frame.regs[1]!;
  const slot = x.state.frames[pointer.aux]?.stack[(-(pointer.off + pointer.vl) - 1) >> 3];
  return slot !== undefined && slot.reg.aux === ITER_ACTIVE;
}

function iteratorDepthsDiffer(old: State, state: State): boolean {
  for (let f = old.frames.length - 1; f >= 0; f--) {
    const stack = old.frames[f]!.stack;
    for (let s = 0; s < stack.length; s++) {
      const slot = stack[s]!;
      if (slot.kindAt(0) !== STACK_ITER || slot.reg.aux !== ITER_ACTIVE) continue;
      if (state.frames[f]!.stack[s]?.reg.aux2 !== slot.reg.aux2) return true;
    }
  }
  return false;
}

/** Ids of one state stand for ids of the other, one to one. */
class Pairing {
  readonly old: number[] = [];
  readonly cur: number[] = [];
  fresh = 0;

  same(old: number, cur: number): boolean {
    if (old === 0 || cur === 0) return old === cur;
    for (let i = 0; i < this.old.length; i++) {
      if (this.old[i] === old) return this.cur[i] === cur;
      if (this.cur[i] === cur) return false;
    }
    this.old.push(old);
    this.cur.push(cur);
    return true;
  }

  sameScalar(old: number, cur: number): boolean {
    if (old === 0) return true;
    if (cur === 0) cur = --this.fresh;
    if (!this.same(old, cur)) return false;
    return old & ADD_CONST ? this.same(old & ~ADD_CONST, cur & ~ADD_CONST) : true;
  }
}

function statesEqual(x: Explorer, old: State, cur: State, exact: Exactness): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  if (old.speculative && !cur.speculative) return false;
  if (old.lockOwner !== cur.lockOwner || (old.lockId !== 0) !== (cur.lockId !== 0)) return false;
  if (old.rcu !== cur.rcu || old.preempt !== cur.preempt || old.sleepable !== cur.sleepable) return false;
  const ids = new Pairing();
  if (!ids.same(old.lockId, cur.lockId)) return false;
  for (let f = 0; f < old.frames.length; f++) {
    const a = old.frames[f]!;
    const b = cur.frames[f]!;
    if (a.callsite !== b.callsite || a.callbackDepth > b.callbackDepth) return false;
    const live = x.live === undefined || x.observe !== undefined ? -1 : x.live[insnOf(old, a)]!;
    const read = x.live === undefined ? a.read : -1;
    for (let r = 0; r < 11; r++) {
      const bit = 1 << r;
      if (!(live & bit)) continue;
      const p = a.regs[r]!;
      const q = b.regs[r]!;
      if (!regSafe(x, p, q, (read & bit) !== 0, (a.precise & bit) !== 0, ids, exact)) return false;
    }
    if (!stackSafe(x, a, b, ids, exact)) return false;
  }
  if (old.refs.length !== cur.refs.length) return false;
  for (let i = 0; i < old.refs.length; i++) if (!ids.same(old.refs[i]!.id, cur.refs[i]!.id)) return false;
  return true;
}

function regsExact(a: Reg, b: Reg, ids: Pairing): boolean {
  return (a === b || sameButIds(a, b)) && ids.same(a.id, b.id) && ids.same(a.ref, b.ref);
}

/** Whatever was safe with `old` is safe with `cur`. */
function regSafe(
  x: Explorer,
  old: Reg,
  cur: Reg,
  read: boolean,
  precise: boolean,
  ids: Pairing,
  exact: Exactness,
): boolean {
  if (exact === 'exact') return regsExact(old, cur, ids);
  if (!read && exact === 'prune') return true;
  if (old.type === NOT_INIT && (exact === 'prune' || cur.type === NOT_INIT)) return true;
  if (old.type !== cur.type) return false;
  switch (old.type & BASE) {
    case SCALAR:
      if (!precise && x.privileged && exact === 'prune') return true;
      if (x.exploreAluLimits) return sameButIds(old, cur) && ids.sameScalar(old.id, cur.id);
      if (old.id !== 0 && (old.id & ADD_CONST) !== (cur.id & ADD_CONST)) return false;
      if (old.id & ADD_CONST && old.off !== cur.off) return false;
      if (!ids.sameScalar(old.id, cur.id)) return false;
      return within(old, cur);
    case PTR_TO_MAP_KEY:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MEM:
    case PTR_TO_BUF:
    case PTR_TO_TP_BUFFER:
      return sameButNumbers(old, cur) && within(old, cur) && ids.same(old.id, cur.id) && ids.same(old.ref, cur.ref);
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET:
      if (old.aux < 0 || cur.aux < 0) {
        if (old.aux !== cur.aux) return false;
      } else if (old.aux > cur.aux) return false;
      return old.off === cur.off && ids.same(old.id, cur.id) && within(old, cur);
    case PTR_TO_ARENA:
      return true;
    default:
      return regsExact(old, cur, ids);
  }
}

function within(old: Reg, cur: Reg): boolean {
  return (
    old === cur || (rangeWithin(old, cur) && tnumIn(old.vl, old.vh, old.ml, old.mh, cur.vl, cur.vh, cur.ml, cur.mh))
  );
}

const ANYTHING = unknown();
const ALL_SPILL = allOf(STACK_SPILL);

/** A slot that a 64-bit load reads as a scalar. */
function scalarOf(x: Explorer, slot: Slot): Reg | undefined {
  if (slot.kinds === ALL_SPILL && slot.reg.type === SCALAR) return slot.reg;
  for (let i = 0; i < 8; i++) {
    const kind = slot.kindAt(i);
    if (kind !== STACK_MISC && !(kind === STACK_INVALID && x.privileged)) return undefined;
  }
  return ANYTHING;
}

function stackSafe(x: Explorer, old: Frame, cur: Frame, ids: Pairing, exact: Exactness): boolean {
  for (let s = 0; s < old.stack.length; s++) {
    const a = old.stack[s]!;
    const b = cur.stack[s];
    if (exact !== 'prune' && (b === undefined || a.kinds !== b.kinds)) return false;
    const read = old.slotRead(s);
    if (!read && exact === 'prune') continue;
    const needed = neededKinds(x, a);
    if (!needed) continue;
    if (b === undefined) return false;
    const p = scalarOf(x, a);
    const q = scalarOf(x, b);
    if (p !== undefined && q !== undefined) {
      if (!regSafe(x, p, q, p === ANYTHING || read, p !== ANYTHING && old.slotPrecise(s), ids, exact)) return false;
      continue;
    }
    for (let i = 0; i < 8; i++) {
      const kind = a.kindAt(i);
      if (kind === STACK_INVALID || (kind === STACK_MISC && x.privileged)) continue;
      const other = b.kindAt(i);
      if (kind !== other && !(kind === STACK_MISC && other === STACK_ZERO)) return false;
    }
    switch (a.kindAt(7)) {
      case STACK_SPILL:
        if (!regSafe(x, a.reg, b.reg, read, old.slotPrecise(s), ids, exact)) return false;
        break;
      case STACK_DYNPTR:
        if (a.reg.aux !== b.reg.aux || a.reg.aux2 !== b.reg.aux2 || !ids.same(a.reg.ref, b.reg.ref)) return false;
        break;
      case STACK_ITER:
        if (a.reg.btfId !== b.reg.btfId || a.reg.aux !== b.reg.aux || !ids.same(a.reg.ref, b.reg.ref)) return false;
        break;
    }
  }
  return true;
}

/** Some byte of the slot is of a kind that must be found again. */
function neededKinds(x: Explorer, slot: Slot): boolean {
  for (let i = 0; i < 8; i++) {
    const kind = slot.kindAt(i);
    if (kind !== STACK_INVALID && !(kind === STACK_MISC && x.privileged)) return true;
  }
  return false;
}

function propagateLiveness(old: State, cur: State): void {
  const last = old.frames.length - 1;
  for (let f = 0; f <= last; f++) {
    const a = old.frames[f]!;
    for (let r = f < last ? 6 : 0; r < 10; r++) if (a.read & (1 << r)) markRead(cur, f, r);
    const slots = Math.min(a.stack.length, cur.frames[f]!.stack.length);
    for (let s = 0; s < slots; s++) if (a.slotRead(s)) markSlotRead(cur, f, s);
  }
}
