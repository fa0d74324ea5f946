// @ts-check
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { reasonOf } from './compare.mjs';
import { knownFailures as read } from './compile-skep.mjs';
import { corpusPath, suite } from './corpus.mjs';

/** @type {typeof import('./index.d.mts').cachedSuite} */
export function cachedSuite(name) {
  return suite(name, { fetch: false });
}

/** @type {typeof import('./index.d.mts').knownFailures} */
export function knownFailures(name) {
  return read()[name] ?? { compile: {}, load: {} };
}

/** @type {typeof import('./index.d.mts').cachedLoader} */
export function cachedLoader() {
  const loader = corpusPath('tools/loader');
  return existsSync(loader) ? loader : undefined;
}

/** @type {typeof import('./index.d.mts').loadedOfClang} */
export function loadedOfClang(name, file) {
  const path = corpusPath('objects/clang-19-v3', name, `${file}.o.${release()}.json`);
  if (!existsSync(path)) return undefined;
  return verdicts(readFileSync(path, 'utf8'))
    .filter((one) => one.error === 0)
    .map((one) => one.program ?? '');
}

/** @type {typeof import('./index.d.mts').loadFailures} */
export function loadFailures(loader, object) {
  const lines = execFileSync(loader, [object], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 28,
  });
  const list = `[${lines
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .join(',')}]`;
  return new Map(verdicts(list).map((one) => [one.program ?? '', one.error === 0 ? undefined : reasonOf(one)]));
}

/** @returns {import('./load.mjs').Verdict[]} */
function verdicts(/** @type {string} */ text) {
  return JSON.parse(text);
}
