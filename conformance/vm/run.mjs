// @ts-check
/**
 * node conformance/vm/run.mjs [--filter REGEXP] [--limit N] [--json FILE] [--differences] [--update]
 *
 * Runs the programs of the kernel's own selftests with the same inputs in this machine's kernel (BPF_PROG_TEST_RUN) and
 * in the virtual machine, and compares what they return, the packet, and every map. Needs root, bpf(2) and clang-19.
 * Programs run in a network namespace of their own; those that would touch other processes are left out.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleModule } from '../../scripts/bundle-module.mjs';
import { compileWithClang } from '../compiler/compile-clang.mjs';
import { suite } from '../compiler/corpus.mjs';
import { toolchain } from '../compiler/toolchain.mjs';

/** @typedef {import('./worker.ts').Outcome} Outcome */

const { values } = parseArgs({
  options: {
    filter: { type: 'string', default: '' },
    limit: { type: 'string', default: '100000' },
    json: { type: 'string' },
    differences: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
  },
});
const here = dirname(fileURLToPath(import.meta.url));
const repository = join(here, '../..');
/** Milliseconds for the programs of one file. */
const PATIENCE = 180_000;
const knownPath = join(here, 'known-differences.json');
/** Why programs differ, by file and program. @type {Record<string, string>} */
const known = JSON.parse(readFileSync(knownPath, 'utf8'));

const sources = suite('selftests');
if (sources === undefined) throw new Error('no sources of the selftests');
const tools = await toolchain();
const worker = await bundle();
const wanted = new RegExp(values.filter);
/** @type {Outcome[]} */
const outcomes = [];
// Whoever has enough gets what there is.
let enough = false;
process.once('SIGINT', () => (enough = true));
for (const file of sources.files.filter((one) => wanted.test(one)).slice(0, Number(values.limit))) {
  if (enough) break;
  const built = await compileWithClang(sources, file, tools);
  if (built.object === undefined) continue;
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${file}`);
  outcomes.push(...(await run(file, built.object)));
}
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
rmSync(worker);
report();

/** @returns {Promise<Outcome[]>} */
function run(/** @type {string} */ file, /** @type {string} */ object) {
  // Of one CPU, which programs can ask for.
  const args = ['-n', 'taskset', '-c', '0', process.execPath, worker, object];
  return new Promise((done) =>
    execFile('unshare', args, { timeout: PATIENCE, killSignal: 'SIGKILL', maxBuffer: 1 << 26 }, (error, text, err) => {
      const found = text
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => ({ file, ...JSON.parse(line) }));
      if (error !== null) {
        const why = error.killed
          ? `not done after ${PATIENCE / 1000} s`
          : (err.split('\n').find((line) => /Error:/.test(line)) ?? err);
        found.push({ file, program: '(all)', kind: 'crashed', why: why.slice(0, 240) });
      }
      done(found);
    }),
  );
}

function report() {
  /** @type {Map<string, number>} */
  const kinds = new Map();
  for (const { kind } of outcomes) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  console.table(Object.fromEntries([...kinds].sort()));
  const both = outcomes.filter((one) => one.kind === 'same' || one.kind === 'different');
  console.log(`${both.length} programs ran in both, ${both.filter((one) => one.kind === 'same').length} gave the same`);
  const key = (/** @type {Outcome} */ one) => `${one.file}:${one.program}`;
  const open = outcomes.filter((one) => ['different', 'stopped', 'crashed'].includes(one.kind));
  for (const one of open) {
    const reason = known[key(one)];
    if (reason === undefined || values.differences) console.log(`${key(one)}: ${one.kind}: ${reason ?? one.why}`);
  }
  console.log(`${open.filter((one) => known[key(one)] === undefined).length} differences without a known reason`);
  /** @type {Map<string, number>} */
  const refused = new Map();
  for (const one of outcomes)
    if (one.kind === 'refused by the VM') refused.set(one.why, (refused.get(one.why) ?? 0) + 1);
  console.log('refused by the virtual machine:');
  for (const [why, count] of [...refused].sort((a, b) => b[1] - a[1])) console.log(`  ${count}  ${why}`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(outcomes, undefined, 1)}\n`);
  if (values.update) {
    const next = Object.fromEntries(open.map((one) => [key(one), known[key(one)] ?? one.why]));
    writeFileSync(knownPath, `${JSON.stringify(next, undefined, 2)}\n`);
  }
}

/** The worker as the sources are now, in one file beside the modules that it needs. */
async function bundle() {
  const folder = join(repository, 'node_modules/.cache/skep-conformance');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `worker-${process.pid}.mjs`);
  await bundleModule(join(here, 'worker.ts'), outfile);
  return outfile;
}
