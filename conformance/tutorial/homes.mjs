// @ts-check
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bundleText } from '../../scripts/bundle-module.mjs';
import { boot, fetchKernel } from '../../vmtest/index.mjs';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const TRY = fileURLToPath(new URL('try.mjs', import.meta.url));

/** skep from its sources as they are now, in one file inside of the repository, where the native package is found. */
export function bundle() {
  return bundleText(
    "export * from 'skep'; export { SimulatedHid, SimulatedQdisc, SimulatedScheduler } from '@skep/vm';",
    'packages/runtime',
    'tutorial',
    { define: { 'import.meta.url': JSON.stringify(`file://${REPOSITORY}packages/abi/src/index.ts`) } },
  );
}

/** What try.mjs says in one home, here or in a guest. @returns {Promise<any[]>} */
export async function ask(
  /** @type {string} */ made,
  /** @type {string} */ jobs,
  /** @type {string} */ home,
  /** @type {string | undefined} */ guest,
) {
  const command = [process.execPath, TRY, made, jobs, home];
  const output = guest === undefined ? await here(command) : await there(command, guest);
  return output.split(/\r?\n/).flatMap((line) => (line.startsWith('{"file"') ? [JSON.parse(line)] : []));
}

/** @returns {Promise<string>} */
function here(/** @type {string[]} */ [program, ...args]) {
  return new Promise((done, fail) => {
    const child = spawn(/** @type {string} */ (program), args, { stdio: ['ignore', 'pipe', 'inherit'] });
    /** @type {Buffer[]} */
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.on('error', fail);
    child.on('close', () => done(Buffer.concat(chunks).toString('utf8')));
  });
}

async function there(/** @type {string[]} */ command, /** @type {string} */ guest) {
  const result = await boot(fetchKernel(guest), command, { timeout: 3600, memory: 2048 });
  if (result.how !== 'exited') throw new Error(`the guest ended: ${result.how}\n${result.console.slice(-2000)}`);
  return result.output;
}
