import { BtfBuilder } from '@skep/object';
import { describe, expect, it } from 'vitest';
import type { Func, Module } from '../../src/ir/ir.ts';
import { parseModule } from '../../src/ir/parse.ts';
import { printFunction, printModule } from '../../src/ir/print.ts';
import { verifyModule } from '../../src/ir/verify.ts';
import { simplifyControlFlow } from '../../src/optimise/cfg.ts';
import { eliminateDeadCode } from '../../src/optimise/dce.ts';
import { expandMemory } from '../../src/optimise/expand-memory.ts';
import { numberValues } from '../../src/optimise/gvn.ts';
import { promoteAllocas } from '../../src/optimise/mem2reg.ts';
import { optimise } from '../../src/optimise/optimise.ts';
import { propagateConstants } from '../../src/optimise/sccp.ts';
import { simplifyInstructions } from '../../src/optimise/simplify.ts';
import { splitAccesses } from '../../src/optimise/split-access.ts';
import { splitAllocas } from '../../src/optimise/sroa.ts';
import { loopTailRecursion } from '../../src/optimise/tail-recursion.ts';
import { unrollLoops } from '../../src/optimise/unroll.ts';

const parse = (text: string): Module => parseModule({ name: 'test.ir', text: `module "m"\n${text}` }, new BtfBuilder());

/** The lines of the body of `@f` after the passes, without the label of the entry. */
function after(text: string, ...passes: ((func: Func) => unknown)[]): string {
  const module = parse(text);
  const func = module.functions.find((one) => one.name === 'f')!;
  for (const pass of passes) pass(func);
  expect(verifyModule(module)).toEqual([]);
  return body(func);
}

function body(func: Func): string {
  const lines = printFunction(func).trimEnd().split('\n').slice(2, -1);
  return lines.map((line) => line.trim()).join('\n');
}

const lines = (...list: string[]) => list.join('\n');

describe('promotion', () => {
  it('makes parameters only where the variable is still read', () => {
    const text = `func @f(%c: i1): i32 global { b0:
      %x = alloca 4 align 4
      %dead = alloca 4 align 4
      store i32 1, %x
      branch %c, b1, b2
      b1: store i32 2, %x store i32 3, %dead jump b2
      b2: %0 = load i32 %x return %0 }`;
    expect(after(text, promoteAllocas)).toBe(
      lines('branch %c, b1, b2(i32 1)', 'b1:', 'jump b2(i32 2)', 'b2(%x: i32):', 'return %x'),
    );
  });

  it('leaves volatile and escaping variables alone', () => {
    const text = `func @f(): i32 global { b0:
      %x = alloca 4 align 4
      %y = alloca 8 align 8
      store i32 1, %x volatile
      store i64 1, %y
      %0 = call i64 helper 1 "bpf_map_lookup_elem"(%y, %y)
      %1 = load i32 %x
      return %1 }`;
    expect(after(text, splitAllocas, promoteAllocas)).toContain('store i32 1, %x volatile');
    expect(after(text, splitAllocas, promoteAllocas)).toContain('store i64 1, %y');
  });

  it('cuts a struct along its fields, through fills and copies', () => {
    const text = `func @f(%p: ptr, %a: i32): i32 global { b0:
      %s = alloca 16 align 8
      %t = alloca 16 align 8
      memset %s, 0, 16 align 8
      store i32 %a, %s + 4
      memcpy %t, %s, 16 align 8
      memcpy %p, %t, 16 align 4
      %0 = ptradd %t, 4
      %1 = load i32 %0
      return %1 }`;
    expect(after(text, splitAllocas, promoteAllocas, eliminateDeadCode)).toBe(
      lines('store i32 0, %p', 'store i32 %a, %p + 4', 'store i64 0, %p + 8 align 4', 'return %a'),
    );
  });

  it('takes narrow reads out of a wide variable', () => {
    const text = `func @f(%a: i64): i16 global { b0:
      %s = alloca 8 align 8
      store i64 %a, %s
      %0 = load i16 %s + 2
      return %0 }`;
    expect(after(text, splitAllocas, promoteAllocas)).toBe(
      lines('%0 = lshr i64 %a, 16', '%1 = trunc i64 %0 to i16', 'return %1'),
    );
  });
});

describe('simplification', () => {
  const of = (code: string, params = '%x: i32, %y: i64') =>
    after(
      `func @f(${params}): i64 global { b0: ${code} }`,
      simplifyInstructions,
      simplifyInstructions,
      eliminateDeadCode,
    );

  it.each([
    ['%0 = zext i32 %x to i64 %1 = zext i32 %x to i64 %2 = urem i64 %0, 16 return %2', '%1 = and i64 %0, 15'],
    ['%0 = udiv i64 %y, 8 return %0', '%0 = lshr i64 %y, 3'],
    ['%0 = sub i64 %y, 3 return %0', '%0 = add i64 %y, -3'],
    ['%0 = add i64 5, %y return %0', '%0 = add i64 %y, 5'],
    ['%0 = trunc i64 %y to i8 %1 = zext i8 %0 to i64 return %1', '%0 = and i64 %y, 255'],
    ['%0 = trunc i64 %y to i8 %1 = zext i8 %0 to i32 %2 = zext i32 %1 to i64 return %2', 'and i64 %y, 255'],
  ])('%s', (code, expected) => {
    expect(of(code)).toContain(expected);
  });

  it('branches on the comparison, not on its truth as a number', () => {
    const text = `func @f(%x: i32): i64 global { b0:
      %0 = slt i32 %x, 5
      %1 = zext i1 %0 to i32
      %2 = eq i32 %1, 0
      %3 = zext i1 %2 to i32
      %4 = ne i32 %3, 0
      branch %4, b1, b2
      b1: return 1
      b2: return 2 }`;
    expect(after(text, simplifyInstructions, simplifyInstructions, eliminateDeadCode)).toBe(
      lines('%0 = sge i32 %x, 5', 'branch %0, b1, b2', 'b1:', 'return 1', 'b2:', 'return 2'),
    );
  });

  it('compares what cannot be negative as unsigned, for the sake of verifiers', () => {
    expect(
      of('%0 = trunc i32 %x to i8 %1 = zext i8 %0 to i32 %2 = slt i32 %1, 10 %3 = zext i1 %2 to i64 return %3'),
    ).toContain('ult i32');
  });

  it('keeps both sides of a range check, and checks that only arithmetic could tell are idle', () => {
    const two = `func @f(%x: i64): i64 global { b0:
      %0 = sge i64 %x, 1
      branch %0, b1, b3
      b1: %1 = sle i64 %x, 9
      branch %1, b2, b3
      b2: return 1
      b3: return 0 }`;
    const text = after(two, simplifyInstructions, simplifyControlFlow, numberValues, simplifyInstructions);
    expect(text).toContain('sge i64 %x, 1');
    expect(text).toContain('sle i64 %x, 9');
    expect(of('%0 = urem i64 %y, 10 %1 = ult i64 %0, 10 %2 = zext i1 %1 to i64 return %2')).toContain('ult i64 %0, 10');
    expect(of('%0 = urem i64 %y, 10 %1 = and i64 %0, 15 return %1')).toContain('and i64 %0, 15');
  });

  it('puts constant offsets of a context into its loads', () => {
    const text = `func @f(%ctx: ptr context): i32 global section "xdp" { b0:
      %0 = ptradd %ctx, 8
      %1 = ptradd %0, 4
      %2 = load i32 %1 + 4
      return %2 }`;
    expect(after(text, simplifyInstructions, eliminateDeadCode)).toBe(lines('%0 = load i32 %ctx + 16', 'return %0'));
  });
});

describe('control flow', () => {
  it('leads constants of && past the block that tests them', () => {
    const text = `func @f(%a: i1, %b: i1): i32 global { b0:
      branch %a, b1, b2(i1 false)
      b1: jump b2(%b)
      b2(%0: i1): branch %0, b3, b4
      b3: return 1
      b4: return 2 }`;
    expect(after(text, simplifyControlFlow)).toBe(
      lines('branch %a, b1, b3', 'b1:', 'branch %b, b2, b3', 'b2:', 'return 1', 'b3:', 'return 2'),
    );
  });

  it('decides switches and drops what is not reached', () => {
    const text = `func @f(): i32 global { b0: switch i32 2, b1 [1: b2, 2: b3] b1: return 0 b2: return 1 b3: return 2 }`;
    expect(after(text, simplifyControlFlow)).toBe('return 2');
  });

  it('asks once, and goes straight on where the answer is known', () => {
    const text = `func @f(%a: i64, %b: i64): i32 global { b0:
      %0 = eq i64 %a, 0
      branch %0, b1, b2
      b1: jump b2
      b2: %1 = ne i64 %a, 0
      branch %1, b3, b4
      b3: return 1
      b4: return 2 }`;
    const text2 = after(text, simplifyControlFlow, eliminateDeadCode);
    expect(text2.match(/i64 %a, 0/g)).toHaveLength(1);
    expect(text2.match(/branch/g)).toHaveLength(1);
  });

  it('asks again what a loop computes anew', () => {
    const text = `func @f(%n: i64): i64 global { b0: jump b1(%n)
      b1(%i: i64): %0 = eq i64 %i, 0
      branch %0, b3, b2
      b2: %next = sub i64 %i, 1 jump b1(%next)
      b3: return %i }`;
    expect(after(text, simplifyControlFlow)).toMatch(/branch/);
  });

  it('does not join blocks that only look alike', () => {
    const text = `func @f(%ctx: ptr context, %c: i1): i32 global { b0:
      %s = alloca 4 align 4
      store i32 1, %s
      branch %c, b1, b2
      b1: %0 = load i32 %ctx return %0
      b2: %1 = load i32 %s return %1 }`;
    const text2 = after(text, simplifyControlFlow);
    expect(text2.match(/load/g)).toHaveLength(2);
  });
});

describe('constants', () => {
  it('are found through branches that depend on them', () => {
    const text = `func @f(): i32 global { b0: jump b1(i32 1)
      b1(%x: i32): %0 = eq i32 %x, 1 branch %0, b2, b3
      b2: jump b4(%x)
      b3: %1 = add i32 %x, 1 jump b4(%1)
      b4(%y: i32): %2 = call i64 helper 5 "bpf_ktime_get_ns"() %3 = eq i64 %2, 0 branch %3, b1(%y), b5
      b5: return %y }`;
    expect(after(text, propagateConstants, simplifyControlFlow, eliminateDeadCode)).toContain('return 1');
  });
});

describe('value numbering', () => {
  it('reads a context field once, however often the source does', () => {
    const text = `func @f(%ctx: ptr context): i32 global section "xdp" { b0:
      %0 = load i32 %ctx + 4
      %1 = ult i32 %0, 9
      branch %1, b1, b2
      b1: %2 = load i32 %ctx + 4 return %2
      b2: return 0 }`;
    expect(after(text, numberValues, eliminateDeadCode)).toContain('return %0');
  });

  it('reads it again after a call that was given the context', () => {
    const text = `func @f(%ctx: ptr context): i32 global section "xdp" { b0:
      %0 = load i32 %ctx
      %1 = call i64 helper 44 "bpf_xdp_adjust_head"(%ctx, i32 4)
      %2 = load i32 %ctx
      %3 = add i32 %0, %2
      return %3 }`;
    expect(after(text, numberValues).match(/load/g)).toHaveLength(2);
  });

  it('knows what a helper may write', () => {
    const text = (id: number, name: string) => `func @f(%m: ptr): i64 global { b0:
      %k = alloca 8 align 8
      store i64 7, %k
      %0 = call i64 helper ${id} "${name}"(${id === 1 ? '%m, %k' : '%k, i32 8, %m'})
      %1 = load i64 %k
      return %1 }`;
    expect(after(text(1, 'bpf_map_lookup_elem'), numberValues, eliminateDeadCode)).toContain('return 7');
    expect(after(text(4, 'bpf_probe_read'), numberValues, eliminateDeadCode)).toContain('return %1');
  });

  it('starts anew where memory may differ', () => {
    const text = `func @f(%p: ptr, %c: i1): i64 global { b0:
      %0 = load i64 %p
      branch %c, b1, b2
      b1: store i64 1, %p + 8 jump b2
      b2: %1 = load i64 %p %2 = add i64 %0, %1 return %2 }`;
    expect(after(text, numberValues).match(/load/g)).toHaveLength(2);
  });
});

describe('what verifiers do not derive themselves', () => {
  it.each([
    ['a shift by a variable', '%1 = lshr i64 %0, %n'],
    ['a remainder', '%1 = urem i64 %0, 5'],
    ['a division', '%1 = udiv i64 %0, 3'],
  ])('keeps the mask behind %s', (_, made) => {
    const text = `func @f(%n: i64): i64 global { b0:
      %0 = and i64 %n, 1
      ${made}
      %2 = and i64 %1, 7
      return %2 }`;
    expect(after(text, simplifyInstructions)).toContain('and i64 %1, 7');
  });
});

describe('memory operations', () => {
  const report = (diagnostics: unknown[]) => (func: Func) => expandMemory(func, (one) => diagnostics.push(one));

  it('are as wide as the memory allows', () => {
    const text = `func @f(%packet: ptr): void global { b0:
      %s = alloca 14 align 1
      memset %s, 0, 14 align 1
      memcpy %s, %packet, 6 align 2
      return }`;
    expect(after(text, report([]))).toBe(
      lines(
        '%s = alloca 14 align 1',
        'store i64 0, %s',
        'store i32 0, %s + 8',
        'store i16 0, %s + 12',
        '%0 = load i16 %packet',
        'store i16 %0, %s',
        '%1 = load i16 %packet + 2',
        'store i16 %1, %s + 2',
        '%2 = load i16 %packet + 4',
        'store i16 %2, %s + 4',
        'return',
      ),
    );
  });

  it('become loops beyond 128 stores', () => {
    const diagnostics: unknown[] = [];
    const text = 'func @f(%p: ptr, %q: ptr): void global { b0: memcpy %p, %q, 259 align 2 return }';
    expect(after(text, report(diagnostics))).toBe(
      lines(
        'jump b1(i64 0)',
        'b1(%0: i64):',
        '%1 = ptradd %q, %0',
        '%2 = load i16 %1',
        '%3 = ptradd %p, %0',
        'store i16 %2, %3',
        '%4 = add i64 %0, 2',
        '%5 = ult i64 %4, 258',
        'branch %5, b1(%4), b2',
        'b2:',
        '%6 = load i8 %q + 258',
        'store i8 %6, %p + 258',
        'return',
      ),
    );
    expect(diagnostics).toEqual([]);
  });

  it('are refused when what may overlap is too much to be read first', () => {
    const diagnostics: { code: string; message: string }[] = [];
    after(
      'func @f(%p: ptr, %q: ptr): void global { b0: memcpy %p, %q, 129 align 1 overlap memset %p, 0, 1024 align 8 return }',
      report(diagnostics),
    );
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0]).toMatchObject({ code: 'E1373', message: expect.stringContaining('129 bytes') });
  });

  it('are split where the stack is not aligned', () => {
    const text = `func @f(%packet: ptr): i32 global { b0:
      %s = alloca 8 align 1
      store i32 7, %s + 2
      %0 = load i64 %packet + 1
      %1 = load i32 %s + 4
      return %1 }`;
    expect(after(text, splitAccesses)).toContain('load i32 %s + 4');
    expect(after(text, splitAccesses)).toContain('load i64 %packet + 1');
    expect(after(text, splitAccesses)).not.toContain('store i32');
    expect(after(text, splitAccesses).match(/store i16/g)).toHaveLength(2);
  });

  it('read everything first when the areas may overlap', () => {
    const text = 'func @f(%p: ptr, %q: ptr): void global { b0: memcpy %p, %q, 16 align 8 overlap return }';
    expect(after(text, report([]))).toBe(
      lines('%0 = load i64 %q', '%1 = load i64 %q + 8', 'store i64 %0, %p', 'store i64 %1, %p + 8', 'return'),
    );
  });
});

describe('unrolling', () => {
  const loop = (hint: string, bound: string) => `func @f(%n: i32): i32 global { b0: jump b1(i32 0, i32 0)
    b1(%i: i32, %sum: i32): %0 = ult i32 %i, ${bound} branch %0, b2, b3
    b2: %1 = add i32 %sum, %n %2 = add i32 %i, 1 jump b1(%2, %1) ${hint}
    b3: return %sum }`;
  const tidy = [propagateConstants, simplifyControlFlow, eliminateDeadCode] as const;

  it('happens when asked and countable', () => {
    const text = after(loop('unroll full', '3'), unrollLoops, ...tidy, ...tidy);
    expect(text).not.toContain('branch');
    expect(text.match(/add i32/g)).toHaveLength(3);
  });

  it.each([
    ['2', '4', 2],
    ['3', '3', 0],
    ['4', '10', 4],
  ])('makes as many copies as are asked for: %s of %s', (copies, bound, branches) => {
    const text = after(loop(`unroll ${copies}`, bound), unrollLoops, ...tidy, ...tidy);
    expect(text.match(/branch/g) ?? []).toHaveLength(branches);
  });

  it.each([
    ['nobody asks', '', '3'],
    ['the source forbids it', 'unroll disable', '3'],
    ['the count is not constant', 'unroll full', '%n'],
    ['it would be huge', 'unroll full', '100000'],
  ])('does not happen when %s', (_why, hint, bound) => {
    expect(after(loop(hint, bound), unrollLoops)).toContain('branch');
  });
});

describe('modules', () => {
  const optimised = (text: string, level: 0 | 1 | 2 = 2) => {
    const module = parse(text);
    const diagnostics = optimise(module, { level, cpu: 'v3', debug: true });
    return { module, diagnostics, text: printModule(module) };
  };

  it.each([0, 1, 2] as const)('inline what must be, at level %i', (level) => {
    const { module, diagnostics } = optimised(
      `func @g(%a: i64, %b: i64, %c: i64, %d: i64, %e: i64, %g: i64): i64 static { b0: %0 = add i64 %a, %g return %0 }
       func @h(%a: i64): i64 static inline always {
         b0: %0 = call i64 func @g(%a, i64 0, i64 0, i64 0, i64 0, i64 1) return %0 }
       func @f(%a: i64): i64 global section "xdp" { b0: %0 = call i64 func @h(%a) return %0 }`,
      level,
    );
    expect(diagnostics).toEqual([]);
    expect(module.functions.map((func) => func.name)).toEqual(['f']);
    expect(body(module.functions[0]!)).toContain('add i64 %a, 1');
  });

  it('keep what may not be inlined', () => {
    const { module } = optimised(
      `func @g(%a: i64): i64 static inline never { b0: %0 = add i64 %a, 2 return %0 }
       func @f(%a: i64): i64 global section "xdp" { b0: %0 = call i64 func @g(%a) return %0 }`,
    );
    expect(module.functions.map((func) => func.name)).toEqual(['g', 'f']);
  });

  it.each([
    ['E1370', 'func @g(%a: i64): i64 static inline always { b0: %0 = call i64 func @g(%a) return %0 }', '%a'],
    [
      'E1371',
      'func @g(%a: i64, %b: i64, %c: i64, %d: i64, %e: i64, %g: i64): i64 static inline never { b0: return %g }',
      '%a, %a, %a, %a, %a, %a',
    ],
  ])('refuse with %s what cannot be inlined', (code, callee, args) => {
    const { diagnostics } = optimised(
      `${callee} func @f(%a: i64): i64 global section "xdp" { b0: %0 = call i64 func @g(${args}) return %0 }`,
    );
    expect(diagnostics[0]).toMatchObject({ code, severity: 'error', message: expect.stringContaining('g ') });
  });

  it('call helpers through static pointers that nobody writes', () => {
    const { text } = optimised(
      `global @helper: static ".data" size 8 align 8 init "0500000000000000"
       func @f(): i64 global section "xdp" { b0: %0 = load ptr @helper %1 = call i64 pointer %0() return %1 }`,
    );
    expect(text).toContain('call i64 helper 5 "bpf_ktime_get_ns"()');
    expect(text).not.toContain('@helper');
  });

  it('fold constants, but not those that the loader sets', () => {
    const { text } = optimised(
      `global @size: global ".rodata" size 8 align 4 constant init "0700000009000000"
       func @f(): i32 global section "xdp" { b0:
         %0 = load i32 @size + 4
         %1 = load i32 @size volatile
         %2 = add i32 %0, %1
         return %2 }`,
    );
    expect(text).toContain('load i32 @size volatile');
    expect(text).toContain('add i32 %0, 9');
  });

  it('do not fold variables that somebody writes or hands out', () => {
    for (const use of ['store i32 1, @x', '%1 = call i64 helper 1 "bpf_map_lookup_elem"(@x, @x)']) {
      const { text } = optimised(
        `global @x: static ".bss" size 4 align 4
         func @g(): void global section "tc" { b0: ${use} return }
         func @f(): i32 global section "xdp" { b0: %0 = load i32 @x return %0 }`,
      );
      expect(text).toContain('load i32 @x');
    }
  });
});

describe('compares', () => {
  it('bound the number itself where only upper bits are asked for, so that verifiers see loops end', () => {
    const text = (bits: string) => `func @f(%x: i32): i1 global { b0:
      %0 = ${bits}
      %1 = ne i32 %0, 0
      return %1 }`;
    const expected = lines('%0 = ugt i32 %x, 65535', 'return %0');
    for (const bits of ['lshr i32 %x, 16', 'ashr i32 %x, 16', 'and i32 %x, -65536'])
      expect(after(text(bits), simplifyInstructions, eliminateDeadCode)).toBe(expected);
    expect(after(text('and i32 %x, 65536'), simplifyInstructions)).toContain('and i32');
    expect(after(text('xor i32 %x, 65536'), simplifyInstructions)).toContain('ne i32 %x, 65536');
  });

  it('of two numbers that were extended alike are of the numbers', () => {
    const text = `func @f(%p: ptr, %q: ptr): i1 global { b0:
      %0 = load i8 %p
      %1 = load i8 %q
      %2 = sext i8 %0 to i32
      %3 = sext i8 %1 to i32
      %4 = eq i32 %2, %3
      return %4 }`;
    expect(after(text, simplifyInstructions, eliminateDeadCode)).toContain('eq i8 %0, %1');
    expect(after(text.replace('eq', 'slt'), simplifyInstructions)).toContain('slt i32 %2, %3');
  });
});

describe('tail recursion', () => {
  const again = (rest: string, after = '') => `func @f(%n: i32, %p: ptr): i32 static { b0:
    %x = alloca 4 align 4
    %0 = eq i32 %n, 0
    branch %0, b2(i32 7), b1
    b1: %1 = add i32 %n, -1 ${rest} jump b2(%2)
    b2(%r: i32): ${after} return %r }`;

  it('becomes a loop over the parameters that change', () => {
    expect(after(again('%2 = call i32 func @f(%1, %p)'), loopTailRecursion)).toBe(
      lines(
        'jump b1(%n)',
        'b1(%n.1: i32):',
        '%0 = eq i32 %n.1, 0',
        'branch %0, b3(i32 7), b2',
        'b2:',
        '%1 = add i32 %n.1, -1',
        'jump b1(%1)',
        'b3(%r: i32):',
        'return %r',
      ),
    );
  });

  it('stays where something is done after the call, or a local variable goes along', () => {
    const stays = (text: string) => expect(after(text, loopTailRecursion)).toContain('call i32 func @f');
    stays(again('%2 = call i32 func @f(%1, %x)'));
    stays(again('%2 = call i32 func @f(%1, %p)', 'store i32 %r, %p'));
    stays(again('%3 = call i32 func @f(%1, %p) %2 = add i32 %3, 1'));
  });
});
