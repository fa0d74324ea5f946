// @ts-check
/**
 * node conformance/libbpf/run.mjs [--suite libbpf-tools,selftests] [--filter REGEXP] [--guest 6.12] [--json FILE] [--update] [--bundle FILE]
 *
 * Loads clang's objects of public eBPF C program by program through libbpf and through skep, on this kernel or in a
 * guest, and compares what became of each and the instructions that the kernel was given. Ends with 1 when a difference
 * has no reason in known-differences.json, or when one that stands there is gone; `--update` writes it. What is
 * said in guests is kept: a run that was stopped goes on, with the same sources of skep or the `--bundle` that it named.
 */
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compileWithClang } from '../compiler/compile-clang.mjs';
import { suite } from '../compiler/corpus.mjs';
import { toolchain } from '../compiler/toolchain.mjs';
import { compare, known, knownPath } from './compare.mjs';
import { ask, libbpfSide, skepSide } from './sides.mjs';

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: 'libbpf-tools,selftests' },
    filter: { type: 'string' },
    guest: { type: 'string' },
    json: { type: 'string' },
    bundle: { type: 'string' },
    update: { type: 'boolean', default: false },
  },
});
const OBJECTS_AT_ONCE = values.guest === undefined ? 120 : 20;
const filter = new RegExp(values.filter ?? '');
const series = values.guest ?? release().split('.', 2).join('.');
const remembered = known();
const rows = [];
const details = [];
let isAsKnown = true;

for (const name of values.suite.split(',')) {
  const sources = suite(name);
  if (sources === undefined) throw new Error(`no sources of ${name}`);
  const tools = toolchain();
  const objects = [];
  for (const file of sources.files.filter((one) => filter.test(one))) {
    const built = await compileWithClang(sources, file, tools);
    if (built.object !== undefined) objects.push(built.object);
  }
  const bundled = await skepSide(values.bundle === undefined ? undefined : resolve(values.bundle));
  if (values.guest !== undefined) console.error(`skep is ${bundled.at(-1)}`);
  const libbpf = [];
  const skep = [];
  // A few at a time, so that a long run says how far it is and what it found.
  for (let at = 0; at < objects.length; at += OBJECTS_AT_ONCE) {
    const part = objects.slice(at, at + OBJECTS_AT_ONCE);
    const started = performance.now();
    const theirs = await ask(libbpfSide(), part, values.guest);
    const ours = await ask(bundled, part, values.guest);
    libbpf.push(...theirs);
    skep.push(...ours);
    const seconds = Math.round((performance.now() - started) / 1000);
    console.error(`${name}: ${at + part.length} of ${objects.length} objects, the last ${part.length} in ${seconds} s`);
    for (const { what, kind, said, reason } of compare(theirs, ours).differences) {
      if (reason === undefined) console.error(`  ${what}: ${kind}: ${said}`);
    }
  }
  const result = compare(libbpf, skep);
  details.push({ suite: name, kernel: series, ...result });
  const unexplained = result.differences.filter((one) => one.reason === undefined);
  rows.push({
    suite: name,
    kernel: series,
    objects: objects.length,
    'programs and objects': result.programs,
    'both load': result.loaded,
    'both refuse': result.refused,
    'only libbpf loads': result.differences.filter((one) => one.kind === 'only libbpf loads it').length,
    'only skep loads': result.differences.filter((one) => one.kind === 'only skep loads it').length,
    'instructions compared': result.instructions,
    'other instructions': result.differences.filter((one) => one.kind === 'other instructions').length,
    unexplained: unexplained.length,
  });
  isAsKnown &&= unexplained.length === 0 && sameAsKnown(name, result.differences);
}
console.table(rows);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(details, undefined, 1)}\n`);
if (values.update) writeFileSync(knownPath, `${JSON.stringify(remembered, undefined, 2)}\n`);
process.exitCode = isAsKnown || values.update ? 0 : 1;

/** Both ways, of a kernel that is remembered at all; a part of the files says nothing of the others. */
function sameAsKnown(/** @type {string} */ suiteName, /** @type {import('./compare.mjs').Difference[]} */ differences) {
  /** @type {Record<string, string[]>} */
  const now = {};
  for (const { what, reason } of differences) {
    if (reason === undefined) continue;
    now[reason] ??= [];
    now[reason].push(what);
  }
  for (const list of Object.values(now)) list.sort();
  const before = remembered.kernels[series]?.[suiteName];
  if (values.update) {
    remembered.kernels[series] = { ...remembered.kernels[series], [suiteName]: now };
    return true;
  }
  if (before === undefined || values.filter !== undefined) return true;
  let isSame = true;
  for (const reason of Object.keys(remembered.reasons)) {
    const there = new Set(now[reason]);
    const wanted = new Set(before[reason]);
    for (const what of there) if (!wanted.has(what)) isSame = tell(`new: ${what} (${reason})`);
    for (const what of wanted) if (!there.has(what)) isSame = tell(`gone: ${what} (${reason})`);
  }
  return isSame;
}

function tell(/** @type {string} */ line) {
  console.log(line);
  return false;
}
