export { type CompiledDeclaration, type CompiledProbe, type CompiledProbes, compileProbes } from './compile-probes.ts';
export { CONSTRUCTS, type Construct } from './diagnostics.ts';
export {
  functionSignature,
  iteratorNames,
  iteratorSignature,
  memberOf,
  tracepointSignature,
  typeOfBtf,
} from './kernel-types.ts';
export { scriptOf, stripTypes } from './strip.ts';
export { parseTypeScript } from './syntax.ts';
export type { ProbeTarget } from './target.ts';
export { packFields, type TracepointField, tracepointFields } from './tracepoint-format.ts';
export type { Type as ProbeType } from './types.ts';
