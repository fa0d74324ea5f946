/**
 * Which files processes open, with the result.
 *
 * Shows: two probes that share a map, parameters, text of the process's memory, events that both sides know.
 */
import { comm, events, hash, now, params, pid, tid, tracepoint } from 'skep/probe';

export const opt = params({ pid: 0, failedOnly: false });
export const inflight = hash({ key: 'u32', value: { path: 'uptr', flags: 'i32' }, max: 10240 });
export const opened = events({ ts: 'u64', pid: 'u32', ret: 'i64', flags: 'i32', comm: 'char[16]', path: 'char[256]' });

tracepoint('syscalls:sys_enter_openat', (c) => {
  if (opt.pid !== 0 && pid() !== opt.pid) return;
  inflight.set(tid(), { path: c.filename, flags: c.flags });
});

tracepoint('syscalls:sys_exit_openat', (c) => {
  const a = inflight.take(tid());
  if (!a) return;
  if (opt.failedOnly && c.ret >= 0n) return;
  // The path is read now: at the entry its page may not have been in memory yet.
  opened.emit({ ts: now(), pid: pid(), ret: c.ret, flags: a.flags, comm: comm(), path: a.path.str(256) });
});

export default async () => {
  for await (const e of opened) console.log(`${e.pid}\t${e.comm}\t${e.ret}\t${e.path}`);
};
