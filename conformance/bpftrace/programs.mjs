#!/usr/bin/env node
// @ts-check
/**
 * node conformance/bpftrace/programs.mjs [--release sid]
 *
 * Fetches the sources of Debian's package bpftrace into the cache (those of sid are its current release), builds the programs that its runtime
 * tests trace, and prints where the tests are: each program once as it is and once position independent, and those with debug
 * information in files of its own. Needs gcc and binutils; what it lacks it names.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { unpackSource } from '../compiler/corpus.mjs';
import { sources, testsFolder } from './suite.mjs';

const { values } = parseArgs({ options: { release: { type: 'string', default: 'sid' } } });
if (!existsSync(sources())) unpackSource('bpftrace', values.release, sources());
const root = testsFolder();
process.chdir(join(root, 'testprogs'));
const FLAGS = ['-g', '-O0', '-fno-omit-frame-pointer', '-mno-omit-leaf-frame-pointer', '-I../include', '-I..'];
const WITHOUT_FRAMES = ['-g', '-O1', '-fomit-frame-pointer', '-fno-optimize-sibling-calls', '-I../include'];
let failed = 0;

process.chdir('../testlibs');
for (const file of readdirSync('.').filter((one) => one.endsWith('.c')))
  run('gcc', ...FLAGS, '-shared', '-fPIC', '-o', `lib${file.slice(0, -2)}.so`, file, '-ldl');
process.chdir('../testprogs');
for (const file of readdirSync('.')) {
  const [, name, kind] = /^(\w+)\.(c|cpp)$/.exec(file) ?? [];
  if (name === undefined) continue;
  const flags = name === 'uprobe_nofp' ? WITHOUT_FRAMES : FLAGS;
  const library =
    name === 'usdt_lib'
      ? ['-I../testlibs', '-fPIC', '-L../testlibs', '-lusdt_tp', `-Wl,-rpath,${process.cwd()}/../testlibs`]
      : [];
  const compiler = kind === 'cpp' ? 'g++' : 'gcc';
  run(compiler, ...flags, '-no-pie', '-o', name, file, ...library, '-lpthread', '-ldl');
  run(compiler, ...flags, '-fpie', '-pie', '-o', `${name}-pie`, file, ...library, '-lpthread', '-ldl');
}
run('gcc', '-c', 'false.c', '-o', 'false.o');
run('objcopy', '-S', '--only-section=.text', '-O', 'binary', 'false.o', 'false.bin');
run('python3', '-c', "import zipfile; zipfile.ZipFile('archive.zip', 'w').write('true')");

for (const one of ['external_debug/dwo', 'external_debug/dwp', '.debug']) mkdirSync(one, { recursive: true });
run('objcopy', '--only-keep-debug', 'uprobe_test', 'external_debug/uprobe_test-stripped.debug');
run('objcopy', '--strip-debug', 'uprobe_test', 'uprobe_test-stripped');
const separate = '.debug/uprobe_separate_debug-stripped.debug';
run('objcopy', '--only-keep-debug', 'uprobe_separate_debug', separate);
run('objcopy', '--strip-debug', 'uprobe_separate_debug', 'uprobe_separate_debug-stripped');
run('objcopy', `--add-gnu-debuglink=${separate}`, 'uprobe_separate_debug-stripped');
for (const one of ['dwo', 'dwp'])
  run('gcc', '-g', '-O0', '-gsplit-dwarf', 'uprobe_test.c', '-o', `external_debug/${one}/uprobe_test-split`);
const split = 'external_debug/dwp/uprobe_test-split';
run(existsSync('/usr/bin/llvm-dwp-19') ? 'llvm-dwp-19' : 'dwp', '-e', split, '-o', `${split}.dwp`);
if (existsSync(`${split}.dwp`)) renameSync(`${split}-uprobe_test.dwo`, `${split}-uprobe_test.dwo.packed`);

process.stdout.write(`${root}\n`);
if (failed > 0) process.stderr.write(`${failed} commands failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

/** @param {string} command @param {readonly string[]} args */
function run(command, ...args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  failed += 1;
  process.stderr.write(
    `${command} ${args.join(' ')}\n${error ? error.message : stderr.split('\n').slice(0, 3).join('\n')}\n`,
  );
}
