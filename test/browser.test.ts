import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { packages } from './workspace.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

describe('packages that run in a browser', () => {
  for (const one of packages.filter((each) => each.browser)) {
    it(`${one.name} bundles for a browser and touches no Node module`, async () => {
      const result = await build({
        entryPoints: [join(root, one.folder, one.browserEntry)],
        bundle: true,
        write: false,
        platform: 'browser',
        format: 'esm',
        conditions: ['skep-source', 'browser'],
        metafile: true,
        logLevel: 'silent',
      });
      expect(result.errors).toEqual([]);
      const outside = Object.values(result.metafile.outputs).flatMap((output) =>
        output.imports.filter((imported) => imported.external).map((imported) => imported.path),
      );
      expect(outside).toEqual([]);
      const text = new TextDecoder().decode(result.outputFiles[0]!.contents);
      expect(text).not.toMatch(/\brequire\(|\bprocess\.(env|argv|versions|platform)|\bBuffer\.(from|alloc)/);
    });
  }

  it('names those that DESIGN marks', () => {
    const marked = packages.filter((one) => one.browser).map((one) => one.room);
    expect(marked).toEqual(['base', 'abi', 'object', 'compiler', 'verifier', 'capture', 'vm', 'runtime', 'view']);
    expect(readFileSync(join(root, 'package.json'), 'utf8')).toContain('"packages/*"');
  });
});
