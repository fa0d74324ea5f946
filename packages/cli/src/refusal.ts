/** A refusal of the running kernel, told as `skep check` tells its own. */
import { EXIT, renderDiagnostic } from '@skep/base';
import { ProgramRefused } from '@skep/kernel';
import { compileTypes, type ExplainedLog, explainKernelLogOf, renderFix } from 'skep';
import type { Call, Io } from './command.ts';
import { compileOptions, objectOfProbes } from './commands/shared.ts';
import { closestKernel, cpusHere } from './kernels.ts';

/** Does the work; where the kernel refuses a program of the file that the command names, says why and gives exit code 3. */
export async function explained(call: Call, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ProgramRefused)) throw error;
    const { kernel, release } = closestKernel();
    let story: ExplainedLog | undefined;
    try {
      const object = await objectOfProbes(call);
      const compile = compileOptions(call);
      const options = {
        object,
        release,
        kernel,
        types: compileTypes(),
        cpus: cpusHere(),
        compile,
        program: error.program,
      };
      story = explainKernelLogOf(call.args[0]!, error.log, options);
    } catch {
      // The kernel's own words are better than none.
    }
    if (story === undefined) throw error;
    showStory(call.io, story, `the kernel, Linux ${release}, refuses this program`);
    return EXIT.refusedByVerifier;
  }
}

export function showStory(io: Io, { diagnostic, fixes, built }: ExplainedLog, headline?: string): void {
  const { color } = io;
  const parts = [
    ...(headline === undefined ? [] : [headline]),
    renderDiagnostic(diagnostic, { color }),
    ...(built ? fixes.map((fix) => renderFix(built, fix, { color })) : []),
  ];
  io.err(`${parts.join('\n')}\n`);
}
