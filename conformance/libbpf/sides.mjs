// @ts-check
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { boot, fetchKernel } from '../../vmtest/index.mjs';
import { cacheDir, kernelTree } from '../compiler/corpus.mjs';
import { toolchain } from '../compiler/toolchain.mjs';

/** @typedef {import('./sides.d.mts').Verdict} Verdict */

const HERE = fileURLToPath(new URL('.', import.meta.url));
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** The command of libbpf's side: harness.c, with the libbpf of the corpus. */
export function libbpfSide() {
  const { headers, libbpf } = toolchain();
  const source = join(HERE, 'harness.c');
  const binary = join(cacheDir(), 'tools/harness');
  if (!existsSync(binary) || statSync(binary).mtimeMs < statSync(source).mtimeMs) {
    const uapi = join(kernelTree(), 'tools/include/uapi');
    const made = `${binary}.${process.pid}`;
    execFileSync('gcc', ['-O1', '-g', `-I${headers}`, `-I${uapi}`, source, libbpf, '-lelf', '-lz', '-o', made]);
    renameSync(made, binary);
  }
  return [binary];
}

/** The same where it has been made before. */
export function cachedHarness() {
  const binary = join(cacheDir(), 'tools/harness');
  return existsSync(binary) ? [binary] : undefined;
}

/** The command of skep's side, from its sources as they are now: what others change during the run does not matter. */
export async function skepSide() {
  const result = await build({
    stdin: {
      contents: `export { kernel } from './src/hosts/kernel.ts'; export { Spec } from './src/spec.ts';
        export { kernel as openKernel } from '@skep/kernel'; export { openObject } from '@skep/object';`,
      resolveDir: join(REPOSITORY, 'packages/runtime'),
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['skep-source'],
    external: ['koffi'],
    write: false,
    logLevel: 'error',
    // Half of the bundle, and no part of loading.
    plugins: [{ name: 'without the virtual machine', setup: leaveOutTheMachine }],
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error('esbuild gave no output');
  const hash = createHash('sha256').update(output.contents).digest('hex').slice(0, 12);
  // Inside of the repository, where the native package is found.
  const path = join(REPOSITORY, '.cache/libbpf', `skep-${hash}.mjs`);
  if (!existsSync(path)) {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(`${path}.part`, output.contents);
    renameSync(`${path}.part`, path);
  }
  return [process.execPath, join(HERE, 'skep.mjs'), path];
}

function leaveOutTheMachine(/** @type {import('esbuild').PluginBuild} */ bundler) {
  bundler.onResolve({ filter: /^@skep\/vm$/ }, () => ({ path: 'vm', namespace: 'absent' }));
  bundler.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
    contents: 'export const encodeContext = undefined;',
  }));
}

/**
 * What a side says of objects, on this kernel or in a guest.
 *
 * @returns {Promise<Verdict[]>}
 */
export async function ask(
  /** @type {readonly string[]} */ command,
  /** @type {readonly string[]} */ objects,
  /** @type {string | undefined} */ guest,
) {
  const list = join(cacheDir(), `objects.${process.pid}.list`);
  writeFileSync(list, `${objects.join('\n')}\n`);
  try {
    const script = `xargs -n 60 ${command.join(' ')} < ${list}`;
    const output = guest === undefined ? await here(script) : await inGuest(script, guest);
    return output.split(/\r?\n/).flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
  } finally {
    rmSync(list, { force: true });
  }
}

/** @returns {Promise<string>} */
function here(/** @type {string} */ script) {
  return new Promise((done, fail) => {
    const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    /** @type {Buffer[]} */
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.on('error', fail);
    child.on('close', () => done(Buffer.concat(chunks).toString('utf8')));
  });
}

async function inGuest(/** @type {string} */ script, /** @type {string} */ guest) {
  const result = await boot(fetchKernel(guest), ['sh', '-c', script], { timeout: 10_800, memory: 2048 });
  if (result.how !== 'exited') throw new Error(`the guest ended: ${result.how}\n${result.console.slice(-2000)}`);
  return result.output;
}
