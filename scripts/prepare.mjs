// Makes a fresh clone runnable: installs the locked dependencies and builds, each only when something changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamps = join(root, 'node_modules', '.skep');

export function prepare({ build = true } = {}) {
  requireNode();
  installWhenChanged();
  if (build) buildWhenChanged();
}

/** Runs a command of the project in the foreground and ends this process when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) fail(`cannot run ${command}: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Node 20.19 or newer is needed, this is ${process.versions.node}`);
}

// Not `npm ci`: it insists on optional packages of other platforms, which not every registry carries.
function installWhenChanged() {
  const want = digest([join(root, 'package-lock.json')]);
  if (read('installed') === want && existsSync(join(root, 'node_modules', 'typescript'))) return;
  console.error('skep: installing dependencies …');
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: ['ignore', 2, 2] });
  write('installed', want);
}

function buildWhenChanged() {
  const want = digest(sources(join(root, 'packages')));
  if (read('built') === want && existsSync(join(root, 'packages/cli/dist/main.js'))) return;
  console.error('skep: building …');
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b'], { stdio: ['ignore', 2, 2] });
  run(process.execPath, [join(root, 'scripts/bundle.mjs')], { stdio: ['ignore', 2, 2] });
  run(process.execPath, [join(root, 'scripts/tool-objects.mjs')], { stdio: ['ignore', 2, 2] });
  write('built', want);
}

function sources(folder) {
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name === 'test') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...sources(path));
    else if (/\.(ts|json|c|h)$/.test(entry.name)) found.push(path);
  }
  return found.sort();
}

function digest(files) {
  const hash = createHash('sha256').update(process.version);
  for (const file of files) hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest('hex');
}

const read = (name) => (existsSync(join(stamps, name)) ? readFileSync(join(stamps, name), 'utf8') : '');

function write(name, text) {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(join(stamps, name), text);
}

function fail(message) {
  console.error(`skep: ${message}`);
  process.exit(1);
}
