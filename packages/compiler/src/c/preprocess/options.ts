import type { Diagnostics, SourceFile, Span } from '@skep/base';
import type { TokenList } from '../token-list.ts';
import type { WarningRegions } from './warning-regions.ts';

/** What {@link preprocess} is given besides the file. */
export interface PreprocessOptions {
  readonly diagnostics: Diagnostics;
  /** As after `-D`: `NAME` (means 1), `NAME=value`, `NAME(a, b)=value`. In order, before {@link undefines}. */
  readonly defines?: readonly string[];
  /** As after `-U`. */
  readonly undefines?: readonly string[];
  /** Files that are included before the first line, as after `-include`. */
  readonly includes?: readonly string[];
  /** Directories searched for `#include`, in order; a file's own directory comes first for `"…"`. */
  readonly includePaths?: readonly string[];
  /** Directories searched behind these, in whose files nothing is warned of, as after `-isystem`. */
  readonly systemPaths?: readonly string[];
  /** Directories searched behind the built-in headers, as after `-idirafter`. */
  readonly includePathsAfter?: readonly string[];
  /** The text of a file, undefined when there is none. Not asked for at all when left out: only built-in headers then. */
  readonly readFile?: (path: string) => string | SourceFile | undefined;
  /** Headers of libbpf, of the UAPI and of the C library in skep's own words, searched last. Default true. */
  readonly builtinHeaders?: boolean;
  /** Decides `__BPF_CPU_VERSION__` and `__BPF_FEATURE_*`. Default `v3`. */
  readonly cpu?: 'v1' | 'v2' | 'v3' | 'v4';
  /** Answers `__DATE__` and `__TIME__`, so that equal sources give equal objects. Default: 1 January 1970, midnight, UTC. */
  readonly date?: Date;
}

export interface PreprocessResult {
  readonly tokens: TokenList;
  /** Which virtual headers were included: their names are found on demand and have no tokens. */
  readonly features: Features;
  /** Every file that was read, built-in headers included, in order of first reading, the main file first. */
  readonly dependencies: readonly SourceFile[];
  /** Where each included file was included first. */
  readonly includedAt: ReadonlyMap<SourceFile, Span>;
  /** What the sources say of warnings themselves. */
  readonly warnings: WarningRegions;
}

export interface Features {
  /** `#include "vmlinux.h"` without such a file: the kernel's BTF answers for types, enumerators and kfuncs. */
  vmlinux: boolean;
  /** `bpf_helpers.h` or `bpf_helper_defs.h`: the helper functions of `@skep/abi` are declared. */
  helpers: boolean;
}
