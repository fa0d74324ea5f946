import { release } from 'node:os';

/** `6.1.0-56-cloud-amd64`. */
export function kernelRelease(): string {
  return release();
}

/**
 * Whether the running kernel is `version` ("5.11") or newer by its own account. Distributions backport: use it for
 * words and for facts that cannot be probed, never in place of a probe.
 */
export function releaseAtLeast(version: string): boolean {
  const [major, minor] = numbers(kernelRelease());
  const [wantedMajor, wantedMinor] = numbers(version);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** LINUX_VERSION_CODE, as kprobe programs before 5.0 had to give it. */
export function kernelVersionCode(): number {
  const [major, minor, patch] = numbers(kernelRelease());
  return (major << 16) | (minor << 8) | Math.min(patch, 255);
}

function numbers(text: string): [number, number, number] {
  const found = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0), Number(found?.[3] ?? 0)];
}
