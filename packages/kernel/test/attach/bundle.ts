import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleModule } from '../../../../scripts/bundle-module.mjs';
import type { Outcome } from './main.ts';

export const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url));

/** The checks as one file that Node runs without help: in a guest, as another user, in another namespace. */
export async function bundleChecks(name: string): Promise<string> {
  const directory = `${REPOSITORY}.cache/kernel-test`;
  mkdirSync(directory, { recursive: true });
  const outfile = `${directory}/${name}.mjs`;
  await bundleModule(fileURLToPath(new URL('main.ts', import.meta.url)), outfile, { sourcemap: 'inline' });
  compileUsdt(directory);
  return outfile;
}

/**
 * A program with a static probe, where there is a C compiler; without one the check is left out. It takes its place whole:
 * others may be running it.
 */
function compileUsdt(directory: string): void {
  const source = fileURLToPath(new URL('usdt.c', import.meta.url));
  const part = `${directory}/usdt.${process.pid}`;
  if (spawnSync('cc', ['-O1', '-o', part, source], { stdio: 'ignore' }).status === 0)
    renameSync(part, `${directory}/usdt`);
}

export function parseOutcomes(output: string): Map<string, Outcome> {
  const found = new Map<string, Outcome>();
  for (const line of output.split('\n')) {
    if (!line.startsWith('{')) continue;
    const outcome = JSON.parse(line) as Outcome;
    found.set(outcome.name, outcome);
  }
  return found;
}
