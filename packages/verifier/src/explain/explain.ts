import type { ProgramInput } from '../program/program.ts';
import type { Refusal } from '../refusal.ts';
import { CATALOGUE } from './catalogue.ts';
import type { Explanation } from './model.ts';

export const E_UNSUPPORTED = 'E2000';
const E_OTHER = 'E2999';

/** Finds the entry of the catalogue and the source line of a refusal. */
export function explain(input: Pick<ProgramInput, 'lineInfo'>, kernel: string, refusal: Refusal): Explanation {
  const source = sourceOf(input, refusal.insn);
  const common = { insn: refusal.insn, source, kernelMessage: refusal.unsupported ? '' : refusal.message };
  if (refusal.unsupported)
    return {
      ...common,
      code: E_UNSUPPORTED,
      message: `skep's verifier cannot judge ${refusal.message} yet`,
      help: 'load the program with the kernel to learn what it says',
    };
  for (const entry of CATALOGUE) {
    const found = entry.pattern.exec(refusal.message);
    if (found !== null) return { ...common, code: entry.code, message: entry.words(found), help: entry.help };
  }
  return {
    ...common,
    code: E_OTHER,
    message: `Linux ${kernel} refuses the program: ${refusal.message}`,
    help: 'see the text of the kernel',
  };
}

/** The last line that starts at or before the instruction. */
function sourceOf(input: Pick<ProgramInput, 'lineInfo'>, insn: number): Explanation['source'] {
  if (insn < 0) return undefined;
  let best: Explanation['source'];
  let at = -1;
  for (const line of input.lineInfo ?? []) {
    if (line.slot > insn || line.slot < at) continue;
    at = line.slot;
    best = { file: line.file, line: line.line, column: line.column, text: line.text };
  }
  return best;
}
