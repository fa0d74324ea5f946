import type { Diagnostic, SourceFile } from '@skep/base';
import type { TranslationUnit } from '../c/ast.ts';
import { type Compiled, type CompileOptions, type CompileResult, compileInSteps } from '../compile.ts';
import { turn } from './turn.ts';

/** What one text of a program came to. */
export interface ServiceResult {
  /** The number of the update. */
  readonly version: number;
  readonly diagnostics: readonly Diagnostic[];
  /** Undefined when the program could not be read to its end. */
  readonly tree: TranslationUnit | undefined;
  /** Undefined while there are errors. */
  readonly compiled: Compiled | undefined;
  /** From the update to this result. */
  readonly milliseconds: number;
}

/** Everything about a program except its own text. */
export interface ServiceOptions extends Omit<CompileOptions, 'readFile'> {
  /** Called with what is wrong before any code is made, so that an editor can show it at once. */
  readonly onChecked?: ((result: ServiceResult) => void) | undefined;
}

/**
 * The compiler for an editor: knows the last texts of one program and what came of them, keeps the headers' tokens and
 * the kernel's types between texts, and gives up on a text when a newer one has come.
 */
export class CompilerService {
  private readonly name: string;
  private readonly options: ServiceOptions;
  private readonly files = new Map<string, SourceFile>();
  /** The last results by their texts: undoing costs nothing. */
  private readonly results = new Map<string, CompileResult>();
  private version = 0;
  private good: Compiled | undefined;

  constructor(name: string, options: ServiceOptions = {}) {
    this.name = name;
    this.options = options;
  }

  /** The newest text that compiled, as it was: what is shown while the program is being changed. */
  get lastGood(): Compiled | undefined {
    return this.good;
  }

  /** Another file that the program may include; undefined takes it away. */
  setFile(path: string, text: string | undefined): void {
    if (text === undefined) this.files.delete(path);
    else this.files.set(path, { name: path, text });
    this.results.clear();
  }

  /** The program's text has changed. Resolves with what it came to; with undefined when a newer text came first. */
  async update(text: string): Promise<ServiceResult | undefined> {
    const version = ++this.version;
    const start = performance.now();
    const result = (
      diagnostics: readonly Diagnostic[],
      tree?: TranslationUnit,
      compiled?: Compiled,
    ): ServiceResult => ({
      version,
      diagnostics,
      tree,
      compiled,
      milliseconds: performance.now() - start,
    });
    let tree: TranslationUnit | undefined;
    let found = this.results.get(text);
    if (found === undefined) {
      // What was typed meanwhile arrives here, and makes this text an old one.
      await turn();
      if (version !== this.version) return undefined;
      const { onChecked, ...options } = this.options;
      const steps = compileInSteps({ name: this.name, text }, { ...options, readFile: (path) => this.files.get(path) });
      let step = steps.next();
      while (!step.done) {
        tree = step.value.tree;
        onChecked?.(result(step.value.warnings, tree));
        await turn();
        if (version !== this.version) return undefined;
        step = steps.next();
      }
      found = step.value;
    }
    this.remember(text, found);
    if (!found.ok) return result(found.diagnostics, tree);
    this.good = found;
    return result(found.warnings, found.tree, found);
  }

  private remember(text: string, result: CompileResult): void {
    this.results.delete(text);
    this.results.set(text, result);
    if (this.results.size > REMEMBERED) this.results.delete(this.results.keys().next().value!);
  }
}

const REMEMBERED = 16;
