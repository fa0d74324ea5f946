import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compile } from '../src/index.ts';

const BTF = '/sys/kernel/btf/vmlinux';
const missing = !existsSync(BTF)
  ? 'this kernel shows no BTF'
  : spawnSync('bpftool', ['version']).status !== 0
    ? 'bpftool is not installed'
    : undefined;

describe('vmlinux.h as bpftool writes it', () => {
  it.skipIf(missing !== undefined)(
    `compiles like the types on demand${missing ? ` (skipped: ${missing})` : ''}`,
    () => {
      const text = execFileSync('bpftool', ['btf', 'dump', 'file', BTF, 'format', 'c'], {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      });
      const example = new URL('../../../examples/opens.bpf.c', import.meta.url);
      const result = compile(
        { name: 'opens.bpf.c', text: readFileSync(example, 'utf8') },
        { includePaths: ['/include'], readFile: (path) => (path === '/include/vmlinux.h' ? text : undefined) },
      );
      expect(result.ok ? [] : result.diagnostics.map((one) => one.message)).toEqual([]);
      expect(result.ok && result.functions.map((one) => one.name)).toEqual(['open_enter', 'open_exit']);
    },
  );
});
