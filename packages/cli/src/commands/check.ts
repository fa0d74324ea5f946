import { EXIT, renderDiagnostic, renderDiagnostics, SkepError, utf8Text } from '@skep/base';
import type { Btf } from '@skep/object';
import { parseFormat, SCHEMA, table, toJson } from '@skep/view';
import {
  bundledTypes,
  type Checked,
  type CheckReport,
  checkFile,
  compileTypes,
  explainKernelLogOf,
  type KernelName,
  type MeasuredKernel,
  readBytes,
  renderFix,
} from 'skep';
import type { Call } from '../command.ts';
import { noSuchKernel, noSuchProgramHere, nothingToCheck } from '../diagnostics.ts';
import { closestKernel, cpusHere, KERNELS, readProfile } from '../kernels.ts';
import { showStory } from '../refusal.ts';
import { compileOptions, objectOfProbes, readBtf } from './shared.ts';

/** `skep check FILE`: 0 when all are accepted, 3 when one is refused, 1 when one could not be judged. */
export async function execute(call: Call): Promise<number> {
  const format = parseFormat(call.options.text('output') ?? 'table');
  const log = call.options.text('kernelLog');
  if (log !== undefined) return explainLog(call, log, format.kind === 'json' || format.kind === 'jsonl');
  if (call.args.length === 0) throw new SkepError(nothingToCheck(), EXIT.usage);
  const profile = profileOf(call);
  const kernels = profile ? [closestKernel(profile.release).kernel] : kernelsOf(call.options.text('kernel'));
  const programs = call.options.list('program');
  const trace = call.options.flag('trace');
  const report = checkFile(call.args[0]!, {
    object: await objectOfProbes(call),
    kernels,
    tables: profile,
    privileged: !call.options.flag('unprivileged'),
    cpus: cpusOf(call, profile),
    types: typesOf(call),
    compile: compileOptions(call),
    programs,
    fixes: call.options.flag('fixes'),
    ...(trace && { trace: (line: string) => call.io.err(`${line}\n`) }),
  });
  if (report.failure) {
    const { diagnostics, fixes, source } = report.failure;
    const { color } = call.io;
    const parts = [renderDiagnostics(diagnostics, { color }), ...fixes.map((fix) => renderFix(source, fix, { color }))];
    call.io.err(`${parts.join('\n')}\n`);
    return EXIT.error;
  }
  const known = report.names;
  for (const name of programs) {
    if (!known.includes(name)) throw new SkepError(noSuchProgramHere(name, known));
  }
  if (report.warnings.length > 0) call.io.err(`${renderDiagnostics(report.warnings, { color: call.io.color })}\n`);
  if (format.kind === 'json' || format.kind === 'jsonl')
    call.io.out(
      `${toJson({ schema: SCHEMA, programs: report.programs.map((one) => document(one, report)) }, format.kind === 'json' ? 2 : 0)}\n`,
    );
  else show(call, report, format.kind === 'wide');
  if (report.programs.some(({ verdict }) => !verdict.accepted && verdict.decided)) return EXIT.refusedByVerifier;
  return report.programs.some(({ verdict }) => !verdict.accepted) ? EXIT.error : EXIT.ok;
}

/** Before a run: silent about what is accepted. Gives the exit code. */
export async function executeQuietly(call: Call): Promise<number> {
  const programs = call.options.list('program');
  const { kernel } = closestKernel();
  const report = checkFile(call.args[0]!, {
    object: await objectOfProbes(call),
    kernels: [kernel],
    types: typesOf(call),
    cpus: cpusHere(),
    compile: compileOptions(call),
    programs,
  });
  const refused = report.programs.filter(({ verdict }) => !verdict.accepted && verdict.decided);
  tell(call, { ...report, programs: refused });
  return refused.length > 0 ? EXIT.refusedByVerifier : EXIT.ok;
}

/** `skep check --kernel-log FILE [prog]`: 3 when it holds a refusal. */
async function explainLog(call: Call, path: string, json: boolean): Promise<number> {
  const { kernel, release } = closestKernel(profileOf(call)?.release ?? call.options.text('kernel'));
  const [program] = call.options.list('program');
  const story = explainKernelLogOf(call.args[0], utf8Text(readBytes(path)), {
    object: await objectOfProbes(call),
    release,
    kernel,
    types: typesOf(call),
    compile: compileOptions(call),
    program,
    fixes: call.options.flag('fixes'),
  });
  if (story === undefined) {
    call.io.err(`${path} holds no refusal\n`);
    return EXIT.ok;
  }
  if (json) {
    const { explanation, fixes } = story;
    const { code, message, needed, known, help, kernelMessage, insn, source } = explanation;
    call.io.out(
      `${toJson({ schema: SCHEMA, programs: [{ name: story.log.program ?? program, accepted: false, code, message, needed, known, help, kernelMessage, insn, source, fixes }] }, 2)}\n`,
    );
  } else showStory(call.io, story);
  return EXIT.refusedByVerifier;
}

/** `6.1,6.12`, `running`; without it, of the kernels that skep knows, the newest that is not newer than the running one. */
function kernelsOf(text: string | undefined): readonly KernelName[] {
  if (text === undefined) return [closestKernel().kernel];
  return text.split(',').map((one) => {
    const name = one.trim();
    const found = name === 'running' ? closestKernel().kernel : KERNELS.find((version) => version === name);
    if (found === undefined) throw new SkepError(noSuchKernel(one, KERNELS), EXIT.usage);
    return found;
  });
}

/** `--kernel my-kernel.json` */
function profileOf(call: Call): MeasuredKernel | undefined {
  const text = call.options.text('kernel');
  return text?.endsWith('.json') ? readProfile(text) : undefined;
}

/** Processors that are named, or those of the kernel that is meant where it is known. */
function cpusOf(call: Call, profile: MeasuredKernel | undefined): number | undefined {
  const named = call.options.number('cpus');
  if (named !== undefined) return named;
  const kernel = call.options.text('kernel');
  return kernel === undefined || kernel === 'running' ? cpusHere() : profile?.cpus;
}

/** Types of the kernel that programs are fitted to: a file's, the running kernel's, or the bundled ones. */
function typesOf(call: Call): Btf {
  const path = call.options.text('btf');
  if (path !== undefined) return readBtf(path);
  const kernel = call.options.text('kernel');
  return kernel === undefined || kernel === 'running' ? compileTypes() : bundledTypes();
}

function document({ kernel, verdict, explanation, fixes, cost }: Checked, report: CheckReport) {
  const { program, source } = verdict;
  return {
    name: program.name,
    section: program.section,
    type: program.hook?.programType,
    kernel,
    accepted: verdict.accepted,
    decided: verdict.decided,
    code: verdict.code,
    message: explanation?.message ?? verdict.message,
    needed: explanation?.needed,
    known: explanation?.known,
    path: explanation?.remarks.map(({ message, place }) => ({
      message,
      ...(place && { file: place.file, line: place.line, column: place.column }),
    })),
    help: explanation?.help ?? verdict.help,
    kernelMessage: verdict.kernelMessage,
    source: source && { file: source.file, line: source.line, column: source.column },
    insn: verdict.insn,
    processed: verdict.processed,
    states: verdict.totalStates,
    stackDepth: verdict.stackDepth,
    lines: cost.lines,
    limits: cost.near,
    needs: cost.needs,
    fixes: fixes.map(({ title, also, verifiedOn, edits }) => ({
      title,
      also,
      verifiedOn,
      edits: report.built === undefined ? [] : edits.map((edit) => ({ file: report.built!.name, ...edit })),
    })),
  };
}

function show(call: Call, report: CheckReport, wide: boolean): void {
  const rows = report.programs.map(({ kernel, verdict, cost }) => [
    verdict.program.name,
    kernel,
    verdict.accepted ? 'accepted' : verdict.decided ? `refused ${verdict.code}` : 'not judged',
    String(verdict.processed),
    String(verdict.totalStates),
    verdict.stackDepth.join('+'),
    ...(wide ? [cost.needs.since ?? '', cost.needs.helpers.map((one) => one.name).join(' ')] : []),
  ]);
  const titles = [
    'PROGRAM',
    'KERNEL',
    'VERDICT',
    'PROCESSED',
    'STATES',
    'STACK',
    ...(wide ? ['SINCE', 'HELPERS'] : []),
  ];
  call.io.out(`${table(titles, rows)}\n`);
  tell(call, report, wide);
}

/** In place of the kernels that say it. */
const SAYS = 'Linux … says:';

/** What was refused, and which limits are near. */
function tell(call: Call, report: CheckReport, wide = false): void {
  /** What is said of a refusal, and the kernels that say so, in their order. */
  const said = new Map<string, string[]>();
  const { color } = call.io;
  for (const { verdict, diagnostic, fixes, kernel, cost } of report.programs) {
    if (verdict.accepted) {
      for (const { limit, used, most } of cost.near)
        call.io.err(`${verdict.program.name} on ${kernel}: ${used} of at most ${most} ${limit}\n`);
      if (wide) {
        call.io.out(`${verdict.program.name} on ${kernel}\n`);
        for (const one of cost.lines)
          call.io.out(`  ${String(one.processed).padStart(7)}  ${one.file}:${one.line}  ${one.text}\n`);
      }
      continue;
    }
    if (diagnostic === undefined) continue;
    const text = [
      renderDiagnostic(diagnostic, { color }),
      ...(report.built ? fixes.map((fix) => renderFix(report.built!, fix, { color })) : []),
    ].join('\n');
    const common = text.replace(`Linux ${kernel} says:`, SAYS);
    said.set(common, [...(said.get(common) ?? []), kernel]);
  }
  for (const [text, kernels] of said)
    call.io.err(`\n${text.replace(SAYS, `Linux ${kernels.join(', ')} ${kernels.length > 1 ? 'say' : 'says'}:`)}\n`);
  if (report.programs.some(({ kernel, verdict }) => kernel === '6.1' && verdict.accepted))
    call.io.err('\n6.1: skep follows its weaker ranges only in part; that kernel may refuse what is accepted here\n');
}
