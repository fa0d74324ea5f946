import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { check } from '../conformance/compiler/random/campaign.ts';

const gcc = spawnSync('gcc', ['--version'], { stdio: 'ignore' }).status === 0;
const reason = gcc ? '' : ' (skipped: needs gcc)';

describe.skipIf(!gcc)(`random C programs${reason}`, () => {
  const seconds = process.env['CI'] ? 120 : 15;

  it('mean the same at every level as on this machine', { timeout: seconds * 1000 + 120_000 }, () => {
    const report = check({
      first: 1,
      programs: 1e9,
      kernelEvery: 4,
      seconds,
      log: (line) => process.stderr.write(`${line}\n`),
    });
    expect(report.differences).toEqual([]);
    expect(report.programs).toBeGreaterThanOrEqual(20);
  });
});
