import { ERRNOS as UAPI_ERRNOS } from './generated/errnos.ts';
import type { Errno } from './model.ts';

/**
 * Linux errors by number. Those from 512 are the kernel's own (`include/linux/errno.h`): they should not reach user
 * space, and bpf(2) lets some of them.
 */
export const ERRNOS: readonly Errno[] = [
  ...UAPI_ERRNOS,
  { number: 512, name: 'ERESTARTSYS', text: 'Interrupted, the kernel restarts the call' },
  { number: 513, name: 'ERESTARTNOINTR', text: 'Interrupted, the kernel restarts the call' },
  { number: 514, name: 'ERESTARTNOHAND', text: 'Interrupted, restarted when there is no handler' },
  { number: 515, name: 'ENOIOCTLCMD', text: 'No such ioctl command' },
  { number: 516, name: 'ERESTART_RESTARTBLOCK', text: 'Interrupted, restarted with a changed call' },
  { number: 517, name: 'EPROBE_DEFER', text: 'The driver asks to be probed again' },
  { number: 524, name: 'ENOTSUPP', text: 'Operation is not supported (inside the kernel)' },
];

const byNumber = /* @__PURE__ */ new Map(ERRNOS.map((errno) => [errno.number, errno]));
const byName = /* @__PURE__ */ new Map(ERRNOS.map((errno) => [errno.name, errno]));

/** By its number, of either sign. */
export function errnoOf(number: number): Errno | undefined {
  return byNumber.get(Math.abs(number));
}

/** By its name, `ENOENT`. */
export function errnoByName(name: string): Errno | undefined {
  return byName.get(name);
}

/** Numbers by the names that a package tells apart, positive: `errnos('EPERM', 'ENOENT').ENOENT` is 2. */
export function errnos<const Name extends string>(...names: readonly Name[]): Readonly<Record<Name, number>> {
  const number = (name: string): number => {
    const found = byName.get(name);
    if (found === undefined) throw new Error(`there is no error ${name}`);
    return found.number;
  };
  return Object.fromEntries(names.map((name) => [name, number(name)])) as Record<Name, number>;
}
