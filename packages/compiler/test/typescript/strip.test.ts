import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { parseTypeScript, scriptOf, stripTypes } from '../../src/index.ts';

async function stripped(text: string): Promise<string> {
  const file = { name: 'a.ts', text };
  return stripTypes(await parseTypeScript(file), file);
}

describe('types taken out of a module', () => {
  it.each([
    ['const a: number = 1;', 'const a         = 1;'],
    ['let x!: string;', 'let x         ;'],
    ['type A = 1;\nconst b = 2 as const;', '           \nconst b = 2         ;'],
    ['interface X {\n  a: 1;\n}\nf();', '             \n       \n \nf();'],
    ['const f = <T,>(a?: T, b: T[] = []): T => a!;', 'const f =     (a    , b      = [])    => a ;'],
    ["import { type A, b } from './x.ts';", "import {         b } from './x.ts';"],
    ["import type { A } from './x.ts';", '                               '],
    [
      'class A { private x: number = 1; readonly y?: string; m(this: A): void {} }',
      'class A {         x         = 1;          y         ; m(       )       {} }',
    ],
    ['const a = (b satisfies C) + d!.e<string>();', 'const a = (b            ) + d .e        ();'],
  ])('%s', async (text, wanted) => {
    expect((await stripped(text)).trimEnd()).toBe(wanted.trimEnd());
  });
  it('leaves what runs, and lines where they were', async () => {
    const text = 'export const a: number = 1;\ntype T = {\n  b: 1;\n};\nexport default (x: T): number =>\n  x.b + a;\n';
    const file = { name: 'a.ts', text };
    const script = scriptOf(await parseTypeScript(file), file);
    expect(script.split('\n').findIndex((one) => one.includes('x.b + a'))).toBe(5);
    const exports: { default?: (x: unknown) => number; a?: number } = {};
    await new Script(script).runInThisContext()({ exports, import: async () => ({}) });
    expect(exports.a).toBe(1);
    expect(exports.default!({ b: 2 })).toBe(3);
  });
  it.each(['enum A { B }', 'namespace N { export const a = 1; }', 'class A { constructor(private x: number) {} }'])(
    'refuses what is more than a type: %s',
    async (text) => {
      const file = { name: 'a.ts', text };
      const program = await parseTypeScript(file);
      expect(() => scriptOf(program, file)).toThrow(/E1605/);
    },
  );
});
