import { MAP_TYPES } from '@skep/abi';

const numbers = (pattern: RegExp): ReadonlySet<number> =>
  new Set(MAP_TYPES.filter((one) => pattern.test(one.name)).map((one) => one.value));

/** Types whose entries have one value a CPU. */
export const perCpuTypes = numbers(/_(PERCPU_ARRAY|PERCPU_HASH|LRU_PERCPU_HASH|PERCPU_CGROUP_STORAGE)$/);
/** Types that programs send records through. */
export const recordTypes = numbers(/_TYPE_(RINGBUF|PERF_EVENT_ARRAY)$/);
