import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { kernelRelease, openHandles, pageSize, permitted, releaseAtLeast } from '@skep/kernel';
import { afterAll, describe, expect, it } from 'vitest';
import { compileTypes, kernel, type Loaded, open } from '../src/index.ts';

const allowed = permitted();
const noKernel = allowed.ok ? false : `needs bpf(2): ${allowed.message}`;

describe.skipIf(noKernel)('what the kernel gives to a program', () => {
  afterAll(() => expect(openHandles()).toEqual([]));

  it('is its version and its configuration, where the program asks for them by name', (ctx) => {
    const config = configuration();
    if (config === undefined) ctx.skip('the configuration of this kernel is not shown');
    const setting = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(config!)?.[1];
    using loaded = load(`
      extern int LINUX_KERNEL_VERSION __kconfig;
      extern int CONFIG_HZ __kconfig;
      extern bool CONFIG_BPF_SYSCALL __kconfig;
      extern char CONFIG_DEFAULT_HOSTNAME[16] __kconfig __weak;
      extern unsigned long CONFIG_SKEP_DOES_NOT_EXIST __kconfig __weak;
      int version, hz, bpf, first; unsigned long absent = 7;
      SEC("syscall") int ask(void *ctx) {
        version = LINUX_KERNEL_VERSION; hz = CONFIG_HZ; bpf = CONFIG_BPF_SYSCALL;
        first = CONFIG_DEFAULT_HOSTNAME[0]; absent = CONFIG_SKEP_DOES_NOT_EXIST;
        return 0;
      }`);
    loaded.programs.get('ask')!.run();
    const version = Number(loaded.global('version'));
    const [major, minor] = kernelRelease().split('.').map(Number);
    expect([version >> 16, (version >> 8) & 255]).toEqual([major, minor]);
    expect(loaded.global('hz')).toBe(Number(setting('CONFIG_HZ')));
    expect(loaded.global('bpf')).toBe(1);
    expect(loaded.global('first')).toBe((setting('CONFIG_DEFAULT_HOSTNAME') ?? '"\0"').charCodeAt(1) || 0);
    expect(Number(loaded.global('absent'))).toBe(0);
  });

  it('is refused by name where the configuration does not have it', () => {
    const source = `extern int CONFIG_SKEP_DOES_NOT_EXIST __kconfig;
      int value;
      SEC("socket") int ask(void *ctx) { value = CONFIG_SKEP_DOES_NOT_EXIST; return 0; }`;
    expect(() => load(source)).toThrow(/E8015.*CONFIG_SKEP_DOES_NOT_EXIST/);
  });

  it('are addresses of its symbols, and types of its variables', (ctx) => {
    const line = execFileSync('grep', ['-m1', ' [Tt] bpf_prog_put$', '/proc/kallsyms'], { encoding: 'utf8' });
    const address = BigInt(`0x${line.split(' ')[0]}`);
    if (address === 0n) ctx.skip('kernel.kptr_restrict hides addresses');
    using loaded = load(`
      extern const void bpf_prog_put __ksym;
      extern const void skep_does_not_exist __ksym __weak;
      unsigned long address, absent = 7;
      SEC("socket") int ask(void *ctx) {
        address = (unsigned long)&bpf_prog_put;
        absent = (unsigned long)&skep_does_not_exist;
        return 0;
      }`);
    loaded.programs.get('ask')!.run({ data: new Uint8Array(64) });
    expect(loaded.global('address')).toBe(address);
    expect(Number(loaded.global('absent'))).toBe(0);
    expect(() =>
      load(`extern const void skep_does_not_exist __ksym;
        unsigned long address;
        SEC("socket") int ask(void *ctx) { address = (unsigned long)&skep_does_not_exist; return 0; }`),
    ).toThrow(/E8010.*skep_does_not_exist/);
  });

  it('are rings of whole pages, whatever the program said', () => {
    using loaded = load(`
      struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 5000); } ring SEC(".maps");
      SEC("xdp") int send(void *ctx) {
        __u64 *slot = bpf_ringbuf_reserve(&ring, 8, 0);
        if (!slot) return 0;
        *slot = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE);
        bpf_ringbuf_submit(slot, 0);
        return 2;
      }`);
    expect(loaded.programs.get('send')!.run({ data: new Uint8Array(64) }).retval).toBe(2);
    const sizes: bigint[] = [];
    loaded.records.get('ring')!.drainRaw((view, at) => sizes.push(view.getBigUint64(at, true)));
    expect(sizes).toEqual([BigInt(Math.max(8192, pageSize()))]);
  });

  it('are runs with contexts: packets with marks, raw tracepoints with arguments, often', (ctx) => {
    if (!existsSync('/sys/kernel/btf/vmlinux')) ctx.skip('this kernel shows no BTF');
    if (!releaseAtLeast('5.14')) ctx.skip('Linux 5.14 has the last of these');
    using loaded = load(`
      unsigned int mark, length, runs; unsigned long argument;
      SEC("tc") int skb(struct __sk_buff *ctx) { mark = ctx->mark; length = ctx->len; ctx->mark = 9; return 1; }
      SEC("raw_tp/task_newtask") int raw(struct bpf_raw_tracepoint_args *ctx) { argument = ctx->args[1]; runs++; return 0; }
      struct args { __u64 in; __u64 out; };
      SEC("syscall") int call(struct args *ctx) { ctx->out = ctx->in * 2; return 3; }`);
    // struct __sk_buff: mark is its third word.
    const skb = loaded.programs.get('skb')!.run({
      data: new Uint8Array(64),
      context: new Uint8Array(Uint32Array.from({ length: 48 }, (_, i) => (i === 2 ? 77 : 0)).buffer),
    });
    expect([loaded.global('mark'), loaded.global('length'), skb.retval]).toEqual([77, 64, 1]);
    expect(new DataView(skb.contextOut!.buffer, skb.contextOut!.byteOffset).getUint32(8, true)).toBe(9);

    const raw = loaded.programs.get('raw')!;
    raw.run({ context: new Uint8Array(BigUint64Array.of(1n, 4711n).buffer), repeat: 5 });
    expect([loaded.global('argument'), loaded.global('runs')]).toEqual([4711n, 5]);

    const called = loaded.programs.get('call')!.run({ context: new Uint8Array(BigUint64Array.of(21n, 0n).buffer) });
    expect(called.retval).toBe(3);
    expect(new DataView(called.contextOut!.buffer, called.contextOut!.byteOffset).getBigUint64(8, true)).toBe(42n);
  });
});

function load(source: string): Loaded {
  const head = '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n';
  const text = `${head}${source}\nchar LICENSE[] SEC("license") = "GPL";\n`;
  return open('given.bpf.c', new TextEncoder().encode(text), { vmlinux: compileTypes }).spec.load(kernel());
}

function configuration(): string | undefined {
  try {
    return gunzipSync(readFileSync('/proc/config.gz')).toString();
  } catch {
    try {
      return readFileSync(`/boot/config-${kernelRelease()}`, 'utf8');
    } catch {
      return undefined;
    }
  }
}
