import { errnoOf, errnos } from '@skep/abi';

/** Errors that this package tells apart; ENOTSUPP is the kernel's own, which bpf(2) lets out. */
export const ERRNO = errnos(
  'EPERM',
  'ENOENT',
  'ESRCH',
  'EINTR',
  'E2BIG',
  'EBADF',
  'EAGAIN',
  'ENOMEM',
  'EACCES',
  'EBUSY',
  'EEXIST',
  'ENODEV',
  'ENOTDIR',
  'EINVAL',
  'EMFILE',
  'ENOSPC',
  'ERANGE',
  'ENOSYS',
  'EADDRNOTAVAIL',
  'EOPNOTSUPP',
  'ENOTSUPP',
);

/** `ENOENT` for 2. */
export function errnoName(errno: number): string {
  return errnoOf(errno)?.name ?? `errno ${errno}`;
}
