import { Diagnostics, SkepError } from '@skep/base';
import { describe, expect, it } from 'vitest';
import { lower } from '../src/c/lower.ts';
import { parseC } from '../src/c/parse/parse.ts';
import { preprocess } from '../src/c/preprocess/preprocess.ts';
import type { Func, Global, Inst, Module } from '../src/ir/ir.ts';
import { printFunction } from '../src/ir/print.ts';
import { verifyModule } from '../src/ir/verify.ts';

const PRELUDE = `
typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32; typedef unsigned long long __u64;
typedef int __s32; typedef _Bool bool;
#define SEC(name) __attribute__((section(name), used))
#define CORE __attribute__((preserve_access_index))
`;

function lowered(text: string): Module {
  const diagnostics = new Diagnostics();
  const file = { name: 'test.bpf.c', text: PRELUDE + text };
  const { tokens, features } = preprocess(file, { diagnostics });
  const tree = parseC(tokens, { diagnostics, features });
  diagnostics.check();
  const module = lower(tree, 'test', diagnostics);
  diagnostics.check();
  expect(verifyModule(module)).toEqual([]);
  return module;
}

function refused(text: string): string[] {
  try {
    lowered(text);
  } catch (error) {
    if (error instanceof SkepError) return error.diagnostics.map((one) => one.code);
    throw error;
  }
  return [];
}

function func(module: Module, name: string): Func {
  return module.functions.find((one) => one.name === name)!;
}
function global(module: Module, name: string): Global {
  return module.globals.find((one) => one.name === name)!;
}
function insts(of: Func): Inst[] {
  return of.blocks.flatMap((block) => block.insts);
}
function only<K extends Inst['kind']>(of: Func, kind: K): Extract<Inst, { kind: K }>[] {
  return insts(of).filter((inst): inst is Extract<Inst, { kind: K }> => inst.kind === kind);
}

describe('what is lowered', () => {
  it('is what has external linkage, and what that reaches', () => {
    const module = lowered(`
      static int unused(void) { return 1; }
      static int used(void) { return 2; }
      static int table = 3;
      int entry(void) { return used(); }
    `);
    expect(module.functions.map((one) => one.name)).toEqual(['used', 'entry']);
    expect(module.globals).toEqual([]);
  });

  it('marks programs, their context, and how they are to be inlined', () => {
    const module = lowered(`
      static __attribute__((always_inline)) inline int a(void *p) { return 1; }
      static __attribute__((noinline)) int b(int x) { return x; }
      SEC("xdp") int prog(void *ctx) { return a(ctx) + b(2); }
    `);
    const prog = func(module, 'prog');
    expect(prog).toMatchObject({ linkage: 'global', section: 'xdp', inline: 'auto' });
    expect(prog.params[0]).toMatchObject({ type: 'ptr', name: 'ctx', origin: 'context' });
    expect(func(module, 'a')).toMatchObject({ linkage: 'static', inline: 'always' });
    expect(func(module, 'a').params[0]!.origin).toBeUndefined();
    expect(func(module, 'b').inline).toBe('never');
  });

  it('gives functions a prototype only when it is asked for', () => {
    const module = lowered(`
      struct big { int x; };
      int entry(struct big *p) { return 0; }
    `);
    const before = module.types.count;
    const proto = module.types.type(func(module, 'entry').type);
    expect(module.types.count).toBeGreaterThan(before);
    expect(proto).toMatchObject({ kind: 'func_proto', params: [{ name: 'p' }] });
  });
});

describe('expressions', () => {
  it('computes in the width and sign of the operands', () => {
    const text = printFunction(
      func(lowered('int f(int a, __u32 b, long c) { return (a / 3) + (b >> 2) + (c > 5); }'), 'f'),
    );
    expect(text).toContain('sdiv');
    expect(text).toContain('lshr');
    expect(text).toContain('sgt');
  });

  it('keeps booleans as bytes in memory', () => {
    const f = func(lowered('bool f(int x) { bool b = x; return !b; }'), 'f');
    expect(f.result).toBe('i8');
    expect(only(f, 'store').map((one) => (one.value as { type: string }).type)).toContain('i8');
    expect(only(f, 'compare').length).toBeGreaterThan(0);
  });

  it('turns && and || into branches', () => {
    const f = func(lowered('int f(int a, int b) { if (a && b) return 1; return a || b; }'), 'f');
    expect(f.blocks.length).toBeGreaterThan(4);
    expect(only(f, 'select')).toEqual([]);
  });

  it('scales pointer arithmetic and divides differences exactly', () => {
    const module = lowered(`
      struct s { int a, b, c; };
      long f(struct s *p, struct s *q, int i) { return (p + i) - q; }
    `);
    const text = printFunction(func(module, 'f'));
    expect(text).toMatch(/mul .*12/);
    // 3^-1 modulo 2^64
    expect(text).toContain('-6148914691236517205');
    expect(text).not.toContain('div');
  });

  it('folds offsetof-like expressions', () => {
    const f = func(lowered('struct s { int a; int b; }; long f(void) { return (long)&((struct s *)0)->b; }'), 'f');
    expect(insts(f)).toEqual([]);
    expect(f.blocks[0]!.term).toMatchObject({ kind: 'return', value: { kind: 'const', value: 4n } });
  });

  it('puts constant offsets into loads', () => {
    const f = func(lowered('int f(int *p) { return p[3] + *(p + 4); }'), 'f');
    expect(only(f, 'ptradd')).toEqual([]);
    expect(only(f, 'load').map((one) => one.offset)).toEqual(expect.arrayContaining([12, 16]));
  });

  it('reads and writes bit-fields through their unit', () => {
    const module = lowered(`
      struct h { __u8 low : 4, high : 4; int wide : 20; };
      int get(struct h *h) { return h->high; }
      int sget(struct h *h) { return h->wide; }
      void set(struct h *h) { h->high = 5; }
    `);
    const get = func(module, 'get');
    expect(only(get, 'load').map((one) => one.type)).toContain('i8');
    expect(printFunction(get)).toContain('lshr');
    expect(printFunction(func(module, 'sget'))).toContain('ashr');
    const stores = only(func(module, 'set'), 'store').filter((one) => one.value.kind === 'binary');
    expect(stores.length).toBe(1);
    expect(printFunction(func(module, 'set'))).toMatch(/or .*80/);
  });

  it('marks volatile accesses', () => {
    const f = func(lowered('const volatile int level = 1; int f(void) { return level; }'), 'f');
    expect(only(f, 'load')[0]).toMatchObject({ volatile: true });
  });

  it('copies structs by memcpy', () => {
    const f = func(lowered('struct s { long a[4]; }; void f(struct s *p, struct s *q) { *p = *q; }'), 'f');
    expect(only(f, 'memcpy')[0]).toMatchObject({ size: 32, align: 8 });
  });

  it('fetches from atomics only what is used', () => {
    const f = func(lowered('long f(long *p) { __sync_fetch_and_add(p, 1); return __sync_fetch_and_add(p, 2); }'), 'f');
    expect(only(f, 'atomic').map((one) => one.fetch)).toEqual([false, true]);
  });

  it('expands memcmp', () => {
    const f = func(lowered('int f(char *a, char *b) { return __builtin_memcmp(a, b, 3); }'), 'f');
    expect(only(f, 'load').filter((one) => one.type === 'i8').length).toBe(6);
    expect(only(f, 'call')).toEqual([]);
  });

  it('compares 128-bit integers by halves', () => {
    const f = func(lowered('int f(unsigned __int128 *a, unsigned __int128 *b) { return *a == *b; }'), 'f');
    expect(only(f, 'load').filter((one) => one.type === 'i64').length).toBe(4);
    const g = func(lowered('int g(unsigned __int128 *a) { return *a != 0; }'), 'g');
    expect(only(g, 'compare').length).toBe(1);
  });

  it('passes structs by value through memory, to functions that are inlined', () => {
    const module = lowered(`
      struct pair { long a, b; };
      static struct pair swap(struct pair p) { struct pair q = { p.b, p.a }; p.a = 9; return q; }
      long f(long x, long y) { struct pair p = { x, y }; return swap(p).a + swap(swap(p)).b + p.a; }
    `);
    const swap = func(module, 'swap');
    expect(swap).toMatchObject({ inline: 'always', result: 'void' });
    expect(swap.params.map((param) => param.type)).toEqual(['ptr', 'ptr']);
    const copies = only(func(module, 'f'), 'memcpy').length;
    expect(copies).toBeGreaterThanOrEqual(3);
  });

  it('evaluates a conditional struct on the side that is taken', () => {
    const f = func(
      lowered('struct s { long a, b; }; void f(struct s *p, struct s *q, struct s *r, int c) { *p = c ? *q : *r; }'),
      'f',
    );
    expect(only(f, 'memcpy').length).toBe(3);
  });
});

describe('control flow', () => {
  it('keeps what a pragma asks of a loop on its back edge', () => {
    const f = func(
      lowered('int f(void) { int s = 0;\n#pragma unroll\nfor (int i = 0; i < 4; i++) s += i; return s; }'),
      'f',
    );
    expect(f.blocks.some((block) => block.term.kind === 'jump' && block.term.unroll === 'full')).toBe(true);
  });

  it('dispatches switches, ranges included, and falls through', () => {
    const module = lowered(`
      int f(int x) {
        int r = 0;
        switch (x) {
        case 1 ... 3: r = 1;
        case 7: r += 2; break;
        case 100 ... 900: r = 3; break;
        default: r = 4;
        }
        return r;
      }
    `);
    const f = func(module, 'f');
    const term = f.blocks.map((block) => block.term).find((one) => one.kind === 'switch');
    expect(term).toMatchObject({ cases: [{ value: 1n }, { value: 2n }, { value: 3n }, { value: 7n }] });
    expect(only(f, 'compare').map((one) => one.op)).toEqual(['sge', 'sle']);
  });

  it('follows goto in both directions', () => {
    const f = func(lowered('int f(int x) { again: if (x > 9) goto out; x++; goto again; out: return x; }'), 'f');
    expect(f.blocks[0]!.params).toEqual([]);
    expect(f.blocks.length).toBeGreaterThan(3);
  });

  it('drops what cannot run and always returns', () => {
    const f = func(lowered('int f(void) { return 1; return 2; } int g(int x) { if (x) return 1; }'), 'f');
    expect(f.blocks.length).toBe(1);
  });

  it('hands on what the source expects', () => {
    const f = func(lowered('int f(int x) { if (__builtin_expect(!!(x > 1), 0)) return 1; return 2; }'), 'f');
    expect(f.blocks[0]!.term).toMatchObject({ kind: 'branch', likely: false });
  });
});

describe('initialisers', () => {
  it('zero the padding, and nothing where all bytes are given', () => {
    const module = lowered(`
      struct padded { __u8 a; __u64 b; };
      struct full { __u32 a; __u32 b; };
      void use(void *);
      void f(void) { struct padded p = {1, 2}; use(&p); }
      void g(void) { struct full p = {1, 2}; use(&p); }
      void h(void) { char text[] = "skep: hi"; use(text); }
    `);
    expect(only(func(module, 'f'), 'memset')[0]).toMatchObject({ size: 16, align: 8 });
    expect(only(func(module, 'g'), 'memset')).toEqual([]);
    const stored = only(func(module, 'h'), 'store').map((one) => [one.offset, (one.value as { value: bigint }).value]);
    expect(stored).toEqual([
      [0, 0x6968203a70656b73n],
      [8, 0n],
    ]);
  });

  it('puts globals where they belong', () => {
    const module = lowered(`
      int zero; int one = 1; const int two = 2; const volatile int three = 3;
      char license[] SEC("license") = "GPL";
      static int counters[4] SEC(".data.mine");
      int f(void) { static int calls; static const char *names[] = {"a", "b"}; return calls++ + counters[1] + (names[0] != 0); }
    `);
    expect(global(module, 'zero')).toMatchObject({ section: '.bss', init: undefined, linkage: 'global' });
    expect(global(module, 'one').section).toBe('.data');
    expect(global(module, 'one').init).toEqual(Uint8Array.of(1, 0, 0, 0));
    expect(global(module, 'two')).toMatchObject({ section: '.rodata', constant: true });
    expect(global(module, 'three')).toMatchObject({ section: '.rodata', constant: false });
    expect(global(module, 'license').section).toBe('license');
    expect(global(module, 'counters').section).toBe('.data.mine');
    expect(global(module, 'f.calls').section).toBe('.bss');
    const names = global(module, 'f.names');
    expect(names.relocations.map((one) => [one.offset, one.target.name])).toEqual([
      [0, '.L.str'],
      [8, '.L.str.1'],
    ]);
  });

  it('writes bit-fields, addresses with offsets, and what overlaps', () => {
    const module = lowered(`
      struct b { __u32 x : 3, y : 7, z : 22; } bits = { .x = 5, .y = 100, .z = 9 };
      int array[4];
      int *third = &array[2];
      struct p { int a, b; } pair = { .a = 1, .b = 2, .a = 3 };
    `);
    const word = (5 | (100 << 3) | (9 << 10)) >>> 0;
    expect(new DataView(global(module, 'bits').init!.buffer).getUint32(0, true)).toBe(word);
    expect(global(module, 'third').relocations).toMatchObject([{ offset: 0, addend: 8 }]);
    expect([...global(module, 'pair').init!]).toEqual([3, 0, 0, 0, 2, 0, 0, 0]);
  });

  it('takes every declaration of an extern for one variable', () => {
    const module = lowered(`
      int f(void) { extern int version SEC(".kconfig"); return version; }
      int g(void) { extern int version SEC(".kconfig"); extern int own; return version + own; }
      int own = 1;
    `);
    expect(module.globals.map((one) => [one.name, one.linkage])).toEqual([
      ['version', 'extern'],
      ['own', 'global'],
    ]);
  });

  it('shares equal strings', () => {
    const module = lowered('void use(const char *); void f(void) { use("x"); use("x"); use("y"); }');
    expect(module.globals.map((one) => one.section)).toEqual(['.rodata.str1.1', '.rodata.str1.1']);
  });

  it('fills maps of maps and program arrays', () => {
    const module = lowered(`
      struct inner { int (*type)[1]; int *key; } inner_map SEC(".maps");
      int target(void *ctx) { return 0; }
      struct { int (*type)[12]; struct inner *values[]; } outer SEC(".maps") = { .values = { [1] = &inner_map } };
      struct { int (*type)[3]; int (*values[])(void *); } progs SEC(".maps") = { .values = { &target } };
    `);
    expect(global(module, 'outer')).toMatchObject({ size: 24, relocations: [{ offset: 16 }] });
    expect(global(module, 'outer').relocations[0]!.target).toBe(global(module, 'inner_map'));
    expect(global(module, 'progs').relocations[0]!.target).toBe(func(module, 'target'));
  });
});

describe('relocated accesses', () => {
  const TASK = `
    struct inner { int pad; int value; };
    struct task {
      long state;
      int pid;
      union { int u1; struct { int deep; int deeper; }; };
      struct inner in;
      int list[8];
      struct task *parent;
      __u32 bits : 5, more : 11;
    } CORE;
  `;
  const accesses = (text: string, name = 'f') =>
    only(func(lowered(TASK + text), name), 'core').map((one) => [one.relocation, one.access, Number(one.value)]);

  it('fold into one relocation a chain', () => {
    expect(accesses('int f(struct task *t) { return t->pid; }')).toEqual([['field_byte_offset', '0:1', 8]]);
    expect(accesses('int f(struct task *t) { return t->deeper; }')).toEqual([['field_byte_offset', '0:2:1:1', 16]]);
    expect(accesses('int f(struct task *t) { return t->list[3]; }')).toEqual([['field_byte_offset', '0:4:3', 40]]);
    expect(accesses('int f(struct task *t) { return t[2].pid; }')).toEqual([['field_byte_offset', '2:1', 168]]);
  });

  it('start anew behind every pointer', () => {
    expect(accesses('int f(struct task *t) { return t->parent->pid; }')).toEqual([
      ['field_byte_offset', '0:5', 64],
      ['field_byte_offset', '0:1', 8],
    ]);
  });

  it('stop at records without the attribute and at variable subscripts', () => {
    expect(accesses('int f(struct task *t) { return t->in.value; }')).toEqual([['field_byte_offset', '0:3', 20]]);
    expect(accesses('int f(struct task *t, int i) { return t->list[i]; }')).toEqual([['field_byte_offset', '0:4', 28]]);
  });

  it('cover any record under __builtin_preserve_access_index', () => {
    const text = 'int *f(struct inner *p) { return __builtin_preserve_access_index(&p->value); }';
    expect(accesses(text)).toEqual([['field_byte_offset', '0:1', 4]]);
    expect(accesses('int f(struct inner *p) { return p->value; }')).toEqual([]);
  });

  it('leave alone what the program laid out itself', () => {
    expect(accesses('int f(void) { struct task t = {}; t.pid = 1; return t.pid; }')).toEqual([]);
  });

  it('answer questions about fields', () => {
    const ask = (field: string, kind: number) =>
      accesses(`int f(struct task *t) { return __builtin_preserve_field_info(t->${field}, ${kind}); }`)[0];
    expect(ask('pid', 0)).toEqual(['field_byte_offset', '0:1', 8]);
    expect(ask('pid', 1)).toEqual(['field_byte_size', '0:1', 4]);
    expect(ask('pid', 2)).toEqual(['field_exists', '0:1', 1]);
    expect(ask('pid', 3)).toEqual(['field_signed', '0:1', 1]);
    expect(ask('more', 0)).toEqual(['field_byte_offset', '0:7', 72]);
    expect(ask('more', 4)).toEqual(['field_lshift_u64', '0:7', 48]);
    expect(ask('more', 5)).toEqual(['field_rshift_u64', '0:7', 53]);
  });

  it('answer questions about types and enumerators', () => {
    const text = `
      enum e { A = 3, B = 7 };
      long f(void) {
        return __builtin_preserve_type_info(*(struct task *)0, 0) + __builtin_preserve_type_info(*(struct task *)0, 1)
          + __builtin_preserve_enum_value(*(enum e *)B, 0) + __builtin_preserve_enum_value(*(enum e *)B, 1);
      }`;
    expect(accesses(text)).toEqual([
      ['type_exists', '0', 1],
      ['type_size', '0', 80],
      ['enumval_exists', '1', 1],
      ['enumval_value', '1', 7],
    ]);
  });

  it('read bit-fields through the unit that loaders compute', () => {
    const module = lowered(`${TASK} int f(struct task *t) { return t->more; }`);
    expect(only(func(module, 'f'), 'core')[0]).toMatchObject({ access: '0:7', value: 72n });
    expect(only(func(module, 'f'), 'load').at(-1)!.type).toBe('i32');
  });
});

describe('what cannot become eBPF', () => {
  it('is refused by name', () => {
    expect(
      refused('int f(int x); static int g(int x) { return x ? f(x - 1) : 0; } int f(int x) { return g(x); }'),
    ).toEqual(['E1352']);
    expect(refused('void f(char *a, char *b) { __builtin_memcpy(a, b, *a); }')).toEqual(['E1350']);
    expect(refused('int f(char *a, char *b) { return __builtin_memcmp(a, b, 4096); }')).toEqual(['E1351']);
  });

  it('is refused when it is too large or too deep to be written down', () => {
    expect(refused('static const char g[100000000] = { 1 }; int f(int x) { return g[x & 1]; }')).toEqual(['E1358']);
    const nested = Array.from({ length: 1000 }, (_, i) => `struct s${i} { ${i ? `struct s${i - 1}` : 'int'} a; };`);
    expect(refused(`${nested.join('\n')} struct s999 g;`)).toEqual(['E1359']);
    expect(global(lowered('int large[500000000];'), 'large')).toMatchObject({ section: '.bss', init: undefined });
  });

  it('says who calls whom in a recursion', () => {
    try {
      lowered('int a(int x); int b(int x) { return a(x); } int a(int x) { return b(x); }');
      expect.unreachable();
    } catch (error) {
      expect((error as SkepError).diagnostics[0]!.message).toMatch(/^recursion: (a → b → a|b → a → b)$/);
    }
  });
});
