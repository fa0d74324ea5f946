import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { check } from '../conformance/compiler/random/campaign.ts';

const gcc = spawnSync('gcc', ['--version'], { stdio: 'ignore' }).status === 0;
const reason = gcc ? '' : ' (skipped: needs gcc)';

describe.skipIf(!gcc)(`random C programs${reason}`, () => {
  const wanted = process.env['SKEP_RANDOM_C'];
  const seconds = wanted !== undefined ? 1e6 : process.env['CI'] ? 110 : 15;

  it('mean the same at every level as on this machine', { timeout: seconds * 1000 + 120_000 }, () => {
    const report = check({
      first: Number(process.env['SKEP_RANDOM_C_SEED'] ?? 1),
      programs: wanted === undefined ? 1e9 : Number(wanted),
      seconds,
      log: (line) => process.stderr.write(`${line}\n`),
    });
    expect(report.differences).toEqual([]);
    expect(report.programs).toBeGreaterThan(20);
  });
});
