import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { permitted } from '@skep/kernel';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../../../scripts/bundle.mjs';
import { CIRCUMSTANCES, HOOKS, type Outcome } from './guest/rights.ts';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const OUT = `${REPOSITORY}.cache/kernel-test/tools`;
const PAGE = readFileSync(`${REPOSITORY}docs/running-in-a-pod.md`, 'utf8');

const permission = permitted();
const tools = ['unshare', 'setpriv', 'python3'].filter((one) => spawnSync(one, ['--version']).status !== 0);
const closed = !permission.ok
  ? permission.message
  : tools.length > 0
    ? `there is no ${tools.join(', ')}`
    : spawnSync('unshare', ['--mount', 'true']).status !== 0
      ? 'unshare cannot make a mount namespace here'
      : undefined;

/** The page's table: of each circumstance, what stands in each column. */
function table(): Map<string, { readonly [column: string]: string }> {
  const [, text] = /<!-- tried -->([\s\S]*)<!-- end -->/.exec(PAGE)!;
  const lines = text!.split('\n').filter((one) => one.startsWith('| '));
  const cells = lines.map((one) => one.slice(2, -2).split(' | '));
  const [titles, , ...rows] = cells as [string[], string[], ...string[][]];
  return new Map(rows.map(([name, ...row]) => [name!, Object.fromEntries(row.map((one, i) => [titles[i + 1]!, one]))]));
}

it('the page has a line for everything that is tried', () => {
  expect([...table().keys()]).toEqual(CIRCUMSTANCES.map((one) => one.name));
});

describe.skipIf(closed !== undefined)(
  `what a container needs${closed ? ` (skipped: ${closed})` : ''}`,
  { timeout: 300_000 },
  () => {
    const outcomes = new Map<string, Outcome>();
    beforeAll(async () => {
      mkdirSync(OUT, { recursive: true });
      const main = `${OUT}/rights.cjs`;
      await bundle(fileURLToPath(new URL('guest/rights.ts', import.meta.url)), main);
      const { stdout } = spawnSync(process.execPath, [main], { encoding: 'utf8' });
      for (const line of stdout.trim().split('\n')) {
        const outcome = JSON.parse(line) as Outcome;
        outcomes.set(outcome.name, outcome);
      }
    }, 300_000);

    it.each(CIRCUMSTANCES.filter((one) => !one.guest).map((one) => one.name))('%s', (name) => {
      const { refused, finds, symbols, lacks, reasons } = outcomes.get(name)!;
      // What this kernel has not for anybody says nothing of rights.
      const absent = Object.keys(outcomes.get('all capabilities')!.refused);
      const row = table().get(name)!;
      for (const hook of Object.keys(HOOKS)) {
        if (absent.includes(hook)) continue;
        const said = row[hook]!;
        // Kernels differ in this.
        if (said === 'no (1)') continue;
        expect(refused[hook] === undefined ? 'yes' : 'no', `${hook}: ${refused[hook]}`).toBe(said);
      }
      expect(finds ? 'yes' : 'no').toBe(row['finds']);
      expect(symbols ? 'yes' : 'no').toBe(row["kernel's names"]);
      // `skep doctor` agrees: what fails has a reason that it names, and uprobes are as it says.
      if (!absent.includes('uprobe') && !lacks.includes('btf'))
        expect(lacks.includes('uprobe')).toBe(refused['uprobe'] !== undefined);
      if (refused['perf event'] !== undefined) expect([...lacks, ...reasons].length).toBeGreaterThan(0);
      if (refused['tracepoint'] !== undefined)
        expect(reasons.length > 0 || lacks.includes('tracefs') || lacks.includes('btf')).toBe(true);
    });
  },
);
