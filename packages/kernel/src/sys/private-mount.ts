import { cBytes } from './c-string.ts';
import { allocate } from './memory.ts';
import { sys } from './syscalls.ts';

/**
 * A file system that only this process sees: mounted on a descriptor, attached to no directory, gone with the
 * process (fsopen(2), fsmount(2), Linux 5.2). The path leads through the descriptor. Undefined where it is not permitted.
 */
export function mountPrivately(type: string, access: 'read-only' | 'writable' = 'read-only'): string | undefined {
  const name = allocate(16);
  name.bytes.set(cBytes(type));
  const context = sys('fsopen', name.address, FSOPEN_CLOEXEC);
  name.free();
  if (context < 0) return undefined;
  try {
    if (sys('fsconfig', context, FSCONFIG_CMD_CREATE) < 0) return undefined;
    const mount = sys(
      'fsmount',
      context,
      FSMOUNT_CLOEXEC,
      access === 'writable' ? NO_EXECUTION : NO_EXECUTION | READ_ONLY,
    );
    return mount < 0 ? undefined : `/proc/${process.pid}/fd/${mount}`;
  } finally {
    sys('close', context);
  }
}

/** include/uapi/linux/mount.h */
const FSOPEN_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSMOUNT_CLOEXEC = 1;
/** MOUNT_ATTR_RDONLY; NOSUID, NODEV and NOEXEC. */
const READ_ONLY = 1;
const NO_EXECUTION = 2 | 4 | 8;
