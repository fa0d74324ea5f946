// Modules of the packages, with all that they need of them, as one file that Node runs without help: in a guest, as another
// user, or while others change the sources.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
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
 * `.cache` named after what it holds, so that the same sources are written once.
 */
export async function bundleText(contents, from, folder, more = {}) {
  const stdin = { contents, resolveDir: join(REPOSITORY, from) };
  const { outputFiles } = await build({ ...OPTIONS, stdin, write: false, ...more });
  const [output] = outputFiles ?? [];
  if (output === undefined) throw new Error('esbuild gave no output');
  const hash = createHash('sha256').update(output.contents).digest('hex').slice(0, 12);
  const path = join(REPOSITORY, '.cache', folder, `skep-${hash}.mjs`);
  if (!existsSync(path)) {
    mkdirSync(join(path, '..'), { recursive: true });
    const part = `${path}.${process.pid}`;
    writeFileSync(part, output.contents);
    renameSync(part, path);
  }
  return path;
}
