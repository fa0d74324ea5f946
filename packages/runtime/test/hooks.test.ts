import { permitted } from '@skep/kernel';
import { SimulatedWorld, UserRingMap } from '@skep/vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundledTypes, type HostTestRun, kernel, type Loaded, open, type VmHost, vm } from '../src/index.ts';

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";
long out[8];
char text[64];

struct { __uint(type, BPF_MAP_TYPE_SK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, __u64); } per_socket SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_SOCKHASH); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } sockets SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_STACK_TRACE); __uint(max_entries, 8); __uint(key_size, 4); __uint(value_size, 64); } stacks SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_DEVMAP); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } devices SEC(".maps");
struct value { __u64 count; struct bpf_timer timer; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, struct value); } timers SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE); __type(key, struct bpf_cgroup_storage_key); __type(value, __u64); } per_cgroup SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096); } orders SEC(".maps");

SEC("cgroup/connect4") int connect(struct bpf_sock_addr *ctx)
{
	__u32 key = 7;
	__u64 *count = bpf_get_local_storage(&per_cgroup, 0);
	*count += 1;
	out[0] = *count;
	out[1] = ctx->user_ip4; out[2] = ctx->user_port; out[3] = ctx->type;
	if (ctx->user_port == bpf_htons(25))
		return 0;
	ctx->user_ip4 = bpf_htonl(0x7f000001);
	ctx->user_port = bpf_htons(8080);
	return 1;
}
SEC("cgroup/sock_create") int create(struct bpf_sock *sk)
{
	sk->mark = 42;
	return sk->family == 2;
}
SEC("sockops") int operations(struct bpf_sock_ops *ops)
{
	__u32 key = ops->local_port;
	int value = 0;
	out[0] = ops->op;
	out[1] = bpf_sock_hash_update(ops, &sockets, &key, BPF_ANY);
	out[2] = bpf_sock_ops_cb_flags_set(ops, 0x83);
	value = 5;
	out[3] = bpf_setsockopt(ops, 6, 1, &value, sizeof(value));
	value = 0;
	out[4] = bpf_getsockopt(ops, 6, 1, &value, sizeof(value));
	out[5] = value;
	ops->reply = 9;
	return 1;
}
SEC("sk_msg") int message(struct sk_msg_md *msg)
{
	unsigned char *data = msg->data, *end = msg->data_end;
	__u32 key = 4000;
	out[0] = msg->size;
	if (data + 1 <= end)
		out[1] = data[0];
	return bpf_msg_redirect_hash(msg, &sockets, &key, BPF_F_INGRESS);
}
SEC("sk_lookup") int choose(struct bpf_sk_lookup *ctx)
{
	__u32 key = 4000;
	struct bpf_sock *sk;
	out[0] = ctx->local_port;
	out[1] = ctx->protocol;
	if (ctx->local_port == 666)
		return SK_DROP;
	return SK_PASS;
}
SEC("cgroup/getsockopt") int option(struct bpf_sockopt *ctx)
{
	unsigned char *value = ctx->optval, *end = ctx->optval_end;
	if (value + 4 > end)
		return 0;
	out[0] = value[0];
	value[0] = 99;
	ctx->retval = 0;
	return 1;
}
SEC("cgroup/sysctl") int sysctl(struct bpf_sysctl *ctx)
{
	char name[32] = {}, now[16] = {};
	out[0] = bpf_sysctl_get_name(ctx, name, sizeof(name), 0);
	out[1] = bpf_sysctl_get_current_value(ctx, now, sizeof(now));
	out[2] = now[0];
	out[3] = name[4];
	out[4] = ctx->write;
	if (ctx->write)
		out[5] = bpf_sysctl_set_new_value(ctx, "7", 1);
	return 1;
}
SEC("cgroup/dev") int device(struct bpf_cgroup_dev_ctx *ctx)
{
	return ctx->major == 1 && (ctx->access_type >> 16) == BPF_DEVCG_ACC_READ;
}
SEC("kprobe/do_x") int probe(void *ctx)
{
	unsigned long *registers = ctx;
	out[0] = registers[14];
	out[1] = bpf_get_func_ip(ctx);
	out[2] = bpf_get_attach_cookie(ctx);
	out[3] = bpf_get_stackid(ctx, &stacks, 0);
	return bpf_override_return(ctx, -13);
}
SEC("raw_tp/sched_switch") int raw(struct bpf_raw_tracepoint_args *ctx)
{
	out[0] = ctx->args[0] + ctx->args[1];
	return 3;
}
SEC("tracepoint/syscalls/sys_enter_openat") int record(void *ctx)
{
	out[0] = *(int *)(ctx + 8);
	out[1] = *(long *)(ctx + 16);
	return 0;
}
SEC("lsm/file_open") int opening(unsigned long long *ctx)
{
	__u64 value = 0;
	out[0] = ctx[0];
	out[1] = (int)ctx[1];
	return -1;
}
SEC("tc") int counted(struct __sk_buff *skb)
{
	out[0] = skb->mark; out[1] = skb->priority; out[2] = skb->cb[2]; out[3] = skb->gso_segs; out[4] = skb->wire_len;
	out[5] = skb->ifindex; out[6] = skb->ingress_ifindex; out[7] = skb->tstamp;
	skb->mark += 1; skb->cb[3] = 33; skb->tstamp = 44; skb->tc_index = 5;
	return skb->priority;
}
SEC("xdp") int arrived(struct xdp_md *ctx)
{
	out[0] = ctx->ingress_ifindex; out[1] = ctx->rx_queue_index; out[2] = ctx->data_end - ctx->data;
	out[3] = bpf_redirect_map(&devices, 1, 0);
	out[4] = bpf_redirect_map(&devices, 2, XDP_TX);
	out[5] = bpf_redirect_map(&devices, 9, XDP_DROP);
	out[6] = bpf_redirect_map(&devices, 0, 64);
	out[7] = bpf_redirect(1, 5);
	bpf_xdp_adjust_tail(ctx, -4);
	return bpf_redirect_map(&devices, 3, XDP_DROP);
}
SEC("flow_dissector") int dissect(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	out[0] = keys->nhoff; out[1] = keys->n_proto; out[2] = skb->data_end - skb->data;
	keys->ip_proto = 17;
	keys->thoff = 34;
	return 0;
}
static int tick(void *map, __u32 *key, struct value *value)
{
	value->count++;
	out[0] += 1;
	out[1] = bpf_ktime_get_ns();
	if (value->count < 3)
		bpf_timer_start(&value->timer, 100, 0);
	return 0;
}
SEC("tc") int arm(struct __sk_buff *skb)
{
	__u32 key = 1;
	struct value *value = bpf_map_lookup_elem(&timers, &key);
	if (!value)
		return 0;
	out[2] = bpf_timer_init(&value->timer, &timers, 1);
	out[3] = bpf_timer_set_callback(&value->timer, tick);
	out[4] = bpf_timer_start(&value->timer, 1000, 0);
	return 0;
}
SEC("tc") int lookup(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_fib_lookup fib = {};
	struct bpf_sock *sk;
	__u64 *stored;
	tuple.ipv4.saddr = bpf_htonl(0x0a000001); tuple.ipv4.daddr = bpf_htonl(0x0a000002);
	tuple.ipv4.sport = bpf_htons(1234); tuple.ipv4.dport = bpf_htons(80);
	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (sk) {
		out[0] = sk->src_port;
		out[1] = bpf_sk_fullsock(sk) != 0;
		stored = bpf_sk_storage_get(&per_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (stored)
			out[2] = ++*stored;
		bpf_sk_release(sk);
	}
	fib.family = 2; fib.ipv4_dst = bpf_htonl(0x08080808); fib.ifindex = 3;
	out[3] = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	out[4] = fib.ifindex;
	out[5] = fib.dmac[5];
	return bpf_redirect(fib.ifindex, 0);
}
static long order(struct bpf_dynptr *ptr, void *context)
{
	__u32 value = 0;
	bpf_dynptr_read(&value, 4, ptr, 0, 0);
	out[0] += value;
	return value == 100;
}
SEC("tc") int drain(struct __sk_buff *skb)
{
	out[1] = bpf_user_ringbuf_drain(&orders, order, 0, 0);
	return 0;
}
SEC("cgroup/sendmsg4") int sending(struct bpf_sock_addr *ctx)
{
	out[0] = ctx->user_ip4; out[1] = ctx->msg_src_ip4;
	ctx->user_port = bpf_htons(5353);
	return ctx->user_ip4 != bpf_htonl(0x08080808);
}
SEC("cgroup/connect6") int connect_six(struct bpf_sock_addr *ctx)
{
	out[0] = ctx->user_ip6[3];
	ctx->user_ip6[0] = 0; ctx->user_ip6[3] = bpf_htonl(1);
	return 1;
}
SEC("cgroup/bind4") int binding(struct bpf_sock_addr *ctx)
{
	if (bpf_ntohs(ctx->user_port) < 1024)
		return 0;
	ctx->user_ip4 = bpf_htonl(0x7f000001);
	return 1;
}
SEC("cgroup/setsockopt") int setting(struct bpf_sockopt *ctx)
{
	unsigned char *value = ctx->optval, *end = ctx->optval_end;
	out[0] = ctx->level; out[1] = ctx->optname; out[2] = ctx->optlen;
	if (value + 4 > end)
		return 0;
	value[0] = 7;
	ctx->optlen = 2;
	return 1;
}
SEC("sk_skb/stream_verdict") int streamed(struct __sk_buff *skb)
{
	unsigned char *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	out[0] = skb->len;
	if (data + 1 <= end)
		out[1] = data[0];
	return out[1] == 'G' ? SK_PASS : SK_DROP;
}
SEC("sk_msg") int edited(struct sk_msg_md *msg)
{
	unsigned char *data, *end;
	out[0] = bpf_msg_push_data(msg, 2, 3, 0);
	out[1] = bpf_msg_pop_data(msg, 0, 1, 0);
	out[2] = msg->size;
	out[3] = bpf_msg_pull_data(msg, 0, 2, 0);
	data = msg->data; end = msg->data_end;
	if (data + 2 <= end)
		data[1] = '!';
	out[4] = end - data;
	out[5] = bpf_msg_pop_data(msg, 4, 9, 0);
	return SK_PASS;
}
SEC("sockops") int options_of_header(struct bpf_sock_ops *ops)
{
	unsigned char window[3] = { 3, 0, 0 }, none[2] = { 99, 0 }, mine[4] = { 253, 4, 0xca, 0xfe };
	if (ops->op == BPF_SOCK_OPS_HDR_OPT_LEN_CB)
		return bpf_reserve_hdr_opt(ops, 4, 0) == 0;
	if (ops->op == BPF_SOCK_OPS_WRITE_HDR_OPT_CB) {
		out[0] = bpf_store_hdr_opt(ops, mine, 4, 0);
		out[1] = bpf_store_hdr_opt(ops, mine, 4, 0);
		return 1;
	}
	out[0] = bpf_load_hdr_opt(ops, window, 3, 0);
	out[1] = window[2];
	out[2] = bpf_load_hdr_opt(ops, none, 2, 0);
	return 1;
}
SEC("fexit/do_x") int left(unsigned long long *ctx)
{
	__u64 value = 0;
	out[0] = ctx[0] + ctx[1];
	out[1] = bpf_get_func_ret(ctx, &value);
	out[2] = value;
	out[3] = bpf_get_func_arg_cnt(ctx);
	return 0;
}
struct seq_file; struct task_struct;
struct bpf_iter_meta { struct seq_file *seq; __u64 session_id; __u64 seq_num; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };
SEC("iter/task") int listed(struct bpf_iter__task *ctx)
{
	static const char format[] = "%llu of %d\\n";
	__u64 args[2] = { ctx->meta->seq_num, ctx->task != 0 };
	return bpf_seq_printf(ctx->meta->seq, format, sizeof(format), args, sizeof(args));
}
`;

const bytes = new TextEncoder().encode(SOURCE);
const network = (value: number): number => ((value & 0xff) << 8) | (value >> 8);

describe('hooks in the virtual machine', () => {
  let host: VmHost;
  let world: SimulatedWorld;
  let loaded: Loaded;
  beforeEach(() => {
    host = vm();
    world = new SimulatedWorld();
    host.machine.world = world;
    loaded = open('hooks.bpf.c', bytes).spec.load(host);
  });
  afterEach(() => {
    loaded.close();
    host.close();
  });
  const run = (name: string, options: Parameters<ReturnType<typeof program>['run']>[0] = {}) =>
    program(name).run(options);
  const program = (name: string) => loaded.programs.get(name)!;
  const out = () => (loaded.global('out') as bigint[]).map(Number);

  it('sendmsg, connect, bind: addresses as the program leaves them', () => {
    const sent = run('sending', { context: { user_ip4: 0x08080808, msg_src_ip4: 9, user_port: 53 } });
    expect(sent).toMatchObject({ retval: 0, fields: { user_port: network(5353) } });
    expect(out().slice(0, 2)).toEqual([0x08080808, 9]);
    expect(run('sending', { context: { user_ip4: 1 } }).retval).toBe(1);
    expect(run('connect_six', { context: { user_ip6: [1, 2, 3, 4] } }).fields).toMatchObject({
      user_ip6: [0, 2, 3, 0x01000000],
    });
    expect(out()[0]).toBe(4);
    expect(run('binding', { context: { user_port: network(80) } }).retval).toBe(0);
    const bound = run('binding', { context: { user_port: network(8080) } });
    expect(bound).toMatchObject({ retval: 1, fields: { user_ip4: 0x0100007f } });
  });

  it('setsockopt: the value and how long it is', () => {
    const set = run('setting', { context: { level: 6, optname: 1 }, data: Uint8Array.of(1, 2, 3, 4) });
    expect(set).toMatchObject({ retval: 1, fields: { optlen: 2 }, dataOut: Uint8Array.of(7, 2, 3, 4) });
    expect(out().slice(0, 3)).toEqual([6, 1, 4]);
  });

  it('sk_skb and sk_msg: bytes of a stream', () => {
    const text = new TextEncoder();
    expect(run('streamed', { data: text.encode('GET / HTTP/1.1') }).retval).toBe(1);
    expect(out().slice(0, 2)).toEqual([14, 71]);
    expect(run('streamed', { data: text.encode('PUT / HTTP/1.1') }).retval).toBe(0);
    const { dataOut, retval } = run('edited', { data: text.encode('abcdef') });
    expect(retval).toBe(1);
    expect(out().slice(0, 6)).toEqual([0, 0, 8, 0, 2, -22]);
    expect([...dataOut!]).toEqual([...'b!'].map((one) => one.charCodeAt(0)).concat([0, 0, ...text.encode('cdef')]));
  });

  it('sockops: options of the TCP header', () => {
    const header = new Uint8Array(28);
    header.set([1, 3, 3, 7, 2, 4, 5, 180], 20);
    expect(run('options_of_header', { context: { op: 13 }, data: header }).retval).toBe(1);
    expect(out().slice(0, 3)).toEqual([3, 7, -42]);
    expect(run('options_of_header', { context: { op: 14 } }).outcome?.reservedOptions).toBe(4);
    const { outcome } = run('options_of_header', { context: { op: 15, args: [8] } });
    expect(outcome?.headerOptions).toEqual([Uint8Array.of(253, 4, 0xca, 0xfe)]);
    expect(out().slice(0, 2)).toEqual([0, -17]);
  });

  it('fexit: arguments and the result', () => {
    run('left', { context: { args: [3n, 4n], ret: 99n } });
    expect(out().slice(0, 4)).toEqual([7, 0, 99, 2]);
  });

  it('iterators: members of their context, and the text that they print', () => {
    host.machine.kernelTypes = bundledTypes;
    const found = run('listed', { context: { meta: { seq_num: 5n }, task: 0x1234n } });
    expect(found.outcome?.text).toBe('5 of 1\n');
    expect(() => run('listed', { context: { tusk: 1 } })).toThrow('did you mean `task`?');
  });

  it('rewrite addresses of connections, with storage of the cgroup', () => {
    const context = { user_family: 2, user_ip4: 0x01020304, user_port: network(443), type: 1 };
    const first = run('connect', { context });
    expect(first.retval).toBe(1);
    expect(first.fields).toMatchObject({ user_ip4: 0x0100007f, user_port: network(8080), type: 1 });
    expect(run('connect', { context: { ...context, user_port: network(25) } }).retval).toBe(0);
    expect(out().slice(0, 4)).toEqual([2, 0x01020304, network(25), 1]);
    expect(() => run('connect', { context: { user_prot: 1 } })).toThrow(/user_prot.*user_port/);
  });

  it('see sockets when they are made, used and chosen', () => {
    const made = run('create', { context: { family: 2, type: 1 } });
    expect([made.retval, made.fields?.['mark']]).toEqual([1, 42]);
    const socket = host.machine.createSocket({ sock: { family: 2, src_port: 4000 }, cookie: 77n });
    const operated = run('operations', { context: { op: 4, local_port: 4000 }, socket });
    expect(operated.fields).toMatchObject({ reply: 9, op: 4 });
    expect(out().slice(0, 6)).toEqual([4, 0, 0x80, 0, 0, 5]);
    expect(socket.callbackFlags).toBe(3);
    expect(loaded.maps.get('sockets')!.get(4000)).toBe(77n);
    const sent = run('message', { data: Uint8Array.of(5, 6, 7), context: {} });
    expect([sent.retval, sent.outcome?.socket]).toEqual([1, socket]);
    expect(out().slice(0, 2)).toEqual([3, 5]);
    expect(run('choose', { context: { local_port: 666, protocol: 6 } }).retval).toBe(0);
    expect(run('choose', { context: { local_port: 667, protocol: 6 } }).retval).toBe(1);
  });

  it('decide about socket options, sysctls and devices', () => {
    const asked = run('option', { data: Uint8Array.of(1, 0, 0, 0), context: { level: 1, optname: 2, retval: -1 } });
    expect([asked.retval, asked.dataOut?.[0], asked.fields?.['retval'], asked.fields?.['optlen']]).toEqual([
      1, 99, 0, 4,
    ]);
    world.sysctl = { name: 'net/ipv4/tcp_mem', current: '5', next: '6' };
    const written = run('sysctl', { context: { write: 1 } });
    expect([written.retval, written.outcome?.sysctl]).toEqual([1, '7']);
    expect(out().slice(0, 6)).toEqual([16, 1, 0x35, 'net/ipv4'.charCodeAt(4), 1, 0]);
    expect(run('device', { context: { access_type: (2 << 16) | 2, major: 1, minor: 3 } }).retval).toBe(1);
    expect(run('device', { context: { access_type: (4 << 16) | 2, major: 1, minor: 3 } }).retval).toBe(0);
  });

  it('trace: registers, arguments, records', () => {
    world.kernelStack = [0xffffffff81000010n, 0xffffffff81000020n];
    const probed = run('probe', { context: { args: [11n, 12n], ip: 5n }, hook: { address: 0x1234n, cookie: 9n } });
    expect(probed.outcome?.override).toBe(2n ** 64n - 13n);
    const [di, ip, cookie, stack] = out();
    expect([di, ip, cookie]).toEqual([11, 0x1234, 9]);
    expect(loaded.maps.get('stacks')!.has(new Uint8Array(Uint32Array.of(stack!).buffer))).toBe(true);
    expect(run('raw', { context: { args: [40n, 2n] } }).retval).toBe(3);
    expect(out()[0]).toBe(42);
    const format =
      'name: sys_enter_openat\nID: 700\nformat:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\tfield:int dfd;\toffset:16;\tsize:8;\tsigned:0;\n';
    run('record', { context: { format, fields: { __syscall_nr: 257, dfd: -100 } } });
    expect(out().slice(0, 2)).toEqual([257, -100]);
    expect(() => run('record', { context: { format, fields: { fd: 1 } } })).toThrow(/no field `fd`/);
    expect(run('opening', { context: { args: [0x77n], ret: -1 } }).retval).toBe(0xffffffff);
    expect(out().slice(0, 2)).toEqual([0x77, -1]);
  });

  it('find sockets and routes of the simulated network', () => {
    const socket = host.machine.createSocket({ sock: { family: 2, src_port: 80, state: 1 } });
    world.sockets.push((query) =>
      query.targetPort === 80 && query.sourcePort === 1234 && query.target.join('.') === '10.0.0.2'
        ? socket
        : undefined,
    );
    world.routes.push((query) =>
      query.target.join('.') === '8.8.8.8' && query.interface === 3
        ? { interface: 5, targetMac: Uint8Array.of(1, 2, 3, 4, 5, 6) }
        : undefined,
    );
    for (let i = 1; i <= 2; i++) {
      const result = run('lookup', { data: new Uint8Array(40) });
      expect([result.retval, result.outcome?.redirect]).toEqual([7, { interface: 5, flags: 0 }]);
      expect(out().slice(0, 6)).toEqual([80, 1, i, 0, 5, 6]);
    }
    world.sockets.length = 0;
    world.routes.length = 0;
    run('lookup', { data: new Uint8Array(40) });
    expect(out().slice(3, 5)).toEqual([4, 3]);
  });

  it('run timers when the clock passes them', () => {
    run('arm', { data: new Uint8Array(14) });
    expect(out().slice(2, 5)).toEqual([0, 0, 0]);
    host.advance(999n);
    expect(out()[0]).toBe(0);
    host.advance(1_000n);
    expect(out().slice(0, 2)).toEqual([1, 1_000]);
    host.advance(5_000n);
    expect(out().slice(0, 2)).toEqual([3, 1_200]);
    expect(host.machine.timers.next).toBeUndefined();
    run('arm', { data: new Uint8Array(14) });
    expect(out()[2]).toBe(-16);
  });

  it('take orders from user space', () => {
    const ring = [...host.machine.mapsByAddress.values()].find((one) => one instanceof UserRingMap)!;
    for (const value of [1, 2, 100, 7]) expect(ring.write(new Uint8Array(Uint32Array.of(value).buffer))).toBe(true);
    run('drain', { data: new Uint8Array(14) });
    expect(out().slice(0, 2)).toEqual([103, 3]);
    run('drain', { data: new Uint8Array(14) });
    expect(out().slice(0, 2)).toEqual([110, 1]);
  });
});

const permission = permitted();
const skip = permission.ok ? undefined : permission.message;
describe.skipIf(skip !== undefined)(`hooks that the kernel can test-run${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const packet = Uint8Array.from({ length: 60 }, (_, i) => (i === 12 ? 8 : i === 13 ? 0 : i));
  const slots = new Uint8Array(new BigUint64Array(12).fill(21n).buffer);
  const cases: readonly { readonly program: string; readonly options: HostTestRun }[] = [
    { program: 'raw', options: { context: slots } },
    { program: 'dissect', options: { data: packet } },
    { program: 'counted', options: { data: packet, context: {} } },
    {
      program: 'counted',
      options: {
        data: packet,
        context: {
          mark: 7,
          priority: 9,
          cb: [1, 2, 3, 4, 5],
          gso_segs: 3,
          wire_len: 100,
          ingress_ifindex: 1,
          tstamp: 5n,
        },
      },
    },
    { program: 'arrived', options: { data: packet } },
    {
      program: 'choose',
      options: { context: { family: 2, protocol: 6, local_port: 666, local_ip4: 1, remote_ip4: 2 } },
    },
    { program: 'choose', options: { context: { family: 2, protocol: 17, local_port: 80 } } },
  ];
  for (const [i, { program, options }] of cases.entries()) {
    it(`give the same: ${program} (${i})`, () => {
      const { spec } = open('hooks.bpf.c', bytes);
      const results = [kernel(), vm()].map((home) => {
        const loaded = spec.load(home, { programs: [program] });
        try {
          loaded.maps.get('devices')!.set(1, 1);
          const { retval, dataOut, contextOut } = loaded.programs.get(program)!.run(options);
          // Where the kernel gives no context back, ours stays out of it.
          const context = program === 'counted' ? contextOut : undefined;
          const hex = (from: Uint8Array | undefined) => from && Buffer.from(from).toString('hex');
          return { retval, dataOut: options.data && hex(dataOut), context: hex(context), out: loaded.global('out') };
        } finally {
          loaded.close();
          home.close();
        }
      });
      expect(results[1]).toEqual(results[0]);
    });
  }
});
