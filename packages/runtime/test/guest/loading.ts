import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openHandles, ProgramRefused } from '@skep/kernel';
import { kernel, type Loaded, open } from '../../src/index.ts';
import { USDT_TARGET } from './usdt-target.ts';

/** One line of the output: what became of a check. */
export interface Outcome {
  readonly name: string;
  readonly result: 'ok' | 'failed';
  readonly message?: string;
}

/** What checks find in their directory. */
export interface Files {
  /** A program of one probe, to be compiled with and without a place of its own. */
  readonly target: string;
  readonly sources: Readonly<Record<string, string>>;
}

/** Of the guests' kernels: what a probe's place is known by, and which modules have functions for programs. */
const HAS_COOKIES = ['6.1', '6.12', '7.3'];
export const HAS_CONNTRACK = ['6.12', '7.3'];
const SERIES = process.env['VMTEST'] ?? '';

interface Check {
  /** Kernels that have what it takes; all of them when absent. */
  readonly series?: readonly string[];
  readonly run: (load: (name: string) => Loaded, directory: string) => void | Promise<void>;
}

/** What becomes of programs between the object and the kernel, where kernels differ. */
export const CHECKS: Readonly<Record<string, Check>> = {
  'static probes of a program with a place of its own, in every process': {
    run: (load, directory) => probed(load('usdt_fixed'), join(directory, 'fixed'), () => undefined),
  },
  'static probes of a program that is loaded anywhere, in one process': {
    run: (load, directory) => probed(load('usdt_anywhere'), join(directory, 'anywhere'), (child) => child.pid),
  },
  'static probes of a program that is loaded anywhere, in every process': {
    run: async (load, directory) => {
      if (HAS_COOKIES.includes(SERIES)) {
        await probed(load('usdt_anywhere'), join(directory, 'anywhere'), () => undefined);
        return;
      }
      using loaded = load('usdt_anywhere');
      throws(() => loaded.programs.get('calls')!.attach(), /E8023.*address of the probe/s);
    },
  },
  'arguments that are tagged as the context': {
    run: (load) => {
      using loaded = load('contexts');
      equal(loaded.programs.get('packet')!.run({ data: new Uint8Array(64) }).retval, 64);
      equal(loaded.programs.get('packet_too')!.run({ data: new Uint8Array(80) }).retval, 80);
      equal(loaded.programs.size, 5);
    },
  },
  'functions of a module': {
    series: HAS_CONNTRACK,
    run: (load) => {
      using loaded = load('conntrack');
      const frame = new Uint8Array(64);
      frame.set([8, 0, 0x45], 12);
      for (const name of ['packet', 'frame']) {
        equal(loaded.programs.get(name)!.run({ data: frame }).retval, name === 'frame' ? 2 : 0);
        // The flow was made, found again, and is not there under another port.
        deepEqual([loaded.global('made'), loaded.global('found'), loaded.global('other')], [1, 1, -2], name);
      }
    },
  },
};

/** Attaches, lets the probe run, and looks what the program saw of its arguments. */
async function probed(given: Loaded, path: string, pid: (child: ChildProcess) => number | undefined): Promise<void> {
  using loaded = given;
  const child = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const say = async (byte: string): Promise<string> => {
      child.stdin.write(byte);
      return String((await once(child.stdout, 'data'))[0]).trim();
    };
    equal(await say('x'), '0');
    const chosen = pid(child);
    const attach = () =>
      loaded.programs.get('calls')!.attach({ ...(chosen !== undefined && { pid: chosen }), cookie: 0x1234_5678_9abcn });
    for (let i = 0; i < 2; i++) {
      const links = [attach(), attach()];
      ok(Number(await say('x')) > 0);
      deepEqual(loaded.global('seen'), [-120n, -300n, -5n, 77n, 0n]);
      equal(loaded.global('count'), 4n);
      equal(loaded.global('cookie'), 0x1234_5678_9abcn);
      links[0]!.close();
      await say('y');
      deepEqual(loaded.global('seen'), [BigInt(256 - 121), 7n, 0n, 0n, 0n]);
      equal(loaded.global('count'), 2n);
      links[1]!.close();
      equal(await say('x'), '0');
      equal(loaded.global('count'), 2n);
    }
  } finally {
    child.kill();
    await once(child, 'close');
  }
}

export function filesFor(directory: string): Files {
  const sources = {
    usdt_fixed: usdt(join(directory, 'fixed')),
    usdt_anywhere: usdt(join(directory, 'anywhere')),
    contexts: CONTEXTS,
    conntrack: CONNTRACK,
  };
  return { target: USDT_TARGET, sources };
}

const usdt = (path: string): string => `
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/usdt.bpf.h>
long seen[5], cookie, count;
SEC("usdt/${path}:skep:calls") int calls(struct pt_regs *ctx)
{
	count = bpf_usdt_arg_cnt(ctx);
	for (int i = 0; i < 4; i++)
		bpf_usdt_arg(ctx, i, &seen[i]);
	cookie = bpf_usdt_cookie(ctx);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
`;

/** A function of two programs of one type and of one of another, and one for each kind of context that has another name. */
const CONTEXTS = `
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
__weak int lengthOf(void *ctx __arg_ctx)
{
	struct __sk_buff *skb = ctx;
	return skb->len;
}
__weak int widthOf(int unused, void *ctx __arg_ctx)
{
	struct xdp_md *md = ctx;
	return md->data_end - md->data;
}
__weak int returned(void *ctx __arg_ctx)
{
	return PT_REGS_RC((struct pt_regs *)ctx) != 0;
}
__weak int period(void *ctx __arg_ctx)
{
	return ((struct bpf_perf_event_data *)ctx)->sample_period > 1;
}
__weak int first(void *ctx __arg_ctx)
{
	return ((struct bpf_raw_tracepoint_args *)ctx)->args[0] != 0;
}
SEC("tc") int packet(struct __sk_buff *ctx) { return lengthOf(ctx); }
SEC("xdp") int packet_too(struct xdp_md *ctx) { return widthOf(0, ctx); }
SEC("kprobe/do_exit") int kprobe(struct pt_regs *ctx) { return returned(ctx); }
SEC("perf_event") int sample(struct bpf_perf_event_data *ctx) { return period(ctx); }
SEC("raw_tp/sys_enter") int raw(struct bpf_raw_tracepoint_args *ctx) { return first(ctx); }
char LICENSE[] SEC("license") = "GPL";
`;

const CONNTRACK = `
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
struct nf_conn { unsigned long status; };
struct nf_conn___init { struct nf_conn ct; };
struct bpf_ct_opts___local { __s32 netns_id; __s32 error; __u8 l4proto; __u8 dir; __u8 reserved[2]; };
struct nf_conn___init *bpf_skb_ct_alloc(struct __sk_buff *, struct bpf_sock_tuple *, __u32, struct bpf_ct_opts___local *, __u32) __ksym;
struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *, struct bpf_sock_tuple *, __u32, struct bpf_ct_opts___local *, __u32) __ksym;
struct nf_conn___init *bpf_xdp_ct_alloc(struct xdp_md *, struct bpf_sock_tuple *, __u32, struct bpf_ct_opts___local *, __u32) __ksym;
struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *, struct bpf_sock_tuple *, __u32, struct bpf_ct_opts___local *, __u32) __ksym;
struct nf_conn *bpf_ct_insert_entry(struct nf_conn___init *) __ksym;
void bpf_ct_set_timeout(struct nf_conn___init *, __u32) __ksym;
void bpf_ct_release(struct nf_conn *) __ksym;
int made, found, other;
#define FLOW(context, kind, address) \\
	struct bpf_ct_opts___local opts = { .netns_id = -1, .l4proto = 6 }; \\
	struct bpf_sock_tuple flow = {}; \\
	struct nf_conn___init *fresh; \\
	struct nf_conn *flowing; \\
	made = found = other = 0; \\
	flow.ipv4.saddr = bpf_htonl(address); \\
	flow.ipv4.daddr = bpf_htonl(address + 1); \\
	flow.ipv4.sport = bpf_htons(1234); \\
	flow.ipv4.dport = bpf_htons(80); \\
	fresh = bpf_##kind##_ct_alloc(context, &flow, sizeof(flow.ipv4), &opts, sizeof(opts)); \\
	if (fresh) { \\
		bpf_ct_set_timeout(fresh, 10000); \\
		flowing = bpf_ct_insert_entry(fresh); \\
		if (flowing) { \\
			made = 1; \\
			bpf_ct_release(flowing); \\
		} \\
	} \\
	flowing = bpf_##kind##_ct_lookup(context, &flow, sizeof(flow.ipv4), &opts, sizeof(opts)); \\
	if (flowing) { \\
		found = 1; \\
		bpf_ct_release(flowing); \\
	} \\
	flow.ipv4.dport = bpf_htons(81); \\
	flowing = bpf_##kind##_ct_lookup(context, &flow, sizeof(flow.ipv4), &opts, sizeof(opts)); \\
	if (flowing) \\
		bpf_ct_release(flowing); \\
	else \\
		other = opts.error;
SEC("tc") int packet(struct __sk_buff *ctx) { FLOW(ctx, skb, 0x0a000001) return 0; }
SEC("xdp") int frame(struct xdp_md *ctx) { FLOW(ctx, xdp, 0x0a000101) return XDP_PASS; }
char LICENSE[] SEC("license") = "GPL";
`;

/** Tries every check that this kernel is for, or those of a name, with the objects in a directory. */
async function main(directory: string, only = ''): Promise<void> {
  for (const [name, { series, run }] of Object.entries(CHECKS)) {
    if (!name.includes(only)) continue;
    if (series && !series.includes(SERIES)) continue;
    let outcome: Outcome = { name, result: 'ok' };
    try {
      await run((object) => load(join(directory, `${object}.o`)), directory);
      deepEqual(openHandles(), []);
    } catch (error) {
      const log = error instanceof ProgramRefused ? error.log : '';
      outcome = { name, result: 'failed', message: `${error instanceof Error ? error.stack : error}\n${log}` };
    }
    writeFileSync(1, `${JSON.stringify(outcome)}\n`);
  }
}

function load(path: string): Loaded {
  return open(path, new Uint8Array(readFileSync(path))).spec.load(kernel());
}

if (process.argv[1]?.endsWith('loading.mjs')) await main(process.argv[2]!, process.argv[3]);
