/** A program before any kernel sees it: compiled, verified, explained, and mended where that was found to work. */
import {
  type Diagnostic,
  type DiagnosticNote,
  lineStartsOf,
  SkepError,
  type SourceFile,
  type Span,
  utf8Text,
} from '@skep/base';
import { type CompileOptions, compile } from '@skep/compiler';
import { type Btf, openObject } from '@skep/object';
import {
  type Explanation,
  explainProgram,
  type KernelProfile,
  type MeasuredTables,
  type Naming,
  type Place,
  type ProgramVerdict,
  verifyObject,
} from '@skep/verifier';
import { isElf } from '../open.ts';
import { type Cost, costOf } from './cost.ts';
import { SourceNaming } from './naming.ts';
import { SourceTree } from './source-tree.ts';
import { type Built, type Fix, tryFixes, tryStackFixes } from './try-fixes.ts';
import { withPath } from './with-path.ts';

/** A kernel whose verifier is known: `6.12`. */
export type KernelName = KernelProfile['version'];

/** For which kernels programs are judged, and what is looked for. */
export interface CheckOptions {
  readonly kernels: readonly KernelName[];
  /** Types of the kernel, to which programs are fitted. */
  readonly types: Btf;
  /** Of a kernel that was asked itself (`skep probe-kernel`). */
  readonly tables?: MeasuredTables | undefined;
  /** False: as for users without CAP_BPF and CAP_PERFMON. */
  readonly privileged?: boolean | undefined;
  /** Processors that the machine may have, which bounds the number of the one that a program runs on. */
  readonly cpus?: number | undefined;
  /** Only these; all without. */
  readonly programs?: readonly string[];
  readonly compile?: CompileOptions;
  /** Look for changes that mend refusals. Default true; only for sources. */
  readonly fixes?: boolean;
  /** Milliseconds for looking. Default 4000. */
  readonly fixTime?: number;
  /** The text of a file that line information names; for objects of other compilers. */
  readonly readFile?: (path: string) => string | undefined;
  /** Each line of the kernel's log of level 2. */
  readonly trace?: (line: string, program: string) => void;
}

/** The verdict on one program for one kernel. */
export interface Checked {
  readonly kernel: KernelName;
  readonly verdict: ProgramVerdict;
  /** Of a refusal. */
  readonly explanation: Explanation | undefined;
  /** The refusal as it is shown. */
  readonly diagnostic: Diagnostic | undefined;
  readonly fixes: readonly Fix[];
  readonly cost: Cost;
}

/** Verdicts on the programs of a file. */
export interface CheckReport {
  readonly programs: readonly Checked[];
  /** Of all programs, also those that were not asked for. */
  readonly names: readonly string[];
  /** Of the compiler. */
  readonly warnings: readonly Diagnostic[];
  readonly built: Built | undefined;
  /** The compiler refused the source for what no verifier would take, and there are changes that mend it. */
  readonly failure?: {
    readonly diagnostics: readonly Diagnostic[];
    readonly fixes: readonly Fix[];
    readonly source: SourceFile;
  };
}

/** Verdicts on the programs of a C source or an object. @throws SkepError with what the compiler or the reader found, where nothing is known that mends it */
export function check(name: string, bytes: Uint8Array, options: CheckOptions): CheckReport {
  const opened = openChecked(name, bytes, options);
  if ('failure' in opened) return { programs: [], names: [], warnings: [], built: undefined, failure: opened.failure };
  const { built, object } = opened;
  const tree = built && new SourceTree({ name, text: built.text }, built.compiled.tree);
  const { kernels, types, trace, tables, privileged, cpus } = options;
  const asked = { kernelBtf: types, tables, privileged, cpus };
  const programs = kernels.flatMap((kernel) =>
    verifyObject(
      object,
      { kernel, ...asked, ...(trace && { trace: (line, program) => trace(line, program.name) }) },
      options.programs,
    ).map((short): Checked => {
      const verdict = short.accepted ? short : withPath(object, short, { kernel, ...asked });
      const cost = costOf(verdict);
      if (verdict.accepted) return { kernel, verdict, explanation: undefined, diagnostic: undefined, fixes: [], cost };
      const naming: Naming = built && tree ? new SourceNaming(tree, verdict.program, built.compiled.variables) : {};
      const explanation = verdict.decided ? withCost(explainProgram(verdict, kernel, naming), cost) : undefined;
      const wanted = options.fixes !== false && built !== undefined && explanation !== undefined;
      const fixes = wanted
        ? tryFixes(built, verdict, {
            compile: options.compile ?? {},
            kernel,
            kernels,
            types,
            tables,
            privileged,
            cpus,
            time: options.fixTime,
          })
        : [];
      return {
        kernel,
        verdict,
        explanation,
        diagnostic: diagnosticOf(verdict, kernel, explanation, sourcesOf(built, options.readFile), fixes.length > 0),
        fixes,
        cost,
      };
    }),
  );
  return { programs, names: object.programs.map((one) => one.name), warnings: built?.compiled.warnings ?? [], built };
}

/** Of programs that are too complex: where the work goes. */
function withCost(explanation: Explanation, cost: Cost): Explanation {
  const [most] = cost.lines;
  if (explanation.code !== 'E2116' || most === undefined) return explanation;
  const all = cost.lines.reduce((sum, one) => sum + one.processed, 0);
  const percent = Math.round((100 * most.processed) / all);
  return { ...explanation, known: `${percent} % of the work is at line ${most.line}: ${most.text}` };
}

export function openChecked(
  name: string,
  bytes: Uint8Array,
  { compile: compiling = {}, kernels, types, fixes, cpus }: CheckOptions,
) {
  if (isElf(bytes)) return { object: openObject(bytes, { name }), built: undefined };
  const text = utf8Text(bytes);
  const compiled = compile({ name, text }, { ...compiling, variables: true });
  if (!compiled.ok) {
    const { diagnostics } = compiled;
    const found =
      fixes === false ? [] : tryStackFixes({ name, text }, diagnostics, { compile: compiling, kernels, types, cpus });
    if (found.length === 0) throw new SkepError(diagnostics);
    return { failure: { diagnostics, fixes: found, source: { name, text } } };
  }
  const object = openObject(compiled.object, { name });
  return { object, built: { name, text, compiled, object } satisfies Built };
}

type Sources = (path: string) => SourceFile | undefined;

export function sourcesOf(built: Built | undefined, readFile: CheckOptions['readFile']): Sources {
  const known = new Map<string, SourceFile | undefined>();
  if (built !== undefined) known.set(built.name, { name: built.name, text: built.text });
  return (path) => {
    if (!known.has(path)) {
      const text = readFile?.(path);
      known.set(path, text === undefined ? undefined : { name: path, text });
    }
    return known.get(path);
  };
}

export function diagnosticOf(
  verdict: Pick<ProgramVerdict, 'decided' | 'code' | 'message' | 'help' | 'kernelMessage' | 'source'> & {
    readonly program: { readonly name: string };
  },
  kernel: string,
  explanation: Explanation | undefined,
  files: Sources,
  mended = false,
): Diagnostic {
  const place = explanation?.source ?? verdict.source;
  const span = place && spanOf(place, files);
  const notes: DiagnosticNote[] = [];
  if (place && !span) notes.push({ message: `at ${place.file}:${place.line}: ${place.text.trim()}` });
  if (explanation?.needed) notes.push({ message: `needed: ${explanation.needed}` });
  if (explanation?.known) notes.push({ message: `known: ${explanation.known}` });
  for (const { message, place: where } of explanation?.remarks ?? []) {
    const at = where && spanOf(where, files);
    if (at && span && at.start === span.start && at.file === span.file) continue;
    notes.push({
      message: at || !where ? message : `${message} (${where.file}:${where.line})`,
      ...(at && { span: at }),
    });
  }
  if (verdict.kernelMessage) notes.push({ message: `Linux ${kernel} says: ${verdict.kernelMessage}` });
  return {
    code: verdict.code ?? 'E2000',
    severity: verdict.decided ? 'error' : 'warning',
    message: `program \`${verdict.program.name}\`: ${explanation?.message ?? verdict.message ?? ''}`,
    ...(span && { span }),
    notes,
    // A change that was tried says more.
    ...(!mended && { help: explanation?.help ?? verdict.help }),
  };
}

/** The rest of the line, from its column on, when the file is there and still says the same. */
export function spanOf(place: Place, files: Sources): Span | undefined {
  const file = files(place.file);
  const start = file && lineStartsOf(file)[place.line - 1];
  if (file === undefined || start === undefined) return undefined;
  const end = file.text.indexOf('\n', start) < 0 ? file.text.length : file.text.indexOf('\n', start);
  const line = file.text.slice(start, end);
  if (line.trim() !== place.text.trim()) return undefined;
  const indent = line.length - line.trimStart().length;
  return {
    file,
    start: start + Math.min(Math.max(place.column - 1, indent), line.length),
    end: start + line.trimEnd().length,
  };
}
