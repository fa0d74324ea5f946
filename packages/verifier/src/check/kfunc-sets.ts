/** Which types of programs may call which functions of the kernel (the `register_btf_kfunc_id_set` calls; asked of Linux 6.18 for each type and function). */

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
  6: 'xdp',
  3: 'tc',
  27: 'struct_ops',
  26: 'tracing',
  5: 'tracing',
  7: 'tracing',
  29: 'tracing',
  31: 'syscall',
  8: 'cgroup',
  9: 'cgroup',
  15: 'cgroup',
  18: 'cgroup',
  25: 'cgroup',
  23: 'cgroup',
  4: 'act',
  14: 'sk_skb',
  1: 'socket_filter',
  11: 'lwt',
  10: 'lwt',
  12: 'lwt',
  19: 'lwt',
  32: 'netfilter',
  2: 'kprobe',
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

const SOCK_OPS = 13;
const LSM = 29;
const TRACING = 26;
const ITER = 28;
/** Probes of functions or of functions in programs that run at the call and at the return. */
const SESSIONS = new Set([56, 57]);

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
  const hook = recent && type === SOCK_OPS ? 'cgroup' : HOOK_OF_TYPE[type];
  if (hook === undefined || !(set.hooks.includes(hook) || (recent && set.since618?.includes(hook)))) return false;
  if (name.startsWith('bpf_session_')) return SESSIONS.has(attach);
  if (/^bpf_(get_task_exe_file|put_file|path_d_path|get_dentry_xattr|get_file_xattr)$/.test(name)) return type === LSM;
  if (name === 'bpf_sock_destroy') return type === TRACING && attach === ITER;
  return true;
}
