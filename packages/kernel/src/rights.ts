import { allocate } from './sys/memory.ts';
import { sys } from './sys/syscalls.ts';

/** What is needed after all is attached, by the numbers of include/uapi/linux/capability.h. */
const KEPT = {
  CAP_DAC_READ_SEARCH: 2, // symbols of programs, wherever they lie
  CAP_NET_ADMIN: 12, // to take filters and routes back, and to attach again
  CAP_SYS_PTRACE: 19, // memory maps of other processes, for their symbols
  CAP_SYSLOG: 34, // addresses of the kernel's symbols
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;
const LAST_CAP = 40;

/**
 * Gives up every capability that reading what programs send does not take, for good: for this thread and for all that it
 * starts, commands too, which may not gain any by set-user-ID files either. Threads of the engine that are there already
 * keep theirs; they run no code of ours. Says whether it was done.
 */
export function dropRights(): boolean {
  const PR_CAPBSET_DROP = 24;
  const PR_SET_NO_NEW_PRIVS = 38;
  const PR_CAP_AMBIENT = 47;
  const PR_CAP_AMBIENT_CLEAR_ALL = 4;
  const VERSION_3 = 0x20080522;
  const kept = new Set<number>(Object.values(KEPT));
  if (sys('prctl', PR_SET_NO_NEW_PRIVS, 1) < 0) return false;
  for (let cap = 0; cap <= LAST_CAP; cap++) if (!kept.has(cap)) sys('prctl', PR_CAPBSET_DROP, cap);
  sys('prctl', PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  // struct __user_cap_header_struct, and twice struct __user_cap_data_struct: effective, permitted, inheritable.
  const memory = allocate(8 + 24);
  const { view } = memory;
  view.setUint32(0, VERSION_3, true);
  try {
    if (sys('capget', memory.address, memory.address + 8) < 0) return false;
    for (const half of [0, 1]) {
      const mask = [...kept].filter((cap) => cap >> 5 === half).reduce((bits, cap) => bits | (1 << (cap & 31)), 0);
      for (const field of [0, 4]) {
        const at = 8 + 12 * half + field;
        view.setUint32(at, view.getUint32(at, true) & mask, true);
      }
      view.setUint32(8 + 12 * half + 8, 0, true);
    }
    return sys('capset', memory.address, memory.address + 8) === 0;
  } finally {
    memory.free();
  }
}
