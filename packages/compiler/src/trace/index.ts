export { aggregateOf, bucketRange } from './buckets.ts';
export { CONFIG_NAMES, type TraceConfig } from './config.ts';
export { compileTrace, parseScriptProbes, type TraceOptions } from './compile-trace.ts';
export { type FormatPiece, type FormatPlace, parseFormat } from './format.ts';
export { FUNCTION_GROUPS } from './functions/index.ts';
export { type Action, type CompiledTrace, LOST, RING, type TraceMap, type TraceProgram } from './model.ts';
export { filter, globTest, kindOf, PERF_EVENTS, type Probe, PROBE_KINDS, type ProbeKind } from './probe.ts';
export type { TraceExecutable, TraceTarget } from './target.ts';
export { type AggregateType, asNumber, type IntType, isCastable, layoutOf as traceLayout, partsOf, showType, sizeOf as traceSize, type StructType, type TraceType } from './type.ts';
