// @ts-check

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../../scripts/cache.mjs';

const PACKAGES = ['libbpf-tools', 'bpfcc-tools', 'bpftrace'];

/**
 * Debian's packages of the tools that skep's are compared with, and what they want that is not installed here, unpacked into
 * the cache without installing anything; gives the directory. Guests see it there.
 *
 * @returns {string}
 */
export function peers() {
  const home = cacheDir('peers');
  const root = join(home, 'root');
  if (existsSync(root)) return root;
  const debs = join(home, 'debs');
  mkdirSync(debs, { recursive: true });
  const plan = execFileSync('apt-get', ['-s', 'install', '--no-install-recommends', ...PACKAGES], { encoding: 'utf8' });
  const wanted = [...plan.matchAll(/^Inst (\S+)/gm)].map((one) => /** @type {string} */ (one[1]));
  execFileSync('apt-get', ['download', '-qq', ...new Set([...PACKAGES, ...wanted])], { cwd: debs, stdio: 'inherit' });
  const fresh = `${root}.new`;
  rmSync(fresh, { recursive: true, force: true });
  for (const deb of readdirSync(debs)) execFileSync('dpkg-deb', ['-x', join(debs, deb), fresh]);
  renameSync(fresh, root);
  return root;
}

/** What the programs of {@link peers} need to find their libraries and modules. */
export function peerEnvironment(/** @type {string} */ root) {
  return {
    LD_LIBRARY_PATH: join(root, 'usr/lib/x86_64-linux-gnu'),
    PYTHONPATH: join(root, 'usr/lib/python3/dist-packages'),
    PYTHONUNBUFFERED: '1',
  };
}
