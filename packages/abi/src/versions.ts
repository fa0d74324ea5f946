import type { KernelVersion } from './model.ts';

/** Negative, zero or positive, as `a` is older than, as old as, or newer than `b`; what follows `major.minor` is ignored. */
export function compareVersions(a: KernelVersion, b: KernelVersion): number {
  const left = parse(a);
  const right = parse(b);
  return left.major - right.major || left.minor - right.minor;
}

/** Whether a kernel is as new as the release that brought something. */
export function hasSince(kernel: KernelVersion, since: KernelVersion): boolean {
  return compareVersions(kernel, since) >= 0;
}

function parse(version: KernelVersion): { major: number; minor: number } {
  const found = /^v?(\d+)\.(\d+)/.exec(version);
  if (found === null) throw new Error(`'${version}' is not a kernel version`);
  return { major: Number(found[1]), minor: Number(found[2]) };
}
