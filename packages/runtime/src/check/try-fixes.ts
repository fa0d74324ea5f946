/** Changes of the source are applied, compiled and verified; only what then is accepted is shown. */

import type { Diagnostic, SourceFile } from '@skep/base';
import type { Compiled } from '@skep/compiler';
import { type CompileOptions, compile, compileToTree } from '@skep/compiler';
import type { Btf, ObjectSpec } from '@skep/object';
import { openObject } from '@skep/object';
import {
  type Explanation,
  explainProgram,
  type KernelProfile,
  type MeasuredTables,
  type ProgramVerdict,
  verifyObject,
} from '@skep/verifier';
import { type Edit, Editing } from './fixes/editing.ts';
import { propose } from './fixes/propose.ts';
import { Site } from './fixes/site.ts';
import { scratchMap } from './fixes/stack.ts';
import { SourceNaming } from './naming.ts';
import { SourceTree } from './source-tree.ts';
import { withPath } from './with-path.ts';

/** A change with which the program is accepted. */
export interface Fix {
  readonly title: string;
  /** UTF-16 offsets of the source as it is; in their order, none over another. */
  readonly edits: readonly Edit[];
  /** The kernels whose verifier accepts the changed program, of those that were asked about. */
  readonly verifiedOn: readonly Version[];
  /** Other refusals of the same program that had to be mended too, in one sentence each. */
  readonly also: readonly string[];
}

type Version = KernelProfile['version'];

export interface Built {
  readonly name: string;
  readonly text: string;
  readonly compiled: Compiled;
  readonly object: ObjectSpec;
}

export interface TryOptions {
  readonly compile: CompileOptions;
  readonly kernel: Version;
  /** Kernels for which a fix is verified besides. */
  readonly kernels: readonly Version[];
  readonly types: Btf;
  readonly tables?: MeasuredTables | undefined;
  readonly privileged?: boolean | undefined;
  readonly cpus?: number | undefined;
  /** Fixes that are looked for. Default 2. */
  readonly most?: number;
  /** Milliseconds for all of them. Default 4000. */
  readonly time?: number | undefined;
}

/** So many refusals behind each other are mended together. */
const MOST_DEPTH = 4;
const MOST_TRIES = 60;
const DEFAULT_TIME = 4000;
/** One verdict may take so many milliseconds. */
const VERDICT_TIME = 1500;

export function tryFixes(built: Built, verdict: ProgramVerdict, options: TryOptions): Fix[] {
  const search = new Search(options, verdict.program.name, built.text);
  search.from(built, verdict, [], 0);
  return search.found;
}

/** The compiler's code for functions that need more stack than any verifier gives. */
const TOO_LARGE = 'E1300';

/** What makes a source compile, and its programs accepted, that the compiler refused for its stack. */
export function tryStackFixes(
  source: SourceFile,
  diagnostics: readonly Diagnostic[],
  options: Omit<TryOptions, 'kernel'>,
): Fix[] {
  let before = [{ text: source.text, titles: [] as readonly string[] }];
  if (!diagnostics.some((one) => one.code === TOO_LARGE)) return [];
  const deadline = performance.now() + (options.time ?? DEFAULT_TIME);
  for (let depth = 0; depth < MOST_DEPTH; depth++) {
    const further: typeof before = [];
    for (const { text, titles } of before) {
      const parsed = compileToTree({ name: source.name, text }, options.compile);
      if (!parsed.ok) continue;
      for (const { title, edits } of scratchMap(
        new Editing(new SourceTree({ name: source.name, text }, parsed.value)),
      )) {
        if (performance.now() > deadline) return [];
        const changed = apply(text, edits);
        const compiled = compile({ name: source.name, text: changed }, options.compile);
        if (!compiled.ok) {
          if (compiled.diagnostics.some((one) => one.code === TOO_LARGE))
            further.push({ text: changed, titles: [...titles, title] });
          continue;
        }
        const object = openObject(compiled.object, { name: source.name });
        const verifiedOn = options.kernels.filter((kernel) =>
          verifyObject(object, {
            kernel,
            kernelBtf: options.types,
            tables: options.tables,
            cpus: options.cpus,
            budget: { time: VERDICT_TIME },
          }).every((one) => one.accepted),
        );
        const [first, ...also] = [...titles, title];
        if (verifiedOn.length > 0)
          return [{ title: first!, also, verifiedOn, edits: difference(source.text, changed) }];
      }
    }
    before = further;
  }
  return [];
}

class Search {
  readonly found: Fix[] = [];
  private readonly options: TryOptions;
  private readonly program: string;
  private readonly original: string;
  private readonly deadline: number;
  private readonly seen: Set<string>;
  private tries = 0;

  constructor(options: TryOptions, program: string, original: string) {
    this.options = options;
    this.program = program;
    this.original = original;
    this.deadline = performance.now() + (options.time ?? DEFAULT_TIME);
    this.seen = new Set([original]);
  }

  private get over(): boolean {
    return (
      this.found.length >= (this.options.most ?? 2) || this.tries >= MOST_TRIES || performance.now() > this.deadline
    );
  }

  /** Tries what may mend this refusal; where another one comes behind it, what may mend that as well. */
  from(built: Built, refused: ProgramVerdict, titles: readonly string[], depth: number): void {
    const { site, explanation, verdict } = this.explain(built, refused);
    const further: { built: Built; verdict: ProgramVerdict; title: string }[] = [];
    for (const group of propose(site)) {
      for (const { title, edits } of group) {
        if (this.over) return;
        const text = edits.length === 0 ? undefined : apply(built.text, edits);
        if (text === undefined || this.seen.has(text)) continue;
        this.seen.add(text);
        const next = this.build(built.name, text);
        const result = next && this.verdict(next, this.options.kernel);
        if (next === undefined || result === undefined || !result.decided) continue;
        if (result.accepted) this.take(next, [...titles, title]);
        else if (this.isElsewhere(explanation, next, result)) further.push({ built: next, verdict: result, title });
        if (depth > 0 && this.found.length > 0) return;
      }
      if (this.found.length > 0) return;
    }
    if (depth + 1 >= MOST_DEPTH) return;
    // More of the same first: a change that brings up something new often asked for too much.
    const same = (one: { verdict: ProgramVerdict }) => (one.verdict.code === verdict.code ? 0 : 1);
    for (const one of further.sort((a, b) => same(a) - same(b))) {
      if (this.over) return;
      this.from(one.built, one.verdict, [...titles, one.title], depth + 1);
      if (this.found.length > 0) return;
    }
  }

  private explain(built: Built, refused: ProgramVerdict) {
    const { kernel, types, tables, privileged, cpus } = this.options;
    const verdict = refused.path
      ? refused
      : withPath(built.object, refused, { kernel, kernelBtf: types, tables, privileged, cpus });
    const tree = new SourceTree({ name: built.name, text: built.text }, built.compiled.tree);
    const naming = new SourceNaming(tree, verdict.program, built.compiled.variables);
    const explanation = explainProgram(verdict, kernel, naming);
    return { verdict, explanation, site: new Site(tree, naming, verdict.program, built.object, explanation) };
  }

  /** The refusal behind a change is another one: of another kind, or at another line. */
  private isElsewhere(before: Explanation, built: Built, after: ProgramVerdict): boolean {
    if (before.code !== after.code) return true;
    const now = this.explain(built, after).explanation;
    return now.source?.text.trim() !== before.source?.text.trim();
  }

  private take(built: Built, [title, ...also]: readonly string[]): void {
    if (title === undefined || this.found.some((one) => one.title === title)) return;
    this.found.push({
      title,
      also: [...new Set(also)].filter((one) => one !== title),
      edits: difference(this.original, built.text),
      verifiedOn: this.options.kernels.filter(
        (one) => one === this.options.kernel || this.verdict(built, one)?.accepted === true,
      ),
    });
  }

  private build(name: string, text: string): Built | undefined {
    this.tries += 1;
    const compiled = compile({ name, text }, { ...this.options.compile, variables: true });
    if (!compiled.ok) return undefined;
    return { name, text, compiled, object: openObject(compiled.object, { name }) };
  }

  private verdict(built: Built, kernel: Version): ProgramVerdict | undefined {
    try {
      const time = Math.max(VERDICT_TIME, (this.options.time ?? DEFAULT_TIME) / 4);
      const { types, tables, privileged, cpus } = this.options;
      const options = { kernel, kernelBtf: types, tables, privileged, cpus, budget: { time } };
      return verifyObject(built.object, options, [this.program])[0];
    } catch {
      // Types that cannot be fitted: whoever asked has said so already.
      return undefined;
    }
  }
}

/** The text with the edits made; they may not overlap. */
export function apply(text: string, edits: readonly Edit[]): string {
  let out = text;
  for (const edit of [...edits].sort((a, b) => b.start - a.start || b.end - a.end))
    out = out.slice(0, edit.start) + edit.text + out.slice(edit.end);
  return out;
}

/** The lines that differ, as edits of whole lines. */
export function difference(before: string, after: string): Edit[] {
  const a = lines(before);
  const b = lines(after);
  const edits: Edit[] = [];
  let i = 0;
  let j = 0;
  let at = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      at += a[i]!.length;
      i++;
      j++;
      continue;
    }
    const [skipA, skipB] = resync(a, b, i, j);
    const start = at;
    for (let k = 0; k < skipA; k++) at += a[i + k]!.length;
    edits.push({ start, end: at, text: b.slice(j, j + skipB).join('') });
    i += skipA;
    j += skipB;
  }
  return edits;
}

const lines = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

/** How many lines of each to leave out until they are the same again. */
function resync(a: readonly string[], b: readonly string[], i: number, j: number): readonly [number, number] {
  const most = a.length - i + (b.length - j);
  for (let sum = 1; sum <= most; sum++) {
    for (let skipB = sum; skipB >= 0; skipB--) {
      const skipA = sum - skipB;
      if (i + skipA > a.length || j + skipB > b.length) continue;
      const ended = i + skipA === a.length && j + skipB === b.length;
      if (
        ended ||
        (i + skipA < a.length && j + skipB < b.length && a[i + skipA] === b[j + skipB] && a[i + skipA]!.trim() !== '')
      )
        return [skipA, skipB];
    }
  }
  return [a.length - i, b.length - j];
}
