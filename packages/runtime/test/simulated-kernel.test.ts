import { kernelObject, type Machine, SimulatedHid, SimulatedQdisc, SimulatedScheduler, type StructOps } from '@skep/vm';
import { afterEach, describe, expect, it } from 'vitest';
import { bundledTypes, type Loaded, open, type Spec, type VmHost, vm } from '../src/index.ts';

/** Structures of functions that no packaged kernel has: the programs bring the types along. */
const HEAD = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
`;

const SCHEDULER = `${HEAD}
struct sched_ext_entity { __u64 slice; __u64 dsq_vtime; __u32 weight; };
struct task_struct { int pid; int nr_cpus_allowed; const void *cpus_ptr; struct sched_ext_entity scx; };
struct scx_exit_info { int kind; __s64 exit_code; const char *reason; const char *msg; };
struct sched_ext_ops {
	__s32 (*select_cpu)(struct task_struct *p, __s32 prev_cpu, __u64 wake_flags);
	void (*enqueue)(struct task_struct *p, __u64 enq_flags);
	void (*dispatch)(__s32 cpu, struct task_struct *prev);
	void (*running)(struct task_struct *p);
	void (*stopping)(struct task_struct *p, _Bool runnable);
	void (*enable)(struct task_struct *p);
	__s32 (*init)(void);
	void (*exit)(struct scx_exit_info *info);
	char name[128];
};
extern __s32 scx_bpf_create_dsq(__u64 id, __s32 node) __ksym;
extern void scx_bpf_dispatch(struct task_struct *p, __u64 dsq, __u64 slice, __u64 flags) __ksym;
extern void scx_bpf_dispatch_vtime(struct task_struct *p, __u64 dsq, __u64 slice, __u64 vtime, __u64 flags) __ksym;
extern _Bool scx_bpf_consume(__u64 dsq) __ksym;
extern __s32 scx_bpf_select_cpu_dfl(struct task_struct *p, __s32 prev, __u64 flags, _Bool *idle) __ksym;

#define SLICE 20000000ULL
#define LOCAL ((1ULL << 63) | 2)
const volatile int fair;
const volatile int wrong;
__u64 now;
int local, exited;
__s64 exit_kind;
char why[64];
/* so that the object has the type, as it has those of vmlinux.h that it reads */
struct scx_exit_info last;

SEC("struct_ops/pick") __s32 BPF_PROG(pick, struct task_struct *p, __s32 prev, __u64 flags)
{
	_Bool idle = 0;
	__s32 cpu = scx_bpf_select_cpu_dfl(p, prev, flags, &idle);
	if (idle) {
		local++;
		scx_bpf_dispatch(p, LOCAL, SLICE, 0);
	}
	return cpu;
}
SEC("struct_ops/queue") void BPF_PROG(queue, struct task_struct *p, __u64 flags)
{
	if (wrong)
		scx_bpf_dispatch(p, 77, SLICE, flags);
	else if (fair)
		scx_bpf_dispatch_vtime(p, 5, SLICE, p->scx.dsq_vtime, flags);
	else
		scx_bpf_dispatch(p, 5, SLICE, flags);
}
SEC("struct_ops/next") void BPF_PROG(next, __s32 cpu, struct task_struct *prev) { scx_bpf_consume(5); }
SEC("struct_ops/runs") void BPF_PROG(runs, struct task_struct *p)
{
	if ((__s64)(p->scx.dsq_vtime - now) > 0)
		now = p->scx.dsq_vtime;
}
SEC("struct_ops/stops") void BPF_PROG(stops, struct task_struct *p, _Bool runnable)
{
	p->scx.dsq_vtime += (SLICE - p->scx.slice) * 100 / p->scx.weight;
}
SEC("struct_ops/joins") void BPF_PROG(joins, struct task_struct *p) { p->scx.dsq_vtime = now; }
SEC("struct_ops.s/starts") __s32 BPF_PROG(starts) { return scx_bpf_create_dsq(5, -1); }
SEC("struct_ops/ends") void BPF_PROG(ends, struct scx_exit_info *info)
{
	exited++;
	exit_kind = info->kind;
	bpf_probe_read_kernel_str(why, sizeof(why), info->msg);
}
SEC(".struct_ops.link") struct sched_ext_ops own = {
	.select_cpu = (void *)pick, .enqueue = (void *)queue, .dispatch = (void *)next, .running = (void *)runs,
	.stopping = (void *)stops, .enable = (void *)joins, .init = (void *)starts, .exit = (void *)ends, .name = "own",
};
`;

const HID = `${HEAD}
struct hid_device { int id; };
struct hid_bpf_ctx { struct hid_device *hid; __u32 allocated_size; union { __s32 retval; __s32 size; }; };
struct hid_bpf_ops {
	int hid_id;
	__u32 flags;
	int (*hid_device_event)(struct hid_bpf_ctx *ctx, int type, __u64 source);
	int (*hid_rdesc_fixup)(struct hid_bpf_ctx *ctx);
};
extern __u8 *hid_bpf_get_data(struct hid_bpf_ctx *ctx, unsigned int offset, const __u64 size) __ksym;
extern int hid_bpf_hw_output_report(struct hid_bpf_ctx *ctx, __u8 *buf, __u64 size) __ksym;
int seen, length;

SEC("struct_ops/hid_device_event") int BPF_PROG(doubled, struct hid_bpf_ctx *hid, int type)
{
	__u8 *data = hid_bpf_get_data(hid, 0, 9);
	if (!data)
		return 0;
	seen++;
	length = hid->size;
	if (data[1] == 0xff)
		return -1;
	data[2] *= 2;
	if (data[1] == 8) {
		data[4] = 7;
		hid_bpf_hw_output_report(hid, data, 2);
		return 5;
	}
	return hid_bpf_get_data(hid, 60, 5) ? -2 : 0;
}
SEC("struct_ops/hid_rdesc_fixup") int BPF_PROG(fixed, struct hid_bpf_ctx *hid)
{
	__u8 *data = hid_bpf_get_data(hid, 0, 4096);
	if (!data)
		return 0;
	data[hid->size] = 0xc0;
	return hid->size + 1;
}
SEC(".struct_ops.link") struct hid_bpf_ops mouse = { .hid_device_event = (void *)doubled, .hid_rdesc_fixup = (void *)fixed };
`;

const QDISC = `${HEAD}
struct sk_buff { unsigned int len; __u32 mark; __u32 hash; char cb[48]; };
struct qdisc_skb_head { __u32 qlen; };
struct Qdisc { __u32 limit; struct qdisc_skb_head q; };
struct Qdisc_ops {
	int (*enqueue)(struct sk_buff *skb, struct Qdisc *sch, struct sk_buff **to_free);
	struct sk_buff *(*dequeue)(struct Qdisc *sch);
	void (*reset)(struct Qdisc *sch);
	char id[16];
};
extern void bpf_qdisc_skb_drop(struct sk_buff *skb, void *to_free) __ksym;
extern void bpf_qdisc_bstats_update(struct Qdisc *sch, const struct sk_buff *skb) __ksym;
extern void bpf_kfree_skb(struct sk_buff *skb) __ksym;
extern void bpf_qdisc_watchdog_schedule(struct Qdisc *sch, __u64 expire, __u64 slack) __ksym;

/* Two bands: what is marked goes first. */
struct slot { struct sk_buff __kptr *skb; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 16); __type(key, __u32); __type(value, struct slot); } slots SEC(".maps");
__u32 first[2], last[2];

static struct slot *slot_of(__u32 band, __u32 at)
{
	__u32 key = band * 8 + (at & 7);
	return bpf_map_lookup_elem(&slots, &key);
}
SEC("struct_ops/take") int BPF_PROG(take, struct sk_buff *skb, struct Qdisc *sch, void *to_free)
{
	__u32 band = skb->mark ? 0 : 1;
	struct slot *slot = slot_of(band, last[band]);
	if (!slot || sch->q.qlen >= sch->limit) {
		bpf_qdisc_skb_drop(skb, to_free);
		return 1;
	}
	skb = bpf_kptr_xchg(&slot->skb, skb);
	if (skb)
		bpf_qdisc_skb_drop(skb, to_free);
	last[band]++;
	sch->q.qlen++;
	return 0;
}
SEC("struct_ops/give") struct sk_buff *BPF_PROG(give, struct Qdisc *sch)
{
	for (__u32 band = 0; band < 2; band++) {
		struct slot *slot;
		struct sk_buff *skb;
		if (first[band] == last[band] || !(slot = slot_of(band, first[band])))
			continue;
		first[band]++;
		skb = bpf_kptr_xchg(&slot->skb, 0);
		if (!skb)
			continue;
		sch->q.qlen--;
		bpf_qdisc_bstats_update(sch, skb);
		return skb;
	}
	bpf_qdisc_watchdog_schedule(sch, 1234, 0);
	return 0;
}
SEC(".struct_ops") struct Qdisc_ops bands = { .enqueue = (void *)take, .dequeue = (void *)give, .id = "bands" };
`;

const specs = new Map<string, Spec>();
function spec(name: string, source: string): Spec {
  let found = specs.get(name);
  if (found === undefined) {
    found = open(`${name}.bpf.c`, new TextEncoder().encode(source), { vmlinux: bundledTypes }).spec;
    specs.set(name, found);
  }
  return found;
}

describe.each([
  ['interpreted', { engine: 'interpreter' as const }],
  ['compiled', { compileAfter: 0 }],
])('what calls structures of functions, simulated; %s', (_, engine) => {
  let host: VmHost;
  let loaded: Loaded;
  afterEach(() => {
    loaded.close();
    host.close();
  });
  function start(name: string, source: string, globals: Record<string, number> = {}): [Machine, StructOps] {
    host = vm({ ...engine, cpus: 2 });
    const opened = spec(name, source);
    loaded = (Object.keys(globals).length > 0 ? opened.with(globals) : opened).load(host);
    return [host.machine, [...host.structOps.values()][0]!];
  }
  const ms = 1_000_000;

  it('a scheduler: first come, first served', () => {
    const scheduler = new SimulatedScheduler(...start('scheduler', SCHEDULER));
    scheduler.add(
      { pid: 1, plan: [30 * ms, 5 * ms, 10 * ms] },
      { pid: 2, plan: [50 * ms] },
      { pid: 3, plan: [30 * ms] },
    );
    const { ran, tasks, exit } = scheduler.run(1000 * ms);
    expect(exit.kind).toBe('unregistered');
    expect(ran.map((one) => [one.cpu, one.pid, one.from / ms, one.to / ms])).toEqual([
      [0, 1, 0, 20],
      [1, 2, 0, 20],
      [0, 3, 20, 40],
      [1, 1, 20, 30],
      [1, 2, 30, 50],
      [0, 1, 40, 50],
      [0, 2, 50, 60],
      [1, 3, 50, 60],
    ]);
    expect(tasks.get(1)).toEqual({ ran: 40 * ms, waited: 5 * ms, done: true });
    expect([loaded.global('local'), loaded.global('exited'), loaded.global('exit_kind')]).toEqual([2, 1, 64n]);
  });

  it('a scheduler: by weight', () => {
    const scheduler = new SimulatedScheduler(...start('scheduler', SCHEDULER, { fair: 1 }), { cpus: 1 });
    scheduler.add(
      { pid: 1, plan: [900 * ms] },
      { pid: 2, plan: [900 * ms], weight: 200 },
      { pid: 3, plan: [900 * ms] },
    );
    const { tasks } = scheduler.run(800 * ms);
    // To a slice; more than every second one nobody gets, as a task is queued again after the next has been taken.
    for (const [pid, share] of [200, 400, 200].entries())
      expect(Math.abs(tasks.get(pid + 1)!.ran - share * ms)).toBeLessThanOrEqual(20 * ms);
    expect([...tasks.values()].reduce((sum, one) => sum + one.ran, 0)).toBe(800 * ms);
  });

  it('a scheduler that uses a queue which there is not is ended, and told why', () => {
    const [machine, ops] = start('scheduler', SCHEDULER, { wrong: 1 });
    const scheduler = new SimulatedScheduler(machine, ops, { cpus: 1 });
    scheduler.add({ pid: 1, plan: [50 * ms] }, { pid: 2, plan: [50 * ms] });
    const { exit } = scheduler.run(100 * ms);
    expect(exit).toMatchObject({ kind: 'error', message: expect.stringContaining('non-existent DSQ 0x4d') });
    expect([loaded.global('exited'), loaded.global('exit_kind')]).toEqual([1, 1024n]);
    expect(String(loaded.global('why'))).toContain('non-existent DSQ');
    // Its functions are for schedulers.
    expect(() => ops.call('init')).toThrow('no scheduler is simulated');
  });

  it('an input device: reports changed, cut short and dropped, the descriptor mended', () => {
    const mouse = new SimulatedHid(...start('hid', HID), {
      descriptor: Uint8Array.of(5, 1, 9, 2),
    });
    expect([...mouse.report(Uint8Array.of(1, 0, 3, 4, 0, 0))!]).toEqual([1, 0, 6, 4, 0, 0]);
    expect([...mouse.report(Uint8Array.of(1, 8, 5, 4, 0, 9, 9))!]).toEqual([1, 8, 10, 4, 7]);
    expect(mouse.sent.map((one) => [...one])).toEqual([[1, 8]]);
    expect(mouse.report(Uint8Array.of(1, 0xff))).toBeUndefined();
    expect([loaded.global('seen'), loaded.global('length')]).toEqual([3, 2]);
    expect([...mouse.descriptor()]).toEqual([5, 1, 9, 2, 0xc0]);
  });

  it('a queueing discipline: bands, a limit, what is dropped', () => {
    const bands = new SimulatedQdisc(...start('qdisc', QDISC), { limit: 3 });
    const taken = [0, 0, 1, 0].map((mark, i) => bands.enqueue({ length: 100 + i, mark }));
    expect([taken, bands.length, bands.dropped]).toEqual([[0, 0, 0, 1], 3, [3]]);
    expect([bands.dequeue(), bands.dequeue(), bands.dequeue(), bands.dequeue()]).toEqual([2, 0, 1, undefined]);
    expect([bands.length, bands.bytes, bands.counted, bands.watchdog]).toEqual([0, 303, 3, 1234n]);
    bands.destroy();
  });

  it('read zeroes through pointers of the kernel that lead nowhere, and do not write there', () => {
    host = vm({ ...engine, btf: bundledTypes });
    loaded = spec('netfilter', NETFILTER).load(host);
    for (const real_parent of [0n, 0xffff_8880_0000_0000n]) {
      const task = kernelObject(host.machine, bundledTypes(), 'task_struct', { pid: 7, real_parent });
      expect(loaded.programs.get('walk')!.run({ context: { args: [task] } }).retval).toBe(3);
      expect(loaded.global('walked')).toEqual([7, 0, 0]);
    }
  });

  it('netfilter: the state of the hook, the packet by a dynptr and by its structure', () => {
    host = vm({ ...engine, btf: bundledTypes });
    loaded = spec('netfilter', NETFILTER).load(host);
    const packet = new Uint8Array(54);
    packet.set([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 0x1f, 0x90], 12);
    const run = (data: Uint8Array, state = {}) => loaded.programs.get('guard')!.run({ data, context: { state } });
    expect(run(packet).retval).toBe(1);
    expect([loaded.global('length'), loaded.global('hook'), loaded.global('protocol')]).toEqual([40, 0, 8]);
    packet[37] = 22;
    packet[36] = 0;
    expect(run(packet, { hook: 3 }).retval).toBe(0);
    expect(loaded.global('hook')).toBe(3);
    expect(() => run(packet, { hok: 3 })).toThrow('did you mean `hook`?');
  });
});

const NETFILTER = `
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
char LICENSE[] SEC("license") = "GPL";
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 offset, void *buffer, __u32 size) __ksym;
int length, hook, protocol;
int walked[3];

SEC("fentry/do_exit") int walk(unsigned long long *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	walked[0] = task->pid;
	/* in the kernel these loads give zeroes, too */
	walked[1] = task->real_parent->pid;
	walked[2] = task->real_parent->group_leader->pid;
	return 3;
}

SEC("netfilter") int guard(struct bpf_nf_ctx *ctx)
{
	__u8 room[24] = {};
	struct bpf_dynptr ptr;
	__u8 *bytes;
	length = ctx->skb->len;
	protocol = ctx->skb->protocol;
	hook = ctx->state->hook;
	if (bpf_dynptr_from_skb((struct __sk_buff *)ctx->skb, 0, &ptr))
		return 0;
	bytes = bpf_dynptr_slice(&ptr, 0, room, sizeof(room));
	/* to port 22 nothing goes; the ports stand behind a header of 20 bytes */
	return !bytes || bytes[9] != 6 || bytes[23] != 22 || bytes[22] ? 1 : 0;
}
`;
