/** Which types of programs may call which functions of the kernel (the `register_btf_kfunc_id_set` calls; asked of Linux 6.18 for each type and function). */

import { ATTACH, PROG } from '@skep/abi';
import type { KernelProfile } from '../profile.ts';

type Hook =
  | 'xdp'
  | 'tc'
  | 'struct_ops'
  | 'tracing'
  | 'syscall'
  | 'cgroup'
  | 'act'
  | 'sk_skb'
  | 'socket_filter'
  | 'lwt'
  | 'netfilter'
  | 'kprobe';

const HOOK_OF_TYPE: Readonly<Record<number, Hook>> = {
  [PROG.BPF_PROG_TYPE_XDP]: 'xdp',
  [PROG.BPF_PROG_TYPE_SCHED_CLS]: 'tc',
  [PROG.BPF_PROG_TYPE_STRUCT_OPS]: 'struct_ops',
  [PROG.BPF_PROG_TYPE_TRACING]: 'tracing',
  [PROG.BPF_PROG_TYPE_TRACEPOINT]: 'tracing',
  [PROG.BPF_PROG_TYPE_PERF_EVENT]: 'tracing',
  [PROG.BPF_PROG_TYPE_LSM]: 'tracing',
  [PROG.BPF_PROG_TYPE_SYSCALL]: 'syscall',
  [PROG.BPF_PROG_TYPE_CGROUP_SKB]: 'cgroup',
  [PROG.BPF_PROG_TYPE_CGROUP_SOCK]: 'cgroup',
  [PROG.BPF_PROG_TYPE_CGROUP_DEVICE]: 'cgroup',
  [PROG.BPF_PROG_TYPE_CGROUP_SOCK_ADDR]: 'cgroup',
  [PROG.BPF_PROG_TYPE_CGROUP_SOCKOPT]: 'cgroup',
  [PROG.BPF_PROG_TYPE_CGROUP_SYSCTL]: 'cgroup',
  [PROG.BPF_PROG_TYPE_SCHED_ACT]: 'act',
  [PROG.BPF_PROG_TYPE_SK_SKB]: 'sk_skb',
  [PROG.BPF_PROG_TYPE_SOCKET_FILTER]: 'socket_filter',
  [PROG.BPF_PROG_TYPE_LWT_OUT]: 'lwt',
  [PROG.BPF_PROG_TYPE_LWT_IN]: 'lwt',
  [PROG.BPF_PROG_TYPE_LWT_XMIT]: 'lwt',
  [PROG.BPF_PROG_TYPE_LWT_SEG6LOCAL]: 'lwt',
  [PROG.BPF_PROG_TYPE_NETFILTER]: 'netfilter',
  [PROG.BPF_PROG_TYPE_KPROBE]: 'kprobe',
};

interface KfuncSet {
  readonly names: RegExp;
  /** Undefined: all. */
  readonly hooks: readonly Hook[] | undefined;
  readonly since618?: readonly Hook[];
}

const SETS: readonly KfuncSet[] = [
  {
    names:
      /^bpf_(cast_to_kern_ctx|rdonly_cast|rcu_read_(un)?lock|dynptr_(slice|slice_rdwr|adjust|is_null|is_rdonly|size|clone)|iter_(num|task_vma|css_task|css|task|bits)_(new|next|destroy)|wq_(init|set_callback_impl|start)|preempt_(dis|en)able|copy_from_user_str|arena_(alloc|free)_pages|map_sum_elem_count)$/,
    hooks: undefined,
  },
  {
    names:
      /^bpf_((percpu_)?obj_(new|drop)_impl|refcount_acquire_impl|list_(push_(front|back)_impl|pop_(front|back))|task_(acquire|release|under_cgroup|get_cgroup1|from_pid)|rbtree_(remove|add_impl|first)|cgroup_(acquire|release|ancestor|from_id)|throw)$/,
    hooks: ['tracing', 'tc', 'xdp', 'struct_ops', 'syscall', 'cgroup'],
  },
  { names: /^bpf_cpumask_/, hooks: ['tracing', 'struct_ops', 'syscall'] },
  {
    names: /^bpf_dynptr_from_skb$/,
    hooks: ['tc', 'act', 'sk_skb', 'socket_filter', 'cgroup', 'lwt', 'netfilter', 'tracing'],
  },
  { names: /^bpf_dynptr_from_xdp$/, hooks: ['xdp'] },
  { names: /^bpf_xdp_metadata_/, hooks: ['xdp'] },
  { names: /^bpf_crypto_(encrypt|decrypt)$/, hooks: ['tc', 'act', 'xdp'] },
  { names: /^bpf_crypto_ctx_/, hooks: ['syscall'] },
  {
    names: /^bpf_(lookup_(user|system)_key|key_put)$/,
    hooks: ['tracing'],
    since618: ['tc', 'xdp', 'struct_ops', 'syscall', 'cgroup'],
  },
  { names: /^bpf_verify_pkcs7_signature$/, hooks: ['tracing'] },
  {
    names: /^bpf_(get_task_exe_file|put_file|path_d_path|get_dentry_xattr|get_file_xattr|get_fsverity_digest)$/,
    hooks: ['tracing'],
  },
  { names: /^bpf_sock_destroy$/, hooks: ['tracing'] },
  { names: /^bpf_session_(is_return|cookie)$/, hooks: ['kprobe'] },
];

/** Probes of functions or of functions in programs that run at the call and at the return. */
const SESSIONS = new Set([ATTACH.BPF_TRACE_KPROBE_SESSION, ATTACH.BPF_TRACE_UPROBE_SESSION]);

/** Whether the program may call it; undefined when the table does not know the function. */
export function kfuncAllowed(
  name: string,
  type: number,
  attach: number,
  kernel: KernelProfile['version'],
): boolean | undefined {
  const set = SETS.find((one) => one.names.test(name));
  if (set === undefined) return undefined;
  if (set.hooks === undefined) return true;
  const recent = kernel === '6.18';
  const hook = recent && type === PROG.BPF_PROG_TYPE_SOCK_OPS ? 'cgroup' : HOOK_OF_TYPE[type];
  if (hook === undefined || !(set.hooks.includes(hook) || (recent && set.since618?.includes(hook)))) return false;
  if (name.startsWith('bpf_session_')) return SESSIONS.has(attach);
  if (/^bpf_(get_task_exe_file|put_file|path_d_path|get_dentry_xattr|get_file_xattr)$/.test(name))
    return type === PROG.BPF_PROG_TYPE_LSM;
  if (name === 'bpf_sock_destroy') return type === PROG.BPF_PROG_TYPE_TRACING && attach === ATTACH.BPF_TRACE_ITER;
  return true;
}
