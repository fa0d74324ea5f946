import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtinHeader, builtinHeaderNames } from '../src/c/headers/index.ts';
import { clang, run } from './preprocess-support.ts';

const DEFS = '/usr/include/bpf/bpf_helper_defs.h';
const BTF = '/sys/kernel/btf/vmlinux';

const UAPI = `${builtinHeaderNames()
  .filter((name) => !name.startsWith('bpf'))
  .map((name) => `#include <${name}>\n`)
  .join('')}
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
_Static_assert(sizeof(struct ethhdr) == 14 && sizeof(struct iphdr) == 20 && sizeof(struct ipv6hdr) == 40, "");
_Static_assert(sizeof(struct tcphdr) == 20 && sizeof(struct udphdr) == 8 && sizeof(struct icmphdr) == 8, "");
_Static_assert(sizeof(struct __sk_buff) == 192 && sizeof(struct bpf_sock_ops) == 224, "");
_Static_assert(___bpf_swab64(0x0102030405060708ULL) == 0x0807060504030201ULL, "");
SEC("xdp") int pass(struct xdp_md *ctx) { return bpf_htons(ETH_P_IP) == 8 ? XDP_PASS : XDP_DROP; }
SEC("kprobe/x") int BPF_KPROBE(probe, int a, long b) { return a + b; }
`;

const TRACING = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>
char LICENSE[] SEC("license") = "GPL";
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 10); __type(key, u32); __type(value, u64); } hash SEC(".maps");
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, int); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 1); __type(key, int); __array(values, struct inner); } outer SEC(".maps");
SEC("kprobe/do_unlinkat")
int BPF_KPROBE(enter, int dfd, struct filename *name) {
  struct task_struct *task = (void *)bpf_get_current_task();
  int tgid = BPF_CORE_READ(task, real_parent, tgid), into;
  const char *file = BPF_CORE_READ(name, name);
  char comm[16];
  BPF_CORE_READ_STR_INTO(&comm, task, real_parent, comm);
  BPF_CORE_READ_INTO(&into, task, real_parent, real_parent, real_parent, tgid);
  bpf_printk("none");
  bpf_printk("one %d", tgid);
  bpf_printk("four %d %s %d %d", tgid, file, 3, dfd);
  if (bpf_core_field_exists(task->cgroups) && bpf_core_field_exists(struct task_struct, flags))
    into += bpf_core_field_size(struct task_struct, comm) + bpf_core_field_offset(task->pid);
  if (bpf_core_type_exists(struct task_struct) && bpf_core_enum_value_exists(enum bpf_map_type, BPF_MAP_TYPE_HASH))
    into += bpf_core_type_size(struct task_struct) + bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_HASH);
  into += BPF_CORE_READ_BITFIELD_PROBED(task, in_execve) + bpf_core_type_id_local(struct task_struct);
  return into + bpf_htons(3) + bpf_ntohl(tgid);
}
SEC("kretprobe/do_unlinkat")
int BPF_KRETPROBE(leave, long ret) {
  int i, sum = 0;
  bpf_for(i, 0, 10) sum += i;
  bpf_repeat(3) sum++;
  return ret + sum;
}
SEC("fentry/do_unlinkat")
int BPF_PROG(fentry, int dfd, struct filename *name) {
  char text[32];
  return BPF_SNPRINTF(text, sizeof(text), "%d", dfd);
}
SEC("ksyscall/kill")
int BPF_KSYSCALL(kill, int pid, int sig) {
  struct task_struct *task = bpf_core_cast((void *)bpf_get_current_task(), struct task_struct);
  barrier();
  return pid + sig + task->pid;
}
SEC("kprobe/x")
int registers(struct pt_regs *ctx) {
  return PT_REGS_PARM7(ctx) + PT_REGS_IP(ctx) + PT_REGS_RC_CORE(ctx) + PT_REGS_PARM4_CORE_SYSCALL(ctx);
}
`;

describe('built-in headers', () => {
  it.each(builtinHeaderNames())('%s can stand alone and be included twice', (name) => {
    const { diagnostics, dependencies } = run(
      `#include <${name}>\n#include <${name}>`,
      {},
      { defines: ['__TARGET_ARCH_x86'] },
    );
    expect(diagnostics).toEqual([]);
    expect(dependencies.length).toBeGreaterThan(1);
  });

  it('expand without complaint', () => {
    for (const target of ['x86', 'arm64']) {
      const { diagnostics, tokens } = run(TRACING, {}, { defines: [`__TARGET_ARCH_${target}`] });
      expect(diagnostics).toEqual([]);
      expect(tokens.length).toBeGreaterThan(1000);
    }
  });

  it('say what is missing where registers are used without a target', () => {
    const { diagnostics } = run('#include <bpf/bpf_tracing.h>\nint a = PT_REGS_PARM1(ctx);');
    expect(diagnostics.map((one) => one.message).join()).toContain('define -D__TARGET_ARCH_x86');
  });
});

const missing = clang === undefined ? 'clang-19' : !existsSync(DEFS) ? DEFS : undefined;
describe.skipIf(missing !== undefined)(`right C for clang-19 (skipped without ${missing ?? 'clang-19'})`, () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'skep-headers-'));
    for (const name of builtinHeaderNames()) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), builtinHeader(name)!.text);
    }
    copyFileSync(DEFS, join(directory, 'bpf/bpf_helper_defs.h'));
    copyFileSync(DEFS, join(directory, 'bpf_helper_defs.h'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const compile = (text: string, target: string) => {
    const options = ['-O2', '-g', '-target', 'bpf', '-mcpu=v3', '-nostdinc', `-D__TARGET_ARCH_${target}`];
    return spawnSync(clang!, [...options, `-I${directory}`, '-x', 'c', '-c', '-o', '/dev/null', '-'], {
      input: text,
    }).stderr.toString();
  };

  it.each(['x86', 'arm64'])('UAPI headers for %s', (target) => {
    expect(compile(UAPI, target)).toBe('');
  });

  it('tracing headers with the vmlinux.h of this kernel', (context) => {
    if (process.arch !== 'x64') context.skip('the kernel is not one of x86-64');
    if (!existsSync(BTF)) context.skip(`no ${BTF}`);
    let header: Buffer;
    try {
      header = execFileSync('bpftool', ['btf', 'dump', 'file', BTF, 'format', 'c'], { maxBuffer: 1 << 26 });
    } catch {
      context.skip('no bpftool');
      return;
    }
    writeFileSync(join(directory, 'vmlinux.h'), header);
    expect(compile(TRACING, 'x86')).toBe('');
  });
});
