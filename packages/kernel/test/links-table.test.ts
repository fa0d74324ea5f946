import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LINKS, linkTable } from './attach/links.ts';

const README = new URL('../README.md', import.meta.url);

describe('the table of links in the README', () => {
  it('is the one that the guests are held to (`SKEP_WRITE_DOCS=1` writes it)', () => {
    const readme = readFileSync(README, 'utf8');
    const [, before, written, after] = /^([\s\S]*<!-- links -->\n\n)([\s\S]*?)(\n\n<!-- \/links -->[\s\S]*)$/.exec(
      readme,
    )!;
    if (process.env['SKEP_WRITE_DOCS'] !== undefined) writeFileSync(README, `${before}${linkTable()}${after}`);
    else expect(written).toBe(linkTable());
  });

  it('has every link once', () => {
    const names = LINKS.map((one) => one.name);
    expect(new Set(names).size).toBe(names.length);
  });
});
