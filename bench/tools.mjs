#!/usr/bin/env node
// What tools cost: `skep opensnoop` against the one of libbpf-tools, of bcc and of bpftrace, over the same process, in turn, in
// one run: time from the command to the first event and processor time of it, memory, processor time per million events, events lost.
//   node bench/tools.mjs [--rounds 5] [--burst 100000]      (as root, after `npm run build`; the peers are Debian's packages, from the cache)
//   node bench/tools.mjs --guest 6.1 --rounds 1 --burst 20000
// Only one process is watched, a child of this one. bcc wants headers of the running kernel, and kprobes: where it fails, it says
// so. In a guest it has both; there a processor is emulated, and only how the tools compare means something.
import { fork, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { headers } from '../conformance/tools/headers.mjs';
import { peerEnvironment, peers } from '../conformance/tools/peers.mjs';
import { boot, fetchKernel } from '../vmtest/index.mjs';
import './environment.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    burst: { type: 'string', default: '100000' },
    guest: { type: 'string' },
    target: { type: 'boolean', default: false },
    /** FROM=TO: a link that is wanted first, in a guest. */
    link: { type: 'string' },
  },
});
const ROUNDS = Number(values.rounds);
const BURST = Number(values.burst);
const PATH = '/etc/hostname';
const HERE = fileURLToPath(import.meta.url);

if (values.link) link(values.link);
if (values.target) target();
else if (values.guest) await inGuest(values.guest);
else if (existsSync('/sys/kernel/tracing/events')) await main();
else withTracefs();

/** @param {string} series */
async function inGuest(series) {
  const kernel = fetchKernel(series);
  const wanted = `/lib/modules/${kernel.release}=${headers(kernel)}`;
  const command = [process.execPath, HERE, '--rounds', values.rounds, '--burst', values.burst, '--link', wanted];
  console.log(`Linux ${kernel.release}, emulated`);
  const { code } = await boot(kernel, command, {
    ...{ cwd: dirname(dirname(HERE)), timeout: 7200, memory: 2048 },
    onOutput: (/** @type {Buffer} */ text) => process.stdout.write(text),
  });
  process.exitCode = code ?? 1;
}

function link(/** @type {string} */ text) {
  const [from, to] = /** @type {[string, string]} */ (text.split('='));
  mkdirSync(dirname(from), { recursive: true });
  symlinkSync(to, from);
}

/** The peers want tracefs mounted, as it is on most machines: here for this run only, where nobody else sees it. */
function withTracefs() {
  const mounted = 'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"';
  const { status } = spawnSync('unshare', ['-m', 'sh', '-c', mounted, 'sh', ...process.argv], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}

/** Opens a file every two milliseconds; when it is told a number, so many times as fast as a busy program does. */
async function target() {
  const { openSync, closeSync } = await import('node:fs');
  const once = () => closeSync(openSync(PATH, 'r'));
  setInterval(once, 2);
  process.on('message', (count) => {
    let left = Number(count);
    const some = () => {
      for (let i = 0; i < 500 && left > 0; i++, left--) once();
      if (left > 0) setTimeout(some, 10);
      else process.send?.('done');
    };
    some();
  });
}

async function main() {
  const root = peers();
  const child = fork(HERE, ['--target']);
  const pid = /** @type {number} */ (child.pid);
  const skep = fileURLToPath(new URL('../packages/cli/bin/skep.mjs', import.meta.url));
  const script = `tracepoint:syscalls:sys_enter_openat /pid == ${pid}/ { @path[tid] = args->filename; }
tracepoint:syscalls:sys_exit_openat /@path[tid]/ { printf("%d %s %d %s\\n", pid, comm, args->ret, str(@path[tid])); delete(@path[tid]); }`;
  /** @type {readonly {name: string, argv: readonly string[]}[]} */
  const tools = [
    { name: 'skep opensnoop', argv: [process.execPath, skep, 'opensnoop', '-p', `${pid}`] },
    { name: 'libbpf-tools opensnoop', argv: ['stdbuf', '-oL', `${root}/usr/sbin/opensnoop`, '-p', `${pid}`] },
    { name: 'bpftrace, a script', argv: [`${root}/usr/bin/bpftrace`, '-B', 'line', '-e', script] },
    { name: 'skep trace, the same', argv: [process.execPath, skep, 'trace', script] },
    { name: 'bcc opensnoop', argv: ['/usr/bin/python3', `${root}/usr/sbin/opensnoop-bpfcc`, '-p', `${pid}`] },
  ];
  /** @type {Map<string, Awaited<ReturnType<typeof measure>>[]>} */
  const found = new Map(tools.map(({ name }) => [name, []]));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const { name, argv } of tools) {
        const runs = /** @type {any[]} */ (found.get(name));
        if (runs.some((one) => one.failed)) continue;
        runs.push(await measure(argv, child, peerEnvironment(root)));
        // A guest takes minutes for each.
        if (values.link) console.log(`${name}: ${JSON.stringify(runs.at(-1))}`);
      }
    }
  } finally {
    child.kill();
  }
  report(found);
}

/**
 * @param {readonly string[]} argv
 * @param {import('node:child_process').ChildProcess} target
 * @param {{readonly [name: string]: string}} environment
 */
async function measure(argv, target, environment) {
  const start = performance.now();
  const [file, ...args] = /** @type {[string, ...string[]]} */ (argv);
  // What is to see libraries of the cache is not what has its own.
  const env = file === process.execPath ? process.env : { ...process.env, ...environment };
  const tool = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let events = 0;
  let complaints = '';
  let first = () => {};
  const begun = new Promise((resolve) => {
    first = () => resolve(true);
  });
  tool.stdout.setEncoding('latin1').on('data', (/** @type {string} */ text) => {
    const count = text.split(PATH).length - 1;
    if (count > 0 && events === 0) first();
    events += count;
  });
  tool.stderr.on('data', (data) => {
    complaints += data;
  });
  const ended = new Promise((resolve) => tool.on('close', () => resolve(false)));
  const seen = await Promise.race([begun, ended, pause(600_000)]);
  if (seen !== true) {
    tool.kill('SIGKILL');
    return { failed: complaints.trim().split('\n').at(-1) || 'no event came' };
  }
  const startup = performance.now() - start;
  // On a machine that has more to do, the time on the clock says little.
  const began = cpuOf(tool.pid) * 1000;
  await pause(500);
  const before = { cpu: cpuOf(tool.pid), events };
  const done = new Promise((resolve) => target.once('message', resolve));
  target.send(BURST);
  await done;
  await pause(1000);
  const cpu = cpuOf(tool.pid) - before.cpu;
  const burst = events - before.events;
  const memory = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${tool.pid}/status`, 'utf8'))?.[1]) / 1024;
  tool.kill('SIGINT');
  await Promise.race([ended, pause(10_000)]);
  tool.kill('SIGKILL');
  return { startup, began, memory, perMillion: (cpu / burst) * 1e6, seen: burst / BURST };
}

/** Seconds of a process, of which the kernel counts hundredths. */
function cpuOf(/** @type {number | undefined} */ pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** @param {ReadonlyMap<string, readonly any[]>} found */
function report(found) {
  const middle = (/** @type {number[]} */ list) => list.sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN;
  const rows = [...found].map(([name, runs]) => {
    const failed = runs.find((one) => one.failed)?.failed;
    const of = (/** @type {string} */ key) => middle(runs.filter((one) => !one.failed).map((one) => one[key]));
    return {
      name,
      failed,
      startup: of('startup'),
      began: of('began'),
      memory: of('memory'),
      perMillion: of('perMillion'),
      seen: of('seen'),
    };
  });
  console.log(`${ROUNDS} rounds, median; ${BURST} opens in each`);
  console.log(`${''.padEnd(26)}first event  CPU to there  peak memory  CPU / 10⁶ events   seen`);
  for (const { name, failed, startup, began, memory, perMillion, seen } of rows) {
    if (failed) console.log(`${name.padEnd(26)}failed: ${failed.slice(0, 90)}`);
    else
      console.log(
        `${name.padEnd(26)}${`${startup.toFixed(0)} ms`.padStart(11)}${`${began.toFixed(0)} ms`.padStart(14)}${`${memory.toFixed(0)} MiB`.padStart(13)}${`${perMillion.toFixed(2)} s`.padStart(18)}${`${(seen * 100).toFixed(1)} %`.padStart(8)}`,
      );
  }
  const [own, ...others] = rows;
  for (const one of others) {
    if (one.failed || !own) continue;
    const ratio = (/** @type {'startup' | 'began' | 'memory' | 'perMillion'} */ key) =>
      (own[key] / one[key]).toFixed(2);
    console.log(
      `skep opensnoop ÷ ${one.name}: first event ${ratio('startup')}, CPU to there ${ratio('began')}, memory ${ratio('memory')}, CPU ${ratio('perMillion')}`,
    );
  }
}

function pause(/** @type {number} */ milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}
