import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile.ts';

/** Bytes of stack of the first function; `use` is a call that the address goes to. */
function stackOf(body: string): number {
  const text = `extern void use(void *p) __attribute__((section(".ksyms")));
    extern void *same(void *p) __attribute__((section(".ksyms")));
    __attribute__((section("tc"), used)) int f(int *c) { ${body} return 0; }`;
  const result = compile({ name: 'stack.bpf.c', text }, { debug: true });
  if (!result.ok) throw new Error(result.diagnostics.map((one) => `${one.code}: ${one.message}`).join('\n'));
  return result.functions.find((one) => one.name === 'f')!.stack;
}

describe('stack variables', () => {
  it('share a slot when one is done before the other begins', () => {
    expect(stackOf('{ char a[200]; use(a); } { char b[192]; use(b); } { char c1[100]; use(c1); }')).toBe(200);
    expect(stackOf('if (*c) { char a[200]; use(a); } else { char b[200]; use(b); }')).toBe(200);
  });

  it('have slots of their own while both are in use', () => {
    expect(stackOf('char a[100], b[100]; use(a); use(b); use(a);')).toBeGreaterThanOrEqual(200);
    // Around the loop, what was written to the first is read after the second was.
    expect(stackOf('char a[100], b[100]; for (int i = 0; i < *c; i++) { use(a); use(b); }')).toBeGreaterThanOrEqual(
      200,
    );
    expect(
      stackOf('char a[100], b[100]; void *p = *c ? a : c; use(b); use(p); { char d[100]; use(d); }'),
    ).toBeGreaterThanOrEqual(200);
  });

  it('of a loop share one when each is written anew in every turn', () => {
    expect(
      stackOf(`for (int i = 0; i < *c; i++) {
        char a[96] = {}; use(a);
        char b[96]; __builtin_memset(b, 1, sizeof(b)); use(b); }`),
    ).toBe(96);
    const read = 'static long (*bpf_probe_read_kernel)(void *, unsigned, const void *) = (void *)113;';
    expect(
      stackOf(`${read} for (int i = 0; i < *c; i++) {
        char a[96]; bpf_probe_read_kernel(a, 96, c); use(a);
        char b[96]; bpf_probe_read_kernel(b, 96, c); use(b); }`),
    ).toBe(96);
    // Only a part is written: the rest is what it was.
    expect(
      stackOf(`${read} char a[96], b[96]; for (int i = 0; i < *c; i++) {
        bpf_probe_read_kernel(a, 95, c); use(a);
        bpf_probe_read_kernel(b, 95, c); use(b); }`),
    ).toBe(192);
  });

  it('keep their slot when their address is stored, or comes back from a call', () => {
    expect(
      stackOf('char a[100]; struct { void *p; } s; s.p = a; use(&s); { char b[100]; use(b); } use(&s);'),
    ).toBeGreaterThanOrEqual(200);
    expect(stackOf('char a[100]; char *p = same(a); { char b[100]; use(b); } use(p);')).toBeGreaterThanOrEqual(200);
  });
});
