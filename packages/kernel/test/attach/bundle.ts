import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleModule } from '../../../../scripts/bundle-module.mjs';
import type { Outcome } from './main.ts';

export const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url));
const CACHE = `${REPOSITORY}.cache/kernel-test`;

/** The checks as one file that Node runs without help: in a guest, as another user, in another namespace. */
export async function bundleChecks(name: string): Promise<string> {
  const outfile = `${CACHE}/${name}.mjs`;
  await bundleModule(fileURLToPath(new URL('main.ts', import.meta.url)), outfile, { sourcemap: 'inline' });
  compileUsdt();
  return outfile;
}

/**
 * A program with a static probe, where there is a C compiler; without one the check is left out. It takes its place whole:
 * others may be running it.
 */
export function compileUsdt(): void {
  mkdirSync(CACHE, { recursive: true });
  const source = fileURLToPath(new URL('usdt.c', import.meta.url));
  const part = `${CACHE}/usdt.${process.pid}`;
  if (spawnSync('cc', ['-O1', '-o', part, source], { stdio: 'ignore' }).status === 0) renameSync(part, `${CACHE}/usdt`);
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
