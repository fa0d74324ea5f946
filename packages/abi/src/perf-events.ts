import {
  PERF_HARDWARE_EVENTS as HARDWARE,
  PERF_READ_FORMATS,
  PERF_SAMPLE_FORMATS,
  PERF_TYPES,
  PERF_SOFTWARE_EVENTS as SOFTWARE,
} from './generated/perf-enums.ts';

export const { PERF_TYPE_TRACEPOINT, PERF_TYPE_BREAKPOINT } = PERF_TYPES;
export const { PERF_SAMPLE_RAW } = PERF_SAMPLE_FORMATS;
/** Since 6.0. */
export const { PERF_FORMAT_LOST } = PERF_READ_FORMATS;

const software = (name: keyof typeof SOFTWARE) => ({ type: PERF_TYPES.PERF_TYPE_SOFTWARE, config: SOFTWARE[name] });
const hardware = (name: keyof typeof HARDWARE) => ({ type: PERF_TYPES.PERF_TYPE_HARDWARE, config: HARDWARE[name] });

/**
 * Events that the kernel counts on every machine (software) and that processors count, by the names of perf(1). Software clocks
 * are there on every machine; hardware ones often not in virtual ones.
 */
export const PERF_EVENTS = {
  'cpu-clock': software('PERF_COUNT_SW_CPU_CLOCK'),
  'task-clock': software('PERF_COUNT_SW_TASK_CLOCK'),
  'page-faults': software('PERF_COUNT_SW_PAGE_FAULTS'),
  'context-switches': software('PERF_COUNT_SW_CONTEXT_SWITCHES'),
  'cpu-migrations': software('PERF_COUNT_SW_CPU_MIGRATIONS'),
  'minor-faults': software('PERF_COUNT_SW_PAGE_FAULTS_MIN'),
  'major-faults': software('PERF_COUNT_SW_PAGE_FAULTS_MAJ'),
  'alignment-faults': software('PERF_COUNT_SW_ALIGNMENT_FAULTS'),
  'emulation-faults': software('PERF_COUNT_SW_EMULATION_FAULTS'),
  dummy: software('PERF_COUNT_SW_DUMMY'),
  'bpf-output': software('PERF_COUNT_SW_BPF_OUTPUT'),
  cycles: hardware('PERF_COUNT_HW_CPU_CYCLES'),
  instructions: hardware('PERF_COUNT_HW_INSTRUCTIONS'),
  'cache-references': hardware('PERF_COUNT_HW_CACHE_REFERENCES'),
  'cache-misses': hardware('PERF_COUNT_HW_CACHE_MISSES'),
  'branch-instructions': hardware('PERF_COUNT_HW_BRANCH_INSTRUCTIONS'),
  'branch-misses': hardware('PERF_COUNT_HW_BRANCH_MISSES'),
  'bus-cycles': hardware('PERF_COUNT_HW_BUS_CYCLES'),
  'frontend-stalls': hardware('PERF_COUNT_HW_STALLED_CYCLES_FRONTEND'),
  'backend-stalls': hardware('PERF_COUNT_HW_STALLED_CYCLES_BACKEND'),
  'ref-cycles': hardware('PERF_COUNT_HW_REF_CPU_CYCLES'),
} as const;
export type PerfEventName = keyof typeof PERF_EVENTS;
