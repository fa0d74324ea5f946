import { ATTACH_TYPES, type Dated, MAP_TYPES, PROG_TYPES } from '@skep/abi';
import { featureMissing, type KernelError, notBuiltIn } from './diagnostics.ts';
import { ERRNO } from './sys/errno.ts';
import { kernelRelease, releaseAtLeast } from './sys/release.ts';

/** Old kernels answer EINVAL to all that they do not know; this says what it was, where the kernel is too old for it. */
export function missingMapType(type: number, errno: number): KernelError | undefined {
  return missing(MAP_TYPES, type, 'BPF_MAP_CREATE', errno);
}

export function missingProgramType(type: number, errno: number): KernelError | undefined {
  return missing(PROG_TYPES, type, 'BPF_PROG_LOAD', errno);
}

/** At the load, where the type of attachment is checked for some types of programs. */
export function missingAttachType(type: number, errno: number): KernelError | undefined {
  return missing(ATTACH_TYPES, type, 'BPF_PROG_LOAD', errno);
}

export function missingProgramFlag(flags: number, errno: number): KernelError | undefined {
  if (errno !== ERRNO.EINVAL) return undefined;
  const need = PROGRAM_FLAGS.find((one) => (flags & one.value) !== 0 && !releaseAtLeast(one.since));
  return need && featureMissing(need.what, need.since, kernelRelease(), 'BPF_PROG_LOAD', errno, need.instead);
}

/** Where a type of programs that this kernel is new enough for is an option of its build. */
export function programTypeNotBuiltIn(type: number, errno: number): KernelError | undefined {
  const name = PROG_TYPES.find((one) => one.value === type)?.name;
  const config = name && PROGRAM_CONFIGS[name.slice('BPF_PROG_TYPE_'.length)];
  return config ? notBuiltIn(name, config, kernelRelease(), 'BPF_PROG_LOAD', errno) : undefined;
}

/** Flags of BPF_PROG_LOAD that old kernels do not know. */
const PROGRAM_FLAGS = [
  { value: 1 << 5, what: 'XDP programs for packets in several pieces', since: '5.18', instead: 'packets of one page' },
  { value: 1 << 6, what: 'XDP programs bound to a device', since: '6.3', instead: 'a program for any device' },
];

/** include/linux/bpf_types.h: without its option the kernel does not know the type. */
const PROGRAM_CONFIGS: Readonly<Record<string, string>> = {
  LIRC_MODE2: 'CONFIG_BPF_LIRC_MODE2',
  LSM: 'CONFIG_BPF_LSM',
  NETFILTER: 'CONFIG_NETFILTER_BPF_LINK',
  CGROUP_SKB: 'CONFIG_CGROUP_BPF',
  CGROUP_SOCK: 'CONFIG_CGROUP_BPF',
  CGROUP_SOCK_ADDR: 'CONFIG_CGROUP_BPF',
  CGROUP_SOCKOPT: 'CONFIG_CGROUP_BPF',
  CGROUP_SYSCTL: 'CONFIG_CGROUP_BPF',
  CGROUP_DEVICE: 'CONFIG_CGROUP_BPF',
  SOCK_OPS: 'CONFIG_CGROUP_BPF',
};

/** What an attachment needs of the kernel. */
export interface Need {
  /** For people: `kprobe.multi`. */
  readonly what: string;
  readonly since: string;
  /** The option that it is built with. */
  readonly config?: string;
  /** What to use where it is not there. */
  readonly instead?: string;
}

/** The error for a need that this kernel does not meet; undefined when `errno` must mean something else. */
export function unmet(need: Need, call: string, errno: number): KernelError | undefined {
  const unknown = UNKNOWN.has(errno);
  if ((unknown || errno === ERRNO.EINVAL || errno === ERRNO.E2BIG) && !releaseAtLeast(need.since)) {
    return featureMissing(need.what, need.since, kernelRelease(), call, errno, need.instead);
  }
  if (unknown && need.config !== undefined) {
    return notBuiltIn(need.what, need.config, kernelRelease(), call, errno, need.instead);
  }
  return undefined;
}

const UNKNOWN: ReadonlySet<number> = new Set([ERRNO.ENOTSUPP, ERRNO.EOPNOTSUPP, ERRNO.ENOSYS]);

function missing(table: readonly Dated[], value: number, call: string, errno: number): KernelError | undefined {
  const row = table.find((one) => one.value === value);
  if (row === undefined || !(errno === ERRNO.EINVAL || errno === ERRNO.ENOTSUPP)) return undefined;
  if (releaseAtLeast(row.since)) return undefined;
  return featureMissing(row.name, row.since, kernelRelease(), call, errno);
}
