import { decodeRecording, gunzip, type Recording, readPackets } from '@skep/capture';
import { compile, compileTrace } from '@skep/compiler';
import { Btf } from '@skep/object';
import { check, open, type Value, vm } from 'skep';

/** Everything that the work needs, as bytes, by name. */
export interface Inputs {
  readonly types: Uint8Array;
  readonly xdp: Uint8Array;
  readonly opens: Uint8Array;
  readonly recording: Uint8Array;
  readonly pcap: Uint8Array;
}

/** What is compared between here and there; bigints as text. */
export interface Outcome {
  readonly objects: { readonly [name: string]: string };
  /** The verdict of each packet, and what was counted, by engine. */
  readonly packets: { readonly [engine: string]: { readonly verdicts: readonly number[]; readonly counters: string } };
  readonly records: readonly string[];
  /** What a script in the one-line language made of the same recording: its object, and keys and values of its maps, hexadecimal. */
  readonly script: {
    readonly object: string;
    readonly maps: { readonly [name: string]: readonly (readonly [key: string, value: string])[] };
  };
  /** What the verifier says of a wrong program, and what mends it. */
  readonly refusal: readonly unknown[];
}

/** The same work everywhere: in Node, in a page, in a worker. Compiles two programs and runs them. */
export async function work(inputs: Inputs): Promise<Outcome> {
  const { bytes } = await gunzip(inputs.types, 'types');
  const vmlinux = Btf.parse(bytes);
  const xdp = open('xdp_count.bpf.c', inputs.xdp, { vmlinux });
  const opens = open('opens.bpf.c', inputs.opens, { vmlinux });
  const { packets } = await readPackets(inputs.pcap, 'packets.pcap');

  const byEngine = (engine: 'jit' | 'interpreter') => {
    const loaded = xdp.spec.load(vm({ engine, compileAfter: 0, cpus: 1 }));
    const program = loaded.programs.get('xdp_count')!;
    const verdicts = packets.map(({ data }) => program.run({ data }).retval);
    const counters = loaded.maps.get('counters')!.entries();
    loaded.close();
    return { verdicts, counters: toText(counters.filter(([, value]) => !toText(value).includes('"0"'))) };
  };

  const { bytes: recorded } = await gunzip(inputs.recording, 'recording');
  const recording = decodeRecording(recorded, 'recording');
  const host = vm({ recording });
  const loaded = opens.spec.load(host);
  loaded.attach();
  const records: string[] = [];
  const take = (record: Value) => void records.push(toText(record));
  for (const _ of host.replay!()) loaded.records.get('events')!.drain(take);
  loaded.close();

  return {
    objects: { xdp: await digest(xdp.compiled!.object), opens: await digest(opens.compiled!.object) },
    packets: { jit: byEngine('jit'), interpreter: byEngine('interpreter') },
    records,
    script: await scriptOver(recording, vmlinux),
    refusal: refusalOf(vmlinux),
  };
}

const SCRIPT = `tracepoint:syscalls:sys_exit_openat {
  @opened[comm] = count();
  if (args.ret < 0) { @failed[-args.ret] = count(); } else { @descriptors = lhist(args.ret, 0, 8, 1); }
}`;

/** As tracefs shows it. */
const EXIT_FORMAT = `name: sys_exit_openat
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:long ret;	offset:16;	size:8;	signed:1;
`;

async function scriptOver(recording: Recording, vmlinux: Btf): Promise<Outcome['script']> {
  const target = {
    cpus: 1,
    btf: () => vmlinux,
    tracepoints: () => ['syscalls:sys_exit_openat'],
    tracepointFormat: () => EXIT_FORMAT,
  };
  const script = compileTrace({ name: 'opens.bt', text: SCRIPT }, { target });
  const made = compile({ name: 'opens.c', text: script.c }, { defines: ['__TARGET_ARCH_x86'], vmlinux });
  if (!made.ok) throw new Error(made.diagnostics.map((one) => one.message).join('; '));
  const host = vm({ recording });
  const loaded = open('opens.o', made.object).spec.load(host);
  loaded.attach();
  for (const _ of host.replay!());
  const entries = (symbol: string) =>
    loaded.maps
      .get(symbol)!
      .entries()
      // A script's map has plain bytes, and a value for each processor.
      .map(([key, values]) => [hex(key as Uint8Array), hex((values as unknown as Uint8Array[])[0]!)] as const);
  const maps = Object.fromEntries(script.maps.map(({ name, symbol }) => [name, entries(symbol)] as const));
  loaded.close();
  return { object: await digest(made.object), maps };
}

const WRONG = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int table[16];

SEC("xdp")
int wrong(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(data + 4) > end)
		return XDP_PASS;
	return table[data[2]];
}

char LICENSE[] SEC("license") = "GPL";
`;

function refusalOf(vmlinux: Btf): readonly unknown[] {
  const options = { kernels: ['6.12'] as const, types: vmlinux, compile: { vmlinux }, fixTime: 60_000 };
  const [program] = check('wrong.bpf.c', new TextEncoder().encode(WRONG), options).programs;
  const { explanation, fixes } = program!;
  return [
    explanation?.code,
    explanation?.message,
    explanation?.known,
    fixes.map(({ title, edits }) => ({ title, edits })),
  ];
}

function toText(value: unknown): string {
  return JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? String(one) : one));
}

/** `crypto.subtle` is there in pages of 127.0.0.1, in workers and in Node. */
async function digest(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.slice()));
  return hex(hash);
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
