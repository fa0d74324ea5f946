import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { apply, bundledTypes, check } from '../src/index.ts';

const folder = fileURLToPath(new URL('catalogue', import.meta.url));
const types = bundledTypes();

/**
 * Wrong programs as people write them. The first line of each says the code that is expected, for users without privilege when it says so, and what the explanation must say; a comment marks the line that it must point at.
 */
describe('wrong programs', () => {
  for (const file of readdirSync(folder)) {
    it(file, () => {
      const text = readFileSync(join(folder, file), 'utf8');
      const [, code, users, words] = /^\/\/ (E\d+)(?: (\w+))?: (.*)$/m.exec(text)!;
      const verdicts = (source: string) =>
        check(file, new TextEncoder().encode(source), {
          kernels: ['6.12'],
          types,
          privileged: users !== 'unprivileged',
          compile: { vmlinux: types, defines: ['__TARGET_ARCH_x86'] },
          fixes: source === text,
          fixTime: 20_000,
        });
      const report = verdicts(text);
      const refused = report.programs.find(({ verdict }) => !verdict.accepted);
      const said = report.failure
        ? report.failure.diagnostics.map((one) => one.message).join(' ')
        : [refused?.explanation?.message, refused?.explanation?.needed, refused?.explanation?.known].join(' | ');
      expect(report.failure?.diagnostics[0]?.code ?? refused?.explanation?.code, refused?.verdict.kernelMessage).toBe(
        code,
      );
      expect(said).toMatch(new RegExp(words!));
      const here = text.split('\n').findIndex((line) => line.includes('/* here */')) + 1;
      if (here > 0) expect(refused?.explanation?.source?.line).toBe(here);
      const fixes = report.failure?.fixes ?? refused?.fixes ?? [];
      expect(fixes.length, said).toBeGreaterThan(0);
      for (const fix of fixes) {
        const mended = verdicts(apply(text, fix.edits));
        expect(mended.programs.length).toBeGreaterThan(0);
        for (const { verdict } of mended.programs) expect(verdict.accepted, fix.title).toBe(true);
      }
    });
  }
});
