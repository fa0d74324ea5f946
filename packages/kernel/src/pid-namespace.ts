import { statSync } from 'node:fs';

/** PROC_PID_INIT_INO of include/linux/proc_ns.h: the machine's own. */
const MACHINE = 0xefff_fffc;

/**
 * The PID namespace of this process, by its inode; 0 for the machine's, or where there are none. In another one, processes
 * have other numbers than the kernel knows them by.
 */
export function pidNamespace(): number {
  try {
    const inode = statSync('/proc/self/ns/pid').ino;
    return inode === MACHINE ? 0 : inode;
  } catch {
    return 0;
  }
}
