export { type CompiledDeclaration, type CompiledProbe, type CompiledProbes, compileProbes } from './compile-probes.ts';
export { CONSTRUCTS, type Construct } from './diagnostics.ts';
export { functionSignature, memberOf, tracepointSignature, typeOfBtf } from './kernel-types.ts';
export { scriptOf } from './strip.ts';
export type { ProbeTarget } from './target.ts';
export { packFields, tracepointFields, type TracepointField } from './tracepoint-format.ts';
export type { Type as ProbeType } from './types.ts';
