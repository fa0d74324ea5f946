/** What is known of a program of an object, for its explanation. */
import type { ProgramSpec } from '@skep/object';
import type { ProgramVerdict } from '../object.ts';
import type { Evidence, Naming, Step } from './evidence.ts';
import { explainRefusal } from './explain.ts';
import type { Explanation } from './model.ts';

/** The story of a refused program; `verdict` was made with its path kept. */
export function explainProgram(verdict: ProgramVerdict, kernel: string, naming: Naming = {}): Explanation {
  return explainRefusal(
    evidenceOf(verdict.program, {
      message: verdict.kernelMessage ?? '',
      insn: verdict.insn ?? -1,
      kernel,
      path: verdict.path ?? [],
    }),
    naming,
  );
}

/** What is known of a refusal of a program, for {@link explainRefusal}. */
export function evidenceOf(
  program: ProgramSpec,
  refusal: { readonly message: string; readonly insn: number; readonly kernel: string; readonly path: readonly Step[] },
): Evidence {
  const at = new Map(program.references.map((one) => [one.slot, one]));
  return {
    ...refusal,
    code: markReferences(program),
    lines: program.lineInfo,
    programType: program.hook?.programType,
    functions: program.functions,
    kfunc: (slot) => {
      const reference = at.get(slot);
      return reference?.kind === 'kfunc' ? reference.name : undefined;
    },
    map: (slot) => {
      const reference = at.get(slot);
      return reference?.kind === 'map' || reference?.kind === 'map-value' ? reference.map : undefined;
    },
  };
}

/** The instructions with what they refer to written into them, so that they decode as what they will be. */
function markReferences(program: ProgramSpec): Uint8Array {
  const code = program.code.slice();
  const SOURCE = { map: 1, 'map-value': 2, func: 4, kfunc: 2, ksym: 3 } as const;
  for (const { kind, slot } of program.references)
    code[slot * 8 + 1] = (code[slot * 8 + 1]! & 15) | (SOURCE[kind] << 4);
  return code;
}
