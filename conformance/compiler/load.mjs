// @ts-check
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { boot, fetchKernel } from '../../vmtest/index.mjs';
import { corpusPath } from './corpus.mjs';

/** @typedef {import('./toolchain.mjs').Toolchain} Toolchain */
/**
 * What became of one program.
 *
 * @typedef {object} Verdict
 * @property {string} object
 * @property {string} [program] none when the object itself was refused
 * @property {string} [section]
 * @property {number} [insns] with its subprograms
 * @property {number} [verified] instructions that the verifier processed
 * @property {number} [error]
 * @property {string} [log] the end of the verifier's
 * @property {string} [said] what libbpf said
 * @property {number} [died]
 */

/** Objects that one boot loads. */
const PER_GUEST = 100;

/**
 * Loads every program of the objects through libbpf, on this kernel or in a guest. `keep`: verdicts are remembered
 * beside each object, until it changes.
 *
 * @returns {Promise<Map<string, Verdict[]>>} by object
 */
export async function load(
  /** @type {readonly string[]} */ objects,
  /** @type {Toolchain} */ tools,
  /** @type {{guest?: string | undefined, keep?: boolean, jobs?: number}} */ { guest, keep = false, jobs = 2 } = {},
) {
  /** @type {Map<string, Verdict[]>} */
  const verdicts = new Map();
  const kernel = guest ?? release();
  const kept = (/** @type {string} */ object) => `${object}.${kernel}.json`;
  /** @type {string[]} */
  const left = [];
  for (const object of objects) {
    const file = kept(object);
    if (keep && existsSync(file) && statSync(file).mtimeMs > statSync(object).mtimeMs)
      verdicts.set(object, JSON.parse(readFileSync(file, 'utf8')));
    else left.push(object);
  }
  // Emulated, a suite takes hours: what one guest has said is kept before the next one boots.
  const share = guest === undefined ? left.length : PER_GUEST;
  for (let at = 0; at < left.length; at += share) {
    const some = left.slice(at, at + share);
    const lines = guest === undefined ? await here(some, tools, jobs) : await inGuest(some, tools, guest);
    for (const object of some) verdicts.set(object, []);
    for (const line of lines) {
      if (!line.startsWith('{')) continue;
      /** @type {Verdict} */
      const verdict = JSON.parse(line);
      verdicts.get(verdict.object)?.push(verdict);
    }
    if (keep) for (const object of some) writeFileSync(kept(object), JSON.stringify(verdicts.get(object)));
  }
  return verdicts;
}

async function here(/** @type {string[]} */ objects, /** @type {Toolchain} */ tools, /** @type {number} */ jobs) {
  const queue = [...objects];
  /** @type {string[]} */
  const lines = [];
  const work = async () => {
    for (let batch = queue.splice(0, 8); batch.length > 0; batch = queue.splice(0, 8)) {
      lines.push(...(await output(tools.loader, batch)).split('\n'));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return lines;
}

/** @returns {Promise<string>} */
function output(/** @type {string} */ command, /** @type {string[]} */ args) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    /** @type {Buffer[]} */
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.on('error', fail);
    child.on('close', () => done(Buffer.concat(chunks).toString('utf8')));
  });
}

async function inGuest(/** @type {string[]} */ objects, /** @type {Toolchain} */ tools, /** @type {string} */ guest) {
  const list = corpusPath(`guest.${process.pid}.list`);
  mkdirSync(dirname(list), { recursive: true });
  writeFileSync(list, `${objects.join('\n')}\n`);
  // Lines are told apart from what the kernel prints by their first byte.
  const result = await boot(fetchKernel(guest), ['sh', '-c', `xargs -n 8 ${tools.loader} < ${list}`], {
    timeout: 7200,
    memory: 2048,
  });
  if (result.how !== 'exited') throw new Error(`the guest ended: ${result.how}\n${result.console.slice(-2000)}`);
  return result.output.split(/\r?\n/);
}
