// @ts-check
/**
 * node conformance/compiler/fuzz.mjs [--count 1000000] [--seed 1] [--from 0] [--corpus FOLDER] [--examples]
 *
 * Mutated source text through the compiler: no crash, no hang, no exception without a code. The texts come from the wrong
 * programs and the features beside this file, with --examples from the examples too, and from the C files of a folder.
 * A text has a number: `--from N --count 1` repeats it. Ends with 1 where anything went wrong.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';
import { bundleText } from '../../scripts/bundle-module.mjs';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
/** Seconds for one text, all else that this machine does included. */
const PATIENCE = 60;

/** Texts for one worker: a new one forgets what the last one collected. */
const CHUNK = 20_000;

if (isMainThread) await main();
else await work();

async function main() {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      from: { type: 'string', default: '0' },
      corpus: { type: 'string' },
      examples: { type: 'boolean', default: false },
    },
  });
  const [seed, first, count] = [Number(values.seed), Number(values.from), Number(values.count)];
  const compiler = await bundle();
  const corpus = texts(values.corpus, values.examples);
  /** The number of the text that is being compiled. */
  const now = new Float64Array(new SharedArrayBuffer(8));
  const problems = new Set();
  const start = performance.now();
  let [done, compiled, from] = [0, 0, first];
  while (from < first + count) {
    now[0] = from;
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { compiler, corpus, seed, from, count: Math.min(CHUNK, first + count - from), now },
    });
    const { report, why } = await patient(worker, now);
    if (report === undefined) problems.add(`${why} at text ${now[0]}`);
    for (const { problem, number, text } of report?.problems ?? []) {
      if (problems.has(problem)) continue;
      problems.add(problem);
      console.log(`${problem}\nat text ${number}\n${'-'.repeat(60)}\n${text}\n${'-'.repeat(60)}`);
    }
    done += report?.texts ?? now[0] - from + 1;
    compiled += report?.compiled ?? 0;
    from = first + done;
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`fuzz: ${done} texts, ${compiled} compiled, ${problems.size} problems, ${seconds} s`);
  }
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.size === 0 ? 0 : 1;
}

/**
 * What a worker says of its texts.
 *
 * @typedef {{texts: number, compiled: number, problems: {problem: string, number: number, text: string}[]}} Report
 * @typedef {{report?: Report, why?: string}} Result
 */
/** @returns {Promise<Result>} */
function patient(/** @type {Worker} */ worker, /** @type {Float64Array} */ now) {
  return new Promise((resolve) => {
    let [last, since] = [now[0], Date.now()];
    const watch = setInterval(() => {
      if (now[0] !== last) [last, since] = [now[0], Date.now()];
      else if (Date.now() - since > PATIENCE * 1000) finish({ why: 'hangs' });
    }, 1000);
    const finish = (/** @type {Result} */ result) => {
      clearInterval(watch);
      void worker.terminate();
      resolve(result);
    };
    worker.on('message', (report) => finish({ report }));
    worker.on('error', (error) => finish({ why: `the worker ended: ${error}` }));
  });
}

async function work() {
  const { compiler, corpus, seed, from, count, now } = workerData;
  const { fuzz, Btf } = await import(compiler);
  const packed = readFileSync(join(REPOSITORY, 'packages/abi/data/vmlinux-6.12-amd64.btf.gz'));
  /** @type {unknown} */
  let types;
  const vmlinux = () => (types ??= Btf.parse(new Uint8Array(gunzipSync(packed))));
  const goOn = (/** @type {number} */ number) => {
    now[0] = number;
    return true;
  };
  const { texts, compiled, problems } = fuzz({ corpus, seed, from, count, vmlinux, goOn });
  const list = [...problems].map(([problem, { number, text }]) => ({ problem, number, text }));
  parentPort?.postMessage({ texts, compiled, problems: list });
}

/** The compiler as its sources are now: a change during the run does not matter. */
async function bundle() {
  const path = await bundleText(
    `export { fuzz } from './packages/compiler/test/errors/fuzz.ts'; export { Btf } from '@skep/object';`,
    '.',
    'fuzz',
  );
  return pathToFileURL(path).href;
}

function texts(/** @type {string | undefined} */ folder, /** @type {boolean} */ examples) {
  const small = ['errors', 'features'].flatMap((name) =>
    filesIn(join(REPOSITORY, 'conformance/compiler', name), '.txt').flatMap(programs),
  );
  const more = folder === undefined ? [] : filesIn(folder, '.c').filter((text) => text.length < 20_000);
  return [...small, ...more, ...(examples ? filesIn(join(REPOSITORY, 'examples'), '.c') : [])];
}

function filesIn(/** @type {string} */ folder, /** @type {string} */ ending) {
  const names = readdirSync(folder).filter((name) => name.endsWith(ending));
  return names.sort().map((name) => readFileSync(join(folder, name), 'utf8'));
}

/** The main files of a table's programs. */
function programs(/** @type {string} */ table) {
  return table
    .split(/^--- .*\n/m)
    .slice(1)
    .map((block) => block.split(/^(?:@@|=>) /m)[0] ?? '');
}
