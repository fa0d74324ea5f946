import {
  type Bucket,
  type Column,
  type Format,
  flameGraph,
  foldedStacks,
  histogramText,
  type Row,
  type RowFilter,
  RowWriter,
  SCHEMA,
  type StackCount,
  toJson,
} from '@skep/view';
import type { Loaded, Value } from 'skep';
import { contextColumns, withContext } from './context.ts';
import type { Names } from './names.ts';
import type { Display, HistogramDisplay, RowDisplay, SectionDisplay, StackDisplay, TableDisplay } from './tool.ts';

export interface ShowOptions {
  readonly format: Format;
  /** Made for the columns there are. */
  readonly filter: (columns: readonly string[]) => RowFilter;
  readonly write: (text: string) => void;
  /** Each interval starts on an empty screen. */
  readonly clear: boolean;
  /** Writes a file. */
  readonly save: (path: string, text: string) => void;
  readonly names: Names;
  /** Somebody may ask for the container: not when a plain table is shown. */
  readonly context: boolean;
  /** The hour: `14:03:22`. */
  readonly clock: () => string;
  readonly command: string;
}

/** What becomes of a display's data in the format that was asked for. */
export interface Output {
  start(): void;
  records(batch: readonly Value[], ring: string): void;
  /** What has gathered in the maps since the last time, or since the start. */
  interval(loaded: Loaded): void;
  /** `summary` is what else is told of the run, in JSON. */
  end(loaded: Loaded, summary?: object): void;
}

export function outputOf(display: Display, options: ShowOptions): Output {
  switch (display.kind) {
    case 'rows':
      return new RowOutput(display, options);
    case 'table':
      return new TableOutput(display, options);
    case 'histograms':
      return new HistogramOutput(display, options);
    case 'stacks':
      return new StackOutput(display, options);
    case 'sections':
      return new SectionOutput(display, options);
  }
}

function forPeople(format: Format): boolean {
  return format.kind === 'table' || format.kind === 'wide' || format.kind === 'columns';
}

/** Columns that are there to be chosen, and those that are shown when nobody chooses. */
function columnsFor(columns: readonly Column[], format: Format): readonly Column[] {
  if (format.kind === 'table') return columns;
  return [...columns, ...contextColumns.filter((one) => !columns.some((it) => it.name === one.name))];
}

class RowOutput implements Output {
  private readonly display: RowDisplay;
  private readonly options: ShowOptions;
  private readonly writer: RowWriter;
  private readonly filter: RowFilter;
  /** What a batch becomes is written at once: a system call for each row costs more than all else together. */
  private text = '';

  constructor(display: RowDisplay, options: ShowOptions) {
    this.display = display;
    this.options = options;
    const columns = columnsFor(display.columns, options.format);
    this.writer = new RowWriter(columns, options.format, (text) => {
      this.text += text;
    });
    this.filter = options.filter(columnsFor(display.columns, { kind: 'wide' }).map((one) => one.name));
  }

  start(): void {
    this.writer.head();
    this.flush();
  }

  records(batch: readonly Value[], ring: string): void {
    for (const record of batch) {
      const row = this.display.row(record, ring);
      if (row === undefined) continue;
      const whole = this.options.context ? withContext(row, this.options.names) : row;
      if (!this.filter(whole)) continue;
      this.writer.row(whole);
      const below = forPeople(this.options.format) ? this.display.below?.(whole) : undefined;
      if (below) this.text += below;
    }
    this.flush();
  }

  private flush(): void {
    if (this.text === '') return;
    this.options.write(this.text);
    this.text = '';
  }

  interval(): void {
    // Rows are shown as they come.
  }

  end(loaded: Loaded, summary: object = {}): void {
    this.writer.end({ events: this.writer.count, ...summary });
    this.flush();
    const footer = this.display.footer?.(loaded);
    if (footer !== undefined && forPeople(this.options.format)) this.options.write(footer);
  }
}

class TableOutput implements Output {
  private readonly display: TableDisplay;
  private readonly options: ShowOptions;
  private readonly filter: RowFilter;
  private shown = 0;

  constructor(display: TableDisplay, options: ShowOptions) {
    this.display = display;
    this.options = options;
    this.filter = options.filter(display.columns.map((one) => one.name));
  }

  start(): void {
    if (this.options.format.kind === 'json') this.options.write(`{"schema":"${SCHEMA}","intervals":[`);
  }

  records(): void {
    // What these tools show stands in maps.
  }

  interval(loaded: Loaded): void {
    const { display, options } = this;
    const title = display.title?.(loaded);
    const rows = display.rows(loaded).filter(this.filter);
    if (options.format.kind === 'json') {
      options.write(`${this.shown === 0 ? '\n' : ',\n'}${toJson({ title, rows })}`);
    } else {
      if (forPeople(options.format)) {
        if (options.clear) options.write('\x1b[H\x1b[2J');
        else if (this.shown > 0) options.write('\n');
        if (title !== undefined) options.write(`${title}\n`);
      }
      const writer = new RowWriter(fitted(display.columns, rows), options.format, options.write);
      writer.head();
      for (const row of rows) writer.row(row);
    }
    this.shown += 1;
  }

  end(loaded: Loaded, summary: object = {}): void {
    if (this.options.format.kind === 'json') this.options.write(`\n],"summary":${toJson(summary)}}\n`);
    const footer = this.display.footer?.(loaded);
    if (footer !== undefined && forPeople(this.options.format)) this.options.write(footer);
  }
}

/** All rows are there: a column is as wide as its widest cell, the last one excepted. */
function fitted(columns: readonly Column[], rows: readonly Row[]): Column[] {
  return columns.map((column) => {
    const widest = rows.reduce((most, row) => Math.max(most, column.text(row[column.name]).length), column.width);
    return { ...column, width: Math.min(widest, 64) };
  });
}

class HistogramOutput implements Output {
  private readonly display: HistogramDisplay;
  private readonly options: ShowOptions;
  private shown = 0;

  constructor(display: HistogramDisplay, options: ShowOptions) {
    this.display = display;
    this.options = options;
  }

  start(): void {
    if (this.options.format.kind === 'json') this.options.write(`{"schema":"${SCHEMA}","intervals":[`);
  }

  records(): void {
    // What these tools show stands in maps.
  }

  interval(loaded: Loaded): void {
    const { display, options } = this;
    const all = display.histograms(loaded).filter((one) => one.buckets.length > 0);
    const { kind } = options.format;
    if (kind === 'json') {
      const histograms = all.map(({ label, buckets }) => plain(display.unit, label, buckets));
      options.write(`${this.shown === 0 ? '\n' : ',\n'}${toJson({ histograms })}`);
    } else if (kind === 'jsonl' || kind === 'yaml') {
      for (const { label, buckets } of all)
        options.write(`${kind === 'yaml' ? '- ' : ''}${toJson(plain(display.unit, label, buckets))}\n`);
    } else if (kind !== 'none') {
      for (const { label, buckets } of all) {
        options.write(`\n${label === undefined ? '' : `${label}\n`}${histogramText(buckets, display.unit)}`);
      }
    }
    this.shown += 1;
  }

  end(loaded: Loaded, summary: object = {}): void {
    if (this.options.format.kind === 'json') this.options.write(`\n],"summary":${toJson(summary)}}\n`);
    const footer = this.display.footer?.(loaded);
    if (footer !== undefined && forPeople(this.options.format)) this.options.write(footer);
  }
}

function plain(unit: string, label: string | undefined, buckets: readonly Bucket[]) {
  return { unit, label, buckets: buckets.map(({ from, to, count }) => ({ from, to, count })) };
}

class SectionOutput implements Output {
  private readonly display: SectionDisplay;
  private readonly options: ShowOptions;
  private shown = 0;

  constructor(display: SectionDisplay, options: ShowOptions) {
    this.display = display;
    this.options = options;
  }

  start(): void {
    if (this.options.format.kind === 'json') this.options.write(`{"schema":"${SCHEMA}","intervals":[`);
  }

  records(): void {
    // What these tools show stands in maps.
  }

  interval(loaded: Loaded): void {
    const { write, format, filter } = this.options;
    const sections = this.display.sections(loaded).map((one) => {
      if (one.kind === 'histogram') return one;
      const kept = filter(one.columns.map((column) => column.name));
      return { ...one, rows: one.rows.filter(kept) };
    });
    const data = sections.map((one) =>
      one.kind === 'table' ? { label: one.label, rows: one.rows } : plain(one.unit, one.label, one.buckets),
    );
    if (format.kind === 'json') write(`${this.shown === 0 ? '\n' : ',\n'}${toJson({ sections: data })}`);
    else if (format.kind === 'jsonl' || format.kind === 'yaml')
      for (const one of data) write(`${format.kind === 'yaml' ? '- ' : ''}${toJson(one)}\n`);
    else if (format.kind !== 'none') {
      write(`[${this.options.clock()}]\n`);
      for (const one of sections) {
        write(`${one.label}\n`);
        if (one.kind === 'histogram') {
          write(histogramText(one.buckets, one.unit));
          continue;
        }
        const writer = new RowWriter(fitted(one.columns, one.rows), format, (text) =>
          write(text.replace(/^(?=.)/gm, '\t')),
        );
        writer.head();
        for (const row of one.rows) writer.row(row);
      }
    }
    this.shown += 1;
  }

  end(_loaded: Loaded, summary: object = {}): void {
    if (this.options.format.kind === 'json') this.options.write(`\n],"summary":${toJson(summary)}}\n`);
  }
}

class StackOutput implements Output {
  /** For the picture at the end. */
  private readonly all: StackCount[] = [];
  private readonly display: StackDisplay;
  private readonly options: ShowOptions;
  private shown = 0;

  constructor(display: StackDisplay, options: ShowOptions) {
    this.display = display;
    this.options = options;
  }

  start(): void {
    if (this.options.format.kind === 'json') this.options.write(`{"schema":"${SCHEMA}","intervals":[`);
  }

  records(): void {
    // What these tools show stands in maps.
  }

  interval(loaded: Loaded): void {
    const { display, options } = this;
    const stacks = [...display.stacks(loaded)].sort((a, b) => a.value - b.value);
    this.all.push(...(display.flameGraph === undefined ? [] : stacks));
    switch (options.format.kind) {
      case 'json':
        options.write(`${this.shown === 0 ? '\n' : ',\n'}${toJson({ unit: display.unit, stacks })}`);
        break;
      case 'jsonl':
        for (const stack of stacks) options.write(`${toJson({ unit: display.unit, ...stack })}\n`);
        break;
      case 'yaml':
        for (const stack of stacks) options.write(`- ${toJson({ unit: display.unit, ...stack })}\n`);
        break;
      case 'none':
        break;
      default:
        if (display.folded) {
          options.write(foldedStacks(stacks));
          break;
        }
        // The innermost function first, as everybody reads stacks; the largest last, where the eye is.
        for (const { frames, value, label } of stacks) {
          const lines = [...frames].reverse().map((one) => `    ${one}\n`);
          options.write(`\n${lines.join('')}    ${label === undefined ? '' : `${label}\n    `}    ${value}\n`);
        }
    }
    this.shown += 1;
  }

  end(loaded: Loaded, summary: object = {}): void {
    const { display, options } = this;
    if (options.format.kind === 'json') options.write(`\n],"summary":${toJson(summary)}}\n`);
    if (display.flameGraph !== undefined) {
      options.save(display.flameGraph, flameGraph(this.all, { title: options.command, unit: display.unit }));
    }
    const footer = display.footer?.(loaded);
    if (footer !== undefined && forPeople(options.format)) options.write(footer);
  }
}
