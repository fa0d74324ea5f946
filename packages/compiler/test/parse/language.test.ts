import { describe, expect, it } from 'vitest';
import { parseText } from './parse-text.ts';

/** Each must parse without a word; what it claims, it claims by `_Static_assert`. */
const ACCEPTED: Record<string, string> = {
  'declarators nest': `
    int *a[3]; int (*b)[3]; int (*f(int))(char); int (*(*g[2])(void))[4];
    _Static_assert(sizeof(a) == 24 && sizeof(b) == 8 && sizeof(*b) == 12 && sizeof(g) == 16, "");
    _Static_assert(__builtin_types_compatible_p(typeof(f(1)('a')), int), "");`,
  'specifiers in any order': `
    long unsigned int long a; int short unsigned b; const char volatile *c; static inline int f(void) { return 0; }
    _Static_assert(sizeof a == 8 && sizeof b == 2 && (typeof(b))-1 > 0, "");`,
  'integer constants have the types of C11 6.4.4.1': `
    #define IS(x, t) _Static_assert(__builtin_types_compatible_p(typeof(x), t), #x)
    IS(1, int); IS(0x80000000, unsigned int); IS(2147483648, long); IS(0xffffffffffffffff, unsigned long);
    IS(1u, unsigned int); IS(1l, long); IS(1ull, unsigned long long); IS(0b101, int); IS('a', int); IS(4294967296u, unsigned long);`,
  'usual arithmetic conversions': `
    #define IS(x, t) _Static_assert(__builtin_types_compatible_p(typeof(x), t), #x)
    unsigned char c; short s; unsigned u; long l; unsigned long ul; long long ll; _Bool b;
    IS(c + c, int); IS(s << u, int); IS(u + s, unsigned); IS(l + u, long); IS(ul + ll, unsigned long long); IS(-c, int);
    IS(b + b, int); IS(1 ? c : s, int); IS(~u, unsigned); IS(!l, int); IS(l < ul, int); IS(sizeof 1, unsigned long);
    _Static_assert(-1 > 0u, ""); _Static_assert(-1 < 0, ""); _Static_assert((unsigned char)300 == 44, "");
    _Static_assert((signed char)200 == -56, ""); _Static_assert(-7 / 2 == -3 && -7 % 2 == -1 && -8 >> 1 == -4, "");
    _Static_assert(0xffffffffu + 1 == 0, ""); _Static_assert((1ul << 63) >> 63 == 1, "");`,
  'bit-fields promote to int': `
    struct s { unsigned a : 3; unsigned b : 32; unsigned long c : 40; } s;
    _Static_assert(__builtin_types_compatible_p(typeof(s.a + 0), int), "");
    _Static_assert(__builtin_types_compatible_p(typeof(s.b + 0), unsigned), "");
    _Static_assert(__builtin_types_compatible_p(typeof(s.c + 0), unsigned long), "");`,
  records: `
    struct a { char c; int i; }; struct b { char c; int i; } __attribute__((packed)); union u { char c[5]; int i; };
    struct c { char c; struct { int x; union { long y; char z[3]; }; }; int end[]; }; struct d { int n; char data[0]; };
    struct e {}; struct f { int a : 3, : 5, b : 7; int : 0; char c; } __attribute__((aligned(16)));
    _Static_assert(sizeof(struct a) == 8 && sizeof(struct b) == 5 && sizeof(union u) == 8 && sizeof(struct e) == 0, "");
    _Static_assert(__builtin_offsetof(struct c, y) == 16 && __builtin_offsetof(struct c, z[2]) == 18 && sizeof(struct c) == 24, "");
    _Static_assert((unsigned long)&((struct c *)0)->y == 16, "");
    _Static_assert(__builtin_offsetof(struct f, c) == 4 && sizeof(struct f) == 16 && _Alignof(struct f) == 16, "");`,
  '#pragma pack': `
    #pragma pack(push, 1)
    struct a { char c; int i; };
    #pragma pack(pop)
    struct b { char c; int i; };
    _Static_assert(sizeof(struct a) == 5 && sizeof(struct b) == 8, "");`,
  'enums choose their type': `
    enum a { A, B = 5, C }; enum b { N = -1 }; enum c { W = 0x100000000 }; enum d : unsigned char { D }; enum e { P } __attribute__((packed));
    _Static_assert(C == 6 && sizeof(enum a) == 4 && sizeof(enum c) == 8 && sizeof(enum d) == 1 && sizeof(enum e) == 1, "");
    _Static_assert((enum a)-1 > 0 && (enum b)-1 < 0 && __builtin_types_compatible_p(typeof(A), int), "");
    _Static_assert(__builtin_types_compatible_p(typeof(W), unsigned long), "");`,
  'initialisers: designators, ranges, elision, strings': `
    struct p { int x, y; }; struct q { struct p p[2]; char name[4]; union { int i; char c; }; };
    struct q a = { 1, 2, 3, 4, "abc", { 7 } }, b = { .p[1].y = 4, .p[0] = { 1, 2 }, .name = { 'a' }, .c = 1 }, c = {};
    int r[] = { [2 ... 4] = 7, 8, [0] = 1 }, s[] = { 1, 2, 3, }; char t[] = "four", u[] = { "five!" }, *v[] = { "a", "b" };
    int w[][2] = { 1, 2, 3 }; struct p old = { x: 1, y: 2 };
    _Static_assert(sizeof r == 24 && sizeof s == 12 && sizeof t == 5 && sizeof u == 6 && sizeof v == 16 && sizeof w == 16, "");`,
  'addresses are constants': `
    int g, a[4]; struct s { int x, y; } s; void f(void);
    int *p = &g, *q = &a[3], *r = a + 1, *t = &s.y; void (*h)(void) = f, (*i)(void) = &f; char *c = "text" + 1;
    unsigned long n = (unsigned long)&g; static long (*helper)(void *) = (void *)6;`,
  statements: `
    int f(int n) {
      int sum = 0;
      for (int i = 0, j = 10; i < j; i++, j--) { if (i == 3) continue; sum += i * j; }
      while (n-- > 0) if (n == 2) break; else sum++;
      do { sum <<= 1; } while (0);
      switch (n) { case 1: case 2 ... 5: sum = 1; break; default: { int k = n; sum = k; } }
      if (sum) goto out;
      { __label__ again; again: sum--; if (sum) goto again; }
      ;
    out:
      return sum;
    }`,
  'GNU expressions': `
    int f(int *p, int n) {
      int a = ({ int t = n; t + 1; }), b = n ?: 3;
      __auto_type c = &a; typeof(*c) d = *c; typeof_unqual(const int) e = 1; e++;
      int g = __extension__ ({ if (n) a++; a; });
      long off = (char *)p - (char *)c; void *v = p; v += 2; v = v + 1;
      asm volatile("" ::: "memory"); asm volatile("" : "+r"(a)); __asm__ __volatile__("" : "=r"(b) : "0"(b));
      return a + b + d + e + g + (int)off + _Generic(n, long: 1, int: 2, default: 3) + (*v == *v, 1);
    }`.replace('+ (*v == *v, 1)', ''),
  'compound literals': `
    struct p { int x, y; }; static struct p file = (struct p){ 1, 2 }; int *list = (int[]){ 1, 2, 3 };
    int g(struct p *p); int f(int n) { struct p a = (struct p){ .y = n }; a = (struct p){ n }; return g(&(struct p){ 1, n }) + a.x; }`,
  builtins: `
    typedef unsigned long long u64; struct k { int a; u64 b; };
    void *memcpy(void *, const void *, unsigned long);
    int f(struct k *x, struct k *y, u64 *n, unsigned *m) {
      __builtin_memcpy(x, y, sizeof(*x)); memcpy(x, y, 4); __builtin_memset(x, 0, sizeof *x); __builtin_memmove(x, y, 8);
      if (__builtin_expect(!!x, 1) && __builtin_memcmp(x, y, 4)) __builtin_trap();
      u64 a = __sync_fetch_and_add(n, 1); __sync_fetch_and_or(m, 2); a += __sync_val_compare_and_swap(n, 1, 2);
      a += __sync_lock_test_and_set(n, 3) + __atomic_load_n(n, 0) + __sync_add_and_fetch(n, 1); __atomic_store_n(n, 5, 0);
      _Static_assert(__builtin_bswap16(0x1234) == 0x3412 && __builtin_bswap32(1) == 0x01000000, "");
      _Static_assert(__builtin_constant_p(3) && !__builtin_constant_p(x), "");
      _Static_assert(__builtin_strlen("abc") == 3 && __builtin_choose_expr(1, 2, "x") == 2, "");
      if (sizeof(struct k) != 16) __builtin_unreachable();
      return __builtin_bswap32((unsigned)a) + __builtin_bswap64(a);
    }`,
  'CO-RE builtins': `
    enum e { ONE = 1 }; struct s { int a; struct { long b; }; } __attribute__((preserve_access_index));
    unsigned long f(struct s *s) {
      return __builtin_preserve_field_info(s->b, 2) + __builtin_preserve_field_info(((struct s *)0)->a, 0)
        + __builtin_preserve_type_info(*(typeof(struct s) *)0, 0) + __builtin_btf_type_id(*(struct s *)0, 1)
        + __builtin_preserve_enum_value(*(enum e *)ONE, 1) + *__builtin_preserve_access_index(&s->a);
    }`,
  'attributes in every position': `
    __attribute__((section("x"))) int a __attribute__((used, aligned(8))); int __attribute__((weak)) f(void);
    static __attribute__((always_inline)) inline int g(int x __attribute__((unused))) { return x; }
    __attribute__((noinline)) int h(void) { __attribute__((unused)) int l = 1; return g(l); }
    struct __attribute__((packed)) s { char c; int i __attribute__((aligned(2))); }; [[gnu::unused]] static int z;
    _Static_assert(sizeof(struct s) == 6 && __builtin_offsetof(struct s, i) == 2, "");
    typedef int aligned_int __attribute__((aligned(16))); _Static_assert(_Alignof(aligned_int) == 16, "");
    enum k { K1 __attribute__((deprecated)), K2 }; int m[2] __attribute__((visibility("hidden")));
    int sw(int x) { switch (x) { case 1: x++; __attribute__((fallthrough)); default: return x; } }`,
  'types of 128 bits can be declared and copied': `
    unsigned __int128 a, b; struct s { __int128 v; char c; }; void f(struct s *s) { a = b; s->v = a; }
    _Static_assert(sizeof(a) == 16 && sizeof(struct s) == 32, "");`,
  'arrays sized by constant variables': `
    int f(void) { const unsigned n = 32; char a[n], b[n * 2 + 1] = { 0 }; return a[0] + sizeof(b); }`,
  'redeclarations merge': `
    extern int a; int a = 1; int f(); int f(int x) { return x; } static int g(void); static int g(void) { return f(1); }
    typedef int t; typedef int t; struct s; struct s *p; struct s { int x; }; int h(void) { return p->x + g(); } int arr[]; int arr[4];
    _Static_assert(sizeof(arr) == 16, "");`,
  'unsupported things in unused static functions do not matter': `
    static inline double half(double x) { return x / 2; } static int asm_user(void) { int r; asm("%0 = 1" : "=r"(r)); return r; }
    int f(void) { return 1; }`,
  'a type name may be a member, a label and a parameter': `
    typedef int t; struct s { t t; }; int f(struct s *s, int t) { goto t; t: return s->t + t; }`,
  'anonymous struct values can be looked into': `
    struct s { int a, b; }; int f(int c, struct s x, struct s y);
    int g(int c) { struct s x = {1}, y = {2}; return (c ? x : y).b + (x = y).a + ({ x; }).a; }`,
};

describe('C that is accepted', () => {
  for (const [name, text] of Object.entries(ACCEPTED)) {
    it(name, () => {
      expect(parseText(text).diagnostics.map((one) => `${one.code} ${one.message}`)).toEqual([]);
    });
  }
});
