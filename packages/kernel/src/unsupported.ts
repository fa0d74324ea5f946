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
