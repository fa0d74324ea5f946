#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from '@skep/compiler';
import { openObject } from '@skep/object';
import { compileTypes } from 'skep';
import { cachedSuite, knownFailures } from '../conformance/compiler/index.mjs';
// How long it takes from C source to an object, and how many instructions come out: skep against clang-19, in one run.
//
//   node bench/compile.mjs [--rounds N] [--json] [FILE.bpf.c …]      default: examples/opens.bpf.c
//   node bench/compile.mjs --suite libbpf-tools [--rounds N]         all of a public suite; `conformance/compiler` fetches it
//
// Rounds of the three ways are interleaved, so that what else the machine does meets all of them; ratios are those of the
// medians, and of a suite their geometric mean. clang gets a `vmlinux.h` that bpftool made of the running kernel's BTF, skep reads that BTF itself. Needs the
// packages built (`npm run build`), clang-19, bpftool and libbpf's headers.
import { cacheDir } from '../scripts/cache.mjs';
import './environment.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SKEP = join(root, 'packages/cli/bin/skep.mjs');
const TARGET = `__TARGET_ARCH_${process.arch === 'arm64' ? 'arm64' : 'x86'}`;
const VMLINUX = '/sys/kernel/btf/vmlinux';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    suite: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
process.exitCode = main();

function main() {
  const jobs = values.suite === undefined ? named() : jobsOf(values.suite);
  const rounds = Math.max(1, Number(values.rounds) || (values.suite === undefined ? 11 : 3));
  const missing = jobs === undefined ? `${values.suite}: run conformance/compiler/run.mjs first` : whyNot();
  if (missing !== undefined) {
    console.error(`bench: ${missing}`);
    return 1;
  }
  const folder = mkdtempSync(join(tmpdir(), 'skep-bench-'));
  try {
    const results = jobs.map((job) => measure(job, folder, rounds));
    if (values.json) console.log(JSON.stringify({ version: 1, results }, null, 2));
    else if (values.suite === undefined) print(results);
    else printMeans(results);
    return 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What is compiled, with its include paths and macros. */
function named() {
  const files = positionals.length > 0 ? positionals : [join(root, 'examples/opens.bpf.c')];
  return files.map((file) => ({ file: resolve(file), includes: [dirname(resolve(file))], defines: [TARGET] }));
}

/** The files of a suite that both compile; undefined where it has not been fetched. */
function jobsOf(name) {
  const suite = cachedSuite(name);
  const { compile: failing } = knownFailures(name);
  return suite?.files
    .filter((file) => failing[file] === undefined)
    .map((file) => ({ file: join(suite.root, file), includes: suite.includes, defines: suite.defines }));
}

function whyNot() {
  if (!existsSync(VMLINUX)) return `needs ${VMLINUX}`;
  for (const command of ['clang-19', 'bpftool']) {
    if (spawnSync(command, ['--version'], { stdio: 'ignore' }).error) return `needs ${command}`;
  }
  return existsSync('/usr/include/bpf/bpf_helpers.h') ? undefined : "needs libbpf's headers (libbpf-dev)";
}

function measure({ file, includes, defines }, folder, rounds) {
  const flags = [...defines.map((one) => `-D${one}`), ...includes.map((path) => `-I${path}`)];
  const clangObject = join(folder, 'clang.o');
  const skepObject = join(folder, 'skep.o');
  const clang = [
    ...['clang-19', '-O2', '-g', '-target', 'bpf', '-mcpu=v3', '-Wno-everything', `-I${vmlinuxHeader()}`, ...flags],
    ...['-idirafter', `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`],
    ...['-c', file, '-o', clangObject],
  ];
  const skep = [process.execPath, SKEP, 'build', file, ...flags, '-o', skepObject];
  const text = readFileSync(file, 'utf8');
  const options = { vmlinux: compileTypes, includePaths: includes, defines, readFile };
  // The compiler itself is warm after the first files of a suite.
  const warmUps = values.suite === undefined ? 30 : 3;
  const times = { clang: [], skep: [], warm: [] };
  const warm = () => {
    const result = compile({ name: file, text }, options);
    if (!result.ok) throw new Error(result.diagnostics[0].message);
  };
  for (let i = 0; i < warmUps; i++) warm();
  for (let round = 0; round < rounds; round++) {
    times.clang.push(timed(() => run(clang)));
    times.skep.push(timed(() => run(skep)));
    times.warm.push(median(Array.from({ length: 5 }, () => timed(warm))));
  }
  const ms = Object.fromEntries(Object.entries(times).map(([key, list]) => [key, median(list)]));
  return {
    file: basename(file),
    rounds,
    milliseconds: ms,
    ratios: { process: ms.skep / ms.clang, warm: ms.warm / ms.clang },
    memory: { clang: peak(clang), skep: peak(skep) },
    instructions: { clang: instructionsOf(clangObject), skep: instructionsOf(skepObject) },
  };
}

function readFile(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** The directory of the header that bpftool makes of this kernel's types; made once for each kernel. */
function vmlinuxHeader() {
  const cache = cacheDir('bench', release());
  const file = join(cache, 'vmlinux.h');
  if (!existsSync(file)) {
    mkdirSync(cache, { recursive: true });
    const { stdout, status } = spawnSync('bpftool', ['btf', 'dump', 'file', VMLINUX, 'format', 'c'], {
      maxBuffer: 1 << 26,
    });
    if (status !== 0) throw new Error('bpftool cannot make vmlinux.h');
    writeFileSync(file, stdout);
  }
  return cache;
}

function run([command, ...args]) {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stderr}`);
}

/** Milliseconds. */
function timed(work) {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** MiB that the process had in memory at most; undefined without GNU time. */
function peak(command) {
  const { status, stderr } = spawnSync('/usr/bin/time', ['-f', '%M', ...command], { encoding: 'utf8' });
  return status === 0 ? Number(stderr.trim().split('\n').at(-1)) / 1024 : undefined;
}

/** By program. */
function instructionsOf(file) {
  const { programs } = openObject(new Uint8Array(readFileSync(file)), { name: file });
  return Object.fromEntries(programs.map((one) => [one.name, one.code.length / 8]));
}

function printMeans(results) {
  const mean = (list) => Math.exp(list.reduce((sum, one) => sum + Math.log(one), 0) / list.length);
  const ratio = (one) => mean(results.map(({ ratios }) => ratios[one])).toFixed(3);
  const time = (one) => `${mean(results.map(({ milliseconds }) => milliseconds[one])).toFixed(1)} ms`;
  const most = (one) => `${Math.max(...results.map(({ memory }) => memory[one] ?? 0)).toFixed(0)} MiB`;
  console.log(`${values.suite}, ${results.length} files, geometric means, ${results[0].rounds} interleaved rounds`);
  console.log(`  clang-19 -O2      ${time('clang').padStart(10)}   at most ${most('clang')}`);
  console.log(
    `  skep build        ${time('skep').padStart(10)}   ${ratio('process')} (goal 0.5), at most ${most('skep')}`,
  );
  console.log(`  skep in process   ${time('warm').padStart(10)}   ${ratio('warm')} (goal 0.1)`);
}

function print(results) {
  const ms = (value) => `${value.toFixed(1)} ms`;
  for (const { file, rounds, milliseconds: at, ratios, memory, instructions } of results) {
    console.log(`${file}, medians of ${rounds} interleaved rounds`);
    console.log(`  clang-19 -O2        ${ms(at.clang).padStart(10)}`);
    console.log(
      `  skep build          ${ms(at.skep).padStart(10)}   ${ratios.process.toFixed(3)} of clang's (goal 0.5)`,
    );
    console.log(`  skep in process     ${ms(at.warm).padStart(10)}   ${ratios.warm.toFixed(3)} of clang's (goal 0.1)`);
    if (memory.clang !== undefined && memory.skep !== undefined) {
      console.log(
        `  memory              clang ${memory.clang.toFixed(0)} MiB, skep build ${memory.skep.toFixed(0)} MiB`,
      );
    }
    for (const [name, count] of Object.entries(instructions.skep)) {
      const other = instructions.clang[name];
      const ratio = other === undefined ? '' : `, clang ${other} (${(count / other).toFixed(2)})`;
      console.log(`  ${name}: ${count} instructions${ratio}`);
    }
  }
}
