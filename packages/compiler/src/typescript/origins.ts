import { lineStartsOf, positionOf, type SourceFile, type Span } from '@skep/base';

/** C that was made of another file, and where in that each of its lines comes from. */
export interface Made {
  readonly c: string;
  /** The place in the source; undefined of what stands for nothing there. */
  readonly origin: (span: Span) => Span | undefined;
}

/** A line of C with the place that it stands for, a file by its number, until {@link collect} takes it off. */
export function placed(line: string, file: number, offset: number | null | undefined): string {
  return offset === undefined || offset === null ? line : `${line}${MARK}${file}:${offset}`;
}

/** No file of TypeScript has it where C is made of it. */
const MARK = '\u0001';

/** Takes the places off the lines; `#line` tells readers and other compilers as much as C can be told. */
export function collect(marked: string, files: readonly SourceFile[]): Made {
  const lines: string[] = [];
  const places: ({ readonly source: SourceFile; readonly offset: number } | undefined)[] = [];
  let told = { file: 0, line: 0 };
  for (const text of marked.split('\n')) {
    const [line, mark] = text.split(MARK) as [string, string?];
    const [file, offset] = (mark ?? '').split(':').map(Number) as [number, number];
    const source = mark === undefined ? undefined : files[file]!;
    if (source !== undefined) {
      const at = positionOf(source, offset).line;
      if (at !== told.line || file !== told.file) {
        lines.push(`#line ${at} ${JSON.stringify(source.name)}`);
        places.push(undefined);
      }
      // The next line of C has the next number, unless it is told otherwise.
      told = { file, line: at + 1 };
    } else told = { ...told, line: told.line + 1 };
    lines.push(line);
    places.push(source && { source, offset });
  }
  const c = lines.join('\n');
  return {
    c,
    origin: ({ file, start }) => {
      if (file.text !== c) return undefined;
      const place = places[positionOf(file, start).line - 1];
      if (place === undefined) return undefined;
      const { source, offset } = place;
      const line = positionOf(source, offset).line;
      const end = (lineStartsOf(source)[line] ?? source.text.length + 1) - 1;
      return { file: source, start: offset, end: Math.max(offset + 1, end) };
    },
  };
}
