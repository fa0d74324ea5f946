import { SkepError } from '@skep/base';
import { BtfBuilder } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { parseModule } from '../../src/ir/parse.ts';
import { printModule } from '../../src/ir/print.ts';

const parse = (text: string) => parseModule({ name: 'test.ir', text }, new BtfBuilder());

const EVERYTHING = `module "everything"

global @counts: global ".maps" size 32 align 8 type 7 at 8 @other + 4 at 16 @sum
global @other: static hidden ".rodata" size 4 align 4 constant tag -1 "a \\"b\\"" init "0a00ff00"

func @kfunc(%0: ptr): i32 extern type 3

func @sum(%x: i32, %x.1: i32): i32 static inline always {
b0:
  %0 = add i32 %x, -5
  %1 = ult i32 %0, %x.1
  branch %1, b1(%0, i32 7), b2 likely unroll 4
b1(%2: i32, %3: i32):
  %4 = zext i32 %2 to i64
  %5 = select i64 %1, %4, 3
  %6 = trunc i64 %5 to i32
  return %6
b2:
  switch i32 %x, b3 [-1: b3, 7: b1(%x, i32 undef)]
b3:
  unreachable
}

func @handle(%ctx: ptr context): i64 global section "xdp" type 12 tag 0 "t" {
b0:
  %buf = alloca 16 align 8
  %0 = load i32 %ctx + 4
  store i32 %0, %buf + 8 align 1 volatile
  memset %buf, 0, 8 align 8
  memcpy %buf, @other, 4 align 4 overlap
  %1 = call ptr helper 1 "bpf_map_lookup_elem"(@counts, %buf)
  %2 = eq ptr %1, 0
  branch %2, b2, b1
b1:
  %3 = core field_byte_offset 4 "0:1" 16
  %4 = ptradd %1, %3
  %5 = atomic fetch cmpxchg i64 %4, 1, 2
  atomic add i32 %4, 1
  %6 = barrier i64 %5
  barrier
  %7 = bswap i64 %6
  %8 = call i32 func @sum(i32 1, i32 2)
  %9 = load ptr @other - 8 align 4
  %10 = call i64 pointer %9(i64 %7)
  jump b2 unroll full
b2:
  return 0
}
`.replace('(i64 %7)', '(%7)');

describe('the text form of the IR', () => {
  it('prints what it parsed', () => {
    expect(printModule(parse(EVERYTHING))).toBe(EVERYTHING);
  });

  it('accepts uses before the text defines the value', () => {
    const text = `module "m"

func @f(): i32 global {
b0:
  jump b2
b1:
  return %0
b2:
  %0 = add i32 1, 2
  jump b1
}
`;
    const printed = printModule(parse(text));
    expect(printModule(parse(printed))).toBe(printed);
  });

  it.each([
    ['module "m" func @f(): i32 global { b0: return %x }', 'E1390', '%x is not defined'],
    ['module "m" func @f(): i32 global { b0: jump b1 }', 'E1390', 'block b1 of @f is not defined'],
    ['module "m" func @f(): i32 global { b0: %0 = nand i32 1, 2 return 0 }', 'E1390', 'no such instruction'],
    ['module "m" func @f(): i8 global { b0: return 400 }', 'E1390', 'does not fit into i8'],
    ['module "m" func @f(): i8 global { b0: ^ }', 'E1390', 'means nothing here'],
    ['module "m" func @f(): i8 global { b0: return', 'E1390', 'expected a number'],
    ['module "m" func @f(): void global { b0: jump b0 }', 'E1391', 'leads to the entry'],
    ['module "m" func @f(%a: i8): i32 global { b0: return %a }', 'E1391', 'operand of i8, not i32'],
    ['module "m" func @f(): i32 global { b0: %0 = add i32 %1, 1 %1 = add i32 1, 1 return %0 }', 'E1391', 'dominate'],
    ['module "m" global @g: static "x" size 2 align 1 init "00"', 'E1390', '1 bytes of contents for a size of 2'],
    ['module "m" func @f(): void extern func @f(): void extern', 'E1390', '@f is defined twice'],
  ])('refuses %s', (text, code, message) => {
    let error: unknown;
    try {
      parse(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SkepError);
    const [diagnostic] = (error as SkepError).diagnostics;
    expect(diagnostic).toMatchObject({ code });
    expect(diagnostic!.message).toContain(message);
    expect(diagnostic!.span).toBeDefined();
  });
});
