import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printTokens } from '../src/c/preprocess/preprocess.ts';
import { T } from '../src/c/token.ts';
import { clang, run, spellings } from './preprocess-support.ts';

const STANDARD = `#define x 3
#define f(a) f(x * (a))
#undef x
#define x 2
#define g f
#define z z[0]
#define h g(~
#define m(a) a(w)
#define w 0,1
#define t(a) a
#define p() int
#define q(x) x
#define r(x,y) x ## y
#define str(x) # x
`;

describe('macros', () => {
  it('rescans as in the examples of C11 6.10.3.5', () => {
    expect(
      run(`${STANDARD}f(y+1) + f(f(z)) % t(t(g)(0) + t)(1);
g(x+(3,4)-w) | h 5) & m
(f)^m(m);
p() i[q()] = { q(1), r(2,3), r(4,), r(,5), r(,) };
char c[2][6] = { str(hello), str() };`).texts,
    ).toEqual(
      spellings(`f(2 * (y+1)) + f(2 * (f(2 * (z[0])))) % f(2 * (0)) + t(1);
f(2 * (2+(3,4)-0,1)) | f(2 * (~ 5)) & f(2 * (0,1))^m(0,1);
int i[] = { 1, 23, 4, 5, };
char c[2][6] = { "hello", "" };`),
    );
  });

  it('stringises and pastes as in example 4', () => {
    expect(
      run(`#define str(s) # s
#define xstr(s) str(s)
#define debug(s, t) printf("x" # s "= %d, x" # t "= %s", x ## s, x ## t)
#define INCFILE(n) vers ## n
#define glue(a, b) a ## b
#define xglue(a, b) glue(a, b)
#define HIGHLOW "hello"
#define LOW LOW ", world"
debug(1, 2);
fputs(str(strncmp("abc\\0d", "abc", '\\4') // this goes away
== 0) str(: @\\n), s);
xstr(INCFILE(2).h)
glue(HIGH, LOW);
xglue(HIGH, LOW)`).texts,
    ).toEqual(
      spellings(`printf("x" "1" "= %d, x" "2" "= %s", x1, x2);
fputs("strncmp(\\"abc\\\\0d\\", \\"abc\\", '\\\\4') == 0" ": @\\n", s);
"vers2.h" "hello"; "hello" ", world"`),
    );
  });

  it.each([
    ['#define p(f, a...) q(f, ##a)\np(1) p(1,) p(1,2,3)', 'q(1) q(1,) q(1,2,3)'],
    ['#define p(f, ...) q(f, ##__VA_ARGS__)\n#define y 5\np(1) p(1,y)', 'q(1) q(1,5)'],
    ['#define p(...) q(a, ##__VA_ARGS__)\np() p(1)', 'q(a) q(a,1)'],
    ['#define F(a,...) f(a __VA_OPT__(,) __VA_ARGS__)\nF(1) F(1,) F(1,2)', 'f(1) f(1) f(1,2)'],
    ['#define S(n, ...) n __VA_OPT__(= { __VA_ARGS__ })\nS(a); S(b, 1, 2);', 'a; b = { 1, 2 };'],
    ['#define AA BB\n#define BB AA\nAA BB', 'AA BB'],
    ['#define NIL(x) x\n#define G0(a) NIL(G1)(a)\n#define G1(a) NIL(a)\nG0(42)', '42'],
    ['#define E\n#define f(x) [x]\nf E (1) f\n(2)', 'f (1) [2]'],
    ['#define cat(a,b,c) a##b##c\ncat(,,) cat(1,,3) cat(,x,) cat(L,"a",)', '13 x L"a"'],
    ['#define D <: %:\nD', '<: %:'],
    ['__LINE__ do\\\nuble "a\\\nb" x/\\\n* c */y', '1 double "ab" x y'],
    ['#define l(x) __LINE__ x\nl(\n\n1\n)', '5 1'],
    ['__COUNTER__ __COUNTER__ __FILE__ __INCLUDE_LEVEL__ __BASE_FILE__', '0 1 "main.c" 0 "main.c"'],
    ['#line 100 "other.c"\n__LINE__ __FILE__', '100 "other.c"'],
    ['#pragma push_macro("a")\n#define a 1\n#pragma pop_macro("a")\na', 'a'],
  ])('%j', (source, expected) => {
    const { texts, diagnostics } = run(source);
    expect(diagnostics).toEqual([]);
    expect(texts).toEqual(spellings(expected));
  });

  it('tells where a token comes from', () => {
    const { tokens } = run('#define inner(x) x + 1\n#define outer(x) inner(x)\nint a = outer(bad);');
    const plus = [...Array(tokens.length).keys()].find((i) => tokens.kind(i) === T.Plus)!;
    expect(tokens.span(plus)).toMatchObject({ start: 57, end: 62 });
    expect(tokens.notes(plus).map((note) => note.message)).toEqual([
      "expanded from macro 'inner'",
      "expanded from macro 'outer'",
    ]);
    const bad = [...Array(tokens.length).keys()].find((i) => tokens.text(i) === 'bad')!;
    expect(tokens.span(bad)).toMatchObject({ start: 63, end: 66 });
  });
});

describe('conditions', () => {
  it.each([
    ['1 + 2 * 3 == 7', true],
    ['-1 > 0u', true],
    ['-1 >> 1 == -1', true],
    ['0 ? 1/0 : 1', true],
    ['0 && 1/0 || 0x10u == 16', true],
    ["'a' == 97 && '\\377' < 0", true],
    ['18446744073709551615u + 1 == 0', true],
    ['(2 || 3) != 1', false],
    ['defined __BPF__ && defined(__bpf__) && !defined nothing', true],
    ['__has_builtin(__builtin_memcpy) && !__has_builtin(__builtin_nonsense)', true],
    ['__has_attribute(__always_inline__) && __has_attribute(section)', true],
    ['__has_include(<bpf/bpf_helpers.h>) && !__has_include("none.h")', true],
    ['__clang_major__ >= 12 && __BPF_CPU_VERSION__ == 3', true],
    ['~0 == -1 ? 1 : 0', true],
    ['1 << 63 < 0', true],
  ])('#if %s', (condition, truth) => {
    const { text, diagnostics } = run(`#if ${condition}\nyes\n#else\nno\n#endif`);
    expect(diagnostics).toEqual([]);
    expect(text).toBe(truth ? 'yes' : 'no');
  });

  it('reads only the group that is taken', () => {
    expect(
      run('#if 0\ndon\'t # " \n#if 1\n#else\n#endif\n#elif 0\n#error no\n#elifdef __bpf__\na\n#else\nb\n#endif c')
        .texts,
    ).toEqual(['a']);
  });
});

describe('include', () => {
  it('searches beside the file, in the directories, at last built-in', () => {
    const files = { 'a.h': '#pragma once\nint a;', 'd/b.h': '#include "c.h"', 'd/c.h': 'int c;', 'e/c.h': 'int e;' };
    const { text, dependencies } = run(
      '#include "a.h"\n#include "a.h"\n#include <b.h>\n#define H <c.h>\n#include H',
      files,
      {
        includePaths: ['e', 'd'],
      },
    );
    expect(text).toBe('int a ; int c ; int e ;');
    expect(dependencies.map((file) => file.name)).toEqual(['main.c', 'a.h', 'd/b.h', 'd/c.h', 'e/c.h']);
  });

  it('goes on with #include_next', () => {
    const files = { 'a/s.h': 'first\n#include_next <s.h>', 'b/s.h': 'second' };
    expect(run('#include <s.h>', files, { includePaths: ['a', 'b'] }).text).toBe('first second');
  });

  it('answers vmlinux.h on demand unless there is one', () => {
    expect(run('#include "vmlinux.h"\n#ifdef __VMLINUX_H__\nvirtual\n#endif')).toMatchObject({
      text: 'virtual',
      features: { vmlinux: true, helpers: false },
    });
    expect(run('#include "vmlinux.h"', { 'vmlinux.h': 'real' })).toMatchObject({
      text: 'real',
      features: { vmlinux: false },
    });
    expect(run('#include <bpf/bpf_helpers.h>').features.helpers).toBe(true);
  });
});

describe('pragmas', () => {
  it('hands on those that mean something', () => {
    const { tokens } = run(`#pragma unroll
#pragma unroll(4)
_Pragma("clang loop unroll(disable)")
#pragma GCC diagnostic ignored "-Wall"
#pragma pack(push, 1)
#pragma pack(pop)
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#pragma clang attribute pop
#pragma GCC visibility push(hidden)`);
    expect(tokens.pragmas).toEqual([
      { kind: 'unroll', unroll: 'full' },
      { kind: 'unroll', unroll: 4 },
      { kind: 'unroll', unroll: 'disable' },
      { kind: 'pack', action: 'push', align: 1 },
      { kind: 'pack', action: 'pop', align: undefined },
      { kind: 'attribute-push', attributes: ['preserve_access_index'], applyTo: ['record'] },
      { kind: 'attribute-pop' },
      { kind: 'visibility-push', visibility: 'hidden' },
    ]);
    expect(tokens.length).toBe(9);
  });
});

describe('any input', () => {
  it('ends with an Eof and never throws', () => {
    const piece = fc.constantFrom(
      ...'#define |#undef |#if |#ifdef |#elif |#else\n|#endif\n|#include |A|B|f(|)|(|,|##|#|...|__VA_ARGS__|__VA_OPT__|"|\'|\\|\n| |1|0x|+|defined|_Pragma|/*|*/|//|<|>|__LINE__|\u201c|é'.split(
        '|',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const { tokens } = run(pieces.join(''));
        expect(tokens.kind(tokens.length - 1)).toBe(T.Eof);
      }),
      { numRuns: 2000 },
    );
  });

  it('stops what would grow without end', () => {
    let bomb = '#define a0 x x\n';
    for (let i = 1; i < 60; i++) bomb += `#define a${i} a${i - 1} a${i - 1}\n`;
    expect(run(`${bomb}a59`).diagnostics.map((one) => one.code)).toEqual(['E1025']);
    expect(
      run('#include "main.c"\n#include "main.c"', { 'main.c': '#include "main.c"\n#include "main.c"' }).diagnostics[0]
        ?.code,
    ).toBe('E1002');
    expect(run(`#define f(x) x\n${'f('.repeat(5000)}`).diagnostics.map((one) => one.code)).toContain('E1012');
    expect(run(`#define f(x) x\n${'f('.repeat(5000)}${')'.repeat(5000)}`).diagnostics[0]?.code).toBe('E1026');
    expect(run(`#if ${'('.repeat(100000)}\n#endif`).diagnostics[0]?.code).toBe('E1007');
    expect(run('#if 1\n'.repeat(20000)).diagnostics.at(-1)?.code).toBe('E1026');
  });
});

/** Random programs of macros: clang is asked for all of them in one run. */
describe.skipIf(clang === undefined)('the same tokens as clang-19 -E (skipped without clang-19)', () => {
  it('on random macros', () => {
    // Without those that are wrong: clang ends all reading at a call that is not closed.
    const programs = fc
      .sample(macroProgram, { numRuns: 1500, seed: 20 })
      .filter((program) => run(program).diagnostics.every((one) => one.severity !== 'error'));
    const count = programs.length;
    expect(count).toBeGreaterThan(300);
    const directory = mkdtempSync(join(tmpdir(), 'skep-macros-'));
    const separator = '_separator_';
    let theirs: string;
    try {
      for (const [i, program] of programs.entries()) writeFileSync(join(directory, `${i}.h`), program);
      const source = programs.map((_, i) => `#include "${directory}/${i}.h"\n${separator}\n`).join('');
      const options = ['-target', 'bpf', '-E', '-P', '-w', '-ferror-limit=0', '-x', 'c', '-'];
      theirs = spawnSync(clang!, options, { input: source, maxBuffer: 1 << 28 }).stdout.toString();
      expect(theirs.split(separator).length).toBe(count + 1);
    } finally {
      rmSync(directory, { recursive: true });
    }
    const parts = theirs.split(separator);
    for (const [i, program] of programs.entries())
      expect(spellings(printTokens(run(program).tokens)), program).toEqual(spellings(parts[i]!));
  });
});

const macroProgram = (() => {
  const names = ['A', 'B', 'C', 'F', 'G', 'V'];
  const shapes = ['', '', '', '(x)', '(x, y)', '(x, ...)'];
  const word = (i: number) => {
    const own = ['1', 'k', '+', '(', ')', ',', ...names, 'F(1)', 'G(2, k)', 'V(3, 4)', 'G(', '"s"'];
    if (i >= 3) own.push('x', 'x', 'x ## x', '# x', 'x ## 1', 'k ## x');
    if (i >= 4) own.push('y', 'x ## y');
    if (i === 5) own.push('__VA_ARGS__', '__VA_ARGS__', ', ## __VA_ARGS__', '# __VA_ARGS__', '__VA_OPT__(k)');
    return fc.constantFrom(
      ...own.map((one) => (i < 5 ? one.replaceAll('y', i === 4 ? 'y' : 'k') : one.replaceAll(/\by\b/g, 'x'))),
    );
  };
  const bodies = names.map((_, i) => fc.array(word(i), { maxLength: 5 }));
  const text = fc.array(
    fc.constantFrom(...names, '(', ')', ',', 'k', '1', 'F(', 'G(', 'V(', 'F(A)', 'G(B, C)', 'V(F, G)', '\n'),
    {
      maxLength: 14,
    },
  );
  return fc.tuple(fc.tuple(...bodies), text).map(([parts, use]) => {
    const defines = names.map((name, i) => `#undef ${name}\n#define ${name}${shapes[i]} ${parts[i]!.join(' ')}\n`);
    return `${defines.join('')}${use.join(' ')}`;
  });
})();
