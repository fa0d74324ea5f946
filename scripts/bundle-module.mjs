// Modules of the packages, with all that they need of them, as one file that Node runs without help: in a guest, as another
// user, or while others change the sources.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));

const OPTIONS = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['skep-source'],
  external: ['koffi'],
  logLevel: 'error',
};

/** From sources; the file has to lie inside of the repository, where the native package is found. `more`: options of esbuild. */
export async function bundleModule(entry, outfile, more = {}) {
  await build({ ...OPTIONS, entryPoints: [entry], outfile, ...more });
}

/**
 * The same of a module's text, whose imports are looked for from a folder of the repository. Gives the path: a file in
 * `.cache` named after what it holds, so that the same sources are written once. Others there that nobody asked for in a day
 * are removed.
 */
export async function bundleText(contents, from, folder, more = {}) {
  const stdin = { contents, resolveDir: join(REPOSITORY, from) };
  const { outputFiles } = await build({ ...OPTIONS, stdin, write: false, ...more });
  const [output] = outputFiles ?? [];
  if (output === undefined) throw new Error('esbuild gave no output');
  const hash = createHash('sha256').update(output.contents).digest('hex').slice(0, 12);
  const home = join(REPOSITORY, '.cache', folder);
  mkdirSync(home, { recursive: true });
  const path = join(home, `skep-${hash}.mjs`);
  const now = new Date();
  if (existsSync(path)) utimesSync(path, now, now);
  else {
    const part = `${path}.${process.pid}`;
    writeFileSync(part, output.contents);
    renameSync(part, path);
  }
  for (const one of readdirSync(home).map((name) => join(home, name)))
    if (now.getTime() - (statSync(one, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > DAY)
      rmSync(one, { force: true });
  return path;
}

const DAY = 24 * 3600 * 1000;
