import { counter, events, iter } from 'skep/probe';

export const tasks = events({ tid: 'u32', pid: 'u32', parent: 'u32', comm: 'char[16]' });
export const files = counter({ key: { pid: 'u32', fd: 'u32' } });

iter('task', (task) => {
  if (task.pid === task.tgid)
    tasks.emit({ tid: task.pid, pid: task.tgid, parent: task.real_parent.tgid, comm: task.comm });
});

iter('task_file', (task, fd, file) => {
  if (file.f_path.dentry.d_name.name.str(32) === 'held-open') files.add({ pid: task.tgid, fd });
});
