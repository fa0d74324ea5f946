import { constants, openSync, statSync } from 'node:fs';
import { cgroupUnusable } from '../diagnostics.ts';
import type { Program } from '../program.ts';
import { ERRNO } from '../sys/errno.ts';
import { readText } from '../sys/files.ts';
import { Handle } from '../sys/handle.ts';
import type { Link } from './link.ts';
import { createLink } from './link-create.ts';

/**
 * Runs the program for the processes of a cgroup and of those below it, beside the programs that are there already
 * (BPF_F_ALLOW_MULTI, as every link has it). `attachType`: where the program was loaded without one (`cgroup/skb`).
 */
export function attachCgroup(program: Program, path: string, attachType = program.expectedAttachType): Link {
  const cgroup = openCgroup(path);
  try {
    return createLink(
      `cgroup ${path}`,
      { prog_fd: program.fd, target_fd: cgroup.fd, attach_type: attachType },
      undefined,
      CGROUP_HINTS,
    );
  } finally {
    cgroup.close();
  }
}

/** A directory of cgroup version 2. Throws E5021. */
function openCgroup(path: string): Handle {
  if (readText(`${path}/cgroup.controllers`) === undefined) {
    const why = statSync(path, { throwIfNoEntry: false })
      ? 'it has no cgroup.controllers'
      : 'there is no such directory';
    throw cgroupUnusable(path, why);
  }
  return new Handle(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY), `cgroup ${path}`);
}

const CGROUP_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EBADF]: 'that is not a directory of cgroup version 2',
  [ERRNO.EPERM]: 'a program that allows no others is attached there or above',
};
