/**
 * Events that the kernel counts on every machine (`software`, type 1) and that processors count, as PERF_TYPE_… and PERF_COUNT_…
 * of include/uapi/linux/perf_event.h. Software clocks are there on every machine; hardware ones often not in virtual ones.
 */
export const PERF_EVENTS = {
  'cpu-clock': { type: 1, config: 0 },
  'task-clock': { type: 1, config: 1 },
  'page-faults': { type: 1, config: 2 },
  'context-switches': { type: 1, config: 3 },
  'cpu-migrations': { type: 1, config: 4 },
  'minor-faults': { type: 1, config: 5 },
  'major-faults': { type: 1, config: 6 },
  'alignment-faults': { type: 1, config: 7 },
  'emulation-faults': { type: 1, config: 8 },
  dummy: { type: 1, config: 9 },
  'bpf-output': { type: 1, config: 10 },
  cycles: { type: 0, config: 0 },
  instructions: { type: 0, config: 1 },
  'cache-references': { type: 0, config: 2 },
  'cache-misses': { type: 0, config: 3 },
  'branch-instructions': { type: 0, config: 4 },
  'branch-misses': { type: 0, config: 5 },
  'bus-cycles': { type: 0, config: 6 },
  'frontend-stalls': { type: 0, config: 7 },
  'backend-stalls': { type: 0, config: 8 },
  'ref-cycles': { type: 0, config: 9 },
} as const;
export type PerfEventName = keyof typeof PERF_EVENTS;
