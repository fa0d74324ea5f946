import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CATALOGUE } from '@skep/verifier';
import { describe, expect, it } from 'vitest';
import { find, knownCodes, pages, text } from '../src/explain/pages.ts';
import { VERIFIER_STORIES } from '../src/explain/verifier-stories.ts';
import { WARNING_STORIES } from '../src/explain/warning-stories.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = join(root, 'docs/errors');

/** Every code that a source of the project names. */
function codesInSources(): Set<string> {
  const found = new Set<string>();
  const walk = (at: string) => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      if (['node_modules', 'dist', 'generated', 'explain'].includes(entry.name)) continue;
      const path = join(at, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (path.endsWith('.ts'))
        for (const [, code] of readFileSync(path, 'utf8').matchAll(/['"]([EW][1-9]\d{3})['"]/g)) found.add(code!);
    }
  };
  for (const room of readdirSync(join(root, 'packages'))) {
    const src = join(root, 'packages', room, 'src');
    if (existsSync(src)) walk(src);
  }
  return found;
}

describe('the stories of diagnostics', () => {
  it('has one for each code of the verifier', () => {
    const codes = new Set([...CATALOGUE.map((one) => one.code), 'E2000', 'E2115', 'E2999']);
    expect(VERIFIER_STORIES.map((one) => one.code)).toEqual([...codes].sort());
  });

  it('has one for each warning', () => {
    const codes = [...codesInSources()].filter((one) => one.startsWith('W'));
    expect(WARNING_STORIES.map((one) => one.code)).toEqual(codes.sort());
    expect(text(find('W1226')!)).toContain('before it has a value');
  });

  it('has something to say of every code, and no code twice', () => {
    for (const code of codesInSources()) {
      expect(find(code), code).toBeDefined();
      // Of front ends, the kernel, loading and tools; of others there may be no more to say than their family does.
      if (/^E(15|16|50|80|90)/.test(code)) expect(find(code)!.kind, code).not.toBe('family');
    }
    expect(new Set(knownCodes).size).toBe(knownCodes.length);
    expect(text(find('E2103')!)).toContain('if (!n)');
    expect(find('E99999')).toBeUndefined();
  });

  // SKEP_WRITE_DOCS=1 writes them.
  it('has made docs/errors as it is', () => {
    const made = pages();
    if (process.env['SKEP_WRITE_DOCS']) {
      mkdirSync(folder, { recursive: true });
      for (const [name, page] of made) writeFileSync(join(folder, name), page);
    }
    expect(readdirSync(folder).sort()).toEqual([...made.keys()].sort());
    for (const [name, page] of made) expect(readFileSync(join(folder, name), 'utf8'), name).toBe(page);
  });
});
