import { decode, disassemble, openObject } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile.ts';

/** The code of `f`. */
function code(body: string): string {
  const text = `extern void use(void *p) __attribute__((section(".ksyms")));
    extern long next(void *p) __attribute__((section(".ksyms")));
    __attribute__((section("tc"), used)) int f(int *c) { ${body} }`;
  const result = compile({ name: 'frame.bpf.c', text }, { debug: true });
  if (!result.ok) throw new Error(result.diagnostics.map((one) => `${one.code}: ${one.message}`).join('\n'));
  return disassemble(decode(openObject(result.object, { name: 'frame' }).programs[0]!.code));
}

describe('the stack frame', () => {
  it('has what a loop only counts where verifiers do not remember its value', () => {
    const text = code('int n = 0; long at = 0; while (next(&at)) { use(&n); n++; } return n;');
    expect(text).toMatch(/\*\(u32 \*\)\(r10 -(4|12)\) = r/);
  });

  it('has what a loop asks for where they do', () => {
    const text = code('int n = 0; for (n = 0; n < 10; n++) use(&n); return 0;');
    expect(text).toMatch(/\*\(u32 \*\)\(r10 -8\) = r/);
  });

  it('has saved registers below variables, which a program may seem to write behind', () => {
    const text = code(`long a = c[1], b = c[2], d = c[3], e = c[4], g = c[5]; char line[32];
      for (int i = 0; i < 32; i++) line[i] = next(c); use(line); return a + b + d + e + g;`);
    const line = Math.min(...[...text.matchAll(/r\d \+= -(\d+)/g)].map((one) => Number(one[1])));
    const saved = [...text.matchAll(/\*\(u64 \*\)\(r10 -(\d+)\) = r/g)].map((one) => Number(one[1]));
    expect(line).toBe(32);
    expect(saved.length).toBeGreaterThan(0);
    for (const offset of saved) expect(offset).toBeGreaterThan(32);
  });
});
