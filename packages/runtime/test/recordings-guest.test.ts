import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleModule } from '../../../scripts/bundle-module.mjs';
import { boot, fetchKernel, whyNotBoot } from '../../../vmtest/index.mjs';
import { bundledTypes, open, openFile, readRecording, run, type Value } from '../src/index.ts';
import type { Recorded } from './guest/recordings.ts';
import { told } from './guest/told.ts';

/** What a typed program did in a kernel of another machine, again in the virtual machine of this one: the same rows. */
const SERIES = '6.12';
const MINUTES = 60_000;
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const OUT = `${REPOSITORY}.cache/kernel-test/recordings`;
const why = whyNotBoot();
if (why !== undefined) console.warn(`guests are not booted: ${why}`);

const HEAD = `
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
struct row { int pid; int number; __u64 inode, size; __u32 mode, links; char name[24]; char parent[16]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } rows SEC(".maps");
const volatile __u32 target_tgid = 0;

static struct row *start(void)
{
	struct task_struct *task = bpf_get_current_task_btf(), *above = task;
	struct row *row;
	int own = 0;
	for (int i = 0; i < 4; i++) {
		if (above->tgid == target_tgid)
			own = 1;
		above = above->real_parent;
	}
	if (target_tgid && !own)
		return 0;
	row = bpf_ringbuf_reserve(&rows, sizeof(*row), 0);
	if (!row)
		return 0;
	__builtin_memset(row, 0, sizeof(*row));
	row->pid = task->pid;
	for (int i = 0; i < 16; i++)
		row->parent[i] = task->real_parent->comm[i];
	return row;
}
`;

const SOURCES: Readonly<Record<string, string>> = {
  fentry: `${HEAD}
SEC("fentry/do_unlinkat") int BPF_PROG(removes, int dfd, struct filename *name)
{
	struct row *row = start();
	if (!row)
		return 0;
	row->number = dfd;
	bpf_probe_read_kernel_str(row->name, sizeof(row->name), name->name);
	bpf_ringbuf_submit(row, 0);
	return 0;
}
SEC("fexit/do_unlinkat") int BPF_PROG(removed, int dfd, struct filename *name, int result)
{
	struct row *row = start();
	if (!row)
		return 0;
	row->number = result;
	bpf_ringbuf_submit(row, 0);
	return 0;
}
`,
  lsm: `${HEAD}
SEC("lsm/file_open") int BPF_PROG(opens, struct file *file)
{
	struct row *row = start();
	if (!row)
		return 0;
	row->inode = file->f_inode->i_ino;
	row->size = file->f_inode->i_size;
	row->mode = file->f_inode->i_mode;
	row->links = file->f_inode->i_nlink;
	bpf_probe_read_kernel_str(row->name, sizeof(row->name), file->f_path.dentry->d_name.name);
	bpf_ringbuf_submit(row, 0);
	return 0;
}
`,
  tracepoint: `${HEAD}
SEC("tp_btf/sched_process_exec") int BPF_PROG(starts, struct task_struct *task, int old, struct linux_binprm *program)
{
	struct row *row = start();
	if (!row)
		return 0;
	row->number = program->argc;
	row->inode = program->file->f_inode->i_ino;
	row->mode = task->flags;
	for (int i = 0; i < 16; i++)
		row->name[i] = task->comm[i];
	bpf_ringbuf_submit(row, 0);
	return 0;
}
`,
};

function objectOf(name: string): Uint8Array {
  const { compiled } = open(`${name}.bpf.c`, new TextEncoder().encode(SOURCES[name]), { vmlinux: bundledTypes });
  return compiled!.object;
}

it('the programs compile', () => {
  for (const name of Object.keys(SOURCES)) expect(objectOf(name).length).toBeGreaterThan(0);
});

describe.skipIf(why !== undefined)(`recordings of typed programs, from a guest with Linux ${SERIES}`, () => {
  let unavailable: string | undefined;
  const recorded = new Map<string, Recorded>();
  beforeAll(async () => {
    mkdirSync(OUT, { recursive: true });
    const objects = Object.keys(SOURCES).map((name) => {
      const path = `${OUT}/${name}.bpf.o`;
      writeFileSync(path, objectOf(name));
      return path;
    });
    const outfile = `${OUT}/recordings.mjs`;
    await bundleModule(fileURLToPath(new URL('guest/recordings.ts', import.meta.url)), outfile);
    let kernel: ReturnType<typeof fetchKernel>;
    try {
      kernel = fetchKernel(SERIES);
    } catch (error) {
      unavailable = `kernel ${SERIES} cannot be fetched: ${(error as Error).message.split('\n')[0]}`;
      return;
    }
    const result = await boot(kernel, [process.execPath, outfile, ...objects], { cwd: REPOSITORY, timeout: 800 });
    expect(result.code, `${result.how}\n${result.console}\n${result.output}`).toBe(0);
    for (const line of result.output.split('\n').filter((one) => one.startsWith('{'))) {
      const one = JSON.parse(line) as Recorded;
      recorded.set(one.name, one);
    }
  }, 16 * MINUTES);

  for (const name of Object.keys(SOURCES)) {
    it(
      name,
      async (ctx) => {
        if (unavailable !== undefined) ctx.skip(unavailable);
        const there = recorded.get(name)!;
        expect(there.reason).toBeUndefined();
        expect(there.count).toBeGreaterThan(1);
        const file = `${OUT}/${name}.skep`;
        writeFileSync(file, Buffer.from(there.recording!, 'base64'));
        const { spec } = openFile(`${OUT}/${name}.bpf.o`);
        for (let turn = 0; turn < 2; turn++) {
          const rows: Value[] = [];
          const options = { home: 'vm' as const, recording: () => readRecording(file) };
          await run(spec, options, { records: (batch) => rows.push(...batch) });
          expect(told(rows)).toBe(there.rows);
        }
      },
      MINUTES,
    );
  }
});
