// @ts-check
import { loadedByClang, notCompiled, notLoaded, reasonOf } from './compare.mjs';
import { loadedBy, missingFrom } from './levels.mjs';

/** @typedef {import('./compare.mjs').Result} Result */
/** @typedef {import('./levels.mjs').Level} Level */
/** @typedef {import('./levels.mjs').Levels} Levels */

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

/** A row for each instruction set and level of optimisation, and one for what loads from any of clang's. */
export function printLevels(/** @type {Levels[]} */ results) {
  const rows = results.flatMap(({ suite, clang, skep }) => {
    const union = loadedBy(clang);
    const count = (/** @type {Level} */ level, /** @type {typeof union} */ of) =>
      `${of.length - missingFrom(level, of).length} of ${of.length}`;
    const at = (/** @type {Level} */ level) => {
      const same = clang.filter(({ cpu }) => cpu === level.cpu);
      const others = new Set(loadedBy(same).map(({ file, program }) => `${file} ${program}`));
      const loaded = loadedBy([level]);
      return {
        suite,
        skep: `-mcpu=${level.cpu} -O${level.optimise}`,
        'compiled by skep': level.compiled.size,
        'of clang, same -mcpu': count(level, loadedBy(same)),
        'of clang, any -mcpu': count(level, union),
        'only from skep': loaded.filter(({ file, program }) => !others.has(`${file} ${program}`)).length,
      };
    };
    return skep.map(at);
  });
  console.table(rows);
}

/** What loads from one of clang's levels and not from skep's, most frequent reason first. */
export function printMissing(/** @type {Levels} */ { suite, clang, skep }) {
  const union = loadedBy(clang);
  for (const level of skep) {
    const compiled = missingFrom(level, union).filter(({ file }) => level.compiled.has(file));
    for (const [reason, members] of groups(compiled, (one) => reasonOf(one.skep))) {
      console.log(`${suite} -mcpu=${level.cpu} -O${level.optimise} ×${members.length} ${reason}`);
      for (const { file, program, by } of members) console.log(`    ${file} ${program} (clang: ${by.join(' ')})`);
    }
    const missing = new Set(union.filter(({ file }) => !level.compiled.has(file)).map(({ file }) => file));
    if (missing.size > 0) console.log(`${suite} not compiled by skep: ${[...missing].join(' ')}`);
  }
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
