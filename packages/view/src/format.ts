import type { Diagnostic } from '@skep/base';
import { SkepError, suggest } from '@skep/base';
import type { Cell, Column, Row } from './column.ts';
import { toJson } from './json.ts';
import { TableWriter } from './table.ts';

/** `-o table|wide|json|jsonl|yaml|csv|none` or `-o columns=a,b`. */
export type Format =
  | { readonly kind: 'table' | 'wide' | 'json' | 'jsonl' | 'yaml' | 'csv' | 'none' }
  | { readonly kind: 'columns'; readonly names: readonly string[] };

const FORMATS = ['table', 'wide', 'json', 'jsonl', 'yaml', 'csv', 'none'] as const;

/** The schema that every JSON document of the command names. */
export const SCHEMA = 'skep.dev/v1';

/** What the user wrote behind `-o`; E7101 names the formats there are. */
export function parseFormat(text: string): Format {
  if (text.startsWith('columns=')) {
    const names = text
      .slice('columns='.length)
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    if (names.length > 0) return { kind: 'columns', names };
  }
  const known = FORMATS.find((name) => name === text);
  if (known) return { kind: known };
  const near = suggest(text, FORMATS);
  throw new SkepError(
    {
      code: 'E7101',
      severity: 'error',
      message: `there is no output format \`${text}\``,
      help: near ? `did you mean \`-o ${near}\`?` : `choose one of ${FORMATS.join(', ')} or columns=NAME,NAME`,
    },
    2,
  );
}

/** Writes a stream of rows in one format; `write` gets whole pieces of output, line breaks included. */
export class RowWriter {
  private readonly columns: readonly Column[];
  private readonly table: TableWriter;
  private readonly format: Format;
  private readonly write: (text: string) => void;
  private rows = 0;

  constructor(columns: readonly Column[], format: Format, write: (text: string) => void) {
    this.columns = format.kind === 'columns' ? choose(columns, format.names) : columns;
    this.table = new TableWriter(this.columns);
    this.format = format;
    this.write = write;
  }

  get count(): number {
    return this.rows;
  }

  head(): void {
    if (this.format.kind === 'table' || this.format.kind === 'wide' || this.format.kind === 'columns') {
      this.write(`${this.table.head()}\n`);
    } else if (this.format.kind === 'json') this.write(`{"schema":"${SCHEMA}","events":[`);
    else if (this.format.kind === 'csv') this.write(csvLine(this.columns.map((column) => column.name)));
  }

  row(row: Row): void {
    this.rows += 1;
    switch (this.format.kind) {
      case 'table':
      case 'wide':
      case 'columns':
        this.write(`${this.table.row(row)}\n`);
        return;
      case 'json':
        this.write(`${this.rows === 1 ? '\n' : ',\n'}${toJson(row)}`);
        return;
      case 'jsonl':
        this.write(`${toJson(row)}\n`);
        return;
      case 'yaml':
        this.write(yamlItem(row));
        return;
      case 'csv':
        this.write(csvLine(this.columns.map((column) => csvText(row[column.name]))));
        return;
      case 'none':
    }
  }

  /** Ends the document; `summary` belongs to it only in `json`. */
  end(summary: object): void {
    if (this.format.kind === 'json') this.write(`\n],"summary":${toJson(summary)}}\n`);
  }
}

function choose(columns: readonly Column[], names: readonly string[]): Column[] {
  return names.map((name) => {
    const found = columns.find((column) => column.name === name);
    if (found) return found;
    throw new SkepError(noColumn(name, columns), 2);
  });
}

function noColumn(name: string, columns: readonly Column[]): Diagnostic {
  const there = columns.map((column) => column.name);
  const near = suggest(name, there);
  return {
    code: 'E7102',
    severity: 'error',
    message: `there is no column \`${name}\``,
    help: `${near ? `did you mean \`${near}\`? ` : ''}The columns are ${there.join(', ')}.`,
  };
}

/** As RFC 4180 has it, but for the line feed. */
function csvLine(cells: readonly string[]): string {
  const quoted = cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell));
  return `${quoted.join(',')}\n`;
}

/** Values as they are, not as a table shows them; nothing where there is none. */
function csvText(value: Cell | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : toJson(value).replace(/^"(.*)"$/, '$1');
}

/** One item of a YAML sequence: JSON is YAML, and flow style keeps exact integers. */
function yamlItem(row: Row): string {
  const entries = Object.entries(row);
  if (entries.length === 0) return '- {}\n';
  return entries
    .map(([name, value], i) => `${i === 0 ? '- ' : '  '}${JSON.stringify(name)}: ${toJson(value)}\n`)
    .join('');
}
