import type { Column, Row } from './column.ts';

/** The head line and row lines of a table that is written as its rows arrive. */
export class TableWriter {
  readonly columns: readonly Column[];

  constructor(columns: readonly Column[]) {
    this.columns = columns;
  }

  head(): string {
    return this.line((column) => column.title);
  }

  row(row: Row): string {
    return this.line((column) => column.text(row[column.name]));
  }

  private line(text: (column: Column) => string): string {
    let out = '';
    let want = 0;
    for (const [index, column] of this.columns.entries()) {
      const cell = text(column);
      const last = index === this.columns.length - 1;
      if (column.align === 'right') {
        // A cell that pushed its neighbours to the right gives the room back where the next ones have some to spare.
        const start = Math.max(out.length, want);
        out = out.padEnd(start);
        out += cell.padStart(Math.max(0, column.width - (start - want)));
      } else {
        out = out.padEnd(want) + (last ? cell : cell.padEnd(column.width));
      }
      want += column.width + 1;
      if (!last && out.length >= want) out += ' ';
    }
    return out.trimEnd();
  }
}

/** A whole table at once, columns as wide as their widest cell: for short lists such as `skep doctor`. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  return [titles, ...rows]
    .map((row) =>
      row
        .map((cell, i) => (i === titles.length - 1 ? cell : cell.padEnd(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
