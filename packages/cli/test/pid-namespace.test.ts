import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { permitted } from '@skep/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli } from './support/cli.ts';

const isolated = (command: string) =>
  spawnSync('unshare', ['--pid', '--fork', '--mount-proc', '/bin/sh', '-c', command], { encoding: 'utf8' });
const permission = permitted();
const closed = !permission.ok
  ? permission.message
  : !existsSync('/sys/kernel/btf/vmlinux')
    ? 'this kernel shows no BTF'
    : isolated('true').status !== 0
      ? 'unshare cannot make a PID namespace here'
      : undefined;

describe.skipIf(closed !== undefined)(
  `in another PID namespace${closed ? ` (skipped: ${closed})` : ''}`,
  { timeout: 120_000 },
  () => {
    let cli: Cli;
    beforeAll(async () => {
      cli = await Cli.make();
    }, 60_000);
    afterAll(() => cli.remove());

    it('a tool finds its command by the number that it has there, and says whose numbers it shows', () => {
      const { stdout, stderr } = isolated(`${cli.shell} opensnoop -o jsonl -- cat /etc/hostname`);
      expect(stdout).toContain('"path":"/etc/hostname"');
      expect(stderr).toContain('hostPID: true');
    });

    it('a process is chosen by the number that it has there', () => {
      const others = 'while :; do cat /etc/passwd > /dev/null; sleep 0.05; done';
      const mine = others.replace('passwd', 'hostname');
      const { stdout } = isolated(
        `(${others}) & (${mine}) & ${cli.shell} opensnoop -o jsonl -p $! -d 500ms; kill %1 %2`,
      );
      expect(stdout).toContain('"path":"/etc/hostname"');
      expect(stdout).not.toContain('"path":"/etc/passwd"');
    });

    it('doctor says so', () => {
      expect(isolated(`${cli.shell} doctor`).stdout).toMatch(/that the kernel knows them by +no .*hostPID: true/);
    });
  },
);
