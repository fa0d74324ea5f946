/**
 * What verifiers demand of compiled code, one small C function a rule: each is right as it is written, and a compiler
 * that moves a check away from its use, widens a load or loses a range makes a verifier refuse it.
 */
export interface Idiom {
  /** What the code must still show after compiling. */
  readonly rule: string;
  readonly section: string;
  /** The body of `int run(CONTEXT *ctx)`; `v` is an entry of an array map of 128 bytes, `h` of a hash map, or NULL. */
  readonly body: string;
}

export const PROLOGUE = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct value { int list[30]; long total; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, struct value); } array SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, long); __type(value, struct value); } hash SEC(".maps");
static volatile int known; volatile unsigned seen;
struct __attribute__((packed)) odd { unsigned char tag; unsigned long wide; unsigned short small; unsigned int word; };
static __attribute__((noinline)) long total(struct odd *odd, int by) { return odd->wide * by + odd->word + odd->small; }
char LICENSE[] SEC("license") = "GPL";
`;

const LOOKUP = 'int key = 0; struct value *v = bpf_map_lookup_elem(&array, &key); if (!v) return 0;';

export const IDIOMS: readonly Idiom[] = [
  {
    rule: 'context fields are read by constant offset and exact size, also where a pointer to one was chosen',
    section: 'tc',
    body: 'unsigned *p = known ? &ctx->mark : &ctx->priority; unsigned a = known ? ctx->hash : ctx->len; return a + ctx->protocol + ctx->cb[2] + (p == &ctx->mark);',
  },
  {
    rule: 'the same load is not shared by context and stack',
    section: 'tc',
    body: 'struct __sk_buff copy = {}; copy.len = 7; unsigned a; if (known) a = ctx->len; else a = copy.len; bpf_trace_printk((const char *)&copy, 4); return a;',
  },
  {
    rule: 'an index that a 32-bit division made is checked in the register that is used',
    section: 'raw_tp',
    body: `${LOOKUP} unsigned i = bpf_get_prandom_u32() / 200; if (i < 25) return v->list[i]; return 0;`,
  },
  {
    rule: 'a remainder is no bound: the check of the source stays',
    section: 'raw_tp',
    body: `${LOOKUP} unsigned i = bpf_get_prandom_u32() % 16; if (i >= 16) return 1; return v->list[i];`,
  },
  {
    rule: 'a mask behind a shift by a variable stays',
    section: 'raw_tp',
    body: `${LOOKUP} unsigned i = (bpf_get_prandom_u32() & 1) << (known & 3); return v->list[i & 15];`,
  },
  {
    rule: 'u32: check and use are of one register',
    section: 'raw_tp',
    body: `${LOOKUP} unsigned i = bpf_get_prandom_u32(); if (i > 29) return 0; v->list[i] += 1; return v->list[i];`,
  },
  {
    rule: 'u16 and u8 that were read from memory keep their bounds',
    section: 'raw_tp',
    body: `${LOOKUP} unsigned short i = v->list[3]; unsigned char j = v->list[4]; if (i >= 30 || j >= 30) return 0; return v->list[i] + v->list[j];`,
  },
  {
    rule: 'a signed index has both of its checks',
    section: 'raw_tp',
    body: `${LOOKUP} int i = v->list[5]; if (i < 0 || i >= 30) return 0; return v->list[i];`,
  },
  {
    rule: 'two-sided checks are not made one by subtraction',
    section: 'raw_tp',
    body: `${LOOKUP} unsigned long i = v->total; if (i < 1 || i > 29) return 0; return v->list[i];`,
  },
  {
    rule: 'a value that is checked is not read again for its use, with calls in between',
    section: 'raw_tp',
    body: `${LOOKUP} unsigned i = v->list[6], a = v->list[7], b = v->list[8], c = v->list[9], d = v->list[10]; if (i > 20) return 0; long t = bpf_ktime_get_ns(); t += a; bpf_get_prandom_u32(); t += b; bpf_get_smp_processor_id(); t += c + d; return v->list[i] + t;`,
  },
  {
    rule: 'sums of bounded values are bounded',
    section: 'raw_tp',
    body: `${LOOKUP} unsigned a = v->list[1] & 7, b = v->list[2] & 15; return v->list[a + b];`,
  },
  {
    rule: 'NULL is asked for with the pointer itself',
    section: 'raw_tp',
    body: 'long key = known; struct value *h = bpf_map_lookup_elem(&hash, &key); int found = h != 0; seen = found; if (found && known) return h->list[1]; return h ? h->list[2] : 0;',
  },
  {
    rule: 'pointers of two lookups that meet are still pointers',
    section: 'raw_tp',
    body: 'long key = 1; struct value *h = bpf_map_lookup_elem(&hash, &key); if (!h) { struct value zero = {}; bpf_map_update_elem(&hash, &key, &zero, 0); h = bpf_map_lookup_elem(&hash, &key); if (!h) return 0; } __sync_fetch_and_add(&h->total, 1); return 0;',
  },
  {
    rule: 'packets: the pointer that is checked is the one that is read',
    section: 'xdp',
    body: 'void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end; unsigned char *p = data; if (p + 14 > (unsigned char *)end) return 1; unsigned short type = *(unsigned short *)(p + 12); if (type != 8) return 2; p += 14; if (p + 20 > (unsigned char *)end) return 1; unsigned len = (p[0] & 15) * 4; if (len < 20) return 1; p += len; if (p + 8 > (unsigned char *)end) return 1; return p[0] + p[7];',
  },
  {
    rule: 'packets: in a loop, too',
    section: 'xdp',
    body: 'unsigned char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end; int sum = 0; for (int i = 0; i < 16; i++) { if (p + 1 > end) break; sum += *p++; } return sum & 3;',
  },
  {
    rule: 'what helpers read is written whole',
    section: 'raw_tp',
    body: 'struct { char a; long b; short c; } key = {}; key.a = 1; key.c = known; struct value zero; __builtin_memset(&zero, 0, sizeof(zero)); zero.list[3] = 7; bpf_map_update_elem(&hash, &key.b, &zero, 0); return 0;',
  },
  {
    rule: 'the stack is read and written aligned, packed structs too, behind pointers too',
    section: 'raw_tp',
    body: 'struct odd odd = { .tag = known, .wide = 5, .word = known }; odd.small = 3; return total(&odd, known) + odd.wide;',
  },
  {
    rule: 'arrays on the stack are indexed with bounds',
    section: 'raw_tp',
    body: 'long list[8] = {}; for (int i = 0; i < 8; i++) list[i] = i * known; unsigned i = bpf_get_prandom_u32() & 7; return list[i];',
  },
  {
    rule: 'loops end for the verifier',
    section: 'raw_tp',
    body: `${LOOKUP} long sum = 0; for (unsigned i = 0; i < 30; i++) sum += v->list[i]; for (int i = 29; i >= 0; i--) sum ^= v->list[i]; return sum;`,
  },
  {
    rule: 'signed division exists on every instruction set',
    section: 'raw_tp',
    body: `${LOOKUP} int a = v->list[1], b = v->list[2]; return a / 7 + a % 7 + (b ? a / b : 0) + v->total / -3;`,
  },
  {
    rule: 'code that cannot run is not there',
    section: 'raw_tp',
    body: 'if (0) { long *p = 0; return *p; } if (sizeof(long) == 4) bpf_tail_call(ctx, &hash, 1); return 0;',
  },
];

export const CONTEXTS: Readonly<Record<string, string>> = {
  tc: 'struct __sk_buff',
  xdp: 'struct xdp_md',
  raw_tp: 'void',
};

/** The whole program. */
export function idiomSource({ section, body }: Idiom): string {
  return `${PROLOGUE}SEC("${section}") int run(${CONTEXTS[section]} *ctx)\n{\n  ${body}\n}\n`;
}
