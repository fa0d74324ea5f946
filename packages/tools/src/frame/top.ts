import { loadavg } from 'node:os';
import type { Given, ToolOption } from './tool.ts';

/** What top views take. */
export const TOP: readonly ToolOption[] = [
  { flags: '-C, --noclear', summary: 'do not clear the screen' },
  { flags: '-S, --nosummary', summary: 'no load average above' },
  { flags: '-r, --maxrows', value: 'n', kind: 'integer', summary: 'so many rows at most (default: 20)' },
];

/** The columns that `-s` may name, beside all of them. */
export function sortedBy(...columns: readonly string[]): ToolOption {
  return {
    flags: '-s, --sort',
    value: 'column',
    summary: 'what counts',
    choices: ['all', ...columns],
    fallback: 'all',
  };
}

/** As many rows as are asked for, the heaviest first. */
export function heaviest<Line>(
  given: Pick<Given, 'text' | 'number'>,
  lines: readonly Line[],
  weights: { readonly [sort: string]: (line: Line) => number },
): Line[] {
  const weight = weights[given.text('sort') ?? 'all']!;
  return [...lines].sort((a, b) => weight(b) - weight(a)).slice(0, given.number('maxrows') ?? 20);
}

/** `14:03:22 loadavg: 0.12 0.34 0.56`, above the table. */
export function loadLine(given: Given): string | undefined {
  if (given.flag('nosummary')) return undefined;
  return given.fact('load', () => {
    const averages = loadavg().map((one) => one.toFixed(2));
    return `${new Date().toTimeString().slice(0, 8)} loadavg: ${averages.join(' ')}\n`;
  });
}
