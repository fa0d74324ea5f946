import { errnoOf } from '@skep/abi';

/** Errors that this package tells apart (asm-generic/errno.h; 524 is the kernel's own, which bpf(2) lets out). */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EINVAL: 22,
  EMFILE: 24,
  ENOSPC: 28,
  ERANGE: 34,
  ENOSYS: 38,
  EADDRNOTAVAIL: 99,
  EOPNOTSUPP: 95,
  ENOTSUPP: 524,
} as const;

/** `ENOENT` for 2. */
export function errnoName(errno: number): string {
  return errnoOf(errno)?.name ?? `errno ${errno}`;
}
