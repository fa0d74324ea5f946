import { permitted } from '@skep/kernel';
import { kernelObject, SimulatedWorld } from '@skep/vm';
import { describe, expect, it } from 'vitest';
import { bundledTypes, compileTypes, kernel, type Loaded, open, type Spec, type VmHost, vm } from '../src/index.ts';

const SOURCE = `
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define private(name) SEC(".data." #name) __attribute__((aligned(8)))
#define __contains(name, node) __attribute__((btf_decl_tag("contains:" #name ":" #node)))
#define container(ptr, type, member) ((type *)((char *)(ptr) - __builtin_offsetof(type, member)))

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern void *bpf_refcount_acquire_impl(void *object, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *, struct bpf_list_node *, void *, __u64) __ksym;
extern int bpf_list_push_back_impl(struct bpf_list_head *, struct bpf_list_node *, void *, __u64) __ksym;
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *) __ksym;
extern struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *, struct bpf_rb_node *, _Bool (*)(struct bpf_rb_node *, const struct bpf_rb_node *), void *, __u64) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *, struct bpf_rb_node *) __ksym;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *) __ksym;
extern int bpf_iter_num_new(struct bpf_iter_num *, int, int) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *) __ksym;
extern int bpf_iter_bits_new(struct bpf_iter_bits *, const __u64 *, __u32) __ksym;
extern int *bpf_iter_bits_next(struct bpf_iter_bits *) __ksym;
extern void bpf_iter_bits_destroy(struct bpf_iter_bits *) __ksym;
extern int bpf_iter_task_new(struct bpf_iter_task *, struct task_struct *, unsigned) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *) __ksym;
extern struct task_struct *bpf_task_from_pid(int) __ksym;
extern void bpf_task_release(struct task_struct *) __ksym;
extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern void bpf_cpumask_set_cpu(__u32, struct bpf_cpumask *) __ksym;
extern _Bool bpf_cpumask_test_and_set_cpu(__u32, struct bpf_cpumask *) __ksym;
extern __u32 bpf_cpumask_weight(const struct cpumask *) __ksym;
extern __u32 bpf_cpumask_first(const struct cpumask *) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern int bpf_dynptr_from_skb(struct __sk_buff *, __u64, struct bpf_dynptr *) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *, __u32, void *, __u32) __ksym;
extern void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *, __u32, void *, __u32) __ksym;
extern int bpf_dynptr_adjust(const struct bpf_dynptr *, __u32, __u32) __ksym;
extern __u32 bpf_dynptr_size(const struct bpf_dynptr *) __ksym;
extern int bpf_strcmp(const char *, const char *) __ksym;
extern int bpf_strlen(const char *) __ksym;
extern int bpf_strstr(const char *, const char *) __ksym;
extern void bpf_throw(__u64) __ksym;
extern int bpf_wq_init(struct bpf_wq *, void *, unsigned) __ksym;
extern int bpf_wq_start(struct bpf_wq *, unsigned) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *, int (*)(void *, int *, void *), unsigned, void *) __ksym;
extern __s64 bpf_map_sum_elem_count(const struct bpf_map *) __ksym;
extern int bpf_crypto_encrypt_of_the_future(void) __ksym __weak;

char LICENSE[] SEC("license") = "GPL";
long out[16];

struct element { struct bpf_list_node link; struct bpf_rb_node node; struct bpf_refcount references; long key; };
private(A) struct bpf_spin_lock lock;
private(A) struct bpf_list_head list __contains(element, link);
private(A) struct bpf_rb_root tree __contains(element, node);

struct work { int count; struct bpf_wq wq; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, int); __type(value, struct work); } works SEC(".maps");

static _Bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container(a, struct element, node)->key < container(b, struct element, node)->key;
}
SEC("tc") int lists(struct __sk_buff *ctx)
{
	long keys[5] = { 30, 10, 20, 50, 40 };
	for (int i = 0; i < 5; i++) {
		struct element *one = bpf_obj_new_impl(bpf_core_type_id_local(struct element), 0);
		if (!one)
			return 1;
		one->key = keys[i];
		bpf_spin_lock(&lock);
		if (i % 2)
			bpf_list_push_front_impl(&list, &one->link, 0, 0);
		else
			bpf_list_push_back_impl(&list, &one->link, 0, 0);
		bpf_spin_unlock(&lock);
	}
	for (int i = 0; i < 5; i++) {
		bpf_spin_lock(&lock);
		struct bpf_list_node *node = i % 2 ? bpf_list_pop_back(&list) : bpf_list_pop_front(&list);
		bpf_spin_unlock(&lock);
		if (!node)
			return 2;
		struct element *one = container(node, struct element, link);
		out[i] = one->key;
		bpf_obj_drop_impl(one, 0);
	}
	return 0;
}
SEC("tc") int trees(struct __sk_buff *ctx)
{
	long keys[6] = { 30, 10, 20, 50, 40, 10 };
	for (int i = 0; i < 6; i++) {
		struct element *one = bpf_obj_new_impl(bpf_core_type_id_local(struct element), 0);
		if (!one)
			return 1;
		one->key = keys[i];
		struct element *again = i == 3 ? bpf_refcount_acquire_impl(one, 0) : 0;
		bpf_spin_lock(&lock);
		bpf_rbtree_add_impl(&tree, &one->node, less, 0, 0);
		bpf_spin_unlock(&lock);
		if (!again)
			continue;
		bpf_spin_lock(&lock);
		struct bpf_rb_node *node = bpf_rbtree_remove(&tree, &again->node);
		bpf_spin_unlock(&lock);
		out[0] = node != 0;
		if (node)
			bpf_obj_drop_impl(container(node, struct element, node), 0);
		out[1] = again->key;
		bpf_spin_lock(&lock);
		out[3] = bpf_rbtree_add_impl(&tree, &again->node, less, 0, 0);
		bpf_spin_unlock(&lock);
	}
	for (int i = 4; i < 10; i++) {
		bpf_spin_lock(&lock);
		struct bpf_rb_node *node = bpf_rbtree_first(&tree);
		if (!node) {
			bpf_spin_unlock(&lock);
			return 3;
		}
		node = bpf_rbtree_remove(&tree, node);
		bpf_spin_unlock(&lock);
		if (!node)
			return 4;
		struct element *one = container(node, struct element, node);
		out[i] = one->key;
		bpf_obj_drop_impl(one, 0);
	}
	return 0;
}
SEC("tc") int iterators(struct __sk_buff *ctx)
{
	struct bpf_iter_num numbers;
	struct bpf_iter_bits bits;
	__u64 words[2] = { 0x8000000000000001, 6 };
	int *n;
	bpf_iter_num_new(&numbers, 5, 10);
	while ((n = bpf_iter_num_next(&numbers)))
		out[0] += *n;
	bpf_iter_num_destroy(&numbers);
	out[1] = bpf_iter_num_new(&numbers, 5, 4);
	out[2] = bpf_iter_num_next(&numbers) != 0;
	bpf_iter_num_destroy(&numbers);
	out[3] = bpf_iter_bits_new(&bits, words, 2);
	while ((n = bpf_iter_bits_next(&bits)))
		out[4] = out[4] * 1000 + *n;
	bpf_iter_bits_destroy(&bits);
	return 0;
}
SEC("iter/task") int tasks(struct bpf_iter__task *ctx)
{
	struct bpf_iter_task it;
	struct task_struct *task;
	bpf_rcu_read_lock();
	bpf_iter_task_new(&it, 0, 0);
	while ((task = bpf_iter_task_next(&it))) {
		out[0] += 1;
		out[1] += task->pid;
	}
	bpf_iter_task_destroy(&it);
	bpf_rcu_read_unlock();
	task = bpf_task_from_pid(42);
	if (task) {
		out[2] = task->tgid;
		out[3] = task->comm[0];
		out[4] = task->real_parent->pid;
		bpf_task_release(task);
	}
	out[5] = bpf_task_from_pid(43) != 0;
	return 0;
}
SEC("raw_tp/sched_switch") int masks(void *ctx)
{
	struct bpf_cpumask *mask = bpf_cpumask_create();
	if (!mask)
		return 1;
	bpf_cpumask_set_cpu(1, mask);
	out[0] = bpf_cpumask_test_and_set_cpu(1, mask);
	out[1] = bpf_cpumask_test_and_set_cpu(3, mask);
	bpf_cpumask_set_cpu(4, mask);
	out[2] = bpf_cpumask_weight((struct cpumask *)mask);
	out[3] = bpf_cpumask_first((struct cpumask *)mask);
	bpf_cpumask_release(mask);
	return 0;
}
SEC("tc") int slices(struct __sk_buff *skb)
{
	struct bpf_dynptr all;
	unsigned char room[4], *bytes;
	out[0] = bpf_dynptr_from_skb(skb, 0, &all);
	out[1] = bpf_dynptr_size(&all);
	out[2] = bpf_dynptr_adjust(&all, 2, 20);
	out[3] = bpf_dynptr_size(&all);
	bytes = bpf_dynptr_slice(&all, 0, room, 4);
	if (bytes)
		out[4] = bytes[0];
	bytes = bpf_dynptr_slice_rdwr(&all, 1, room, 4);
	if (bytes)
		bytes[0] = 99;
	out[5] = bpf_dynptr_slice(&all, 16, room, 4) != 0;
	out[6] = bpf_dynptr_adjust(&all, 3, 19);
	bpf_skb_change_head(skb, 10, 0);
	bytes = bpf_dynptr_slice(&all, 0, room, 4);
	if (bytes)
		out[7] = bytes[0];
	return 0;
}
const char hay[] = "hay needle hay";
const char needle[] = "needle";
SEC("tc") int strings(struct __sk_buff *skb)
{
	out[0] = bpf_strlen(hay);
	out[1] = bpf_strstr(hay, needle);
	out[2] = bpf_strcmp(hay, needle);
	out[3] = bpf_strcmp(needle, needle);
	out[4] = bpf_strstr(needle, hay);
	return 0;
}
static __attribute__((noinline)) int deep(int n)
{
	if (n > 3)
		bpf_throw(n + 40);
	return n;
}
SEC("tc") int throwing(struct __sk_buff *skb) { return deep(skb->mark) + 1; }
SEC("tc") __attribute__((btf_decl_tag("exception_callback:handled")))
int caught(struct __sk_buff *skb) { return deep(skb->mark) + 1; }
__attribute__((noinline)) int handled(__u64 cookie) { out[0] = cookie; return cookie * 2; }

static int work(void *map, int *key, void *value)
{
	out[0] += *key;
	out[1] = ((struct work *)value)->count;
	return 0;
}
SEC("tc") int works_later(struct __sk_buff *skb)
{
	int key = 7;
	struct work fresh = { .count = 5 };
	bpf_map_update_elem(&works, &key, &fresh, 0);
	struct work *one = bpf_map_lookup_elem(&works, &key);
	if (!one)
		return 1;
	out[2] = bpf_wq_init(&one->wq, &works, 0);
	out[3] = bpf_wq_set_callback_impl(&one->wq, work, 0, 0);
	out[4] = bpf_wq_start(&one->wq, 0);
	out[5] = bpf_map_sum_elem_count((struct bpf_map *)&works);
	if (bpf_ksym_exists(bpf_crypto_encrypt_of_the_future))
		out[6] = bpf_crypto_encrypt_of_the_future();
	out[7] = bpf_ksym_exists(bpf_wq_init);
	return 0;
}
`;

const bytes = new TextEncoder().encode(SOURCE);

let opened: Spec | undefined;
const spec = (): Spec => (opened ??= open('kfuncs.bpf.c', bytes, { vmlinux: bundledTypes }).spec);

describe.each([
  ['interpreted', { engine: 'interpreter' as const }],
  ['compiled', { compileAfter: 0 }],
])('kernel functions, %s', (_, engine) => {
  const start = (): { host: VmHost; loaded: Loaded; world: SimulatedWorld } => {
    const host = vm({ ...engine, cpus: 5, btf: bundledTypes });
    const world = new SimulatedWorld();
    host.machine.world = world;
    return { host, loaded: spec().load(host), world };
  };
  const numbers = (loaded: Loaded): number[] => (loaded.global('out') as bigint[]).map(Number);

  it('make lists of objects', () => {
    const { loaded, host } = start();
    expect(loaded.programs.get('lists')!.run({}).retval).toBe(0);
    // 50 10 30 20 40 from both ends
    expect(numbers(loaded).slice(0, 5)).toEqual([50, 40, 10, 20, 30]);
    const before = host.machine.memory.save().bytes.length;
    for (let i = 0; i < 100; i++) loaded.programs.get('lists')!.run({});
    expect(host.machine.memory.save().bytes.length).toBeLessThan(before + 100 * 4 * 8 * 16);
  });

  it('make ordered trees of counted objects', () => {
    const { loaded } = start();
    expect(loaded.programs.get('trees')!.run({}).retval).toBe(0);
    expect(numbers(loaded).slice(0, 10)).toEqual([1, 50, 0, 0, 10, 10, 20, 30, 40, 50]);
  });

  it('iterate', () => {
    const { loaded } = start();
    loaded.programs.get('iterators')!.run({});
    expect(numbers(loaded).slice(0, 5)).toEqual([35, -22, 0, 0, 63065066]);
  });

  it('find tasks, whose structures are as a test wants them', () => {
    const { loaded, host, world } = start();
    const { machine } = host;
    const btf = bundledTypes()!;
    const parent = kernelObject(machine, btf, 'task_struct', { pid: 1, tgid: 1, comm: 'init' });
    const task = kernelObject(machine, btf, 'task_struct', { pid: 42, tgid: 42, comm: 'cat', real_parent: parent });
    const thread = kernelObject(machine, btf, 'task_struct', { pid: 50, tgid: 42 });
    world.tasks.push({ address: parent, pid: 1, tgid: 1 }, { address: task, pid: 42, tgid: 42 });
    world.tasks.push({ address: thread, pid: 50, tgid: 42 });
    loaded.programs.get('tasks')!.run({ context: new Uint8Array(24) });
    expect(numbers(loaded).slice(0, 6)).toEqual([2, 43, 42, 0x63, 1, 0]);
  });

  it('know sets of CPUs', () => {
    const { loaded } = start();
    loaded.programs.get('masks')!.run({ context: { args: [] } });
    expect(numbers(loaded).slice(0, 4)).toEqual([1, 0, 3, 1]);
  });

  it('look at packets through dynptrs, which follow them', () => {
    const { loaded } = start();
    const data = Uint8Array.from({ length: 64 }, (_, i) => i);
    const { dataOut } = loaded.programs.get('slices')!.run({ data });
    expect(numbers(loaded).slice(0, 8)).toEqual([0, 64, 0, 18, 2, 0, -34, 0]);
    expect(dataOut?.[10 + 3]).toBe(99);
  });

  it('compare strings', () => {
    const { loaded } = start();
    loaded.programs.get('strings')!.run({});
    expect(numbers(loaded).slice(0, 5)).toEqual([14, 4, -1, 0, -2]);
  });

  it('throw out of any depth, to a callback or to the end', () => {
    const { loaded } = start();
    expect(loaded.programs.get('throwing')!.run({ context: { mark: 3 } }).retval).toBe(4);
    expect(loaded.programs.get('throwing')!.run({ context: { mark: 5 } }).retval).toBe(45);
    expect(loaded.programs.get('caught')!.run({ context: { mark: 3 } }).retval).toBe(4);
    expect(loaded.programs.get('caught')!.run({ context: { mark: 5 } }).retval).toBe(90);
    expect(numbers(loaded)[0]).toBe(45);
  });

  it('put off work', () => {
    const { loaded, host, world } = start();
    expect(loaded.programs.get('works_later')!.run({}).retval).toBe(0);
    expect(numbers(loaded).slice(0, 8)).toEqual([0, 0, 0, 0, 0, 1, 0, 1]);
    expect(host.machine.timers.advance(world, world.now)).toBe(1);
    expect(numbers(loaded).slice(0, 2)).toEqual([7, 5]);
  });
});

const permission = permitted();
const closed = permission.ok ? undefined : permission.message;
describe.skipIf(closed !== undefined)(`kernel functions of both homes${closed ? ` (skipped: ${closed})` : ''}`, () => {
  const { spec: native } = open('kfuncs.bpf.c', bytes, { vmlinux: compileTypes });
  const packet = Uint8Array.from({ length: 64 }, (_, i) => i);
  const cases = [
    ...['lists', 'trees', 'iterators', 'slices', 'strings'].map((name) => [name, 0] as const),
    ...(['throwing', 'caught'] as const).flatMap((name) => [3, 5].map((mark) => [name, mark] as const)),
  ];
  it.each(cases)('agree: %s with %i', (name, mark) => {
    const results = [kernel(), vm({ btf: compileTypes }), vm({ btf: compileTypes, compileAfter: 0 })].map((host) => {
      const loaded = native.load(host, { programs: [name] });
      const { retval, dataOut } = loaded.programs.get(name)!.run({ data: packet, context: { mark } });
      const result = { retval, dataOut: dataOut && Buffer.from(dataOut).toString('hex'), out: loaded.global('out') };
      loaded.close();
      host.close();
      return result;
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});
