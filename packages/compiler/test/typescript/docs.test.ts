import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { CONSTRUCTS, compileProbes } from '../../src/index.ts';

const PAGE = fileURLToPath(new URL('../../../../docs/typescript-probes.md', import.meta.url));
const START = /<!-- made from the compiler's table[^\n]*\n/;
const END = '<!-- end -->';

it('the table of constructs in the documentation is the compiler’s', () => {
  const rows = Object.values(CONSTRUCTS).map(
    ({ code, what, remedy }) => `| ${code} | ${cell(what)} | ${cell(remedy)} |`,
  );
  const table = `\n| code | what | instead |\n|---|---|---|\n${rows.join('\n')}\n\n`;
  const page = readFileSync(PAGE, 'utf8');
  const start = START.exec(page)!;
  const from = start.index + start[0].length;
  const wanted = page.slice(0, from) + table + page.slice(page.indexOf(END));
  if (process.env['UPDATE']) writeFileSync(PAGE, wanted);
  else expect(page).toBe(wanted);
});

it('the program at the top of the page compiles', async () => {
  const text = /```ts\n(.*?)```/s.exec(readFileSync(PAGE, 'utf8'))![1]!;
  const { probes, hasMain } = await compileProbes({ name: 'page.ts', text }, {});
  expect(probes.map((one) => one.name)).toEqual(['sys_enter_openat', 'sys_exit_openat']);
  expect(hasMain).toBe(true);
});

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
