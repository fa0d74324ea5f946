import type { ProgramInput } from '../program/program.ts';
import type { Refusal } from '../refusal.ts';
import { Case } from './case.ts';
import { CATALOGUE } from './catalogue.ts';
import { type Evidence, type Naming, placeOf } from './evidence.ts';
import type { Explanation } from './model.ts';

const E_UNSUPPORTED = 'E2000';
const E_OTHER = 'E2999';

/** The story of a refusal: what was needed, what is known, and how the path came there. */
export function explainRefusal(evidence: Evidence, naming: Naming = {}): Explanation {
  const c = new Case(evidence, naming);
  const common = {
    insn: evidence.insn,
    source: c.leftAt() ?? placeOf(evidence.lines, evidence.insn),
    kernelMessage: evidence.message,
  };
  for (const entry of CATALOGUE) {
    const found = entry.pattern.exec(evidence.message);
    if (found === null) continue;
    const { code, place, message, needed, known, remarks, help, subject } = entry.tell(c, found);
    return {
      ...common,
      ...(place && { source: place }),
      code: code ?? entry.code,
      message,
      ...(needed !== undefined && { needed }),
      ...(known !== undefined && { known }),
      remarks: (remarks ?? []).filter((one) => one !== undefined),
      help,
      subject: subject ?? {},
    };
  }
  return {
    ...common,
    code: E_OTHER,
    message: `Linux ${evidence.kernel} refuses the program: ${evidence.message}`,
    remarks: [],
    help: 'see the text of the kernel',
    subject: {},
  };
}

/** In one sentence, without the path. */
export function explain(input: Pick<ProgramInput, 'lineInfo' | 'code'>, kernel: string, refusal: Refusal): Explanation {
  if (refusal.unsupported)
    return {
      code: E_UNSUPPORTED,
      message: `skep's verifier cannot judge ${refusal.message} yet`,
      remarks: [],
      help: 'load the program with the kernel to learn what it says',
      kernelMessage: '',
      insn: refusal.insn,
      source: placeOf(input.lineInfo ?? [], refusal.insn),
      subject: {},
    };
  return explainRefusal({
    message: refusal.message,
    insn: refusal.insn,
    kernel,
    code: input.code,
    path: [],
    lines: input.lineInfo ?? [],
    programType: undefined,
    functions: [],
    kfunc: () => undefined,
    map: () => undefined,
  });
}
