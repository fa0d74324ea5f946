import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ATTACH_TYPES, dated, hookOfSection, PROG_TYPES, SECTIONS } from '../src/index.ts';

describe('hookOfSection', () => {
  it.each([
    ['kprobe/do_unlinkat', 'BPF_PROG_TYPE_KPROBE', undefined, 'do_unlinkat'],
    ['kprobe', 'BPF_PROG_TYPE_KPROBE', undefined, undefined],
    ['kprobe.multi/tcp_*', 'BPF_PROG_TYPE_KPROBE', 'BPF_TRACE_KPROBE_MULTI', 'tcp_*'],
    ['tp/syscalls/sys_enter_openat', 'BPF_PROG_TYPE_TRACEPOINT', undefined, 'syscalls/sys_enter_openat'],
    ['uprobe//usr/bin/bash:readline', 'BPF_PROG_TYPE_KPROBE', undefined, '/usr/bin/bash:readline'],
    ['raw_tp.w/bpf_test', 'BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE', undefined, 'bpf_test'],
    ['xdp', 'BPF_PROG_TYPE_XDP', 'BPF_XDP', undefined],
    ['xdp/devmap', 'BPF_PROG_TYPE_XDP', 'BPF_XDP_DEVMAP', undefined],
    ['tc', 'BPF_PROG_TYPE_SCHED_CLS', undefined, undefined],
    ['tcx/egress', 'BPF_PROG_TYPE_SCHED_CLS', 'BPF_TCX_EGRESS', undefined],
    ['cgroup/connect4', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET4_CONNECT', undefined],
    ['struct_ops/init', 'BPF_PROG_TYPE_STRUCT_OPS', undefined, 'init'],
  ])('%s', (section, programType, attachType, target) => {
    expect(hookOfSection(section)).toMatchObject({ programType, attachType, target });
  });

  it('tells sleepable programs and frags', () => {
    expect(hookOfSection('lsm.s/file_open')).toMatchObject({
      sleepable: true,
      flags: ['BPF_F_SLEEPABLE'],
      target: 'file_open',
    });
    expect(hookOfSection('fentry/vfs_read')).toMatchObject({ sleepable: false, flags: [] });
    expect(hookOfSection('xdp.frags')).toMatchObject({ flags: ['BPF_F_XDP_HAS_FRAGS'] });
    expect(hookOfSection('syscall')).toMatchObject({ sleepable: true });
  });

  it.each(['', 'xdp/eth0', 'kprobes/foo', '?kprobe/foo', '.text', 'maps', 'tcx/', 'constructor', '/'])(
    'does not know %j',
    (section) => {
      expect(hookOfSection(section)).toBeUndefined();
    },
  );

  it('has every prefix once', () => {
    expect(new Set(SECTIONS.map(({ prefix }) => prefix)).size).toBe(SECTIONS.length);
  });
});

/** Newer than the libbpf of the machine may be: it answers for those that it knows. */
it('libbpf says the same of every section it knows', (test) => {
  const names = SECTIONS.map((rule) => (rule.match === 'target' ? `${rule.prefix}/x` : rule.prefix));
  const answers = askLibbpf(names);
  if (answers === undefined) test.skip('needs gcc and libbpf-dev');
  let known = 0;
  names.forEach((name, index) => {
    const [programType, attachType] = answers![index]!;
    if (programType < 0) return;
    known++;
    const hook = hookOfSection(name)!;
    expect(dated(PROG_TYPES, hook.programType).value, name).toBe(programType);
    const ours = hook.attachType === undefined ? 0 : dated(ATTACH_TYPES, hook.attachType).value;
    // libbpf before 1.3 gave tc sections no attach type.
    if (!name.startsWith('tc/')) expect(ours, name).toBe(attachType);
  });
  expect(known).toBeGreaterThan(80);
});

function askLibbpf(names: readonly string[]): (readonly [number, number])[] | undefined {
  const work = mkdtempSync(join(tmpdir(), 'skep-sections-'));
  try {
    writeFileSync(
      join(work, 'ask.c'),
      `#include <stdio.h>
       #include <bpf/libbpf.h>
       static int quiet(enum libbpf_print_level level, const char *format, va_list list) { return 0; }
       int main(int argc, char **argv) {
         libbpf_set_print(quiet);
         for (int i = 1; i < argc; i++) {
           enum bpf_prog_type type = 0; enum bpf_attach_type attach = 0;
           int bad = libbpf_prog_type_by_name(argv[i], &type, &attach);
           printf("%d %d\\n", bad ? -1 : (int)type, (int)attach);
         }
       }`,
    );
    const built = spawnSync('gcc', ['-o', join(work, 'ask'), join(work, 'ask.c'), '-lbpf'], { encoding: 'utf8' });
    if (built.status !== 0) return undefined;
    const run = spawnSync(join(work, 'ask'), [...names], { encoding: 'utf8' });
    return run.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number) as [number, number]);
  } finally {
    rmSync(work, { recursive: true });
  }
}
