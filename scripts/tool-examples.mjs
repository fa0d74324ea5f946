// node scripts/tool-examples.mjs [--guest 6.12] [--from FILE] [tool…]
//
// Writes docs/tools/NAME.md: what a tool is and what it misses (of docs/tools.md), its three examples with what they print in a
// guest, what its columns mean (of docs/tools/columns.json). `--from` takes the guest's output from a file, in place of booting one.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { boot, fetchKernel } from '../vmtest/index.mjs';
import { bundle } from './bundle.mjs';
import { root } from './prepare.mjs';

/** Longer outputs are cut: a page is to be read. */
const LINES = 22;
const HISTOGRAM =
  'A line of a histogram counts what lay between two values; each is twice as wide as the one above, and the bar is as long as the count.\n';
const STACKS =
  'Of a stack the innermost function stands first; below it whose it is, and how much of what is counted. Those with most come last.\n';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { guest: { type: 'string', default: '6.12' }, from: { type: 'string' }, timeout: { type: 'string' } },
});
const output = values.from === undefined ? await inGuest() : readFileSync(values.from, 'utf8');
const found = new Map();
for (const line of output.split('\n')) {
  if (!line.startsWith('{"tool"')) continue;
  const one = JSON.parse(line);
  if (one.failed) console.error(`${one.line}: ${one.failed}`);
  else found.set(one.tool, [...(found.get(one.tool) ?? []), one]);
}
const reference = readFileSync(join(root, 'docs/tools.md'), 'utf8');
const meanings = JSON.parse(readFileSync(join(root, 'docs/tools/columns.json'), 'utf8'));
for (const [tool, examples] of found) writeFileSync(join(root, `docs/tools/${tool}.md`), page(tool, examples));

async function inGuest() {
  const main = join(root, '.cache/kernel-test/tools/examples.cjs');
  mkdirSync(join(root, '.cache/kernel-test/tools'), { recursive: true });
  await bundle(join(root, 'packages/tools/test/guest/examples.ts'), main);
  const command = [process.execPath, main, ...positionals];
  const timeout = Number(values.timeout ?? 5400);
  const onOutput = (text) => process.stdout.write(text);
  return (await boot(fetchKernel(values.guest), command, { cwd: root, timeout, onOutput })).output;
}

function page(tool, examples) {
  const { about, routes } = section(tool);
  const shown = examples.map(({ does, line, out, err }) => {
    const [, file] = / >>? ([\w.]+)$/.exec(line) ?? [];
    const said = `${err.replace(/^.*recorded \d+ runs.*\n/m, '')}${file ? '' : out}`;
    const lines = [`# ${line}`, ...cut(said), ...(file ? [`# cat ${file}`, ...cut(out)] : [])];
    return `${does[0].toUpperCase()}${does.slice(1)}:\n\n\`\`\`\n${lines.join('\n')}\n\`\`\`\n`;
  });
  return [
    `# ${tool}\n\n${about}\n\n${routes}\n`,
    `The examples were printed in a guest with Linux ${values.guest}. [The reference](../tools.md#${tool}) has all options.\n`,
    ...shown,
    reading(tool, examples),
  ].join('\n');
}

/** What the reference says above the options. */
function section(tool) {
  const text = reference.split(/^## /m).find((one) => one.startsWith(`${tool}\n`));
  if (text === undefined) throw new Error(`docs/tools.md has no section about ${tool}`);
  const routes = text.split('\n').filter((line) => line.startsWith('- route'));
  return { about: text.split('\n\n')[1], routes: routes.map((line) => line.replace('- route', '- Route')).join('\n') };
}

/** Not more than a page holds; of stacks, the end, where those with most are. */
function cut(text) {
  const lines = text.replace(/^\n+|\n+$/g, '').split('\n');
  const stacks = lines.length > LINES && /^ {4}\S/.test(lines[0]) && !lines[0].includes(';');
  const kept = lines.length <= LINES ? lines : stacks ? ['…', ...lines.slice(-LINES)] : [...lines.slice(0, LINES), '…'];
  return kept.filter((one, i) => i > 0 || one !== '').map((one) => (one.length > 130 ? `${one.slice(0, 129)}…` : one));
}

/** What the columns mean that the examples show, or how histograms and stacks are read. */
function reading(tool, examples) {
  const titles = Object.entries({ ...meanings['*'], ...meanings[tool] });
  const heads = examples.flatMap(({ out }) => out.split('\n').filter((line) => /^\s*(?:[A-Z]|→)[^a-z{]*\s/.test(line)));
  const words = (line) => ` ${line.replace(/\s+/g, ' ')} `;
  const place = (title) => words(heads.join(' ')).search(` ${title.replace(/[()]/g, '\\$&')} (?!\\()`);
  const seen = titles
    .filter(([title, meaning]) => meaning !== '' && place(title) >= 0)
    .sort(([a], [b]) => place(a) - place(b));
  const rows = seen.map(([title, meaning]) => `| \`${title}\` | ${meaning} |\n`).join('');
  const all = examples.map((one) => one.out).join('\n');
  const notes = [
    ...(seen.length > 0 ? [`| column | meaning |\n| --- | --- |\n${rows}`] : []),
    ...(/ : count +distribution/.test(all) ? [HISTOGRAM] : []),
    ...(/^ {4}\S+\n(?: {4}.*\n)* {8}\d/m.test(all) ? [STACKS] : []),
  ];
  return `## How it is read\n\n${notes.join('\n')}`;
}
