// @ts-check
/**
 * node conformance/compiler/run.mjs [--suite libbpf-tools,selftests,samples] [--filter REGEXP] [--load] [--guest 6.12]
 *   [--run] [--cpu v3] [--jobs 2] [--json FILE] [--failures] [--update]
 *
 * Compiles public eBPF C with clang-19 and with skep, with --load loads both through libbpf, and with --run runs both on
 * packets and contexts, here and in the virtual machine. `--failures` lists what fails, by reason; `--update` writes
 * known-failures.json.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compare, failuresOf } from './compare.mjs';
import { knownFailures, knownFailuresPath, skepObjects } from './compile-skep.mjs';
import { SUITES, suite } from './corpus.mjs';
import { printFailures, printTable } from './report.mjs';

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: SUITES.join(',') },
    filter: { type: 'string' },
    guest: { type: 'string' },
    cpu: { type: 'string', default: 'v3' },
    jobs: { type: 'string', default: '2' },
    json: { type: 'string' },
    load: { type: 'boolean', default: false },
    run: { type: 'boolean', default: false },
    failures: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
  },
});

const results = [];
try {
  for (const name of values.suite.split(',')) {
    const sources = suite(name);
    if (sources === undefined) throw new Error(`no sources of ${name}`);
    const result = await compare(sources, {
      filter: values.filter === undefined ? undefined : new RegExp(values.filter),
      load: values.load || values.guest !== undefined,
      run: values.run,
      guest: values.guest,
      cpu: values.cpu,
      jobs: Number(values.jobs),
      say: (line) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${line}`),
    });
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
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
} finally {
  rmSync(skepObjects(), { recursive: true, force: true });
}
