import { nameOfValue, PROG_TYPES } from '@skep/abi';
import { EXIT, SkepError } from '@skep/base';
import { enableStats, listPrograms, type ProgramInfo } from '@skep/kernel';
import { parseFormat, type Row, RowWriter, SCHEMA, toJson } from '@skep/view';
import { noStatistics } from '../diagnostics.ts';
import { left, right } from '../frame/columns.ts';
import { holders } from './holders.ts';

export interface TopCall {
  /** Milliseconds between tables. */
  readonly interval: number;
  /** How many tables; until Ctrl-C when not given. */
  readonly times: number | undefined;
  readonly output: string;
  readonly io: {
    out(text: string): void;
    readonly terminal?: boolean;
    readonly signal: AbortSignal;
  };
}

/** Shows every program of the machine with what it does and takes, again and again. Only reads. Throws E9025. */
export async function executeTop(call: TopCall): Promise<number> {
  const { io, interval } = call;
  const format = parseFormat(call.output);
  const counting = count();
  try {
    let before = listPrograms();
    let since = performance.now();
    if (format.kind === 'json') io.out(`{"schema":"${SCHEMA}","intervals":[`);
    for (let shown = 0; shown < (call.times ?? Number.POSITIVE_INFINITY); shown++) {
      if (await aborted(io.signal, interval)) break;
      const now = listPrograms();
      const at = performance.now();
      const seconds = (at - since) / 1e3;
      const rows = rowsOf(before, now, seconds, holders());
      [before, since] = [now, at];
      if (format.kind === 'json') {
        io.out(`${shown === 0 ? '\n' : ',\n'}${toJson({ seconds, programs: rows })}`);
        continue;
      }
      const people = format.kind !== 'jsonl' && format.kind !== 'yaml' && format.kind !== 'none';
      if (people && io.terminal) io.out('\x1b[H\x1b[2J');
      else if (people && shown > 0) io.out('\n');
      if (people) io.out(headline(rows));
      const writer = new RowWriter(COLUMNS, format, io.out);
      writer.head();
      for (const row of rows) writer.row(row);
    }
    if (format.kind === 'json') io.out('\n]}\n');
    return EXIT.ok;
  } finally {
    counting.close();
  }
}

const decimals = (digits: number) => (value: unknown) => (value === null ? '-' : Number(value).toFixed(digits));

const COLUMNS = [
  right('ID', 'id', 6),
  left('TYPE', 'type', 18),
  left('NAME', 'name', 16),
  right('RUNS/S', 'runsPerSecond', 10, decimals(1)),
  right('NS/RUN', 'nsPerRun', 8, decimals(0)),
  right('CPU%', 'percent', 7, decimals(3)),
  right('RUNS', 'runs', 12),
  left('BY', 'by', 24),
];

/** What programs did between two looks `seconds` apart, the busiest first. */
export function rowsOf(
  before: readonly ProgramInfo[],
  now: readonly ProgramInfo[],
  seconds: number,
  by: ReadonlyMap<number, readonly string[]>,
): Row[] {
  const old = new Map(before.map((one) => [one.id, one]));
  return now
    .map((one) => {
      // What was loaded in between began at nothing.
      const runs = Number(one.runs - (old.get(one.id)?.runs ?? 0n));
      const ns = Number(one.nanoseconds - (old.get(one.id)?.nanoseconds ?? 0n));
      return {
        id: one.id,
        type: (nameOfValue(PROG_TYPES, one.type) ?? String(one.type)).replace('BPF_PROG_TYPE_', '').toLowerCase(),
        name: one.name,
        runsPerSecond: runs / seconds,
        nsPerRun: runs === 0 ? null : ns / runs,
        percent: ns / seconds / 1e7,
        runs: Number(one.runs),
        by: (by.get(one.id) ?? []).join(', '),
      };
    })
    .sort((a, b) => b.percent - a.percent || a.id - b.id);
}

function headline(rows: readonly Row[]): string {
  const total = rows.reduce((sum, one) => sum + Number(one['percent']), 0);
  return `${rows.length} programs, ${total.toFixed(2)} % of one processor (counting their runs adds some 20 ns to each)\n`;
}

function count(): { close(): void } {
  try {
    return enableStats();
  } catch (error) {
    throw new SkepError(noStatistics(error instanceof Error ? error.message : String(error)));
  }
}

/** After so many milliseconds, or true at once when the signal is given. */
function aborted(signal: AbortSignal, milliseconds: number): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(true);
  return new Promise((resolve) => {
    const stop = () => {
      clearTimeout(timer);
      resolve(true);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve(false);
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
  });
}
