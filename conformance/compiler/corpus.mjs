// @ts-check

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../../scripts/cache.mjs';
import { archiveAddress } from '../../scripts/debian.mjs';

/**
 * The suites: public sources that distributions carry, fetched as packages and never part of this repository.
 *
 * @typedef {object} Suite
 * @property {string} name
 * @property {string} root the folder of the sources
 * @property {readonly string[]} files relative to root
 * @property {readonly string[]} includes include paths of both compilers
 * @property {readonly string[]} defines
 * @property {readonly string[]} skepIncludes searched by skep behind its own headers
 * @property {readonly string[]} clangIncludes more include paths of clang
 */

export const SUITES = ['libbpf-tools', 'selftests', 'samples'];

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const KERNEL = { name: 'linux-source-6.12', version: '6.12.107-1', tree: 'linux-source-6.12' };
const PCP = { name: 'pcp', version: '6.3.8' };

/** The file of these names in the cache of public sources, and of what was made of them. */
export const corpusPath = (/** @type {string[]} */ ...names) => cacheDir('corpus', ...names);

export const kernelTree = () => corpusPath('src', KERNEL.tree);
const pcpTree = () => corpusPath('src', `${PCP.name}-${PCP.version}`);

/** What is not yet in the cache is downloaded when `fetch` is true; otherwise undefined says that it is not there. */
export function suite(/** @type {string} */ name, { fetch = true } = {}) {
  if (name === 'libbpf-tools') return libbpfTools(fetch);
  if (name === 'selftests') return selftests(fetch);
  if (name === 'samples') return samples(fetch);
  throw new Error(`no suite ${name}; there are: ${SUITES.join(', ')}`);
}

/** @returns {Suite | undefined} */
function libbpfTools(/** @type {boolean} */ fetch) {
  if (!existsSync(pcpTree())) {
    if (!fetch) return undefined;
    fetchPcp();
  }
  const root = join(pcpTree(), 'vendor/github.com/iovisor/bcc/libbpf-tools');
  const files = readdirSync(root).filter((file) => file.endsWith('.bpf.c'));
  return {
    name: 'libbpf-tools',
    root,
    files,
    includes: [root],
    defines: ['__TARGET_ARCH_x86'],
    skepIncludes: [],
    clangIncludes: [],
  };
}

/** @returns {Suite | undefined} */
function selftests(/** @type {boolean} */ fetch) {
  if (!haveKernel(fetch)) return undefined;
  const root = join(kernelTree(), 'tools/testing/selftests/bpf');
  const files = readdirSync(join(root, 'progs')).filter((file) => file.endsWith('.c'));
  return {
    name: 'selftests',
    root: join(root, 'progs'),
    files,
    includes: [root],
    defines: ['__TARGET_ARCH_x86', 'ENABLE_ATOMICS_TESTS'],
    skepIncludes: [join(kernelTree(), 'tools/include/uapi')],
    clangIncludes: [join(kernelTree(), 'tools/include/uapi')],
  };
}

/** @returns {Suite | undefined} */
function samples(/** @type {boolean} */ fetch) {
  if (!haveKernel(fetch)) return undefined;
  const root = join(kernelTree(), 'samples/bpf');
  const files = readdirSync(root).filter((file) => file.endsWith('.bpf.c') || /_kern\.c$|^parse_\w+\.c$/.test(file));
  return {
    name: 'samples',
    root,
    files,
    includes: [root, join(kernelTree(), 'tools/testing/selftests/bpf')],
    defines: ['__TARGET_ARCH_x86'],
    skepIncludes: [],
    clangIncludes: [],
  };
}

/** The parts of the kernel's tree that suites and tools are built from. */
const PARTS = [
  'tools/lib',
  'tools/include',
  'tools/build',
  'tools/scripts',
  'tools/arch',
  'tools/bpf',
  'tools/testing/selftests/bpf',
  'samples/bpf',
  'include/uapi',
  'scripts',
  'kernel/bpf',
];

function haveKernel(/** @type {boolean} */ fetch) {
  if (existsSync(kernelTree())) return true;
  if (!fetch) return false;
  const work = scratch();
  apt(`deb [signed-by=${KEYRING}] ${archiveAddress('debian')} trixie main`, work, [
    'download',
    `${KERNEL.name}=${KERNEL.version}`,
  ]);
  const deb = readdirSync(work).find((file) => file.endsWith('.deb'));
  if (deb === undefined) throw new Error(`apt-get downloaded no ${KERNEL.name}`);
  execFileSync('dpkg-deb', ['-x', join(work, deb), work]);
  const parts = PARTS.map((part) => `${KERNEL.tree}/${part}`);
  execFileSync('tar', ['-xJf', join(work, 'usr/src', `${KERNEL.tree}.tar.xz`), '-C', work, ...parts]);
  keep(join(work, KERNEL.tree), kernelTree());
  rmSync(work, { recursive: true });
  return true;
}

function fetchPcp() {
  unpackSource(PCP.name, 'trixie', pcpTree(), ['--wildcards', '*/iovisor/*']);
}

/**
 * Unpacks the sources of a package of Debian, as its authors released them, to a folder.
 *
 * @param {string} name
 * @param {string} release of Debian
 * @param {string} to a folder in {@link corpusPath}
 * @param {readonly string[]} [members] options of tar that choose some; all without
 */
export function unpackSource(name, release, to, members = []) {
  const work = scratch();
  apt(`deb-src [signed-by=${KEYRING}] ${archiveAddress('debian')} ${release} main`, work, [
    'source',
    '--download-only',
    name,
  ]);
  const archive = readdirSync(work).find((file) => file.includes('.orig.tar') && !file.endsWith('.asc'));
  if (archive === undefined) throw new Error(`apt-get downloaded no sources of ${name}`);
  const unpacked = join(work, 'unpacked');
  mkdirSync(unpacked);
  execFileSync('tar', ['-xf', join(work, archive), '-C', unpacked, ...members]);
  const [root] = readdirSync(unpacked);
  if (root === undefined) throw new Error(`the sources of ${name} are empty`);
  keep(join(unpacked, root), to);
  rmSync(work, { recursive: true });
}

/** apt with lists and caches of its own: nothing of the machine's is read, changed or installed. */
function apt(/** @type {string} */ source, /** @type {string} */ cwd, /** @type {string[]} */ args) {
  const home = corpusPath('apt');
  for (const each of ['lists/partial', 'archives/partial']) mkdirSync(join(home, each), { recursive: true });
  const list = join(home, `${args[0]}.list`);
  writeFileSync(list, `${source}\n`);
  const options = [
    `Dir::Etc::sourcelist=${list}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${join(home, 'lists')}`,
    `Dir::Cache=${home}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  const run = (/** @type {string[]} */ more) =>
    execFileSync('apt-get', [...options, '-q', ...more], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  run(['update']);
  run(args);
}

function scratch() {
  const folder = corpusPath(`unpack.${process.pid}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function keep(/** @type {string} */ from, /** @type {string} */ to) {
  mkdirSync(join(to, '..'), { recursive: true });
  renameSync(from, to);
}
