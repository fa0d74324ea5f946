import { decode, disassemble, openObject, readElf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { compile } from '../src/compile.ts';

const PRELUDE = `
typedef unsigned int __u32; typedef unsigned long long __u64;
#define SEC(name) __attribute__((section(name), used))
`;

function built(text: string) {
  return compile({ name: 'asm.bpf.c', text: PRELUDE + text }, { debug: true });
}

/** The instructions of the first program, one a line. */
function code(text: string): string[] {
  const result = built(text);
  if (!result.ok) throw new Error(result.diagnostics.map((one) => `${one.code}: ${one.message}`).join('\n'));
  const [program] = openObject(result.object, { name: 'asm' }).programs;
  return disassemble(decode(program!.code))
    .split('\n')
    .map((line) => line.replace(/^\s*\d+:\s*/, '').trim())
    .filter((line) => line !== '');
}

function refused(text: string): string[] {
  const result = built(text);
  return result.ok ? [] : result.diagnostics.map((one) => one.code);
}

describe('inline assembly', () => {
  it('leaves room where it destroys most registers and much lives across it', () => {
    const text = `
      static inline __attribute__((always_inline)) __u32 word(void *skb, __u64 at) {
        __u64 found;
        asm volatile("r6 = %1; r0 = *(u32 *)skb[%2]; %0 = r0"
          : "=r"(found) : "r"(skb), "r"(at) : "r0", "r1", "r2", "r3", "r4", "r5", "r6");
        return found; }
      static inline __attribute__((always_inline)) __u32 hash(void *skb, __u64 at) {
        return word(skb, at) ^ word(skb, at + 4) ^ word(skb, at + 8) ^ word(skb, at + 12); }
      SEC("socket") int f(__u32 *skb) {
        __u64 at = skb[12]; __u32 kind = word(skb, 12);
        switch (kind) {
        case 1: at += 4; kind = word(skb, at + 2); skb[12] = at;
          if (kind == 3) return hash(skb, at + 8) + hash(skb, at + 24);
          return word(skb, skb[12] + 1);
        case 3: return hash(skb, at + 8) + hash(skb, at + 24);
        default: return kind; } }`;
    expect(code(text).filter((line) => line.includes('skb[')).length).toBeGreaterThan(10);
  });

  it('loads from packets without copies beyond those that the instruction wants', () => {
    const text = `__u64 word(void *skb, __u64 at) asm("llvm.bpf.load.word");
      SEC("socket") int f(__u32 *skb) { return word(skb, 12) ^ word(skb, skb[12]); }`;
    expect(code(text)).toHaveLength(10);
  });

  it('keeps a naked function as it is written', () => {
    expect(
      code(`SEC("socket") __attribute__((naked)) void f(void) {
        asm volatile("r2 = %[two];\\n if r2 s> 1 goto l%=; r0 = 0; exit; l%=: r0 = *(u32*)(r1 + %[off]); exit"
          : : [two]"i"(2), [off]"i"(4 * 4) : "r0", "r2", "memory"); }`),
    ).toEqual(['r2 = 2', 'if r2 s> 0x1 goto pc+2', 'r0 = 0', 'exit', 'r0 = *(u32 *)(r1 +16)', 'exit']);
  });

  it('hands the whole register over where an operand is cast to less: bpf_cmp_likely', () => {
    expect(
      code(`SEC("tc") int f(void *ctx) {
        __u64 n = *(__u64 *)ctx;
        asm volatile goto("if %[n] > 70000 goto %l[large]" :: [n]"r"((short)n) :: large);
        return 1;
      large:
        return 2; }`).slice(0, 2),
    ).toEqual(['r1 = *(u64 *)(r1 +0)', 'if r1 > 0x11170 goto pc+2']);
  });

  it('writes a negative int into the text with its sign, and into a register without', () => {
    const below = (limit: string) =>
      code(`static inline __attribute__((always_inline)) long below(long n, int limit) {
        long is = 0;
        asm volatile("if %[n] s>= %[limit] goto +1; %[is] = 1" : [is]"+r"(is) : [n]"r"(n), [limit]"ri"(limit));
        return is; }
        SEC("tc") long f(long *ctx) { return below(ctx[0], ${limit}); }`).join('\n');
    expect(below('-1')).toContain('s>= 0xffffffff goto');
    expect(below('ctx[1]')).toMatch(/if r\d s>= r\d goto/);
  });

  it('loads what is declared nowhere as a name that the loader fills in', () => {
    const result = built(
      'SEC("tc") long f(void *c) { unsigned long limit; asm("%0 = limit ll" : "=r"(limit)); return limit; }',
    );
    if (!result.ok) throw new Error(result.diagnostics[0]?.message);
    const { symbols, sections } = readElf(result.object, 'asm');
    expect(symbols.find((one) => one.name === 'limit')).toMatchObject({ section: 'undefined', binding: 'global' });
    expect(sections.find((one) => one.name === 'tc')?.relocations).toHaveLength(1);
  });

  it('moves operands in and results out', () => {
    const lines = code(`SEC("socket") int f(__u32 *ctx) {
      __u64 x = ctx[0], y;
      asm volatile("%[y] = %[x]; %[y] *= 7; %w[x] += 1" : [y]"=&r"(y), [x]"+r"(x));
      return x + y; }`);
    const start = lines.findIndex((line) => line.includes('*= 7'));
    const copy = /^(r\d) = (r\d)$/.exec(lines[start - 1]!)!;
    expect(copy[1]).not.toBe(copy[2]);
    expect(lines[start]).toBe(`${copy[1]} *= 7`);
    expect(lines[start + 1]).toBe(`w${copy[2]!.slice(1)} += 1`);
  });

  it('leaves clobbered registers to the template', () => {
    const lines = code(`SEC("socket") int f(__u32 *ctx) {
      __u64 x = ctx[0];
      asm volatile("r1 = %0; r2 = 0; r3 = 0; r4 = 0; r5 = 0; call 6" : : "r"(x) : "r0", "r1", "r2", "r3", "r4", "r5");
      return x; }`);
    expect(lines).toContain('call bpf_trace_printk#6');
    const moved = lines.find((line) => /^r1 = r[6-9]$/.test(line));
    expect(moved).toBeDefined();
  });

  it('jumps out by asm goto', () => {
    const lines = code(`SEC("socket") int f(__u32 *ctx) {
      __u64 x = ctx[0];
      asm goto("if %0 > %1 goto %l[big]" : : "r"(x), "ri"(10) : : big);
      return 1;
      big: return 2; }`);
    expect(lines.some((line) => /^if r\d > 0xa goto pc\+\d$/.test(line))).toBe(true);
    expect(lines).toEqual(expect.arrayContaining(['r0 = 1', 'r0 = 2']));
  });

  it('jumps out by asm goto with results, which both ways have', () => {
    const lines = code(`SEC("socket") int f(__u32 *ctx) {
      __u64 x = ctx[0], y;
      asm goto("%[y] = %[x]; %[x] *= 3; if %[y] > 70 goto %l[big]; if %[y] == 5 goto %l5"
        : [y]"=&r"(y), [x]"+r"(x) : "i"(1) : : big, five);
      return y;
      five: return 9;
      big: return x; }`);
    const test = lines.findIndex((line) => /^if r\d > 0x46 goto pc\+3$/.test(line));
    const [, y] = /^if (r\d)/.exec(lines[test]!)!;
    expect(lines[test + 1]).toBe(`if ${y} == 0x5 goto pc+4`);
    const [, way] = /^(r\d) = 0$/.exec(lines[test + 2]!)!;
    expect(lines.slice(test + 3, test + 8)).toEqual([
      'goto pc+4',
      `${way} = 1`,
      'goto pc+2',
      `${way} = 2`,
      'goto pc+0',
    ]);
    // Label 5: behind three operands and the input half of "+r" comes `big`, then `five`.
    expect(lines.slice(test + 8, test + 10).map((line) => line.replace(/goto.*/, ''))).toEqual([
      `if ${way} == 0x1 `,
      `if ${way} == 0x2 `,
    ]);
  });

  it('takes instructions as numbers', () => {
    expect(
      code(`struct insn { unsigned char code; unsigned char regs; short off; int imm; };
        SEC("socket") __attribute__((naked)) void f(void) {
          asm volatile(".8byte %0; .byte 0x95, 0; .short 0; .long 0"
            : : "i"(*(long *)&((struct insn){ .code = 0xb7, .regs = 0, .imm = 5 })) : "r0"); }`),
    ).toEqual(['r0 = 5', 'exit']);
  });

  it('calls functions that are declared later', () => {
    const result = built(`
      SEC("socket") __attribute__((naked)) int f(void) { asm volatile("call later; r0 = 0; exit" ::: "r0"); }
      static __attribute__((naked, noinline, used)) int later(void) { asm volatile("r0 = 3; exit" ::: "r0"); }`);
    expect(result.ok && result.functions.map((one) => [one.name, one.insns])).toEqual([
      ['f', 3],
      ['later', 2],
    ]);
  });

  it('refuses what it cannot mean', () => {
    const f = (body: string) => refused(`SEC("socket") int f(__u32 *ctx) { __u64 x = ctx[0]; ${body} return x; }`);
    expect(f('asm volatile("r1 = ; exit");')).toEqual(['E1308']);
    expect(f('asm volatile("call nothing");')).toEqual(['E1308']);
    expect(f('asm volatile("r1 = %0" : : "i"(x));')).toEqual(['E1309']);
    expect(f('asm volatile("r1 = %0" : : "Q!"(x));')).toEqual(['E1455']);
    expect(
      refused(`static void done(int *p) { *p = 0; }
        SEC("socket") int f(__u32 *ctx) {
          { int v __attribute__((cleanup(done))) = 1; asm goto("if %0 > 1 goto %l[out]" : : "r"(v) : : out); }
          out: return 0; }`),
    ).toEqual(['E1458']);
    expect(f('asm volatile("%0 += 1" : "+r"(x) : : "r0","r1","r2","r3","r4","r5","r6","r7","r8","r9");')).toEqual([
      'E1310',
    ]);
  });
});
