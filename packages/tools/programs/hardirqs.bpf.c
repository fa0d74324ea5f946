// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Time that processors spend in the handlers of interrupts, by handler. */
#include "tool.h"
#include "interrupts.h"

struct key {
	char name[32];
};

HASH(entries, 256, struct key, struct entry);

SEC("raw_tp/irq_handler_entry")
int entry(struct bpf_raw_tracepoint_args *ctx)
{
	return begin();
}

SEC("raw_tp/irq_handler_exit")
int exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct irqaction *action = (struct irqaction *)ctx->args[1];
	__u64 took = ended();
	struct key key = {};
	struct entry *entry;

	if (!took)
		return 0;
	bpf_probe_read_kernel_str(key.name, sizeof(key.name), BPF_CORE_READ(action, name));
	entry = entry_of(&entries, &key, &zero);
	if (entry)
		add(entry, took);
	return 0;
}
