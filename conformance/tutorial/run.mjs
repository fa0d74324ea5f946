// @ts-check
/**
 * node conformance/tutorial/run.mjs PATH [--guest 6.12,7.3 [--guests-only]] [--filter REGEXP] [--json FILE]
 *
 * PATH is a clone of eunomia-bpf/bpf-developer-tutorial. Compiles the eBPF C of every lesson, loads each program alone into
 * this kernel, runs it once in the virtual machine and, with `--guest`, loads and attaches it in each of these (`--guests-only`:
 * there alone). Prints a table with reasons; ends with 1 when a file does not compile, with 2 when it was called wrongly.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ask, bundle } from './homes.mjs';
import { SETTINGS } from './settings.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    guest: { type: 'string' },
    'guests-only': { type: 'boolean', default: false },
    filter: { type: 'string' },
    json: { type: 'string' },
  },
});
const root = positionals[0] && join(positionals[0], 'src');
if (root === undefined) {
  process.stderr.write(
    'usage: node conformance/tutorial/run.mjs PATH [--guest 6.12,7.3 [--guests-only]] [--filter REGEXP] [--json FILE]\n',
  );
  process.exit(2);
}
const filter = new RegExp(values.filter ?? '');
const guests = values.guest?.split(',') ?? [];
const work = mkdtempSync(join(tmpdir(), 'skep-tutorial-'));
const made = await bundle();
const skep = await import(made);
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.bpf.c') && filter.test(file))
  .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));

/** @type {Map<string, {file: string, error?: string, programs: any[]}>} */
const seen = new Map();
const jobs = [];
for (const file of files) {
  const source = join(root, file);
  const object = join(work, `${file}.o`);
  mkdirSync(dirname(object), { recursive: true });
  const error = compile(source, object);
  if (error === undefined) jobs.push({ file, object, settings: SETTINGS[file] ?? {} });
  seen.set(file, { file, ...(error && { error }), programs: [] });
}
const list = join(work, 'jobs.json');
writeFileSync(list, JSON.stringify(jobs));
const here = [
  { column: 'vm', home: 'vm', guest: undefined },
  { column: release().split('.', 2).join('.'), home: 'kernel', guest: undefined },
];
const homes = [
  ...(values['guests-only'] ? [] : here),
  ...guests.map((guest) => ({ column: guest, home: 'attach', guest })),
];
for (const { column, home, guest } of homes) {
  for (const { file, program, section, ...result } of await ask(made, list, home, guest)) {
    const { programs } = /** @type {any} */ (seen.get(file));
    let one = programs.find((/** @type {any} */ each) => each.program === program);
    if (one === undefined) {
      one = { program, section };
      programs.push(one);
    }
    one[column] = result;
  }
}
rmSync(work, { recursive: true });
report();
const uncompiled = [...seen.values()].filter((one) => one.error !== undefined);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify([...seen.values()], undefined, 1)}\n`);
process.exitCode = uncompiled.length > 0 ? 1 : 0;

/**
 * With the types of this kernel and, where these lack a name, with the vmlinux.h that comes with the lessons; gives what
 * the compiler complains of first.
 *
 * @returns {string | undefined}
 */
function compile(/** @type {string} */ source, /** @type {string} */ object) {
  const folder = dirname(source);
  const own = [folder, join(folder, 'include'), join(folder, '..')];
  let complaint;
  for (const includePaths of [own, [...own, join(root, 'third_party/vmlinux/x86')]]) {
    try {
      writeFileSync(object, skep.compileFile(source, { includePaths, debug: true }).object);
      return undefined;
    } catch (error) {
      const { diagnostics } = /** @type {any} */ (error);
      const first = diagnostics?.find((/** @type {any} */ one) => one.severity === 'error') ?? diagnostics?.[0];
      complaint ??= first ? `${first.code} ${first.message}` : `crash: ${error}`;
    }
  }
  return complaint;
}

function report() {
  const [vm, kernel] = here.map((one) => one.column);
  const rows = [];
  const count = (
    /** @type {any[]} */ programs,
    /** @type {string | undefined} */ column,
    /** @type {string} */ what,
  ) =>
    column === undefined ? undefined : `${programs.filter((one) => one[column]?.[what]).length}/${programs.length}`;
  const columns = (/** @type {any[]} */ programs) => ({
    [`loads ${kernel}`]: count(programs, kernel, 'loads'),
    'runs vm': count(programs, vm, 'runs'),
    ...Object.fromEntries(
      guests.flatMap((guest) => [
        [`loads ${guest}`, count(programs, guest, 'loads')],
        [`attaches ${guest}`, count(programs, guest, 'attaches')],
      ]),
    ),
  });
  for (const { file, error, programs } of seen.values())
    rows.push({ file, compiles: error === undefined, ...(error === undefined && columns(programs)) });
  const all = [...seen.values()].flatMap((one) => one.programs);
  rows.push({ file: 'all', compiles: `${jobs.length}/${files.length}`, ...columns(all) });
  console.table(rows);
  for (const { file, error, programs } of seen.values()) {
    if (error !== undefined) console.log(`${file}: ${error}`);
    for (const one of programs)
      for (const { column } of homes)
        if (one[column]?.said) console.log(`${file} ${one.program} (${one.section}) ${column}: ${one[column].said}`);
  }
}
