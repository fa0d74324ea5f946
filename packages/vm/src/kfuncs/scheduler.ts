import { EINVAL, ENOENT } from '../errno.ts';
import { Fault } from '../fault.ts';
import { formatAt, formatText } from '../helpers/format.ts';
import { argument64, give, giveUnsigned, type Helper } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';
import type { SimulatedScheduler } from '../simulate/scheduler.ts';

/** Kernel functions of sched_ext (kernel/sched/ext.c), under the names of 6.12 and of later kernels. */
export const schedulerKfuncs: Record<string, Helper> = {
  // (queue, node)
  scx_bpf_create_dsq: (machine, r) => give(r, of(machine).queues.create(argument64(r, 1))),
  scx_bpf_destroy_dsq: (machine, r) => of(machine).queues.destroy(argument64(r, 1)),
  scx_bpf_dsq_nr_queued: (machine, r) => give(r, of(machine).queued(argument64(r, 1))),
  // (task, previous CPU, flags, where to say whether it is idle)
  scx_bpf_select_cpu_dfl: (machine, r) => {
    const { cpu, idle } = of(machine).selectCpu(argument64(r, 1), r[4]!);
    machine.memory.bytes[machine.memory.check(r[8]!, r[9]!, 1, 'the place of an answer')] = idle ? 1 : 0;
    give(r, cpu);
  },
  // (task, queue, slice, flags)
  scx_bpf_dispatch: dispatch,
  scx_bpf_dsq_insert: dispatch,
  // (task, queue, slice, vtime, flags)
  scx_bpf_dispatch_vtime: dispatchVtime,
  scx_bpf_dsq_insert_vtime: dispatchVtime,
  scx_bpf_dispatch_nr_slots: (machine, r) => giveUnsigned(r, of(machine).slots()),
  scx_bpf_dispatch_cancel: (machine) => of(machine).cancel(),
  scx_bpf_consume: consume,
  scx_bpf_dsq_move_to_local: consume,
  scx_bpf_reenqueue_local: (machine, r) => giveUnsigned(r, of(machine).reenqueue()),
  // (cpu, flags)
  scx_bpf_kick_cpu: (machine, r) => void of(machine).kick(r[2]!, argument64(r, 2)),
  scx_bpf_nr_cpu_ids: (machine, r) => giveUnsigned(r, of(machine).size),
  scx_bpf_get_possible_cpumask: (machine, r) => giveUnsigned(r, of(machine).idle.all.address),
  scx_bpf_get_online_cpumask: (machine, r) => giveUnsigned(r, of(machine).idle.all.address),
  scx_bpf_put_cpumask: nothing,
  scx_bpf_get_idle_cpumask: (machine, r) => giveUnsigned(r, of(machine).idle.idle.address),
  // Every processor is a core of its own.
  scx_bpf_get_idle_smtmask: (machine, r) => giveUnsigned(r, of(machine).idle.idle.address),
  scx_bpf_put_idle_cpumask: nothing,
  scx_bpf_test_and_clear_cpu_idle: (machine, r) => giveUnsigned(r, of(machine).idle.take(r[2]!) ? 1 : 0),
  scx_bpf_pick_idle_cpu: (machine, r) => give(r, of(machine).idle.pick(allowed(machine, r))),
  scx_bpf_pick_any_cpu: (machine, r) => give(r, of(machine).idle.pickAny(allowed(machine, r))),
  scx_bpf_task_running: (machine, r) => giveUnsigned(r, of(machine).taskAt(argument64(r, 1))?.running ? 1 : 0),
  scx_bpf_task_cpu: (machine, r) => give(r, of(machine).taskAt(argument64(r, 1))?.cpu ?? EINVAL),
  scx_bpf_now: (machine, r) => {
    const now = machine.world.time(5);
    r[0] = Number(BigInt.asIntN(32, now));
    r[1] = Number(BigInt.asIntN(32, now >> 32n));
  },
  // No frequencies: always at full speed (SCX_CPUPERF_ONE).
  scx_bpf_cpuperf_cap: (_, r) => giveUnsigned(r, 1024),
  scx_bpf_cpuperf_cur: (_, r) => giveUnsigned(r, 1024),
  scx_bpf_cpuperf_set: nothing,
  // (code, format, data, length), (format, data, length)
  scx_bpf_exit_bstr: (machine, r) => of(machine).fail(text(machine, r, 2), 'exited', argument64(r, 1)),
  scx_bpf_error_bstr: (machine, r) => of(machine).fail(text(machine, r, 1)),
  scx_bpf_dump_bstr: (machine, r) => machine.onTrace?.(text(machine, r, 1)),

  // (iterator, queue, flags): struct bpf_iter_scx_dsq, 48 bytes: the queue, the place in it, slice and time to move with
  bpf_iter_scx_dsq_new: (machine, r) => {
    const it = machine.memory.check(r[2]!, r[3]!, 48, 'an iterator');
    const queue = argument64(r, 2);
    machine.memory.bytes.fill(0, it, it + 48);
    machine.memory.view.setInt32(it + 8, -1, true);
    if (of(machine).queues.waiting(queue) === undefined) {
      give(r, ENOENT);
      return;
    }
    machine.memory.view.setBigUint64(it, queue, true);
    // SCX_DSQ_ITER_REV
    machine.memory.view.setInt32(it + 12, (r[6]! & (1 << 16)) !== 0 ? 1 : 0, true);
    machine.memory.view.setInt32(it + 8, 0, true);
    give(r, 0);
  },
  bpf_iter_scx_dsq_next: (machine, r) => {
    const { view } = machine.memory;
    const it = machine.memory.check(r[2]!, r[3]!, 48, 'an iterator');
    const tasks = (of(machine).queues.waiting(view.getBigUint64(it, true)) ?? []).map((one) => one.address);
    machine.memory.work += 8 * tasks.length;
    const last = view.getBigUint64(it + 40, true);
    const reverse = view.getInt32(it + 12, true) === 1;
    const order = reverse ? [...tasks].reverse() : tasks;
    const at = view.getInt32(it + 8, true);
    // What it gave last may have been moved away meanwhile.
    const next = at < 0 ? undefined : last !== 0n && order[at - 1] !== last ? order[at - 1] : order[at];
    if (next === undefined) {
      giveUnsigned(r, 0);
      return;
    }
    view.setInt32(it + 8, order.indexOf(next) + 1, true);
    view.setBigUint64(it + 40, next, true);
    r[0] = Number(BigInt.asIntN(32, next));
    r[1] = Number(BigInt.asIntN(32, next >> 32n));
  },
  bpf_iter_scx_dsq_destroy: (machine, r) => {
    machine.memory.view.setInt32(machine.memory.check(r[2]!, r[3]!, 48, 'an iterator') + 8, -1, true);
  },
  // (iterator, slice), (iterator, vtime)
  scx_bpf_dispatch_from_dsq_set_slice: (machine, r) => remember(machine, r, 16),
  scx_bpf_dsq_move_set_slice: (machine, r) => remember(machine, r, 16),
  scx_bpf_dispatch_from_dsq_set_vtime: (machine, r) => remember(machine, r, 24),
  scx_bpf_dsq_move_set_vtime: (machine, r) => remember(machine, r, 24),
  // (iterator, task, queue, flags)
  scx_bpf_dispatch_from_dsq: (machine, r) => move(machine, r, false),
  scx_bpf_dsq_move: (machine, r) => move(machine, r, false),
  scx_bpf_dispatch_vtime_from_dsq: (machine, r) => move(machine, r, true),
  scx_bpf_dsq_move_vtime: (machine, r) => move(machine, r, true),
};

function of(machine: Machine): SimulatedScheduler {
  if (machine.scheduler === undefined)
    throw new Fault('call', 'it calls a function of the scheduler, and no scheduler is simulated (SimulatedScheduler)');
  return machine.scheduler;
}

function nothing(): void {}

function dispatch(machine: Machine, r: Int32Array): void {
  of(machine).dispatch(argument64(r, 1), argument64(r, 2), argument64(r, 3), argument64(r, 4));
}

function dispatchVtime(machine: Machine, r: Int32Array): void {
  of(machine).dispatch(argument64(r, 1), argument64(r, 2), argument64(r, 3), argument64(r, 5), argument64(r, 4));
}

function consume(machine: Machine, r: Int32Array): void {
  giveUnsigned(r, of(machine).consume(argument64(r, 1)) ? 1 : 0);
}

function allowed(machine: Machine, r: Int32Array): (cpu: number) => boolean {
  const mask = machine.memory.check(r[2]!, r[3]!, Math.ceil(machine.cpus / 8), 'a set of processors');
  return (cpu) => ((machine.memory.bytes[mask + (cpu >> 3)]! >> (cpu & 7)) & 1) === 1;
}

function remember(machine: Machine, r: Int32Array, at: number): void {
  const it = machine.memory.check(r[2]!, r[3]!, 48, 'an iterator');
  machine.memory.view.setBigUint64(it + at, argument64(r, 2), true);
  machine.memory.bytes[it + 32 + (at >> 3)] = 1;
}

function move(machine: Machine, r: Int32Array, byTime: boolean): void {
  const { view, bytes } = machine.memory;
  const it = machine.memory.check(r[2]!, r[3]!, 48, 'an iterator');
  const slice = bytes[it + 34] === 1 ? view.getBigUint64(it + 16, true) : undefined;
  const vtime = byTime ? (bytes[it + 35] === 1 ? view.getBigUint64(it + 24, true) : 0n) : undefined;
  bytes.fill(0, it + 32, it + 40);
  const from = view.getBigUint64(it, true);
  giveUnsigned(r, of(machine).move(argument64(r, 2), from, argument64(r, 3), argument64(r, 4), slice, vtime) ? 1 : 0);
}

/** A format at argument n, its data and their length behind it. */
function text(machine: Machine, r: Int32Array, n: number): string {
  const { memory } = machine;
  const format = formatAt(machine, r[2 * n]!, r[2 * n + 1]!);
  const length = Math.min(96, r[2 * n + 4]! >>> 0) & ~7;
  const at = length === 0 ? 0 : memory.check(r[2 * n + 2]!, r[2 * n + 3]!, length, 'the arguments of a format');
  const args = Array.from({ length: length / 8 }, (_, i) => memory.view.getBigUint64(at + 8 * i, true));
  const made = format === EINVAL ? EINVAL : formatText(machine, format, args);
  return made === EINVAL ? '' : made.text;
}
