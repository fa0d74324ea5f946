/** Hooks of security modules that answer otherwise than with 0 or an errno (kernel/bpf/bpf_lsm.c). */
const VOID =
  /^(bpf_lsm_)?(task_free|inode_free_security|cred_free|sk_free_security|file_free_security|bprm_committing_creds|bprm_committed_creds|cred_transfer|d_instantiate|inet_csk_clone|inet_conn_established|sk_clone_security|sock_graft|task_to_inode|key_free|msg_msg_free_security|shm_free_security|sem_free_security|msg_queue_free_security|inode_post_setxattr|inode_getsecid|ipc_getsecid|release_secctx|current_getsecid_subj|task_getsecid_obj|cred_getsecid|req_classify_flow|sb_free_security|sb_delete|sb_free_mnt_opts|kernel_post_read_file|bpf_map_free|bpf_prog_free|bpf_token_free|perf_event_free|xfrm_policy_free_security|xfrm_state_free_security|secmark_refcount_inc|secmark_refcount_dec|tun_dev_free_security|inode_invalidate_secctx|audit_rule_free|ib_free_security|path_post_mknod|inode_post_create_tmpfile|inode_post_setattr|inode_post_removexattr|inode_post_set_acl|inode_post_remove_acl|file_post_open_void|file_release|file_set_fowner)$/;
const BOOLEAN = /^(bpf_lsm_)?(audit_rule_known|inode_xattr_skipcap)$/;
const ANY =
  /^(bpf_lsm_)?(inode_need_killpriv_any|getprocattr|setprocattr|inode_listsecurity|ismaclabel|inode_getsecurity|inode_copy_up_xattr|key_getsecurity|getselfattr_any)$/;

/** What a hook may answer; undefined where that is free. */
export function lsmResults(hook: string): readonly [number, number] | undefined {
  if (ANY.test(hook)) return undefined;
  return BOOLEAN.test(hook) ? [0, 1] : [-4095, 0];
}

export const lsmIsVoid = (hook: string): boolean => VOID.test(hook);
