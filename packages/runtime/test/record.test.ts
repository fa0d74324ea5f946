import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { permitted } from '@skep/kernel';
import { afterAll, describe, expect, it } from 'vitest';
import {
  compileTypes,
  open,
  openFile,
  type RunSummary,
  readRecording,
  recordingBeside,
  run,
  type Spec,
  type Value,
} from '../src/index.ts';

const example = new URL('../../../examples/opens.bpf.c', import.meta.url).pathname;
const scratch = mkdtempSync(join(tmpdir(), 'skep-record-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const permission = permitted();

async function rowsOf(spec: Spec, options: Parameters<typeof run>[1]): Promise<{ rows: Value[]; summary: RunSummary }> {
  const rows: Value[] = [];
  const summary = await run(spec, options, { records: (batch) => rows.push(...batch) });
  return { rows, summary };
}

describe('the example, over the recording that ships with it', () => {
  it('shows in the virtual machine what the recorded command opened', async () => {
    const path = recordingBeside(example)!;
    const { spec } = openFile(example);
    const { rows, summary } = await rowsOf(spec, { home: 'vm', recording: () => readRecording(path) });
    const opened = rows as { path: string; comm: string; fd: number; err: number }[];
    expect(opened.map((row) => row.path)).toContain('/etc/passwd');
    expect(opened.find((row) => row.path === '/no/such/file')).toMatchObject({ comm: 'cat', fd: -1, err: 2 });
    expect(summary).toMatchObject({ home: 'vm', lost: 0, events: rows.length });
  });

  it('counts only as many events as were asked for', async () => {
    const path = recordingBeside(example)!;
    const { rows } = await rowsOf(openFile(example).spec, {
      home: 'vm',
      recording: () => readRecording(path),
      count: 3,
    });
    expect(rows).toHaveLength(3);
  });

  it('takes an edited program, and other values of its variables', async () => {
    const path = recordingBeside(example)!;
    const text = readFileSync(example, 'utf8').replace('#define PATH_SIZE 256', '#define PATH_SIZE 8');
    const { spec } = open('edited.bpf.c', new TextEncoder().encode(text), { vmlinux: compileTypes });
    const everything = await rowsOf(spec, {
      home: 'vm',
      recording: () => readRecording(path),
      globals: { target_tgid: 0 },
    });
    const filtered = await rowsOf(spec, { home: 'vm', recording: () => readRecording(path) });
    expect(everything.rows.length).toBeGreaterThanOrEqual(filtered.rows.length);
    expect(filtered.rows.map((row) => (row as { path: string }).path)).toContain('/etc/pa');
    const nobody = await rowsOf(spec, {
      home: 'vm',
      recording: () => readRecording(path),
      globals: { target_tgid: 1 },
    });
    expect(nobody.rows).toEqual([]);
  });

  it('is refused without a recording, by code', async () => {
    await expect(rowsOf(openFile(example).spec, { home: 'vm' })).rejects.toThrow(/E8011/);
  });
});

/** Everything that it tells comes through loads, most of them inside of loops and functions. */
const TYPED = `
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
struct row { int pid, tgid, old, ancestors, argc; long long flags; char name[16]; char parent[16]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } rows SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, int); __type(value, long); } counts SEC(".maps");
const volatile __u32 target_tgid = 0;
static __attribute__((noinline)) int depth(struct task_struct *task)
{
	int count = 0;
	for (int i = 0; i < 20 && task->pid != 1 && task->pid != 0; i++) {
		count++;
		task = task->real_parent;
	}
	return count;
}
static __attribute__((always_inline)) int is_target(struct task_struct *task)
{
	for (int i = 0; i < 8; i++) {
		if (task->tgid == target_tgid)
			return 1;
		task = task->real_parent;
	}
	return 0;
}
SEC("tp_btf/sched_process_exec")
int BPF_PROG(executed, struct task_struct *task, int old, struct linux_binprm *program)
{
	struct row *row;
	long one = 1, *count;
	int key = task->tgid;
	if (target_tgid && !is_target(task))
		return 0;
	bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
	count = bpf_map_lookup_elem(&counts, &key);
	if (!count)
		return 0;
	*count += task->flags & 1;
	row = bpf_ringbuf_reserve(&rows, sizeof(*row), 0);
	if (!row)
		return 0;
	row->pid = task->pid; row->tgid = task->tgid; row->old = old; row->argc = program->argc;
	row->flags = task->flags + *count;
	row->ancestors = depth(task);
	for (int i = 0; i < 16; i++) {
		row->name[i] = task->comm[i];
		row->parent[i] = task->real_parent->comm[i];
	}
	bpf_ringbuf_submit(row, 0);
	return 0;
}
`;

function clang(source: string): Spec {
  const [input, output] = [join(scratch, 'typed.bpf.c'), join(scratch, 'typed.bpf.o')];
  writeFileSync(
    join(scratch, 'vmlinux.h'),
    execFileSync('bpftool', ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux', 'format', 'c'], { maxBuffer: 1 << 26 }),
  );
  writeFileSync(input, source);
  execFileSync('clang-19', [
    '-O2',
    '-g',
    '-target',
    'bpf',
    '-D__TARGET_ARCH_x86',
    `-I${scratch}`,
    '-c',
    input,
    '-o',
    output,
  ]);
  return openFile(output).spec;
}

const closed = permission.ok
  ? existsSync('/sys/kernel/btf/vmlinux')
    ? undefined
    : 'this kernel shows no BTF'
  : permission.message;
describe.skipIf(closed !== undefined)(`recording${closed ? ` (skipped: ${closed})` : ''}`, () => {
  it('gives the same rows in the virtual machine as in the kernel, value for value', async () => {
    const file = join(scratch, 'opens.skep');
    const { spec } = openFile(example);
    const command = ['/bin/sh', '-c', 'cat /etc/hostname /no/such/file; : </etc/passwd; exit 0'];
    const live = await rowsOf(spec, { home: 'kernel', record: file, command });
    expect(live.rows.length).toBeGreaterThan(4);
    expect(live.summary.recorded).toMatchObject({ lost: 0n });
    const replayed = await rowsOf(spec, { home: 'vm', recording: () => readRecording(file) });
    expect(replayed.rows).toEqual(live.rows);
    // Contexts of tracepoints begin with what programs cannot read: nothing of the kernel's is kept there.
    const recording = await readRecording(file);
    const runs = recording.blocks.flatMap((one) => (one.kind === 'run' ? [one.run] : []));
    expect(runs.every((one) => one.context.subarray(0, 8).every((byte) => byte === 0))).toBe(true);
  });

  it.each(['skep', 'clang'])('does so for programs that load through typed pointers, compiled by %s', async (by) => {
    if (by === 'clang' && !existsSync('/usr/bin/clang-19')) return;
    const file = join(scratch, `typed-${by}.skep`);
    const spec =
      by === 'skep'
        ? open('typed.bpf.c', new TextEncoder().encode(TYPED), { vmlinux: compileTypes }).spec
        : clang(TYPED);
    const command = ['/bin/sh', '-c', '/bin/cat /dev/null; /bin/true a b c; exit 0'];
    const live = await rowsOf(spec, { home: 'kernel', record: file, command });
    expect(live.rows.length).toBeGreaterThan(1);
    // clang leaves out the types of what no variable has: these rows are bytes.
    const names = live.rows.map((row) => (row instanceof Uint8Array ? row : (row as { name: string }).name));
    if (by === 'skep') expect(names).toContain('cat');
    expect(live.summary.recorded).toMatchObject({ lost: 0n });
    const replayed = await rowsOf(spec, { home: 'vm', recording: () => readRecording(file) });
    expect(replayed.rows).toEqual(live.rows);
  });

  it('shows the events of the command and its children only', async () => {
    const { spec } = openFile(example);
    const { rows } = await rowsOf(spec, { home: 'kernel', command: ['/bin/sh', '-c', 'cat /etc/hostname'] });
    const pids = new Set((rows as { pid: number }[]).map((row) => row.pid));
    expect(pids.size).toBeLessThanOrEqual(2);
    expect(rows.some((row) => (row as { path: string }).path === '/etc/hostname')).toBe(true);
    expect(readFileSync('/etc/hostname').length).toBeGreaterThan(0);
  });
});
