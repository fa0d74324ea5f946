import { dynptrKfuncs } from '../helpers/dynptr.ts';
import type { Helper } from '../helpers/helper.ts';
import { cpumaskKfuncs } from './cpumask.ts';
import { graphKfuncs } from './graphs.ts';
import { hidKfuncs } from './hid.ts';
import { iteratorKfuncs } from './iterators.ts';
import { miscKfuncs } from './misc.ts';
import { qdiscKfuncs } from './qdisc.ts';
import { schedulerKfuncs } from './scheduler.ts';
import { stringKfuncs } from './strings.ts';
import { taskKfuncs } from './tasks.ts';
import { tcpKfuncs } from './tcp.ts';

/**
 * Functions of the kernel that programs may call by name (kfuncs). At load each call becomes one of a helper with the
 * number that is the function's place here, behind all helpers, so that both engines run them as they run helpers.
 */
export const kfuncs: readonly { readonly name: string; readonly run: Helper }[] = Object.entries({
  ...graphKfuncs,
  ...cpumaskKfuncs,
  ...iteratorKfuncs,
  ...taskKfuncs,
  ...dynptrKfuncs,
  ...stringKfuncs,
  ...tcpKfuncs,
  ...schedulerKfuncs,
  ...hidKfuncs,
  ...qdiscKfuncs,
  ...miscKfuncs,
}).map(([name, run]) => ({ name, run }));

/** Helpers end at 211, and the kernel adds no more of them. */
export const FIRST_KFUNC = 256;

/** The number of a kernel function in calls; undefined when the machine does not have it. */
export function kfuncNumber(name: string): number | undefined {
  // The same object may have several declarations of a function, told apart behind `___`.
  return numbers.get(name) ?? numbers.get(name.replace(/___.*$/, ''));
}

const numbers = new Map(kfuncs.map(({ name }, i) => [name, FIRST_KFUNC + i]));

const CRYPTO = 'it has no ciphers';
const CONNTRACK = 'it has no connection tracking';
const KEYS = 'it has no key rings';
const FILES = 'its files have no attributes';
const XFRM = 'it has no IPsec';
const CUBIC = 'the congestion control of the kernel is not here';
const SCHEDULER = 'its scheduler has no cgroups and no run queues';
const SELFTEST = 'it exists for tests of the kernel itself';

/** Why others are refused, by name; of functions that are in neither table nothing is known. */
export const refusedKfuncs: Readonly<Record<string, string>> = {
  bpf_crypto_ctx_create: CRYPTO,
  bpf_crypto_ctx_acquire: CRYPTO,
  bpf_crypto_ctx_release: CRYPTO,
  bpf_crypto_encrypt: CRYPTO,
  bpf_crypto_decrypt: CRYPTO,
  bpf_skb_ct_lookup: CONNTRACK,
  bpf_skb_ct_alloc: CONNTRACK,
  bpf_xdp_ct_lookup: CONNTRACK,
  bpf_xdp_ct_alloc: CONNTRACK,
  bpf_ct_insert_entry: CONNTRACK,
  bpf_ct_release: CONNTRACK,
  bpf_ct_set_timeout: CONNTRACK,
  bpf_ct_change_timeout: CONNTRACK,
  bpf_ct_set_status: CONNTRACK,
  bpf_ct_change_status: CONNTRACK,
  bpf_ct_set_nat_info: CONNTRACK,
  bpf_lookup_user_key: KEYS,
  bpf_lookup_system_key: KEYS,
  bpf_key_put: KEYS,
  bpf_verify_pkcs7_signature: KEYS,
  bpf_get_file_xattr: FILES,
  bpf_get_dentry_xattr: FILES,
  bpf_set_dentry_xattr: FILES,
  bpf_remove_dentry_xattr: FILES,
  bpf_cgroup_read_xattr: FILES,
  bpf_get_fsverity_digest: FILES,
  bpf_xdp_get_xfrm_state: XFRM,
  bpf_xdp_xfrm_state_release: XFRM,
  bpf_skb_get_xfrm_info: XFRM,
  bpf_skb_set_xfrm_info: XFRM,
  bpf_skb_get_fou_encap: 'it has no tunnels of its own',
  bpf_skb_set_fou_encap: 'it has no tunnels of its own',
  bpf_sk_assign_tcp_reqsk: 'it has no TCP handshakes',
  bpf_xdp_flow_lookup: 'it has no flow tables',
  bpf_rbtree_root: 'it keeps the order of a tree and not its shape',
  bpf_rbtree_left: 'it keeps the order of a tree and not its shape',
  bpf_rbtree_right: 'it keeps the order of a tree and not its shape',
  cubictcp_init: CUBIC,
  cubictcp_recalc_ssthresh: CUBIC,
  cubictcp_cong_avoid: CUBIC,
  cubictcp_state: CUBIC,
  cubictcp_cwnd_event: CUBIC,
  cubictcp_acked: CUBIC,
  scx_bpf_task_cgroup: SCHEDULER,
  scx_bpf_cpu_rq: SCHEDULER,
  crash_kexec: 'nothing is there to crash',
  bpf_fentry_test1: SELFTEST,
  bpf_modify_return_test: SELFTEST,
  bpf_modify_return_test2: SELFTEST,
  bpf_modify_return_test_tp: SELFTEST,
  bpf_kfunc_call_test_release: SELFTEST,
  bpf_kfunc_call_memb_release: SELFTEST,
};
