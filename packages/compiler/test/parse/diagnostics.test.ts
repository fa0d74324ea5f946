import { describe, expect, it } from 'vitest';
import { parseText } from './parse-text.ts';

/** Source, the diagnostics as code and line, and a part of the first message. */
const TABLE: readonly (readonly [string, readonly string[], string])[] = [
  // syntax
  ['int f(void) {\n return 1\n}', ['E1101:2'], "expected ';', found '}'"],
  ['int f(void) {\n int a = (1 + 2;\n return a; }', ['E1101:2'], "expected ')'"],
  ['int f(void) { if 1) return 2; return 3; }', ['E1101:1'], "expected '('"],
  ['int f(void) {', ['E1101:1'], "expected '}', found the end of the file"],
  ['int a = 08;', ['E1103:1'], "digit '8' in an octal literal"],
  ['int a = 1z;', ['E1103:1'], "invalid suffix 'z'"],
  ['short long a;', ['E1104:1'], 'do not make a type together'],
  ['int char a;', ['E1104:1'], 'after another type'],
  ['static extern int a;', ['E1104:1'], "'extern' after 'static'"],
  ['main() { return 0; }', ['E1105:1'], 'a declaration needs a type'],
  ['int a __attribute__((aligned(3)));', ['E1106:1'], 'power of two'],
  ['#pragma pack(pop)\nint a;', ['E1107:1'], 'without the push'],
  // names and types
  ['int f(int count) {\n return cout;\n}', ['E1201:2'], "'cout' is not declared"],
  [
    'int f(void) { undefined_function(1, nope); return 0; }',
    ['E1201:1', 'E1201:1'],
    "'undefined_function' is not declared",
  ],
  ['foo x;\nint y;', ['E1202:1'], "unknown type name 'foo'"],
  ['typedef int number;\nnumbr x;', ['E1202:2'], "unknown type name 'numbr'"],
  ['struct s { int pid; };\nint f(struct s *s) { return s->pib; }', ['E1203:2'], "no member named 'pib'"],
  ['int a = 1;\nint a = 2;', ['E1204:2'], "'a' is defined twice"],
  ['struct s { int a; };\nstruct s { int b; };', ['E1204:2'], "'struct s' is defined twice"],
  ['struct s { int a; int a; };', ['E1204:1'], "'a' is defined twice"],
  ['int f(void) { return 1; }\nint f(void) { return 2; }', ['E1204:2'], "'f' is defined twice"],
  ['void f(void) { int a; int a; }', ['E1204:1'], "'a' is defined twice"],
  ['int a;\nlong a;', ['E1205:2'], "'long' instead of 'int'"],
  ['int f(int);\nint f(long);', ['E1205:2'], "'f' is declared with another type"],
  ['struct s;\nvoid f(void) { struct s x; }', ['E1207:2'], 'incomplete type'],
  ['struct s;\nint f(struct s *p) { return p->a; }', ['E1207:2'], 'incomplete type'],
  ['struct s *p; int f(void) { p++; return sizeof(struct s); }', ['E1207:1', 'E1207:1'], 'incomplete type'],
  ['int f(int *p, int *q) { return p * q; }', ['E1208:1'], "'*' cannot take"],
  ['struct s { int a; } x; int f(void) { return x + 1; }', ['E1208:1'], "'+' cannot take"],
  ['int f(int a) { return *a; }', ['E1209:1'], "'*' cannot take 'int'"],
  ['struct s { int a; } x; int f(void) { if (x) return 1; return 0; }', ['E1209:1'], 'cannot take'],
  ['void f(int a) { a + 1 = 2; 5++; }', ['E1210:1', 'E1210:1'], 'not a place'],
  ['const int a = 1;\nvoid f(const int *p) { a = 2; *p = 3; }', ['E1211:2', 'E1211:2'], "'a' is const"],
  ['struct s { int a; } x; void f(void) { x = 1; }', ['E1212:1'], 'does not convert'],
  ['int g(int a, int b);\nint f(void) { return g(1); }', ['E1213:2'], 'too few arguments'],
  ['int g(int a);\nint f(void) { return g(1, 2); }', ['E1214:2'], 'too many arguments'],
  ['int f(int a) { return a(1); }', ['E1215:1'], 'is not a function'],
  ['int f(int a) { return a.x; }', ['E1216:1'], 'not a struct'],
  ['struct s { int a; } x; int f(void) { return x->a; }', ['E1216:1'], 'not a pointer to a struct'],
  ['int n; int a[n];', ['E1217:1'], 'must be a constant'],
  ['int n; int m = n;', ['E1217:1'], 'initialiser of a global'],
  ['void f(int a) { switch (a) { case a: ; } }', ['E1217:1'], "value of a 'case'"],
  ['void f(void) { break; }', ['E1218:1'], "'break' outside of a loop or switch"],
  ['void f(void) { continue; case 1: ; }', ['E1218:1', 'E1218:1'], "'continue' outside of a loop"],
  ['void f(int a) { switch (a) { case 1: case 2:\n case 1: ; } }', ['E1219:2'], 'case 1 appears twice'],
  ['void f(int a) { switch (a) { case 1 ... 5: ;\n case 3: ; } }', ['E1219:2'], 'case 3 appears twice'],
  ['void f(void) { goto nowhere; }', ['E1220:1'], 'used but not defined'],
  ['_Static_assert(1 == 2, "no");', ['E1221:1'], 'static assertion failed: no'],
  ['int a[2] = { 1, 2, 3 };', ['W1213:1'], 'more values'],
  ['int a[2] = 5;', ['E1223:1'], 'needs values in braces'],
  ['char a[2] = "long";', ['W1214:1'], 'too long'],
  ['int a[2] = { [5] = 1 };', ['E1223:1'], 'lies outside'],
  ['struct s { int a : 40; char *b : 2; int c : 0; };', ['E1224:1', 'E1224:1', 'E1224:1'], '1 to 32 bits'],
  ['void v;', ['E1225:1'], "cannot have the type 'void'"],
  ['int a[-1];', ['E1226:1'], 'negative'],
  ['int f(void) { return; } void g(void) { return 1; }', ['E1227:1', 'E1227:1'], 'must return a value'],
  ['int f(int *p) { return __builtin_preserve_enum_value(1, 1); }', ['E1228:1'], 'needs an enumerator'],
  ['short n; void f(void) { __sync_fetch_and_add(&n, 1); }', ['E1228:1'], '4 or 8 bytes'],
  ['int f(long a) { return _Generic(a, int: 1, char: 2); }', ['E1229:1'], 'no branch'],
  ['struct s { int a : 3; } x; int *f(void) { return &x.a; }', ['E1230:1'], 'has no address'],
  ['struct s { int a; }; union s *p;', ['E1231:1'], 'tag of another kind'],
  // not in skep or eBPF
  ['void *p = &&l;', ['E1218:1'], 'functions'],
  ['_Atomic int a;', ['E1401:1'], "'_Atomic'"],
  ['float a; float f(void) { return a * 2; }', ['E1403:1'], 'floating-point arithmetic'],
  ['double f(void) { return 1.5; }', ['E1403:1'], 'a floating-point constant'],
  ['unsigned __int128 a, b; int f(void) { return a < b; }', ['E1404:1'], '128-bit'],
  ['int f(int n) { char a[n]; return 0; }', ['E1405:1'], 'variable length'],
  ['int f(int a, ...) { return a; }', ['E1406:1'], 'variable number of arguments'],
  ['int f(int a, int b, int c, int d, int e, int g) { return a; }', ['E1407:1'], '6 parameters'],
  ['struct s { int a; }; int g(struct s); int f(void) { struct s x = {}; return g(x); }', ['E1408:1'], 'by value'],
  ['int f(void) { int a __attribute__((vector_size(16))); return 0; }', ['E1409:1'], "attribute 'vector_size'"],
  ['int f(int a, int b) { return __builtin_add_overflow(a, b, a); }', ['E1228:1'], 'third argument'],
  // warnings
  ['int a __attribute__((nonsense));', ['W1201:1'], "unknown attribute 'nonsense'"],
  ['struct a *p; struct b *q; void f(void) { p = q; }', ['W1202:1'], 'pointers to different types'],
  ['const char *p; void f(void) { char *q = p; }', ['W1203:1'], 'drops a qualifier'],
  ['int f(char *p) { return p; }', ['W1204:1'], 'without a cast'],
  ['int f(int a) {\n if (a) return 1;\n}', ['W1205:3'], 'without returning'],
  ['int f(int *p, char *q) { return p == q; }', ['W1206:1'], 'comparison'],
  ['unsigned char a = 300;', ['W1207:1'], 'becomes 44'],
  ['int;', ['W1208:1'], 'declares nothing'],
  ['int f(int a) { return a << 32; }', ['W1209:1'], 'shift by 32'],
  ['int f(int a) { return a / 0; }', ['W1210:1'], 'by zero'],
  ['int a __attribute__((packed));', ['W1211:1'], "attribute 'packed' is ignored"],
  ['unsigned long a = 18446744073709551615;', ['W1212:1'], 'taken as unsigned'],
];

describe('diagnostics', () => {
  for (const [text, codes, part] of TABLE) {
    it(`${codes.join(' ')} for ${text.replaceAll('\n', ' ')}`, () => {
      const parsed = parseText(text);
      expect(parsed.codes).toEqual(codes);
      expect(parsed.diagnostics[0]?.message).toContain(part);
    });
  }

  it('suggests names that are near', () => {
    const help = (text: string) => parseText(text, { helpers: true }).diagnostics[0]?.help;
    expect(help('int f(int count) { return cout; }')).toBe("did you mean 'count'?");
    expect(help('int f(void) { return bpf_ktime_get_n(); }')).toBe("did you mean 'bpf_ktime_get_ns'?");
    expect(help('struct s { int pid; }; int f(struct s *s) { return s->pdi; }')).toBe("did you mean 'pid'?");
    expect(help('struct event { int a; };\nevent e;')).toBe("write 'struct event'");
  });

  it('goes on after an error, and stops at the limit', () => {
    const { codes } = parseText('int f(void) {\n int a = x;\n a = y +;\n return z;\n}\nint g(void) { return w; }');
    expect(codes).toEqual(['E1201:2', 'E1201:3', 'E1101:3', 'E1201:4', 'E1201:6']);
    expect(
      parseText(Array.from({ length: 100 }, (_, i) => `int a${i} = b;`).join('\n'), { limit: 10 }).codes,
    ).toHaveLength(10);
  });
});

describe('hostile input', () => {
  const many = 20_000;
  const CASES: Record<string, string> = {
    parentheses: `int a = ${'('.repeat(many)}1${')'.repeat(many)};`,
    'unary operators': `int a = ${'-~!'.repeat(many)}1;`,
    'a long sum': `int f(int a) { return ${'a + '.repeat(many)}1; }`,
    'a long comma': `int f(int a) { return ${'a, '.repeat(many)}1; }`,
    subscripts: `int f(int *a) { return a${'[0]'.repeat(many)}; }`,
    blocks: `void f(void) { ${'{'.repeat(many)}${'}'.repeat(many)} }`,
    structs: `${'struct {'.repeat(many)} int a; ${'};'.repeat(many)}`,
    pointers: `int ${'*'.repeat(many)}a;`,
    'nested declarators': `int ${'('.repeat(2000)}a${')'.repeat(2000)};`,
    arrays: `int a${'[1]'.repeat(many)};`,
    'else if': `void f(int a) { ${'if (a) a = 1; else '.repeat(many)} a = 2; }`,
    ifs: `void f(int a) { ${'if (a) '.repeat(many)} a = 2; }`,
    braces: `int a = ${'{'.repeat(many)}1${'}'.repeat(many)};`,
    casts: `int a = ${'(int)'.repeat(many)}1;`,
    assignments: `void f(int a) { ${'a = '.repeat(many)} 1; }`,
    conditionals: `int f(int a) { return ${'a ? 1 : '.repeat(many)} 2; }`,
    'statement expressions': `int f(void) { return ${'({'.repeat(many)}1;${'});'.repeat(many)} }`,
    'huge arrays': 'char a[0xffffffff][0xffffffff]; int b[1ul << 62]; int c[] = { [0 ... 0xfffffffe] = 1 };',
    garbage:
      ') } ] ; ( [ { = = , . -> int int int 5 5 "a" struct union enum { } ; typedef typedef ; goto ; case default',
    'typeof calls': `int a; ${'typeof('.repeat(many)}a${')'.repeat(many)} b;`,
    'function types': `int f${'(int (*)'.repeat(300)}(void)${')'.repeat(300)};`,
  };
  for (const [name, text] of Object.entries(CASES)) {
    it(`${name} end with a diagnostic`, () => {
      const { diagnostics } = parseText(text);
      expect(diagnostics.some((one) => one.severity === 'error')).toBe(
        name !== 'nested declarators' || diagnostics.length > 0,
      );
    }, 10_000);
  }

  it('any cut of a program gives diagnostics, never an exception', () => {
    const text = `struct s { int a : 3; union { long b; char c[4]; }; } x = { .b = 1, .c = { [1 ... 2] = 'x' } };
      enum e { A = 1, B }; static inline int f(struct s *s, int n) { for (int i = 0; i < n; i++) { switch (s->a) { case 1 ... 2: goto out;
      default: n = ({ int t = s->c[i]; t ?: 3; }); } } asm volatile("" : "+r"(n) :: "memory"); out: return n + sizeof(struct s); }
      int (*g)(struct s *, int) = f; _Static_assert(sizeof(x) == 16, "size"); int h(void) { return f(&x, _Generic(1, int: 2)) * (*g)(&(struct s){ 1 }, 'c'); }`;
    for (let cut = 0; cut < text.length; cut += 3) {
      parseText(text.slice(0, cut));
      parseText(text.slice(cut));
      parseText(text.slice(0, cut) + text.slice(cut + 7));
    }
    expect(parseText(text).codes).toEqual([]);
  });
});
