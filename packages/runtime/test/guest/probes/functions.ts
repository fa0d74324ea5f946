import { comm, events, fentry, fexit, hash, kprobe, kretprobe, tid } from 'skep/probe';

export const removed = events({ how: 'char[12]', name: 'char[32]', ret: 'i32', comm: 'char[16]' });
const under = hash({ key: 'u32', value: 'char[32]' });

kprobe('vfs_unlink', (_idmap, _dir, dentry) => {
  const name = dentry.d_name.name.str(32);
  if (!name.startsWith('doomed')) return;
  under.set(tid(), name);
  removed.emit({ how: 'kprobe', name, ret: 0, comm: comm() });
});

kretprobe('vfs_unlink', (ret) => {
  const name = under.take(tid());
  if (name !== undefined) removed.emit({ how: 'kretprobe', name, ret, comm: comm() });
});

fentry('vfs_unlink', (_idmap, _dir, dentry) => {
  const name = dentry.d_name.name.str(32);
  if (name.startsWith('doomed')) removed.emit({ how: 'fentry', name, ret: 0, comm: comm() });
});

fexit('vfs_unlink', (_idmap, _dir, dentry, _inode, ret) => {
  const name = dentry.d_name.name.str(32);
  if (name.startsWith('doomed')) removed.emit({ how: 'fexit', name, ret, comm: comm() });
});
