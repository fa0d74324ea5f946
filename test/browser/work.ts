import { decodeRecording, gunzip, readPackets } from '@skep/capture';
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
  const host = vm({ recording: decodeRecording(recorded, 'recording') });
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
    refusal: refusalOf(vmlinux),
  };
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
  return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
