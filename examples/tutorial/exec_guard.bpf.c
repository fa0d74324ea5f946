// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Lets one user start no programs from /tmp.
 *
 * Shows: the LSM hook that sees an executable before it runs, and a path compared in the kernel.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1

const volatile __u32 denied_uid = 65534;
__u64 refused = 0;

SEC("lsm/bprm_check_security")
int BPF_PROG(before_exec, struct linux_binprm *bprm, int ret)
{
	char path[8] = {};

	if (ret || (__u32)bpf_get_current_uid_gid() != denied_uid)
		return ret;
	bpf_probe_read_kernel_str(path, sizeof(path), bprm->filename);
	if (__builtin_memcmp(path, "/tmp/", 5))
		return 0;
	__sync_fetch_and_add(&refused, 1);
	return -EPERM;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
