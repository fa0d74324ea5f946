import { E2BIG, EFAULT, EINVAL } from '../errno.ts';
import { argument64, give, give64, giveUnsigned, type Helper } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';
import type { SimulatedCgroup, SimulatedTask } from '../world.ts';

/**
 * Open-coded iterators: `_new(it, …)`, `_next(it)` until it gives NULL, `_destroy(it)`. Their state lies in the
 * program's own frame, so that every step looks at it with distrust.
 */
export const iteratorKfuncs: Record<string, Helper> = {
  // (it, start, end): struct bpf_iter_num { int current, end }
  bpf_iter_num_new: (machine, r) => {
    const { view } = machine.memory;
    const it = state(machine, r, 8);
    const [start, end] = [r[4]!, r[6]!];
    const error = start > end ? EINVAL : end - start > MAX_LOOPS ? E2BIG : 0;
    view.setInt32(it, error === 0 ? start - 1 : 0, true);
    view.setInt32(it + 4, error === 0 ? end : 0, true);
    give(r, error);
  },
  bpf_iter_num_next: (machine, r) => {
    const { view } = machine.memory;
    const it = state(machine, r, 8);
    const next = (view.getInt32(it, true) + 1) | 0;
    if (next >= view.getInt32(it + 4, true)) {
      view.setInt32(it, 0, true);
      view.setInt32(it + 4, 0, true);
      giveUnsigned(r, 0);
    } else {
      view.setInt32(it, next, true);
      giveUnsigned(r, it);
    }
  },
  bpf_iter_num_destroy: (machine, r) => {
    machine.memory.view.setBigInt64(state(machine, r, 8), 0n, true);
  },

  // (it, bits, words): struct bpf_iter_bits { the bits or where they are; int count, current }
  bpf_iter_bits_new: (machine, r) => {
    const { memory } = machine;
    const it = state(machine, r, 16);
    const words = r[6]! >>> 0;
    const from = argument64(r, 2);
    memory.view.setBigUint64(it, 0n, true);
    memory.view.setInt32(it + 8, 0, true);
    memory.view.setInt32(it + 12, -1, true);
    if (from === 0n || words === 0) give(r, EINVAL);
    else if (words > 511) give(r, E2BIG);
    else {
      const bytes = readKernel(machine, from, 8 * words);
      if (bytes === undefined) {
        give(r, EFAULT);
        return;
      }
      const copy = bytes.slice();
      const at = words === 1 ? it : machine.heap.allocate(8 * words);
      memory.bytes.set(copy, at);
      if (words > 1) memory.view.setUint32(it, at, true);
      memory.view.setInt32(it + 8, 64 * words, true);
      give(r, 0);
    }
  },
  bpf_iter_bits_next: (machine, r) => {
    const { memory } = machine;
    const it = state(machine, r, 16);
    const count = memory.view.getInt32(it + 8, true);
    const words = count >> 6;
    if (count < 0 || count > 64 * 511) {
      giveUnsigned(r, 0);
      return;
    }
    const bits =
      words <= 1
        ? it
        : memory.check(memory.view.getInt32(it, true), memory.view.getInt32(it + 4, true), 8 * words, 'a set of bits');
    let at = memory.view.getInt32(it + 12, true);
    if (at >= count) {
      giveUnsigned(r, 0);
      return;
    }
    at = Math.max(at + 1, 0);
    while (at < count && ((memory.bytes[bits + (at >> 3)]! >> (at & 7)) & 1) === 0) at += 1;
    memory.view.setInt32(it + 12, at, true);
    giveUnsigned(r, at < count ? it + 12 : 0);
  },
  bpf_iter_bits_destroy: (machine, r) => {
    const { memory } = machine;
    const it = state(machine, r, 16);
    if (memory.view.getInt32(it + 8, true) > 64) machine.heap.free(memory.view.getUint32(it, true));
    memory.view.setInt32(it + 8, 0, true);
  },

  // (it, task, flags): struct bpf_iter_task { u32 next, flags; u64 task; … }
  bpf_iter_task_new: (machine, r) => {
    const { view } = machine.memory;
    const it = state(machine, r, 24);
    const flags = r[6]! >>> 0;
    const task = argument64(r, 2);
    view.setUint32(it, 0, true);
    view.setUint32(it + 4, flags, true);
    view.setBigUint64(it + 8, task, true);
    give(r, flags > TASK_ITER_PROC_THREADS || (flags === TASK_ITER_PROC_THREADS && task === 0n) ? EINVAL : 0);
  },
  bpf_iter_task_next: (machine, r) => {
    const { view } = machine.memory;
    const it = state(machine, r, 24);
    const next = view.getUint32(it, true);
    const found = tasksOf(machine, view.getUint32(it + 4, true), view.getBigUint64(it + 8, true))[next];
    view.setUint32(it, next + 1, true);
    give64(r, found?.address ?? 0n);
  },
  bpf_iter_task_destroy: nothing,

  // (it, task, address): struct bpf_iter_task_vma { u32 task, next }
  bpf_iter_task_vma_new: (machine, r) => {
    const { view } = machine.memory;
    const it = state(machine, r, 8);
    const task = argument64(r, 2);
    const from = argument64(r, 3);
    const list = machine.world.tasks ?? [];
    const index = list.findIndex((one) => one.address === task);
    const first = list[index]?.areas?.findIndex((one) => one.end > from) ?? -1;
    view.setUint32(it, index + 1, true);
    view.setUint32(it + 4, first < 0 ? 0xffffffff : first, true);
    give(r, index < 0 ? -2 : 0);
  },
  bpf_iter_task_vma_next: (machine, r) => {
    const { view } = machine.memory;
    const it = state(machine, r, 8);
    const next = view.getUint32(it + 4, true);
    const found = machine.world.tasks?.[view.getUint32(it, true) - 1]?.areas?.[next];
    if (found) view.setUint32(it + 4, next + 1, true);
    give64(r, found?.address ?? 0n);
  },
  bpf_iter_task_vma_destroy: nothing,

  // (it, css, flags): struct bpf_iter_css { u32 next, flags; u64 css; … }; a cgroup begins with its css
  bpf_iter_css_new: (machine, r) => {
    const { view } = machine.memory;
    const it = state(machine, r, 24);
    const order = r[6]! >>> 0;
    view.setUint32(it, 0, true);
    view.setUint32(it + 4, order, true);
    view.setBigUint64(it + 8, argument64(r, 2), true);
    give(r, order < CGROUP_ITER_PRE || order > CGROUP_ITER_UP ? EINVAL : 0);
  },
  bpf_iter_css_next: (machine, r) => {
    const { view } = machine.memory;
    const it = state(machine, r, 24);
    const next = view.getUint32(it, true);
    const found = cgroupsFrom(machine, view.getUint32(it + 4, true), view.getBigUint64(it + 8, true))[next];
    view.setUint32(it, next + 1, true);
    give64(r, found?.address ?? 0n);
  },
  bpf_iter_css_destroy: nothing,

  // (it, css, flags): struct bpf_iter_css_task { u32 cgroup, next }
  bpf_iter_css_task_new: (machine, r) => {
    const { view } = machine.memory;
    const it = state(machine, r, 8);
    const css = argument64(r, 2);
    const index = (machine.world.cgroupTree ?? []).findIndex((one) => one.address === css);
    view.setUint32(it, index + 1, true);
    view.setUint32(it + 4, 0, true);
    give(r, index < 0 || r[6]! >>> 0 > 3 ? EINVAL : 0);
  },
  bpf_iter_css_task_next: (machine, r) => {
    const { view } = machine.memory;
    const it = state(machine, r, 8);
    const group = machine.world.cgroupTree?.[view.getUint32(it, true) - 1];
    const next = view.getUint32(it + 4, true);
    const found = group && (machine.world.tasks ?? []).filter((one) => one.cgroup === group.id)[next];
    if (found) view.setUint32(it + 4, next + 1, true);
    give64(r, found?.address ?? 0n);
  },
  bpf_iter_css_task_destroy: nothing,
};

/** `BPF_MAX_LOOPS`. */
const MAX_LOOPS = 8 << 20;
/** `BPF_TASK_ITER_ALL_PROCS` (0), `_ALL_THREADS`, `_PROC_THREADS` (kernel/bpf/task_iter.c). */
const TASK_ITER_ALL_THREADS = 1;
const TASK_ITER_PROC_THREADS = 2;
/** `BPF_CGROUP_ITER_DESCENDANTS_PRE`, `_POST`, `_ANCESTORS_UP` (include/uapi/linux/bpf.h). */
const CGROUP_ITER_PRE = 2;
const CGROUP_ITER_POST = 3;
const CGROUP_ITER_UP = 4;

function state(machine: Machine, r: Int32Array, size: number): number {
  return machine.memory.check(r[2]!, r[3]!, size, 'an iterator');
}

function nothing(): void {}

function tasksOf(machine: Machine, flags: number, task: bigint): readonly SimulatedTask[] {
  const tasks = machine.world.tasks ?? [];
  machine.memory.work += 64 * tasks.length;
  if (flags === TASK_ITER_ALL_THREADS) return tasks;
  if (flags !== TASK_ITER_PROC_THREADS) return tasks.filter((one) => one.pid === one.tgid);
  const own = tasks.find((one) => one.address === task);
  return own ? tasks.filter((one) => one.tgid === own.tgid) : [];
}

/** Parents before children (pre), children before parents (post), or the way up; children in the order of the list. */
function cgroupsFrom(machine: Machine, order: number, start: bigint): readonly SimulatedCgroup[] {
  const tree = machine.world.cgroupTree ?? [];
  machine.memory.work += 64 * tree.length ** 2;
  const first = tree.find((one) => one.address === start);
  if (first === undefined) return [];
  const found: SimulatedCgroup[] = [];
  if (order === CGROUP_ITER_UP) {
    for (let one: SimulatedCgroup | undefined = first; one && !found.includes(one); ) {
      found.push(one);
      const { parent }: SimulatedCgroup = one;
      one = tree.find((other) => other.id === parent);
    }
    return found;
  }
  const seen = new Set<SimulatedCgroup>();
  const visit = (one: SimulatedCgroup): void => {
    if (seen.has(one)) return;
    seen.add(one);
    if (order !== CGROUP_ITER_POST) found.push(one);
    for (const child of tree) if (child.parent === one.id) visit(child);
    if (order === CGROUP_ITER_POST) found.push(one);
  };
  visit(first);
  return found;
}

function readKernel(machine: Machine, at: bigint, size: number): Uint8Array | undefined {
  const { memory, world } = machine;
  if (at >= 0x10000n && at + BigInt(size) <= BigInt(memory.size))
    return memory.bytes.subarray(Number(at), Number(at) + size);
  return world.read(at, size, 'kernel');
}
