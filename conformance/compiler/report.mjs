// @ts-check
import { loadedByClang, notCompiled, notLoaded, reasonOf } from './compare.mjs';

/** @typedef {import('./compare.mjs').Result} Result */

export function printTable(/** @type {Result[]} */ results) {
  const rows = results.map((result) => {
    const both = result.files.filter((one) => one.clang.object !== undefined);
    const compiled = both.filter((one) => one.skep.object !== undefined);
    const pairs = loadedByClang(result);
    const loaded = pairs.filter(({ skep }) => skep?.error === 0);
    const ratios = (/** @type {'insns' | 'verified'} */ what) =>
      loaded.flatMap(({ clang, skep }) => (clang[what] && skep?.[what] ? [skep[what] / clang[what]] : []));
    const times = compiled.map((one) => one.skep.ms / one.clang.ms);
    return {
      suite: result.suite,
      'files of clang': both.length,
      'compiled by skep': `${compiled.length} (${percent(compiled.length, both.length)})`,
      ...(result.loaded && {
        'programs loaded of clang': pairs.length,
        'of them skep': `${loaded.length} (${percent(loaded.length, pairs.length)})`,
        'insns skep/clang': geometric(ratios('insns')),
        'verified skep/clang': geometric(ratios('verified')),
      }),
      'time skep/clang': geometric(times),
      ...(result.behaviours.length > 0 && ran(result)),
    };
  });
  console.table(rows);
}

/** How many programs did the same from both objects, and how long a run took in the kernel. */
function ran(/** @type {Result} */ { behaviours }) {
  const count = (/** @type {'kernel' | 'vm'} */ home) => {
    const judged = behaviours.filter((one) => one.home === home && /same|different/.test(one.outcome));
    return `${judged.filter((one) => one.outcome === 'same').length} of ${judged.length}`;
  };
  const times = behaviours.flatMap(({ clangNs, skepNs }) => (clangNs && skepNs ? [skepNs / clangNs] : []));
  return {
    'same in the kernel': count('kernel'),
    'same in the VM': count('vm'),
    'ns per run skep/clang': `${geometric(times)} (${times.length})`,
  };
}

/** What fails, most frequent reason first. */
export function printFailures(/** @type {Result} */ result) {
  const compile = groups(notCompiled(result), ({ skep }) => `${skep.code} ${skep.error?.replace(/\d+/g, '#')}`);
  for (const [reason, members] of compile) {
    console.log(`compile ×${members.length} ${reason}`);
    for (const { file } of members.slice(0, 6)) console.log(`    ${file}`);
  }
  for (const { file, program, home, outcome, what } of result.behaviours)
    if (outcome === 'different') console.log(`different in the ${home}: ${file} ${program}: ${what}`);
  for (const [reason, members] of groups(notLoaded(result), ({ skep }) => reasonOf(skep))) {
    console.log(`load ×${members.length} ${reason}`);
    for (const { file, clang } of members.slice(0, 6)) console.log(`    ${file} ${clang.program}`);
  }
}

/** @template T @param {readonly T[]} list @param {(member: T) => string} keyOf */
function groups(list, keyOf) {
  /** @type {Map<string, T[]>} */
  const map = new Map();
  for (const member of list) {
    const key = keyOf(member);
    map.set(key, [...(map.get(key) ?? []), member]);
  }
  return [...map].sort((a, b) => b[1].length - a[1].length);
}

const percent = (/** @type {number} */ part, /** @type {number} */ whole) =>
  whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`;

/** @param {readonly number[]} ratios */
function geometric(ratios) {
  if (ratios.length === 0) return '–';
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length).toFixed(3);
}
