import { decode, disassemble, openObject } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { type CompileOptions, compile } from '../src/compile.ts';

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
