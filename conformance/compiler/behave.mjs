// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** @typedef {import('./compare.mjs').FileResult} FileResult */
/**
 * What one program did in test runs, from clang's object and from skep's.
 *
 * @typedef {object} Behaviour
 * @property {string} file
 * @property {string} program
 * @property {'kernel' | 'vm'} home
 * @property {'same' | 'different' | 'varies' | 'refused'} outcome `varies`: clang's own object gives another answer the
 *   second time; `refused`: it cannot be run so
 * @property {string} [what] what differs, or why it cannot be run
 * @property {number} [clangNs] nanoseconds of a run, the least of several measurements
 * @property {number} [skepNs]
 */

/** Milliseconds for the programs of one file. */
const PATIENCE = 60_000;

/**
 * Runs the programs of both objects on the same packets and contexts, in the kernel and in the virtual machine, in a
 * network namespace of its own. Needs the packages built.
 *
 * @returns {Promise<Behaviour[]>}
 */
export async function behave(
  /** @type {readonly FileResult[]} */ files,
  /** @type {(line: string) => void} */ say = () => {},
) {
  /** @type {Behaviour[]} */
  const results = [];
  const queue = files.filter((one) => one.clang.object !== undefined && one.skep.object !== undefined);
  while (queue.length > 0) {
    // On one processor: what programs leave in per-CPU maps does not depend on where they happened to run.
    const command = [process.execPath, fileURLToPath(new URL('behave-child.mjs', import.meta.url))];
    const child = spawn('taskset', ['--cpu-list', '0', 'unshare', '--net', ...command], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const gone = once(child, 'exit');
    for (let file = queue[0]; file !== undefined; file = queue[0]) {
      say(`running ${file.file}`);
      child.stdin.write(`${JSON.stringify({ file: file.file, clang: file.clang.object, skep: file.skep.object })}\n`);
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
      const line = await lines.next();
      clearTimeout(timer);
      queue.shift();
      // A file that takes too long, or ends the process, costs only itself.
      if (line.done) break;
      results.push(...JSON.parse(line.value));
    }
    child.stdin.end();
    if (queue.length > 0) child.kill('SIGKILL');
    await gone;
  }
  return results;
}
