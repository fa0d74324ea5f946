/** Which kinds of maps go with which helpers. Rows name the maps a helper takes and the helpers a map takes. */
import { MAP } from '../program/maps.ts';

const M = MAP;
const ids = (...list: number[]): ReadonlySet<number> => new Set(list);

/** Maps that only these helpers take. */
const OF_MAP: Readonly<Record<number, ReadonlySet<number>>> = {
  [M.PROG_ARRAY]: ids(12),
  [M.PERF_EVENT_ARRAY]: ids(22, 25, 111, 55, 121),
  [M.RINGBUF]: ids(130, 131, 134, 198, 199, 200),
  [M.USER_RINGBUF]: ids(209),
  [M.STACK_TRACE]: ids(27),
  [M.CGROUP_ARRAY]: ids(33, 37),
  [M.CGROUP_STORAGE]: ids(81),
  [M.PERCPU_CGROUP_STORAGE]: ids(81),
  [M.DEVMAP]: ids(51, 1),
  [M.DEVMAP_HASH]: ids(51, 1),
  [M.CPUMAP]: ids(51),
  [M.XSKMAP]: ids(51, 1),
  [M.ARRAY_OF_MAPS]: ids(1),
  [M.HASH_OF_MAPS]: ids(1),
  [M.SOCKMAP]: ids(52, 53, 60, 82, 1, 2, 3),
  [M.SOCKHASH]: ids(72, 70, 71, 82, 1, 2, 3),
  [M.REUSEPORT_SOCKARRAY]: ids(82),
  [M.QUEUE]: ids(89, 88, 87),
  [M.STACK]: ids(89, 88, 87),
  [M.SK_STORAGE]: ids(107, 108, 194),
  [M.INODE_STORAGE]: ids(145, 146, 194),
  [M.TASK_STORAGE]: ids(156, 157, 194),
  [M.CGRP_STORAGE]: ids(210, 211, 194),
  [M.BLOOM_FILTER]: ids(89, 87),
};

/** Helpers that only these maps go with. */
const OF_HELPER: Readonly<Record<number, ReadonlySet<number>>> = {
  12: ids(M.PROG_ARRAY),
  22: ids(M.PERF_EVENT_ARRAY),
  25: ids(M.PERF_EVENT_ARRAY),
  55: ids(M.PERF_EVENT_ARRAY),
  111: ids(M.PERF_EVENT_ARRAY),
  121: ids(M.PERF_EVENT_ARRAY),
  130: ids(M.RINGBUF),
  131: ids(M.RINGBUF),
  134: ids(M.RINGBUF),
  198: ids(M.RINGBUF),
  199: ids(M.RINGBUF),
  200: ids(M.RINGBUF),
  209: ids(M.USER_RINGBUF),
  27: ids(M.STACK_TRACE),
  37: ids(M.CGROUP_ARRAY),
  33: ids(M.CGROUP_ARRAY),
  51: ids(M.DEVMAP, M.DEVMAP_HASH, M.CPUMAP, M.XSKMAP),
  52: ids(M.SOCKMAP),
  60: ids(M.SOCKMAP),
  53: ids(M.SOCKMAP),
  72: ids(M.SOCKHASH),
  71: ids(M.SOCKHASH),
  70: ids(M.SOCKHASH),
  81: ids(M.CGROUP_STORAGE, M.PERCPU_CGROUP_STORAGE),
  82: ids(M.REUSEPORT_SOCKARRAY, M.SOCKMAP, M.SOCKHASH),
  88: ids(M.QUEUE, M.STACK),
  89: ids(M.QUEUE, M.STACK, M.BLOOM_FILTER),
  87: ids(M.QUEUE, M.STACK, M.BLOOM_FILTER),
  195: ids(M.PERCPU_ARRAY, M.PERCPU_HASH, M.LRU_PERCPU_HASH),
  107: ids(M.SK_STORAGE),
  108: ids(M.SK_STORAGE),
  145: ids(M.INODE_STORAGE),
  146: ids(M.INODE_STORAGE),
  156: ids(M.TASK_STORAGE),
  157: ids(M.TASK_STORAGE),
  210: ids(M.CGRP_STORAGE),
  211: ids(M.CGRP_STORAGE),
};

export function mapGoesWith(map: number, helper: number): boolean {
  return (OF_MAP[map]?.has(helper) ?? true) && (OF_HELPER[helper]?.has(map) ?? true);
}
