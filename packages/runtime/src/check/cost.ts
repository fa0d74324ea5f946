/** What a program costs the verifier, and what it needs of a kernel. */
import { HELPERS } from '@skep/abi';
import { decodeAt, type ProgramSpec, slotsOf } from '@skep/object';
import { type ProgramVerdict, placeOf } from '@skep/verifier';

/** What verifying a program costs, and how near it is to what is allowed. */
export interface Cost {
  /** The lines that the verifier went through most, the dearest first. */
  readonly lines: readonly LineCost[];
  /** Limits of the kernel of which the program uses a good part. */
  readonly near: readonly { readonly limit: string; readonly used: number; readonly most: number }[];
  readonly needs: Needs;
}

/** What verifying a line costs. */
export interface LineCost {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  /** Instructions that the verifier went through for it, over all paths. */
  readonly processed: number;
  readonly states: number;
}

/** What a program asks of a kernel. */
export interface Needs {
  readonly helpers: readonly { readonly name: string; readonly since: string }[];
  readonly kernelFunctions: readonly string[];
  /** The oldest kernel that has all helpers. */
  readonly since: string | undefined;
}

const MOST_PROCESSED = 1_000_000;
const MOST_STACK = 512;
const MOST_LINES = 5;
/** From this part of a limit on it is worth saying. */
const NEAR = 0.5;

export function costOf(verdict: ProgramVerdict): Cost {
  const { program } = verdict;
  const near = [
    { limit: 'instructions processed', used: verdict.processed, most: MOST_PROCESSED },
    { limit: 'bytes of stack', used: verdict.stackDepth.reduce((sum, one) => sum + one, 0), most: MOST_STACK },
  ].filter(({ used, most }) => used >= most * NEAR);
  return { lines: linesOf(program, verdict), near, needs: needsOf(program) };
}

function linesOf(program: ProgramSpec, { visits, statesKept }: ProgramVerdict): LineCost[] {
  const found = new Map<string, { file: string; line: number; text: string; processed: number; states: number }>();
  for (let slot = 0; slot < visits.length; slot++) {
    if (visits[slot] === 0) continue;
    const place = placeOf(program.lineInfo, slot);
    if (place === undefined) continue;
    const key = `${place.file}:${place.line}`;
    const line = found.get(key) ?? {
      file: place.file,
      line: place.line,
      text: place.text.trim(),
      processed: 0,
      states: 0,
    };
    line.processed += visits[slot]!;
    line.states += statesKept[slot]!;
    found.set(key, line);
  }
  return [...found.values()].sort((a, b) => b.processed - a.processed).slice(0, MOST_LINES);
}

function needsOf(program: ProgramSpec): Needs {
  const helpers = new Map<string, string>();
  for (let slot = 0; slot * 8 < program.code.length; ) {
    const insn = decodeAt(program.code, slot);
    if (!('kind' in insn) || insn.kind === undefined) break;
    if (insn.kind === 'call' && insn.target.kind === 'helper') {
      const { id } = insn.target;
      const helper = HELPERS.find((one) => one.id === id);
      if (helper !== undefined) helpers.set(helper.name, helper.since);
    }
    slot += slotsOf(insn as Parameters<typeof slotsOf>[0]);
  }
  const list = [...helpers].map(([name, since]) => ({ name, since })).sort((a, b) => newer(b.since, a.since));
  const kernelFunctions = program.references.filter((one) => one.kind === 'kfunc').map((one) => one.name);
  return { helpers: list, kernelFunctions: [...new Set(kernelFunctions)], since: list[0]?.since };
}

/** Above 0 when `a` is newer. */
function newer(a: string, b: string): number {
  const [am, an] = a.split('.').map(Number);
  const [bm, bn] = b.split('.').map(Number);
  return am! - bm! || an! - bn!;
}
