import type { MapSpec } from '@skep/object';
import type { Memory } from '../memory.ts';

/** Linux error numbers that map operations return, negated (include/uapi/asm-generic/errno-base.h). */
export const ENOENT = -2;
export const E2BIG = -7;
export const EFAULT = -14;
export const EEXIST = -17;
export const EINVAL = -22;
export const ENOTSUPP = -524;

/** Flags of updates (include/uapi/linux/bpf.h). */
export const BPF_ANY = 0;
export const BPF_NOEXIST = 1;
export const BPF_EXIST = 2;

/**
 * A map as programs and user space see it. Keys and values are offsets in the machine's memory. Results are those of
 * the kernel: 0 or a negative error number; lookups give an offset, or 0 when there is nothing.
 */
export interface VmMap {
  readonly spec: MapSpec;
  /** What a program's `ld_imm64` of the map becomes. */
  readonly address: number;
  /** Bytes of one entry as user space reads and writes it: of per-CPU maps, all CPUs' values, each rounded up to 8. */
  readonly userValueSize: number;
  lookup(key: number, cpu: number): number;
  update(key: number, value: number, flags: number, cpu: number): number;
  delete(key: number): number;
  /** Reads an entry into `target`; ENOENT and the like when there is none. */
  userLookup(key: number, target: Uint8Array): number;
  userUpdate(key: number, value: Uint8Array, flags: number): number;
  /** All keys, as bytes. */
  keys(): Uint8Array[];
}

/** Every map has a place of its own in memory, so that its pointer is an ordinary number that nobody can write through. */
export function mapAddress(memory: Memory): number {
  return memory.allocate(8);
}

export function roundUp8(size: number): number {
  return (size + 7) & ~7;
}
