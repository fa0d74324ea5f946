import { comm, counter, events, lsm } from 'skep/probe';

export const refused = events({ name: 'char[32]', writes: 'bool', comm: 'char[16]' });
export const allowed = counter({ key: 'char[16]' });

lsm('file_open', (file, before) => {
  if (before !== 0) return before;
  const name = file.f_path.dentry.d_name.name.str(32);
  if (name === 'public-of-skep') allowed.add(comm());
  if (name !== 'secret-of-skep') return 0;
  refused.emit({ name, writes: (file.f_flags & 3) !== 0, comm: comm() });
  return -13;
});
