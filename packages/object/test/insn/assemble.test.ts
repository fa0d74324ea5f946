import { SkepError } from '@skep/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble, parseStatements } from '../../src/insn/assemble.ts';
import { disassemble, printInsn } from '../../src/insn/disassemble.ts';
import type { Insn } from '../../src/insn/model.ts';
import { anyProgram, linkedProgram } from './arbitrary.ts';

/** Text as the kernel prints it, and the same as clang's tools do where that differs. */
const FORMS: readonly (readonly [kernel: string, ...others: string[]])[] = [
  ['r1 = 5', 'r1 = 0x5', 'r1=5', ' r1 = 5 # five', 'r1 = 5 // five', 'r1 = /* five */ 5', '3: (b7) r1 = 5'],
  ['w1 = -1', 'w1 = 0xffffffff', 'w1 = -0x1'],
  ['r1 = r2'],
  ['w1 += w2', 'w1+=w2'],
  ['r1 s>>= 5', 'r1 s>>= 0x5'],
  ['r1 s/= r2'],
  ['w1 s%= 5'],
  ['r1 = -r1'],
  ['w10 = -w10'],
  ['r1 = (s8)r2', 'r1 = (s8) r2'],
  ['w1 = (s16)w2'],
  ['r1 = (s32)r2'],
  ['r1 = be16 r1'],
  ['r1 = le64 r1'],
  ['r1 = bswap32 r1'],
  ['r1 = addr_space_cast(r2, 0, 1)', 'r1 = addr_space_cast(r2, 0x0, 0x1)'],
  ['r1 = *(u32 *)(r2 +16)', 'r1 = *(u32 *)(r2 + 16)', 'r1 = *(u32*)(r2 + 0x10)', 'w1 = *(u32 *)(r2 + 8 + 8)'],
  ['r1 = *(u8 *)(r2 +0)', 'r1 = *(u8 *)(r2)', 'w1 = *(u8 *)(r2 + 0)'],
  ['r1 = *(s16 *)(r10 -4)', 'r1 = *(s16 *)(r10 + -4)', 'r1 = *(s16 *)(r10 - 0x4)'],
  ['*(u64 *)(r10 -8) = r1', '*(u64 *)(r10 - 8) = r1'],
  ['*(u32 *)(r10 -8) = r1', '*(u32 *)(r10 - 8) = w1'],
  ['*(u32 *)(r10 -4) = 7', '*(u32 *)(r10 - 0x4) = 0x7'],
  ['lock *(u64 *)(r2 +0) += r3', 'lock *(u64 *)(r2 + 0) += r3'],
  ['lock *(u32 *)(r2 +4) ^= r3', 'lock *(u32 *)(r2 + 4) ^= w3'],
  ['r0 = atomic64_fetch_add((u64 *)(r2 +8), r0)', 'r0 = atomic_fetch_add((u64 *)(r2 + 0x8), r0)'],
  ['r3 = atomic_fetch_or((u32 *)(r2 +8), r3)', 'w3 = atomic_fetch_or((u32 *)(r2 + 8), w3)'],
  ['r3 = atomic64_xchg((u64 *)(r2 +8), r3)', 'r3 = xchg_64(r2 + 8, r3)'],
  ['r3 = atomic_xchg((u32 *)(r2 +0), r3)', 'w3 = xchg32_32(r2 + 0, w3)'],
  ['r0 = atomic64_cmpxchg((u64 *)(r2 +8), r0, r1)', 'r0 = cmpxchg_64(r2 + 8, r0, r1)'],
  ['r0 = atomic_cmpxchg((u32 *)(r2 +8), r0, r1)', 'w0 = cmpxchg32_32(r2 + 8, w0, w1)'],
  ['r1 = load_acquire((u64 *)(r2 +0))', 'r1 = load_acquire((u64 *)(r2 + 0))'],
  ['r1 = load_acquire((u8 *)(r2 -1))', 'w1 = load_acquire((u8 *)(r2 - 1))'],
  ['store_release((u64 *)(r2 +0), r1)'],
  ['store_release((u16 *)(r2 +6), r1)', 'store_release((u16 *)(r2 + 6), w1)'],
  ['r1 = 0x123456789abcdef0 ll', 'r1 = 1311768467463790320 ll'],
  ['r1 = 0xffffffffffffffff ll', 'r1 = -1 ll'],
  ['r1 = map[fd:5]'],
  ['r1 = map[fd:5][0]+16'],
  ['r1 = map[idx:0]'],
  ['r1 = map[idx:2][0]+0', 'r1 = map[idx:2][0]'],
  ['r1 = btf[id:77]'],
  ['r1 = btf[id:77@3]'],
  ['r1 = subprog[+3]'],
  ['r0 = *(u8 *)skb[12]', 'r0 = *(u8 *)skb[0xc]'],
  ['r0 = *(u16 *)skb[r7 + 0]', 'r0 = *(u16 *)skb[r7]'],
  ['if r1 == 0x0 goto pc+2', 'if r1 == 0 goto +2', 'if r1 == 0 goto +0x2 <LBB0_2>'],
  ['if w1 s> 0xffffffff goto pc-2', 'if w1 s> -1 goto -2'],
  ['if r1 & 0x10 goto pc+0', 'if r1 & 16 goto +0'],
  ['if w1 != w2 goto pc+1', 'if w1 != w2 goto +1'],
  ['goto pc+1', 'goto +1'],
  ['gotol pc-70000', 'gotol -70000'],
  ['may_goto pc+4', 'may_goto +4'],
  ['call bpf_map_lookup_elem#1', 'call bpf_map_lookup_elem', 'call 1', 'call 0x1'],
  ['call unknown#100000', 'call 100000'],
  ['call bpf_unspec#0', 'call 0'],
  ['call pc+5', 'call +5'],
  ['call kfunc#1234', 'call bpf_task_from_pid#1234'],
  ['call kfunc#1234@2'],
  ['callx r3'],
  ['exit', 'exit;', '; return\nexit'],
];

const errorOf = (text: string): { code: string; at: string; message: string; help: string | undefined } => {
  try {
    assemble(text);
  } catch (error) {
    if (!(error instanceof SkepError)) throw error;
    const { code, message, help, span } = error.diagnostics[0]!;
    return { code, at: span!.file.text.slice(span!.start, span!.end), message, help };
  }
  throw new Error(`${text} was assembled`);
};

describe('assemble', () => {
  it.each(FORMS)('%s', (kernel, ...others) => {
    const insns = assemble(kernel);
    expect(insns).toHaveLength(1);
    expect(disassemble(insns)).toBe(kernel);
    for (const other of others) expect(assemble(other), other).toEqual(insns);
  });

  it('takes back what disassemble gives, for every program', () => {
    fc.assert(
      fc.property(anyProgram, (insns) => {
        expect(assemble(disassemble(insns))).toEqual(insns);
        expect(assemble(disassemble(insns, { slots: true }))).toEqual(insns);
      }),
      { numRuns: 300 },
    );
  });

  it('takes back labels too', () => {
    fc.assert(
      fc.property(linkedProgram, (insns) => {
        const text = disassemble(insns, { labels: true });
        expect(text).not.toMatch(/pc[+-]/);
        expect(assemble(text)).toEqual(insns);
      }),
      { numRuns: 300 },
    );
  });

  it('links labels over 64-bit immediates, and numeric ones both ways', () => {
    const insns = assemble(`
      1: r1 = 0x1 ll
         if r1 == 0 goto 1f; goto 1b
      1: call double
         exit
      double:
         r0 = r1; r0 += r1
         exit`);
    expect(disassemble(insns)).toBe(
      'r1 = 0x1 ll\nif r1 == 0x0 goto pc+1\ngoto pc-4\ncall pc+1\nexit\nr0 = r1\nr0 += r1\nexit',
    );
  });

  it('asks for symbols, and takes labels for functions', () => {
    const symbol = (name: string) => (name === 'counts' ? ({ kind: 'map_fd', fd: 9 } as const) : undefined);
    expect(assemble('r1 = counts ll\nr2 = callback ll\nexit\ncallback: exit', { symbol })).toEqual([
      { kind: 'ld_imm64', dst: 1, imm: { kind: 'map_fd', fd: 9 } },
      { kind: 'ld_imm64', dst: 2, imm: { kind: 'func', offset: 2 } },
      { kind: 'exit' },
      { kind: 'exit' },
    ]);
  });

  it.each([
    ['frobnicate', 'E3321', 'frobnicate'],
    ['r11 = 1', 'E3322', 'r11'],
    ['r1 = r12', 'E3322', 'r12'],
    ['r1 += w2', 'E3323', 'r1 += w2'],
    ['w1 = *(u64 *)(r2 + 0)', 'E3323', 'w1 = *(u64 *)(r2 + 0)'],
    ['r1 = *(u32 *)(w2 + 0)', 'E3323', 'w2'],
    ['r1 = 0x80000000', 'E3324', '0x80000000'],
    ['r1 = *(u32 *)(r2 + 40000)', 'E3324', '+ 40000'],
    ['goto +40000', 'E3324', '+'],
    ['goto nowhere', 'E3325', 'nowhere'],
    ['a: exit\na: exit', 'E3326', 'a'],
    ['call bpf_map_lokup_elem', 'E3327', 'bpf_map_lokup_elem'],
    ['r1 = -r2', 'E3328', 'r1 = -r2'],
    ['r2 = atomic64_xchg((u64 *)(r1 + 0), r3)', 'E3328', 'r2 = atomic64_xchg((u64 *)(r1 + 0), r3)'],
    ['lock *(u8 *)(r1 + 0) += r2', 'E3328', 'lock *(u8 *)(r1 + 0) += r2'],
    ['r1 = *(u33 *)(r2 + 0)', 'E3320', 'u33'],
    ['r1 =', 'E3320', ''],
    ['if r1 == 0', 'E3320', ''],
    ['exit exit', 'E3320', 'exit'],
    ['r1 = "text"', 'E3320', '"'],
    ['r1 = %[x]', 'E3320', '%[x]'],
  ])('%s is %s', (text, code, at) => {
    expect(errorOf(text)).toMatchObject({ code, at });
  });

  it('names the helper that was meant, and every bad line', () => {
    expect(errorOf('call bpf_map_lokup_elem').help).toContain('bpf_map_lookup_elem');
    expect(errorOf('loop: goto lopo').help).toContain("'loop'");
    try {
      assemble('r1 = = 2\nexit\nfoo bar');
      expect.unreachable();
    } catch (error) {
      expect((error as SkepError).diagnostics.map(({ code }) => code)).toEqual(['E3320', 'E3321']);
    }
  });

  it('never fails in another way than by a diagnostic', () => {
    const words = fc.constantFrom(
      ...'r0 r1 w2 = += ( ) * u8 u64 s32 + - 4 0x ll if goto call exit lock [ ] : ; # % %0 %= label 1b map subprog fd btf == s> , skb be16 store_release load_acquire'.split(
        ' ',
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((all) => all.join(' ')),
        ),
        (text) => {
          try {
            assemble(text);
          } catch (error) {
            expect(error).toBeInstanceOf(SkepError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('statements of an inline assembly', () => {
  it('puts operands in', () => {
    const file = { name: 'asm', text: '%[out] = *(u32 *)(%1 + %[off])\n%w[out] <<= 2; if %0 > %[off] goto %l[done]' };
    const problems: never[] = [];
    const statements = parseStatements(
      file,
      {
        operand: (name) => {
          if (name === 'out' || name === '0') return { kind: 'reg', reg: 3 };
          if (name === '1') return { kind: 'reg', reg: 4 };
          if (name === 'off') return { kind: 'imm', imm: 8 };
          return name === 'done' ? { kind: 'label', name: 'block7' } : undefined;
        },
      },
      problems,
    );
    expect(problems).toEqual([]);
    expect(statements.map((one) => (one.kind === 'insn' ? printInsn(one.insn) : one.name))).toEqual([
      'r3 = *(u32 *)(r4 +8)',
      'w3 <<= 2',
      'if r3 > 0x8 goto pc+0',
    ]);
    expect(statements[2]).toMatchObject({ target: { name: 'block7' } });
  });
});

describe('disassemble', () => {
  it('shows functions, source lines and names', () => {
    const insns: Insn[] = assemble('r1 = map[idx:0]\ncall pc+1\nexit\ncall kfunc#5\nexit');
    const text = disassemble(insns, {
      labels: true,
      functions: new Map([
        [0, 'main'],
        [4, 'helper'],
      ]),
      lines: [{ slot: 2, file: 'a.bpf.c', text: '  return helper(&counts);', line: 7, column: 3 }],
      names: {
        symbol: (imm) => (imm.kind === 'map_idx' ? 'counts' : undefined),
        kfunc: (btfId) => (btfId === 5 ? 'bpf_rcu_read_lock' : undefined),
      },
    });
    expect(text).toBe(
      [
        'main:',
        '  r1 = counts ll',
        '; return helper(&counts); @ a.bpf.c:7',
        '  call helper',
        '  exit',
        'helper:',
        '  call bpf_rcu_read_lock#5',
        '  exit',
      ].join('\n'),
    );
  });
});
