/**
 * Which programs are started, by whom.
 *
 * Shows: text that a tracepoint brings along, and fields of the current task that are found on any kernel.
 */
import { comm, events, now, pid, task, tracepoint, uid } from 'skep/probe';

export const started = events({ ts: 'u64', pid: 'u32', ppid: 'u32', uid: 'u32', comm: 'char[16]', file: 'char[128]' });

tracepoint('sched:sched_process_exec', (c) => {
  started.emit({ ts: now(), pid: pid(), ppid: task().real_parent.tgid, uid: uid(), comm: comm(), file: c.filename });
});
