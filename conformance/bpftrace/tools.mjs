// @ts-check
/**
 * node conformance/bpftrace/tools.mjs [DIR] [--seconds 30] [--filter REGEXP] [--output]
 *
 * Runs bpftrace's own tools (those that programs.mjs fetched, or those in DIR) in the kernel, one after the other: each is compiled,
 * loaded, attached, given work to see (tool-work.mjs), and ended when what it should print stands there, or after that time. They trace
 * the whole system: for a guest, with the modules that some want:
 * node vmtest/run.mjs --timeout 3000 --memory 3072 --module md_mod --module raid1 6.12 -- node conformance/bpftrace/tools.mjs
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { possibleCpus } from '@skep/kernel';
import { machineTarget } from '@skep/tools';
import { bpftrace } from './command.mjs';
import { testsFolder } from './suite.mjs';
import { TOOL_WORK } from './tool-work.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '30' },
    filter: { type: 'string' },
    output: { type: 'boolean', default: false },
  },
});
const [directory = join(testsFolder(), 'tools')] = positionals;
if (!existsSync(directory)) {
  process.stderr.write(
    `tools.mjs: there is no ${directory}: node conformance/bpftrace/programs.mjs fetches the tools\n`,
  );
  process.exit(2);
}
const filter = values.filter === undefined ? undefined : new RegExp(values.filter);
const target = machineTarget(possibleCpus(), undefined);
const server = createServer((socket) => socket.end('hello\n'));
await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
const folder = mkdtempSync(join(tmpdir(), 'skep-tools-'));
const env = { ...process.env, PORT: String(port), DIR: folder, DISK: disk() };
/** @type {Record<string, number>} */
const count = { right: 0, 'not right': 0, refused: 0, 'cannot be tried': 0 };
const files = [directory, join(directory, 'old')].flatMap((one) =>
  existsSync(one) ? readdirSync(one).map((name) => join(one, name)) : [],
);
for (const file of files.filter((one) => one.endsWith('.bt') && (filter === undefined || filter.test(one)))) {
  const { result, said } = await tried(file);
  count[result] = (count[result] ?? 0) + 1;
  process.stdout.write(`${result.padEnd(15)} ${file.slice(directory.length + 1)}: ${said}\n`);
}
process.stdout.write(
  `${Object.entries(count)
    .map(([result, times]) => `${times} ${result}`)
    .join(', ')}\n`,
);
server.close();
rmSync(folder, { recursive: true, force: true });
process.exit(0);

/** @param {string} file */
async function tried(file) {
  const { work, setup, cleanup, needs, sees } = TOOL_WORK[basename(file, '.bt')] ?? { work: 'true', sees: /$^/ };
  if (needs !== undefined && !existsSync(needs)) return { result: 'cannot be tried', said: `there is no ${needs}` };
  if (setup !== undefined) spawnSync('/bin/bash', ['-c', setup], { stdio: 'ignore', env });
  let output = '';
  let attached = false;
  const stop = new AbortController();
  const take = (/** @type {string} */ text) => {
    output += text;
    if (!stop.signal.aborted && attached && sees.test(output)) stop.abort();
  };
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let working;
  let code = 1;
  try {
    code = await bpftrace(['--unsafe', '--no-warnings', file], {
      home: 'kernel',
      signal: stop.signal,
      out: take,
      err: take,
      target,
      attached: () => {
        attached = true;
        const loop = `while :; do\n${work}\nsleep 0.2; done`;
        working = spawn('/bin/bash', ['-c', loop], { stdio: 'ignore', detached: true, env });
        setTimeout(() => stop.abort(), Number(values.seconds) * 1000);
      },
    });
  } catch (error) {
    output += String(error);
  }
  if (working?.pid) process.kill(-working.pid, 'SIGKILL');
  spawnSync('tc', ['qdisc', 'del', 'dev', 'lo', 'root'], { stdio: 'ignore' });
  if (cleanup !== undefined) spawnSync('/bin/bash', ['-c', cleanup], { stdio: 'ignore', env });
  if (values.output) process.stdout.write(`${output.slice(0, 8000).replace(/^/gm, '  | ')}\n`);
  const found = sees.exec(output)?.[0].trim().split('\n').at(-1);
  if (attached && code === 0 && found !== undefined) return { result: 'right', said: found.slice(0, 100) };
  const lines = output.split('\n').filter((one) => one.trim() !== '');
  const error = lines.find((one) => one.includes('ERROR'));
  if (!attached && error) return { result: 'refused', said: error.slice(0, 200) };
  return { result: 'not right', said: `${lines.length} lines, the last: ${lines.at(-1)?.slice(0, 100)}` };
}

/** A disk of 64 MiB that keeps what is written to it, in memory; the kernel's own null device without the means to make one. */
function disk() {
  const root = '/sys/kernel/config';
  spawnSync('mount', ['-t', 'configfs', 'configfs', root], { stdio: 'ignore' });
  try {
    mkdirSync(`${root}/nullb/skep`);
    for (const [name, value] of Object.entries({ size: 64, memory_backed: 1, power: 1 }))
      writeFileSync(`${root}/nullb/skep/${name}`, String(value));
    return '/dev/skep';
  } catch {
    return '/dev/nullb0';
  }
}
