// @ts-check
/**
 * node conformance/verifier/unchecked.mjs [--suite examples,catalogue,libbpf-tools] [--filter REGEXP] [--seconds S]
 *
 * Real sources without one of their checks: each `if` in turn becomes one that never holds, skep compiles the rest, and
 * skep's verifier says of each program what the running kernel says. Only loads. Wants root, bpf(2), the packages built
 * and for libbpf-tools its sources as `conformance/compiler/run.mjs` leaves them.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { kernelRelease, possibleCpus } from '@skep/kernel';
import { openObject } from '@skep/object';
import { PROFILES, programInputs, verify } from '@skep/verifier';
import { SkepCompiler, snapshot } from '../compiler/compile-skep.mjs';
import { suite } from '../compiler/corpus.mjs';
import { HostVerifier } from './host.mjs';

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: 'examples,catalogue,libbpf-tools' },
    filter: { type: 'string' },
    seconds: { type: 'string', default: '86400' },
  },
});

const HOST_ONLY = /arena's user address|failed to find the address|bpf_probe_write_user/;
const FOLDERS = { examples: '../../examples', catalogue: '../../packages/runtime/test/catalogue' };
const release = kernelRelease().split('.').slice(0, 2).join('.');
const kernel = /** @type {'6.12' | '6.18'} */ (release in PROFILES ? release : '6.18');
const filter = new RegExp(values.filter ?? '');
const folder = mkdtempSync(join(tmpdir(), 'skep-unchecked-'));
const end = performance.now() + Number(values.seconds) * 1000;
const figures = {
  checks: 0,
  'do not compile': 0,
  programs: 0,
  refused: 0,
  same: 0,
  falseAccepts: 0,
  falseRefusals: 0,
  undecided: 0,
  otherText: 0,
  'not asked': 0,
};
/** @type {string[]} */
const differences = [];
const compiler = new SkepCompiler(await snapshot());
try {
  for (const name of values.suite.split(',')) await checkSuite(name);
} finally {
  await compiler.close();
  rmSync(folder, { recursive: true });
}
console.log(JSON.stringify(figures));
for (const line of differences) console.log(line);
if (figures.falseAccepts > 0) process.exitCode = 1;

/** @param {string} name */
async function checkSuite(name) {
  const sources = sourcesOf(name);
  for (const file of sources.files) {
    if (!filter.test(file)) continue;
    const text = readFileSync(join(sources.root, file), 'utf8');
    for (const changed of withoutChecks(text)) {
      if (performance.now() > end) return;
      figures.checks++;
      const path = join(folder, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, changed.text);
      const includes = [dirname(join(sources.root, file)), sources.root, ...sources.includes];
      const built = await compiler.compile({ ...sources, name: 'unchecked', root: folder, includes }, file);
      if (built.object === undefined) figures['do not compile']++;
      else judge(`${name}/${file}:${changed.line}`, new Uint8Array(readFileSync(built.object)));
    }
  }
}

/** @param {string} name @returns {import('../compiler/corpus.mjs').Suite} */
function sourcesOf(name) {
  if (name !== 'examples' && name !== 'catalogue') {
    const sources = suite(name, { fetch: false });
    if (sources === undefined) throw new Error(`no sources of ${name}: run conformance/compiler/run.mjs first`);
    return sources;
  }
  const root = fileURLToPath(new URL(FOLDERS[name], import.meta.url));
  const files = readdirSync(root).filter((file) => file.endsWith('.bpf.c'));
  return /** @type {any} */ ({ name, root, files, includes: [], defines: [], skepIncludes: [], clangIncludes: [] });
}

/** @param {string} text */
function* withoutChecks(text) {
  for (const { index } of text.matchAll(/\bif \(/g)) {
    const open = index + 3;
    let depth = 0;
    let close = open;
    for (; close < text.length; close++) {
      if (text[close] === '(') depth++;
      else if (text[close] === ')' && --depth === 0) break;
    }
    yield {
      line: text.slice(0, index).split('\n').length,
      text: `${text.slice(0, open)}(0 && ${text.slice(open, close + 1)})${text.slice(close + 1)}`,
    };
  }
}

/** @param {string} id @param {Uint8Array} bytes */
function judge(id, bytes) {
  const host = new HostVerifier();
  try {
    const object = openObject(bytes, { name: id });
    for (const { program, input } of programInputs(object, { kernel, kernelBtf: host.types, cpus: possibleCpus() })) {
      const theirs = input && host.verdict(input);
      if (input === undefined || theirs === undefined || !theirs.asked || HOST_ONLY.test(theirs.text)) {
        figures['not asked']++;
        continue;
      }
      figures.programs++;
      const ours = verify({ ...input, budget: { time: 5000 } });
      const place = `${id} ${program.name}`;
      if (!theirs.accepted) figures.refused++;
      if (!ours.accepted && !ours.decided) {
        figures.undecided++;
        differences.push(`undecided: ${place}: ${ours.message}`);
      } else if (ours.accepted === theirs.accepted) {
        figures.same++;
        if (ours.accepted || ours.kernelMessage === theirs.text) continue;
        figures.otherText++;
        differences.push(`text: ${place}: ${theirs.text} <> ${ours.kernelMessage}`);
      } else if (ours.accepted) {
        figures.falseAccepts++;
        differences.push(`FALSE ACCEPT: ${place}: ${theirs.text}`);
      } else {
        figures.falseRefusals++;
        differences.push(`false refusal: ${place}: ${ours.kernelMessage}`);
      }
    }
  } catch (error) {
    if (!/^SkepError/.test(String(error))) throw error;
    figures['do not compile']++;
  } finally {
    host.close();
  }
}
