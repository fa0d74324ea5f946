import type { SourceFile } from '@skep/base';
import type { Btf } from '@skep/object';

/** The machine that probes are compiled for. Where it tells nothing, what skep knows of kernels takes its place. */
export interface ProbeTarget {
  /** A kernel's types; needed by probes that look into its structs. */
  readonly btf?: (() => Btf | undefined) | undefined;
  /** The `format` file of a tracepoint; undefined when there is no such tracepoint, or nobody can say. */
  readonly tracepointFormat?: ((category: string, name: string) => string | undefined) | undefined;
  /** A file of TypeScript that another imports, `./shared.ts`; where it is not given, probes use nothing of other files. */
  readonly readModule?: ((specifier: string, from: SourceFile) => SourceFile | undefined) | undefined;
}
