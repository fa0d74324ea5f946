import { BtfBuilder, decode, type Insn, openObject } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile.ts';
import { parseModule } from '../../src/ir/parse.ts';
import { printFunction } from '../../src/ir/print.ts';
import { optimise } from '../../src/optimise/optimise.ts';
import { kernelTypes } from '../support/kernel-types.ts';

/** The instructions of `@f` after the whole optimiser. */
function optimised(text: string): string {
  const module = parseModule({ name: 'test.ir', text: `module "m"\n${text}` }, new BtfBuilder());
  expect(optimise(module, { level: 2, cpu: 'v3', debug: true })).toEqual([]);
  return printFunction(module.functions.find((one) => one.name === 'f')!);
}

describe('what verifiers demand of the optimiser', () => {
  it('fields of a context keep their size: none is merged, narrowed or read for another', () => {
    const text = optimised(`func @f(%ctx: ptr context): i64 global section "tc" { b0:
      %a = load i32 %ctx + 0
      %b = load i32 %ctx + 4
      %c = trunc i32 %a to i8
      %d = zext i8 %c to i64
      %e = zext i32 %b to i64
      %f = shl i64 %e, 32
      %g = or i64 %d, %f
      return %g
    }`);
    expect(text.match(/load \w+ %ctx.*/g)).toEqual(['load i32 %ctx', 'load i32 %ctx + 4']);
  });

  it('a two-sided check stays two compares', () => {
    const text = optimised(`func @f(%x: i64): i64 global { b0:
      %a = uge i64 %x, 3
      branch %a, b1, b3
    b1:
      %b = ult i64 %x, 10
      branch %b, b2, b3
    b2: return 1
    b3: return 0 }`);
    expect(text.match(/\b(ult|uge|ule|ugt) i64 %x, \d+/g)).toEqual(['uge i64 %x, 3', 'ult i64 %x, 10']);
    expect(text).not.toMatch(/\b(add|sub)\b/);
  });

  it('a remainder by a power of two is a mask, of which verifiers know the range', () => {
    const text = optimised('func @f(%x: i32): i32 global { b0: %a = urem i32 %x, 16 return %a }');
    expect(text).toMatch(/and i32 %x, 15/);
    expect(text).not.toMatch(/urem/);
  });

  it("an address is made before an iterator's loop in which only its number is forgotten", () => {
    const loop = (check: string) => `global @table: global ".bss" size 4096 align 4
    func @bpf_iter_num_next(%it: ptr): ptr extern
    func @f(%it: ptr, %row: i64): i64 global { b0:
      %small = ult i64 %row, 64
      branch %small, b1, b4
    b1: jump b2
    b2:
      %next = call ptr func @bpf_iter_num_next(%it)
      %more = ne ptr %next, null
      branch %more, b3, b4
    b3:
      ${check}
      %by = shl i64 %row, 6
      %at = ptradd @table, %by
      %n = load i32 %next
      store i32 %n, %at + 4
      jump b2
    b4: return 0 }`;
    const order = (text: string) => text.match(/ptradd @table|call ptr/g);
    expect(order(optimised(loop('')))).toEqual(['ptradd @table', 'call ptr']);
    // What is checked only in the loop is not known before it.
    expect(order(optimised(loop('%c = ult i64 %row, 32 branch %c, b5, b2 b5:')))).toEqual([
      'call ptr',
      'ptradd @table',
    ]);
  });

  it('a test that what was just stored decides is not made again: the way back to it is no loop', () => {
    const refill = (type: string) => `
      #include <linux/bpf.h>
      #include <bpf/bpf_helpers.h>
      int left;
      SEC("syscall") int take(struct { ${type} *page; } *ctx) {
        int n;
        if (left) goto use;
      fill:
        bpf_get_prandom_u32();
        left = 4088;
        *ctx->page = 0;
      use:
        n = left - 16;
        if (n < 0) goto fill;
        left = n;
        return 0;
      }`;
    const back = (insn: Insn) => (insn.kind === 'jump' || insn.kind === 'goto') && insn.off < 0;
    expect(slots(refill('unsigned long long')).filter(back)).toEqual([]);
    // An int behind the pointer may be the variable.
    expect(slots(refill('int')).filter(back)).toHaveLength(1);
    expect(slots(refill('char')).filter(back)).toHaveLength(1);
    expect(
      slots(refill('union { unsigned long long x; int y; }').replace('*ctx->page', 'ctx->page->x')).filter(back),
    ).toHaveLength(1);
  });

  it('a mask stays where only arithmetic that verifiers do not follow says that it does nothing', () => {
    const text = optimised(`func @f(%x: i64): i64 global { b0:
      %a = udiv i64 %x, 3
      %b = lshr i64 %a, 56
      %c = and i64 %b, 127
      return %c }`);
    // A number divided by 3 and shifted is below 128 anyway.
    expect(text).toMatch(/and i64 %\w+, 127/);
  });

  it('a compare that an earlier one decides goes, and one that it does not stays', () => {
    const text = optimised(`func @f(%x: i32): i32 global { b0:
      %a = ult i32 %x, 10
      branch %a, b1, b4
    b1:
      %b = ult i32 %x, 20
      branch %b, b2, b4
    b2:
      %c = ult i32 %x, 5
      branch %c, b3, b4
    b3: return 1
    b4: return 0 }`);
    expect(text.match(/ult i32 %x, \d+/g)).toEqual(['ult i32 %x, 10', 'ult i32 %x, 5']);
  });

  it('copies of one function share no access through a pointer from before', () => {
    const text = (second: string) => `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
static __always_inline int finish(__u64 *from)
{
  __u64 value = *from;
  bpf_ktime_get_ns();
  return value;
}
SEC("raw_tp")
int f(__u64 *ctx)
{
  if (*ctx)
    return finish(ctx + 1);
  return finish(${second});
}`;
    const insns = slots(text('ctx + 2'));
    // Both read through r1, each by itself.
    expect(insns.filter(({ kind }) => kind === 'load')).toHaveLength(3);
  });
});

function slots(text: string): Insn[] {
  const result = compile({ name: 'test.bpf.c', text }, { vmlinux: kernelTypes, debug: true });
  if (!result.ok) throw new Error(result.diagnostics.map((one) => one.message).join('\n'));
  return decode(openObject(result.object, { name: 'test.o' }).programs[0]!.code);
}
