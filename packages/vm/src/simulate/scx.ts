// Numbers of sched_ext (include/linux/sched/ext.h, kernel/sched/ext.c).

/** `SCX_DSQ_…`: numbers of queues; those with the first bit are the kernel's. */
export const BUILTIN = 1n << 63n;
export const GLOBAL = BUILTIN | 1n;
export const LOCAL = BUILTIN | 2n;
/** With the number of a processor in the low half: its queue. */
export const LOCAL_ON = BUILTIN | (1n << 62n);
/** `SCX_SLICE_DFL`, `SCX_SLICE_INF`: nanoseconds. */
export const SLICE_DFL = 20_000_000n;
export const SLICE_INF = 0xffffffffffffffffn;
/** `SCX_ENQ_…` */
export const ENQ_WAKEUP = 1n;
export const ENQ_HEAD = 0x10n;
export const ENQ_PREEMPT = 1n << 32n;
export const ENQ_REENQ = 1n << 40n;
/** `SCX_DEQ_SLEEP` */
export const DEQ_SLEEP = 1n;
/** `SCX_KICK_PREEMPT` */
export const KICK_PREEMPT = 2n;
/** `WF_TTWU` (kernel/sched/sched.h). */
export const WAKE_TTWU = 8n;
/** `SCX_EXIT_UNREG`, `SCX_EXIT_UNREG_BPF`, `SCX_EXIT_ERROR`. */
export const EXIT_KINDS = { unregistered: 64, exited: 65, error: 1024 } as const;
/** `SCX_DSP_DFL_MAX_BATCH`, `SCX_DSP_MAX_LOOPS`. */
export const MAX_DISPATCH = 32;
export const MAX_TURNS = 32;
