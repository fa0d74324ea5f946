#!/usr/bin/env node
// @ts-check
/**
 * node conformance/bpftrace/all.mjs [DIR] [--kernel 6.12] [--patience 3] [--modules nf_tables,kvm,xfs] [--json FILE]
 *
 * Runs all of bpftrace's runtime tests where they belong: those with only probes that run by themselves in the virtual machine and in
 * this kernel, those of programs in this kernel (as root; probes are set on the test programs alone), and the rest in a guest. Then
 * compares what failed with failures.json.
 */
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareWithKnown, report } from './known.mjs';
import { testsFolder } from './suite.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kernel: { type: 'string', default: '6.12' },
    patience: { type: 'string', default: '1' },
    json: { type: 'string' },
    modules: { type: 'string', default: 'nf_tables,kvm,xfs' },
  },
});
const [root = testsFolder()] = positionals;
if (!existsSync(root)) {
  process.stderr.write(`all.mjs: there is no ${root}: node conformance/bpftrace/programs.mjs fetches the tests\n`);
  process.exit(2);
}
const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const run = [process.execPath, here('run.mjs'), root, '--results', '--patience'];
const guest = [
  process.execPath,
  here('../../vmtest/run.mjs'),
  '--timeout',
  '10000',
  '--memory',
  '3072',
  // Some tests want modules of the kernel, and skip where these are not loaded.
  ...values.modules.split(',').flatMap((one) => (one === '' ? [] : ['--module', one])),
  values.kernel,
  '--',
];

const pure = await results('the virtual machine', [...run, values.patience, '--home', 'vm', '--needs', 'pure']);
const kernel = [
  ...(await results('this kernel', [...run, values.patience, '--home', 'kernel', '--needs', 'pure,user'])),
  // A guest without KVM takes its time.
  ...(await results(`a guest of ${values.kernel}`, [
    ...guest,
    ...run,
    String(4 * Number(values.patience)),
    '--home',
    'kernel',
    '--needs',
    'kernel,kprobe',
  ])),
];
report(pure, 'in the virtual machine');
report(kernel, 'in kernels');
for (const kind of ['pure', 'user', 'kernel', 'kprobe'])
  report(
    kernel.filter((one) => one.needs === kind).map((one) => ({ ...one, suite: kind })),
    `in kernels: ${kind}`,
  );
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ vm: pure, kernel }, undefined, 1)}\n`);
// Which kprobes and counters there are differs from kernel to kernel too much for a list.
const listed = kernel.filter((one) => one.needs !== 'kprobe');
process.exitCode = Math.max(compareWithKnown(pure, 'vm'), compareWithKnown(listed, 'kernel'));

/**
 * What a run of run.mjs says of each test.
 * @param {string} where @param {readonly string[]} command @returns {Promise<import('./known.mjs').Result[]>}
 */
async function results(where, [program = '', ...args]) {
  process.stderr.write(`in ${where} …\n`);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  /** @type {import('./known.mjs').Result[]} */
  const found = [];
  for await (const line of createInterface({ input: child.stdout }))
    if (line.startsWith('@result ')) found.push(JSON.parse(line.slice('@result '.length)));
  return found;
}
