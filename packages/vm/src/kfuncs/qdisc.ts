import { Fault } from '../fault.ts';
import { argument64, giveUnsigned, type Helper } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';
import { RECORDED } from '../memory.ts';
import type { SimulatedQdisc } from '../simulate/qdisc.ts';

/** Kernel functions of queueing disciplines (net/sched/bpf_qdisc.c). */
export const qdiscKfuncs: Record<string, Helper> = {
  bpf_skb_get_hash: (machine, r) => giveUnsigned(r, of(machine).hashOf(argument64(r, 1))),
  bpf_kfree_skb: drop,
  // (packet, list of those that are to go)
  bpf_qdisc_skb_drop: drop,
  // (discipline, when, slack)
  bpf_qdisc_watchdog_schedule: (machine, r) => {
    of(machine).watchdog = argument64(r, 2);
  },
  // (discipline, packet)
  bpf_qdisc_bstats_update: (machine, r) => of(machine).count(argument64(r, 2)),
};

function drop(machine: Machine, r: Int32Array): void {
  machine.memory.work += RECORDED;
  of(machine).drop(argument64(r, 1));
}

function of(machine: Machine): SimulatedQdisc {
  if (machine.qdisc === undefined)
    throw new Fault('call', 'it calls a function of a queueing discipline, and none is simulated (SimulatedQdisc)');
  return machine.qdisc;
}
