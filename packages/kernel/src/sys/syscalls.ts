import { SYSCALLS } from '@skep/abi';
import { native } from './native.ts';

/** Those that this package makes, all of them on both architectures. */
export const SYSCALLS_USED = [
  'bpf',
  'capget',
  'capset',
  'close',
  'epoll_create1',
  'epoll_ctl',
  'epoll_pwait',
  'eventfd2',
  'fsconfig',
  'fsmount',
  'fsopen',
  'ioctl',
  'mmap',
  'munmap',
  'perf_event_open',
  'prctl',
  'prlimit64',
  'read',
  'recvfrom',
  'sendto',
  'setsockopt',
  'socket',
  'write',
] as const;
export type Syscall = (typeof SYSCALLS_USED)[number];

/** Numbers of this machine. */
export const SYS = SYSCALLS[process.arch === 'arm64' ? 'arm64' : 'x86_64'] as Readonly<Record<Syscall, number>>;

/** The value, or `-errno`. */
export function sys(name: Syscall, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): number {
  return native().syscall(SYS[name], a, b, c, d, e, f);
}
