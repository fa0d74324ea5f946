// A module of the packages, with all that it needs of them, as one file that Node runs without help: in a guest, as another user.
import { build } from 'esbuild';

/** From sources; the file has to lie inside of the repository, where the native package is found. `more`: options of esbuild. */
export async function bundleModule(entry, outfile, more = {}) {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['skep-source'],
    external: ['koffi'],
    logLevel: 'error',
    ...more,
  });
}
