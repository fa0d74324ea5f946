import type { SkepError } from '@skep/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cell, columnsFor, duration, parseFormat, RowWriter, table, toJson } from '../src/index.ts';

const fields = [
  { name: 'time', kind: 'integer', size: 8, show: 'time' },
  { name: 'pid', kind: 'integer', size: 4 },
  { name: 'comm', kind: 'text', size: 16 },
  { name: 'flags', kind: 'integer', size: 4, show: 'octal' },
  { name: 'path', kind: 'text', size: 256 },
] as const;

function written(format: string, rows: { [name: string]: Cell }[]): string {
  let out = '';
  const writer = new RowWriter(columnsFor(fields), parseFormat(format), (text) => {
    out += text;
  });
  writer.head();
  for (const row of rows) writer.row(row);
  writer.end({ events: rows.length });
  return out;
}

const rows = [
  { time: 1_000_000_000n, pid: 12, comm: 'cat', flags: 0o100000, path: '/etc/hosts' },
  { time: 1_250_000_500n, pid: 1234567, comm: 'a\x1b[31mred', flags: 0, path: '/tmp/\n' },
];

describe('tables', () => {
  it('align columns, count time from the first event and defuse control characters', () => {
    expect(written('table', rows)).toBe(
      [
        'TIME            PID COMM               FLAGS PATH',
        '0.000000         12 cat              0100000 /etc/hosts',
        '0.250000    1234567 a\\x1b[31mred           0 /tmp/\\n',
        '',
      ].join('\n'),
    );
  });

  it('show only the columns asked for, and say which there are', () => {
    expect(written('columns=pid,path', rows.slice(0, 1))).toBe('    PID PATH\n     12 /etc/hosts\n');
    expect(() => written('columns=pth', rows)).toThrow(/E7102/);
    try {
      written('columns=pth', rows);
    } catch (error) {
      expect((error as SkepError).exitCode).toBe(2);
      expect((error as SkepError).diagnostics[0]!.help).toContain('`path`');
    }
  });

  it('of short lists are as wide as their cells', () => {
    expect(table(['A', 'LONG'], [['xyz', '1']])).toBe('A    LONG\nxyz  1');
  });
});

it('CSV has values as they are, in quotes where they need them', () => {
  const odd = { time: 1n, pid: 2, comm: 'a "b", c', flags: null, path: 'x\ny' };
  expect(written('csv', [rows[0]!, odd])).toBe(
    'time,pid,comm,flags,path\n1000000000,12,cat,32768,/etc/hosts\n1,2,"a ""b"", c",,"x\ny"\n',
  );
});

describe('JSON', () => {
  it('is one document with schema and summary, or a line an event', () => {
    const document = JSON.parse(written('json', rows));
    expect(document.schema).toBe('skep.dev/v1');
    expect(document.events).toHaveLength(2);
    expect(document.summary).toEqual({ events: 2 });
    expect(written('jsonl', rows).trim().split('\n')).toHaveLength(2);
    expect(JSON.parse(written('json', [])).events).toEqual([]);
  });

  it('keeps integers exact', () => {
    expect(toJson({ a: 18446744073709551615n, b: new Uint8Array([1, 255]) })).toBe(
      '{"a":18446744073709551615,"b":"01ff"}',
    );
  });

  it('agrees with JSON.stringify on plain data', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(toJson(value, 2))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('formats', () => {
  it('refuse what they do not know, with a proposal', () => {
    expect(() => parseFormat('jsno')).toThrow(/E7101/);
    expect(parseFormat('columns=a, b')).toEqual({ kind: 'columns', names: ['a', 'b'] });
  });

  it('write durations with three digits', () => {
    expect([duration(12), duration(1234), duration(5e6), duration(2.5e9)]).toEqual([
      '12 ns',
      '1.23 µs',
      '5.00 ms',
      '2.50 s',
    ]);
  });
});
