// @ts-check
/**
 * node conformance/tools/run.mjs [--guest 6.12] [--show] [tool…]
 *
 * Runs each tool and the one of the same name in Debian's packages at the same time over the same workload, in one guest, and
 * compares what both say of it. Ends with 1 when they differ in another way than `differences.json` says, or do not differ
 * where it says so.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle } from '../../scripts/bundle.mjs';
import { boot, fetchKernel } from '../../vmtest/index.mjs';
import { peers } from './peers.mjs';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { guest: { type: 'string', default: '6.12' }, show: { type: 'boolean' }, timeout: { type: 'string' } },
});
/** @type {{[tool: string]: {kernels?: string[], why: string, ours: string[], theirs: string[]}}} */
const known = JSON.parse(readFileSync(new URL('differences.json', import.meta.url), 'utf8'));
const root = peers();
const main = `${REPOSITORY}.cache/kernel-test/tools/compare.cjs`;
mkdirSync(`${REPOSITORY}.cache/kernel-test/tools`, { recursive: true });
await bundle(fileURLToPath(new URL('guest.ts', import.meta.url)), main);
const kernel = fetchKernel(values.guest);
const show = values.show ? ['env', 'SKEP_SHOW=1'] : [];
const result = await boot(kernel, [...show, process.execPath, main, root, ...positionals], {
  cwd: REPOSITORY,
  timeout: Number(values.timeout ?? 1800),
  ...(values.show && { onOutput: (/** @type {string} */ text) => process.stderr.write(text) }),
});
const found = result.output
  .split('\n')
  .filter((line) => line.startsWith('{"tool"'))
  .map((line) => JSON.parse(line));
let wrong = 0;
process.stdout.write(`Linux ${values.guest}\n${'tool'.padEnd(16)}${'rows'.padStart(6)}  verdict\n`);
for (const one of found) {
  const verdict = judge(one);
  if (verdict.wrong) wrong += 1;
  process.stdout.write(`${one.tool.padEnd(16)}${String(one.ours?.length ?? 0).padStart(6)}  ${verdict.text}\n`);
}
process.stdout.write(`${found.length - wrong} of ${found.length} as they should be\n`);
if (found.length === 0) process.stdout.write(`${result.output.slice(-2000)}\n`);
process.exitCode = wrong > 0 || found.length === 0 ? 1 : 0;

/** @param {{tool: string, failed?: string, ours: string[], theirs: string[], complaints: string}} one */
function judge({ tool, failed, ours, theirs, complaints }) {
  if (failed !== undefined) return { wrong: true, text: failed };
  const only = { ours: without(ours, theirs), theirs: without(theirs, ours) };
  const written = known[tool];
  const expected = written?.kernels?.includes(values.guest) === false ? undefined : written;
  const same = only.ours.length === 0 && only.theirs.length === 0;
  const asKnown =
    expected && String(only.ours) === String(expected.ours) && String(only.theirs) === String(expected.theirs);
  if (asKnown) return { wrong: false, text: `known: ${expected.why}` };
  if (same && ours.length === 0) return { wrong: true, text: `neither saw anything ${complaints.split('\n', 1)[0]}` };
  if (same)
    return {
      wrong: expected !== undefined,
      text: expected ? 'the same, but a difference is written down' : 'the same',
    };
  return {
    wrong: true,
    text: `only skep: ${only.ours.join('; ') || 'nothing'} | only ${tool}: ${only.theirs.join('; ') || 'nothing'} ${complaints.split('\n', 1)[0]}`,
  };
}

/** What is in one list more often than in the other. */
function without(/** @type {readonly string[]} */ list, /** @type {readonly string[]} */ other) {
  const rest = [...other];
  return list.filter((one) => {
    const at = rest.indexOf(one);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
