import { utf8Bytes } from '@skep/base';
import { E2BIG, EINVAL } from '../errno.ts';
import type { Machine } from '../machine.ts';
import { give, type Helper } from './helper.ts';

/** Helpers of programs that are attached to cgroups: their answers and the sysctl that is read or written. */
export const cgroupHelpers: Record<string, Helper> = {
  // (context, buffer, size, flags)
  bpf_sysctl_get_name: (machine, r) => {
    const name = machine.world.sysctl?.name;
    if (name === undefined || (r[8]! & ~1) !== 0 || r[9] !== 0) {
      give(r, EINVAL);
      return;
    }
    // BPF_F_SYSCTL_BASE_NAME: without the directories.
    text(machine, r, (r[8]! & 1) !== 0 ? name.slice(name.lastIndexOf('/') + 1) : name);
  },
  // (context, buffer, size)
  bpf_sysctl_get_current_value: (machine, r) => text(machine, r, machine.world.sysctl?.current),
  bpf_sysctl_get_new_value: (machine, r) => text(machine, r, machine.world.sysctl?.next),
  // (context, value, size)
  bpf_sysctl_set_new_value: (machine, r) => {
    const value = machine.memory.slice(r[4]!, r[5]!, r[6]! >>> 0, 'the value of a sysctl');
    if (machine.world.sysctl?.next === undefined || value.length === 0) give(r, EINVAL);
    else if (value.length > 4095) give(r, E2BIG);
    else {
      machine.outcome.sysctl = String.fromCharCode(...value);
      give(r, 0);
    }
  },
  // (), (value)
  bpf_get_retval: (machine, r) => give(r, machine.outcome.retval ?? machine.hook.retval ?? 0),
  bpf_set_retval: (machine, r) => {
    machine.outcome.retval = r[2]!;
    give(r, 0);
  },
};

/** Copies what fits with a NUL: the length, or E2BIG when it was cut. */
function text(machine: Machine, r: Int32Array, value: string | undefined): void {
  const target = machine.memory.slice(r[4]!, r[5]!, r[6]! >>> 0, 'the place of a text');
  if (value === undefined || target.length === 0) {
    give(r, EINVAL);
    return;
  }
  const bytes = utf8Bytes(value);
  const length = Math.min(bytes.length, target.length - 1);
  target.fill(0);
  target.set(bytes.subarray(0, length));
  give(r, length < bytes.length ? E2BIG : length);
}
