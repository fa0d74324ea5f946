/** Small programs that between them use what objects are made of; written against the headers of libbpf. */
export const SOURCES: Readonly<Record<string, string>> = {
  counter: `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); } hits SEC(".maps");
const volatile __u32 step = 1;
__u64 total;
__u32 seed = 7;
SEC("xdp") int count(struct xdp_md *ctx) {
  __u32 key = ctx->ingress_ifindex + seed;
  __u64 *value = bpf_map_lookup_elem(&hits, &key), one = 1;
  if (value) __sync_fetch_and_add(value, step); else bpf_map_update_elem(&hits, &key, &one, BPF_ANY);
  total++;
  return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";`,
  subprograms: `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
static __noinline int leaf(int x) { bpf_printk("leaf %d", x); return x * 3; }
static __noinline int branch(int x) { return leaf(x + 1) + leaf(x + 2); }
__noinline int global_one(int x) { return branch(x) ^ 5; }
static long each(__u32 i, void *ctx) { *(int *)ctx += leaf(i); return 0; }
SEC("xdp") int first(struct xdp_md *ctx) { return branch(ctx->rx_queue_index) & 3; }
SEC("xdp") int second(struct xdp_md *ctx) { int sum = 0; bpf_loop(4, each, &sum, 0); return global_one(sum) & 1; }
SEC("?tc") int third(struct __sk_buff *skb) { return leaf(skb->len); }
char LICENSE[] SEC("license") = "Dual BSD/GPL";`,
  maps: `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } inner_a SEC(".maps"), inner_b SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 8); __uint(key_size, 4); __array(values, struct inner); } outer SEC(".maps") = { .values = { &inner_a, 0, &inner_b } };
SEC("xdp") int target(struct xdp_md *ctx) { return XDP_DROP; }
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 3); __uint(key_size, 4); __array(values, int (struct xdp_md *)); } jumps SEC(".maps") = { .values = { [2] = (void *)&target } };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 16); __uint(key_size, 4); __uint(value_size, 12); __uint(map_flags, BPF_F_NO_COMMON_LRU); __uint(pinning, 1); __uint(numa_node, 0); } pinned SEC(".maps");
SEC("xdp") int main_prog(struct xdp_md *ctx) {
  __u32 key = 2;
  void *in = bpf_map_lookup_elem(&outer, &key);
  if (in) { __u64 v = 1; bpf_map_update_elem(in, &key, &v, 0); }
  bpf_tail_call(ctx, &jumps, 2);
  bpf_ringbuf_output(&ring, &key, 4, 0);
  bpf_map_delete_elem(&pinned, &key);
  return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";`,
  externs: `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern const int bpf_prog_active __ksym;
extern const void __start_BTF __ksym __weak;
struct task_struct;
extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
char name[16] SEC(".data.names") = "skep";
const char table[4][8] = { "one", "two", "three", "four" };
SEC("tc") int look(struct __sk_buff *skb) {
  if (LINUX_KERNEL_VERSION < 0x50a00 || !CONFIG_BPF_SYSCALL) return 0;
  bpf_rcu_read_lock(); bpf_rcu_read_unlock();
  int *active = bpf_this_cpu_ptr(&bpf_prog_active);
  if (bpf_task_acquire) name[1] = 'K';
  bpf_trace_printk(table[skb->len & 3], 8, (long)&__start_BTF);
  return *active;
}
__u32 built_for SEC("version") = 0x060102;
char LICENSE[] SEC("license") = "GPL";`,
  structures: `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct sock; struct rate_sample;
struct tcp_congestion_ops___mine {
  unsigned int (*ssthresh)(struct sock *sk);
  void (*cong_avoid)(struct sock *sk, unsigned int ack, unsigned int acked);
  unsigned int (*undo_cwnd)(struct sock *sk);
  char name[16];
  unsigned int flags;
};
SEC("struct_ops/ssthresh") unsigned int threshold(unsigned long long *ctx) { return 2; }
SEC("struct_ops") void avoid(unsigned long long *ctx) { }
SEC("struct_ops") unsigned int undo(unsigned long long *ctx) { return 4; }
SEC(".struct_ops.link") struct tcp_congestion_ops___mine linked = { .ssthresh = (void *)threshold, .cong_avoid = (void *)avoid, .undo_cwnd = (void *)undo, .name = "skep_linked" };
SEC("?.struct_ops") struct tcp_congestion_ops___mine plain = { .undo_cwnd = (void *)undo, .name = "skep_plain" };
char LICENSE[] SEC("license") = "GPL";`,
  arena: `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define __arena __attribute__((address_space(1)))
struct { __uint(type, 33); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 4); enum { extra = 0x1ull << 44 } map_extra; } pages SEC(".maps");
int __arena count = 3;
long __arena sums[4];
SEC("syscall") int add(void *ctx) { count += 1; sums[count & 3] += 2; return count; }
char LICENSE[] SEC("license") = "GPL";`,
};
