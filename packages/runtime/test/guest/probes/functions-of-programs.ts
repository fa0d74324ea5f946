import { comm, counter, events, hash, tid, uprobe, uptr, uretprobe } from 'skep/probe';

export const asked = events({ name: 'char[32]', found: 'bool', comm: 'char[16]' });
export const lookups = counter();
const under = hash({ key: 'u32', value: 'char[32]' });

uprobe('/bin/bash:find_variable', (c) => {
  const name = uptr(c.arg(0)).str(32);
  if (!name.startsWith('SKEP_')) return;
  lookups.add();
  under.set(tid(), name);
});

uretprobe('/bin/bash:find_variable', (c) => {
  const name = under.take(tid());
  if (name !== undefined) asked.emit({ name, found: c.ret !== 0n, comm: comm() });
});
