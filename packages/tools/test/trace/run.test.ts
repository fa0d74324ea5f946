import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SkepError } from '@skep/base';
import { describe, expect, test } from 'vitest';
import { executeTrace, type TraceCall, virtualClock } from '../../src/trace/index.ts';

const standard: TraceCall = {
  expressions: [],
  args: [],
  trailing: [],
  home: 'vm',
  json: false,
  quiet: true,
  verbose: false,
  list: false,
  unsafe: false,
  helperErrors: false,
  warnings: true,
  dryRun: false,
  includes: [],
};

/** What a script prints in the virtual machine, with a clock that does not wait. */
async function output(
  script: string,
  more: Partial<TraceCall> = {},
): Promise<{ out: string; err: string; code: number }> {
  let out = '';
  let err = '';
  const code = await executeTrace(
    { ...standard, expressions: [script], ...more },
    {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      diagnose: (list) => {
        err += list.map((one) => one.message).join('\n');
      },
      signal: AbortSignal.timeout(20_000),
      clock: virtualClock(),
      comm: 'tester',
      environment: {},
    },
  );
  return { out: out.trim(), err, code };
}

test('a script ends after the time that it is given', async () => {
  const ticking = 'interval:ms:100 { @n++ } end { printf("after %d\\n", @n); clear(@n); }';
  expect((await output(ticking, { duration: 50 })).out).toMatch(/^after [1-9]\d*$/);
});

describe('scripts in the virtual machine print what bpftrace prints', () => {
  test.each([
    ['BEGIN { printf("|%5s|%-5d|%05x|%c%%\\n", "ab", 42, 255, 65); }', '|   ab|42   |000ff|A%'],
    ['begin { @ = count(); @ = count(); }', '@: 2'],
    ['begin { @[1, "a"] = 10; @[2, "b"] = 5; }', '@[2, b]: 5\n@[1, a]: 10'],
    [
      'begin { @a = sum(3); @b = min(-2); @c = max(7); @d = avg(4); @d = avg(7); @e = stats(2); }',
      '@a: 3\n@b: -2\n@c: 7\n@d: 5\n@e: { .count = 1, .average = 2, .total = 2 }',
    ],
    ['begin { print((1, "x", (2, true))); print((a=1, b="y")); }', '(1, x, (2, true))\n{ .a = 1, .b = y }'],
    ['begin { @[1] = 2; for ($kv : @) { print($kv); } clear(@); }', '(1, 2)'],
    ['begin { $s = 0; for ($i : 0..($s + 100)) { $s += $i; } print($s); }', '4950'],
    ['begin { print(strcontains("haystack", "stack")); print(strlen("four")); }', 'true\n4'],
    ['begin { print(ntop(pton("fe80::1"))); print(ntop(0x0100007f)); }', 'fe80::1\n127.0.0.1'],
    ['begin { if (comm == "tester") { print(comm); } }', 'tester'],
    ['struct s { int a:4; int b:4; }; begin { $x = (uint64)0x21; print(*(struct s *)(&$x)); }', '{ .a = 1, .b = 2 }'],
    ['enum e { ONE = 1 }; begin { @[ONE] = ONE; printf("%s %d\\n", ONE, ONE); clear(@); }', 'ONE 1'],
    ['macro square(x) { x * x } begin { print(square(3 + 1)); }', '16'],
    ['interval:s:1 { @++; if (@ == 3) { exit(); } }', '@: 3'],
    ['begin { print((int64)-7 / 2); print((int64)-7 % 2); }', '-3\n-1'],
    ['begin { print(bswap((uint32)0x11223344)); }', '1144201745'],
  ])('%s', async (script, wanted) => {
    expect((await output(script)).out).toBe(wanted);
  });

  test('a histogram', async () => {
    const { out } = await output('begin { @ = hist(3); @ = hist(3); @ = hist(1000); @ = hist(-1); }');
    expect(out.split('\n').filter((line) => / [1-9]\d* \|/.test(line))).toEqual([
      '(..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |',
      '[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|',
      '[512, 1K)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |',
    ]);
  });

  test('JSON, a line each', async () => {
    const { out } = await output('begin { printf("a\\n"); print((1, "b")); @m["k"] = 1; @h = lhist(5, 0, 10, 5); }', {
      json: true,
    });
    expect(out.split('\n').map((line) => JSON.parse(line))).toEqual([
      { type: 'printf', data: 'a\n' },
      { type: 'value', data: [1, 'b'] },
      { type: 'map', data: { '@m': { k: 1 } } },
      { type: 'hist', data: { '@h': [{ min: 5, max: 9, count: 1 }] } },
    ]);
  });

  test('the exit code is that of the script', async () => {
    expect((await output('begin { exit(7); }')).code).toBe(7);
  });

  test('parameters and options', async () => {
    expect(
      (
        await output('begin { printf("%d %s %d %s\\n", $1, str($2), $#, getopt("name", "x")); }', {
          args: ['5', 'five'],
          trailing: ['--name=y'],
        })
      ).out,
    ).toBe('5 five 2 y');
  });

  test('errors name their place', async () => {
    expect((await output('begin { errorf("bad %d", 1); }')).err).toBe(
      'stdin:1:9-28: ERROR: bad 1\nbegin { errorf("bad %d", 1); }\n        ~~~~~~~~~~~~~~~~~~~\n',
    );
  });

  test('output goes to a file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'skep-trace-'));
    try {
      const script = join(directory, 'a.bt');
      writeFileSync(script, '#!/usr/bin/env skep\nbegin { print(1); }\n');
      await output('', { expressions: [], args: [script], output: join(directory, 'out') });
      expect(readFileSync(join(directory, 'out'), 'utf8').trim()).toBe('1');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test.each([
    [{ pid: 'x1' }, 'E8181'],
    [{ trailing: ['--nothing'] }, 'E8182'],
    [{ only: '[' }, 'E8183'],
    [{ expressions: [], args: ['absent.bt'] }, 'E8180'],
  ] as const)('%j', async (more, code) => {
    await expect(output('begin { }', more as Partial<TraceCall>)).rejects.toSatisfy(
      (error) => error instanceof SkepError && error.code === code,
    );
  });
});
