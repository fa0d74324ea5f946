#!/usr/bin/env node
// How long it takes from C source to an object, and how many instructions come out: skep against clang-19, in one run.
//
//   node bench/compile.mjs [--rounds N] [--json] [FILE.bpf.c …]      default: examples/opens.bpf.c
//
// Rounds of the three ways are interleaved, so that what else the machine does meets all of them; ratios are those of the
// medians. clang gets a `vmlinux.h` that bpftool made of the running kernel's BTF, skep reads that BTF itself. Needs the
// packages built (`npm run build`), clang-19, bpftool and libbpf's headers.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, release, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from '@skep/compiler';
import { openObject } from '@skep/object';
import { compileTypes } from 'skep';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SKEP = join(root, 'packages/cli/bin/skep.mjs');
const VMLINUX = '/sys/kernel/btf/vmlinux';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '11' }, json: { type: 'boolean', default: false } },
});
process.exitCode = main(positionals.length > 0 ? positionals : [join(root, 'examples/opens.bpf.c')]);

function main(files) {
  const missing = whyNot();
  if (missing !== undefined) {
    console.error(`bench: ${missing}`);
    return 1;
  }
  const folder = mkdtempSync(join(tmpdir(), 'skep-bench-'));
  try {
    const results = files.map((file) => measure(resolve(file), folder, Math.max(1, Number(values.rounds) || 11)));
    if (values.json) console.log(JSON.stringify({ version: 1, results }, null, 2));
    else print(results);
    return 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function whyNot() {
  if (!existsSync(VMLINUX)) return `needs ${VMLINUX}`;
  for (const command of ['clang-19', 'bpftool']) {
    if (spawnSync(command, ['--version'], { stdio: 'ignore' }).error) return `needs ${command}`;
  }
  return existsSync('/usr/include/bpf/bpf_helpers.h') ? undefined : "needs libbpf's headers (libbpf-dev)";
}

function measure(file, folder, rounds) {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x86';
  const clangObject = join(folder, 'clang.o');
  const skepObject = join(folder, 'skep.o');
  const clang = [
    ...['clang-19', '-O2', '-g', '-target', 'bpf', '-mcpu=v3', `-D__TARGET_ARCH_${arch}`, `-I${vmlinuxHeader()}`],
    ...[`-I${dirname(file)}`, '-c', file, '-o', clangObject],
  ];
  const skep = [process.execPath, SKEP, 'build', file, '-o', skepObject];
  const text = readFileSync(file, 'utf8');
  const options = { vmlinux: compileTypes, includePaths: [dirname(file)], readFile };
  const times = { clang: [], skep: [], warm: [] };
  const warm = () => {
    const result = compile({ name: file, text }, options);
    if (!result.ok) throw new Error(result.diagnostics[0].message);
  };
  for (let i = 0; i < 30; i++) warm();
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
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'skep', 'bench', release());
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
