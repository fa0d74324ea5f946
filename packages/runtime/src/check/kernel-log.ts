/** What a real kernel said, explained as our own verifier's refusals are. */
import type { Diagnostic } from '@skep/base';
import type { ObjectSpec } from '@skep/object';
import {
  type Explanation,
  evidenceOf,
  explainRefusal,
  type KernelLog,
  type Naming,
  type ProgramVerdict,
  readKernelLog,
  verifyObject,
} from '@skep/verifier';
import { type CheckOptions, diagnosticOf, openChecked, sourcesOf } from './check.ts';
import { SourceNaming } from './naming.ts';
import { SourceTree } from './source-tree.ts';
import { type Built, type Fix, tryFixes } from './try-fixes.ts';
import { withPath } from './with-path.ts';

/** A log of the kernel's verifier, told, with the changes that mend the program. */
export interface ExplainedLog {
  readonly log: KernelLog;
  readonly explanation: Explanation;
  readonly diagnostic: Diagnostic;
  readonly fixes: readonly Fix[];
  readonly built: Built | undefined;
}

/** What is known of the program that a log is about. */
export interface LogOptions extends Omit<CheckOptions, 'kernels'> {
  /** As the kernel of the log is called, in words: `6.18.0`. */
  readonly release: string;
  /** Of the verifiers that skep knows, the one that is nearest to that kernel. */
  readonly kernel: CheckOptions['kernels'][number];
  /** Which program the log is about, where it does not say so. */
  readonly program?: string | undefined;
}

/**
 * The story of a log; undefined when it holds no refusal. With the source or the object that was loaded, in the author's
 * names and with changes that were tried.
 */
export function explainKernelLog(
  text: string,
  options: LogOptions,
  loaded?: { readonly name: string; readonly bytes: Uint8Array },
): ExplainedLog | undefined {
  const log = readKernelLog(text, options.release);
  if (!log.refused) return undefined;
  const opened =
    loaded && openChecked(loaded.name, loaded.bytes, { ...options, kernels: [options.kernel], fixes: false });
  const object = opened && 'object' in opened ? opened.object : undefined;
  const built = opened && 'object' in opened ? opened.built : undefined;
  const wanted = options.program ?? log.program;
  const ours = object && sameRefusal(object, log, wanted, options);
  const program = ours?.program ?? object?.programs.find((one) => one.name === wanted);
  const tree = built && new SourceTree({ name: built.name, text: built.text }, built.compiled.tree);
  const naming: Naming = built && tree && program ? new SourceNaming(tree, program, built.compiled.variables) : {};
  const told = (message: string): Explanation =>
    explainRefusal(
      program === undefined
        ? { ...log, message }
        : evidenceOf(program, { message, insn: log.insn, kernel: log.kernel, path: ours?.path ?? log.path }),
      naming,
    );
  // The last line is the reason; now and then another one says more.
  const explanation =
    [...log.messages]
      .reverse()
      .map(told)
      .find((one) => one.code !== 'E2999') ?? told(log.message);
  const fixes =
    options.fixes !== false && built && ours
      ? tryFixes(built, ours, {
          compile: options.compile ?? {},
          kernel: options.kernel,
          kernels: [options.kernel],
          types: options.types,
          cpus: options.cpus,
          time: options.fixTime,
        })
      : [];
  const name = program?.name ?? wanted ?? '?';
  const diagnostic = diagnosticOf(
    {
      decided: true,
      program: { name },
      code: explanation.code,
      message: explanation.message,
      help: explanation.help,
      kernelMessage: log.messages.join(' · '),
      source: explanation.source,
    },
    options.release,
    explanation,
    sourcesOf(built, options.readFile),
    fixes.length > 0,
  );
  return { log, explanation, diagnostic, fixes, built };
}

/** Our verifier's refusal of the program that the log is about, when it is the same one. */
function sameRefusal(
  object: ObjectSpec,
  log: KernelLog,
  wanted: string | undefined,
  { kernel, types, tables, cpus }: LogOptions,
): ProgramVerdict | undefined {
  const known = wanted !== undefined && object.programs.some((one) => one.name === wanted);
  const verdicts = verifyObject(object, { kernel, kernelBtf: types, tables, cpus }, known ? [wanted] : undefined);
  const refused = verdicts.filter((one) => !one.accepted && one.decided);
  const same =
    refused.find((one) => one.insn === log.insn && log.messages.includes(one.kernelMessage ?? '')) ??
    refused.find((one) => one.insn === log.insn) ??
    (known ? refused[0] : undefined);
  return same && withPath(object, same, { kernel, kernelBtf: types, tables, cpus });
}
