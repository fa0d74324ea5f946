import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../src/compile.ts';

/**
 * What C means, by what clang makes of it: expressions on values that no compiler knows are computed in the kernel by
 * both objects, and every result must be the same.
 */
const HEADER = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct pair { long a, b; };
struct mixed { __u8 tag; __u16 small; __u32 word; __u64 wide; char text[7]; };
struct bits { __u32 a : 3, b : 7; int c : 5; __u64 d : 33; __u8 e : 2; _Bool f : 1; };
struct __attribute__((packed)) odd { __u8 a; __u32 b : 20; __u16 c; __u64 d; };
union both { __u64 whole; __u8 bytes[8]; struct { __u32 low, high; }; };
volatile __s64 s64 = -1234567890123; volatile __u64 u64 = 0xfedcba9876543210ull;
volatile __s32 s32 = -123456; volatile __u32 u32 = 0xdeadbeef; volatile __s16 s16 = -321; volatile __u16 u16 = 54321;
volatile __s8 s8 = -77; volatile __u8 u8 = 200; volatile _Bool yes = 1; volatile int zero = 0, three = 3, seven = 7;
__u64 out[256];
static const __u16 squares[] = { 0, 1, 4, 9, 16, 25, 36, 49 };
static __attribute__((noinline)) int callee(int a, __u8 b, long c) { return a * 3 + b - (int)c; }
static inline struct pair twisted(struct pair p, int by) { struct pair q = { p.b + by, p.a - by }; p.a = 0; return q; }
static __attribute__((always_inline)) int six(int a, int b, int c, int d, int e, int f) { return a - b * c + d - e * f; }
`;

/** Statements that leave a number in `r`. */
const CASES: readonly string[] = [
  'r = s64 + u32; r ^= s32;',
  'r = s8 * s16 - u8;',
  'r = (__u8)(u8 + u8) + (__s8)u8;',
  'r = u64 / 1000 + u64 % 1000;',
  'r = u32 / 7; r = r * 31 + u32 % 7;',
  'r = s32 / three; r += s32 % three;',
  'r = s64 / seven; r ^= s64 % seven;',
  'r = (s64 >> 3) + (u64 >> three) + (s32 >> 2) + (u32 >> three);',
  'r = (u32 << three) + ((__u64)u32 << 20) + (s16 << 3);',
  'r = ~u32 + -s32 + !zero + !three;',
  'r = (s32 < u32) + 2 * (s32 < s64) + 4 * (u8 < s8) + 8 * (s16 <= (short)u16) + 16 * (u64 > s64);',
  'r = s8 < 0 && u8 > 100 || three == 4; r = r * 2 + (zero || !seven);',
  'r = zero ? s64 : u32; r += three ?: 5; r += zero ?: 9;',
  'int i = three; r = i++ + ++i - i-- * --i;',
  'r = 0; for (int i = 0; i < 10; i++) { if (i == three) continue; if (i == seven) break; r = r * 3 + i; }',
  'r = 0; int i = seven & 15; do { r += i; } while (--i > 0); while (i < 5) r += i++ * 100;',
  'switch (three) { case 1: r = 1; break; case 3: r = 3; case 4: r += 40; break; default: r = 9; } switch (seven) { case 5 ... 9: r += 100; break; case 20 ... 90: r = 0; }',
  'switch (s8) { case -100 ... -1: r = 5; break; default: r = 6; } switch (u64) { case 0xfedcba9876543210ull: r += 7; }',
  'r = 1; goto in; out: r *= 7; goto done; in: r += seven; goto out; done: r++;',
  'struct bits b = { 5, 100, -3, 0x1ffffffffull, 2, 1 }; b.b += three; b.c--; b.d ^= u32; r = b.a + b.b * 10 + b.c * 1000 + b.d + b.e + b.f;',
  'struct bits b = { .a = u32 }; r = (s32 < (__u32)b.a) + 2 * (s32 < b.a) + 4 * ((__u32)b.a - 8 > 0) + 8 * (b.a - 8 > 0);',
  'struct bits b = {}; b.a = u32; b.c = s8; b.f = u8; r = (b.a = 9) + b.c * 16 + b.f * 4096 + (b.c = seven * 3);',
  'struct odd o = { 1, 0x54321, 0x6789, u64 }; o.b += three; o.c ^= u16; r = o.a + o.b * 3 + o.c * 5 + o.d;',
  'union both u = { .whole = u64 }; u.bytes[3] ^= 0x55 + zero; r = u.low * 3ull + u.high;',
  'struct mixed m = { .word = u32, .text = "skep" }, n; n = m; n.small = u16; r = n.word + n.small + n.text[3] + n.wide + m.small + sizeof(n);',
  'struct mixed list[2] = { [1] = { .tag = 9, .wide = u64 } }; struct mixed *p = list; p++; r = p->tag + p->wide + (p - list) + list[0].word;',
  'struct pair p = { s32, u8 }; r = twisted(p, three).a * 3 + twisted(twisted(p, seven), 2).b + p.a;',
  'struct pair p = { 1, 2 }, q = { u8, u16 }; struct pair *w = zero ? &p : &q; r = w->a * 3 + w->b; p = three ? q : p; r += p.a;',
  'r = ((struct pair){ three, u8 }).b + ({ int t = seven; t * t; }) + (s32, u8);',
  'r = squares[three & 7] + squares[seven & 7] * 100;',
  'r = callee(s32, u8 + 100, u64) + six(1, three, seven, u8, s8, 2);',
  'r = __builtin_bswap16(u16) + __builtin_bswap32(u32) + __builtin_bswap64(u64);',
  'char a[12] = "abcdefghijk", b[12] = "abcdefgxijk"; b[0] += zero; int c = __builtin_memcmp(a, b, 12), d = __builtin_memcmp(b, a, 12), e = __builtin_memcmp(a, b, 7); r = (c < 0) + 2 * (d > 0) + 4 * (e == 0);',
  'char a[16]; __builtin_memset(a, 7, sizeof(a)); __builtin_memcpy(a + 4, (void *)&(__u64){ u64 }, 8); __builtin_memmove(a + 1, a, 12); r = 0; for (int i = 0; i < 16; i++) r = r * 31 + (__u8)a[i];',
  '__u64 n = u8; r = __sync_fetch_and_add(&n, 5); r = r * 3 + n; __sync_fetch_and_or(&n, 0x1000); r += __sync_val_compare_and_swap(&n, n, 77ull) + n; r += __sync_lock_test_and_set(&n, 3ull) * n;',
  '_Bool b = u32; b += 1; r = b + (_Bool)u64 * 2 + (_Bool)zero; b = zero; b |= three; r += b * 8; r += !b;',
  'unsigned __int128 *w = (void *)out; unsigned __int128 x = *w, y = x; r = (x == y) + 2 * (x != 0);',
  'int *p = (int *)&out[200], *q = p + (three & 7); r = (q - p) + (q > p) * 16 + (__u32)((long)q - (long)p); struct mixed *m = (void *)p; r += (m + (seven & 7)) - m;',
  '__u32 grid[3][4] = { { 1, 2 }, { [3] = 9 }, { 5, 6, 7, 8 } }; r = grid[0][1] + grid[1][3] * 10 + grid[2][3] * three * 100 + sizeof(grid[0]);',
  'char t[] = "a somewhat longer text, which is copied in words of eight bytes and then what is left of it, byte by byte; it goes on for a while, too"; r = 0; for (unsigned i = 0; i < sizeof(t); i += 9) r = r * 7 + t[i];',
  'const char *w[] = { "one", "two", "three" }; r = w[2][0] + w[0][1];',
  's16 += u8; u8 <<= 1; s8 >>= 1; u16 *= three; s32 %= 1000; u32 -= s8; r = s16 + u8 * 3 + s8 * 5 + u16 * 7ull + s32 + u32; s16 = -321; u8 = 200; s8 = -77; u16 = 54321; s32 = -123456; u32 = 0xdeadbeef;',
];

function source(): string {
  const functions = CASES.map(
    (text, i) =>
      `static __attribute__((noinline)) int case${i}(void)\n{\n\t__s64 r = 0;\n\t${text}\n\tout[${i}] = r;\n\treturn 0;\n}\n`,
  );
  const programs: string[] = [];
  for (let i = 0; i < CASES.length; i += 8) {
    const calls = CASES.slice(i, i + 8).map((_, j) => `case${i + j}();`);
    programs.push(`SEC("xdp") int run${i}(struct xdp_md *ctx) { ${calls.join(' ')} return XDP_PASS; }\n`);
  }
  return `${HEADER}${functions.join('')}${programs.join('')}char LICENSE[] SEC("license") = "GPL";\n`;
}

const works = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
const reason =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs root'
    : !works('bpftool', 'version')
      ? 'needs bpftool'
      : !works('clang-19', '--version') || !existsSync('/usr/include/bpf/bpf_helpers.h')
        ? 'needs clang-19 and the headers of libbpf'
        : undefined;

describe.skipIf(reason !== undefined)(`C in the kernel${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let scratch = '';
  let mount = '';
  let expected: bigint[] = [];

  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'skep-test-'));
    mount = join(scratch, 'bpffs');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'bpf', 'skep-test', mount]);
    const file = join(scratch, 'cases.bpf.c');
    writeFileSync(file, source());
    const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
    const object = join(scratch, 'clang.o');
    execFileSync('clang-19', [
      ...['-O1', '-g', '-target', 'bpf', '-mcpu=v4', '-w', `-I/usr/include/${arch}-linux-gnu`],
      ...['-c', file, '-o', object],
    ]);
    expected = results(object, 'clang');
  });

  afterAll(() => {
    if (mount !== '') execFileSync('umount', [mount]);
    if (scratch !== '') rmSync(scratch, { recursive: true });
  });

  function results(object: string, name: string): bigint[] {
    const programs = join(mount, name);
    const maps = join(mount, `${name}_maps`);
    const done = spawnSync('bpftool', ['prog', 'loadall', object, programs, 'pinmaps', maps], { encoding: 'utf8' });
    expect(done.status, done.stderr).toBe(0);
    const packet = join(scratch, 'packet');
    writeFileSync(packet, new Uint8Array(64));
    for (const program of readdirSync(programs)) {
      execFileSync('bpftool', ['prog', 'run', 'pinned', join(programs, program), 'data_in', packet], {
        stdio: 'ignore',
      });
    }
    const bss = readdirSync(maps).find((map) => map.endsWith('bss'))!;
    const dump = execFileSync('bpftool', ['-j', 'map', 'dump', 'pinned', join(maps, bss)], { encoding: 'utf8' });
    const [entry] = JSON.parse(dump) as { formatted?: { value: Record<string, { out: (number | string)[] }[]> } }[];
    const text = /"out":\s*\[([^\]]*)\]/.exec(dump)?.[1];
    expect(entry, dump.slice(0, 200)).toBeDefined();
    return text!
      .split(',')
      .slice(0, CASES.length)
      .map((one) => BigInt.asUintN(64, BigInt(one.trim())));
  }

  it.each([
    ['v3', 2],
    ['v3', 1],
    ['v3', 0],
    ['v4', 2],
  ] as const)('means with -mcpu=%s -O%i what it means to clang', (cpu, optimise) => {
    const result = compile({ name: 'cases.bpf.c', text: source() }, { cpu, optimise, debug: true });
    if (!result.ok) throw new Error(result.diagnostics.map((one) => `${one.code}: ${one.message}`).join('\n'));
    const object = join(scratch, `${cpu}${optimise}.o`);
    writeFileSync(object, result.object);
    const got = results(object, `${cpu}_${optimise}`);
    const wrong = CASES.flatMap((text, i) =>
      got[i] === expected[i] ? [] : [`${text}\n  ${got[i]}, not ${expected[i]}`],
    );
    expect(wrong).toEqual([]);
  });
});
