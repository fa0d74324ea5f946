import { EINVAL } from '../errno.ts';
import { argument64, give, give64, giveUnsigned, type Helper } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';
import { RECORDED } from '../memory.ts';
import type { SimulatedCgroup } from '../world.ts';

/** Kernel functions that find tasks and cgroups: those of the machine's world. */
export const taskKfuncs: Record<string, Helper> = {
  bpf_task_acquire: same,
  bpf_task_release: (_, r) => give(r, 0),
  bpf_task_from_pid: taskFromPid,
  bpf_task_from_vpid: taskFromPid,
  // (task, cgroup): whether it is in it or below
  bpf_task_under_cgroup: (machine, r) => {
    const task = argument64(r, 1);
    const wanted = argument64(r, 2);
    const own = machine.world.tasks?.find((one) => one.address === task)?.cgroup;
    giveUnsigned(r, pathOf(machine, own).some((one) => one.address === wanted) ? 1 : 0);
  },
  // (task, hierarchy): of cgroup v1, which is not here
  bpf_task_get_cgroup1: (_, r) => giveUnsigned(r, 0),
  bpf_cgroup_acquire: same,
  bpf_cgroup_release: (_, r) => give(r, 0),
  bpf_cgroup_from_id: (machine, r) => {
    const id = argument64(r, 1);
    give64(r, machine.world.cgroupTree?.find((one) => one.id === id)?.address ?? 0n);
  },
  // (cgroup, level): the root is level 0
  bpf_cgroup_ancestor: (machine, r) => {
    const address = argument64(r, 1);
    const path = pathOf(machine, machine.world.cgroupTree?.find((one) => one.address === address)?.id);
    give64(r, path.at(-1 - r[4]!)?.address ?? 0n);
    if (r[4]! < 0) giveUnsigned(r, 0);
  },
  cgroup_rstat_updated: (_, r) => give(r, 0),
  cgroup_rstat_flush: (_, r) => give(r, 0),
  // (task, signal, pid type, value)
  bpf_send_signal_task: (machine, r) => {
    const signal = r[4]! >>> 0;
    // PIDTYPE_PID, PIDTYPE_TGID
    if (signal < 1 || signal > 64 || r[6]! >>> 0 > 1) {
      give(r, EINVAL);
      return;
    }
    machine.memory.work += RECORDED;
    machine.outcome.signals ??= [];
    machine.outcome.signals.push({ signal, thread: r[6] === 0, task: argument64(r, 1) });
    give(r, 0);
  },
};

function same(_: Machine, r: Int32Array): void {
  r[0] = r[2]!;
  r[1] = r[3]!;
}

function taskFromPid(machine: Machine, r: Int32Array): void {
  give64(r, machine.world.tasks?.find((one) => one.pid === r[2])?.address ?? 0n);
}

/** A cgroup and those above it, up to the root. */
export function pathOf(machine: Machine, id: bigint | undefined): readonly SimulatedCgroup[] {
  const tree = machine.world.cgroupTree ?? [];
  const path: SimulatedCgroup[] = [];
  for (let next = id; next !== undefined; ) {
    const found: SimulatedCgroup | undefined = tree.find((one) => one.id === next);
    if (found === undefined || path.includes(found)) break;
    path.push(found);
    next = found.parent;
  }
  return path;
}
