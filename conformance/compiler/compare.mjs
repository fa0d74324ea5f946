// @ts-check
import { behave } from './behave.mjs';
import { compileWithClang } from './compile-clang.mjs';
import { SkepCompiler, snapshot } from './compile-skep.mjs';
import { load } from './load.mjs';
import { toolchain } from './toolchain.mjs';

/** @typedef {import('./corpus.mjs').Suite} Suite */
/** @typedef {import('./load.mjs').Verdict} Verdict */
/**
 * @typedef {object} FileResult
 * @property {string} file
 * @property {import('./compile-clang.mjs').Built} clang
 * @property {import('./compile-skep.mjs').SkepBuilt} skep
 * @property {Verdict[]} clangVerdicts
 * @property {Verdict[]} skepVerdicts
 */
/** @typedef {{suite: string, loaded: boolean, files: FileResult[], behaviours: import('./behave.mjs').Behaviour[]}} Result */

/**
 * Compiles the files of a suite with both compilers and loads what came out.
 *
 * @returns {Promise<Result>}
 */
export async function compare(
  /** @type {Suite} */ suite,
  /** @type {{filter?: RegExp | undefined, load?: boolean, run?: boolean, guest?: string | undefined, cpu?: string, jobs?: number,
   *   say?: (line: string) => void}} */ options = {},
) {
  const { filter, guest, cpu = 'v3', jobs = 2, say = () => {} } = options;
  const tools = toolchain();
  const path = await snapshot();
  const queue = suite.files.filter((file) => filter?.test(file) ?? true);
  const count = queue.length;
  /** @type {FileResult[]} */
  const files = [];
  const work = async () => {
    const skep = new SkepCompiler(path, { cpu });
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      say(`${suite.name} ${count - queue.length}/${count} ${file}`);
      files.push({
        file,
        clang: await compileWithClang(suite, file, tools, cpu),
        skep: await skep.compile(suite, file),
        clangVerdicts: [],
        skepVerdicts: [],
      });
    }
    await skep.close();
  };
  await Promise.all(Array.from({ length: jobs }, work));
  files.sort((a, b) => (a.file < b.file ? -1 : 1));
  if (options.load) {
    say(`${suite.name}: loading clang's`);
    const of = (/** @type {'clang' | 'skep'} */ who) => files.flatMap((one) => one[who].object ?? []);
    const byClang = await load(of('clang'), tools, { guest, jobs, keep: true });
    say(`${suite.name}: loading skep's`);
    const bySkep = await load(of('skep'), tools, { guest, jobs });
    for (const one of files) {
      if (one.clang.object !== undefined) one.clangVerdicts = byClang.get(one.clang.object) ?? [];
      if (one.skep.object !== undefined) one.skepVerdicts = bySkep.get(one.skep.object) ?? [];
    }
  }
  const behaviours = options.run ? await behave(files, say) : [];
  return /** @type {Result} */ ({ suite: suite.name, loaded: options.load ?? false, files, behaviours });
}

/** Files that clang compiles and skep does not: the code of the first diagnostic, by file. */
export function notCompiled(/** @type {Result} */ result) {
  return result.files.filter((one) => one.clang.object !== undefined && one.skep.object === undefined);
}

/** Programs of both, where clang's loads. `skep` is undefined where the object has no such program. */
export function loadedByClang(/** @type {Result} */ result) {
  return result.files.flatMap(({ file, clangVerdicts, skepVerdicts }) =>
    clangVerdicts
      .filter((verdict) => verdict.error === 0)
      .map((clang) => ({ file, clang, skep: skepVerdicts.find((one) => one.program === clang.program) })),
  );
}

/** Programs that load from clang's object and not from skep's, of files that skep compiles. */
export function notLoaded(/** @type {Result} */ result) {
  const compiled = new Set(result.files.filter((one) => one.skep.object !== undefined).map((one) => one.file));
  return loadedByClang(result).filter(({ file, skep }) => compiled.has(file) && skep?.error !== 0);
}

/** The same as known-failures.json keeps it. */
export function failuresOf(/** @type {Result} */ result) {
  // Also those that clang refuses: a test that has no clang must know them.
  const failed = result.files.filter((one) => one.skep.object === undefined);
  const compile = Object.fromEntries(failed.map(({ file, skep }) => [file, skep.code]));
  /** @type {Record<string, Record<string, string>>} */
  const loads = {};
  for (const { file, clang, skep } of notLoaded(result)) {
    loads[file] ??= {};
    loads[file][clang.program ?? ''] = reasonOf(skep);
  }
  return { compile, load: loads };
}

/** The verifier's or libbpf's last word, without numbers, so that the same reason is the same text. */
export function reasonOf(/** @type {Verdict | undefined} */ verdict) {
  if (verdict === undefined) return 'no such program';
  const log = (verdict.log ?? '')
    .split('\n')
    .filter(
      (line) =>
        line !== '' && !/^(processed|verification time|stack depth|mark_precise|\d+: \(|; |from |R\d)/.test(line),
    );
  const said = (verdict.said ?? '')
    .split('\n')
    .filter(
      (line) =>
        line.startsWith('libbpf: ') &&
        !/BPF program load failed|BEGIN PROG|END PROG|failed to load object|failed to load: /.test(line),
    );
  const last = log.at(-1) ?? said.at(-1)?.slice(8) ?? `error ${verdict.error}`;
  return last.replace(/0x[0-9a-f]+|-?\d+/g, '#').slice(0, 120);
}
