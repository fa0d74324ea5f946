import { EDEADLK, EINVAL, EOPNOTSUPP } from '../errno.ts';
import { Fault, Thrown } from '../fault.ts';
import { formatAt, formatText } from '../helpers/format.ts';
import { give, give64, giveUnsigned, type Helper } from '../helpers/helper.ts';
import { mapOf } from '../helpers/maps.ts';
import { traceText } from '../helpers/text.ts';
import { tracingHelpers } from '../helpers/tracing.ts';
import type { Machine } from '../machine.ts';
import { ArenaMap } from '../maps/arena.ts';
import { ARENA_HIGH, RECORDED } from '../memory.ts';

/** Kernel functions of no family: exceptions, work queues, arenas, locks, casts, what drivers tell of packets. */
export const miscKfuncs: Record<string, Helper> = {
  bpf_throw: (_, r) => {
    throw new Thrown(r[2]!, r[3]!);
  },

  // One program runs at a time, and nothing interrupts it.
  bpf_rcu_read_lock: nothing,
  bpf_rcu_read_unlock: nothing,
  bpf_preempt_disable: nothing,
  bpf_preempt_enable: nothing,
  bpf_local_irq_save: (machine, r) => {
    machine.memory.view.setBigUint64(machine.memory.check(r[2]!, r[3]!, 8, 'the place of flags'), 0n, true);
  },
  bpf_local_irq_restore: nothing,
  bpf_res_spin_lock: lock,
  bpf_res_spin_unlock: unlock,
  bpf_res_spin_lock_irqsave: lock,
  bpf_res_spin_unlock_irqrestore: unlock,

  // (work, map, flags), (work, callback, flags, aux), (work, flags): it runs when the clock is next moved
  bpf_wq_init: (machine, r) => {
    const at = machine.memory.check(r[2]!, r[3]!, 16, 'a work item');
    give(r, r[6] !== 0 ? EINVAL : machine.timers.init(at, mapOf(machine, r, 2), 0));
  },
  bpf_wq_set_callback_impl: (machine, r) => {
    const at = machine.memory.check(r[2]!, r[3]!, 16, 'a work item');
    if (r[6] !== 0 || machine.running === undefined) give(r, EINVAL);
    else give(r, machine.timers.setCallback(at, machine.running, r[4]!, r[5]!));
  },
  bpf_wq_start: (machine, r) => {
    const at = machine.memory.check(r[2]!, r[3]!, 16, 'a work item');
    give(r, r[4] !== 0 ? EINVAL : machine.timers.start(at, 0n, 0));
  },

  // (task, work, map, callback): before the task is back in its program
  bpf_task_work_schedule_signal: scheduleTaskWork,
  bpf_task_work_schedule_signal_impl: scheduleTaskWork,
  bpf_task_work_schedule_resume: scheduleTaskWork,
  bpf_task_work_schedule_resume_impl: scheduleTaskWork,

  // (arena, address, pages, node, flags), (arena, address, pages)
  bpf_arena_alloc_pages: (machine, r) => {
    const at = arenaOf(machine, r).allocate(r[4]!, r[5]!, r[6]! >>> 0);
    if (r[10] !== 0 || r[11] !== 0 || at === 0) giveUnsigned(r, 0);
    else {
      r[0] = at;
      r[1] = ARENA_HIGH;
    }
  },
  bpf_arena_free_pages: (machine, r) => arenaOf(machine, r).free(r[4]! >>> 0, r[6]! >>> 0),
  bpf_arena_reserve_pages: (machine, r) => give(r, arenaOf(machine, r).reserve(r[4]! >>> 0, r[6]! >>> 0)),

  bpf_map_sum_elem_count: (machine, r) => {
    const map = mapOf(machine, r, 1);
    const { length } = map.keys();
    machine.memory.work += length * (map.spec.keySize + 64);
    give64(r, BigInt(length));
  },

  // What the kernel has behind a context: a test says where, in its types; the contexts of tracing are the kernel's own.
  bpf_cast_to_kern_ctx: (machine, r) => {
    const { kernelContext } = machine.hook;
    if (kernelContext !== undefined) give64(r, kernelContext);
    else if (machine.skb || machine.running?.spec.hook?.programType === 'BPF_PROG_TYPE_XDP')
      throw new Fault(
        'call',
        "it asks for the kernel's structure behind its context, and `hook.kernelContext` is not given",
      );
    else same(machine, r);
  },
  bpf_rdonly_cast: same,

  // (context, hash, type), (context, time), (context, protocol, tag): what the network driver tells
  bpf_xdp_metadata_rx_hash: (machine, r) => {
    const told = machine.hook.received;
    const { view } = machine.memory;
    const [hash, type] = [place(machine, r, 2, 4), place(machine, r, 3, 4)];
    if (told?.hash === undefined) give(r, EOPNOTSUPP);
    else {
      view.setUint32(hash, told.hash, true);
      view.setUint32(type, told.hashType ?? 0, true);
      give(r, 0);
    }
  },
  bpf_xdp_metadata_rx_timestamp: (machine, r) => {
    const told = machine.hook.received?.timestamp;
    const at = place(machine, r, 2, 8);
    if (told === undefined) give(r, EOPNOTSUPP);
    else {
      machine.memory.view.setBigUint64(at, told, true);
      give(r, 0);
    }
  },
  bpf_xdp_metadata_rx_vlan_tag: (machine, r) => {
    const told = machine.hook.received?.vlan;
    const [protocol, tag] = [place(machine, r, 2, 2), place(machine, r, 3, 2)];
    if (told === undefined) give(r, EOPNOTSUPP);
    else {
      machine.memory.view.setUint16(protocol, told.protocol, false);
      machine.memory.view.setUint16(tag, told.tag, true);
      give(r, 0);
    }
  },

  // kprobe.session: whether the function returns, and eight bytes from its entry to its return
  bpf_session_is_return: (machine, r) => giveUnsigned(r, machine.hook.sessionReturn ? 1 : 0),
  bpf_session_cookie: (machine, r) => giveUnsigned(r, machine.sessionCookie),

  bpf_sock_destroy: (machine, r) => {
    const object = r[3] === 0 ? machine.objects.get(machine.objects.numberOf(r[2]! >>> 0)) : undefined;
    if (object?.kind !== 'socket') give(r, EOPNOTSUPP);
    else {
      machine.memory.work += RECORDED;
      machine.outcome.destroyed ??= [];
      machine.outcome.destroyed.push(object.socket);
      give(r, 0);
    }
  },
  // (context, path, length)
  bpf_sock_addr_set_sun_path: (machine, r) => {
    const length = r[6]! >>> 0;
    const path = machine.memory.slice(r[4]!, r[5]!, length, 'a path');
    // UNIX_PATH_MAX
    if (length === 0 || length > 108) give(r, EINVAL);
    else {
      machine.outcome.unixPath = path.slice();
      give(r, 0);
    }
  },

  bpf_get_task_exe_file: (machine, r) => {
    const address = (BigInt(r[3]! >>> 0) << 32n) | BigInt(r[2]! >>> 0);
    give64(r, machine.world.tasks?.find((one) => one.address === address)?.executable ?? 0n);
  },
  bpf_put_file: nothing,
  // (path, buffer, size)
  bpf_path_d_path: (machine, r) => tracingHelpers['bpf_d_path']!(machine, r),

  // (stream, format, arguments, length, aux)
  bpf_stream_vprintk: (machine, r) => {
    const { memory } = machine;
    const length = r[8]! >>> 0;
    const format = formatAt(machine, r[4]!, r[5]!);
    if (length % 8 !== 0 || length > 96 || format === EINVAL) {
      give(r, EINVAL);
      return;
    }
    const at = length === 0 ? 0 : memory.check(r[6]!, r[7]!, length, 'the arguments of a format');
    const args = Array.from({ length: length / 8 }, (_, i) => memory.view.getBigUint64(at + 8 * i, true));
    const made = formatText(machine, format, args);
    if (made === EINVAL) {
      give(r, EINVAL);
      return;
    }
    machine.onTrace?.(traceText(made.text));
    give(r, 0);
  },
};

function nothing(): void {}

function same(_: Machine, r: Int32Array): void {
  r[0] = r[2]!;
  r[1] = r[3]!;
}

function scheduleTaskWork(machine: Machine, r: Int32Array): void {
  const at = machine.memory.check(r[4]!, r[5]!, 8, "a task's work");
  if (machine.running === undefined) give(r, EINVAL);
  else give(r, machine.timers.schedule(at, mapOf(machine, r, 3), machine.running, r[8]!, r[9]!));
}

function place(machine: Machine, r: Int32Array, n: number, size: number): number {
  return machine.memory.check(r[2 * n]!, r[2 * n + 1]!, size, 'the place of an answer');
}

/** A lock that is held can only be held by the same program: a deadlock, which these locks tell. */
function lock(machine: Machine, r: Int32Array): void {
  const at = machine.memory.check(r[2]!, r[3]!, 4, 'a lock');
  const { view } = machine.memory;
  const held = view.getInt32(at, true) !== 0;
  view.setInt32(at, 1, true);
  give(r, held ? EDEADLK : 0);
}

function unlock(machine: Machine, r: Int32Array): void {
  machine.memory.view.setInt32(machine.memory.check(r[2]!, r[3]!, 4, 'a lock'), 0, true);
}

function arenaOf(machine: Machine, r: Int32Array): ArenaMap {
  const map = mapOf(machine, r, 1);
  if (!(map instanceof ArenaMap)) throw new Fault('map', `${map.spec.name} is no arena`);
  return map;
}
