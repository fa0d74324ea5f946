#!/usr/bin/env node
// Starts the command. The bundle's compiled code is kept between runs: most of a short run would be compiling it.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const argv = process.argv.slice(2);
const compiles = argv[0] === 'build' || argv[0] === 'link';
// Optimised code is worth its making in long runs; in short ones it takes a third of the processor's time. Node 22 waits by
// itself, and has no such option.
if (process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=1000000');
// What a long run needed at its start is kept with the rest.
setFlagsFromString('--no-flush-bytecode');
// What is alive after a compiler's first collections stays so until the end: room for more at once saves copying it.
if (compiles) setFlagsFromString('--semi-space-growth-factor=8');
const bundle = bundled();
const { main, keep } = bundle !== undefined ? loadCached(bundle) : await import('../dist/main.js');
const code = await main(argv);
// A mistyped name is nothing to remember.
if (code !== 2) keep?.();
// All output is written by now; taking a heap down in good order is for processes that go on.
process.exit(code);

/** Compiling has one of its own, with nothing else in it (scripts/bundle.mjs); undefined where nothing is bundled. */
function bundled() {
  const names = compiles ? ['skep-build.cjs', 'skep.cjs'] : ['skep.cjs'];
  return names
    .map((name) => fileURLToPath(new URL(`../dist/${name}`, import.meta.url)))
    .find((path) => existsSync(path));
}

function loadCached(path) {
  // The bundler writes nothing but ASCII.
  const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(path, 'latin1')}\n})`;
  const store = cachePath(path);
  const cachedData = store && existsSync(store) ? readFileSync(store) : undefined;
  const script = new Script(source, { filename: path, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(path), module, path, dirname(path));
  // When the run is over: by then the functions that were needed are compiled, and are kept with it.
  const known = cachedData !== undefined && !script.cachedDataRejected;
  return { main: module.exports.main, keep: store && !known ? () => save(script, store) : undefined };
}

/** One for each place of installation, bundle, Node and command, for each needs other functions; undefined where there is no room. */
function cachePath(path) {
  const { size, mtimeMs } = statSync(path);
  const key = hash(`${size} ${mtimeMs} ${process.version} ${process.arch}`);
  const home = process.env.XDG_CACHE_HOME || (homedir() && join(homedir(), '.cache'));
  return home && join(home, 'skep', `code-${hash(path)}-${key}-${hash(argv[0] ?? '')}.bin`);
}

/** FNV-1a, 64 bits in two halves: loading node:crypto for a name takes longer than all else here. */
function hash(text) {
  let [low, high] = [0x811c9dc5, 0xcbf29ce4];
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), 0x01000193);
    high = Math.imul(high ^ text.charCodeAt(i), 0x01000193) ^ (low >>> 15);
  }
  return [low, high].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

function save(script, store) {
  try {
    mkdirSync(dirname(store), { recursive: true });
    writeFileSync(`${store}.${process.pid}`, script.createCachedData());
    renameSync(`${store}.${process.pid}`, store);
    // What older bundles of this place left.
    const [, place, key] = basename(store).split('-');
    for (const name of readdirSync(dirname(store))) {
      if (name.startsWith(`code-${place}-`) && !name.startsWith(`code-${place}-${key}-`))
        rmSync(join(dirname(store), name));
    }
  } catch {
    // A read-only home costs only time.
  }
}
