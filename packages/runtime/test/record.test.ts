import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
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

  it('shows the events of the command and its children only', async () => {
    const { spec } = openFile(example);
    const { rows } = await rowsOf(spec, { home: 'kernel', command: ['/bin/sh', '-c', 'cat /etc/hostname'] });
    const pids = new Set((rows as { pid: number }[]).map((row) => row.pid));
    expect(pids.size).toBeLessThanOrEqual(2);
    expect(rows.some((row) => (row as { path: string }).path === '/etc/hostname')).toBe(true);
    expect(readFileSync('/etc/hostname').length).toBeGreaterThan(0);
  });
});
