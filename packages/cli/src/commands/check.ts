import { readFileSync } from 'node:fs';
import { type Diagnostic, EXIT, lineStartsOf, renderDiagnostic, SkepError, type SourceFile } from '@skep/base';
import { kernelRelease } from '@skep/kernel';
import type { Btf } from '@skep/object';
import { type KernelProfile, PROFILES, type ProgramVerdict, verifyObject } from '@skep/verifier';
import { parseFormat, SCHEMA, table, toJson } from '@skep/view';
import { bundledTypes, compileTypes } from 'skep';
import type { Call } from '../command.ts';
import { noSuchKernel, noSuchProgramHere } from '../diagnostics.ts';
import { openArgument, readBtf } from './shared.ts';

type Version = KernelProfile['version'];

interface Checked {
  readonly kernel: Version;
  readonly verdict: ProgramVerdict;
}

/** `skep check FILE`: 0 when all are accepted, 3 when one is refused, 1 when one could not be judged. */
export async function execute(call: Call): Promise<number> {
  const format = parseFormat(call.options.text('output') ?? 'table');
  const versions = kernels(call.options.text('kernel'));
  const { spec } = openArgument(call);
  const names = call.options.list('program');
  for (const name of names) {
    if (!spec.programs.some((one) => one.name === name))
      throw new SkepError(
        noSuchProgramHere(
          name,
          spec.programs.map((one) => one.name),
        ),
      );
  }
  const types = typesOf(call);
  const checked = versions.flatMap((kernel) =>
    verifyObject(spec.object, { kernel, kernelBtf: types }, names).map((verdict): Checked => ({ kernel, verdict })),
  );
  if (format.kind === 'json' || format.kind === 'jsonl')
    call.io.out(`${toJson({ schema: SCHEMA, programs: checked.map(document) }, format.kind === 'json' ? 2 : 0)}\n`);
  else show(call, checked);
  if (checked.some((one) => !one.verdict.accepted && one.verdict.decided)) return EXIT.refusedByVerifier;
  return checked.some((one) => !one.verdict.accepted) ? EXIT.error : EXIT.ok;
}

/** `6.1,6.12`; without it, of the kernels that skep knows, the newest that is not newer than the running one. */
function kernels(text: string | undefined): readonly Version[] {
  const known = Object.keys(PROFILES) as Version[];
  if (text === undefined) return [closest(known)];
  return text.split(',').map((one) => {
    const found = known.find((version) => version === one.trim());
    if (found === undefined) throw new SkepError(noSuchKernel(one, known), EXIT.usage);
    return found;
  });
}

function closest(known: readonly Version[]): Version {
  let release: string;
  try {
    release = kernelRelease();
  } catch {
    return '6.12';
  }
  const number = (version: string): number => {
    const [major, minor] = version.split('.').map((part) => Number.parseInt(part, 10));
    return major! * 1000 + (minor ?? 0);
  };
  return known.filter((one) => number(one) <= number(release)).at(-1) ?? known[0]!;
}

/** Types of the kernel that programs are fitted to: a file's, the running kernel's, or the bundled ones. */
function typesOf(call: Call): Btf {
  const path = call.options.text('btf');
  if (path !== undefined) return readBtf(path);
  return call.options.text('kernel') === undefined ? compileTypes() : bundledTypes();
}

function document({ kernel, verdict }: Checked) {
  const { program, source } = verdict;
  return {
    name: program.name,
    section: program.section,
    type: program.hook?.programType,
    kernel,
    accepted: verdict.accepted,
    decided: verdict.decided,
    code: verdict.code,
    message: verdict.message,
    help: verdict.help,
    kernelMessage: verdict.kernelMessage,
    source: source && { file: source.file, line: source.line, column: source.column },
    insn: verdict.insn,
    processed: verdict.processed,
    states: verdict.totalStates,
    stackDepth: verdict.stackDepth,
  };
}

function show(call: Call, checked: readonly Checked[]): void {
  const rows = checked.map(({ kernel, verdict }) => [
    verdict.program.name,
    kernel,
    verdict.accepted ? 'accepted' : verdict.decided ? `refused ${verdict.code}` : 'not judged',
    String(verdict.processed),
    String(verdict.totalStates),
    verdict.stackDepth.join('+'),
  ]);
  call.io.out(`${table(['PROGRAM', 'KERNEL', 'VERDICT', 'PROCESSED', 'STATES', 'STACK'], rows)}\n`);
  const said = new Set<string>();
  for (const { kernel, verdict } of checked) {
    if (verdict.accepted) continue;
    const text = renderDiagnostic(diagnosticOf(verdict, kernel), { color: call.io.color });
    if (said.has(text)) continue;
    said.add(text);
    call.io.err(`\n${text}\n`);
  }
}

function diagnosticOf(verdict: ProgramVerdict, kernel: Version): Diagnostic {
  const { program, source } = verdict;
  const where = source && spanOf(source);
  const notes = [];
  if (verdict.kernelMessage) notes.push({ message: `Linux ${kernel} says: ${verdict.kernelMessage}` });
  if (source && !where) notes.push({ message: `at ${source.file}:${source.line}: ${source.text.trim()}` });
  return {
    code: verdict.code ?? 'E2000',
    severity: verdict.decided ? 'error' : 'warning',
    message: `program \`${program.name}\`: ${verdict.message ?? ''}`,
    ...(where && { span: where }),
    notes,
    help: verdict.help,
  };
}

/** The line of the source, from its column on, when the file is still there and says the same. */
function spanOf(source: NonNullable<ProgramVerdict['source']>): Diagnostic['span'] {
  let text: string;
  try {
    text = readFileSync(source.file, 'utf8');
  } catch {
    return undefined;
  }
  const file: SourceFile = { name: source.file, text };
  const start = lineStartsOf(file)[source.line - 1];
  if (start === undefined) return undefined;
  const end = text.indexOf('\n', start) < 0 ? text.length : text.indexOf('\n', start);
  const line = text.slice(start, end);
  if (line.trim() !== source.text.trim()) return undefined;
  const column = Math.max(source.column - 1, line.length - line.trimStart().length);
  return { file, start: start + Math.min(column, line.length), end };
}
