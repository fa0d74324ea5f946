// @ts-check
/**
 * node conformance/verifier/fuzz.mjs [--programs 1000000] [--seconds S] [--seed N] [--out FILE] [--objects]
 *
 * Changes single instructions of real programs (the exam's, with --objects also those of libbpf-tools) and asks both
 * skep's verifier and the running kernel. Only loads. Each difference is a line of JSON in --out; the figures and the
 * differences by kind are printed at the end. Wants root, bpf(2) and the packages built.
 */
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kernelRelease } from '@skep/kernel';
import { Btf, openObject } from '@skep/object';
import { PROFILES, programInputs, verify } from '@skep/verifier';
import { cacheDir } from '../compiler/corpus.mjs';
import { examIsHere, programs } from './exam.mjs';
import { HostVerifier } from './host.mjs';
import { mutate } from './mutate.mjs';

/** @typedef {import('@skep/verifier').VerifyInput} VerifyInput */

const { values } = parseArgs({
  options: {
    programs: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '86400' },
    seed: { type: 'string', default: String(Date.now() % 1000000) },
    out: { type: 'string' },
    objects: { type: 'boolean', default: false },
    replay: { type: 'string' },
  },
});

const LONGEST = 400;
const ARENA = 33;
const MOST_PROCESSED = 3000;
const host = new HostVerifier();
const release = kernelRelease().split('.').slice(0, 2).join('.');
const kernel = /** @type {'6.12' | '6.18'} */ (release in PROFILES ? release : '6.18');

/** mulberry32 @param {number} state */
function random(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @returns {{ id: string, input: VerifyInput }[]} */
function seeds() {
  /** @type {{ id: string, input: VerifyInput }[]} */
  const found = [];
  const take = (/** @type {string} */ id, /** @type {VerifyInput} */ input) => {
    // The address of an arena is that of a mapping, which is not made here.
    // Maps whose types were made up for the exam are others in this kernel.
    if (id.includes('map_kptr: ')) return;
    if (input.code.length / 8 > LONGEST || input.maps?.some((map) => map.type === ARENA)) return;
    // What this kernel does not let through says nothing of its verifier.
    const theirs = host.verdict(input, { logLevel: 4 });
    if (theirs.asked && theirs.processed < MOST_PROCESSED) found.push({ id, input });
  };
  if (examIsHere()) for (const { id, input } of programs(Btf, { unprivileged: false })) take(id, input);
  const folder = join(cacheDir(), 'objects/clang-19-v3/libbpf-tools');
  if (values.objects && existsSync(folder))
    for (const file of readdirSync(folder).filter((one) => one.endsWith('.o'))) {
      const object = openObject(new Uint8Array(readFileSync(join(folder, file))), { name: file });
      for (const { program, input } of programInputs(object, { kernel, kernelBtf: host.types }))
        if (input !== undefined) take(`libbpf-tools/${file}/${program.name}`, input);
    }
  return found;
}

const start = performance.now();
const all = seeds();
console.error(`${all.length} programs to start from, ${((performance.now() - start) / 1000).toFixed(0)} s`);
/** @type {Record<string, number>} */
const figures = {
  asked: 0,
  accepted: 0,
  same: 0,
  falseAccepts: 0,
  falseRefusals: 0,
  undecided: 0,
  crashes: 0,
  text: 0,
  count: 0,
};
/** @type {Map<string, { count: number, example: string }>} */
const kinds = new Map();
const count = (/** @type {string} */ name) => {
  figures[name] = (figures[name] ?? 0) + 1;
};

if (values.replay !== undefined) {
  for (const line of readFileSync(values.replay, 'utf8').split('\n').filter(Boolean)) {
    const one = JSON.parse(line);
    const seed = all.find(({ id }) => id === one.id);
    if (seed) judge(one.id, { ...seed.input, code: new Uint8Array(Buffer.from(one.code, 'base64')) });
  }
} else {
  const next = random(Number(values.seed));
  if (values.out !== undefined) writeFileSync(values.out, '');
  let end = performance.now() + Number(values.seconds) * 1000;
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => {
      end = 0;
    });
  while ((figures['asked'] ?? 0) < Number(values.programs) && performance.now() < end) {
    const seed = all[Math.floor(next() * all.length)];
    if (seed === undefined) break;
    judge(seed.id, { ...seed.input, code: mutate(seed.input, next) });
    // Signals are heard here.
    if (figures['asked'] % 256 === 0) await new Promise((done) => setImmediate(done));
  }
}
host.close();

/** @param {string} id @param {VerifyInput} input */
function judge(id, input) {
  const theirs = host.verdict(input);
  if (!theirs.asked) return;
  count('asked');
  if (theirs.accepted) count('accepted');
  let ours;
  try {
    ours = verify({ ...input, lineInfo: [], kernel, kernelBtf: host.types, budget: { time: 3000 } });
  } catch (error) {
    count('crashes');
    difference(
      'crash',
      String(/** @type {Error} */ (error).stack)
        .split('\n')
        .slice(0, 2)
        .join(' '),
      id,
      input,
      theirs.text,
      '',
    );
    return;
  }
  const text = ours.kernelMessage ?? '';
  if (!ours.accepted && !ours.decided) {
    count('undecided');
    difference('undecided', ours.message ?? '', id, input, theirs.text, ours.message ?? '');
  } else if (ours.accepted === theirs.accepted) {
    count('same');
    if (!ours.accepted && text !== theirs.text) {
      count('text');
      difference('text', `${theirs.text} <> ${text}`, id, input, theirs.text, text);
    }
  } else if (ours.accepted) {
    count('falseAccepts');
    difference('FALSE ACCEPT', theirs.text, id, input, theirs.text, '');
  } else {
    count('falseRefusals');
    difference('false refusal', text, id, input, '', text);
  }
}

/**
 * @param {string} kind
 * @param {string} why
 * @param {string} id
 * @param {VerifyInput} input
 * @param {string} theirs
 * @param {string} ours
 */
function difference(kind, why, id, input, theirs, ours) {
  const key = `${kind}: ${why.replace(/0x[0-9a-f]+|\b\d+\b/g, 'N').replace(/\bR\d+\b/g, 'Rn')}`;
  const seen = kinds.get(key);
  if (seen) seen.count++;
  else kinds.set(key, { count: 1, example: id });
  if (values.out === undefined || (seen !== undefined && seen.count > 20)) return;
  const code = Buffer.from(input.code).toString('base64');
  appendFileSync(values.out, `${JSON.stringify({ kind, id, theirs, ours, code })}\n`);
}

const seconds = (performance.now() - start) / 1000;
console.log(JSON.stringify({ kernel: kernelRelease(), seed: values.seed, seconds: Math.round(seconds), ...figures }));
const RANK = ['crash', 'FALSE ACCEPT', 'false refusal', 'undecided', 'text'];
const rank = (/** @type {string} */ key) => RANK.indexOf(key.split(':')[0] ?? '');
for (const [key, { count: n, example }] of [...kinds].sort(
  (a, b) => rank(a[0]) - rank(b[0]) || b[1].count - a[1].count,
))
  console.log(String(n).padStart(6), key, ' e.g.', example);
if ((figures['falseAccepts'] ?? 0) + (figures['crashes'] ?? 0) > 0) process.exitCode = 1;
