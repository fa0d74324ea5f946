// @ts-check
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { corpusPath } from './corpus.mjs';

/** @typedef {import('./corpus.mjs').Suite} Suite */
/** @typedef {import('./toolchain.mjs').Toolchain} Toolchain */
/**
 * @typedef {object} Built
 * @property {string} [object] path
 * @property {string} [error] why there is none: the first error
 * @property {number} ms
 */

/**
 * Compiles one file as its project does. Objects and errors are kept: clang does not change.
 *
 * @returns {Promise<Built>}
 */
export async function compileWithClang(
  /** @type {Suite} */ suite,
  /** @type {string} */ file,
  /** @type {Toolchain} */ tools,
  cpu = 'v3',
) {
  const object = corpusPath('objects', `${tools.clang}-${cpu}`, suite.name, `${file}.o`);
  const meta = `${object}.json`;
  if (existsSync(meta)) return JSON.parse(readFileSync(meta, 'utf8'));
  mkdirSync(dirname(object), { recursive: true });
  let built = await attempt([]);
  // vmlinux.h of another kernel than the suite's may declare a kfunc otherwise than the program does.
  if (built.error?.includes('conflicting types')) built = await attempt(['-DBPF_NO_KFUNC_PROTOTYPES']);
  writeFileSync(meta, JSON.stringify(built));
  return built;

  function attempt(/** @type {string[]} */ more) {
    const args = [
      ...['-g', '-O2', '--target=bpf', `-mcpu=${cpu}`, '-mlittle-endian', '-Wno-everything', '-std=gnu11'],
      ...suite.defines.map((define) => `-D${define}`),
      ...[tools.types, ...suite.includes, ...suite.clangIncludes, tools.headers].map((path) => `-I${path}`),
      ...['-idirafter', '/usr/lib/llvm-19/lib/clang/19/include'],
      ...['/usr/local/include', '/usr/include/x86_64-linux-gnu', '/usr/include'].flatMap((p) => ['-idirafter', p]),
      ...more,
      ...['-c', join(suite.root, file), '-o', object],
    ];
    const start = performance.now();
    return new Promise((/** @type {(built: Built) => void} */ done) =>
      execFile(tools.clang, args, { maxBuffer: 1 << 26 }, (error, _out, err) => {
        const ms = performance.now() - start;
        if (error === null) done({ object, ms });
        else done({ error: err.split('\n').find((line) => / error: /.test(line)) ?? err.slice(0, 300), ms });
      }),
    );
  }
}
