// @ts-check
/**
 * node conformance/verifier/real.mjs [--suite libbpf-tools,examples,selftests,samples] [--by clang,skep] [--filter REGEXP]
 *   [--differences] [--messages]
 *
 * Real programs, compiled by clang-19 and by skep: what skep's verifier says of each as the running kernel, against
 * what that kernel says. Only loads. Wants root, bpf(2), the packages built, and clang's objects as
 * `conformance/compiler/run.mjs` leaves them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { kernelBtf, kernelRelease, possibleCpus } from '@skep/kernel';
import { openObject } from '@skep/object';
import { PROFILES, programInputs, verify } from '@skep/verifier';
import { SkepCompiler, snapshot } from '../compiler/compile-skep.mjs';
import { corpusPath, suite } from '../compiler/corpus.mjs';
import { HostVerifier } from './host.mjs';

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: 'libbpf-tools,examples' },
    by: { type: 'string', default: 'clang,skep' },
    filter: { type: 'string' },
    differences: { type: 'boolean', default: false },
    messages: { type: 'boolean', default: false },
  },
});

/** What hangs on this machine alone: mappings of arenas, symbols, lockdown. */
const HOST_ONLY = /arena's user address|failed to find the address|bpf_probe_write_user/;
const examples = fileURLToPath(new URL('../../examples', import.meta.url));
const filter = values.filter === undefined ? undefined : new RegExp(values.filter);
const types = kernelBtf();
const release = kernelRelease().split('.').slice(0, 2).join('.');
const kernel = /** @type {'6.1' | '6.12' | '6.18'} */ (release in PROFILES ? release : '6.18');
const compiler = new SkepCompiler(await snapshot());
/** @type {Record<string, Record<string, number>>} */
const table = {};
/** @type {string[]} */
const differences = [];

for (const name of values.suite.split(','))
  for (const by of values.by.split(',')) {
    if (name === 'examples' && by === 'clang') continue;
    const row = {
      programs: 0,
      same: 0,
      'false accepts': 0,
      'false refusals': 0,
      undecided: 0,
      'not asked': 0,
      refused: 0,
      'same text': 0,
      'same count': 0,
    };
    table[`${name} by ${by}`] = row;
    for await (const [file, bytes] of objects(name, by))
      if (!filter || filter.test(file)) judge(`${name}/${file} by ${by}`, bytes, row);
  }
await compiler.close();
console.table(table);
if (values.differences) for (const line of differences.sort()) console.log(line);

/** @param {string} id @param {Uint8Array} bytes @param {any} row */
function judge(id, bytes, row) {
  const host = new HostVerifier();
  try {
    const object = openObject(bytes, { name: basename(id) });
    for (const { program, input } of programInputs(object, { kernel, kernelBtf: types, cpus: possibleCpus() })) {
      row.programs++;
      const place = `${id} ${program.name}`;
      const theirs = input === undefined ? undefined : host.verdict(input, { logLevel: 4 });
      if (input === undefined || theirs === undefined || !theirs.asked || HOST_ONLY.test(theirs.text)) {
        row['not asked']++;
        if (!/not permit/.test(theirs?.text ?? ''))
          differences.push(`not asked: ${place}: ${theirs?.text ?? program.section}`);
        continue;
      }
      const ours = verify(input);
      if (!ours.accepted && !ours.decided) {
        row.undecided++;
        differences.push(`undecided: ${place}: ${ours.message}`);
      } else if (ours.accepted === theirs.accepted) {
        row.same++;
        if (!ours.accepted) {
          row.refused++;
          if (ours.kernelMessage === theirs.text) row['same text']++;
          else if (values.messages) differences.push(`text: ${place}: ${theirs.text} <> ${ours.kernelMessage}`);
        } else if (ours.processed === theirs.processed) row['same count']++;
        else if (values.messages) differences.push(`count: ${place}: ${theirs.processed} <> ${ours.processed}`);
      } else if (ours.accepted) {
        row['false accepts']++;
        differences.push(`FALSE ACCEPT: ${place}: ${theirs.text}`);
      } else {
        row['false refusals']++;
        differences.push(`false refusal: ${place}: ${ours.insn}: ${ours.kernelMessage}`);
      }
    }
  } catch (error) {
    differences.push(`broken: ${id}: ${/** @type {Error} */ (error).stack?.split('\n').slice(0, 3).join(' ')}`);
  } finally {
    host.close();
  }
}

/**
 * @param {string} name
 * @param {string} by
 * @returns {AsyncGenerator<[string, Uint8Array]>}
 */
async function* objects(name, by) {
  if (by === 'clang') {
    const folder = corpusPath('objects/clang-19-v3', name);
    if (!existsSync(folder)) throw new Error(`no objects in ${folder}: run conformance/compiler/run.mjs first`);
    for (const file of readdirSync(folder).sort())
      if (file.endsWith('.o')) yield [file, new Uint8Array(readFileSync(join(folder, file)))];
    return;
  }
  const sources =
    name === 'examples'
      ? {
          name,
          root: examples,
          files: readdirSync(examples).filter((file) => file.endsWith('.bpf.c')),
          ...{ includes: [], defines: [], skepIncludes: [], clangIncludes: [] },
        }
      : suite(name, { fetch: false });
  if (sources === undefined) throw new Error(`no sources of ${name}: run conformance/compiler/run.mjs first`);
  for (const file of sources.files) {
    if (filter && !filter.test(`${file}.o`)) continue;
    const built = await compiler.compile(sources, file);
    if (built.object !== undefined) yield [`${file}.o`, new Uint8Array(readFileSync(built.object))];
  }
}
