/** A text that diagnostics can point into: a file, a built-in header, a scratch buffer of a macro expansion. */
export interface SourceFile {
  /** As the user named it, or `<built-in>/bpf/bpf_helpers.h`. */
  readonly name: string;
  readonly text: string;
}

/** A range of UTF-16 offsets, `start <= end`, in one file. */
export interface Span {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

/** One-based line and column, as editors and `.BTF.ext` count them. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

const lineStarts = new WeakMap<SourceFile, Uint32Array>();

/** The offsets at which the lines of `file` start; computed once a file. */
export function lineStartsOf(file: SourceFile): Uint32Array {
  let starts = lineStarts.get(file);
  if (starts === undefined) {
    const found = [0];
    for (let i = file.text.indexOf('\n'); i >= 0; i = file.text.indexOf('\n', i + 1)) found.push(i + 1);
    starts = Uint32Array.from(found);
    lineStarts.set(file, starts);
  }
  return starts;
}

/** The line and column, both from 1, of an offset in UTF-16 units. */
export function positionOf(file: SourceFile, offset: number): Position {
  const starts = lineStartsOf(file);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - starts[low]! + 1 };
}

/** The text of a one-based line, without its line break; empty past the end. */
export function lineText(file: SourceFile, line: number): string {
  const starts = lineStartsOf(file);
  const start = starts[line - 1];
  if (start === undefined) return '';
  const next = starts[line];
  return file.text.slice(start, next === undefined ? undefined : next - 1).replace(/\r$/, '');
}
