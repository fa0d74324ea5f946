import { lineStartsOf, positionOf, type SourceFile, type Span } from '@skep/base';

/** C that was made of another file, and where in that each of its lines comes from. */
export interface Made {
  readonly c: string;
  /** The place in the source; undefined of what stands for nothing there. */
  readonly origin: (span: Span) => Span | undefined;
}

/** A line of C with the offset in the source that it stands for, until {@link collect} takes it off. */
export function placed(line: string, offset: number | undefined): string {
  return offset === undefined ? line : `${line}${MARK}${offset}`;
}

/** No file of TypeScript has it where C is made of it. */
const MARK = '\u0001';

/** Takes the offsets off the lines; `#line` tells readers and other compilers as much as C can be told. */
export function collect(marked: string, source: SourceFile): Made {
  const lines: string[] = [];
  const offsets: (number | undefined)[] = [];
  let told = 0;
  for (const text of marked.split('\n')) {
    const [line, offset] = text.split(MARK) as [string, string?];
    if (offset !== undefined) {
      const at = positionOf(source, Number(offset)).line;
      if (at !== told) {
        lines.push(`#line ${at} ${JSON.stringify(source.name)}`);
        offsets.push(undefined);
      }
      // The next line of C has the next number, unless it is told otherwise.
      told = at + 1;
    } else told++;
    lines.push(line);
    offsets.push(offset === undefined ? undefined : Number(offset));
  }
  const c = lines.join('\n');
  return {
    c,
    origin: ({ file, start }) => {
      if (file.text !== c) return undefined;
      const offset = offsets[positionOf(file, start).line - 1];
      if (offset === undefined) return undefined;
      const line = positionOf(source, offset).line;
      const end = (lineStartsOf(source)[line] ?? source.text.length + 1) - 1;
      return { file: source, start: offset, end: Math.max(offset + 1, end) };
    },
  };
}
