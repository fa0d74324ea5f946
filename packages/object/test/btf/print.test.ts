import { existsSync, readFileSync } from 'node:fs';
import { SkepError } from '@skep/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Btf } from '../../src/btf/btf.ts';
import { BtfBuilder } from '../../src/btf/builder.ts';
import type { BtfComposite, BtfId } from '../../src/btf/model.ts';
import { btfToC } from '../../src/btf/print-c.ts';
import { btfListing } from '../../src/btf/print-raw.ts';
import { readElf } from '../../src/elf/read.ts';
import { clang, cpuMilliseconds, HAVE_CLANG, have, runOn } from '../clang.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';

describe.skipIf(!HAVE_CLANG)('BTF as C (needs clang-19)', () => {
  it('means what the source meant', () => {
    const source = `
typedef unsigned int u32; typedef unsigned long u64;
struct later; typedef int (*callback_t)(struct later *, const char *, ...);
typedef struct { u32 a; } anonymous_t;
enum color { RED = -1, GREEN = 7 }; enum mask { TOP = 0x80000000u }; enum wide { WIDE = 1ULL << 40 };
enum __attribute__((packed)) tiny { TINY = 1 };
struct list { struct list *next, **prev; };
struct bits { u32 a : 3; u32 b : 7; u64 c : 40; u32 : 0; u32 d : 1; unsigned char e : 4; enum color f : 8; };
struct __attribute__((packed)) packed { char c; u64 wide; u32 bits : 5; u32 rest : 30; };
struct holes { char c; u32 at __attribute__((aligned(64))); char end; u64 far __attribute__((aligned(32))); };
union mixed { u32 number; struct { unsigned short low, high; }; union { char bytes[3]; } inner; } ;
union big { char c; u64 a __attribute__((aligned(64))); };
struct later { callback_t call; anonymous_t inside; union mixed u; const volatile u32 *const *pointers[2][3]; char tail[]; };
struct tinies { enum tiny one, two; struct packed p; __int128 huge; _Bool yes; enum wide w; enum mask m; };
struct list g1; struct bits g2; struct packed g3; struct holes g4; union big g5; struct later g6; struct tinies g7;
int use(void) { return RED; }
`;
    sameRecords(btfOf(clang(source)), ['list', 'bits', 'packed', 'holes', 'big', 'later', 'tinies']);
  });

  it.skipIf(!existsSync(VMLINUX))('of the running kernel compiles to the same sizes, offsets and bit-fields', () => {
    const kernel = Btf.parse(readFileSync(VMLINUX));
    const names = ['task_struct', 'sk_buff', 'tcp_sock', 'file', 'super_block', 'net_device', 'bpf_prog', 'page'];
    const withBits: string[] = [];
    for (const id of kernel.ids()) {
      if (kernel.kind(id) !== 'struct') continue;
      const type = kernel.type(id) as BtfComposite;
      if (type.name !== '' && type.members.some((member) => member.bitSize > 0)) withBits.push(type.name);
    }
    const single = (name: string) => kernel.findAll(name, 'struct', 'union', 'enum', 'enum64').length === 1;
    expect(withBits.length).toBeGreaterThan(100);
    sameRecords(kernel, [...new Set([...names, ...withBits])].filter(single), sizesOf(kernel));
  });
});

describe('BTF as C', () => {
  it('renames what C does not allow twice', () => {
    const b = new BtfBuilder();
    const int = b.add({
      kind: 'int',
      name: 'int',
      size: 4,
      bits: 32,
      offset: 0,
      signed: true,
      char: false,
      bool: false,
    });
    for (const size of [4, 8])
      b.add({
        kind: 'struct',
        name: 's',
        size,
        members: [{ name: 'x', type: int, bitOffset: size * 8 - 32, bitSize: 0 }],
      });
    const text = btfToC(Btf.parse(b.toBytes()), { preserveAccessIndex: false });
    expect(text).toContain('struct s {\n\tint x;\n};');
    expect(text).toContain('struct s___2 {\n\tunsigned int : 32;\n\tint x;\n};');
  });

  it('gives only errors with a code on damaged BTF, and in time (property)', () => {
    const b = new BtfBuilder();
    const int = b.add({
      kind: 'int',
      name: 'int',
      size: 4,
      bits: 32,
      offset: 0,
      signed: true,
      char: false,
      bool: false,
    });
    const self = b.reserve();
    const pointer = b.add({ kind: 'ptr', type: self });
    const array = b.add({ kind: 'array', type: int, index: int, count: 4 });
    const member = (name: string, type: BtfId, bitOffset: number) => ({ name, type, bitOffset, bitSize: 0 });
    b.set(self, { kind: 'struct', name: 's', size: 32, members: [member('p', pointer, 0), member('', array, 64)] });
    b.add({
      kind: 'typedef',
      name: 't',
      type: b.add({ kind: 'func_proto', result: self, params: [{ name: 'a', type: pointer }] }),
    });
    const bytes = b.toBytes();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (flips) => {
          const copy = bytes.slice();
          for (const [at, value] of flips) copy[at] = value;
          const start = cpuMilliseconds();
          try {
            const btf = Btf.parse(copy);
            btfListing(btf);
            btfToC(btf);
          } catch (error) {
            expect(error).toBeInstanceOf(SkepError);
          }
          expect(cpuMilliseconds() - start).toBeLessThan(1000);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe.skipIf(!have('bpftool') || !existsSync(VMLINUX))('the raw listing (needs bpftool and kernel BTF)', () => {
  it("is bpftool's, to the byte", () => {
    const bytes = readFileSync(VMLINUX);
    const { out } = runOn(bytes, 'bpftool', 'btf', 'dump', 'file');
    expect(btfListing(Btf.parse(bytes)) === out).toBe(true);
  });
});

/** Prints the types as C, lets clang compile that, and compares the records of both. */
function sameRecords(btf: Btf, names: readonly string[], more = ''): void {
  const variables = names.map((name, i) => `${btf.kind(btf.find(name, 'struct', 'union')!)} ${name} v${i};`).join('\n');
  const again = btfOf(clang(`${btfToC(btf)}\n${variables}\n${more}`, '-Werror', '-Wno-visibility'));
  for (const name of names) {
    const shape = (from: Btf) => shapeOf(from, from.find(name, 'struct', 'union')!);
    expect(shape(again), name).toEqual(shape(btf));
  }
}

function shapeOf(btf: Btf, id: BtfId) {
  const type = btf.type(id) as BtfComposite;
  // A union that is larger than its members needs one more.
  const members = type.members.filter((member) => member.name !== '__padding');
  return { size: type.size, members: members.map(({ name, bitOffset, bitSize }) => ({ name, bitOffset, bitSize })) };
}

/** Assertions of the size of every record whose name stands for one only. */
function sizesOf(btf: Btf): string {
  const out: string[] = [];
  for (const id of btf.ids()) {
    const kind = btf.kind(id);
    const name = btf.name(id);
    if ((kind !== 'struct' && kind !== 'union') || name === '') continue;
    if (btf.findAll(name, 'struct', 'union', 'enum', 'enum64').length > 1) continue;
    out.push(`_Static_assert(sizeof(${kind} ${name}) == ${btf.sizeOf(id)}, "${name}");`);
  }
  return out.join('\n');
}

function btfOf(object: Uint8Array): Btf {
  return Btf.parse(readElf(object).sections.find((one) => one.name === '.BTF')!.data);
}
