/** The kernels whose verifier skep knows, and which of them is like the running one. */
import { kernelRelease } from '@skep/kernel';
import { PROFILES } from '@skep/verifier';
import type { KernelName } from 'skep';

export const KERNELS = Object.keys(PROFILES) as readonly KernelName[];

/** Of those, the newest that is not newer than the running kernel, or than the release that is given. */
export function closestKernel(given?: string): { readonly kernel: KernelName; readonly release: string } {
  let release: string;
  try {
    release = given ?? kernelRelease();
  } catch {
    return { kernel: '6.12', release: '6.12' };
  }
  const wanted = number(release);
  const kernel = KERNELS.filter((one) => number(one) <= wanted).at(-1) ?? KERNELS[0]!;
  return { kernel, release: /^\d+\.\d+(\.\d+)?/.exec(release)?.[0] ?? release };
}

function number(version: string): number {
  const [major, minor] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major! * 1000 + (minor ?? 0);
}
