import { type Dated, MAP_TYPES, PROG_TYPES } from '@skep/abi';
import { featureMissing, type KernelError } from './diagnostics.ts';
import { ERRNO } from './sys/errno.ts';
import { kernelRelease, releaseAtLeast } from './sys/release.ts';

/** Old kernels answer EINVAL to all that they do not know; this says what it was, where the kernel is too old for it. */
export function missingMapType(type: number, errno: number): KernelError | undefined {
  return missing(MAP_TYPES, type, 'BPF_MAP_CREATE', errno);
}

export function missingProgramType(type: number, errno: number): KernelError | undefined {
  return missing(PROG_TYPES, type, 'BPF_PROG_LOAD', errno);
}

function missing(table: readonly Dated[], value: number, call: string, errno: number): KernelError | undefined {
  const row = table.find((one) => one.value === value);
  if (row === undefined || !(errno === ERRNO.EINVAL || errno === ERRNO.ENOTSUPP)) return undefined;
  if (releaseAtLeast(row.since)) return undefined;
  return featureMissing(row.name, row.since, kernelRelease(), call, errno);
}
