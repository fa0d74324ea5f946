// @ts-check

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cacheDir } from '../../scripts/cache.mjs';

/**
 * The headers of a guest's kernel, which bcc compiles against: Debian's packages, unpacked into the cache. Gives what the
 * guest has to see as `/lib/modules/RELEASE`: a directory with `build` and `source`.
 *
 * @param {import('../../vmtest/index.mjs').Kernel} kernel one that has been fetched: apt's lists are its
 * @returns {string}
 */
export function headers({ series, release }) {
  const home = cacheDir('peers', 'headers', release);
  const modules = join(home, 'lib/modules', release);
  if (existsSync(modules)) return modules;

  const fresh = `${home}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    const env = { ...process.env, APT_CONFIG: cacheDir('vmtest', 'apt', series, 'apt.conf') };
    execFileSync('apt-get', ['-qq', 'update'], { env });
    const own = `linux-headers-${release}`;
    const common = own.replace(/-cloud-amd64$/, '-common');
    execFileSync('apt-get', ['-qq', 'download', own, common], { env, cwd: fresh, stdio: ['ignore', 'ignore', 'pipe'] });
    for (const deb of readdirSync(fresh)) {
      execFileSync('dpkg-deb', ['-x', join(fresh, deb), fresh]);
      rmSync(join(fresh, deb));
    }
    // What is unpacked elsewhere than meant leads back to itself.
    const sources = join(home, 'usr/src');
    const tree = join(fresh, 'lib/modules', release);
    const packed = existsSync(tree) ? tree : join(fresh, 'usr/lib/modules', release);
    const links = readdirSync(packed).map((name) => ({ name, to: basename(readlinkSync(join(packed, name))) }));
    rmSync(packed, { recursive: true });
    mkdirSync(tree, { recursive: true });
    for (const { name, to } of links) symlinkSync(join(sources, to), join(tree, name));
    rmSync(home, { recursive: true, force: true });
    renameSync(fresh, home);
    return modules;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
