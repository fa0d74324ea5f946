import { decode, disassemble, openObject } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { type CompileOptions, compile } from '../src/compile.ts';
import { kernelTypes } from './support/kernel-types.ts';

function built(text: string, options: CompileOptions = {}) {
  const result = compile({ name: 'gnu.bpf.c', text }, { vmlinux: kernelTypes, debug: true, ...options });
  if (!result.ok) throw new Error(result.diagnostics.map((one) => `${one.code}: ${one.message}`).join('\n'));
  return result;
}

const SEC = '#define SEC(name) __attribute__((section(name), used))\n';

/** The callees of a function in the order of the blocks. */
function calls(text: string, name: string): string[] {
  const { module } = built(SEC + text, { optimise: 1 });
  const func = module.functions.find((one) => one.name === name)!;
  return func.blocks.flatMap((block) =>
    block.insts.flatMap((inst) => (inst.kind === 'call' && inst.callee.kind === 'func' ? [inst.callee.func.name] : [])),
  );
}

describe('cleanup', () => {
  const DECLS = `
    extern void done(int *p) __attribute__((section(".ksyms")));
    extern int next(int *p) __attribute__((section(".ksyms")));
    extern void body(void) __attribute__((section(".ksyms")));
    #define AUTO int v __attribute__((cleanup(done)))`;

  it('runs at the end of a scope and on every way out of it', () => {
    expect(calls(`${DECLS}\nSEC("tc") int f(void *c) { { AUTO = 1; body(); } body(); return 0; }`, 'f')).toEqual([
      'body',
      'done',
      'body',
    ]);
    expect(
      calls(`${DECLS}\nSEC("tc") int f(int *c) { AUTO = 1; if (*c) return 1; body(); return 0; }`, 'f').sort(),
    ).toEqual(['body', 'done', 'done']);
  });

  it('runs once behind a loop that declares it, and on break, continue and goto as scopes end', () => {
    expect(
      calls(`${DECLS}\nSEC("tc") int f(int *c) { for (AUTO = 0; next(&v);) { if (*c) break; } return 0; }`, 'f'),
    ).toEqual(expect.arrayContaining(['next', 'done']));
    const inside = calls(
      `${DECLS}\nSEC("tc") int f(int *c) { while (next(c)) { AUTO = 0; if (*c) continue; body(); } return 0; }`,
      'f',
    );
    expect(inside.filter((one) => one === 'done')).toHaveLength(2);
    const left = calls(
      `${DECLS}\nSEC("tc") int f(int *c) { { AUTO = 0; if (*c) goto out; body(); } out: return 0; }`,
      'f',
    );
    expect(left.filter((one) => one === 'done')).toHaveLength(2);
  });

  it('runs for an empty struct, whose maker is called too', () => {
    const made = calls(
      `struct none {}; extern void on(void) __attribute__((section(".ksyms")));
       extern void off(struct none *p) __attribute__((section(".ksyms")));
       static __attribute__((always_inline)) struct none make(void) { struct none n = {}; on(); return n; }
       SEC("tc") int f(void *c) { struct none n __attribute__((cleanup(off))) = make(); return 0; }`,
      'f',
    );
    expect(made.at(-1)).toBe('off');
    expect(made.length).toBe(2);
  });

  it('names a function', () => {
    const result = compile({ name: 'x.c', text: 'int f(void) { int a __attribute__((cleanup(a))) = 0; return a; }' });
    expect(result.ok || result.diagnostics[0]!.code).not.toBe(true);
  });
});

describe('language', () => {
  it('gives a statement expression the value behind a label', () => {
    const { functions } = built(`${SEC}SEC("tc") int f(int *c) {
      return ({ __label__ out; int r = 1; if (*c) goto out; r = 2; out: r; }); }`);
    expect(functions[0]!.insns).toBeLessThan(8);
  });

  it('knows what constant variables hold', () => {
    built(
      `static const int size = 4 * 4; static const int twice = size * 2;
      ${SEC}SEC("tc") int f(void *c) { const int n = sizeof(long); char b[n]; __builtin_memset(b, 0, n); return twice + b[0]; }`.replace(
        'char b[n]',
        'char b[8]',
      ),
    );
  });

  it('copies as many bytes as a static function is told to, constant once it is inlined', () => {
    const read = `static __attribute__((always_inline)) void read(void *to, const void *from, int size) {
      switch (size) { case 8: *(long *)to = *(volatile long *)from; break; default: __builtin_memcpy(to, from, size); } }`;
    const small = built(`${SEC}${read} SEC("tc") int f(long *c) { long x; read(&x, c, 8); return x; }`);
    expect(small.functions[0]!.insns).toBeLessThan(5);
    const odd = built(`${SEC}${read} SEC("tc") int f(char *c) { char x[3]; read(x, c, 3); return x[2]; }`);
    expect(odd.functions[0]!.insns).toBeLessThan(24);
  });

  it('asks at run time whether a weak symbol is there', () => {
    const { module } = built(`${SEC}extern int maybe(void) __attribute__((section(".ksyms"), weak));
      SEC("tc") int f(void *c) { _Static_assert(!__builtin_constant_p(!!maybe), ""); return maybe ? 1 : 0; }`);
    expect(module.functions.find((one) => one.name === 'f')!.blocks.length).toBeGreaterThan(0);
  });

  it('compares string literals while compiling', () => {
    built(`_Static_assert(__builtin_strcmp("a", "b") < 0 && __builtin_strcmp("x", "x") == 0, "");
      _Static_assert(__builtin_strncmp("abc", "abd", 2) == 0, "");`);
  });

  it('takes structs by value in functions that nobody else calls', () => {
    built('struct s { int a; long b, c; }; int f(struct s x) { return x.a; }');
  });

  it('takes the address of externs of type void', () => {
    const { object } = built(`${SEC}extern const void symbol __attribute__((section(".ksyms")));
      SEC("tc") int f(void *c) { return (long)&symbol; }`);
    expect(openObject(object, { name: 'gnu' }).programs).toHaveLength(1);
  });

  it('renames symbols, and knows the packet loads of the first BPF', () => {
    const { functions } = built(`${SEC}int other(void) asm("renamed"); int other(void) { return 1; }`);
    expect(functions.map((one) => one.name)).toEqual(['renamed']);
    const { object } = built(`${SEC}
      unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
      SEC("socket") int f(void *skb) { return load_byte(skb, 12); }`);
    expect(openObject(object, { name: 'gnu' }).programs[0]!.code.includes(0x30)).toBe(true);
  });

  it('splits struct arguments of BPF_PROG2 over the context', () => {
    built(`#include "vmlinux.h"
      #include <bpf/bpf_helpers.h>
      #include <bpf/bpf_tracing.h>
      struct pair { long a, b; };
      SEC("fentry/x") int BPF_PROG2(two, struct pair, p, int, i) { return p.a + p.b + i; }`);
  });
});

describe('arguments behind the named ones', () => {
  it('of a static function are evaluated, and not passed', () => {
    expect(
      calls(
        `extern int next(void) __attribute__((section(".ksyms")));
        static inline __attribute__((format(printf, 1, 2))) void check(const char *format, ...) {}
        SEC("tc") int f(void *c) { check("%d %d %d %d %d %d", next(), 2, 3, next(), 5, 6); return 0; }`,
        'f',
      ),
    ).toEqual(['next', 'next', 'check']);
  });

  it('are none for a function that others call', () => {
    const result = compile({ name: 'gnu.bpf.c', text: 'int f(int a, ...) { return a; }' });
    expect(result.ok ? [] : result.diagnostics.map((one) => one.code)).toEqual(['E1406']);
  });
});

describe('an omitted operand', () => {
  it('of a constant is one, as in the size of an array', () => {
    const { object } = built(
      `${SEC}SEC("tc") int f(void *c) { char a[0 ?: 3], b[2 ?: 9]; return sizeof(a) * 10 + sizeof(b); }`,
    );
    expect(disassemble(decode(openObject(object, { name: 'gnu' }).programs[0]!.code))).toContain('r0 = 32');
  });
});

describe('what verifiers want of contexts', () => {
  const text = (source: string) => {
    const { object } = built(SEC + source);
    return disassemble(decode(openObject(object, { name: 'gnu' }).programs[0]!.code));
  };

  it('unrolls counted loops that index the context', () => {
    const code = text(`struct ctx { unsigned int a, words[4]; };
      SEC("tc") int f(struct ctx *c) { unsigned int x = 0; for (int i = 0; i < 4; i++) x ^= c->words[i] * i; return x; }`);
    for (const offset of [8, 12, 16]) expect(code).toContain(`*(u32 *)(r1 +${offset})`);
    expect(code).not.toContain('pc-');
  });

  it('reads a relocated field by its offset, also where its address is used besides', () => {
    const code = text(`struct regs { long a, b; } __attribute__((preserve_access_index));
      SEC("kprobe") int f(struct regs *c) { long x = 0; static long (*read)(void *, int, const void *) = (void *)113;
        read(&x, 8, &c->b); return x + c->b; }`);
    expect(code).toMatch(/\(r\d \+8\)/);
  });
});

describe('what is known once functions are in their callers', () => {
  const code = (source: string) => {
    const { object } = built(SEC + source);
    return disassemble(decode(openObject(object, { name: 'gnu' }).programs[0]!.code)).trim();
  };
  const INLINE = 'static inline __attribute__((always_inline))';

  it('__builtin_constant_p of a parameter', () => {
    const source = `${INLINE} long pick(unsigned long n) { return __builtin_constant_p(n) ? n * 2 : 7; }`;
    expect(code(`${source} SEC("tc") long f(void *c) { return pick(21); }`)).toContain('r0 = 42');
    expect(code(`${source} SEC("tc") long f(long *c) { return pick(*c); }`)).toContain('r0 = 7');
    expect(
      code(`${source} SEC("tc") long f(void *c) { long x = 1; for (int i = 0; i < 3; i++) x += i; return pick(x); }`),
    ).toMatch(/r0 = (7|8)/);
  });

  it('a copy that takes its size apart, as headers of large programs do', () => {
    const copy = `${INLINE} void copy(void *to, const void *from, unsigned long size) {
      if (!__builtin_constant_p(size)) __builtin_trap();
      to += size, from += size;
      if (size > 1 && size % 2 == 1) { to -= 1, from -= 1; *(char *)to = *(char *)from; size -= 1; }
      switch (size) {
        case 16: to -= 8, from -= 8; *(long *)to = *(long *)from;
        case 8: to -= 8, from -= 8; *(long *)to = *(long *)from; break;
        default: __builtin_trap();
      } }`;
    const text = code(`${copy} struct two { long a, b; }; SEC("tc") long f(struct two *c) {
      struct two own; copy(&own, c, sizeof(own)); return own.b; }`);
    expect(text).toContain('+8)');
  });

  it('strings that are compared with each other', () => {
    const number = `${INLINE} int number(const char *name) {
      if (!__builtin_strcmp(name, "one.h")) return 1;
      return __builtin_strcmp(name, "two.h") ? 3 : 2; }
      ${INLINE} long pick(unsigned char n) { return __builtin_constant_p(n) ? n : 99; }`;
    expect(code(`${number} SEC("tc") long f(void *c) { return pick(number("two.h")); }`)).toContain('r0 = 2');
  });
});

describe('assembly that ends the program', () => {
  it('has nothing behind it that nobody reaches', () => {
    const { object } = built(`${SEC} static inline __attribute__((always_inline, noreturn)) void leave(int code) {
      asm volatile("r0 = %[code]; exit" : : [code] "i"(code)); __builtin_unreachable(); }
      SEC("tc") int f(int *c) { if (*c == 4) leave(2); return 1; }`);
    const text = disassemble(decode(openObject(object, { name: 'gnu' }).programs[0]!.code));
    expect(text.match(/exit/g)).toHaveLength(2);
    expect(text).not.toContain('r0 = 0');
  });
});

describe('directories behind the built-in headers', () => {
  it('are searched last', () => {
    const readFile = (path: string) => ({ '/sys/linux/bpf.h': '#error no\n', '/sys/own.h': '#define OWN 3\n' })[path];
    built('#include <linux/bpf.h>\n#include <own.h>\nint x = OWN;', { readFile, includePathsAfter: ['/sys'] });
  });
});
