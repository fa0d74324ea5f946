const HEAD = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
`;
const LICENSE = 'char LICENSE[] SEC("license") = "GPL";\n';

/** Pairs of files that make one object together; what the programs return once they are linked. */
export interface Pair {
  readonly first: string;
  readonly second: string;
  /** By program: the return value of a run on any packet. */
  readonly results: Readonly<Record<string, number>>;
}

const SHARED_MAP = `
struct value { __u64 count; struct value *next; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, struct value); } hits SEC(".maps");
`;

export const PAIRS: Readonly<Record<string, Pair>> = {
  calls: {
    first: `${HEAD}
int twice(int x);
static __noinline int local(int x) { return x * 3; }
SEC("xdp") int one(struct xdp_md *ctx) { return twice(local(5)) + twice(1); }
${LICENSE}`,
    second: `${HEAD}
static __noinline int before(int x) { return x + 1; }
static __noinline int local(int x) { return before(x) * 2; }
__noinline int twice(int x) { return local(x); }
SEC("xdp") int two(struct xdp_md *ctx) { return local(7); }
${LICENSE}`,
    results: { one: 36, two: 16 },
  },
  'weak gives way, wherever it stands': {
    first: `${HEAD}
__weak __noinline int choose(int x) { return x + 1; }
__noinline int other(int x) { return x + 200; }
SEC("xdp") int one(struct xdp_md *ctx) { return choose(1) + other(1); }
${LICENSE}`,
    second: `${HEAD}
__noinline int choose(int x) { return x + 100; }
__weak __noinline int other(int x) { return x + 2; }
SEC("xdp") int two(struct xdp_md *ctx) { return choose(2) + other(2); }
${LICENSE}`,
    results: { one: 302, two: 304 },
  },
  'hidden functions are seen by the other file': {
    first: `${HEAD}
int hidden_one(int *x);
SEC("xdp") int one(struct xdp_md *ctx) { int x = 4; return hidden_one(&x); }
${LICENSE}`,
    second: `${HEAD}
__hidden __noinline int hidden_one(int *x) { return *x + 38; }
`,
    results: { one: 42 },
  },
  'variables of the other file, and static ones of the same name': {
    first: `${HEAD}
extern int counter;
extern const volatile int factor;
static volatile int same = 3;
static volatile int zero;
SEC("xdp") int one(struct xdp_md *ctx) { zero++; return counter * factor + same + zero; }
${LICENSE}`,
    second: `${HEAD}
int before = 1, counter = 5;
const volatile int factor = 7;
static volatile int same = 11;
static volatile int zero;
SEC("xdp") int two(struct xdp_md *ctx) { return same + zero + before; }
${LICENSE}`,
    results: { one: 39, two: 12 },
  },
  'a map of both': {
    first: `${HEAD}${SHARED_MAP.replace('struct {', 'extern struct {')}
SEC("xdp") int one(struct xdp_md *ctx) {
  __u32 key = 9;
  struct value value = { .count = 77 };
  bpf_map_update_elem(&hits, &key, &value, BPF_ANY);
  return 1;
}
${LICENSE}`,
    second: `${HEAD}${SHARED_MAP}
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); } own SEC(".maps");
SEC("xdp") int two(struct xdp_md *ctx) {
  __u32 key = 9, none = 0;
  struct value *value = bpf_map_lookup_elem(&hits, &key);
  __u32 *first = bpf_map_lookup_elem(&own, &none);
  return value && first ? value->count : 0;
}
${LICENSE}`,
    results: { one: 1, two: 77 },
  },
  'a map of both, through typedefs': {
    first: `${HEAD}${SHARED_MAP.replace('struct {', 'typedef struct value named; extern struct {').replace('struct value); }', 'named); }')}
SEC("xdp") int one(struct xdp_md *ctx) { __u32 key = 1; return bpf_map_lookup_elem(&hits, &key) != 0; }
${LICENSE}`,
    second: `${HEAD}${SHARED_MAP}`,
    results: { one: 0 },
  },
  'callbacks, texts and externs of the kernel': {
    first: `${HEAD}
extern int LINUX_KERNEL_VERSION __kconfig;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
static long add(__u32 i, void *sum) { *(int *)sum += i; return 0; }
SEC("xdp") int one(struct xdp_md *ctx) { int sum = 0; bpf_loop(4, add, &sum, 0); bpf_printk("one %d", sum); return LINUX_KERNEL_VERSION > 0 ? sum : 0; }
SEC("tc") int locked(struct __sk_buff *skb) { bpf_rcu_read_lock(); bpf_rcu_read_unlock(); return 2; }
${LICENSE}`,
    second: `${HEAD}
extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
static long add(__u32 i, void *sum) { *(int *)sum += i * 10; return 0; }
SEC("xdp") int two(struct xdp_md *ctx) { int sum = 0; bpf_loop(4, add, &sum, 0); bpf_printk("two %d", sum); return LINUX_KERNEL_VERSION > 0 && CONFIG_BPF_SYSCALL ? sum : 0; }
SEC("tc") int also(struct __sk_buff *skb) { bpf_rcu_read_lock(); bpf_rcu_read_unlock(); return 3; }
${LICENSE}`,
    results: { one: 6, locked: 2, two: 60, also: 3 },
  },
};

/** Two files that do not fit together: the code, and what the message must say. */
export const CONFLICTS: readonly {
  readonly name: string;
  readonly first: string;
  readonly second: string;
  readonly code: string;
  readonly message: string;
}[] = [
  {
    name: 'two strong definitions',
    first: `int twice(int x) { return x; }`,
    second: `int twice(int x) { return x + 1; }`,
    code: 'E3501',
    message: 'twice is defined twice: in first.o and in second.o',
  },
  {
    name: 'two strong definitions of a map',
    first: SHARED_MAP,
    second: SHARED_MAP,
    code: 'E3501',
    message: 'hits is defined twice: in first.o and in second.o',
  },
  {
    name: 'no definition',
    first: `int absent(int x); SEC("xdp") int one(void *ctx) { return absent(1); }`,
    second: `int absent(int x); SEC("xdp") int two(void *ctx) { return absent(2); }`,
    code: 'E3502',
    message: 'absent is defined nowhere; first.o, second.o use it',
  },
  {
    name: 'maps defined differently',
    first: `${SHARED_MAP.replace('struct {', 'extern struct {').replace('max_entries, 64', 'max_entries, 32')} SEC("xdp") int one(void *ctx) { __u32 key = 0; return bpf_map_delete_elem(&hits, &key); }`,
    second: SHARED_MAP,
    code: 'E3503',
    message: 'hits is declared differently in second.o and in first.o: max_entries is 64 there, 32 here',
  },
  {
    name: 'maps of other values',
    first: `${SHARED_MAP.replace('struct {', 'extern struct {').replace('__u64 count', '__u32 count')} SEC("xdp") int one(void *ctx) { __u32 key = 0; return bpf_map_delete_elem(&hits, &key); }`,
    second: SHARED_MAP,
    code: 'E3503',
    message: 'the types of its values differ: member count of struct value is',
  },
  {
    name: 'functions of other parameters',
    first: `int twice(int x, int y); SEC("xdp") int one(void *ctx) { return twice(1, 2); }`,
    second: `__attribute__((noinline)) int twice(int x) { return x * 2; }`,
    code: 'E3503',
    message: 'twice is declared differently in second.o and in first.o: 1 parameters there, 2 here',
  },
  {
    name: 'variables of other sizes',
    first: `extern long counter; SEC("xdp") int one(void *ctx) { return counter; }`,
    second: `int counter = 1;`,
    code: 'E3503',
    message: 'counter is declared differently in second.o and in first.o: int there, long here',
  },
  {
    name: 'two licenses',
    first: `char LICENSE[] SEC("license") = "GPL";`,
    second: `char LICENSE[] SEC("license") = "Dual BSD/GPL";`,
    code: 'E3505',
    message: 'section license says different things in first.o and in second.o',
  },
  {
    name: 'code and data in one section',
    first: `SEC("mine") int one(void *ctx) { return 0; }`,
    second: `int data SEC("mine") = 1;`,
    code: 'E3504',
    message: 'one holds code, the other data',
  },
].map((one) => ({ ...one, first: `${HEAD}${one.first}`, second: `${HEAD}${one.second}` }));
