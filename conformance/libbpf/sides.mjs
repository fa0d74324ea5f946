// @ts-check
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleText } from '../../scripts/bundle-module.mjs';
import { boot, fetchKernel } from '../../vmtest/index.mjs';
import { corpusPath, kernelTree } from '../compiler/corpus.mjs';
import { toolchain } from '../compiler/toolchain.mjs';

/** @typedef {import('./sides.d.mts').Verdict} Verdict */

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** The command of libbpf's side: harness.c, with the libbpf of the corpus. */
export function libbpfSide() {
  const { headers, libbpf } = toolchain();
  const source = join(HERE, 'harness.c');
  const binary = corpusPath('tools/harness');
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
  const binary = corpusPath('tools/harness');
  return existsSync(binary) ? [binary] : undefined;
}

/**
 * The command of skep's side, from its sources as they are now: what others change during the run does not matter.
 * `bundle`: from a run before, to go on with that.
 */
export async function skepSide(/** @type {string | undefined} */ bundle = undefined) {
  if (bundle !== undefined) return [process.execPath, join(HERE, 'skep.mjs'), bundle];
  const path = await bundleText(
    `export { kernel } from './src/hosts/kernel.ts'; export { Spec } from './src/spec.ts';
      export { kernel as openKernel } from '@skep/kernel'; export { openObject } from '@skep/object';`,
    'packages/runtime',
    'libbpf',
    // Half of the bundle, and no part of loading.
    { plugins: [{ name: 'without the virtual machine', setup: leaveOutTheMachine }] },
  );
  return [process.execPath, join(HERE, 'skep.mjs'), path];
}

function leaveOutTheMachine(/** @type {import('esbuild').PluginBuild} */ bundler) {
  bundler.onResolve({ filter: /^@skep\/vm$/ }, () => ({ path: 'vm', namespace: 'absent' }));
  bundler.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
    contents: 'export const encodeContext = undefined;',
  }));
}

/**
 * What a side says of objects, on this kernel or in a guest. What a guest said is kept, and not asked again.
 *
 * @returns {Promise<Verdict[]>}
 */
export async function ask(
  /** @type {readonly string[]} */ command,
  /** @type {readonly string[]} */ objects,
  /** @type {string | undefined} */ guest,
) {
  if (guest === undefined) return await askThose(command, objects, here);
  const kernel = fetchKernel(guest);
  const answers = answersOf(kernel.release, command);
  const open = objects.filter((object) => answers.read(object) === undefined);
  if (open.length > 0) {
    const verdicts = await askThose(command, open, (script) => inGuest(script, kernel));
    for (const object of open) {
      const mine = verdicts.filter((one) => one.object === object);
      if (mine.length === 0) throw new Error(`nothing was said of ${object}`);
      answers.write(object, mine);
    }
  }
  return objects.flatMap((object) => answers.read(object) ?? []);
}

/** @returns {Promise<Verdict[]>} */
async function askThose(
  /** @type {readonly string[]} */ command,
  /** @type {readonly string[]} */ objects,
  /** @type {(script: string) => Promise<string>} */ run,
) {
  const list = corpusPath(`objects.${process.pid}.list`);
  writeFileSync(list, `${objects.join('\n')}\n`);
  try {
    const output = await run(`xargs -n 60 ${command.join(' ')} < ${list}`);
    return output.split(/\r?\n/).flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
  } finally {
    rmSync(list, { force: true });
  }
}

/** What this side said before, on that kernel, of an object with that content. */
function answersOf(/** @type {string} */ release, /** @type {readonly string[]} */ command) {
  const files = command.filter((one) => one.startsWith('/') && one !== process.execPath);
  const side = hashOf(...files.map((file) => readFileSync(file)));
  const directory = corpusPath('verdicts', `${release}-${side}`);
  const pathOf = (/** @type {string} */ object) => join(directory, `${hashOf(object, readFileSync(object))}.json`);
  return {
    /** @returns {Verdict[] | undefined} */
    read(/** @type {string} */ object) {
      const path = pathOf(object);
      return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
    },
    write(/** @type {string} */ object, /** @type {readonly Verdict[]} */ verdicts) {
      mkdirSync(directory, { recursive: true });
      writeFileSync(pathOf(object), JSON.stringify(verdicts));
    },
  };
}

function hashOf(/** @type {(string | Uint8Array)[]} */ ...contents) {
  const hash = createHash('sha256');
  for (const one of contents) hash.update(one);
  return hash.digest('hex').slice(0, 12);
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

async function inGuest(/** @type {string} */ script, /** @type {import('../../vmtest/index.mjs').Kernel} */ kernel) {
  const result = await boot(kernel, ['sh', '-c', script], { timeout: 10_800, memory: 2048 });
  if (result.how !== 'exited') throw new Error(`the guest ended: ${result.how}\n${result.console.slice(-2000)}`);
  return result.output;
}
