import { describe, expect, it } from 'vitest';
import { describeDiagnostics, diagnose, MAIN, rewriteTables, wrongPrograms } from './table.ts';

if (process.env['SKEP_UPDATE_ERRORS']) rewriteTables();
const programs = wrongPrograms();

describe('wrong programs (conformance/compiler/errors; SKEP_UPDATE_ERRORS=1 writes what is said now)', () => {
  it('are two hundred at least, each with an expectation', () => {
    expect(programs.length).toBeGreaterThanOrEqual(200);
    expect(programs.filter((one) => one.expected.length === 0).map((one) => one.name)).toEqual([]);
    const names = programs.map((one) => `${one.table}: ${one.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(programs.map((one) => [`${one.table}: ${one.name}`, one] as const))('%s', (_, { files, expected }) => {
    const list = diagnose(files);
    expect(describeDiagnostics(list)).toEqual(expected);
    for (const one of list) {
      expect(one.code).toMatch(/^[EW]1[0-4]\d\d$/);
      // Whatever is wrong, it is shown in a file that the user wrote.
      expect(one.span && [...files.keys()].includes(one.span.file.name)).toBe(true);
      expect(one.span!.start).toBeLessThanOrEqual(one.span!.end);
      expect(one.span!.end).toBeLessThanOrEqual(files.get(one.span!.file.name)?.length ?? 0);
    }
    expect(files.has(MAIN)).toBe(true);
  });
});
