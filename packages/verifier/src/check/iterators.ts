/** Open-coded iterators: a state on the stack, a call that gives the next element or null, both of which are followed. */
import type { BtfId } from '@skep/object';
import type { Explorer } from '../explore/explorer.ts';
import { EMPTY_SLOT, Slot } from '../state/frame.ts';
import { ITER_ACTIVE, ITER_DRAINED } from '../state/iterator.ts';
import { allOf, MEM_RCU, PTR_TO_STACK, PTR_UNTRUSTED, STACK_ITER } from '../state/kinds.ts';
import { isConst, known, pointer, type Reg } from '../state/reg.ts';
import { inRcu } from './btf-access.ts';
import { notNull } from './jump.ts';
import type { KfuncCall } from './kfuncs.ts';
import { previousEntry, widenImprecise } from './loops.ts';
import { access } from './memory.ts';
import { frameOf } from './stack-bounds.ts';

export function iteratorArgument(x: Explorer, call: KfuncCall, register: number, reg: Reg, struct: BtfId): void {
  const i = register - 1;
  if (reg.type !== PTR_TO_STACK) x.refuse(`arg#${i} expected pointer to an iterator on stack`);
  const slots = call.btf.sizeOf(struct) >> 3;
  const name = call.btf.name(struct).replace(/^bpf_iter_/, '');
  if (!isConst(reg)) x.refuse('iter has to be at a constant offset');
  const off = reg.off + reg.vl;
  if (off % 8 !== 0) x.refuse(`cannot pass in iter at an offset=${off}`);
  // Truncated, not rounded down, as C divides: the frame pointer itself counts as its first slot.
  const index = Math.trunc((-off - 1) / 8);
  if (index + 1 < slots) x.refuse(`cannot pass in iter at an offset=${off}`);
  const frame = frameOf(x, reg);
  if (call.has('iter_new')) {
    for (let n = 0; n < slots; n++) {
      const slot = frame.stack[index - n] ?? EMPTY_SLOT;
      for (let b = 0; b < 8; b++)
        if (slot.kindAt(b) === STACK_ITER) x.refuse(`expected uninitialized iter_${name} as arg #${i}`);
    }
    for (let n = 0; n < slots; n++) access(x, register, reg, n * 8, 8, 'write', -1, false, false, false);
    const ref = x.acquire();
    for (let n = 0; n < slots; n++) {
      const info = pointer(PTR_TO_STACK | (call.has('rcu_protected') ? (inRcu(x) ? MEM_RCU : PTR_UNTRUSTED) : 0));
      info.aux = ITER_ACTIVE;
      info.btf = call.btf;
      info.btfId = struct;
      info.ref = n === 0 ? ref : 0;
      frame.stack[index - n] = new Slot(allOf(STACK_ITER), info);
      frame.markSlotWritten(index - n);
    }
    return;
  }
  for (let n = 0; n < slots; n++) {
    const slot = frame.stack[index - n] ?? EMPTY_SLOT;
    if (slot.reg.type & PTR_UNTRUSTED && slot.kinds === allOf(STACK_ITER))
      x.refuse(`expected an RCU CS when using ${call.name}`);
    if (slot.kinds !== allOf(STACK_ITER) || (n === 0) !== (slot.reg.ref !== 0) || slot.reg.btfId !== struct)
      x.refuse(`expected an initialized iter_${name} as arg #${i}`);
  }
  for (let n = 0; n < slots; n++) x.readSlot(frame, index - n);
  call.iterator = { frame: reg.aux, slot: index };
  call.ref = frame.stack[index]!.reg.ref;
  if (!call.has('iter_destroy')) return;
  x.release(call.ref);
  for (let n = 0; n < slots; n++) {
    frame.stack[index - n] = EMPTY_SLOT;
    x.trace?.touchSlot(index - n);
    frame.markSlotWritten(index - n);
  }
}

/** The end of the loop goes on here, another round is followed later. */
export function iteratorNext(x: Explorer, at: { readonly frame: number; readonly slot: number }): void {
  const { state } = x;
  const stack = state.frames[at.frame]!.stack;
  const slot = stack[at.slot]!;
  if (slot.reg.aux === ITER_ACTIVE) {
    const before = previousEntry(x, state.parent, x.insn);
    const queued = x.fork(x.insn + 1, x.insn);
    const again = slot.reg.clone();
    again.aux2 += 1;
    queued.frames[at.frame]!.stack[at.slot] = new Slot(slot.kinds, again);
    if (before !== undefined) widenImprecise(before, queued);
    const regs = queued.frame.regs;
    regs[0] = notNull(regs[0]!);
  }
  const drained = slot.reg.clone();
  drained.aux = ITER_DRAINED;
  stack[at.slot] = new Slot(slot.kinds, drained);
  x.set(0, known(0));
}
