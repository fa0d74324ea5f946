// @ts-check
import { compileWithClang } from './compile-clang.mjs';
import { SkepCompiler, snapshot } from './compile-skep.mjs';
import { load } from './load.mjs';
import { toolchain } from './toolchain.mjs';

/** @typedef {import('./corpus.mjs').Suite} Suite */
/** @typedef {import('./load.mjs').Verdict} Verdict */
/**
 * What one way of compiling a suite gives.
 *
 * @typedef {object} Level
 * @property {'clang' | 'skep'} who
 * @property {string} cpu
 * @property {string} optimise
 * @property {Map<string, Map<string, Verdict>>} verdicts by file and program
 * @property {Set<string>} compiled files
 */
/** @typedef {{suite: string, clang: Level[], skep: Level[]}} Levels */

/** How skep compiles when nothing is asked for. */
const DEFAULT = { cpu: 'v3', optimise: '2' };

/**
 * Loads a suite as clang compiles it for each instruction set, and as skep does for each instruction set and at each
 * level of optimisation; skep's default comes first.
 *
 * @returns {Promise<Levels>}
 */
export async function compareLevels(
  /** @type {Suite} */ suite,
  /** @type {{cpus: readonly string[], optimise?: readonly string[], filter?: RegExp | undefined,
   *   guest?: string | undefined, jobs?: number, say?: (line: string) => void}} */ options,
) {
  const { cpus, optimise = [], filter, guest, jobs = 2, say = () => {} } = options;
  const tools = toolchain();
  const path = await snapshot();
  const files = suite.files.filter((file) => filter?.test(file) ?? true);
  const ways = [
    DEFAULT,
    ...cpus.filter((cpu) => cpu !== DEFAULT.cpu).map((cpu) => ({ ...DEFAULT, cpu })),
    ...optimise.filter((level) => level !== DEFAULT.optimise).map((level) => ({ ...DEFAULT, optimise: level })),
  ];
  /** @type {Levels} */
  const result = { suite: suite.name, clang: [], skep: [] };
  for (const cpu of cpus) {
    const compile = (/** @type {string} */ file) => compileWithClang(suite, file, tools, cpu);
    result.clang.push({ who: 'clang', cpu, optimise: '2', ...(await one(`clang ${cpu}`, () => compile, true)) });
  }
  for (const { cpu, optimise: level } of ways) {
    const folder = `${cpu}-O${level}`;
    const made = () => new SkepCompiler(path, { cpu, optimise: level === 's' ? 's' : Number(level) }, folder);
    const start = () => {
      const skep = made();
      const compile = (/** @type {string} */ file) => skep.compile(suite, file);
      return Object.assign(compile, { close: () => skep.close() });
    };
    result.skep.push({ who: 'skep', cpu, optimise: level, ...(await one(`skep ${folder}`, start, false)) });
  }
  return result;

  async function one(
    /** @type {string} */ name,
    /** @type {() => ((file: string) => Promise<{object?: string}>) & {close?: () => Promise<void>}} */ start,
    /** @type {boolean} */ keep,
  ) {
    /** @type {Map<string, string>} */
    const objects = new Map();
    const queue = [...files];
    const work = async () => {
      const compile = start();
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        say(`${suite.name} ${name} ${files.length - queue.length}/${files.length} ${file}`);
        const { object } = await compile(file);
        if (object !== undefined) objects.set(object, file);
      }
      await compile.close?.();
    };
    await Promise.all(Array.from({ length: jobs }, work));
    say(`${suite.name} ${name}: loading`);
    const all = await load([...objects.keys()].sort(), tools, { guest, jobs, keep });
    /** @type {Level['verdicts']} */
    const verdicts = new Map();
    for (const [object, list] of all) {
      const programs = list.map((verdict) => /** @type {const} */ ([verdict.program ?? '', verdict]));
      verdicts.set(/** @type {string} */ (objects.get(object)), new Map(programs));
    }
    return { verdicts, compiled: new Set(objects.values()) };
  }
}

/**
 * Programs that load from one of `levels`, with those that they load from.
 *
 * @returns {{file: string, program: string, by: string[]}[]}
 */
export function loadedBy(/** @type {readonly Level[]} */ levels) {
  /** @type {Map<string, {file: string, program: string, by: string[]}>} */
  const found = new Map();
  for (const { cpu, verdicts } of levels) {
    for (const [file, programs] of verdicts) {
      for (const [program, verdict] of programs) {
        if (verdict.error !== 0) continue;
        const key = `${file} ${program}`;
        const known = found.get(key) ?? { file, program, by: [] };
        known.by.push(cpu);
        found.set(key, known);
      }
    }
  }
  return [...found.values()];
}

/** Those of `programs` that do not load at a level of skep's, where the file compiles; and what was said of them. */
export function missingFrom(
  /** @type {Level} */ level,
  /** @type {readonly {file: string, program: string, by: string[]}[]} */ programs,
) {
  return programs
    .map((one) => ({ ...one, skep: level.verdicts.get(one.file)?.get(one.program) }))
    .filter(({ skep }) => skep?.error !== 0);
}
