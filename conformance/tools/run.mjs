// @ts-check
/**
 * node conformance/tools/run.mjs [--guest 6.12] [--house bcc]… [--show] [tool…]
 * node conformance/tools/run.mjs --truths [--guest 6.12]
 * node conformance/tools/run.mjs --table
 *
 * Runs each tool and those of the same name in Debian's packages at the same time over the same workload, in one guest, and
 * compares what they say of it. Ends with 1 when they differ in another way than `differences.json` says, or do not differ
 * where it says so. What was seen is kept in `seen.json`, from which `--table` writes the table of the README.
 */
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle } from '../../scripts/bundle.mjs';
import { boot, fetchKernel } from '../../vmtest/index.mjs';
import { headers } from './headers.mjs';
import { peers } from './peers.mjs';
import { judge, keep, writeTable } from './seen.mjs';

/** @typedef {'libbpf-tools' | 'bcc' | 'bpftrace'} House */
/** @typedef {{ours: string[], theirs: string[], complaint: string}} Told */

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const OUT = `${REPOSITORY}.cache/kernel-test/tools`;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    guest: { type: 'string', default: '6.12' },
    house: { type: 'string', multiple: true, default: ['libbpf-tools', 'bcc', 'bpftrace'] },
    show: { type: 'boolean', default: false },
    timeout: { type: 'string', default: '7200' },
    truths: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
  },
});
let wrong = 0;
let seen = 0;
/** What was wrong in a tool's workloads until now. @type {Map<string, string | null>} */
const truths = new Map();
if (values.table) await table();
else if (values.truths) await inGuest('packages/tools/test/guest/main.ts', () => positionals, noteTruth);
else {
  const order = (/** @type {import('../../vmtest/index.mjs').Kernel} */ kernel) => [
    JSON.stringify({
      ...{ root: peers(), headers: headers(kernel), release: kernel.release },
      ...{ houses: values.house, tools: positionals, show: values.show },
    }),
  ];
  await inGuest('conformance/tools/guest.ts', order, noteComparison);
}

async function table() {
  const file = `${OUT}/comparisons-${process.pid}.cjs`;
  await bundle(`${REPOSITORY}conformance/tools/comparisons.ts`, file);
  writeTable(createRequire(import.meta.url)(file).COMPARISONS);
  rmSync(file);
}

/**
 * @template Line
 * @param {string} entry what runs there, bundled
 * @param {(kernel: import('../../vmtest/index.mjs').Kernel) => string[]} args
 * @param {(line: Line) => void} each of the lines of JSON that it prints
 */
async function inGuest(entry, args, each) {
  const main = `${OUT}/compare-${process.pid}.cjs`;
  await bundle(`${REPOSITORY}${entry}`, main);
  const kernel = fetchKernel(values.guest);
  let rest = '';
  process.stdout.write(`Linux ${kernel.release}\n`);
  const result = await boot(kernel, [process.execPath, main, ...args(kernel)], {
    cwd: REPOSITORY,
    timeout: Number(values.timeout),
    memory: 2048,
    onOutput(chunk) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (/^\{"(tool|index)"/.test(line)) each(JSON.parse(line));
        else process.stderr.write(`${line}\n`);
      }
    },
  });
  process.stdout.write(`${seen - wrong} of ${seen} as they should be\n`);
  if (seen === 0) process.stdout.write(`${result.output.slice(-2000)}${result.console.slice(-2000)}\n`);
  process.exitCode = wrong > 0 || result.code !== 0 ? 1 : 0;
}

/** A tool may have several workloads. @param {{tool: string, args: string[], skipped?: string, wrong?: string}} one */
function noteTruth({ tool, args, skipped, wrong: found = null }) {
  if (skipped !== undefined) {
    process.stdout.write(`${tool.padEnd(15)} skipped: ${skipped}\n`);
    return;
  }
  const before = truths.get(tool) ?? null;
  truths.set(tool, before ?? found);
  note(tool, 'truth', args.join(' '), { wrong: before ?? found });
}

/** @param {{tool: string, seconds: number, failed?: string, houses?: {[house in House]?: Told}}} one */
function noteComparison({ tool, seconds, failed, houses }) {
  if (values.show) process.stderr.write(`${JSON.stringify(houses, null, 1)}\n`);
  if (failed !== undefined) {
    process.stdout.write(`${tool.padEnd(15)} ${failed}\n`);
    seen += 1;
    wrong += 1;
  }
  for (const [house, { ours, theirs, complaint }] of Object.entries(houses ?? {})) {
    const only = { rows: ours.length, ours: without(ours, theirs), theirs: without(theirs, ours) };
    note(tool, house, `${ours.length} rows, ${seconds} s`, only, complaint);
  }
}

/**
 * @param {string} tool @param {string} by @param {string} detail
 * @param {import('./seen.mjs').Compared | import('./seen.mjs').Truth} what
 */
function note(tool, by, detail, what, complaint = '') {
  const verdict = judge(values.guest, tool, by, what);
  seen += 1;
  if (verdict.wrong) wrong += 1;
  keep(values.guest, tool, by, what);
  const more = verdict.wrong ? ` ${complaint}` : '';
  process.stdout.write(
    `${tool.padEnd(15)} ${by.padEnd(13)} ${detail.slice(0, 30).padEnd(20)} ${verdict.text}${more}\n`,
  );
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
