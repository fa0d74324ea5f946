/**
 * What instrumented programs send to the recorder, little endian. Every record begins with
 *
 *     u32 kind   u32 subject (hook or helper)   u32 cpu   u32 size of the bytes at the end   u64 pid_tgid
 *
 * and goes on as below. Runs of one thread on one CPU nest properly: what comes between a start and its end belongs to it.
 */
export const RECORD = { start: 1, memory: 2, call: 3, end: 4, stack: 5 } as const;
export const HEAD = 24;

/** start: u64 time, u64 uid_gid, char comm[16], context */
export const START = { time: 24, uidGid: 32, comm: 40, bytes: 56 } as const;
/** memory: s64 result, u64 address, bytes */
export const MEMORY = { result: 24, address: 32, bytes: 40 } as const;
/** call: u64 result */
export const CALL = { result: 24, size: 32 } as const;
/** stack: s64 bytes of the addresses, or an error; u64 flags; addresses. The size in the head is the helper's result. */
export const STACK = { given: 12, result: 24, flags: 32, bytes: 40, size: 40 + 127 * 8 } as const;
export const END = { size: 24 } as const;

/** Names of the maps that instrumentation adds. */
export const RING_MAP = 'skep_recorder';
export const LOST_MAP = 'skep_lost';
/** Bytes of the recorder's ring. */
export const RING_SIZE = 16 << 20;

/** Room for what a helper read: the smallest that fits is reserved. Longer readings are not recorded. */
export const SIZE_CLASSES = [8, 64, 256, 1024, 4096, 16384] as const;
