// The command as one file: a tenth of the modules' loading time, and code that V8 can keep compiled (bin/skep.mjs).
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { root } from './prepare.mjs';

/** Modules of Node that take a while to load and that many runs never ask: loaded when the first of their names is. */
const LOADED_LATER = /\brequire\("(node:(?:child_process|crypto|net|readline|worker_threads|zlib))"\)(?=[,;])/g;
const LATER =
  '"use strict";const later=name=>{let loaded;return new Proxy({},{get:(_,key)=>(loaded??=require(name))[key]})};\n';

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const main = join(root, 'packages/cli/src/main.ts');
  await bundle(main, join(root, 'packages/cli/dist/skep.cjs'));
  // What compilers are started for again and again: a third of the code.
  await bundle(main, join(root, 'packages/cli/dist/skep-build.cjs'), [onlyCommands(['build', 'link'])]);
}

/** A module of the packages with all that it needs of them, from sources; it runs only inside of the repository. */
export async function bundle(entry, outfile, plugins = []) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    outfile,
    write: false,
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
    plugins: [{ name: 'module-urls', setup: keepModuleUrls }, ...plugins],
  });
  await mkdir(dirname(outfile), { recursive: true });
  await writeFile(outfile, LATER + outputFiles[0].text.replaceAll(LOADED_LATER, 'later("$1")'));
}

/** Without the code of the other commands, which is never asked for. */
function onlyCommands(names) {
  const kept = names.map((name) => `./${name}.ts`);
  const setup = (bundler) =>
    bundler.onResolve({ filter: /^\.\/.*\.ts$/ }, ({ path, kind, importer }) =>
      kind === 'dynamic-import' && /packages[\\/]cli[\\/]src/.test(importer) && !kept.includes(path)
        ? { path, external: true }
        : undefined,
    );
  return { name: 'only-commands', setup };
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
