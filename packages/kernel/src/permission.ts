import { readText } from './sys/files.ts';
import { kernelRelease, releaseAtLeast } from './sys/release.ts';

/** Why this process may not use bpf(2), found out by looking and not by guessing. */
export interface PermissionReason {
  readonly id: 'capabilities' | 'user-namespace' | 'seccomp' | 'lockdown' | 'paranoid' | 'unprivileged' | 'memlock';
  readonly message: string;
  readonly remedy: string;
}

/** Bits of capability sets (include/uapi/linux/capability.h). */
const CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const;
type Capability = keyof typeof CAPABILITIES;

/** Everything about this process that the kernel is known to refuse for; empty when all looks well. */
export function permissionReasons(): PermissionReason[] {
  const reasons: PermissionReason[] = [];
  const missing = missingCapabilities();
  if (missing.length > 0) {
    const uid = process.geteuid?.() ?? -1;
    reasons.push({
      id: 'capabilities',
      message: `this process (user ${uid}) lacks ${missing.join(', ')}`,
      remedy: `run as root (sudo), or give the process ${missing.join(', ')}`,
    });
    const sysctl = readText('/proc/sys/kernel/unprivileged_bpf_disabled')?.trim();
    if (sysctl === '1' || sysctl === '2') {
      reasons.push({
        id: 'unprivileged',
        message: `kernel.unprivileged_bpf_disabled is ${sysctl}: without CAP_BPF nothing of bpf(2) is allowed`,
        remedy: 'run as root (sudo)',
      });
    }
  }
  // The kernel's own levels end at 2; Debian's patch adds 3.
  const paranoid = Number(readText('/proc/sys/kernel/perf_event_paranoid') ?? 0);
  if (paranoid > 2 && !hasCapability('CAP_SYS_ADMIN')) {
    reasons.push({
      id: 'paranoid',
      message: `kernel.perf_event_paranoid is ${paranoid}: perf events, which most programs are attached by, take CAP_SYS_ADMIN`,
      remedy: 'sysctl kernel.perf_event_paranoid=2, or give the process CAP_SYS_ADMIN',
    });
  }
  if (inUserNamespace()) {
    reasons.push({
      id: 'user-namespace',
      message: 'this process is in a user namespace: its capabilities do not count outside',
      remedy: 'run outside of it: in a container without a user namespace, with --privileged',
    });
  }
  if (statusField('Seccomp') === '2') {
    reasons.push({
      id: 'seccomp',
      message: 'a seccomp filter is active, and container runtimes filter bpf(2) and perf_event_open(2)',
      remedy: 'start the container with --security-opt seccomp=unconfined or --cap-add BPF,PERFMON',
    });
  }
  const lockdown = lockdownMode();
  if (lockdown === 'confidentiality') {
    reasons.push({
      id: 'lockdown',
      message: 'the kernel is locked down for confidentiality: programs may not read kernel memory',
      remedy: 'boot without lockdown=confidentiality (Secure Boot sets it on some distributions)',
    });
  }
  if (!releaseAtLeast('5.11') && memlockLimit() !== 'unlimited') {
    reasons.push({
      id: 'memlock',
      message: `RLIMIT_MEMLOCK is ${memlockLimit()}, and kernel ${kernelRelease()} counts maps and programs against it`,
      remedy: 'ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit',
    });
  }
  return reasons;
}

/** What loading and attaching needs and this process lacks; CAP_SYS_ADMIN stands for all of it. */
export function missingCapabilities(): Capability[] {
  if (hasCapability('CAP_SYS_ADMIN')) return [];
  // CAP_BPF and CAP_PERFMON were carved out of CAP_SYS_ADMIN in 5.8.
  if (!releaseAtLeast('5.8')) return ['CAP_SYS_ADMIN'];
  return (['CAP_BPF', 'CAP_PERFMON'] as const).filter((name) => !hasCapability(name));
}

function hasCapability(name: Capability): boolean {
  const effective = BigInt(`0x${statusField('CapEff') ?? '0'}`);
  return ((effective >> BigInt(CAPABILITIES[name])) & 1n) === 1n;
}

/** `none`, `integrity` or `confidentiality`; undefined when securityfs is not mounted. */
export function lockdownMode(): string | undefined {
  return readText('/sys/kernel/security/lockdown')?.match(/\[(\w+)\]/)?.[1];
}

function inUserNamespace(): boolean {
  const map = readText('/proc/self/uid_map');
  return map !== undefined && !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}

function memlockLimit(): string {
  return readText('/proc/self/limits')?.match(/^Max locked memory\s+(\S+)/m)?.[1] ?? 'unknown';
}

function statusField(name: string): string | undefined {
  return readText('/proc/self/status')?.match(new RegExp(`^${name}:\\s*(\\S+)`, 'm'))?.[1];
}
