import type { Explorer } from '../explore/explorer.ts';
import { Slot } from '../state/frame.ts';
import { SCALAR } from '../state/kinds.ts';
import { type Reg, sameButIds, unknown } from '../state/reg.ts';
import type { State } from '../state/state.ts';

/** Numbers that change from one round of a loop to the next and that decided nothing so far become unknown. */
export function widenImprecise(before: State, now: State): void {
  for (let f = before.frames.length - 1; f >= 0; f--) {
    const old = before.frames[f]!;
    const cur = now.frames[f];
    if (cur === undefined) continue;
    for (let r = 0; r < 10; r++) {
      const p = old.regs[r]!;
      const q = cur.regs[r]!;
      if (!(old.precise & (1 << r)) && changes(p, q)) cur.regs[r] = unknown();
    }
    const slots = Math.min(old.stack.length, cur.stack.length);
    for (let s = 0; s < slots; s++) {
      const a = old.stack[s]!;
      const b = cur.stack[s]!;
      if (a.spilled && b.spilled && !old.slotPrecise(s) && changes(a.reg, b.reg))
        cur.stack[s] = new Slot(b.kinds, unknown());
    }
  }
}

function changes(old: Reg, cur: Reg): boolean {
  return old.type === SCALAR && cur.type === SCALAR && !(sameButIds(old, cur) && (old.id !== 0) === (cur.id !== 0));
}

/** The newest kept state at the instruction that lies before `from` on a path still open, in the same calls. */
export function previousEntry(x: Explorer, from: State | undefined, insn: number): State | undefined {
  if (from === undefined) return undefined;
  const kept = x.statesAt(insn);
  for (let i = kept.length - 1; i >= 0; i--) {
    const state = kept[i]!;
    if (state.branches > 0 && state.depth < from.depth && sameCalls(state, from)) return state;
  }
  return undefined;
}

function sameCalls(a: State, b: State): boolean {
  return a.frames.length === b.frames.length && a.frames.every((frame, i) => frame.callsite === b.frames[i]!.callsite);
}
