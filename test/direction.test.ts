import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { filesBelow, MAY_IMPORT, packages, ROOMS } from './workspace.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const roomOf = new Map(packages.map((one) => [one.name, one.room]));

describe('the direction of imports', () => {
  it('knows every package', () => {
    expect(packages.map((one) => one.room)).toEqual(ROOMS);
  });

  for (const one of packages) {
    it(`${one.room} imports only what stands above it, by package name, and declares it`, () => {
      const problems: string[] = [];
      for (const file of filesBelow(`${one.folder}/src`, /\.ts$/)) {
        for (const specifier of importsOf(readFileSync(join(root, file), 'utf8'))) {
          if (specifier.startsWith('.')) {
            const target = join(dirname(file), specifier);
            if (!target.startsWith(`${one.folder}/src/`)) problems.push(`${file}: ${specifier} leaves the package`);
            if (!specifier.endsWith('.ts')) problems.push(`${file}: ${specifier} has no .ts`);
            continue;
          }
          if (specifier.startsWith('node:')) {
            if (one.browser && one.room !== 'runtime') problems.push(`${file}: ${specifier} in a browser package`);
            continue;
          }
          const room = roomOf.get(specifier);
          if (room === undefined) {
            if (/^(@skep\/|skep($|\/))/.test(specifier)) problems.push(`${file}: deep import ${specifier}`);
            else if (!one.dependencies.includes(specifier)) problems.push(`${file}: ${specifier} is not declared`);
            continue;
          }
          if (!MAY_IMPORT[one.room]!.includes(room)) problems.push(`${file}: ${one.room} must not import ${room}`);
          else if (!one.dependencies.includes(specifier)) problems.push(`${file}: ${specifier} is not declared`);
        }
      }
      expect(problems).toEqual([]);
    });
  }
});

function importsOf(text: string): string[] {
  return [
    ...text.matchAll(
      /^\s*(?:import|export)\b[^'"`;]*?from\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|^\s*import\s*'([^']+)'/gm,
    ),
  ].map((match) => (match[1] ?? match[2] ?? match[3])!);
}
