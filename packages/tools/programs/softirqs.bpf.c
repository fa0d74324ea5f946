// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Time that processors spend in soft interrupts, by kind. */
#include "tool.h"
#include "interrupts.h"

HASH(entries, 16, __u32, struct entry);

SEC("tracepoint/irq/softirq_entry")
int entry(void *ctx)
{
	return begin();
}

SEC("tracepoint/irq/softirq_exit")
int exit(struct trace_event_raw_softirq *ctx)
{
	__u32 vec = ctx->vec;
	__u64 took = ended();
	struct entry *entry;

	if (!took)
		return 0;
	entry = entry_of(&entries, &vec, &zero);
	if (entry)
		add(entry, took);
	return 0;
}
