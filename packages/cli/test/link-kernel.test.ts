import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SkepError } from '@skep/base';
import { compile } from '@skep/compiler';
import { linkObjects, openObject } from '@skep/object';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clang, HAVE_CLANG, have } from '../../object/test/clang.ts';
import { CONFLICTS, PAIRS } from '../../object/test/link/sources.ts';

const missing = [
  ...(HAVE_CLANG ? [] : ['clang-19']),
  ...(have('bpftool') ? [] : ['bpftool']),
  ...(process.getuid?.() === 0 ? [] : ['root']),
  ...(existsSync('/sys/kernel/btf/vmlinux') ? [] : ["the kernel's BTF"]),
];

const compilers = { clang, skep } as const;
type Compiler = keyof typeof compilers;
const names: Compiler[] = ['clang', 'skep'];
const combinations = names.flatMap((first) => names.map((second) => [first, second] as const));

describe.skipIf(missing.length > 0)(
  `linked objects in the kernel (missing: ${missing.join(', ') || 'nothing'})`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'skep-link-'));
    const bpffs = join(folder, 'bpf');
    beforeAll(() => {
      mkdirSync(bpffs);
      execFileSync('mount', ['-t', 'bpf', 'bpf', bpffs]);
    });
    afterAll(() => {
      execFileSync('umount', [bpffs]);
      rmSync(folder, { recursive: true });
    });

    for (const [first, second] of combinations) {
      it.each(Object.keys(PAIRS))(`${first} with ${second}: %s`, (name) => {
        const pair = PAIRS[name]!;
        const inputs = [compilers[first](pair.first), compilers[second](pair.second)] as const;
        const bytes = linkObjects([
          { name: 'first.o', bytes: inputs[0] },
          { name: 'second.o', bytes: inputs[1] },
        ]);
        const spec = openObject(bytes, { name: 'linked.o' });
        expect(spec.programs.map((one) => one.name).sort()).toEqual(Object.keys(pair.results).sort());
        expect(results(bytes, Object.keys(pair.results))).toEqual(pair.results);
      });
    }

    // Up to libbpf 1.7, bpftool cannot link two files that declare the same function of the kernel, clang's neither.
    const known = Object.keys(PAIRS).filter((name) => !name.includes('externs of the kernel'));
    it.each(known)('bpftool links what skep compiles: %s', (name) => {
      const pair = PAIRS[name]!;
      for (const [i, source] of [pair.first, pair.second].entries())
        writeFileSync(join(folder, `${i}.o`), skep(source));
      execFileSync('bpftool', ['gen', 'object', join(folder, 'ref.o'), join(folder, '0.o'), join(folder, '1.o')]);
    });

    /** Loads all through libbpf and runs each once. */
    function results(bytes: Uint8Array, programs: readonly string[]): Record<string, number> {
      const file = join(folder, 'linked.o');
      const packet = join(folder, 'packet');
      writeFileSync(file, bytes);
      writeFileSync(packet, new Uint8Array(64));
      const pins = join(bpffs, 'pins');
      const load = spawnSync('bpftool', ['prog', 'loadall', file, pins], { encoding: 'utf8' });
      try {
        expect(load.status, load.stderr).toBe(0);
        expect(readdirSync(pins).sort()).toEqual([...programs].sort());
        return Object.fromEntries(
          programs.map((name) => {
            const args = ['-j', 'prog', 'run', 'pinned', join(pins, name), 'data_in', packet];
            return [name, JSON.parse(execFileSync('bpftool', args, { encoding: 'utf8' })).retval];
          }),
        );
      } finally {
        rmSync(pins, { recursive: true, force: true });
      }
    }
  },
);

describe('objects of skep that do not fit together', () => {
  it.each(CONFLICTS)('$name', ({ first, second, code, message }) => {
    const objects = [
      { name: 'first.o', bytes: skep(first) },
      { name: 'second.o', bytes: skep(second) },
    ];
    let thrown: unknown;
    try {
      linkObjects(objects);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SkepError);
    expect((thrown as SkepError).diagnostics.map((one) => one.code)).toEqual([code]);
    expect((thrown as SkepError).message).toContain(message);
  });
});

function skep(source: string): Uint8Array {
  const result = compile({ name: 'in.bpf.c', text: source });
  if (!result.ok) throw new SkepError(result.diagnostics);
  return result.object;
}
