import { allocate } from './memory.ts';
import { sys } from './syscalls.ts';

const RLIMIT_MEMLOCK = 8;
let tried = false;

/** Lifts RLIMIT_MEMLOCK of this process to no limit, once; says whether that changed anything. */
export function raiseMemlock(): boolean {
  if (tried) return false;
  tried = true;
  const memory = allocate(32);
  try {
    const limits = memory.view;
    if (sys('prlimit64', 0, RLIMIT_MEMLOCK, 0, memory.address) < 0) return false;
    const infinite = (at: number): boolean => limits.getBigUint64(at, true) === 0xffffffffffffffffn;
    if (infinite(0)) return false;
    limits.setBigUint64(0, 0xffffffffffffffffn, true);
    limits.setBigUint64(8, 0xffffffffffffffffn, true);
    return sys('prlimit64', 0, RLIMIT_MEMLOCK, memory.address, 0) === 0;
  } finally {
    memory.free();
  }
}
