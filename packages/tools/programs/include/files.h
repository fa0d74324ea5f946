/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a descriptor of the current process to its file, and to the file's name. */
#pragma once

#define NAME_SIZE 64
#define S_IFMT 0170000
#define S_IFREG 0100000

static __always_inline struct file *file_of(int fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files, *file = NULL;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	files = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &files[fd]);
	return file;
}

static __always_inline bool is_regular(struct file *file)
{
	return (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFREG;
}

/* The last part of its path. */
static __always_inline void name_of(struct file *file, char *name)
{
	const __u8 *text = BPF_CORE_READ(file, f_path.dentry, d_name.name);

	if (bpf_probe_read_kernel_str(name, NAME_SIZE, text) < 0)
		name[0] = 0;
}
