/** The kernels whose verifier skep knows, which of them is like the running one, and those that were asked themselves. */
import { SkepError, utf8Text } from '@skep/base';
import { kernelRelease, possibleCpus } from '@skep/kernel';
import { PROFILES } from '@skep/verifier';
import { type KernelName, type MeasuredKernel, readBytes } from 'skep';
import { badProfile } from './diagnostics.ts';

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

/** Processors that this machine may have, where it runs the kernel that is meant. */
export function cpusHere(): number | undefined {
  return process.platform === 'linux' ? possibleCpus() : undefined;
}

/** What `skep probe-kernel` wrote. */
export function readProfile(path: string): MeasuredKernel {
  let profile: Partial<MeasuredKernel> | null;
  try {
    profile = JSON.parse(utf8Text(readBytes(path)));
  } catch (error) {
    if (error instanceof SkepError) throw error;
    throw new SkepError(badProfile(path, 'it is not JSON'));
  }
  const texts = (list: unknown) => Array.isArray(list) && list.every((one) => typeof one === 'string');
  if (profile?.schema !== 'skep.kernel/1') throw new SkepError(badProfile(path, 'it does not say that it is one'));
  const { contexts, helpers, programs, release } = profile;
  const rows =
    Array.isArray(programs) &&
    programs.every(
      (one) =>
        Number.isInteger(one?.type) &&
        contexts?.[one.context] !== undefined &&
        helpers?.[one.helpers] !== undefined &&
        (one.result === undefined || one.result === null || Array.isArray(one.result)),
    );
  if (!texts(contexts) || !texts(helpers) || !rows || typeof release !== 'string')
    throw new SkepError(badProfile(path, 'its tables are not whole'));
  return {
    ...(profile as MeasuredKernel),
    // JSON has no undefined.
    programs: programs.map((one) => ({ ...one, result: one.result ?? undefined })),
  };
}

function number(version: string): number {
  const [major, minor] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major! * 1000 + (minor ?? 0);
}
