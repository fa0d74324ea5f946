import type { KernelVersion } from './model.ts';

/** The releases that users meet: long-term ones and those that distributions ship, oldest first. */
export const KERNEL_VERSIONS: readonly { readonly version: KernelVersion; readonly longTerm: boolean }[] = [
  { version: '4.19', longTerm: true },
  { version: '5.4', longTerm: true },
  { version: '5.10', longTerm: true },
  { version: '5.15', longTerm: true },
  { version: '6.1', longTerm: true },
  { version: '6.6', longTerm: true },
  { version: '6.12', longTerm: true },
  { version: '6.18', longTerm: true },
  { version: '7.2', longTerm: false },
  { version: '7.3', longTerm: false },
];

/** Negative, zero or positive, as `a` is older than, as old as, or newer than `b`; what follows `major.minor` is ignored. */
export function compareVersions(a: KernelVersion, b: KernelVersion): number {
  const left = parse(a);
  const right = parse(b);
  return left.major - right.major || left.minor - right.minor;
}

export function hasSince(kernel: KernelVersion, since: KernelVersion): boolean {
  return compareVersions(kernel, since) >= 0;
}

function parse(version: KernelVersion): { major: number; minor: number } {
  const found = /^v?(\d+)\.(\d+)/.exec(version);
  if (found === null) throw new Error(`'${version}' is not a kernel version`);
  return { major: Number(found[1]), minor: Number(found[2]) };
}
