import { openSync } from 'node:fs';
import { systemCallFailed } from '../diagnostics.ts';
import type { Program } from '../program.ts';
import { ERRNO } from '../sys/errno.ts';
import { Handle } from '../sys/handle.ts';
import type { Link } from './link.ts';
import { createLink } from './link-create.ts';

/** On a network namespace, our own when none is named: sk_lookup, flow_dissector. `attachType` as in {@link attachCgroup}. */
export function attachNetns(
  program: Program,
  path = '/proc/self/ns/net',
  attachType = program.expectedAttachType,
): Link {
  const what = `network namespace ${path}`;
  let namespace: Handle;
  try {
    namespace = new Handle(openSync(path, 'r'), what);
  } catch {
    throw systemCallFailed('open', ERRNO.ENOENT, what, 'namespaces that ip-netns(8) made lie in /run/netns');
  }
  try {
    return createLink(
      what,
      { prog_fd: program.fd, target_fd: namespace.fd, attach_type: attachType },
      { what: 'links of network namespaces', since: '5.8' },
      NETNS_HINTS,
    );
  } finally {
    namespace.close();
  }
}

const NETNS_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EEXIST]: 'a program is attached there already, and there can be but one',
  [ERRNO.EINVAL]: 'that is not a network namespace',
};
