/**
 * A ring at full speed with a slow reader, by hand: `node --conditions=skep-source --import ./packages/vm/bench/typescript.mjs
 * packages/runtime/test/soak.ts [--seconds 600]`, after `npm run build`. Another thread fills the ring by test runs while this one reads with
 * pauses. At the end every record that was sent must have been read or counted as lost, memory must not have grown, and
 * nothing may be left open.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { openHandles } from '@skep/kernel';
import { kernel, open } from '../src/index.ts';

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct event { __u64 number; __u64 time; char comm[16]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20); } events SEC(".maps");
__u64 numbers;
SEC("xdp") int send(struct xdp_md *ctx)
{
	__u64 number = __sync_fetch_and_add(&numbers, 1);
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return XDP_ABORTED;
	event->number = number;
	event->time = bpf_ktime_get_ns();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
`;

/** On a thread of its own, where TypeScript is not run: a descriptor is good in all of a process. */
const PRODUCER = `
const { parentPort, workerData } = require('node:worker_threads');
import('@skep/kernel').then(({ Handle, Program }) => {
  const { fd, until } = workerData;
  const program = new Program(new Handle(fd, 'send'), { name: 'send', type: 6, code: new Uint8Array(), license: 'GPL' }, '');
  let runs = 0;
  for (; Date.now() < until; runs += 20_000) program.testRun({ data: new Uint8Array(64), repeat: 20_000 });
  parentPort.postMessage(runs);
});
`;

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } });
  const until = Date.now() + Number(values.seconds) * 1000;
  const host = kernel();
  const loaded = open('soak.bpf.c', new TextEncoder().encode(SOURCE)).spec.countingLost().load(host);
  const ring = loaded.records.get('events')!;
  const worker = new Worker(PRODUCER, {
    eval: true,
    execArgv: [],
    workerData: { fd: loaded.programs.get('send')!.handle, until },
  });
  let runs = 0;
  const stop = new AbortController();
  worker.once('message', (count: number) => {
    runs = count;
    stop.abort();
  });
  let failure: unknown;
  worker.once('error', (error) => {
    failure = error;
    stop.abort();
  });

  let read = 0;
  let last = -1n;
  const memory: number[] = [];
  let tell = Date.now() + 10_000;
  for await (const batch of ring.batches({ signal: stop.signal, max: 4096 })) {
    for (const one of batch) {
      const { number } = one as { number: bigint };
      if (number <= last) throw new Error(`record ${number} came behind ${last}`);
      last = number;
    }
    read += batch.length;
    // Slower than what comes.
    await pause(2);
    if (Date.now() < tell) continue;
    tell = Date.now() + 10_000;
    memory.push(process.memoryUsage().rss);
    const mib = Math.round(memory.at(-1)! / 2 ** 20);
    console.log(`${read} read, ${ring.lost} lost, ${mib} MiB`);
  }
  await worker.terminate();
  if (failure !== undefined) throw failure;
  const { lost } = ring;
  const sent = Number(loaded.global('numbers') as bigint);
  loaded.close();
  host.close();
  const left = openHandles();
  const growth = memory.length < 6 ? 0 : average(memory.slice(-3)) - average(memory.slice(2, 5));
  console.log(`${sent} sent, ${read} read, ${lost} lost; memory grew by ${(growth / 2 ** 20).toFixed(1)} MiB`);
  if (sent !== runs) throw new Error(`the program ran ${runs} times and counted ${sent}`);
  if (read + lost !== sent) throw new Error(`${sent - read - lost} records are neither read nor counted as lost`);
  if (growth > 16 * 2 ** 20) throw new Error('memory grew');
  if (left.length > 0) throw new Error(`left open: ${left.map((one) => one.what).join(', ')}`);
}

function average(list: readonly number[]): number {
  return list.reduce((sum, one) => sum + one, 0) / list.length;
}
