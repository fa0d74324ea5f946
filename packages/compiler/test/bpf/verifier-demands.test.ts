import { describe, expect, it } from 'vitest';
import { code, insnsOf } from './code.ts';
import { openKernel } from './kernel.ts';

const kernel = openKernel();
const XDP = 6;
const RAW_TRACEPOINT = 17;
const SCHED_CLS = 3;

/** Checks the text of the code, and that the verifier of this machine takes it. */
function accepts(ir: string, programType: number | undefined, expected: readonly string[], cpu: 'v2' | 'v3' = 'v3') {
  expect(code(ir, cpu)).toEqual(expected);
  if (programType === undefined || 'unavailable' in kernel) return;
  const { accepted, log } = kernel.verify(insnsOf(ir, cpu), programType);
  expect(accepted, log).toBe(true);
}

describe('what verifiers demand', () => {
  it('a context field is loaded at its offset from the context pointer itself', () => {
    accepts(
      `func @f(%ctx: ptr context): i32 global section "tc" {
b0:
  %p = ptradd %ctx, 4
  %0 = load i32 %p + 12
  return %0
}`,
      SCHED_CLS,
      ['r0 = *(u32 *)(r1 +16)', 'exit'],
    );
  });

  it('packet pointers are what the u32 load left, and compare in the order of the source', () => {
    accepts(
      `func @f(%ctx: ptr context): i32 global section "xdp" {
b0:
  %0 = load i32 %ctx
  %1 = zext i32 %0 to i64
  %data = inttoptr i64 %1 to ptr
  %2 = load i32 %ctx + 4
  %3 = zext i32 %2 to i64
  %end = inttoptr i64 %3 to ptr
  %limit = ptradd %data, 14
  %out = ugt ptr %limit, %end
  branch %out, b2, b1
b1:
  %x = load i8 %data + 13
  %y = zext i8 %x to i32
  return %y
b2:
  return 2
}`,
      XDP,
      [
        'r4 = *(u32 *)(r1 +0)',
        'r3 = *(u32 *)(r1 +4)',
        'r5 = r4',
        'r5 += 14',
        'if r5 > r3 goto pc+2',
        'r0 = *(u8 *)(r4 +13)',
        'exit',
        'r0 = 2',
        'exit',
      ],
    );
  });

  it('base and variable offset are added once, and both check and access use the sum', () => {
    accepts(
      `func @f(%ctx: ptr context): i32 global section "xdp" {
b0:
  %0 = load i32 %ctx
  %1 = zext i32 %0 to i64
  %data = inttoptr i64 %1 to ptr
  %2 = load i32 %ctx + 4
  %3 = zext i32 %2 to i64
  %end = inttoptr i64 %3 to ptr
  %limit = ptradd %data, 14
  %out = ugt ptr %limit, %end
  branch %out, b3, b1
b1:
  %x = load i8 %data
  %y = and i8 %x, 15
  %len = zext i8 %y to i64
  %words = shl i64 %len, 2
  %l4 = ptradd %data, %words
  %limit.1 = ptradd %l4, 20
  %out.1 = ugt ptr %limit.1, %end
  branch %out.1, b3, b2
b2:
  %z = load i32 %l4 + 16
  return %z
b3:
  return 2
}`,
      XDP,
      [
        'r4 = *(u32 *)(r1 +0)',
        'r3 = *(u32 *)(r1 +4)',
        'r5 = r4',
        'r5 += 14',
        'if r5 > r3 goto pc+9',
        'r5 = *(u8 *)(r4 +0)',
        'r5 &= 15',
        'r5 <<= 2',
        'r4 += r5',
        'r5 = r4',
        'r5 += 20',
        'if r5 > r3 goto pc+2',
        'r0 = *(u32 *)(r4 +16)',
        'exit',
        'r0 = 2',
        'exit',
      ],
    );
  });

  it('an unsigned 32-bit bound is checked on the register that is used', () => {
    accepts(
      `func @f(%ctx: ptr context): i32 global section "raw_tp" {
b0:
  %buf = alloca 32 align 8
  memset %buf, 0, 32 align 8
  %0 = call i32 helper 7 "bpf_get_prandom_u32"()
  %out = ugt i32 %0, 24
  branch %out, b2, b1
b1:
  %i = zext i32 %0 to i64
  %p = ptradd %buf, %i
  %x = load i8 %p
  %y = zext i8 %x to i32
  return %y
b2:
  return 0
}`,
      RAW_TRACEPOINT,
      [
        '*(u64 *)(r10 -32) = 0',
        '*(u64 *)(r10 -24) = 0',
        '*(u64 *)(r10 -16) = 0',
        '*(u64 *)(r10 -8) = 0',
        'call bpf_get_prandom_u32#7',
        'w0 = w0',
        'if r0 > 0x18 goto pc+5',
        'r5 = r10',
        'r5 += -32',
        'r5 += r0',
        'r0 = *(u8 *)(r5 +0)',
        'exit',
        'r0 = 0',
        'exit',
      ],
    );
  });

  it('a 32-bit division is followed by a zero-extension', () => {
    const ir = `func @f(%ctx: ptr context): i32 global section "raw_tp" {
b0:
  %0 = load i64 %ctx
  %1 = trunc i64 %0 to i32
  %2 = udiv i32 %1, 200
  return %2
}`;
    accepts(ir, RAW_TRACEPOINT, ['r5 = *(u64 *)(r1 +0)', 'w0 = w5', 'w0 /= 200', 'w0 = w0', 'exit']);
    expect(code(ir, 'v2')).toEqual(['r0 = *(u64 *)(r1 +0)', 'r0 <<= 32', 'r0 >>= 32', 'r0 /= 200', 'exit']);
  });

  it('a signed 32-bit check is a 32-bit jump on the register that is used, sign-extended below v3', () => {
    const ir = `func @f(%ctx: ptr context): i32 global section "raw_tp" {
b0:
  %0 = load i64 %ctx
  %1 = trunc i64 %0 to i32
  %2 = slt i32 %1, 0
  branch %2, b1, b2
b1:
  return 0
b2:
  return %1
}`;
    accepts(ir, RAW_TRACEPOINT, [
      'r5 = *(u64 *)(r1 +0)',
      'w0 = w5',
      'if w0 s< 0x0 goto pc+1',
      'exit',
      'r0 = 0',
      'exit',
    ]);
    expect(code(ir, 'v2')).toContain('r5 s>>= 32');
  });

  it('a null test is a 64-bit comparison with 0 on the pointer itself', () => {
    accepts(
      `global @m: global ".maps" size 32 align 8
func @f(%ctx: ptr context): i32 global section "raw_tp" {
b0:
  %key = alloca 4 align 4
  store i32 0, %key
  %v = call ptr helper 1 "bpf_map_lookup_elem"(@m, %key)
  %none = eq ptr %v, 0
  branch %none, b2, b1
b1:
  %x = load i32 %v + 4
  return %x
b2:
  return 0
}`,
      undefined,
      [
        '*(u32 *)(r10 -4) = 0',
        'r1 = 0x0 ll',
        'r2 = r10',
        'r2 += -4',
        'call bpf_map_lookup_elem#1',
        'if r0 == 0x0 goto pc+2',
        'r0 = *(u32 *)(r0 +4)',
        'exit',
        'r0 = 0',
        'exit',
      ],
    );
  });

  it('a negation is a subtraction from 0', () => {
    accepts(
      `func @f(%ctx: ptr context): i64 global section "raw_tp" {
b0:
  %0 = load i64 %ctx
  %1 = sub i64 0, %0
  return %1
}`,
      RAW_TRACEPOINT,
      ['r5 = *(u64 *)(r1 +0)', 'r0 = 0', 'r0 -= r5', 'exit'],
    );
  });

  it('values that do not fit into registers lie alone in 8-byte slots, written and read whole', () => {
    const names = Array.from({ length: 30 }, (_, i) => i);
    const ir = `func @f(%ctx: ptr context): i64 global section "raw_tp" {
b0:
${names.map((i) => `  %a${i} = load i64 %ctx + ${8 * (i % 4)}\n  %b${i} = mul i64 %a${i}, ${i + 3}`).join('\n')}
  %c0 = call i64 helper 5 "bpf_ktime_get_ns"()
${names.map((i) => `  %c${i + 1} = xor i64 %c${i}, %b${i}`).join('\n')}
  return %c30
}`;
    const insns = insnsOf(ir);
    const offsets = new Map<number, number>();
    for (const insn of insns) {
      if (insn.kind === 'store' && insn.dst === 10) offsets.set(insn.off, (offsets.get(insn.off) ?? 0) + 1);
      if ((insn.kind === 'store' && insn.dst === 10) || (insn.kind === 'load' && insn.src === 10)) {
        expect(insn.size).toBe(8);
        expect(Math.abs(insn.off % 8)).toBe(0);
      }
    }
    expect(offsets.size).toBeGreaterThan(20);
    expect([...offsets.values()].every((count) => count === 1)).toBe(true);
    if ('unavailable' in kernel) return;
    const { accepted, log } = kernel.verify(insns, RAW_TRACEPOINT);
    expect(accepted, log).toBe(true);
  });

  it('memory that may be the context is never written with store-immediate', () => {
    const ir = (address: string) => `func @f(%ctx: ptr${address === '%ctx' ? ' context' : ''}): void static {
b0:
  store i32 7, ${address} + 8
  return
}`;
    expect(code(ir('%ctx'))).toEqual(['r5 = 7', '*(u32 *)(r1 +8) = r5', 'exit']);
  });

  it('a loop asks at its end only where it is known to run once', () => {
    accepts(
      `func @f(%ctx: ptr context): i64 global section "raw_tp" {
b0:
  jump b1(i32 0, i64 0)
b1(%i: i32, %sum: i64):
  %more = ult i32 %i, 8
  branch %more, b2, b3
b2:
  %r = call i64 helper 7 "bpf_get_prandom_u32"()
  %s = add i64 %sum, %r
  %next = add i32 %i, 1
  jump b1(%next, %s)
b3:
  return %sum
}`,
      RAW_TRACEPOINT,
      [
        'r6 = 0',
        'r7 = 0',
        'call bpf_get_prandom_u32#7',
        'r7 += r0',
        'w6 += 1',
        'if r6 < 0x8 goto pc-4',
        'r0 = r7',
        'exit',
      ],
    );
  });

  it('r0 is set before a program ends, even one that returns nothing', () => {
    accepts(
      `func @f(%ctx: ptr context): void global section "raw_tp" {
b0:
  return
}`,
      RAW_TRACEPOINT,
      ['r0 = 0', 'exit'],
    );
  });

  it('code that cannot be reached is not there', () => {
    expect(
      code(`func @f(%ctx: ptr context): i32 global section "raw_tp" {
b0:
  branch true, b1, b2
b1:
  return 1
b2:
  return 2
}`),
    ).toEqual(['r0 = 1', 'exit']);
  });

  it('a CO-RE offset is the offset of the access where that has none of its own', () => {
    expect(
      code(`func @f(%p: ptr): i32 static {
b0:
  %c = core field_byte_offset 1 "0:1" 72
  %q = ptradd %p, %c
  %0 = load i32 %q
  return %0
}`),
    ).toEqual(['r0 = *(u32 *)(r1 +72)', 'exit']);
    expect(
      code(`func @f(%p: ptr): i32 static {
b0:
  %c = core field_byte_offset 1 "0:1" 72
  %q = ptradd %p, %c
  %0 = load i32 %q + 4
  return %0
}`),
    ).toEqual(['r1 += 72', 'r0 = *(u32 *)(r1 +4)', 'exit']);
  });

  it('integer parameters are zero-extended where the kernel may be the caller', () => {
    const ir = (linkage: string) => `func @f(%x: i32): i64 ${linkage} {
b0:
  %0 = zext i32 %x to i64
  return %0
}`;
    expect(code(ir('static'))).toEqual(['r0 = r1', 'exit']);
    expect(code(ir('global'))).toEqual(['w1 = w1', 'r0 = r1', 'exit']);
  });

  it('what a condition guards comes before the way around it: ranges that it widens are met first', () => {
    accepts(
      `func @f(%ctx: ptr): i64 global section "raw_tp" {
b0:
  %n = call i64 helper 7 "bpf_get_prandom_u32" ()
  %small = ule i64 %n, 1
  branch %small, b1, b2(i64 8)
b1:
  %m = add i64 %n, 5
  jump b2(%m)
b2(%x: i64):
  return %x
}`,
      RAW_TRACEPOINT,
      ['call bpf_get_prandom_u32#7', 'if r0 > 0x1 goto pc+2', 'r0 += 5', 'exit', 'r0 = 8', 'exit'],
    );
  });
});
