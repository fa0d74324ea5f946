#!/usr/bin/env node
// @ts-check
/**
 * node conformance/bpftrace/programs.mjs [--sources DIR] [--release sid]
 *
 * Makes the folder that the tests run in: their texts and the tools, from DIR (a copy of bpftrace's sources) or from Debian's source
 * package, and the programs that they trace, which are our own (programs/): each once as it is and once position independent, and
 * some with debug information in files of its own. Prints the folder. Needs gcc, binutils and llvm-dwp; what it lacks it names.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { unpackSource } from '../compiler/corpus.mjs';
import { sources, testsFolder } from './suite.mjs';

const { values } = parseArgs({ options: { sources: { type: 'string' }, release: { type: 'string', default: 'sid' } } });
const from = values.sources ?? sources();
if (!existsSync(from)) unpackSource('bpftrace', values.release, from, ['--wildcards', '*/tests/runtime', '*/tools']);
const root = testsFolder();
cpSync(join(from, 'tests/runtime'), join(root, 'runtime'), { recursive: true });
cpSync(join(from, 'tools'), join(root, 'tools'), { recursive: true, filter: (one) => !/\.(txt|cmake)$/i.test(one) });

const text = fileURLToPath(new URL('programs/', import.meta.url));
/** Stacks name files, of which tests expect that letters and slashes are enough. */
const DEBUG = ['-g', `-ffile-prefix-map=${text}=`];
const FOLDER = `-fdebug-prefix-map=${root}=`;
const FRAMES = ['-fno-omit-frame-pointer', '-mno-omit-leaf-frame-pointer'];
const NO_FRAMES = ['-O1', '-fomit-frame-pointer', '-fno-optimize-sibling-calls'];
let failed = 0;

mkdirSync(join(root, 'testlibs'), { recursive: true });
process.chdir(join(root, 'testlibs'));
for (const name of named(join(text, 'lib')))
  run('gcc', ...DEBUG, '-O0', ...FRAMES, '-shared', '-fPIC', '-o', `lib${name}.so`, join(text, 'lib', `${name}.c`));
mkdirSync(join(root, 'testprogs'), { recursive: true });
process.chdir(join(root, 'testprogs'));
for (const name of named(text)) {
  const flags = [...DEBUG, FOLDER, ...(name === 'uprobe_nofp' ? NO_FRAMES : ['-O0', ...FRAMES])];
  const libraries = name === 'usdt_lib' ? ['-L../testlibs', '-lusdt_tp', '-Wl,-rpath,$ORIGIN/../testlibs'] : [];
  const file = join(text, `${name}.c`);
  run('gcc', ...flags, '-no-pie', '-o', name, file, ...libraries, '-lpthread');
  run('gcc', ...flags, '-fpie', '-pie', '-o', `${name}-pie`, file, ...libraries, '-lpthread');
}
run('gcc', '-c', join(text, 'false.c'), '-o', 'false.o');
run('objcopy', '-S', '--only-section=.text', '-O', 'binary', 'false.o', 'false.bin');
run('python3', '-c', "import zipfile; zipfile.ZipFile('archive.zip', 'w').write('true')");

for (const one of ['external_debug/dwo', 'external_debug/dwp', '.debug']) mkdirSync(one, { recursive: true });
run('objcopy', '--only-keep-debug', 'uprobe_test', 'external_debug/uprobe_test-stripped.debug');
run('objcopy', '--strip-debug', 'uprobe_test', 'uprobe_test-stripped');
const separate = '.debug/uprobe_separate_debug-stripped.debug';
run('objcopy', '--only-keep-debug', 'uprobe_separate_debug', separate);
run('objcopy', '--strip-debug', 'uprobe_separate_debug', 'uprobe_separate_debug-stripped');
run('objcopy', `--add-gnu-debuglink=${separate}`, 'uprobe_separate_debug-stripped');
for (const one of ['dwo', 'dwp']) {
  const to = `external_debug/${one}/uprobe_test-split`;
  run('gcc', ...DEBUG, '-O0', '-gsplit-dwarf', join(text, 'uprobe_test.c'), '-o', to);
}
const split = 'external_debug/dwp/uprobe_test-split';
run(existsSync('/usr/bin/llvm-dwp-19') ? 'llvm-dwp-19' : 'dwp', '-e', split, '-o', `${split}.dwp`);
if (existsSync(`${split}.dwp`)) renameSync(`${split}-uprobe_test.dwo`, `${split}-uprobe_test.dwo.packed`);

process.stdout.write(`${root}\n`);
if (failed > 0) process.stderr.write(`${failed} commands failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

/** Programs of a folder, without their endings. @param {string} folder */
function named(folder) {
  return readdirSync(folder).flatMap((file) => (file.endsWith('.c') ? [file.slice(0, -2)] : []));
}

/** @param {string} command @param {readonly string[]} args */
function run(command, ...args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  failed += 1;
  process.stderr.write(
    `${command} ${args.join(' ')}\n${error ? error.message : stderr.split('\n').slice(0, 3).join('\n')}\n`,
  );
}
