// @ts-check
/**
 * node conformance/tutorial/table.mjs [SEEN]
 *
 * Writes docs/tutorial/README.md from docs/tutorial/lessons.json and from what was seen: seen.json beside this file, into
 * which goes what SEEN tells, a file of `run.mjs --json`, when one is given.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {{programs: number, compiles: boolean, vm: number, host: number, guest: number, attached: number,
 *   newest?: number, newestAttached?: number}} Seen
 */
/** @typedef {{lesson: string, folders: string[], title: string, hook: string, page: string | null, missing?: string}} Lesson */

const seenPath = fileURLToPath(new URL('seen.json', import.meta.url));
const docs = new URL('../../docs/tutorial/', import.meta.url);
const [, , given] = process.argv;
/** What is counted: its name in seen.json, the column of a run, what is said there. */
const COUNTS = /** @type {const} */ ([
  ['vm', 'vm', 'runs'],
  ['host', '6.18', 'loads'],
  ['guest', '6.12', 'loads'],
  ['attached', '6.12', 'attaches'],
  ['newest', '7.3', 'loads'],
  ['newestAttached', '7.3', 'attaches'],
]);

/** @type {Record<string, Seen>} by file */
const seen = JSON.parse(readFileSync(seenPath, 'utf8'));
if (given !== undefined) {
  merge(given);
  writeFileSync(seenPath, `${JSON.stringify(seen, undefined, 2)}\n`);
}
/** @type {Lesson[]} */
const lessons = JSON.parse(readFileSync(new URL('lessons.json', docs), 'utf8'));

for (const { page } of lessons)
  if (page && !existsSync(new URL(`${page}.md`, docs))) throw new Error(`there is no page ${page}`);
writeFileSync(new URL('README.md', docs), readme());

/** What a run saw of some lessons in some homes takes the place of what was seen of these before. */
function merge(/** @type {string} */ path) {
  const files = /** @type {{file: string, error?: string, programs: any[]}[]} */ (
    JSON.parse(readFileSync(path, 'utf8'))
  );
  for (const { file, error, programs } of files) {
    const count = (/** @type {string} */ column, /** @type {string} */ what) =>
      programs.filter((one) => one[column]?.[what]).length;
    const made = { compiles: error === undefined, programs: programs.length };
    const now = { ...made, vm: 0, host: 0, guest: 0, attached: 0, ...seen[file], ...made };
    for (const [name, column, what] of COUNTS)
      if (programs.some((one) => one[column] !== undefined)) now[name] = count(column, what);
    seen[file] = now;
  }
}

function readme() {
  const rows = lessons.map((one) => {
    const files = Object.entries(seen).filter(([file]) => one.folders.some((folder) => file.startsWith(`${folder}/`)));
    return line(
      one,
      files.map(([, each]) => each),
    );
  });
  const all = Object.values(seen);
  return `# Tutorial

One idea of eBPF a page, each with a program that is small enough to read at once, what it shows, and how to try it without root.
The order and the ideas are those of a well-known public tutorial, eunomia-bpf/bpf-developer-tutorial; programs and text are our
own. Commands run from the root of a clone, and on the kernel as root.

The columns on the right tell what became of that tutorial's own C sources: files that skep compiles, and of their programs how
many run once in the virtual machine, load into Linux 6.18 (a small virtual machine without kprobes and fentry), load into Debian's
6.12, and attach there. Where that kernel lacks something, Debian's newest (7.3) was asked too. In the virtual machine, schedulers,
input devices and queueing disciplines run in a simulation of what calls them.

| lesson | idea | hook | compile | run in the vm | load, 6.18 | load, 6.12 | attach, 6.12 | load, 7.3 | attach, 7.3 | what is missing |
| ------ | ---- | ---- | ------- | ------------- | ---------- | ---------- | ------------ | --------- | ----------- | --------------- |
${rows.join('\n')}
${line({ lesson: 'all', folders: [], title: '', hook: '', page: null }, all)}

To try it again: \`node conformance/tutorial/run.mjs PATH --guest 6.12,7.3 --json seen.json\`, PATH being a clone of that tutorial, and then
\`node conformance/tutorial/table.mjs seen.json\`, which writes this page.
`;
}

function line(/** @type {Lesson} */ { lesson, title, hook, page, missing }, /** @type {Seen[]} */ files) {
  const sum = (/** @type {(one: Seen) => number} */ of) => files.reduce((total, one) => total + of(one), 0);
  const programs = sum((one) => one.programs);
  const of = (/** @type {number} */ count) => (programs === 0 ? '–' : `${count}/${programs}`);
  const asked = files.filter((one) => one.newest !== undefined);
  const newest = (/** @type {(one: Seen) => number | undefined} */ of) =>
    asked.length === 0
      ? '–'
      : `${asked.reduce((n, one) => n + (of(one) ?? 0), 0)}/${asked.reduce((n, one) => n + one.programs, 0)}`;
  const compiled = files.length === 0 ? '–' : `${sum((one) => Number(one.compiles))}/${files.length}`;
  const cells = [
    lesson,
    page ? `[${title}](${page}.md)` : title,
    hook,
    compiled,
    ...[sum((one) => one.vm), sum((one) => one.host), sum((one) => one.guest), sum((one) => one.attached)].map(of),
    ...[newest((one) => one.newest), newest((one) => one.newestAttached)],
    missing ?? '',
  ];
  return `| ${cells.join(' | ')} |`;
}
