import { describe, expect, it } from 'vitest';
import { compile } from '../src/compile.ts';

const BAD = (name: string) => `static int ${name}(int x) { if (x) return 1; }`;

/** Functions that are warned of, by name. */
function warned(
  lines: readonly string[],
  files: Record<string, string> = {},
  options: { systemPaths?: string[]; includePaths?: string[]; warnings?: string[] } = {},
): string[] {
  const text = `${lines.join('\n')}\n__attribute__((section("socket"))) int f(void *ctx) { return 0; }\n`;
  const result = compile({ name: 'a.bpf.c', text }, { ...options, readFile: (name) => files[name] });
  const list = result.ok ? result.warnings : result.diagnostics;
  return list.map((one) => `${one.severity} ${/'(\w+)'/.exec(one.message)?.[1] ?? one.message}`);
}

describe('what sources say of warnings', () => {
  it('is heard from the pragma to the pop, for both spellings', () => {
    for (const who of ['GCC', 'clang']) {
      expect(
        warned([
          BAD('before'),
          `#pragma ${who} diagnostic push`,
          `#pragma ${who} diagnostic ignored "-Wreturn-type"`,
          BAD('inside'),
          `#pragma ${who} diagnostic pop`,
          BAD('behind'),
        ]),
      ).toEqual(['warning before', 'warning behind']);
    }
  });

  it('holds in what is included, and changes what is an error', () => {
    const files = { 'inc/one.h': BAD('included') };
    const at = { includePaths: ['inc'] };
    expect(warned(['_Pragma("GCC diagnostic ignored \\"-Wreturn-type\\"")', '#include <one.h>'], files, at)).toEqual(
      [],
    );
    expect(warned(['#pragma GCC diagnostic error "-Wreturn-type"', BAD('inside')])).toEqual(['error inside']);
    expect(
      warned(['#pragma GCC diagnostic warning "-Wreturn-type"', BAD('inside')], {}, { warnings: ['no-return-type'] }),
    ).toEqual(['warning inside']);
  });

  it('is silence in headers of the system and what they include, and ends with them', () => {
    const files = { 'sys/one.h': `#include "two.h"\n${BAD('one')}`, 'sys/two.h': BAD('two') };
    expect(warned(['#include <one.h>', BAD('own')], files, { systemPaths: ['sys'] })).toEqual(['warning own']);
    expect(warned(['#include <one.h>'], files, { includePaths: ['sys'] })).toEqual(['warning two', 'warning one']);
    const marked = { 'inc/one.h': `#pragma GCC system_header\n${BAD('one')}` };
    expect(warned(['#include <one.h>', BAD('own')], marked, { includePaths: ['inc'] })).toEqual(['warning own']);
  });

  it('is told when it makes no sense', () => {
    expect(warned(['#pragma GCC diagnostic pop'])).toEqual([
      expect.stringContaining('pop without the push that it ends'),
    ]);
    expect(warned(['#pragma GCC diagnostic ignored -Wunused'])).toHaveLength(1);
    expect(warned(['#pragma GCC diagnostic off'])).toHaveLength(1);
  });
});
