import { decode, disassemble, openObject, readElf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { type CompileOptions, compile } from '../src/compile.ts';
import { kernelTypes } from './support/kernel-types.ts';

/** The instructions of the program. */
function code(text: string, options: CompileOptions = {}): string {
  const result = compile({ name: 'public.bpf.c', text }, { debug: true, ...options });
  if (!result.ok) throw new Error(result.diagnostics.map((one) => `${one.code}: ${one.message}`).join('\n'));
  expect(result.warnings).toEqual([]);
  return disassemble(decode(openObject(result.object, { name: 'public' }).programs[0]!.code));
}

const HEADERS = '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n';

describe('what public programs write', () => {
  it('is the length of a text that a function is given', () => {
    const text = `${HEADERS}char out[16];
      static __always_inline void keep(const void *file) {
        unsigned long size = __builtin_strlen(file);
        __builtin_memcpy(out, file, size > 15 ? 15 : size);
      }
      SEC("socket") int p(void *ctx) { keep("a/file.c"); return 0; }`;
    expect(code(text)).toMatch(/r\d = \*\(u8 \*\)\(r\d \+0\)\n.*if r\d == 0x0 goto/);
  });

  it('is the number of a file by its name, which a macro compares', () => {
    const text = `${HEADERS}static __always_inline int number(const char *const name) {
        if (!__builtin_strcmp("first.h", name)) return 1;
        if (!__builtin_strcmp(name, "second.h")) return 2;
        if (__builtin_strncmp(name, "third.c", 5) == 0) return 3;
        return 0;
      }
      SEC("socket") int p(void *ctx) {
        return number("first.h") + number("second.h") * 10 + number("third.h") * 100 + number("fourth.h") * 1000; }`;
    expect(code(text)).toMatch(/r0 = 321\n.*exit/);
    const asked = text.replace('number("fourth.h")', 'number(*(const char **)ctx)');
    expect(code(asked, { optimise: 1 })).toContain('if r');
  });

  it('is a section in parentheses', () => {
    const text = `${HEADERS}#define IN(name) __attribute__((section((name)), used))
      IN("socket") int p(void *ctx) { return 3; }`;
    expect(code(text)).toContain('r0 = 3');
  });

  it('is an attribute in front of a statement', () => {
    const text = `${HEADERS}static int twice(int n) { return n * 2; }
      SEC("socket") int p(struct __sk_buff *ctx) {
        int n;
        [[clang::noinline]] n = twice(ctx->len);
        if (n) [[likely]] return 1;
        switch (n) { case 0: n = 2; [[fallthrough]]; default: return n; } }`;
    expect(code(text)).toContain('exit');
  });

  it('is a copy of linux/bpf.h, by the guard of the installed one', () => {
    const copy = '#ifndef __LINUX_BPF_H__\n#define __LINUX_BPF_H__\nenum { BPF_REG_0 = 0 };\n#endif\n';
    const readFile = (path: string) => (path.endsWith('own/bpf.h') ? copy : undefined);
    const use = 'SEC("socket") int p(void *ctx) { return BPF_REG_0; }';
    expect(code(`${HEADERS}#include "own/bpf.h"\n${use}`, { readFile })).toContain('r0 = 0');
  });

  it('are functions that are only inline: they make no symbols, which verifiers would look at by themselves', () => {
    const text = `${HEADERS}
      inline int plain(struct __sk_buff *ctx) { return ctx->len; }
      __always_inline int always(struct __sk_buff *ctx) { return ctx->mark; }
      extern inline __attribute__((gnu_inline)) int gnu(struct __sk_buff *ctx) { return ctx->hash; }
      inline int declared(int x) { return x + 1; }
      int declared(int x);
      SEC("tc") inline int p(struct __sk_buff *ctx) { return plain(ctx) + always(ctx) + gnu(ctx); }`;
    const result = compile({ name: 'inline.bpf.c', text });
    if (!result.ok) throw new Error(result.diagnostics[0]!.message);
    const { symbols } = readElf(result.object);
    expect(symbols.filter((one) => one.type === 'func').map((one) => one.name)).toEqual(['declared', 'p']);
  });

  it('are functions of headers that no eBPF program could call, and none does', () => {
    const text = `${HEADERS}
      struct id { int value; };
      extern struct id made(int x);
      static int value(struct id id) { return id.value; }
      static int through(int x) { return value(made(x)) + __builtin_strlen((char *)(long)x); }
      static inline int outer(int x) { return through(x); }
      SEC("socket") int p(void *ctx) { return 7; }`;
    expect(code(text)).toContain('r0 = 7');
    const called = compile({ name: 'called.bpf.c', text: text.replace('return 7', 'return outer(7)') });
    expect(called.ok ? [] : called.diagnostics.map((one) => one.code)).toEqual(['E1408']);
  });

  it('are pragmas whose text and number macros make', () => {
    const text = `${HEADERS}
      #define STRING(x) #x
      #define READ(name, total, step) static __always_inline int name(__u32 *from) { int sum = 0; \\
        _Pragma( STRING(unroll((total) / step)) ) \\
        for (int i = 0; i < total / step; i++) sum += from[i * 3]; \\
        return sum; }
      #define ALL(name) READ(name, 12, 4)
      ALL(three)
      SEC("socket") int p(struct __sk_buff *ctx) { return three(&ctx->len); }`;
    expect(code(text).match(/\(u32 \*\)/g)).toHaveLength(3);
    expect(code(text)).not.toContain('if ');
  });

  it('are maps by the structure that libbpf declared before 1.0', () => {
    const text = `${HEADERS}
      struct bpf_map_def SEC("maps") counts = { .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 64 };
      SEC("socket") int p(void *ctx) { int key = 1; return bpf_map_lookup_elem(&counts, &key) != 0; }`;
    const result = compile({ name: 'maps.bpf.c', text });
    if (!result.ok) throw new Error(result.diagnostics[0]!.message);
    const [map] = openObject(result.object, { name: 'maps' }).maps;
    expect(map).toMatchObject({ name: 'counts', type: 1, keySize: 4, valueSize: 8, maxEntries: 64, flags: 0 });
  });

  it('is a read in front of the check that allows it', () => {
    const text = `${HEADERS}
      SEC("xdp") int p(struct xdp_md *ctx) {
        void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
        __u16 kind = ((__u16 *)data)[6];
        if (data + 14 > end) return XDP_PASS;
        if (kind == 0x81) return XDP_DROP;
        return kind == 0x88 ? XDP_TX : XDP_ABORTED; }`;
    for (const optimise of [1, 2, 's'] as const) {
      const lines = code(text, { optimise }).split('\n');
      const check = lines.findIndex((line) => line.includes('if r'));
      expect(lines.findIndex((line) => line.includes('*(u16 *)'))).toBeGreaterThan(check);
    }
  });

  it('is the vmlinux.h of a folder of their own', () => {
    const text = '#include "vmlinux/x86/vmlinux.h"\nint size = sizeof(struct task_struct);';
    expect(compile({ name: 'folder.bpf.c', text }, { vmlinux: kernelTypes }).ok).toBe(true);
  });

  it('are constants of the UAPI', () => {
    const text = `${HEADERS}#include <errno.h>
      #include <linux/icmp.h>
      #include <linux/icmpv6.h>
      #include <linux/if.h>
      #include <linux/if_ether.h>
      #include <linux/in6.h>
      #include <linux/stat.h>
      #include <linux/swab.h>
      _Static_assert(ENOTSUP == 95 && ICMP_SR_FAILED == 5 && ICMPV6_MGM_REPORT == 131 && IFF_ALLMULTI == 0x200, "");
      _Static_assert(ETH_P_TSN == 0x22f0 && IPV6_PRIORITY_8 == 0x800 && S_IRWXU == 0700, "");
      _Static_assert(___constant_swab32(1) == 1 << 24 && __swahw32(1) == 1 << 16 && __swahb32(1) == 256, "");
      SEC("socket") int p(void *ctx) { return 0; }`;
    expect(code(text)).toContain('exit');
  });
});
