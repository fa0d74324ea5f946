import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile.ts';

const PRELUDE = `
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
`;

/** Without a mistake: what `_Static_assert` says of constants, and the codes of warnings. */
function warnings(text: string): string[] {
  const result = compile({ name: 'floats.bpf.c', text: PRELUDE + text }, { debug: true });
  if (!result.ok) throw new Error(result.diagnostics.map((one) => `${one.code}: ${one.message}`).join('\n'));
  return result.warnings.map((one) => one.code);
}

function refused(body: string): string[] {
  const text = `${PRELUDE}double global; SEC("socket") int f(unsigned *ctx) { u64 n = ctx[0]; ${body} return n; }`;
  const result = compile({ name: 'floats.bpf.c', text }, { debug: true });
  return result.ok ? [] : result.diagnostics.map((one) => one.code);
}

describe('floating-point numbers while compiling', () => {
  it('are integers where one is wanted', () => {
    expect(
      warnings(`
        enum { K = (int)2.5e3 };
        char six[(int)(1.5 * 4)];
        const u64 second = 1e9;
        _Static_assert(sizeof(six) == 6 && K == 2500, "");
        _Static_assert((u64)10E9 == 10000000000ULL && (int)-1.9 == -1 && (int)0x1.8p3 == 12, "");
        _Static_assert(1.5 > 1 && !0.0 && 0.1f != 0.1, "");
        _Static_assert((u64)((double)7 / 2 * 1e3) == 3500, "");
        _Static_assert(sizeof(1.0f) == 4 && sizeof(1.0f * 2) == 4 && sizeof(1.0f * 2.0) == 8, "");
        SEC("socket") int f(unsigned *ctx) {
          u64 n = ctx[0], timeout = n > 3 ? 1e3 : 2.5e3;
          _Bool half = 0.5;
          if (n > (u64)(1.5 * 1000) && 0.5) n += (int)+1e2;
          return n + timeout + second + half; }`),
    ).toEqual([]);
  });

  it('tell of what gets lost', () => {
    expect(warnings('SEC("socket") int f(void *ctx) { int x = 1.75; return x; }')).toEqual(['W1207']);
  });

  it('do not run', () => {
    expect(refused('n = n * 1.5;')).toEqual(['E1403']);
    expect(refused('n += 0.5;')).toEqual(['E1403']);
    expect(refused('if (n < 1.5) n = 0;')).toEqual(['E1403']);
    expect(refused('double d = 1.5;')).toEqual(['E1403']);
    expect(refused('n = global;')).toEqual(['E1403']);
    expect(refused('n = n ? global : 1.5;')).toEqual(['E1403']);
    expect(refused('n = 1.0 / 0.0;')).toEqual(['E1403']);
    expect(refused('n = ~1.5;')).toEqual(['E1403']);
    expect(refused('ctx[0] += (double)n;')).toEqual(['E1403']);
  });
});
