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
