import { permitted } from '@skep/kernel';
import type { Loaded } from 'skep';
import { describe, expect, it } from 'vitest';
import { Budget, shareOf } from '../../src/cost/budget.ts';
import { verdict } from '../../src/cost/compare.ts';
import { ratioOf } from '../../src/cost/ratio.ts';
import { executeCompare, executeTop } from '../../src/index.ts';
import { rowsOf } from '../../src/top/top.ts';
import { outputOf, tool } from '../record/testing.ts';

const permission = permitted();
const why = permission.ok ? '' : ` (skipped: ${permission.message})`;
const signal = new AbortController().signal;

describe('a ratio of times', () => {
  it('is the geometric mean with its confidence', () => {
    const { ratio, low, high } = ratioOf([
      [10, 11],
      [10, 12],
      [20, 22],
      [10, 11],
    ]);
    expect(ratio).toBeCloseTo((1.1 * 1.2 * 1.1 * 1.1) ** 0.25, 6);
    expect(low).toBeLessThan(ratio);
    expect(high).toBeGreaterThan(ratio);
    // By hand: s = 0.04351 of the logarithms, t = 3.182, n = 4.
    expect(Math.log(high / ratio)).toBeCloseTo((3.182 * 0.043505) / 2, 3);
  });

  it('is called a difference only when it is one', () => {
    expect(verdict({ ratio: 1.1, low: 1.05, high: 1.15 }, 'x')).toMatch(/^with x it takes 1.100 times/);
    expect(verdict({ ratio: 1.1, low: 0.95, high: 1.25 }, 'x')).toMatch(/do not tell/);
  });
});

describe('a budget', () => {
  const loadedWith = (ns: () => number) =>
    ({
      programs: new Map([['one', { stats: () => ({ runs: 1n, ns: BigInt(Math.round(ns())) }) }]]),
    }) as unknown as Loaded;
  const follow = (share: number, milliseconds: number) => {
    // A program that takes this share of a processor while it is attached.
    let time = 0;
    let attached = 0;
    let since: number | undefined = 0;
    const ran = () => attached + (since === undefined ? 0 : time - since);
    const said: string[] = [];
    const control = {
      pause: () => {
        attached = ran();
        since = undefined;
      },
      resume: () => {
        since ??= time;
      },
    };
    const budget = new Budget(
      loadedWith(() => ran() * share * 1e4),
      control,
      {
        allowed: 1,
        window: 100,
        say: (text) => said.push(text),
        now: () => time,
      },
    );
    for (; time < milliseconds; time += 5) budget.look();
    return { said, state: budget.state() };
  };

  it('leaves alone what stays below', () => {
    const { said, state } = follow(0.5, 350);
    expect(said).toEqual([]);
    expect(state.attached).toBe(1);
  });

  it('attaches part of the time what does not', () => {
    const { said, state } = follow(4, 900);
    expect(said.join('')).toMatch(/attached about (2\d) % of the time/);
    expect(state.attached).toBeLessThan(0.7);
    expect(state.attached).toBeGreaterThan(0.15);
  });

  it('detaches what is far above', () => {
    const { said, state } = follow(300, 500);
    expect(said.join('')).toMatch(/detached/);
    expect(state.attached).toBeLessThan(0.6);
  });

  it('reads shares', () => {
    expect([shareOf('1%'), shareOf('0.5 %'), shareOf('.25')]).toEqual([1, 0.5, 0.25]);
    for (const text of ['', '0', '-1%', 'much']) expect(() => shareOf(text)).toThrow(/E9020/);
  });
});

describe('programs of the machine', () => {
  it('are told by what they did in between', () => {
    const info = { type: 5, name: 'one', nanoseconds: 1000n, runs: 10n };
    const rows = rowsOf(
      [{ ...info, id: 1 }] as never,
      [{ ...info, id: 1, nanoseconds: 3000n, runs: 20n }] as never,
      2,
      new Map(),
    );
    expect(rows).toMatchObject([{ id: 1, type: 'tracepoint', runsPerSecond: 5, nsPerRun: 200, percent: 0.0001 }]);
  });
});

describe.skipIf(!permission.ok)(`on this machine${why}`, () => {
  it('--cost counts runs, and puts them into the JSON', async () => {
    const { out, err } = await outputOf(tool('killsnoop'), {
      cost: true,
      command: 'kill -0 $$; kill -0 $$',
      output: 'json',
    });
    expect(err).toMatch(/kill\w*\s+[\d.]+\s+\d+/);
    const { cost } = JSON.parse(out).summary;
    expect(cost.programs.some((one: { runs: number; nsPerRun: number }) => one.runs >= 2 && one.nsPerRun > 0)).toBe(
      true,
    );
    expect(cost.rings[0]).toMatchObject({ lost: 0 });
  });

  it('top lists programs', async () => {
    let out = '';
    const io = { out: (text: string) => (out += text), signal };
    await executeTop({ interval: 50, times: 2, output: 'json', io });
    const { intervals } = JSON.parse(out);
    expect(intervals).toHaveLength(2);
    expect(intervals[0].seconds).toBeGreaterThan(0.04);
  });

  it('a command is timed with and without a tool', async () => {
    let out = '';
    const io = { out: (text: string) => (out += text), err: () => {}, color: false, signal };
    await executeCompare({ command: ['true'], probes: 'killsnoop', rounds: 2, output: 'json', io });
    const found = JSON.parse(out);
    expect(found.rounds).toBe(2);
    expect(found.low).toBeLessThanOrEqual(found.ratio);
    await expect(
      executeCompare({ command: ['false'], probes: 'killsnoop', rounds: 2, output: 'json', io }),
    ).rejects.toThrow(/E9023/);
  });
});
