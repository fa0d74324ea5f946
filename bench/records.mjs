#!/usr/bin/env node
// What it costs to turn records of a ring buffer into objects: our generated decoder against getters written by hand,
// over the same ring of the virtual machine, in one run.   node bench/records.mjs      (after `npm run build`)
import { open, vm } from 'skep';
import { Bench } from 'tinybench';

const EVENTS = 2000;
const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct event { __u64 time; __u32 pid; char comm[16]; __s32 fd; __s32 err; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20); } events SEC(".maps");
SEC("xdp") int send(struct xdp_md *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return XDP_ABORTED;
	event->time = 1234567890123;
	event->pid = 4242;
	__builtin_memcpy(event->comm, "some-command\\0\\0\\0", 16);
	event->fd = 3;
	event->err = 0;
	bpf_ringbuf_submit(event, 0);
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
`;

const loaded = open('events.bpf.c', new TextEncoder().encode(SOURCE)).spec.load(vm());
const records = loaded.records.get('events');
const fill = () => loaded.programs.get('send').run({ data: new Uint8Array(64), repeat: EVENTS });
let last;

const bench = new Bench({ time: 500 });
bench.add('generated decoder', () => records.drain((event) => (last = event), EVENTS), { beforeEach: fill });
bench.add(
  'getters by hand',
  () =>
    records.drainRaw((view, at) => {
      let comm = '';
      for (let i = 8 + 4; ; i++) {
        const byte = view.getUint8(at + i);
        if (byte === 0) break;
        comm += String.fromCharCode(byte);
      }
      last = {
        time: view.getBigUint64(at, true),
        pid: view.getUint32(at + 8, true),
        comm,
        fd: view.getInt32(at + 28, true),
        err: view.getInt32(at + 32, true),
      };
    }, EVENTS),
  { beforeEach: fill },
);
bench.add('headers only', () => records.drainRaw(() => {}, EVENTS), { beforeEach: fill });
await bench.run();

const ns = bench.tasks.map((task) => (task.result.latency.p50 * 1e6) / EVENTS);
for (const [i, task] of bench.tasks.entries())
  console.log(`${task.name.padEnd(20)} ${ns[i].toFixed(1).padStart(7)} ns a record`);
console.log(`decoder / by hand    ${(ns[0] / ns[1]).toFixed(2).padStart(7)}`);
if (last === undefined) throw new Error('no record was read');
loaded.close();
