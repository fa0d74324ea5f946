// `npm start [-- FILE] [OPTIONS] [-- COMMAND …]`: runs a program; without a file, the demonstration with its workload.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

const DEMO = join(root, 'examples/opens.bpf.c');
const WORKLOAD = ['/bin/sh', join(root, 'examples/opens-workload.sh')];

prepare();
const given = process.argv.slice(2);
const cut = given.indexOf('--');
const own = cut < 0 ? given : given.slice(0, cut);
const command = cut < 0 ? [] : given.slice(cut);
const file = own.find((word) => /\.(c|o)$/.test(word));
const args =
  file === undefined ? [DEMO, ...own, ...(command.length > 1 ? command : ['--', ...WORKLOAD])] : [...own, ...command];
const child = spawn(process.execPath, [join(root, 'packages/cli/bin/skep.mjs'), 'run', ...args], {
  cwd: process.env.INIT_CWD ?? root,
  stdio: 'inherit',
});
// Ctrl-C reaches the whole process group: the child ends politely with its summary, this process waits for it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
