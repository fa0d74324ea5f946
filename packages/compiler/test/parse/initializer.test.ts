import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hex } from '@skep/base';
import { readElf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import type { Initializer } from '../../src/c/ast.ts';
import { integerConstant } from '../../src/c/constant.ts';
import { sizeOf } from '../../src/c/types.ts';
import { parseText } from './parse-text.ts';

const TYPES = `
struct p { int x, y; }; struct q { struct p p[2]; char name[4]; union { int i; char c; }; };
struct b { unsigned a : 3, : 2, b : 7; long c : 40; _Bool d : 1; }; struct n { char c; struct { short s; union { long l; char t[3]; }; }; int e; };
struct f { int n; char data[]; }; struct z { struct {} e; int a; }; union u { char c[6]; int i; struct p p; }; enum e { ONE = 1, MANY = 70000 };
`;

/** Each is the declaration of one global. */
const GLOBALS = [
  'struct q v = { 1, 2, 3, 4, "abc", { 7 } };',
  'struct q v = { { { 1, 2 }, { 3 } }, { 65, 66 }, .c = 9 };',
  'struct q v = { .p[1].y = 4, .p[0] = { 1, 2 }, .name = { [2] = 1, 2 }, .i = 0x10203 };',
  'struct q v = { .p = { [1] = { .y = 7 } }, .name = "xyzw" };',
  'struct q v[2] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };',
  'struct q v[] = { [1].p[0].x = 1, 2, 3, 4, [0] = { .name = "ab" }, };',
  'int v[] = { [2 ... 4] = 7, 8, [0] = 1, 2 };',
  'int v[3][2] = { 1, 2, 3, [2] = { 5 } };',
  'int v[][3] = { { 1 }, 2, 3, 4, { [2] = 9 } };',
  'struct p v[4] = { [0 ... 2] = { 1, 2 }, [1].y = 5 };',
  'char v[] = "text" "more";',
  'char v[3] = "abc";',
  'char v[][4] = { "a", { "bcd" }, { 1, 2 } };',
  'unsigned char v[6] = { "a\\0b" };',
  'struct b v = { 5, 100, -2, 1 };',
  'struct b v = { .c = 0x123456789a, .d = 3, .a = 15 };',
  'struct b v[2] = { { .b = 1 }, { .a = 2 } };',
  'struct n v = { 1, { 2, { 3 } }, 4 };',
  'struct n v = { 1, 2, 3, 4 };',
  'struct n v = { .t = { 1, 2, 3 }, .s = 5, 6, .c = 7 };',
  'struct n v = { .l = 5, 6 };',
  'struct f v = { 3, "abc" };',
  'struct f v = { 3, { 1, 2, 3, 4, 5 } };',
  'struct z v = { {}, 5 };',
  'union u v = { "abcde" };',
  'union u v = { .p = { 1, 2 } };',
  'union u v[2] = { { 1, 2 }, { .i = 7 } };',
  'union u v = { .i = 5, .c[1] = 9 };',
  'struct p v = (struct p){ 4, 5 };',
  'struct q v = { .p = { (struct p){ 1, 2 }, { 3, 4 } } };',
  'struct p v = { y: 1, x: 2 };',
  'int v = { 5 };',
  'enum e v[2] = { MANY, ONE };',
  'long v = -1; ',
  'unsigned char v = 255 + 2;',
  'struct { int a; struct p b; } v = { 1, .b.y = 3 };',
  'struct { struct p a[2], b; } v = { .a[0].y = 1, 2, 3, 4 };',
  'struct { int a; union { int b; struct p c; }; int d; } v = { 1, { .c = { 2, 3 } }, 4 };',
];

describe('initialisers of globals', () => {
  const clang = hasClang();
  it.skipIf(!clang)(`give the bytes that clang-19 gives${clang ? '' : ' (skipped: clang-19 is not installed)'}`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'skep-init-'));
    try {
      const named = GLOBALS.map((text, i) =>
        text.replace(/\bv\b/, `v${i}`).replace(' =', ` __attribute__((section("s${i}"))) =`),
      );
      const source = `${TYPES}${named.join('\n')}\n`;
      writeFileSync(join(directory, 'a.c'), source);
      execFileSync('clang-19', ['-target', 'bpf', '-w', '-c', join(directory, 'a.c'), '-o', join(directory, 'a.o')]);
      const elf = readElf(new Uint8Array(readFileSync(join(directory, 'a.o'))));
      const { tree, diagnostics } = parseText(source);
      expect(diagnostics.filter((one) => one.severity === 'error').map((one) => one.message)).toEqual([]);
      for (const [i, text] of GLOBALS.entries()) {
        const section = elf.sections.find((one) => one.name === `s${i}`)!;
        const ours = bytesOf(tree!.variables.find((one) => one.name === `v${i}`)!.init!);
        expect(hex(ours), text).toBe(hex(section.data));
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

function bytesOf(init: Initializer): Uint8Array {
  const bytes = new Uint8Array(init.size);
  for (const part of init.parts) {
    if (part.value.kind === 'string') {
      bytes.fill(0, part.offset, part.offset + (sizeOf(part.type) ?? 0));
      bytes.set(part.value.bytes, part.offset);
      continue;
    }
    const value = integerConstant(part.value)!;
    const first = part.offset * 8 + (part.bitField?.bitOffset ?? 0);
    const width = part.bitField?.bitWidth ?? sizeOf(part.type)! * 8;
    for (let bit = 0; bit < width; bit++) {
      const at = first + bit;
      const set = (value >> BigInt(bit)) & 1n;
      bytes[at >> 3] = set ? bytes[at >> 3]! | (1 << (at & 7)) : bytes[at >> 3]! & ~(1 << (at & 7));
    }
  }
  return bytes;
}

function hasClang(): boolean {
  try {
    execFileSync('clang-19', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
