import { type Diagnostic, type DiagnosticNote, Diagnostics, SkepError, type SourceFile, type Span } from '@skep/base';
import type { Btf, VariableRange } from '@skep/object';
import { emitObject } from './bpf/backend.ts';
import { findContextAccess } from './bpf/context-access.ts';
import type { TranslationUnit } from './c/ast.ts';
import { lower } from './c/lower.ts';
import { parseC } from './c/parse/parse.ts';
import { type PreprocessResult, preprocess, printTokens } from './c/preprocess/preprocess.ts';
import { WarningChoice, warningName } from './c/warnings.ts';
import { noKernelTypes } from './diagnostics.ts';
import type { Module } from './ir/ir.ts';
import { optimise } from './optimise/index.ts';

export interface CompileOptions {
  /** As after `-D`: `NAME`, `NAME=value`. */
  readonly defines?: readonly string[];
  /** As after `-U`. */
  readonly undefines?: readonly string[];
  /** Files that are included before the first line, as after `-include`. */
  readonly includes?: readonly string[];
  /** Directories searched for `#include`, before the built-in headers. */
  readonly includePaths?: readonly string[];
  /** Directories searched behind these, in whose files nothing is warned of, as after `-isystem`. */
  readonly systemPaths?: readonly string[];
  /** Directories searched behind the built-in headers, as after `-idirafter`. */
  readonly includePathsAfter?: readonly string[];
  /** The text of a file, undefined when there is none. Without it, programs can include built-in headers only. */
  readonly readFile?: (path: string) => string | SourceFile | undefined;
  /** The kernel's types, which `#include "vmlinux.h"` means; asked for when a program includes it. */
  readonly vmlinux?: Btf | (() => Btf);
  /** The instruction set. v3 is understood by every kernel since 5.12, v1 by all. Default `v3`. */
  readonly cpu?: Cpu;
  /** 0: only what loading needs; 1: registers, constants, dead code; 2: inlining and all; `s`: as 2, for small objects. Default 2. */
  readonly optimise?: 0 | 1 | 2 | 's';
  /**
   * As after `-W`, by clang's names, the later ones winning: `all`, `extra`, `shadow`, `no-format`, `error`,
   * `error=unused-variable`; `no-everything` is `-w`. Names that skep does not have mean nothing.
   */
  readonly warnings?: readonly string[];
  /**
   * Also says where variables are ({@link Compiled.variables}), and of each instruction its column; the code is the same.
   * Default false.
   */
  readonly variables?: boolean;
  /** For C that was made of another file: where in that a place comes from. Line information then tells of that file. */
  readonly origin?: (span: Span) => Span | undefined;
  /** Checks the intermediate representation after every pass, and throws where one broke it. */
  readonly debug?: boolean;
}
export type Cpu = 'v1' | 'v2' | 'v3' | 'v4';

export type CompileResult = Compiled | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

export interface Compiled {
  readonly ok: true;
  /** An ELF object with BTF, as libbpf and {@link openObject} take it. */
  readonly object: Uint8Array;
  /** `insns`: 8-byte slots; `stack`: bytes. */
  readonly functions: readonly { readonly name: string; readonly insns: number; readonly stack: number }[];
  readonly warnings: readonly Diagnostic[];
  /** Where the variables of functions are at each instruction; empty unless asked for. */
  readonly variables: readonly VariableRange[];
  readonly tree: TranslationUnit;
  /** As the back end took it: optimised. */
  readonly module: Module;
  readonly timings: Timings;
  /** Every file that was read, built-in headers too, the source first. */
  readonly files: readonly string[];
}

/** Milliseconds by stage. */
export interface Timings {
  readonly preprocess: number;
  readonly parse: number;
  readonly lower: number;
  readonly optimise: number;
  readonly emit: number;
}

/** What a stage in the middle gives. */
export type StageResult<T> =
  | { readonly ok: true; readonly value: T; readonly warnings: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * From restricted C to an ELF object. What is wrong with the source comes back as diagnostics, in the order of the
 * stages, each with its place; only a mistake of the compiler itself throws.
 */
export function compile(source: SourceFile, options: CompileOptions = {}): CompileResult {
  const steps = compileInSteps(source, options);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** What is known of a program when it has been read: what is wrong with it as C, and what everything in it means. */
export interface Checked {
  readonly tree: TranslationUnit;
  readonly warnings: readonly Diagnostic[];
}

/** {@link compile} for those who do something else in between, or give up half way. */
export function* compileInSteps(source: SourceFile, options: CompileOptions = {}): Generator<Checked, CompileResult> {
  const run = new Compilation(source, options);
  const checked = run.attempt(() => run.tree());
  if (!checked.ok) return checked;
  const tree = checked.value;
  yield { tree, warnings: checked.warnings };
  const result = run.attempt(() => {
    const module = run.module(tree);
    const emitted = run.timed('emit', () =>
      emitObject(module, {
        cpu: options.cpu ?? 'v3',
        fileName: source.name,
        debug: true,
        columns: options.variables ?? false,
        origin: options.origin,
      }),
    );
    for (const one of emitted.warnings) run.warn(one);
    return { module, emitted };
  });
  if (!result.ok) return result;
  const { module, emitted } = result.value;
  const { object, functions, variables } = emitted;
  const { timings, files } = run;
  return { ok: true, object, functions, variables, warnings: result.warnings, tree, module, timings, files };
}

/** What the preprocessor makes of the source: C text, and every file that was read (`-E`, `-M`). */
export function compileToText(
  source: SourceFile,
  options: CompileOptions = {},
): StageResult<{ readonly text: string; readonly files: readonly string[] }> {
  const run = new Compilation(source, options);
  return run.attempt(() => {
    const text = printTokens(run.tokens().tokens);
    return { text, files: run.files };
  });
}

/** The typed tree, for `--emit=ast`, editors and tests. */
export function compileToTree(source: SourceFile, options: CompileOptions = {}): StageResult<TranslationUnit> {
  const run = new Compilation(source, options);
  return run.attempt(() => run.tree());
}

/** The optimised intermediate representation, for `--emit=ir` and tests. */
export function compileToIr(source: SourceFile, options: CompileOptions = {}): StageResult<Module> {
  const run = new Compilation(source, options);
  return run.attempt(() => run.module(run.tree()));
}

/** One run through the stages, with what they report and how long they take. */
class Compilation {
  readonly timings = { preprocess: 0, parse: 0, lower: 0, optimise: 0, emit: 0 };
  files: string[] = [];
  private includedAt: ReadonlyMap<SourceFile, Span> = new Map();
  private regions: PreprocessResult['warnings'] | undefined;
  private readonly source: SourceFile;
  private readonly options: CompileOptions;
  private readonly diagnostics = new Diagnostics();

  constructor(source: SourceFile, options: CompileOptions) {
    this.source = source;
    this.options = options;
  }

  tokens(): PreprocessResult {
    const { source, options, diagnostics } = this;
    const preprocessed = this.timed('preprocess', () => preprocess(source, { ...options, diagnostics }));
    this.files = preprocessed.dependencies.map((file) => file.name);
    this.includedAt = preprocessed.includedAt;
    this.regions = preprocessed.warnings;
    diagnostics.check();
    return preprocessed;
  }

  tree(): TranslationUnit {
    const { diagnostics } = this;
    const { tokens, features } = this.tokens();
    const vmlinux = features.vmlinux ? this.kernelTypes() : undefined;
    const tree = this.timed('parse', () => parseC(tokens, { diagnostics, features, vmlinux }));
    diagnostics.check();
    return tree;
  }

  private kernelTypes(): Btf {
    const { vmlinux } = this.options;
    if (vmlinux === undefined) throw new SkepError(noKernelTypes(this.source.name));
    return typeof vmlinux === 'function' ? vmlinux() : vmlinux;
  }

  module(tree: TranslationUnit): Module {
    const { source, options, diagnostics } = this;
    const module = this.timed('lower', () => lower(tree, source.name, diagnostics, options));
    diagnostics.check();
    const level = options.optimise ?? 2;
    const found = this.timed('optimise', () =>
      optimise(module, {
        level: level === 's' ? 2 : level,
        small: level === 's',
        cpu: options.cpu ?? 'v3',
        debug: options.debug ?? false,
      }),
    );
    for (const one of [...found, ...findContextAccess(module)]) diagnostics.add(one);
    diagnostics.check();
    return module;
  }

  warn(warning: Diagnostic): void {
    this.diagnostics.add(warning);
  }

  timed<T>(stage: keyof Timings, work: () => T): T {
    const start = performance.now();
    try {
      return work();
    } finally {
      this.timings[stage] += performance.now() - start;
    }
  }

  attempt<T>(work: () => T): StageResult<T> {
    try {
      const value = work();
      const warnings = this.traced(this.chosen(this.diagnostics.list)).sort(byPlace);
      if (warnings.some((one) => one.severity === 'error')) return { ok: false, diagnostics: warnings };
      return { ok: true, value, warnings };
    } catch (error) {
      if (!(error instanceof SkepError)) throw error;
      const { list } = this.diagnostics;
      // Some stages throw what they found, others add it to the list first: nothing is said twice.
      const thrown = error.diagnostics.filter((one) => !list.includes(one));
      return { ok: false, diagnostics: this.traced(this.chosen([...list, ...thrown])) };
    }
  }

  /** The warnings that are wanted, by name; those that are taken for errors as such. */
  private chosen(list: readonly Diagnostic[]): Diagnostic[] {
    const flags = this.options.warnings ?? [];
    const choice = new WarningChoice(flags);
    return list.flatMap((one) => {
      const here = one.severity === 'warning' ? this.regions?.at(one.span) : undefined;
      const choiceHere = here === undefined || here.length === 0 ? choice : new WarningChoice([...flags, ...here]);
      const wanted = one.severity === 'warning' ? choiceHere.of(one.code) : 'error';
      if (wanted === 'off') return [];
      const name = one.severity === 'warning' ? warningName(one.code) : undefined;
      if (name === undefined) return [wanted === 'error' ? { ...one, severity: 'error' } : one];
      const flag = wanted === 'error' ? `-Werror,-W${name}` : `-W${name}`;
      return [{ ...one, severity: wanted, message: `${one.message} [${flag}]` }];
    });
  }

  /** With notes that say how the file in which something is wrong came to be read. */
  private traced(list: readonly Diagnostic[]): Diagnostic[] {
    return list.map((one) => {
      const notes: DiagnosticNote[] = [];
      const seen = new Set<SourceFile>();
      for (let file = one.span?.file; file !== undefined && !seen.has(file); file = notes.at(-1)!.span!.file) {
        seen.add(file);
        const span = this.includedAt.get(file);
        if (span === undefined) break;
        notes.push({ message: `${file.name} is included here`, span });
      }
      return notes.length === 0 ? one : { ...one, notes: [...(one.notes ?? []), ...notes] };
    });
  }
}

/** What is found at the end of a function stands among what was found inside. */
function byPlace(a: Diagnostic, b: Diagnostic): number {
  return a.span !== undefined && a.span.file === b.span?.file ? a.span.start - b.span.start : 0;
}
