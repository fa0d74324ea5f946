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
import type {
  Display,
  HistogramDisplay,
  RowDisplay,
  Section,
  SectionDisplay,
  StackDisplay,
  TableDisplay,
} from './tool.ts';

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
  /** It stands above each interval. */
  readonly stamped: boolean;
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
  if (format.kind === 'table' || format.kind === 'csv') return columns;
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

/** What stands in maps, an interval at a time. */
abstract class IntervalOutput<Shown extends Exclude<Display, RowDisplay>, Data> implements Output {
  protected readonly display: Shown;
  protected readonly options: ShowOptions;
  protected shown = 0;

  constructor(display: Shown, options: ShowOptions) {
    this.display = display;
    this.options = options;
  }

  /** What there is now, as rows, buckets or stacks. */
  protected abstract gather(loaded: Loaded): Data;
  /** An interval of `-o json`. */
  protected abstract whole(data: Data): object;
  /** Objects of `-o jsonl` and `-o yaml`. */
  protected abstract parts(data: Data): readonly object[];
  /** For people. */
  protected abstract show(data: Data): void;
  /** Lines of `-o csv`, of those that have rows. */
  protected list(_data: Data): void {
    throw new Error(`a display of ${this.display.kind} has no rows`);
  }

  start(): void {
    if (this.options.format.kind === 'json') this.options.write(`{"schema":"${SCHEMA}","intervals":[`);
  }

  records(): void {
    // What these tools show stands in maps.
  }

  interval(loaded: Loaded): void {
    const { format, write, stamped, clock } = this.options;
    const data = this.gather(loaded);
    switch (format.kind) {
      case 'json': {
        const whole = this.whole(data);
        write(`${this.shown === 0 ? '\n' : ',\n'}${toJson(stamped ? { time: clock(), ...whole } : whole)}`);
        break;
      }
      case 'jsonl':
      case 'yaml': {
        const writer = new RowWriter([], format, write);
        for (const one of this.parts(data)) writer.row(one as Row);
        break;
      }
      case 'csv':
        this.list(data);
        break;
      case 'none':
        break;
      default:
        if (stamped) write(`${this.shown === 0 ? '' : '\n'}${clock()}\n`);
        this.show(data);
    }
    this.shown += 1;
  }

  end(loaded: Loaded, summary: object = {}): void {
    if (this.options.format.kind === 'json') this.options.write(`\n],"summary":${toJson(summary)}}\n`);
    const footer = this.display.footer?.(loaded);
    if (footer !== undefined && forPeople(this.options.format)) this.options.write(footer);
  }
}

interface Table {
  readonly title: string | undefined;
  readonly rows: readonly Row[];
}

class TableOutput extends IntervalOutput<TableDisplay, Table> {
  private readonly filter: RowFilter;

  constructor(display: TableDisplay, options: ShowOptions) {
    super(display, options);
    this.filter = options.filter(display.columns.map((one) => one.name));
  }

  protected gather(loaded: Loaded): Table {
    return { title: this.display.title?.(loaded), rows: this.display.rows(loaded).filter(this.filter) };
  }

  protected whole(table: Table): object {
    return table;
  }

  protected parts({ rows }: Table): readonly object[] {
    return rows;
  }

  protected show({ title, rows }: Table): void {
    const { clear, write, stamped, format } = this.options;
    if (clear) write('\x1b[H\x1b[2J');
    else if (this.shown > 0 && !stamped) write('\n');
    if (title !== undefined) write(`${title}\n`);
    const writer = new RowWriter(fitted(this.display.columns, rows), format, write);
    writer.head();
    for (const row of rows) writer.row(row);
  }

  protected override list({ rows }: Table): void {
    const writer = new RowWriter(this.display.columns, this.options.format, this.options.write);
    if (this.shown === 0) writer.head();
    for (const row of rows) writer.row(row);
  }
}

/** All rows are there: a column is as wide as its widest cell, the last one excepted. */
function fitted(columns: readonly Column[], rows: readonly Row[]): Column[] {
  return columns.map((column) => {
    const widest = rows.reduce((most, row) => Math.max(most, column.text(row[column.name]).length), column.width);
    return { ...column, width: Math.min(widest, 64) };
  });
}

type Histograms = ReturnType<HistogramDisplay['histograms']>;

class HistogramOutput extends IntervalOutput<HistogramDisplay, Histograms> {
  protected gather(loaded: Loaded): Histograms {
    return this.display.histograms(loaded).filter((one) => one.buckets.length > 0);
  }

  protected whole(all: Histograms): object {
    return { histograms: this.parts(all) };
  }

  protected parts(all: Histograms): readonly object[] {
    return all.map(({ label, buckets }) => plain(this.display.unit, label, buckets));
  }

  protected show(all: Histograms): void {
    for (const { label, buckets } of all) {
      const text = histogramText(buckets, this.display.unit);
      this.options.write(`\n${label === undefined ? '' : `${label}\n`}${text}`);
    }
  }
}

function plain(unit: string, label: string | undefined, buckets: readonly Bucket[]) {
  return { unit, label, buckets: buckets.map(({ from, to, count }) => ({ from, to, count })) };
}

class SectionOutput extends IntervalOutput<SectionDisplay, readonly Section[]> {
  protected gather(loaded: Loaded): readonly Section[] {
    return this.display.sections(loaded).map((one) => {
      if (one.kind === 'histogram') return one;
      const kept = this.options.filter(one.columns.map((column) => column.name));
      return { ...one, rows: one.rows.filter(kept) };
    });
  }

  protected whole(sections: readonly Section[]): object {
    return { sections: this.parts(sections) };
  }

  protected parts(sections: readonly Section[]): readonly object[] {
    return sections.map((one) =>
      one.kind === 'table' ? { label: one.label, rows: one.rows } : plain(one.unit, one.label, one.buckets),
    );
  }

  protected show(sections: readonly Section[]): void {
    const { write, format, clock } = this.options;
    write(`[${clock()}]\n`);
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
}

type Stacks = ReturnType<StackDisplay['stacks']>;

class StackOutput extends IntervalOutput<StackDisplay, Stacks> {
  /** For the picture at the end. */
  private readonly all: StackCount[] = [];

  protected gather(loaded: Loaded): Stacks {
    // The largest last, where the eye is.
    const stacks = [...this.display.stacks(loaded)].sort((a, b) => a.value - b.value);
    if (this.display.flameGraph !== undefined) this.all.push(...stacks);
    return stacks;
  }

  protected whole(stacks: Stacks): object {
    return { unit: this.display.unit, stacks };
  }

  protected parts(stacks: Stacks): readonly object[] {
    return stacks.map((one) => ({ unit: this.display.unit, ...one }));
  }

  protected show(stacks: Stacks): void {
    const { write } = this.options;
    if (this.display.folded) {
      write(foldedStacks(stacks));
      return;
    }
    // The innermost function first, as everybody reads stacks.
    for (const { frames, value, label } of stacks) {
      const lines = [...frames].reverse().map((one) => `    ${one}\n`);
      write(`\n${lines.join('')}    ${label === undefined ? '' : `${label}\n    `}    ${value}\n`);
    }
  }

  override end(loaded: Loaded, summary?: object): void {
    const { flameGraph: file, unit } = this.display;
    if (file !== undefined) this.options.save(file, flameGraph(this.all, { title: this.options.command, unit }));
    super.end(loaded, summary);
  }
}
