#!/usr/bin/env node
// What a script costs: `skep trace` against Debian's bpftrace, over the same script, in turn, in one run: time from the command to the
// first line, processor time of it, memory, and for scripts that print much, processor time per million lines.
//   node bench/trace.mjs [ROUNDS]      (as root, after `npm run build`; bpftrace comes from the cache of Debian's packages)
// Scripts trace nothing, or by uprobe a program of this benchmark alone; both run in the kernel.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { peerEnvironment, peers } from '../conformance/tools/peers.mjs';
import './environment.mjs';

const ROUNDS = Number(process.argv[2] ?? 5);
/** Milliseconds in which lines are counted, where a script prints many. */
const WHILE = 2000;

if (existsSync('/sys/kernel/tracing/events')) await main();
else withTracefs();

/** bpftrace wants tracefs mounted, as it is on most machines: here for this run only, where nobody else sees it. */
function withTracefs() {
  const mounted = 'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"';
  const { status } = spawnSync('unshare', ['-m', 'sh', '-c', mounted, 'sh', ...process.argv], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'skep-bench-'));
  const program = join(folder, 'target');
  writeFileSync(
    `${program}.c`,
    `#include <time.h>
__attribute__((noinline)) long work(long n, const char *text) { __asm__ volatile("" ::"r"(text)); return n + 1; }
int main(void) {
  char text[] = "some text";
  struct timespec pause = {0, 1000000};
  for (long n = 0;; n = work(n, text)) if (n % 50 == 0) nanosleep(&pause, 0);
}
`,
  );
  spawnSync('gcc', ['-O1', '-g', '-o', program, `${program}.c`], { stdio: 'inherit' });
  const target = spawn(program);
  const scripts = [
    { name: 'one line', script: 'BEGIN { printf("hello\\n"); } interval:s:60 { exit(); }' },
    {
      name: 'maps, histograms, loops',
      script: `BEGIN { @n[1, "a"] = count(); @h = hist(100); @l = lhist(5, 0, 10, 1); @s[pid, comm] = stats(7); @m = max(3);
  $i = 0; while ($i < 10) { @sum[$i] = sum($i); $i++; } printf("%d %s\\n", pid, comm); print(@h); }
interval:s:60 { exit(); }`,
    },
    {
      name: 'uprobe, a line each',
      script: `uprobe:${program}:work { printf("%d %s\\n", arg0, str(arg1)); }`,
      many: true,
    },
    {
      name: 'uprobe, counted',
      script: `uprobe:${program}:work { @[comm, arg0 % 16] = count(); @h = hist(arg0); } uretprobe:${program}:work { @r = max(retval); }
interval:ms:100 { print(@r); clear(@r); }`,
    },
  ];
  const root = peers();
  const skep = fileURLToPath(new URL('../packages/cli/bin/skep.mjs', import.meta.url));
  /** @type {readonly {name: string, argv: readonly string[], env: NodeJS.ProcessEnv}[]} */
  const languages = [
    { name: 'skep trace', argv: [process.execPath, skep, 'trace'], env: process.env },
    {
      name: 'bpftrace',
      argv: [`${root}/usr/bin/bpftrace`, '-B', 'line'],
      env: { ...process.env, ...peerEnvironment(root) },
    },
  ];
  console.log(`${ROUNDS} rounds, median`);
  console.log(`${''.padEnd(38)}first line  CPU to there  peak memory  CPU / 10⁶ lines`);
  try {
    for (const { name, script, many } of scripts) {
      const found = languages.map(() => /** @type {Figures[]} */ ([]));
      for (let round = 0; round < ROUNDS; round++)
        for (const [i, { argv, env }] of languages.entries())
          found[i]?.push(await measure([...argv, '-e', script], env, many === true));
      report(name, languages, found);
    }
  } finally {
    target.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
}

/** @typedef {{ failed?: string, startup: number, began: number, memory: number, perMillion: number }} Figures */

/** @param {readonly string[]} argv @param {NodeJS.ProcessEnv} env @param {boolean} many @returns {Promise<Figures>} */
async function measure([file = '', ...args], env, many) {
  const start = performance.now();
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let lines = 0;
  let said = '';
  /** @type {(value: boolean) => void} */
  let first = () => {};
  const begun = new Promise((resolve) => {
    first = resolve;
  });
  child.stdout.setEncoding('latin1').on('data', (/** @type {string} */ text) => {
    // What it says of itself ("Attaching 2 probes") is not an event.
    const own = text.split('\n').filter((one) => /\S/.test(one) && !/^Attach/.test(one)).length;
    if (own > 0 && lines === 0) first(true);
    lines += own;
  });
  child.stderr.on('data', (data) => {
    said += data;
  });
  const ended = new Promise((resolve) => child.on('close', () => resolve(false)));
  const nothing = { startup: 0, began: 0, memory: 0, perMillion: Number.NaN };
  if ((await Promise.race([begun, ended, pause(120_000)])) !== true) {
    child.kill('SIGKILL');
    return { ...nothing, failed: said.trim().split('\n').at(-1) || 'no line came' };
  }
  const startup = performance.now() - start;
  // On a machine that has more to do, the time on the clock says little.
  const began = cpuOf(child.pid) * 1000;
  let perMillion = Number.NaN;
  if (many) {
    await pause(500);
    const before = { cpu: cpuOf(child.pid), lines };
    await pause(WHILE);
    perMillion = ((cpuOf(child.pid) - before.cpu) / (lines - before.lines)) * 1e6;
  }
  const memory = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024;
  child.kill('SIGINT');
  await Promise.race([ended, pause(10_000)]);
  child.kill('SIGKILL');
  return { startup, began, memory, perMillion };
}

/** @param {string} name @param {readonly {name: string}[]} languages @param {readonly Figures[][]} found */
function report(name, languages, found) {
  const rows = found.map((runs) => {
    const of = (/** @type {'startup' | 'began' | 'memory' | 'perMillion'} */ key) =>
      runs.map((one) => one[key]).sort((a, b) => a - b)[runs.length >> 1] ?? Number.NaN;
    const failed = runs.find((one) => one.failed)?.failed;
    return { failed, values: [of('startup'), of('began'), of('memory'), of('perMillion')] };
  });
  const row = (/** @type {string} */ title, /** @type {readonly string[]} */ cells) =>
    console.log(`${title.padEnd(38)}${[10, 14, 13, 17].map((width, i) => (cells[i] ?? '').padStart(width)).join('')}`);
  for (const [i, { failed, values }] of rows.entries()) {
    const title = `${name}: ${languages[i]?.name}`;
    if (failed) console.log(`${title.padEnd(38)}failed: ${failed.slice(0, 90)}`);
    else
      row(
        title,
        values.map((value, k) => number(value, ['ms', 'ms', 'MiB', 's'][k] ?? '')),
      );
  }
  const [own, other] = rows;
  if (own && other && !own.failed && !other.failed)
    row(
      '  skep ÷ bpftrace',
      own.values.map((value, k) => number(value / (other.values[k] ?? Number.NaN), '')),
    );
}

/** @param {number} value @param {string} unit */
function number(value, unit) {
  if (Number.isNaN(value)) return '';
  return unit === '' || unit === 's' ? `${value.toFixed(2)} ${unit}`.trim() : `${value.toFixed(0)} ${unit}`;
}

/** Seconds of a process, of which the kernel counts hundredths. */
function cpuOf(/** @type {number | undefined} */ pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function pause(/** @type {number} */ milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}
