// node scripts/tool-examples.mjs [--guest 6.12] [--from FILE] [tool…]
//
// Writes docs/tools/NAME.md: each tool's three examples with what they print in a guest. `--from` takes the guest's output from
// a file, in place of booting one.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { boot, fetchKernel } from '../vmtest/index.mjs';
import { bundle } from './bundle.mjs';
import { root } from './prepare.mjs';

/** Longer outputs are cut: a page is to be read. */
const LINES = 22;

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
mkdirSync(join(root, 'docs/tools'), { recursive: true });
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
  const parts = examples.map(({ does, line, out, err }) => {
    const said = `${err.replace(/^.*recorded \d+ runs.*\n/m, '')}${out}`.replace(/\n+$/, '').split('\n');
    const cut = said.length > LINES ? [...said.slice(0, LINES), '…'] : said;
    const shown = cut.map((one) => (one.length > 130 ? `${one.slice(0, 129)}…` : one)).join('\n');
    return `${does[0].toUpperCase()}${does.slice(1)}:\n\n\`\`\`\n# ${line}\n${shown}\n\`\`\`\n`;
  });
  return `# Examples of ${tool}\n\nPrinted in a guest with Linux ${values.guest}; [the reference](../tools.md#${tool}) has all options.\n\n${parts.join('\n')}`;
}
