import { decode, disassemble, openObject, readElf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { compile } from '../src/compile.ts';

const PRELUDE = `
typedef unsigned long long __u64;
#define SEC(name) __attribute__((section(name), used))
#define __arena __attribute__((address_space(1)))
struct { int (*type)[33]; int (*map_flags)[1024]; int (*max_entries)[100]; } arena SEC(".maps");
struct node { struct node __arena *next; int value; };
`;

function built(text: string, cpu: 'v3' | 'v4' = 'v3') {
  const result = compile({ name: 'arena.bpf.c', text: PRELUDE + text }, { debug: true, cpu });
  if (!result.ok) throw new Error(result.diagnostics.map((one) => `${one.code}: ${one.message}`).join('\n'));
  return result.object;
}

/** The instructions of the first program, one a line. */
function code(text: string, cpu: 'v3' | 'v4' = 'v3'): string[] {
  const [program] = openObject(built(text, cpu), { name: 'arena' }).programs;
  return disassemble(decode(program!.code))
    .split('\n')
    .map((line) => line.replace(/^\s*\d+:\s*/, '').trim())
    .filter((line) => line !== '');
}

const casts = (lines: readonly string[]) => lines.filter((line) => line.includes('addr_space_cast')).length;

describe('arenas: address_space(1)', () => {
  it('casts an address once for all that is accessed there, and tests it as it was', () => {
    expect(
      code(`SEC("syscall") __u64 f(struct node __arena **of) {
        struct node __arena *p = of[0];
        if (!p) return 1;
        p->value = 3;
        return (__u64)p->next;
      }`),
    ).toEqual([
      'r5 = *(u64 *)(r1 +0)',
      'if r5 != 0x0 goto pc+2',
      'r0 = 1',
      'exit',
      'r5 = addr_space_cast(r5, 0, 1)',
      '*(u32 *)(r5 +8) = 3',
      'r0 = *(u64 *)(r5 +0)',
      'exit',
    ]);
  });

  it('accesses elements and far members through one cast of the variable', () => {
    const lines = code(`char __arena bytes[100000];
      SEC("syscall") int f(unsigned *i) { bytes[*i] = 1; bytes[70000] = 2; bytes[5]++; return 0; }`);
    expect(casts(lines)).toBe(1);
  });

  it('casts what is converted, and not there and back', () => {
    expect(
      casts(
        code(`int counter; int __arena *where;
          SEC("syscall") int f(void *ctx) { where = (int __arena *)&counter; return 0; }`),
      ),
    ).toBe(1);
    expect(
      casts(
        code(`SEC("syscall") __u64 f(struct node __arena **of) {
          void *plain = (void *)of[0];
          return (__u64)(struct node __arena *)plain;
        }`),
      ),
    ).toBe(0);
    expect(casts(code('int __arena *where; SEC("syscall") int f(void *c) { where = (void *)0; return 0; }'))).toBe(0);
  });

  it('loads without extending the sign', () => {
    const lines = code('SEC("syscall") long f(int __arena **of) { return **of; }', 'v4');
    expect(lines.join('\n')).toContain('*(u32 *)');
  });

  it('puts variables into a section with contents, whatever they hold', () => {
    const object = built('long __arena zero; int __arena one = 1; SEC("syscall") int f(void *c) { return one; }');
    const section = readElf(object).sections.find((one) => one.name === '.addr_space.1');
    expect(section).toMatchObject({ size: 12, type: 1 });
  });

  it('holds for atomics, copies and bit-fields too', () => {
    const lines = code(`struct flags { int a : 3, b : 5; __u64 rest[4]; };
      SEC("syscall") int f(struct flags __arena **of) {
        struct flags __arena *p = of[0];
        struct flags copy = *p;
        p->b = copy.a;
        __sync_fetch_and_add(&p->rest[1], copy.rest[3]);
        return 0;
      }`);
    expect(casts(lines)).toBe(1);
  });
});
