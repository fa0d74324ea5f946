export { bucketRange } from './buckets.ts';
export { compileTrace, parseScriptProbes, placesOf, type TraceOptions } from './compile-trace.ts';
export { CONFIG_NAMES, type TraceConfig } from './config.ts';
export { describeProbe, describeType } from './describe.ts';
export { expandProbe } from './expand/expand-probe.ts';
export { traceableFunctions } from './expand/kernel-probes.ts';
export { filter, globTest } from './expand/match.ts';
export { type FormatPiece, type FormatPlace, parsePrintf } from './format.ts';
export { FUNCTION_GROUPS } from './functions/index.ts';
export {
  type Action,
  type CompiledTrace,
  LOST,
  MAX_STACK_DEPTH,
  RING,
  stackMapName,
  type TraceMap,
  type TraceProgram,
} from './model.ts';
export {
  kindOf,
  PROBE_KINDS,
  type Probe,
  type ProbeKind,
  SAMPLE_COUNTS,
} from './probe.ts';
export { traceReference } from './reference.ts';
export type { TraceExecutable, TraceTarget } from './target.ts';
export {
  type AggregateType,
  asNumber,
  type IntType,
  isCastable,
  layoutOf as traceLayout,
  partsOf,
  type StructType,
  showType,
  sizeOf as traceSize,
  type TraceType,
} from './type.ts';
