// Errors as functions of the kernel return them: negative. Written out, because types tell them from results.

export const EPERM = -1;
export const ENOENT = -2;
export const E2BIG = -7;
export const EBADF = -9;
export const EAGAIN = -11;
export const ENOMEM = -12;
export const EACCES = -13;
export const EFAULT = -14;
export const EBUSY = -16;
export const EEXIST = -17;
export const ENODEV = -19;
export const EINVAL = -22;
export const ENOSPC = -28;
export const ERANGE = -34;
export const EDEADLK = -35;
export const ENAMETOOLONG = -36;
export const ENOMSG = -42;
export const EOVERFLOW = -75;
export const ENOTSOCK = -88;
export const EPROTONOSUPPORT = -93;
export const EOPNOTSUPP = -95;
export const ENOTSUPP = -524;
