// @ts-check

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cacheDir } from '../../scripts/cache.mjs';
import { archiveAddress } from '../../scripts/debian.mjs';
import { findTool, Missing } from './tools.mjs';

/** @typedef {import('../index.mjs').Kernel} Kernel */
/** @typedef {import('../index.mjs').Series} Series */

/** @type {Readonly<Record<string, Series>>} */
export const KERNELS = {
  '5.10': {
    name: /^linux-image-5\.10\.0-\d+-cloud-amd64$/,
    archive: 'debian-security',
    suite: 'bullseye-security',
  },
  6.1: {
    name: /^linux-image-6\.1\.0-\d+-cloud-amd64$/,
    archive: 'debian-security',
    suite: 'bookworm-security',
  },
  6.12: {
    name: /^linux-image-6\.12\.\d+\+deb12-cloud-amd64$/,
    archive: 'debian-security',
    suite: 'bookworm-security',
  },
  7.3: {
    name: /^linux-binary-7\.3\.\d+\+deb13-cloud-amd64$/,
    archive: 'debian',
    suite: 'trixie-backports',
    packages: (name) => [name, name.replace('linux-binary-', 'linux-modules-')],
  },
};

/** Modules that the guest loads before it mounts the host's root, and those that network tests want. */
const MODULES = ['virtio_pci', 'virtiofs', 'overlay', 'veth', 'sch_ingress', 'cls_bpf', 'act_bpf', 'null_blk'];

/** @type {typeof import('../index.mjs').fetchKernel} */
export function fetchKernel(series, say = () => {}) {
  const row = KERNELS[series];
  if (row === undefined) {
    throw new Missing(`unknown kernel series ${series}`, `one of: ${Object.keys(KERNELS).join(', ')}`);
  }
  const home = cacheDir('vmtest', 'kernels', series);
  const meta = join(home, 'kernel.json');
  if (existsSync(meta)) {
    const { wanted, ...kernel } = JSON.parse(readFileSync(meta, 'utf8'));
    // One that was unpacked when fewer modules were asked for is fetched again.
    if (String(wanted) === String(MODULES)) return kernel;
  }

  const work = `${home}.${process.pid}`;
  try {
    extractPackages(series, row, work, '', say);
    const kernel = unpack(series, join(work, 'root'), work);
    rmSync(join(work, 'root'), { recursive: true });
    const moved = (/** @type {string} */ path) => join(home, path.slice(work.length + 1));
    const final = { ...kernel, image: moved(kernel.image), modules: kernel.modules.map(moved) };
    writeFileSync(join(work, 'kernel.json'), `${JSON.stringify({ ...final, wanted: MODULES }, null, 2)}\n`);
    rmSync(home, { recursive: true, force: true });
    renameSync(work, home);
    return final;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @type {typeof import('../index.mjs').fetchModules} */
export function fetchModules(kernel, names, say = () => {}) {
  const home = cacheDir('vmtest', 'modules', kernel.release);
  const meta = join(home, `${[...names].sort().join('+')}.json`);
  const loaded = kernel.modules.map((one) => basename(one));
  const further = (/** @type {string[]} */ files) =>
    files.filter((one) => !loaded.includes(one)).map((one) => join(home, one));
  if (existsSync(meta)) return further(JSON.parse(readFileSync(meta, 'utf8')));
  const row = /** @type {Series} */ (KERNELS[kernel.series]);
  const work = `${home}.${process.pid}`;
  try {
    extractPackages(kernel.series, row, work, kernel.release, say);
    mkdirSync(home, { recursive: true });
    const tree = moduleTree(join(work, 'root'), kernel.series);
    const found = extractModules(join(tree, kernel.release), names, home).map((one) => basename(one));
    for (const name of names)
      if (!found.includes(`${name}.ko`))
        throw new Missing(`kernel ${kernel.release} has no module ${name}`, 'another name');
    writeFileSync(meta, JSON.stringify(found));
    return further(found);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Downloads the packages of a kernel and unpacks them to `root` in the directory.
 *
 * @param {string} series
 * @param {Series} row
 * @param {string} work
 * @param {string} release what the package's name ends with; empty for the newest
 * @param {(line: string) => void} say
 */
function extractPackages(series, row, work, release, say) {
  for (const tool of ['apt-get', 'apt-cache', 'dpkg-deb']) findTool(tool, 'apt');
  const apt = privateApt(series, row);
  say(`asking ${row.archive} for ${row.suite}`);
  apt('apt-get', ['-qq', 'update']);
  const names = apt('apt-cache', ['pkgnames', 'linux-']).split('\n');
  const name = names
    .filter((one) => row.name.test(one) && one.endsWith(release))
    .sort(byVersion)
    .at(-1);
  if (name === undefined)
    throw new Missing(`no kernel ${release || series} in ${row.suite}`, 'see KERNELS in vmtest/src/kernels.mjs');
  mkdirSync(join(work, 'root'), { recursive: true });
  for (const one of row.packages?.(name) ?? [name]) {
    say(`downloading ${one}`);
    apt('apt-get', ['-qq', 'download', one], work);
  }
  for (const deb of readdirSync(work).filter((file) => file.endsWith('.deb'))) {
    execFileSync('dpkg-deb', ['-x', join(work, deb), join(work, 'root')]);
    rmSync(join(work, deb));
  }
}

/**
 * apt with lists, sources and cache of its own, so that the host's are neither read nor changed.
 *
 * @param {string} series
 * @param {Series} row
 */
function privateApt(series, row) {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  if (!existsSync(keyring)) throw new Missing(`${keyring} is missing`, 'apt-get install debian-archive-keyring');
  const home = cacheDir('vmtest', 'apt', series);
  for (const dir of ['state/lists/partial', 'cache/archives/partial']) mkdirSync(join(home, dir), { recursive: true });
  writeFileSync(
    join(home, 'sources.list'),
    `deb [signed-by=${keyring}] ${archiveAddress(row.archive)} ${row.suite} main\n`,
  );
  const config = join(home, 'apt.conf');
  writeFileSync(
    config,
    [
      `Dir::Etc::sourcelist "${join(home, 'sources.list')}";`,
      'Dir::Etc::sourceparts "/dev/null";',
      `Dir::State "${join(home, 'state')}";`,
      `Dir::Cache "${join(home, 'cache')}";`,
      'Acquire::Languages "none";',
      'APT::Architecture "amd64";',
      'APT::Sandbox::User "root";',
      '',
    ].join('\n'),
  );
  return (/** @type {string} */ command, /** @type {string[]} */ args, cwd = home) =>
    execFileSync(command, args, {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, APT_CONFIG: config },
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
}

/**
 * @param {string} series
 * @param {string} root of the extracted packages
 * @param {string} out
 * @returns {Kernel}
 */
function unpack(series, root, out) {
  const tree = moduleTree(root, series);
  const release = /** @type {string} */ (readdirSync(tree)[0]);
  const packed = [join(root, 'boot', `vmlinuz-${release}`), join(tree, release, 'vmlinuz')].find((f) => existsSync(f));
  if (packed === undefined) throw new Error(`no vmlinuz in the packages of ${series}`);
  const image = join(out, 'vmlinux');
  const bzImage = readFileSync(packed);
  writeFileSync(image, payloadOf(bzImage) ?? bzImage);

  mkdirSync(join(out, 'modules'));
  const modules = extractModules(join(tree, release), MODULES, join(out, 'modules'));
  return { series, release, image, modules };
}

/** @param {string} root of the extracted packages @param {string} series */
function moduleTree(root, series) {
  const tree = [join(root, 'lib/modules'), join(root, 'usr/lib/modules')].find((dir) => existsSync(dir));
  if (tree === undefined) throw new Error(`no modules in the packages of ${series}`);
  return tree;
}

/**
 * Modules and what they depend on, uncompressed, in the order of loading. What is built in is left out.
 *
 * @param {string} tree
 * @param {readonly string[]} names
 * @param {string} out
 */
function extractModules(tree, names, out) {
  const files = new Map();
  for (const file of readdirSync(join(tree, 'kernel'), { recursive: true, encoding: 'utf8' })) {
    const match = /^(.*)\.ko(\.xz|\.zst)?$/.exec(basename(file));
    if (match) files.set(/** @type {string} */ (match[1]).replaceAll('-', '_'), join(tree, 'kernel', file));
  }
  /** @type {string[]} */
  const modules = [];
  const visit = (/** @type {string} */ name) => {
    const path = files.get(name);
    files.delete(name);
    if (path === undefined) return; // built in, or visited
    const bytes = readCompressed(path);
    for (const needed of dependsOf(bytes)) visit(needed);
    const target = join(out, `${name}.ko`);
    writeFileSync(target, bytes);
    modules.push(target);
  };
  for (const name of names) visit(name);
  return modules;
}

/**
 * The vmlinux inside of a bzImage (offsets: Documentation/arch/x86/boot.rst), or undefined when it is packed in a way
 * that is not known here.
 *
 * @param {Buffer} bzImage
 */
function payloadOf(bzImage) {
  if (bzImage.toString('latin1', 0x202, 0x206) !== 'HdrS') return undefined;
  const start = (bzImage.readUInt8(0x1f1) + 1) * 512 + bzImage.readUInt32LE(0x248);
  // The last four bytes are the unpacked size, which is not part of the compressed stream.
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(0x24c) - 4);
  return decompress(payload);
}

/** @param {string} path */
function readCompressed(path) {
  const bytes = readFileSync(path);
  return decompress(bytes) ?? bytes;
}

/** @param {Buffer} bytes */
function decompress(bytes) {
  const run = (/** @type {string} */ tool, /** @type {string} */ pkg) =>
    execFileSync(findTool(tool, pkg), ['-dc'], { input: bytes, maxBuffer: 1 << 30, stdio: ['pipe', 'pipe', 'pipe'] });
  if (bytes.readUInt32BE(0) === 0xfd377a58) return run('xz', 'xz-utils');
  if (bytes.readUInt32LE(0) === 0xfd2fb528) return run('zstd', 'zstd');
  return undefined;
}

/** Names after `depends=` in `.modinfo`; the packages carry no modules.dep. @param {Buffer} ko */
function dependsOf(ko) {
  const at = ko.indexOf('\0depends=', 0, 'latin1');
  if (at < 0) return [];
  const text = ko.toString('latin1', at + 9, ko.indexOf(0, at + 9));
  return text
    .split(',')
    .filter(Boolean)
    .map((one) => one.replaceAll('-', '_'));
}

/** Numbers inside of names count as numbers. @param {string} a @param {string} b */
function byVersion(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}
