// @ts-check
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The address that this machine gets one of Debian's archives from (`debian`, `debian-security`), as apt is set up here.
 * Throws where no source of apt's names it.
 * @param {string} archive
 * @returns {string}
 */
export function archiveAddress(archive) {
  for (const text of aptSources()) {
    for (const [address] of text.matchAll(/https?:\/\/[^\s\]]+/g)) {
      const plain = address.replace(/\/+$/, '');
      if (plain.endsWith(`/${archive}`)) return plain;
    }
  }
  throw new Error(`apt has no source for the archive ${archive} here: a Debian machine is wanted`);
}

/** @returns {string[]} */
function aptSources() {
  const folder = '/etc/apt/sources.list.d';
  const files = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  return ['/etc/apt/sources.list', ...files]
    .filter((path) => existsSync(path) && /\.(list|sources)$/.test(path))
    .map((path) => readFileSync(path, 'utf8').replace(/^\s*#.*$/gm, ''));
}
