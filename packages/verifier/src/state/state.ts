import type { Frame } from './frame.ts';

/** A resource that must be given back. */
export interface Reference {
  readonly id: number;
  /** The instruction that acquired it. */
  readonly insn: number;
  /** The frame of the callback that acquired it; 0 outside. */
  readonly callback: number;
}

/** An instruction that back-tracking must know more of than its text. */
export interface Step {
  readonly index: number;
  readonly previous: number;
  flags: number;
  /** Registers that were narrowed together. */
  linked: readonly Linked[] | undefined;
}

export interface Linked {
  readonly frame: number;
  readonly register: boolean;
  readonly index: number;
}

/** {@link Step.flags}: slot and frame of a stack access, or an operand of a comparison that is a stack pointer. */
export const STACK_ACCESS = 1 << 9;
export const DST_IS_STACK = 1 << 10;
export const SRC_IS_STACK = 1 << 11;

/** All that is known at one instruction of one path. */
export class State {
  frames: Frame[] = [];
  parent: State | undefined = undefined;
  /** Paths that start here and are not explored to the end. */
  branches = 1;
  insn = -1;
  firstInsn = 0;
  lastInsn = -1;
  steps: Step[] = [];
  refs: readonly Reference[] = [];
  /** What holds the spin lock: a map, or a type for allocated objects; undefined when no lock is held. */
  lockOwner: object | undefined = undefined;
  lockId = 0;
  rcu = 0;
  preempt = 0;
  sleepable = false;
  speculative = false;
  mayGotoDepth = 0;
  callbackUnrollDepth = 0;
  depth = 0;
  loopEntry: State | undefined = undefined;
  usedAsLoopEntry = false;
  cleaned = false;
  hits = 0;
  misses = 0;

  get frame(): Frame {
    return this.frames[this.frames.length - 1]!;
  }

  clone(): State {
    const s = new State();
    s.frames = this.frames.map((frame) => frame.clone());
    s.parent = this.parent;
    s.branches = this.branches;
    s.firstInsn = this.firstInsn;
    s.lastInsn = this.lastInsn;
    s.steps = this.steps.slice();
    s.refs = this.refs;
    s.lockOwner = this.lockOwner;
    s.lockId = this.lockId;
    s.rcu = this.rcu;
    s.preempt = this.preempt;
    s.sleepable = this.sleepable;
    s.speculative = this.speculative;
    s.mayGotoDepth = this.mayGotoDepth;
    s.callbackUnrollDepth = this.callbackUnrollDepth;
    s.depth = this.depth;
    s.loopEntry = this.loopEntry;
    return s;
  }
}

/** A register was read: it mattered to every state on the way to where it was last written. */
export function markRead(state: State, frame: number, register: number): void {
  const bit = 1 << register;
  let at: State = state;
  let number = frame;
  for (;;) {
    const here = at.frames[number]!;
    if (here.written & bit) return;
    number = here.links[register]!;
    if (number < 0 || at.parent === undefined) return;
    at = at.parent;
    const above = at.frames[number];
    if (above === undefined || above.read & bit) return;
    above.read |= bit;
  }
}

export function markSlotRead(state: State, frame: number, slot: number): void {
  let at: State = state;
  for (;;) {
    const here = at.frames[frame]!;
    if (here.slotWritten(slot) || !here.stackLinked || at.parent === undefined) return;
    at = at.parent;
    const above = at.frames[frame];
    if (above === undefined || above.slotRead(slot)) return;
    above.markSlotRead(slot);
  }
}

/** Loops of states: the state in which the outermost loop around this one was entered. */
export function loopEntryOf(state: State): State | undefined {
  let top = state.loopEntry;
  while (top?.loopEntry !== undefined && top !== top.loopEntry) top = top.loopEntry;
  let at: State | undefined = state;
  while (at !== undefined && at.loopEntry !== top) {
    const next: State | undefined = at.loopEntry;
    at.loopEntry = top;
    at = next;
  }
  return top;
}

export function updateLoopEntry(state: State, header: State): void {
  const from = loopEntryOf(state) ?? state;
  const to = loopEntryOf(header) ?? header;
  if (to.branches > 0 && to.depth <= from.depth) {
    state.loopEntry = header;
    header.usedAsLoopEntry = true;
  }
}

/** One path that starts here has been explored. */
export function pathDone(state: State): void {
  let at: State | undefined = state;
  while (at !== undefined) {
    at.branches -= 1;
    if (at.branches === 0 && at.parent !== undefined && at.loopEntry !== undefined)
      updateLoopEntry(at.parent, at.loopEntry);
    if (at.branches > 0) return;
    at = at.parent;
  }
}
