// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Memory that was asked for and not given back, by the stack that asked. */
#include "tool.h"
#include "stacks.h"

/* Bytes. */
const volatile __u64 least_size = 0;
const volatile __u64 most_size = ~0ULL;
/* One of so many. */
const volatile __u64 sample_every = 1;

struct allocation {
	__u64 size;
	__u64 time; /* nanoseconds since boot */
	__u32 pid;
	int user;
	int kernel;
	char comm[16];
};

/* In one process, or for the kernel the address alone. */
struct place {
	__u64 address;
	__u64 pid;
};

HASH(sizes, 10240, __u32, __u64);
HASH(aligned, 10240, __u32, __u64);
HASH(allocations, 1000000, struct place, struct allocation);

static __always_inline bool chosen(__u64 size)
{
	if (size < least_size || size > most_size)
		return false;
	return sample_every <= 1 || bpf_ktime_get_ns() % sample_every == 0;
}

static __always_inline int asked(__u64 size)
{
	__u32 tid = bpf_get_current_pid_tgid();

	if (wanted() && chosen(size))
		bpf_map_update_elem(&sizes, &tid, &size, BPF_ANY);
	return 0;
}

static __always_inline int remember(void *ctx, __u64 address, __u64 size, bool kernel)
{
	struct allocation allocation = {};
	struct place place = { address, kernel ? 0 : bpf_get_current_pid_tgid() >> 32 };

	if (!address)
		return 0;
	allocation.size = size;
	allocation.time = bpf_ktime_get_ns();
	allocation.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(allocation.comm, sizeof(allocation.comm));
	allocation.user = kernel ? -1 : bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	allocation.kernel = kernel ? bpf_get_stackid(ctx, &stacks, 0) : -1;
	bpf_map_update_elem(&allocations, &place, &allocation, BPF_ANY);
	return 0;
}

static __always_inline int given(void *ctx, __u64 address)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 *size = bpf_map_lookup_elem(&sizes, &tid);
	__u64 bytes;

	if (!size)
		return 0;
	bytes = *size;
	bpf_map_delete_elem(&sizes, &tid);
	return remember(ctx, address, bytes, false);
}

static __always_inline int returned(__u64 address, bool kernel)
{
	struct place place = { address, kernel ? 0 : bpf_get_current_pid_tgid() >> 32 };

	bpf_map_delete_elem(&allocations, &place);
	return 0;
}

SEC("uprobe/libc.so.6:malloc")
int BPF_UPROBE(malloc_enter, __u64 size)
{
	return asked(size);
}

SEC("uretprobe/libc.so.6:malloc")
int BPF_URETPROBE(malloc_exit, __u64 address)
{
	return given(ctx, address);
}

SEC("uprobe/libc.so.6:calloc")
int BPF_UPROBE(calloc_enter, __u64 count, __u64 size)
{
	return asked(count * size);
}

SEC("uretprobe/libc.so.6:calloc")
int BPF_URETPROBE(calloc_exit, __u64 address)
{
	return given(ctx, address);
}

SEC("uprobe/libc.so.6:realloc")
int BPF_UPROBE(realloc_enter, __u64 address, __u64 size)
{
	returned(address, false);
	return asked(size);
}

SEC("uretprobe/libc.so.6:realloc")
int BPF_URETPROBE(realloc_exit, __u64 address)
{
	return given(ctx, address);
}

SEC("uprobe/libc.so.6:posix_memalign")
int BPF_UPROBE(memalign_enter, __u64 *result, __u64 alignment, __u64 size)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 where = (__u64)result;

	bpf_map_update_elem(&aligned, &tid, &where, BPF_ANY);
	return asked(size);
}

SEC("uretprobe/libc.so.6:posix_memalign")
int memalign_exit(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 *where = bpf_map_lookup_elem(&aligned, &tid), address = 0;

	if (!where)
		return 0;
	bpf_probe_read_user(&address, sizeof(address), (void *)*where);
	bpf_map_delete_elem(&aligned, &tid);
	return given(ctx, address);
}

SEC("uprobe/libc.so.6:aligned_alloc")
int BPF_UPROBE(aligned_alloc_enter, __u64 alignment, __u64 size)
{
	return asked(size);
}

SEC("uretprobe/libc.so.6:aligned_alloc")
int BPF_URETPROBE(aligned_alloc_exit, __u64 address)
{
	return given(ctx, address);
}

SEC("uprobe/libc.so.6:free")
int BPF_UPROBE(free_enter, __u64 address)
{
	return returned(address, false);
}

SEC("?tracepoint/kmem/kmalloc")
int kmalloc(struct trace_event_raw_kmalloc *ctx)
{
	__u64 size = ctx->bytes_alloc;

	return wanted() && chosen(size) ? remember(ctx, (__u64)ctx->ptr, size, true) : 0;
}

SEC("?tracepoint/kmem/kmem_cache_alloc")
int kmem_cache_alloc(struct trace_event_raw_kmem_cache_alloc *ctx)
{
	__u64 size = ctx->bytes_alloc;

	return wanted() && chosen(size) ? remember(ctx, (__u64)ctx->ptr, size, true) : 0;
}

SEC("?tracepoint/kmem/kfree")
int kfree(struct trace_event_raw_kfree *ctx)
{
	return returned((__u64)ctx->ptr, true);
}

SEC("?tracepoint/kmem/kmem_cache_free")
int kmem_cache_free(struct trace_event_raw_kmem_cache_free *ctx)
{
	return returned((__u64)ctx->ptr, true);
}

SEC("?tracepoint/percpu/percpu_alloc_percpu")
int percpu_alloc(struct trace_event_raw_percpu_alloc_percpu *ctx)
{
	__u64 size = ctx->size;

	return wanted() && chosen(size) ? remember(ctx, (__u64)ctx->ptr, size, true) : 0;
}

SEC("?tracepoint/percpu/percpu_free_percpu")
int percpu_free(struct trace_event_raw_percpu_free_percpu *ctx)
{
	return returned((__u64)ctx->ptr, true);
}
