// The command as one file: a tenth of the modules' loading time, and code that V8 can keep compiled (bin/skep.mjs).
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { root } from './prepare.mjs';

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await bundle(join(root, 'packages/cli/src/main.ts'), join(root, 'packages/cli/dist/skep.cjs'));
}

/** A module of the packages with all that it needs of them, from sources; it runs only inside of the repository. */
export async function bundle(entry, outfile) {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    conditions: ['skep-source'],
    // The parser of TypeScript is large, and few runs want it.
    external: ['koffi', '@babel/parser'],
    supported: { 'dynamic-import': false },
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false,
    logLevel: 'warning',
    logOverride: { 'require-resolve-not-external': 'silent' },
    plugins: [{ name: 'module-urls', setup: keepModuleUrls }],
  });
}

/** `import.meta.url` means the package that the code came from, so that its data and dependencies are found. */
function keepModuleUrls(bundler) {
  bundler.onLoad({ filter: /packages[\\/][^\\/]+[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
    const text = await readFile(path, 'utf8');
    if (!text.includes('import.meta.url')) return undefined;
    const room = relative(join(root, 'packages'), path).split(/[\\/]/)[0];
    const name = room === 'runtime' ? 'skep' : `@skep/${room}`;
    const url = `require('node:url').pathToFileURL(require.resolve('${name}')).href`;
    return { contents: text.replaceAll('import.meta.url', url), loader: 'ts' };
  });
}
