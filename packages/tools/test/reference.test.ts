import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { TOOLS, toolReference } from '../src/index.ts';

const PAGE = fileURLToPath(new URL('../../../docs/tools.md', import.meta.url));

it('the page of the tools says what their table says; SKEP_WRITE_DOCS=1 writes it', () => {
  const text = toolReference(TOOLS);
  if (process.env['SKEP_WRITE_DOCS']) writeFileSync(PAGE, text);
  expect(readFileSync(PAGE, 'utf8')).toBe(text);
});

it('every tool has three examples, which call it', () => {
  for (const tool of TOOLS) {
    expect(tool.examples, tool.name).toHaveLength(3);
    for (const { line } of tool.examples) expect(line).toMatch(new RegExp(`^skep ${tool.name}( |$)`));
  }
});
