/** Asks about a kernel in each of the ways that CO-RE knows, of types that every kernel has and of some that none has. */
export const CORE_SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct list_head { struct list_head *next, *prev; };
struct sched_entity { unsigned long long vruntime; };
struct mm_struct;
struct files_struct { int next_fd; };
struct task_struct {
  int tgid; int pid; struct task_struct *group_leader; char comm[16]; unsigned long long start_time;
  struct sched_entity se; struct list_head tasks; struct mm_struct *mm; struct files_struct *files;
  unsigned sched_reset_on_fork : 1; unsigned in_iowait : 1; unsigned short no_such_member;
};
struct task_struct___flavoured { int pid; long no_such_either; };
struct sk_buff { unsigned int len, data_len; unsigned short mac_len; unsigned char *head, *data; unsigned char cloned : 1; unsigned char pkt_type : 3; unsigned int hash; unsigned short protocol; };
struct path { void *mnt, *dentry; };
struct file { struct path f_path; unsigned int f_flags; };
struct in6_addr { union { unsigned char u6_addr8[16]; unsigned int u6_addr32[4]; } in6_u; };
struct sock_common { unsigned int skc_daddr, skc_rcv_saddr; unsigned short skc_family; struct in6_addr skc_v6_daddr; };
struct sock { struct sock_common __sk_common; };
struct no_such_struct { int x; };
struct pid { unsigned int level; };
#pragma clang attribute pop
enum bpf_map_type___mine { BPF_MAP_TYPE_RINGBUF___mine = 1000, BPF_MAP_TYPE_NEVER___mine = 7 };
enum pid_type { PIDTYPE_PID = 9, PIDTYPE_NEVER };
enum no_such_enum { NO_SUCH_VALUE = 3 };
typedef unsigned int gfp_t;
typedef unsigned int no_such_typedef;
union no_such_union { int a; };
struct rcu_head___match { void *next; void (*func)(void *); };
struct list_head___other { struct list_head___other *next; long more; };
__u64 out[64];
#define PUT(i, x) out[i] = (__u64)(x)
SEC("raw_tp/sys_enter") int kinds(void *ctx) {
  struct task_struct *t = (void *)bpf_get_current_task();
  struct task_struct___flavoured *f = (void *)t;
  struct sk_buff *skb = ctx;
  struct file *file = ctx;
  struct sock *sk = ctx;
  PUT(0, BPF_CORE_READ(t, pid));
  PUT(1, BPF_CORE_READ(t, group_leader, tgid));
  PUT(2, BPF_CORE_READ(t, se.vruntime));
  PUT(3, BPF_CORE_READ(t, tasks.next));
  PUT(4, bpf_core_field_exists(t->no_such_member));
  PUT(5, bpf_core_field_exists(t->comm));
  PUT(6, bpf_core_field_size(t->comm));
  PUT(7, bpf_core_field_offset(struct task_struct, comm[3]));
  PUT(8, bpf_core_field_exists(f->no_such_either));
  PUT(9, bpf_core_field_offset(f->pid));
  PUT(10, BPF_CORE_READ_BITFIELD_PROBED(t, in_iowait));
  PUT(11, BPF_CORE_READ_BITFIELD_PROBED(skb, pkt_type));
  PUT(12, BPF_CORE_READ_BITFIELD_PROBED(skb, cloned));
  PUT(13, __builtin_preserve_field_info(skb->hash, BPF_FIELD_LSHIFT_U64));
  PUT(14, __builtin_preserve_field_info(skb->protocol, BPF_FIELD_RSHIFT_U64));
  PUT(15, __builtin_preserve_field_info(t->pid, BPF_FIELD_SIGNED));
  PUT(16, __builtin_preserve_field_info(skb->len, BPF_FIELD_SIGNED));
  PUT(17, bpf_core_type_exists(struct no_such_struct));
  PUT(18, bpf_core_type_exists(struct task_struct));
  PUT(19, bpf_core_type_exists(gfp_t));
  PUT(20, bpf_core_type_exists(no_such_typedef));
  PUT(21, bpf_core_type_exists(union no_such_union));
  PUT(22, bpf_core_type_size(struct task_struct));
  PUT(23, bpf_core_type_size(struct no_such_struct));
  PUT(24, bpf_core_type_id_kernel(struct task_struct));
  PUT(25, bpf_core_type_id_local(struct task_struct));
  PUT(26, bpf_core_type_id_kernel(struct no_such_struct));
  PUT(27, bpf_core_enum_value_exists(enum bpf_map_type___mine, BPF_MAP_TYPE_RINGBUF___mine));
  PUT(28, bpf_core_enum_value(enum bpf_map_type___mine, BPF_MAP_TYPE_RINGBUF___mine));
  PUT(29, bpf_core_enum_value_exists(enum bpf_map_type___mine, BPF_MAP_TYPE_NEVER___mine));
  PUT(30, bpf_core_enum_value(enum pid_type, PIDTYPE_PID));
  PUT(31, bpf_core_enum_value_exists(enum no_such_enum, NO_SUCH_VALUE));
  PUT(32, bpf_core_enum_value_exists(enum pid_type, PIDTYPE_NEVER));
  PUT(33, BPF_CORE_READ(file, f_path.dentry));
  PUT(34, BPF_CORE_READ(sk, __sk_common.skc_daddr));
  PUT(35, BPF_CORE_READ(sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[2]));
  PUT(36, BPF_CORE_READ(skb, mac_len));
  PUT(37, bpf_core_type_matches(struct rcu_head___match));
  PUT(38, bpf_core_type_matches(struct list_head));
  PUT(39, bpf_core_type_matches(struct list_head___other));
  PUT(40, bpf_core_type_matches(enum bpf_map_type___mine));
  PUT(41, bpf_core_type_exists(struct list_head___other));
  PUT(42, bpf_core_field_size(t->se));
  if (bpf_core_field_exists(t->no_such_member)) PUT(43, BPF_CORE_READ(t, no_such_member));
  if (bpf_core_enum_value_exists(enum no_such_enum, NO_SUCH_VALUE)) PUT(44, bpf_core_enum_value(enum no_such_enum, NO_SUCH_VALUE));
  return 0;
}
/* Loads and stores that the offset is folded into; what they read is typed, so that it needs no helper. */
SEC("tp_btf/sys_enter") int direct(unsigned long long *ctx) {
  struct task_struct *t = (void *)bpf_get_current_task_btf();
  struct files_struct *files = t->files;
  PUT(50, t->pid); PUT(51, t->group_leader->tgid); PUT(52, t->se.vruntime); PUT(53, t->comm[2]); PUT(54, files->next_fd);
  return 0;
}
char LICENSE[] SEC("license") = "GPL";
`;
