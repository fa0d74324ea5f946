// @ts-check
/**
 * node conformance/compiler/run.mjs [--suite libbpf-tools,selftests,samples] [--filter REGEXP] [--load] [--guest 6.12]
 *   [--run] [--cpu v3] [--jobs 2] [--json FILE] [--failures] [--update] [--levels v1,v2,v3,v4] [--optimise 0,1,s]
 *
 * Compiles public eBPF C with clang-19 and with skep, with --load loads both through libbpf, and with --run runs both on
 * packets and contexts, here and in the virtual machine. `--failures` lists what fails, by reason; `--update` writes
 * known-failures.json. With `--levels`, clang compiles for each of these instruction sets, skep too and also at each level
 * of `--optimise`, and what loads from any of clang's is looked for in each of skep's.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compare, failuresOf } from './compare.mjs';
import { knownFailures, knownFailuresPath, skepObjects } from './compile-skep.mjs';
import { SUITES, suite } from './corpus.mjs';
import { compareLevels } from './levels.mjs';
import { printFailures, printLevels, printMissing, printTable } from './report.mjs';

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: SUITES.join(',') },
    filter: { type: 'string' },
    guest: { type: 'string' },
    cpu: { type: 'string', default: 'v3' },
    jobs: { type: 'string', default: '2' },
    json: { type: 'string' },
    levels: { type: 'string' },
    optimise: { type: 'string' },
    load: { type: 'boolean', default: false },
    run: { type: 'boolean', default: false },
    failures: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
  },
});

const common = {
  filter: values.filter === undefined ? undefined : new RegExp(values.filter),
  guest: values.guest,
  jobs: Number(values.jobs),
  say: (/** @type {string} */ line) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${line}`),
};
try {
  await (values.levels === undefined ? once() : atLevels(values.levels.split(',')));
} finally {
  rmSync(skepObjects(), { recursive: true, force: true });
}

async function once() {
  const results = [];
  for (const sources of suites()) {
    const result = await compare(sources, {
      ...common,
      load: values.load || values.guest !== undefined,
      run: values.run,
      cpu: values.cpu,
    });
    clearLine();
    results.push(result);
    if (values.failures) printFailures(result);
  }
  printTable(results);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 1)}\n`);
  if (values.update) {
    const known = { ...knownFailures() };
    for (const result of results) known[result.suite] = failuresOf(result);
    writeFileSync(knownFailuresPath, `${JSON.stringify(known, undefined, 2)}\n`);
  }
}

async function atLevels(/** @type {string[]} */ cpus) {
  const results = [];
  for (const sources of suites()) {
    const result = await compareLevels(sources, { ...common, cpus, optimise: values.optimise?.split(',') ?? [] });
    clearLine();
    results.push(result);
    printMissing(result);
  }
  printLevels(results);
}

function suites() {
  return values.suite.split(',').map((name) => {
    const sources = suite(name);
    if (sources === undefined) throw new Error(`no sources of ${name}`);
    return sources;
  });
}

function clearLine() {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}
