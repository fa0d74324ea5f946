// @ts-check
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where scripts and tests keep what they have downloaded or built: `$SKEP_CACHE`, or `skep` in the user's cache. */
export function cacheDir(/** @type {string[]} */ ...names) {
  const home = process.env['SKEP_CACHE'] || join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'skep');
  return join(home, ...names);
}
