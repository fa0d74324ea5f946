// @ts-check
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { bundleText } from '../../scripts/bundle-module.mjs';
import { corpusPath } from './corpus.mjs';

/** @typedef {import('./corpus.mjs').Suite} Suite */
/**
 * @typedef {object} SkepBuilt
 * @property {string} [object] path
 * @property {string} [error] the first diagnostic
 * @property {string} [code] its code; `crash` and `timeout` where there is none
 * @property {string} [details] all of them, or the stack
 * @property {number} ms
 */

/** Milliseconds for one file. */
const PATIENCE = 60_000;

/** The compiler as its sources are now, in one file: what others change during the run does not matter. */
export function snapshot() {
  return bundleText(
    `export { compile } from '@skep/compiler'; export { renderDiagnostics } from '@skep/base';
      export { Btf } from '@skep/object';`,
    'packages/cli',
    'snapshots',
    { sourcemap: 'inline' },
  );
}

/** Compiles in worker threads; a file that takes too long costs its worker. */
export class SkepCompiler {
  /** @type {Worker | undefined} */
  #worker;
  #snapshot;
  #options;
  #folder;

  /** @param {string} snapshotPath @param {{cpu?: string, optimise?: number | 's'}} [options] @param {string} [folder] of the objects */
  constructor(snapshotPath, options = {}, folder = '') {
    this.#snapshot = snapshotPath;
    this.#options = options;
    this.#folder = folder;
  }

  /** @returns {Promise<SkepBuilt>} */
  compile(/** @type {Suite} */ suite, /** @type {string} */ file) {
    const object = join(skepObjects(), this.#folder, suite.name, `${file}.o`);
    mkdirSync(dirname(object), { recursive: true });
    this.#worker ??= new Worker(new URL('worker.mjs', import.meta.url), {
      workerData: { snapshot: this.#snapshot },
    });
    const worker = this.#worker;
    const job = {
      path: join(suite.root, file),
      object,
      options: {
        ...this.#options,
        defines: suite.defines,
        includePaths: suite.includes,
        includePathsAfter: suite.skepIncludes,
      },
    };
    return new Promise((done) => {
      const finish = (/** @type {SkepBuilt} */ built) => {
        clearTimeout(timer);
        worker.off('message', finish);
        worker.off('error', crash);
        done(built);
      };
      const drop = (/** @type {SkepBuilt} */ built) => {
        this.#worker = undefined;
        void worker.terminate();
        finish(built);
      };
      const crash = (/** @type {Error} */ error) =>
        drop({ code: 'crash', error: String(error), details: error.stack ?? '', ms: 0 });
      const timer = setTimeout(
        () => drop({ code: 'timeout', error: `not done after ${PATIENCE / 1000} s`, ms: PATIENCE }),
        PATIENCE,
      );
      worker.on('message', finish);
      worker.on('error', crash);
      worker.postMessage(job);
    });
  }

  async close() {
    await this.#worker?.terminate();
  }
}

export function skepObjects() {
  return corpusPath('objects', `skep.${process.pid}`);
}

export const knownFailuresPath = join(dirname(fileURLToPath(import.meta.url)), 'known-failures.json');
export const knownFailures = () => JSON.parse(readFileSync(knownFailuresPath, 'utf8'));
