// `npm start [-- FILE.bpf.c | --home vm | … ] [-- COMMAND …]`: the demonstration, or any program of the user's.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

prepare();
const given = process.argv.slice(2);
const child = spawn(process.execPath, [join(root, 'packages/cli/bin/skep.mjs'), 'demo', ...given], {
  cwd: process.env.INIT_CWD ?? root,
  stdio: 'inherit',
});
// Ctrl-C reaches the whole process group: the child ends politely with its summary, this process waits for it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
