import { release, version } from 'node:os';
import { readText } from './files.ts';

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

/**
 * LINUX_VERSION_CODE. Distributions hide it behind releases of their own (`6.1.0-56-cloud-amd64` is 6.1.192): Debian tells it
 * in the version, Ubuntu in a file.
 */
export function kernelVersionCode(): number {
  const debian = /\bDebian (\d+\.\d+\.\d+)/.exec(version())?.[1];
  const ubuntu = readText('/proc/version_signature')?.trim().split(' ').at(-1);
  const [major, minor, patch] = numbers(debian ?? ubuntu ?? kernelRelease());
  return (major << 16) | (minor << 8) | Math.min(patch, 255);
}

function numbers(text: string): [number, number, number] {
  const found = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0), Number(found?.[3] ?? 0)];
}
