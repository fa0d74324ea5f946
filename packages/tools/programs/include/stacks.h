/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Stacks of kernel and processes, by their numbers. */
#pragma once

#define DEEPEST 127

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16384);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, DEEPEST * sizeof(__u64));
} stacks SEC(".maps");
