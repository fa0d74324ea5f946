import { comm, events, hash, raw_tp, tid, tp_btf, tracepoint } from 'skep/probe';

export const started = events({ how: 'char[12]', file: 'char[64]', words: 'i32' });
export const signalled = events({ signal: 'i32', ret: 'i64', comm: 'char[16]' });
const signals = hash({ key: 'u32', value: 'i32' });

tracepoint('sched:sched_process_exec', (c) => {
  if (c.filename.startsWith('/tmp/skep-probes/')) started.emit({ how: 'tracepoint', file: c.filename, words: 0 });
});

raw_tp('sched_process_exec', (_task, _old, program) => {
  const file = program.filename.str(64);
  if (file.startsWith('/tmp/skep-probes/')) started.emit({ how: 'raw_tp', file, words: program.argc });
});

tp_btf('sched_process_exec', (_task, _old, program) => {
  const file = program.filename.str(64);
  if (file.startsWith('/tmp/skep-probes/')) started.emit({ how: 'tp_btf', file, words: program.argc });
});

tracepoint('syscalls:sys_enter_kill', (c) => {
  if (comm() === 'sh') signals.set(tid(), c.sig);
});

tracepoint('syscalls:sys_exit_kill', (c) => {
  const signal = signals.take(tid());
  if (signal !== undefined) signalled.emit({ signal, ret: c.ret, comm: comm() });
});
