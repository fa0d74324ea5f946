import { Worker } from 'node:worker_threads';
import { Hostile } from './hostile.ts';
import { originals } from './originals.ts';
import { BLOCK, Swarm } from './swarm.ts';

/**
 * Hostile programs for as long as it takes: random bytes, random programs with calls of helpers, kernel functions and
 * maps, and changed copies of the programs of the benchmarks and examples.
 *
 *     npm run fuzz -w packages/vm -- [--programs N] [--seed N] [--compare PER-MILLE]
 *
 * Of every thousand programs so many (5 when not given; 1000: all) run in both engines and are compared byte for byte,
 * which takes ten times as long.
 */
const programs = Number(option('--programs') ?? 1_000_000);
const first = Number(option('--seed') ?? 1);
const compared = Number(option('--compare') ?? 5);

const known = originals();
const hostile = new Hostile(known);
const swarm = new Swarm(known);
const start = Date.now();
/** The seed that runs, for whoever watches from another thread. */
const current = new Int32Array(new SharedArrayBuffer(8));
/** Says where it stands when a program has not ended for half a minute. */
const watcher = `
  const { workerData } = require('node:worker_threads');
  let last;
  setInterval(() => {
    const now = Atomics.load(workerData, 0);
    if (now === last) require('node:fs').writeSync(1, 'still at seed ' + now + '\\n');
    last = now;
  }, 30000);
`;
const watch = new Worker(watcher, { eval: true, workerData: current });
watch.unref();
swarm.onProgram = (seed) => Atomics.store(current, 0, seed);

if (compared >= 1000) for (let i = 0; i < programs; i++) compare(first + i);
else {
  const blocks = Math.ceil(programs / BLOCK);
  let due = 0;
  for (let i = 0, seed = first; i < blocks; i++) {
    swarm.block(first + i);
    for (due += (BLOCK * compared) / 1000; due >= 1; due--) compare(seed++);
    if ((i + 1) % 200 === 0) report();
  }
}
report();
await watch.terminate();

function compare(seed: number): void {
  Atomics.store(current, 0, -seed);
  hostile.try(seed);
}

function report(): void {
  const seconds = Math.round((Date.now() - start) / 1000);
  const cpu = Math.round(process.cpuUsage().user / 1e6);
  const heap = Math.round(process.memoryUsage().rss / 1e6);
  console.log(JSON.stringify({ seconds, cpu, megabytes: heap, ...swarm.tally, compared: hostile.tally }));
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}
