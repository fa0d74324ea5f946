// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Which privileges (capabilities) the kernel asks about, and whether processes have them. */
#include "tool.h"
#include "stacks.h"

const volatile bool all = false; /* also where the answer leaves no trace in the audit log */
const volatile bool only_denied = false;
const volatile bool unique = false;
const volatile bool kernel_stack = false;
const volatile bool user_stack = false;

/* CAP_OPT_NOAUDIT, CAP_OPT_INSETID */
#define NO_AUDIT 2
#define IN_SETID 4

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 cgroup;
	__u32 pid;
	__u32 tid;
	__u32 uid;
	int capability;
	int audit;
	int in_setid;
	int result;
	int kernel; /* the number of a stack, or minus an errno */
	int user;
	char comm[16];
};

struct seen {
	__u32 pid;
	int capability;
};

/* What is asked, until it is answered. */
struct question {
	int capability;
	__u32 options;
};

RING(events, 1 << 20);
HASH(seen, 10240, struct seen, __u8);
HASH(pending, 10240, __u32, struct question);

static __always_inline int send(void *ctx, int capability, __u32 options, int result)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct seen key = { id >> 32, capability };
	struct event *event;
	__u8 one = 1;

	if (only_denied && result == 0)
		return 0;
	if (unique && bpf_map_update_elem(&seen, &key, &one, BPF_NOEXIST))
		return 0;
	event = reserve(&events, struct event);
	if (!event)
		return 0;
	event->time = bpf_ktime_get_ns();
	event->cgroup = bpf_get_current_cgroup_id();
	event->pid = id >> 32;
	event->tid = id;
	event->uid = bpf_get_current_uid_gid();
	event->capability = capability;
	event->audit = !(options & NO_AUDIT);
	event->in_setid = !!(options & IN_SETID);
	event->kernel = kernel_stack ? bpf_get_stackid(ctx, &stacks, 0) : -1;
	event->user = user_stack ? bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK) : -1;
	event->result = result;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("?kprobe/cap_capable")
int BPF_KPROBE(asked, const struct cred *cred, struct user_namespace *ns, int capability, unsigned int options)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct question question = { capability, options };

	if (!all && (options & NO_AUDIT))
		return 0;
	if (wanted())
		bpf_map_update_elem(&pending, &tid, &question, BPF_ANY);
	return 0;
}

SEC("?kretprobe/cap_capable")
int BPF_KRETPROBE(answered, int result)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct question *question = bpf_map_lookup_elem(&pending, &tid), copy;

	if (!question)
		return 0;
	copy = *question;
	bpf_map_delete_elem(&pending, &tid);
	return send(ctx, copy.capability, copy.options, result);
}

/* Since Linux 6.14: cred, target_ns, capable_ns, cap, ret. */
SEC("?raw_tp/cap_capable")
int cap_capable(struct bpf_raw_tracepoint_args *ctx)
{
	return wanted() ? send(ctx, ctx->args[3], 0, ctx->args[4]) : 0;
}
