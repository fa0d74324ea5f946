/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where relative paths start: the names of the folders from there up to the root. Needs files.h. */
#pragma once

#define AT_FDCWD -100
#define FOLDERS 32
#define FOLDER_SIZE 1024

struct folder {
	__u32 size; /* bytes of the names */
	__u8 names[FOLDER_SIZE + NAME_SIZE]; /* the innermost first, each with its zero */
};

/* Of a descriptor, or of the current folder (AT_FDCWD); as the current process sees it, below its own root. */
static __always_inline void read_folder(int fd, struct folder *folder)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct dentry *dentry, *root = BPF_CORE_READ(fs, root.dentry);
	struct vfsmount *mounted, *top = BPF_CORE_READ(fs, root.mnt);

	folder->size = 0;
	if (fd == AT_FDCWD) {
		dentry = BPF_CORE_READ(fs, pwd.dentry);
		mounted = BPF_CORE_READ(fs, pwd.mnt);
	} else {
		struct file *file = file_of(fd);

		if (!file)
			return;
		dentry = BPF_CORE_READ(file, f_path.dentry);
		mounted = BPF_CORE_READ(file, f_path.mnt);
	}
	for (int i = 0; i < FOLDERS; i++) {
		__u32 at = folder->size;
		long size;

		if ((dentry == root && mounted == top) || at >= FOLDER_SIZE)
			break;
		if (dentry == BPF_CORE_READ(mounted, mnt_root)) {
			struct mount *mount = (void *)mounted - bpf_core_field_offset(struct mount, mnt);
			struct mount *parent = BPF_CORE_READ(mount, mnt_parent);

			if (parent == mount)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mounted = &parent->mnt;
			continue;
		}
		size = bpf_probe_read_kernel_str(&folder->names[at], NAME_SIZE, BPF_CORE_READ(dentry, d_name.name));
		if (size <= 0 || size > NAME_SIZE)
			break;
		folder->size = at + size;
		dentry = BPF_CORE_READ(dentry, d_parent);
	}
}
