import { kernelObject, SimulatedWorld } from '@skep/vm';
import { describe, expect, it } from 'vitest';
import { bundledTypes, open, vm } from '../src/index.ts';

/** What a program of Linux 6.19 puts off to the task itself: reading the file that it is about to run. */
const SOURCE = `
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";

struct bpf_task_work { __u64 opaque; };
extern int bpf_task_work_schedule_signal(struct task_struct *task, struct bpf_task_work *work, void *map,
					 int (*callback)(struct bpf_map *map, void *key, void *value)) __ksym;
extern struct file *bpf_get_task_exe_file(struct task_struct *task) __ksym;
extern void bpf_put_file(struct file *file) __ksym;
extern int bpf_dynptr_from_file(struct file *file, __u32 flags, struct bpf_dynptr *ptr) __ksym;
extern int bpf_dynptr_file_discard(struct bpf_dynptr *ptr) __ksym;

struct later { int asked; struct bpf_task_work work; };
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct later);
} waiting SEC(".maps");
int scheduled[2], looked, error;
unsigned char head[4];

static int look(struct bpf_map *map, void *key, void *value)
{
	struct bpf_dynptr content;
	struct file *file = bpf_get_task_exe_file(bpf_get_current_task_btf());

	looked++;
	if (!file)
		return 0;
	error = bpf_dynptr_from_file(file, 0, &content);
	if (!error)
		error = bpf_dynptr_read(head, sizeof(head), &content, 0, 0);
	bpf_dynptr_file_discard(&content);
	bpf_put_file(file);
	bpf_map_delete_elem(map, key);
	return 0;
}

SEC("lsm/bprm_committed_creds") void BPF_PROG(executed, struct linux_binprm *program)
{
	__u32 key = bpf_get_current_pid_tgid();
	struct later fresh = {}, *later;

	bpf_map_update_elem(&waiting, &key, &fresh, BPF_NOEXIST);
	later = bpf_map_lookup_elem(&waiting, &key);
	if (!later)
		return;
	later->asked++;
	for (int i = 0; i < 2; i++)
		scheduled[i] = bpf_task_work_schedule_signal(bpf_get_current_task_btf(), &later->work, &waiting, look);
}
`;

describe.each([
  ['interpreted', { engine: 'interpreter' as const }],
  ['compiled', { compileAfter: 0 }],
])('work of tasks, %s', (_, engine) => {
  it('runs once when the clock moves, and may read the file of its task', () => {
    const { spec } = open('later.bpf.c', new TextEncoder().encode(SOURCE), { vmlinux: bundledTypes });
    const types = bundledTypes();
    const host = vm({ ...engine, btf: types });
    const world = new SimulatedWorld();
    host.machine.world = world;
    const loaded = spec.load(host);
    const address = kernelObject(host.machine, types, 'task_struct', { pid: 7, tgid: 7 });
    const executable = kernelObject(host.machine, types, 'file', {});
    Object.assign(world, { pid: 7, tgid: 7, taskAddress: BigInt(address), now: 1000n });
    world.tasks = [{ address: BigInt(address), pid: 7, tgid: 7, executable: BigInt(executable) }];
    world.files = [{ address: BigInt(executable), bytes: Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1) }];
    const execute = () => loaded.programs.get('executed')!.run({ context: { args: [0] } });

    execute();
    // The second time it waits already.
    expect(loaded.global('scheduled')).toEqual([0, -16]);
    expect(loaded.global('looked')).toBe(0);
    host.advance(1500n);
    expect([loaded.global('looked'), loaded.global('error')]).toEqual([1, 0]);
    expect([...(loaded.global('head') as Uint8Array)]).toEqual([0x7f, 0x45, 0x4c, 0x46]);
    expect(loaded.maps.get('waiting')!.get(7)).toBeUndefined();

    // A file of which nothing is known.
    world.files = [];
    execute();
    host.advance(1600n);
    expect([loaded.global('looked'), loaded.global('error')]).toEqual([2, -22]);
    loaded.close();
    host.close();
  });
});
