import type { MemoryPiece } from '@skep/capture';
import { EFAULT, EINVAL, ERANGE } from '../errno.ts';
import type { Machine } from '../machine.ts';
import { argument64, give, give64, giveUnsigned, type Helper } from './helper.ts';

/** Helpers that ask for time, task and memory of the outside: answered by the machine's world. */
export const systemHelpers: Record<string, Helper> = {
  // Kernel or user memory, whichever has it.
  bpf_probe_read: (machine, r) => probeRead(machine, r, 'kernel', 'user'),
  bpf_probe_read_str: (machine, r) => probeReadString(machine, r, 'kernel', 'user'),
  bpf_probe_read_user: (machine, r) => probeRead(machine, r, 'user'),
  bpf_probe_read_kernel: (machine, r) => probeRead(machine, r, 'kernel'),
  bpf_probe_read_user_str: (machine, r) => probeReadString(machine, r, 'user'),
  bpf_probe_read_kernel_str: (machine, r) => probeReadString(machine, r, 'kernel'),
  bpf_ktime_get_ns: (machine, r) => give64(r, machine.world.time(5)),
  bpf_ktime_get_boot_ns: (machine, r) => give64(r, machine.world.time(125)),
  bpf_ktime_get_coarse_ns: (machine, r) => give64(r, machine.world.time(160)),
  bpf_ktime_get_tai_ns: (machine, r) => give64(r, machine.world.time(208)),
  bpf_jiffies64: (machine, r) => give64(r, machine.world.time(118) / NANOSECONDS_PER_JIFFY),
  bpf_get_prandom_u32: (machine, r) => giveUnsigned(r, machine.world.random()),
  bpf_get_smp_processor_id: (machine, r) => giveUnsigned(r, machine.world.cpu),
  bpf_get_numa_node_id: (_, r) => giveUnsigned(r, 0),
  bpf_get_current_pid_tgid: (machine, r) => give64(r, machine.world.pidTgid()),
  bpf_get_current_uid_gid: (machine, r) => give64(r, machine.world.uidGid()),
  // (buffer, size)
  bpf_get_current_comm: (machine, r) => {
    const size = r[4]! >>> 0;
    const buffer = machine.memory.slice(r[2]!, r[3]!, size, 'the buffer for a command name');
    buffer.fill(0);
    const name = new TextEncoder().encode(machine.world.comm());
    buffer.set(name.subarray(0, Math.max(0, size - 1)));
    give(r, 0);
  },
  bpf_get_current_task: (machine, r) => give64(r, machine.world.task(35)),
  bpf_get_current_task_btf: (machine, r) => give64(r, machine.world.task(158)),
  // (variable, cpu), (variable)
  bpf_per_cpu_ptr: (machine, r) => perCpu(machine, r, r[4]! >>> 0),
  bpf_this_cpu_ptr: (machine, r) => perCpu(machine, r, machine.world.cpu),
  bpf_get_current_cgroup_id: (machine, r) => give64(r, machine.world.cgroupId()),
  // (count, callback, context, flags)
  bpf_loop: (machine, r) => {
    const count = r[2]! >>> 0;
    if (r[8] !== 0 || r[9] !== 0) give(r, EINVAL);
    else if (count > MAX_LOOPS) give(r, -7);
    else {
      const [callback, kind, low, top] = [r[4]!, r[5]!, r[6]!, r[7]!];
      let done = 0;
      while (done < count) {
        const result = machine.callback(callback, kind, [done, 0, low, top]);
        done += 1;
        if (result !== 0) break;
      }
      giveUnsigned(r, done);
    }
  },
  // (a, size, b)
  bpf_strncmp: (machine, r) => {
    const size = r[4]! >>> 0;
    const a = machine.memory.slice(r[2]!, r[3]!, size, 'a string');
    const at = machine.memory.check(r[6]!, r[7]!, 1, 'a string');
    let difference = 0;
    for (let i = 0; i < size && difference === 0; i++) {
      difference = a[i]! - machine.memory.bytes[at + i]!;
      if (a[i] === 0) break;
    }
    give(r, Math.sign(difference));
  },
};

/** Copies of a program's own objects and of the kernel's variables; 0 for a CPU that there is not. */
function perCpu(machine: Machine, r: Int32Array, cpu: number): void {
  if (cpu >= machine.cpus) {
    giveUnsigned(r, 0);
    return;
  }
  const own = r[3] === 0 ? machine.heap.ofCpu(r[2]!, cpu) : undefined;
  if (own !== undefined) giveUnsigned(r, own);
  else give64(r, argument64(r, 1) + BigInt(cpu) * (machine.world.perCpuStride ?? 0n));
}

/** HZ is 250. */
const NANOSECONDS_PER_JIFFY = 4_000_000n;

/** BPF_MAX_LOOPS (include/linux/bpf.h). */
const MAX_LOOPS = 8 << 20;

function probeRead(machine: Machine, r: Int32Array, ...spaces: MemoryPiece['space'][]): void {
  const size = r[4]! >>> 0;
  const target = machine.memory.slice(r[2]!, r[3]!, size, 'the target of a read');
  const address = argument64(r, 3);
  const found = own(machine, address, size) ?? first(spaces, (space) => machine.world.read(address, size, space));
  // The kernel zeroes the target of a read that failed (bpf_probe_read_kernel_common).
  if (found === undefined) target.fill(0);
  else target.set(found);
  give(r, found === undefined ? failure(address, spaces) : 0);
}

/** Of the user's half of addresses the kernel's half knows without a try (copy_from_kernel_nofault). */
function failure(address: bigint, spaces: readonly MemoryPiece['space'][]): number {
  return spaces.length === 1 && spaces[0] === 'kernel' && address <= USER_ADDRESSES ? ERANGE : EFAULT;
}

/** `TASK_SIZE_MAX` of x86 and the page behind. */
const USER_ADDRESSES = 0x7fff_ffff_ffffn;

function probeReadString(machine: Machine, r: Int32Array, ...spaces: MemoryPiece['space'][]): void {
  const size = r[4]! >>> 0;
  const target = machine.memory.slice(r[2]!, r[3]!, size, 'the target of a read');
  const address = argument64(r, 3);
  const found =
    ownString(machine, address, size) ?? first(spaces, (space) => machine.world.readString(address, size, space));
  if (found === undefined) {
    target.fill(0);
    give(r, failure(address, spaces));
    return;
  }
  target.set(found);
  give(r, found.length);
}

/** Programs may also read their own memory this way: contexts, map values. */
function own(machine: Machine, address: bigint, size: number): Uint8Array | undefined {
  if (address < 0x10000n || address + BigInt(size) > BigInt(machine.memory.size)) return undefined;
  const at = Number(address);
  return machine.memory.bytes.subarray(at, at + size);
}

function ownString(machine: Machine, address: bigint, size: number): Uint8Array | undefined {
  if (address < 0x10000n || address >= BigInt(machine.memory.size) || size === 0) return undefined;
  const at = Number(address);
  const bytes = machine.memory.bytes.slice(at, Math.min(at + size, machine.memory.size));
  const end = bytes.indexOf(0);
  if (end >= 0) return bytes.subarray(0, end + 1);
  bytes[bytes.length - 1] = 0;
  return bytes;
}

function first<T>(
  spaces: readonly MemoryPiece['space'][],
  read: (space: MemoryPiece['space']) => T | undefined,
): T | undefined {
  for (const space of spaces) {
    const found = read(space);
    if (found !== undefined) return found;
  }
  return undefined;
}
