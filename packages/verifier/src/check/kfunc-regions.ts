/** Regions of RCU and of disabled preemption, which kernel functions begin and end. */

import type { Explorer } from '../explore/explorer.ts';
import { Slot } from '../state/frame.ts';
import { MAYBE_NULL, MEM_RCU, PTR_UNTRUSTED, STACK_ITER } from '../state/kinds.ts';
import type { Reg } from '../state/reg.ts';
import { inTreeCallback } from './graph.ts';
import type { KfuncCall } from './kfuncs.ts';

export function kfuncRegions(x: Explorer, call: KfuncCall, sleepable: boolean): void {
  const { state } = x;
  const { name } = call;
  const lock = name === 'bpf_rcu_read_lock';
  const unlock = name === 'bpf_rcu_read_unlock';
  if (state.rcu > 0) {
    if (inTreeCallback(x) && (lock || unlock))
      x.refuse('Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback');
    if (lock) x.refuse(`nested rcu read lock (kernel function ${name})`);
    else if (unlock) {
      leaveRcu(x);
      state.rcu = 0;
    } else if (sleepable) x.refuse(`kernel func ${name} is sleepable within rcu_read_lock region`);
  } else if (lock) state.rcu = 1;
  else if (unlock) x.refuse(`unmatched rcu read unlock (kernel function ${name})`);
  if (name === 'bpf_preempt_disable') state.preempt += 1;
  else if (name === 'bpf_preempt_enable') {
    if (state.preempt === 0) x.refuse(`unmatched attempt to enable preemption (kernel function ${name})`);
    state.preempt -= 1;
  } else if (state.preempt > 0 && sleepable) x.refuse(`kernel func ${name} is sleepable within non-preemptible region`);
}

function leaveRcu(x: Explorer): void {
  const distrust = (reg: Reg): Reg => {
    if (!(reg.type & MEM_RCU)) return reg;
    const now = reg.clone();
    now.type = (now.type & ~(MEM_RCU | MAYBE_NULL)) | PTR_UNTRUSTED;
    return now;
  };
  x.eachReg(x.state, distrust);
  for (const frame of x.state.frames) {
    for (let s = 0; s < frame.stack.length; s++) {
      const slot = frame.stack[s]!;
      if (slot.kindAt(0) === STACK_ITER) frame.stack[s] = new Slot(slot.kinds, distrust(slot.reg));
    }
  }
}
