import { SkepError } from '@skep/base';
import { type CompileOptions, compile } from '@skep/compiler';
import { type Btf, openObject } from '@skep/object';
import { Mutator } from './mutate.ts';

export interface FuzzOptions {
  readonly corpus: readonly string[];
  readonly seed: number;
  /** Texts have numbers: the same seed and number give the same text. */
  readonly from?: number;
  readonly count: number;
  readonly vmlinux: () => Btf;
  /** Before each text: its number. False ends. */
  readonly goOn: (number: number) => boolean;
}

export interface FuzzReport {
  texts: number;
  compiled: number;
  /** What went wrong, with the number of the first text that shows it. */
  readonly problems: Map<string, { readonly number: number; readonly text: string }>;
}

/** Compiles mutated texts: each gives an object that can be read, or diagnostics with codes, soon. */
export function fuzz(options: FuzzOptions): FuzzReport {
  const { seed, from = 0, count, vmlinux } = options;
  const mutator = new Mutator(options.corpus);
  const report: FuzzReport = { texts: 0, compiled: 0, problems: new Map() };
  for (let number = from; number < from + count && options.goOn(number); number++) {
    const text = mutator.text(seed, number);
    report.texts += 1;
    const problem = problemOf(text, { ...LEVELS[number % LEVELS.length]!, vmlinux });
    if (problem === undefined) report.compiled += 1;
    else if (problem !== 'refused' && !report.problems.has(problem)) report.problems.set(problem, { number, text });
  }
  return report;
}

const LEVELS: readonly CompileOptions[] = [
  { optimise: 2, cpu: 'v3' },
  { optimise: 0, cpu: 'v1' },
  { optimise: 1, cpu: 'v4' },
];
/** Of the processor: more than any text of this size may take. */
const MOST_MILLISECONDS = 10_000;

/** Undefined when it compiles, `refused` when it is refused as it should be, else what went wrong. */
function problemOf(text: string, options: CompileOptions): string | undefined {
  const start = cpuMilliseconds();
  let result: ReturnType<typeof compile>;
  try {
    result = compile({ name: 'mutated.bpf.c', text }, options);
  } catch (error) {
    if (error instanceof SkepError) return `thrown, not returned: ${error.code}`;
    return `exception: ${firstLines(error)}`;
  }
  const took = cpuMilliseconds() - start;
  if (took > MOST_MILLISECONDS) return `took ${Math.round(took / 1000)} s`;
  if (!result.ok) {
    if (result.diagnostics.length === 0) return 'refused without a word';
    const bad = result.diagnostics.find((one) => !/^[EW][1-3]\d\d\d$/.test(one.code) || one.message === '');
    return bad ? `a diagnostic without a code: ${JSON.stringify(bad.message)}` : 'refused';
  }
  try {
    openObject(result.object, { name: 'mutated.o' });
  } catch (error) {
    // What only a loader can say, of maps and sections; but never that the file itself is damaged.
    if (error instanceof SkepError && /^E34/.test(error.code)) return undefined;
    return `the object cannot be read: ${firstLines(error)}`;
  }
  return undefined;
}

function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What tells one mistake from another. */
function firstLines(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '));
  const places = frames.slice(0, 3).map((line) => line.trim().replace(/\(.*\/packages\//, '('));
  return [error.message.slice(0, 200), ...places].join('\n  ');
}
