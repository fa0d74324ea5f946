import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { optionsOf, TOOLS, type Tool } from '../src/index.ts';
import { words } from '../src/trace/execute.ts';
import { columnsOf } from './tool-columns.ts';

/** Written by `node scripts/tool-examples.mjs`, from what a guest printed. */
const PAGES = fileURLToPath(new URL('../../../docs/tools/', import.meta.url));
const meanings: { readonly [tool: string]: { readonly [title: string]: string } } = JSON.parse(
  readFileSync(`${PAGES}columns.json`, 'utf8'),
);

it('every tool has a page, and nothing else has', () => {
  const pages = readdirSync(PAGES).filter((name) => name.endsWith('.md'));
  expect(pages.sort()).toEqual(TOOLS.map((one) => `${one.name}.md`).sort());
});

describe.each(TOOLS.map((tool) => ({ tool, name: tool.name })))('the page of $name', ({ tool }) => {
  const text = readFileSync(`${PAGES}${tool.name}.md`, 'utf8');
  const blocks = [...text.matchAll(/^```\n(# skep .*)\n([\s\S]*?)^```$/gm)];

  it('has three examples, which printed something, with options that there are', () => {
    expect(blocks).toHaveLength(3);
    for (const [, line, printed] of blocks) {
      expect(line).toMatch(new RegExp(`^# skep ${tool.name}( |$)`));
      expect(unknownOptions(tool, line!.slice(2))).toEqual([]);
      expect(printed!.trim(), line).not.toBe('');
    }
  });

  it('says of which routes there are and what they miss', () => {
    for (const { name } of tool.routes) expect(text).toContain(`- Route \`${name}\``);
    for (const { misses } of tool.routes) if (misses) expect(text).toContain(misses);
  });

  it('explains columns that the tool has', () => {
    const titles = columnsOf(tool)?.map((one) => one.title) ?? Object.keys(meanings[tool.name]!);
    expect(Object.keys(meanings[tool.name] ?? {}).filter((one) => !titles.includes(one))).toEqual([]);
    expect(titles.filter((one) => (meanings[tool.name]?.[one] ?? meanings['*']![one]) === undefined)).toEqual([]);
    for (const [, title] of text.matchAll(/^\| `([^`]+)` \|/gm)) {
      const wide = ['CONTAINER', 'POD', 'CGROUP'].includes(title!);
      expect(wide || titles.includes(title!), title).toBe(true);
    }
  });
});

/** Of a command line; letters may stand together, and one with a value ends them. */
function unknownOptions(tool: Tool, line: string): string[] {
  const given = words(line.replace(/ >>? [\w.]+$/, '')).slice(2);
  const own = given.includes('--') ? given.slice(0, given.indexOf('--')) : given;
  const options = optionsOf(tool);
  const find = (flag: string) => options.find((one) => one.flags.split(', ').includes(flag));
  const unknown: string[] = [];
  for (let i = 0; i < own.length; i++) {
    const word = own[i]!;
    if (!word.startsWith('-')) continue;
    const flags = word.startsWith('--') ? [word] : [...word.slice(1)].map((letter) => `-${letter}`);
    const last = find(flags.at(-1)!);
    unknown.push(...flags.filter((one) => find(one) === undefined));
    if (last?.value !== undefined) i++;
  }
  return unknown;
}
