// @ts-check
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { knownFailures as read } from './compile-skep.mjs';
import { cacheDir, suite } from './corpus.mjs';

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
  const loader = join(cacheDir(), 'tools/loader');
  return existsSync(loader) ? loader : undefined;
}
