import type { SourceFile, Span } from '@skep/base';

/**
 * What `#pragma GCC diagnostic` and its like, and the kind of a file, say of warnings: for each place the flags (as behind
 * `-W`) that come after those of the command line.
 */
export class WarningRegions {
  /** What is in force where the preprocessor stands. */
  flags: readonly string[] = NONE;
  private readonly pushed: (readonly string[])[] = [];
  /** By file, in the order of reading. */
  private readonly marks = new Map<SourceFile, Mark[]>();

  /** What is in force from this offset of the file on. */
  mark(file: SourceFile, from: number): void {
    const list = this.marks.get(file);
    if (list !== undefined) list.push({ from, flags: this.flags });
    else if (this.flags !== NONE) this.marks.set(file, [{ from, flags: this.flags }]);
  }

  /** Nothing is warned of. */
  silence(): void {
    this.flags = [...this.flags, 'no-everything'];
  }

  /** `words` is what stands behind `diagnostic`; gives what is wrong with it. */
  take(words: readonly string[]): string | undefined {
    const [action, name] = words;
    if (action === 'push') {
      this.pushed.push(this.flags);
      return undefined;
    }
    if (action === 'pop') {
      const before = this.pushed.pop();
      if (before === undefined) return '#pragma diagnostic pop without the push that it ends';
      this.flags = before;
      return undefined;
    }
    const flag = PREFIXES[action ?? ''];
    if (flag === undefined) return '#pragma diagnostic takes push, pop, ignored, warning or error';
    if (!name?.startsWith('"-W')) return `#pragma diagnostic ${action} takes the name of a warning, as in "-Wunused"`;
    this.flags = [...this.flags, flag + name.slice(3, -1)];
    return undefined;
  }

  /** The flags for what is warned of at a place. */
  at(span: Span | undefined): readonly string[] {
    const list = span && this.marks.get(span.file);
    return list?.findLast((one) => one.from <= span!.start)?.flags ?? NONE;
  }
}

interface Mark {
  readonly from: number;
  readonly flags: readonly string[];
}

const NONE: readonly string[] = [];
const PREFIXES: Readonly<Record<string, string | undefined>> = {
  ignored: 'no-',
  warning: '',
  error: 'error=',
  fatal: 'error=',
};
