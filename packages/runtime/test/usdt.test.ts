import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernel as openKernel } from '@skep/kernel';
import { afterAll, describe, expect, it } from 'vitest';
import { compileTypes, kernel, type Loaded, open } from '../src/index.ts';
import { USDT_TARGET } from './guest/usdt-target.ts';

const SOURCE = (probe: string, path: string) => `
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#define BPF_USDT_MAX_SPEC_CNT 4
#include <bpf/usdt.bpf.h>
long seen[5], cookie, count, beyond;
SEC("usdt/${path}:skep:${probe}") int calls(struct pt_regs *ctx)
{
	count = bpf_usdt_arg_cnt(ctx);
	for (int i = 0; i < 4; i++)
		bpf_usdt_arg(ctx, i, &seen[i]);
	beyond = bpf_usdt_arg(ctx, 12, &seen[4]);
	cookie = bpf_usdt_cookie(ctx);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
`;

const folder = mkdtempSync(join(tmpdir(), 'skep-usdt-'));
afterAll(() => rmSync(folder, { recursive: true }));

function whyNot(): string | undefined {
  if (process.arch !== 'x64') return 'the probes are those of x86-64';
  try {
    if (process.getuid?.() !== 0) return 'needs root';
    for (const feature of ['uprobe', 'perf_link'] as const)
      if (!openKernel().probeFeature(feature).ok) return `this kernel has no ${feature}`;
    writeFileSync(join(folder, 'target.c'), USDT_TARGET);
    execFileSync('gcc', ['-O1', '-no-pie', '-o', join(folder, 'target'), join(folder, 'target.c')]);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
const absent = whyNot();

describe.skipIf(absent !== undefined)(`arguments of static probes (${absent ?? 'here'})`, () => {
  const path = join(folder, 'target');
  const load = (probe: string): Loaded =>
    open('usdt.bpf.c', new TextEncoder().encode(SOURCE(probe, path)), {
      vmlinux: compileTypes,
      defines: ['__TARGET_ARCH_x86'],
    }).spec.load(kernel());

  it('are read place by place, with the cookie, and the semaphore is raised meanwhile', async () => {
    const loaded = load('calls');
    const child = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] });
    const say = async (byte: string): Promise<string> => {
      child.stdin.write(byte);
      return String((await once(child.stdout, 'data'))[0]).trim();
    };
    try {
      expect(await say('x')).toBe('0');
      const first = loaded.programs.get('calls')!.attach({ pid: child.pid!, cookie: 0x1234_5678_9abcn });
      expect(Number(await say('x'))).toBeGreaterThan(0);
      expect(loaded.global('seen')).toEqual([-120n, -300n, -5n, 77n, 0n]);
      expect(loaded.global('count')).toBe(4n);
      expect(loaded.global('beyond')).toBe(-2n);
      expect(loaded.global('cookie')).toBe(0x1234_5678_9abcn);
      await say('y');
      expect(loaded.global('seen')).toEqual([BigInt(256 - 121), 7n, 0n, 0n, 0n]);
      expect(loaded.global('count')).toBe(2n);
      first.close();
      expect(await say('x')).toBe('0');
      expect(loaded.global('count')).toBe(2n);
      // Each takes two of four entries, and gives them back.
      const attach = (cookie: number) => loaded.programs.get('calls')!.attach({ pid: child.pid!, cookie });
      const links = [attach(1), attach(2), attach(2)];
      expect(() => attach(3)).toThrow(/E8023.*the 4 that there is room for/s);
      links.shift()!.close();
      links.push(attach(3));
      for (const link of links) link.close();
    } finally {
      child.kill();
      loaded.close();
    }
  });

  it('are refused by name where nobody can read them', () => {
    const loaded = load('odd');
    try {
      expect(() => loaded.programs.get('calls')!.attach({ pid: process.pid })).toThrow(/E8023.*skep:odd.*8f@%xmm0/s);
    } finally {
      loaded.close();
    }
  });
});
