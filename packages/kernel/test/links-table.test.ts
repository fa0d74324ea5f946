import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LINKS, linkTable } from './attach/links.ts';

describe('the table of links in the README', () => {
  it('is the one that the guests are held to', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const written = /<!-- links -->\n\n([\s\S]*?)\n\n<!-- \/links -->/.exec(readme)?.[1];
    const squeeze = (text: string | undefined) => text?.replace(/ +/g, ' ').replace(/-{3,}/g, '-');
    expect(squeeze(written)).toBe(squeeze(linkTable()));
  });

  it('has every link once', () => {
    const names = LINKS.map((one) => one.name);
    expect(new Set(names).size).toBe(names.length);
  });
});
