import { utf8Bytes } from '@skep/base';
import type { BtfKind } from '@skep/object';
import { E2BIG, EFAULT, EINVAL, ENAMETOOLONG, ENOENT, EOPNOTSUPP } from '../errno.ts';
import { Fault } from '../fault.ts';
import type { Machine } from '../machine.ts';
import { StackTraceMap } from '../maps/stack-trace.ts';
import { RECORDED } from '../memory.ts';
import type { World } from '../world.ts';
import { argument64, give, give64, type Helper } from './helper.ts';
import { mapOf } from './maps.ts';

/** Helpers of programs that trace: stacks, arguments, tasks; what only a kernel knows is asked of the world. */
export const tracingHelpers: Record<string, Helper> = {
  // (context, map, flags)
  bpf_get_stackid: (machine, r) => {
    const map = mapOf(machine, r, 2);
    if (!(map instanceof StackTraceMap)) throw new Fault('map', `${map.spec.name} is no map of stacks`);
    const flags = r[6]! >>> 0;
    const recorded = machine.world.recordedStack?.((flags & USER_STACK) !== 0);
    if (r[7] !== 0 || (flags & ~(0xff | USER_STACK | FAST_STACK_CMP | REUSE_STACKID)) !== 0) give(r, EINVAL);
    else if (recorded) give(r, map.keep(recorded.result, recorded.addresses, flags));
    else give(r, map.store(machine.world.stack?.((flags & USER_STACK) !== 0) ?? [], flags));
  },
  // (context, buffer, size, flags), (task, buffer, size, flags)
  bpf_get_stack: stack,
  bpf_get_task_stack: stack,
  // (map, flags), (map, flags, buffer, size)
  bpf_perf_event_read: (machine, r) => {
    const found = counter(machine, r);
    if (typeof found === 'number') give(r, found);
    else give64(r, found.counter);
  },
  bpf_perf_event_read_value: (machine, r) => {
    const size = r[8]! >>> 0;
    const at = machine.memory.check(r[6]!, r[7]!, size, 'the place of a counter');
    const found = size === 24 ? counter(machine, r) : EINVAL;
    machine.memory.bytes.fill(0, at, at + size);
    if (typeof found === 'number') give(r, found);
    else {
      for (const [i, one] of [found.counter, found.enabled, found.running].entries())
        machine.memory.view.setBigUint64(at + 8 * i, one, true);
      give(r, 0);
    }
  },
  // (regs, result)
  bpf_override_return: (machine, r) => {
    machine.outcome.override = argument64(r, 2);
    give(r, 0);
  },
  // (signal)
  bpf_send_signal: (machine, r) => signal(machine, r, false),
  bpf_send_signal_thread: (machine, r) => signal(machine, r, true),
  // No such hardware.
  bpf_read_branch_records: (_, r) => give(r, ENOENT),
  bpf_get_branch_snapshot: (_, r) => give(r, ENOENT),
  // (context, buffer, size): the counter of the event that the program is attached to
  bpf_perf_prog_read_value: (machine, r) => {
    const size = r[6]! >>> 0;
    const at = machine.memory.check(r[4]!, r[5]!, size, 'the place of a counter');
    const found = machine.world.perfCounter?.('', 0);
    machine.memory.bytes.fill(0, at, at + size);
    if (size !== 24 || found === undefined) give(r, EINVAL);
    else {
      for (const [i, one] of [found.counter, found.enabled, found.running].entries())
        machine.memory.view.setBigUint64(at + 8 * i, one, true);
      give(r, 0);
    }
  },
  // (context), (context, protocol, scancode, toggle), (context, x, y)
  bpf_rc_repeat: (machine, r) => remote(machine, r, 'repeat', []),
  bpf_rc_keydown: (machine, r) => remote(machine, r, 'key', [r[4]!, r[6]!, r[8]!]),
  bpf_rc_pointer_rel: (machine, r) => remote(machine, r, 'pointer', [r[4]!, r[6]!]),
  // A kernel without integrity measurement.
  bpf_ima_inode_hash: (_, r) => give(r, EOPNOTSUPP),
  bpf_ima_file_hash: (_, r) => give(r, EOPNOTSUPP),
  // (target, source, length): nothing to write to
  bpf_probe_write_user: (_, r) => give(r, EFAULT),
  // (device, inode, target, size)
  bpf_get_ns_current_pid_tgid: (machine, r) => {
    const size = r[8]! >>> 0;
    const target = machine.memory.check(r[6]!, r[7]!, size, 'the place of process ids');
    const namespace = machine.world.pidNamespace;
    machine.memory.bytes.fill(0, target, target + size);
    const same = namespace?.device === argument64(r, 1) && namespace?.inode === argument64(r, 2);
    if (size !== 8 || !same) give(r, EINVAL);
    else {
      const ids = machine.world.pidTgid();
      machine.memory.view.setUint32(target, Number(ids & 0xffffffffn), true);
      machine.memory.view.setUint32(target + 4, Number(ids >> 32n), true);
      give(r, 0);
    }
  },
  // (level)
  bpf_get_current_ancestor_cgroup_id: (machine, r) => {
    const cgroups = machine.world.cgroups?.() ?? [machine.world.cgroupId()];
    give64(r, cgroups[r[2]!] ?? 0n);
  },
  // (path, buffer, size): the length with its NUL
  bpf_d_path: (machine, r) => {
    const size = r[6]! >>> 0;
    const target = machine.memory.slice(r[4]!, r[5]!, size, 'the place of a path');
    const path = machine.world.path?.(argument64(r, 1));
    const bytes = path === undefined ? undefined : utf8Bytes(path);
    if (bytes === undefined) give(r, EINVAL);
    else if (bytes.length + 1 > size) give(r, ENAMETOOLONG);
    else {
      target.set(bytes);
      target[bytes.length] = 0;
      give(r, bytes.length + 1);
    }
  },
  // (target, size, address), (target, size, address, task, flags)
  bpf_copy_from_user: (machine, r) => copyFromUser(machine, r),
  bpf_copy_from_user_task: (machine, r) => ((r[10]! | r[11]!) !== 0 ? give(r, EINVAL) : copyFromUser(machine, r)),
  // (name, size, flags, result)
  bpf_kallsyms_lookup_name: (machine, r) => {
    const size = r[4]!;
    const at = machine.memory.check(r[2]!, r[3]!, Math.max(0, size), 'the name of a symbol');
    const result = machine.memory.check(r[8]!, r[9]!, 8, 'the place of an address');
    const { bytes, view } = machine.memory;
    view.setBigUint64(result, 0n, true);
    if ((r[6]! | r[7]!) !== 0 || size <= 1 || bytes[at + size - 1] !== 0) {
      give(r, EINVAL);
      return;
    }
    let end = at;
    while (bytes[end] !== 0) end += 1;
    const found = machine.world.symbol?.(String.fromCharCode(...bytes.subarray(at, end)));
    if (found !== undefined) view.setBigUint64(result, found, true);
    give(r, found === undefined ? ENOENT : 0);
  },
  // (task)
  bpf_task_pt_regs: (machine, r) => {
    const address = argument64(r, 1);
    give64(r, machine.world.tasks?.find((one) => one.address === address)?.registers ?? 0n);
  },
  // (task, address, callback, context, flags)
  bpf_find_vma: (machine, r) => {
    const task = argument64(r, 1);
    const at = argument64(r, 2);
    const areas = machine.world.tasks?.find((one) => one.address === task)?.areas;
    const area = areas?.find((one) => one.start <= at && at < one.end);
    if ((r[10]! | r[11]!) !== 0) give(r, EINVAL);
    else if (area === undefined) give(r, ENOENT);
    else {
      const pointer = BigInt.asIntN(64, area.address);
      const halves = [Number(BigInt.asIntN(32, pointer)), Number(pointer >> 32n)];
      machine.callback(r[6]!, r[7]!, [r[2]!, r[3]!, ...halves, r[8]!, r[9]!]);
      give(r, 0);
    }
  },
  // (program that is started, flags)
  bpf_bprm_opts_set: (machine, r) => {
    if ((r[4]! & ~1) !== 0 || r[5] !== 0) give(r, EINVAL);
    else {
      machine.outcome.secureExec = (r[4]! & 1) !== 0;
      give(r, 0);
    }
  },
  // (name, size, kind, flags): the id of a type of the kernel
  bpf_btf_find_by_name_kind: (machine, r) => {
    const size = r[4]!;
    const name = machine.memory.slice(r[2]!, r[3]!, Math.max(0, size), 'the name of a type').slice();
    const kind = BTF_KINDS[r[6]!];
    if (r[8] !== 0 || size <= 1 || name[size - 1] !== 0 || kind === undefined) give(r, EINVAL);
    else {
      const text = String.fromCharCode(...name.subarray(0, name.indexOf(0)));
      give(r, machine.kernelTypes()?.find(text, kind) ?? ENOENT);
    }
  },
  // (context)
  bpf_get_func_ip: (machine, r) => give64(r, machine.hook.address ?? machine.world.hookFact?.(173) ?? 0n),
  bpf_get_attach_cookie: (machine, r) => give64(r, machine.hook.cookie ?? machine.world.hookFact?.(174) ?? 0n),
  // (context, n, value), (context, value), (context)
  bpf_get_func_arg: (machine, r) => {
    const n = r[4]! >>> 0;
    const { args } = machine.hook;
    const target = machine.memory.check(r[6]!, r[7]!, 8, 'the place of an argument');
    if (args === undefined || n >= args) {
      machine.memory.view.setBigUint64(target, 0n, true);
      give(r, EINVAL);
    } else slot(machine, r, n, target);
  },
  bpf_get_func_ret: (machine, r) => {
    const { args, returns } = machine.hook;
    const target = machine.memory.check(r[4]!, r[5]!, 8, 'the place of a result');
    if (args === undefined || !returns) give(r, EOPNOTSUPP);
    else slot(machine, r, args, target);
  },
  bpf_get_func_arg_cnt: (machine, r) => give(r, machine.hook.args ?? 0),
};

function stack(machine: Machine, r: Int32Array): void {
  const size = r[6]! >>> 0;
  const flags = r[8]! >>> 0;
  const at = machine.memory.check(r[4]!, r[5]!, size, 'the place of a stack');
  const found = machine.world.stack?.((flags & USER_STACK) !== 0);
  machine.memory.bytes.fill(0, at, at + size);
  // Build ids (BPF_F_USER_BUILD_ID) are not here.
  if (r[9] !== 0 || (flags & ~(0xff | USER_STACK)) !== 0 || size % 8 !== 0) give(r, EINVAL);
  else if (found === undefined || found.length < (flags & 0xff)) give(r, EFAULT);
  else {
    const cut = found.slice(flags & 0xff, (flags & 0xff) + size / 8);
    for (const [i, address] of cut.entries()) machine.memory.view.setBigUint64(at + 8 * i, address, true);
    give(r, cut.length * 8);
  }
}

type Counter = NonNullable<ReturnType<NonNullable<World['perfCounter']>>>;

/** What the counter of a slot says, or an error number (get_map_perf_counter, kernel/trace/bpf_trace.c). */
function counter(machine: Machine, r: Int32Array): Counter | number {
  const map = mapOf(machine, r, 1);
  if (r[5] !== 0) return EINVAL;
  const index = indexOf(machine, r[4]!);
  if (index >= map.spec.maxEntries) return E2BIG;
  return machine.world.perfCounter?.(map.spec.name, index) ?? ENOENT;
}

/** BPF_F_CURRENT_CPU means the slot of this CPU. */
function indexOf(machine: Machine, low: number): number {
  return low === -1 ? machine.world.cpu : low >>> 0;
}

function signal(machine: Machine, r: Int32Array, thread: boolean): void {
  const number = r[2]! >>> 0;
  if (number < 1 || number > 64) {
    give(r, EINVAL);
    return;
  }
  machine.memory.work += RECORDED;
  machine.outcome.signals ??= [];
  machine.outcome.signals.push({ signal: number, thread });
  give(r, 0);
}

function remote(machine: Machine, r: Int32Array, kind: 'key' | 'repeat' | 'pointer', values: readonly number[]): void {
  machine.memory.work += RECORDED;
  machine.outcome.remote ??= [];
  machine.outcome.remote.push({ kind, values });
  give(r, 0);
}

function copyFromUser(machine: Machine, r: Int32Array): void {
  const size = r[4]! >>> 0;
  const target = machine.memory.slice(r[2]!, r[3]!, size, 'the target of a read');
  const found = size === 0 ? new Uint8Array() : machine.world.read(argument64(r, 3), size, 'user');
  if (found === undefined) target.fill(0);
  else target.set(found);
  give(r, found === undefined ? EFAULT : 0);
}

/** A 64-bit slot of the context. */
function slot(machine: Machine, r: Int32Array, n: number, target: number): void {
  const from = machine.memory.check(r[2]! + 8 * n, r[3]!, 8, 'an argument');
  machine.memory.bytes.copyWithin(target, from, from + 8);
  give(r, 0);
}

/** `BTF_KIND_…` by number (include/uapi/linux/btf.h). */
const BTF_KINDS: readonly (BtfKind | undefined)[] = [
  ...([undefined, 'int', 'ptr', 'array', 'struct', 'union', 'enum', 'fwd', 'typedef', 'volatile', 'const'] as const),
  ...(['restrict', 'func', 'func_proto', 'var', 'datasec', 'float', 'decl_tag', 'type_tag', 'enum64'] as const),
];

const USER_STACK = 1 << 8;
const FAST_STACK_CMP = 1 << 9;
const REUSE_STACKID = 1 << 10;
