// @ts-check
/**
 * node conformance/libbpf/run.mjs [--suite libbpf-tools,selftests] [--filter REGEXP] [--guest 6.12] [--json FILE] [--update]
 *
 * Loads clang's objects of public eBPF C program by program through libbpf and through skep, on this kernel or in a
 * guest, and compares what became of each and the instructions that the kernel was given. Ends with 1 when a difference
 * has no reason in known-differences.json, or when one that stands there is gone; `--update` writes it.
 */
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
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
    update: { type: 'boolean', default: false },
  },
});
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
  const libbpf = await ask(libbpfSide(), objects, values.guest);
  const skep = await ask(await skepSide(), objects, values.guest);
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
  for (const { what, kind, said } of unexplained) console.log(`${what}: ${kind}: ${said}`);
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
