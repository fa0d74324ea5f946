import { spawn } from 'node:child_process';
import { lookup } from 'node:dns';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { permitted } from '@skep/kernel';
import { readRecording } from 'skep';
import { afterAll, describe, expect, it } from 'vitest';
import { outputOf, tool } from './testing.ts';

const scratch = mkdtempSync(join(tmpdir(), 'skep-tools-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const permission = permitted();
const closed = !permission.ok
  ? permission.message
  : existsSync('/sys/kernel/btf/vmlinux')
    ? undefined
    : 'this kernel shows no BTF';

/** Starts, opens, fails to open, waits, signals, reads: something for most tools. */
const WORK =
  'cat /etc/hostname /no/such/file 2>/dev/null; sleep 0.05; kill -0 $$; dd if=/dev/zero of=/dev/null count=500 2>/dev/null; exit 3';

describe.skipIf(closed !== undefined)(
  `recording tools${closed ? ` (skipped: ${closed})` : ''}`,
  { timeout: 60_000 },
  () => {
    it.each([
      ['opensnoop', { failed: true, timestamp: true }, /no\/such\/file/],
      ['execsnoop', { time: true }, /sleep 0.05/],
      ['exitsnoop', {}, /"code":3|exit/],
      ['killsnoop', {}, /kill|sh/],
      ['syscount', {}, /openat/],
      ['syscount', { process: true, latency: true }, /"comm":"sh"/],
      ['runqlat', {}, /buckets/],
      ['runqlat', { pids: true }, /pid = \d+/],
      ['offcputime', {}, /sleep/],
      ['profile', { frequency: 997 }, /dd/],
    ] as const)('%s %j shows the same again', async (name, options, expected) => {
      const file = join(scratch, `${name}${Object.keys(options).join('')}.skep`);
      const one = tool(name);
      const record = () => outputOf(one, { ...options, record: file, command: WORK, output: 'jsonl' });
      let live = await record();
      // Hooks of the scheduler see the whole machine: when it is busy, more than the recorder can write.
      for (let i = 0; i < 3 && !/, 0 lost/.test(live.err); i++) live = await record();
      expect(live.out).toMatch(expected);
      const [, lost] = /recorded \d+ runs, (\d+) lost/.exec(live.err)!;
      if (lost !== '0') {
        console.warn(`${name}: not compared, this machine is too busy to be recorded whole (${lost} runs lost)`);
        return;
      }
      const again = await outputOf(one, { replay: file, output: 'jsonl' });
      expect(again.out).toBe(live.out);
      // As a table too, in the columns that were asked for.
      if (one.name === 'opensnoop' && 'timestamp' in options) {
        const table = await outputOf(one, { replay: file });
        expect(table.out).toMatch(/^ *TIME\(s\)/);
      }
    });

    it.each([
      ['syscount', ['0.3'], {}],
      ['filetop', ['0.3', '2'], { noclear: true }],
      ['runqlat', ['0.3'], { timestamp: true }],
      ['funccount', ['c:write'], { interval: 1 }],
      ['trace', ['c:open "%s %d", arg1, arg2', 'r::sys_openat (retval < 0) "%d", retval'], { timestamp: true }],
      // Two programs at one place: each has runs of its own.
      [
        'argdist',
        [],
        {
          counter: ['p:c:write(int fd):int:fd', 'p:c:write(int fd):int:1'],
          histogram: ['r::sys_read():int64:retval'],
          interval: 1,
        },
      ],
    ] as const)('%s %j shows the same intervals and places again', async (name, args, options) => {
      const file = join(scratch, `${name}-intervals.skep`);
      const one = tool(name);
      const command = 'for i in 1 2 3; do cat /etc/hostname /no/such/file 2>/dev/null; sleep 0.4; done';
      const live = await outputOf(one, { ...options, record: file, command }, { args });
      const [, lost] = /recorded \d+ runs, (\d+) lost/.exec(live.err)!;
      if (lost !== '0') {
        console.warn(`${name}: not compared, this machine is too busy to be recorded whole (${lost} runs lost)`);
        return;
      }
      const again = await outputOf(one, { replay: file });
      expect(again.out).toBe(live.out);
      const tables = live.out.match(/^(SYSCALL|TID|FUNC|\[[\d:]+\]|[\d:]+ loadavg.*| +usecs .*)/gm)!;
      if (name !== 'trace') expect(tables.length).toBeGreaterThan(1);
    });

    it('leaves out functions of processes that are not meant', async () => {
      const file = join(scratch, 'functions.skep');
      const asking = setInterval(() => lookup('localhost', () => {}), 20);
      const { out } = await outputOf(tool('gethostlatency'), {
        record: file,
        command: 'getent ahosts localhost; sleep 0.3',
      });
      clearInterval(asking);
      expect(out).toMatch(/getent .*localhost/);
      const { blocks } = await readRecording(file);
      const pids = blocks.flatMap((one) => (one.kind === 'run' ? [Number(one.run.pidTgid >> 32n)] : []));
      expect(pids.length).toBeGreaterThan(0);
      expect(pids).not.toContain(process.pid);
    });

    it('shows several processes, and of a recording some of them', async () => {
      const file = join(scratch, 'several.skep');
      const paths = ['/etc/hostname', '/etc/hosts', '/etc/passwd'];
      const children = paths.map((path) => spawn('/bin/sh', ['-c', `while :; do cat ${path}; sleep 0.05; done`]));
      const pids = children.map((one) => one.pid!);
      const opened = (out: string) => paths.filter((path) => out.includes(`"path":"${path}"`));
      try {
        const two = { pid: `${pids[0]},${pids[1]}`, output: 'jsonl' };
        const live = await outputOf(tool('opensnoop'), { ...two, record: file, duration: 500 });
        expect(opened(live.out)).toEqual(paths.slice(0, 2));
        const again = await outputOf(tool('opensnoop'), { replay: file, output: 'jsonl' });
        // Two processors at once have no order.
        const sorted = (out: string) => out.split('\n').sort();
        if (/, 0 lost/.test(live.err)) expect(sorted(again.out)).toEqual(sorted(live.out));
        const one = await outputOf(tool('opensnoop'), { replay: file, output: 'jsonl', pid: String(pids[1]) });
        expect(opened(one.out)).toEqual(paths.slice(1, 2));
      } finally {
        for (const one of children) one.kill('SIGKILL');
      }
    });

    it('keeps names, the command and the clock', async () => {
      const file = join(scratch, 'names.skep');
      await outputOf(tool('offcputime'), {
        record: file,
        command: 'sleep 0.05',
        kernelStacksOnly: true,
        output: 'jsonl',
      });
      const { blocks, header } = await readRecording(file);
      expect(header.command).toEqual(['/bin/sh', '-c', 'sleep 0.05']);
      const named = blocks.find((one) => one.kind === 'names')!;
      expect(Object.keys(named.names).some((one) => one.startsWith('kernel 0x'))).toBe(true);
      expect(blocks.find((one) => one.kind === 'tool')).toMatchObject({
        tool: { name: 'offcputime', route: 'sched', options: { kernelStacksOnly: true } },
      });
    });
  },
);
