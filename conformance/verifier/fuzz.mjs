// @ts-check
/**
 * node conformance/verifier/fuzz.mjs [--programs 1000000] [--seconds S] [--seed N] [--out FILE] [--objects]
 *   [--generated 0.4] [--longest 120] [--replay FILE]
 *
 * Asks both skep's verifier and the running kernel about changed programs: the exam's, with --objects also those of
 * libbpf-tools and of the examples, and random small ones (--generated is their share). Only loads; the kernel writes a
 * log only where the verdicts differ, and for one refusal in a hundred to compare its text. Each difference is a line
 * of JSON in --out, which --replay asks again; figures and differences by kind are printed at the end, and every minute
 * on stderr. What takes more than a few thousand instructions is not asked: kernels have been locked up by such. Wants
 * root, bpf(2) and the packages built.
 */
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kernelRelease, possibleCpus } from '@skep/kernel';
import { Btf, openObject } from '@skep/object';
import { PROFILES, programInputs, verify } from '@skep/verifier';
import { Random } from '../../test/support/random.mjs';
import { corpusPath } from '../compiler/corpus.mjs';
import { examIsHere, programs } from './exam.mjs';
import { generate } from './generate.mjs';
import { HostVerifier } from './host.mjs';
import { mutate } from './mutate.mjs';

/** @typedef {import('@skep/verifier').VerifyInput} VerifyInput */
/** @typedef {{ id: string, input: VerifyInput }} Seed */

const { values } = parseArgs({
  options: {
    programs: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '86400' },
    seed: { type: 'string', default: String(Date.now() % 1000000) },
    out: { type: 'string' },
    objects: { type: 'boolean', default: false },
    generated: { type: 'string', default: '0.4' },
    longest: { type: 'string', default: '120' },
    replay: { type: 'string' },
  },
});

// Refusals are thrown, descriptors remember where they were opened: neither is read here.
Error.stackTraceLimit = 0;
/** Instructions that a seed and a changed program may take. */
const SEED_PROCESSED = 1000;
const MOST_PROCESSED = 4000;
const TEXTS = 100;
const EXAMPLES = 20;
/** Types of maps that were made up for the exam, mappings of arenas, symbols without addresses, lockdown. */
const NOT_HERE = /map_kptr: |arena/;
const HOST_ONLY = /failed to find the address|bpf_probe_write_user|arena's user address/;
const host = new HostVerifier();
const release = kernelRelease().split('.').slice(0, 2).join('.');
const kernel = /** @type {'6.12' | '6.18'} */ (release in PROFILES ? release : '6.18');
const cpus = possibleCpus();
const budget = { time: 3000, processed: MOST_PROCESSED };

const start = performance.now();
const seeds = [...corpus()];
console.error(`${seeds.length} programs to start from, ${((performance.now() - start) / 1000).toFixed(0)} s`);
const figures = {
  asked: 0,
  accepted: 0,
  same: 0,
  falseAccepts: 0,
  falseRefusals: 0,
  undecided: 0,
  crashes: 0,
  tooLong: 0,
  /** Differences that were gone with new maps. */
  passing: 0,
  /** Refusals that the kernel itself calls a bug. */
  kernelBugs: 0,
  texts: 0,
  otherText: 0,
};
/** @type {Map<string, { count: number, example: string }>} */
const kinds = new Map();
const begun = performance.now();

if (values.replay !== undefined) {
  for (const line of readFileSync(values.replay, 'utf8').split('\n').filter(Boolean)) {
    const { id, input } = JSON.parse(line);
    const seed = seeds.find((one) => one.id === id);
    judge(id, unpack(input, seed?.input), true);
  }
} else await campaign();
report(console.log);
host.close();
if (figures.falseAccepts + figures.crashes > 0) process.exitCode = 1;

async function campaign() {
  const chance = new Random(Number(values.seed));
  const next = () => chance.fraction();
  const pick = () => seeds[Math.floor(next() * seeds.length)];
  if (values.out !== undefined) writeFileSync(values.out, '');
  let end = performance.now() + Number(values.seconds) * 1000;
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => {
      end = 0;
    });
  let minute = performance.now();
  for (let i = 1; figures.asked < Number(values.programs) && performance.now() < end; i++) {
    const seed = pick();
    if (seed === undefined || next() < Number(values.generated)) {
      let input = generate(next);
      if (next() < 0.3) input = mutate(input, next, pick()?.input);
      judge('generated', input, i % TEXTS === 0);
    } else judge(seed.id, mutate(seed.input, next, pick()?.input), i % TEXTS === 0);
    if (i % 256 !== 0) continue;
    // Signals are heard here.
    await new Promise((done) => setImmediate(done));
    if (performance.now() < minute + 60000) continue;
    minute = performance.now();
    report(console.error);
  }
}

/** @returns {Iterable<Seed>} */
function* corpus() {
  const longest = Number(values.longest) * 8;
  if (examIsHere())
    for (const { id, input } of programs(Btf, { unprivileged: false, kernel }))
      if (input.code.length <= longest && !NOT_HERE.test(id) && runs(input)) yield { id, input };
  const folder = corpusPath('objects/clang-19-v3/libbpf-tools');
  if (values.objects && existsSync(folder))
    for (const file of readdirSync(folder).filter((one) => one.endsWith('.o'))) {
      const object = openObject(new Uint8Array(readFileSync(join(folder, file))), { name: file });
      for (const { program, input } of programInputs(object, { kernel, kernelBtf: host.types }))
        if (input !== undefined && input.code.length <= 4 * longest && runs(input))
          yield { id: `libbpf-tools/${file}/${program.name}`, input };
    }
}

/** Whether this kernel's verifier can be asked, and does not take long. @param {VerifyInput} input */
function runs(input) {
  const theirs = host.verdict(input, { logLevel: 4 });
  return theirs.asked && theirs.processed < SEED_PROCESSED && !HOST_ONLY.test(theirs.text);
}

/** @param {string} id @param {VerifyInput} input @param {boolean} withText */
function judge(id, input, withText) {
  let ours;
  try {
    ours = verify({ ...input, kernel, kernelBtf: host.types, cpus, budget });
  } catch (error) {
    figures.crashes++;
    const again = /** @type {Error} */ (error);
    difference('crash', again.message, id, input, '', again.message);
    return;
  }
  if (!ours.accepted && !ours.decided && /given to the verifier/.test(ours.message ?? '')) {
    figures.tooLong++;
    return;
  }
  const theirs = host.accepts(input);
  if (theirs === undefined) return;
  figures.asked++;
  if (theirs) figures.accepted++;
  const text = ours.kernelMessage ?? '';
  if (!ours.accepted && !ours.decided) {
    figures.undecided++;
    difference('undecided', ours.message ?? '', id, input, '', ours.message ?? '');
  } else if (ours.accepted === theirs) {
    figures.same++;
    if (ours.accepted || !withText) return;
    const said = host.verdict(input).text;
    figures.texts++;
    if (said === text) return;
    figures.otherText++;
    difference('text', `${said} <> ${text}`, id, input, said, text);
  } else {
    const log = host.afresh(input);
    if (!log.asked || log.accepted !== theirs || HOST_ONLY.test(log.text)) {
      figures.passing++;
      return;
    }
    if (/verifier bug/.test(log.text)) {
      figures.kernelBugs++;
      difference('kernel bug', log.text, id, input, log.text, text);
      return;
    }
    if (ours.accepted) {
      figures.falseAccepts++;
      difference('FALSE ACCEPT', log.text, id, input, log.text, '');
    } else {
      figures.falseRefusals++;
      difference('false refusal', text, id, input, '', text);
    }
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
  const key = `${kind}: ${why.replace(/0x[0-9a-f]+|\b\d+\b/g, 'N').replace(/\bR\d+(_w)?\b/g, 'Rn')}`;
  const seen = kinds.get(key);
  if (seen) seen.count++;
  else kinds.set(key, { count: 1, example: id });
  if (values.out === undefined || (seen !== undefined && seen.count > EXAMPLES)) return;
  appendFileSync(values.out, `${JSON.stringify({ kind, id, theirs, ours, input: pack(input) })}\n`);
}

/** What a change may have touched; types stay those of the seed. @param {VerifyInput} input */
function pack({ code, type, flags, license, maps, mapAt, symbols, funcInfo }) {
  return {
    code: Buffer.from(code).toString('base64'),
    type,
    flags,
    license,
    maps: maps?.map((map) => ({ ...map, contents: map.contents && Buffer.from(map.contents).toString('base64') })),
    mapAt: [...(mapAt ?? [])],
    symbols: [...(symbols ?? [])],
    funcInfo,
  };
}

/** @param {any} packed @param {VerifyInput | undefined} seed @returns {VerifyInput} */
function unpack(packed, seed) {
  return {
    ...seed,
    ...packed,
    code: new Uint8Array(Buffer.from(packed.code, 'base64')),
    maps: packed.maps?.map((/** @type {any} */ map) => ({
      ...map,
      contents: map.contents && new Uint8Array(Buffer.from(map.contents, 'base64')),
    })),
    mapAt: new Map(packed.mapAt),
    symbols: new Map(packed.symbols),
  };
}

/** @param {(line: string) => void} say */
function report(say) {
  const seconds = (performance.now() - begun) / 1000;
  say(
    JSON.stringify({
      kernel: kernelRelease(),
      seed: values.seed,
      seconds: Math.round(seconds),
      'a second': Math.round(figures.asked / seconds),
      ...figures,
    }),
  );
  const RANK = ['crash', 'FALSE ACCEPT', 'false refusal', 'undecided', 'kernel bug', 'text'];
  const rank = (/** @type {string} */ key) => RANK.indexOf(key.split(':')[0] ?? '');
  for (const [key, { count, example }] of [...kinds].sort((a, b) => rank(a[0]) - rank(b[0]) || b[1].count - a[1].count))
    say(`${String(count).padStart(6)} ${key}  e.g. ${example}`);
}
