import type { BtfId } from '@skep/object';

/** A map as programs see it. */
export interface MapInfo {
  readonly name: string;
  readonly type: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_…` */
  readonly flags: number;
  /** Ids in the BTF of the object; 0 for none. */
  readonly keyType: BtfId;
  readonly valueType: BtfId;
  readonly inner: MapInfo | undefined;
  /** What programs may take for constant: the contents of a frozen read-only array. */
  readonly contents: Uint8Array | undefined;
  /** Which bytes of the contents are known, `[from, to)`; all when absent. */
  readonly known?: readonly (readonly [number, number])[];
}

export const BPF_F_RDONLY_PROG = 128;
export const BPF_F_WRONLY_PROG = 256;

/** Numbers of `enum bpf_map_type` that the checks name. */
export const MAP = {
  HASH: 1,
  ARRAY: 2,
  PROG_ARRAY: 3,
  PERF_EVENT_ARRAY: 4,
  PERCPU_HASH: 5,
  PERCPU_ARRAY: 6,
  STACK_TRACE: 7,
  CGROUP_ARRAY: 8,
  LRU_HASH: 9,
  LRU_PERCPU_HASH: 10,
  LPM_TRIE: 11,
  ARRAY_OF_MAPS: 12,
  HASH_OF_MAPS: 13,
  DEVMAP: 14,
  SOCKMAP: 15,
  CPUMAP: 16,
  XSKMAP: 17,
  SOCKHASH: 18,
  CGROUP_STORAGE: 19,
  REUSEPORT_SOCKARRAY: 20,
  PERCPU_CGROUP_STORAGE: 21,
  QUEUE: 22,
  STACK: 23,
  SK_STORAGE: 24,
  DEVMAP_HASH: 25,
  STRUCT_OPS: 26,
  RINGBUF: 27,
  INODE_STORAGE: 28,
  TASK_STORAGE: 29,
  BLOOM_FILTER: 30,
  USER_RINGBUF: 31,
  CGRP_STORAGE: 32,
  ARENA: 33,
} as const;
