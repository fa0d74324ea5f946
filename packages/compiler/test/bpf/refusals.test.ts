import { describe, expect, it } from 'vitest';
import { code, refusal } from './code.ts';

describe('what the back end refuses', () => {
  it('E1300: a frame of more than 512 bytes, with its largest variables', () => {
    const { codes, text } = refusal(`func @f(%ctx: ptr context): i32 global section "raw_tp" {
b0:
  %path = alloca 400 align 8
  %name = alloca 120 align 8
  %0 = call i64 helper 113 "x"(%path, i32 400, %ctx)
  %1 = call i64 helper 113 "x"(%name, i32 120, %ctx)
  %2 = call i64 helper 113 "x"(%path, i32 400, %ctx)
  return 0
}`);
    expect(codes).toEqual(['E1300']);
    expect(text).toContain('520 bytes');
    expect(text).toMatch(/takes 400 bytes, line 4/);
  });

  it('jumps that are too far go by stepping stones, or are long ones in v4', () => {
    const stores = Array.from({ length: 33_000 }, (_, i) => `  store i64 ${i}, %buf volatile`).join('\n');
    const ir = `func @f(%ctx: ptr context): i32 global section "raw_tp" {
b0:
  %buf = alloca 8 align 8
  %0 = load i64 %ctx
  %1 = eq i64 %0, 0
  branch %1, b2, b1
b1:
${stores}
  jump b2
b2:
  %2 = load i32 %buf
  return %2
}`;
    const lines = code(ir, 'v3');
    expect(lines.filter((line) => line.startsWith('goto '))).toHaveLength(2);
    for (let at = 1, stones = 0; ; stones++) {
      // The branch leads over stones to the end.
      const off = Number(/goto pc([+-]\d+)/.exec(lines[at]!)![1]);
      expect(Math.abs(off)).toBeLessThan(0x8000);
      at += off + 1;
      if (lines[at]!.startsWith('goto ')) continue;
      expect(stones).toBe(1);
      expect(lines.slice(at)).toEqual(['r0 = *(u32 *)(r10 -8)', 'exit']);
      break;
    }
    expect(code(ir, 'v4')[2]).toBe('gotol pc+33000');
  });

  it('W1382: a chain of calls that takes more stack than there is', () => {
    const frame = (name: string, bytes: number, rest: string) => `func @${name}(%n: i64): i64 static {
b0:
  %big_${name} = alloca ${bytes} align 8
  store i64 %n, %big_${name} volatile
  ${rest}
  return %0
}
`;
    const functions = (section: string) =>
      frame('inner', 256, '%0 = load i64 %big_inner volatile') +
      frame('outer', 200, '%0 = call i64 func @inner(%n)') +
      `func @f(%ctx: ptr context): i64 global section "${section}" {
b0:
  %s = alloca 80 align 8
  store i64 7, %s volatile
  %0 = call i64 func @outer(i64 1)
  return %0
}`;
    const { codes, text } = refusal(functions('xdp'));
    expect(codes).toEqual(['W1382']);
    expect(text).toContain('refuse f: the calls f → outer → inner take 544 bytes');
    expect(text).toMatch(/inner takes 256 bytes: big_inner.* 256/);
    // Those have had a stack of their own since Linux 6.13.
    expect(refusal(functions('raw_tp')).codes).toEqual([]);
  });

  it('E1302: a call through a pointer that is not known', () => {
    const ir = `func @f(%p: ptr): i64 static {
b0:
  %0 = call i64 pointer %p()
  return %0
}`;
    expect(refusal(ir).codes).toEqual(['E1302']);
  });

  it('E1303: atomics that the instruction set does not have', () => {
    const ir = (bits: number) => `func @f(%p: ptr): i${bits} static {
b0:
  %0 = atomic fetch add i${bits} %p, 1
  return %0
}`;
    expect(refusal(ir(32), 'v2').codes).toEqual(['E1303']);
    expect(refusal(ir(32), 'v3').codes).toEqual([]);
    expect(refusal(ir(64), 'v1').codes).toEqual([]);
  });

  it('E1304, E1305: more than five arguments', () => {
    const { codes } = refusal(`func @f(%a: i64, %b: i64, %c: i64, %d: i64, %e: i64, %g: i64): i64 static {
b0:
  %0 = call i64 helper 5 "h"(%a, %b, %c, %d, %e, %g)
  return %0
}`);
    expect(codes).toEqual(['E1305', 'E1304']);
  });
});
