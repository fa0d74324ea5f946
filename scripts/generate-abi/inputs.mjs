import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../cache.mjs';
import { archiveAddress } from '../debian.mjs';

/**
 * The Debian packages that everything is generated from. Fetched by apt into a cache of this script's own, with its own
 * lists: nothing of the machine's apt is touched, nothing is installed.
 */
export const INPUTS = {
  headers: { name: 'linux-libc-dev', version: '7.3.4-1~bpo13+1', suite: 'trixie-backports', archive: 'debian' },
  kernel: {
    name: 'linux-image-6.12.117+deb12-cloud-amd64',
    version: '6.12.117-1~deb12u1',
    suite: 'bookworm-security',
    archive: 'debian-security',
  },
  sources: { name: 'linux-source-6.12', version: '6.12.107-1', suite: 'trixie', archive: 'debian' },
};

const CACHE = cacheDir('abi');
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The folder that the package was unpacked into; undefined when it is not there and `fetch` is false. */
export function unpacked(input, { fetch = true } = {}) {
  const folder = join(CACHE, `${input.name}_${input.version}`);
  if (existsSync(folder)) return folder;
  if (!fetch) return undefined;
  const debs = join(CACHE, 'debs');
  for (const each of [debs, join(CACHE, 'apt/lists/partial'), join(CACHE, 'apt/archives/partial')]) {
    mkdirSync(each, { recursive: true });
  }
  const list = join(CACHE, 'apt', `${input.suite}.list`);
  writeFileSync(list, `deb [signed-by=${KEYRING}] ${archiveAddress(input.archive)} ${input.suite} main\n`);
  const options = [
    `Dir::Etc::sourcelist=${list}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${join(CACHE, 'apt/lists')}`,
    `Dir::Cache=${join(CACHE, 'apt')}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  const run = (args) =>
    execFileSync('apt-get', [...options, ...args], { cwd: debs, stdio: ['ignore', 'ignore', 'inherit'] });
  run(['update', '-q']);
  run(['download', '-q', `${input.name}=${input.version}`]);
  const deb = readdirSync(debs).find(
    (file) => file.startsWith(`${input.name}_`) && file.includes(input.version.replaceAll(':', '%3a')),
  );
  if (!deb) throw new Error(`apt-get downloaded no ${input.name} ${input.version}`);
  execFileSync('dpkg-deb', ['-x', join(debs, deb), folder]);
  return folder;
}
