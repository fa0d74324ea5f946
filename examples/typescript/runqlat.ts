/**
 * How long threads wait for a CPU, as a histogram per process.
 *
 * Shows: tracepoints with the kernel's own types, a function that several probes call, a histogram kept in the kernel.
 */
import { hash, histogram, now, tp_btf } from 'skep/probe';

const queued = hash({ key: 'u32', value: 'u64', max: 10240 });
export const wait = histogram({ key: 'u32', unit: 'us' });

const enqueue = (tid: number) => {
  queued.set(tid, now());
};

tp_btf('sched_wakeup', (p) => enqueue(p.pid));
tp_btf('sched_wakeup_new', (p) => enqueue(p.pid));
tp_btf('sched_switch', (_preempt, prev, next) => {
  // It was put aside, yet it could run: it waits from now on.
  if (prev.__state === 0) enqueue(prev.pid);
  const since = queued.take(next.pid);
  if (since !== undefined) wait.log2(next.tgid, (now() - since) / 1000n);
});
