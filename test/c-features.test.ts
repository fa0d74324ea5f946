import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { bundledBtfUrl } from '@skep/abi';
import { renderDiagnostics } from '@skep/base';
import { compile } from '@skep/compiler';
import { Btf } from '@skep/object';
import { open, vm } from 'skep';
import { describe, expect, it } from 'vitest';

const FOLDER = new URL('../conformance/compiler/features/', import.meta.url);

interface Feature {
  readonly name: string;
  readonly source: string;
  readonly result: bigint;
  /** Only eBPF has it. */
  readonly ours: boolean;
}

const features: Feature[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.txt'))
  .flatMap((file) =>
    readFileSync(new URL(file, FOLDER), 'utf8')
      .split(/^--- /m)
      .slice(1)
      .map((block) => {
        const [, name, source, result] = /^(.*)\n([\s\S]*)=> (-?\d+)\s*$/.exec(block)!;
        const ours = file === 'bpf.txt' || /\basm\b.*"[^"]/.test(source!);
        return { name: name!, source: source!, result: BigInt(result!), ours };
      }),
  );

const types = Btf.parse(new Uint8Array(gunzipSync(readFileSync(bundledBtfUrl()))));

describe('features of C', () => {
  it.each(features.map((one) => [one.name, one] as const))('%s', (_, { source, result }) => {
    for (const optimise of [0, 1, 2] as const) {
      const text = `${source}\nlong out;\n__attribute__((section("xdp"), used)) int run(void *ctx) { out = f(); return 2; }\n`;
      const compiled = compile({ name: 'feature.bpf.c', text }, { optimise, debug: true, vmlinux: types });
      if (!compiled.ok) expect.fail(renderDiagnostics(compiled.diagnostics));
      const loaded = open('feature.o', compiled.object).spec.load(vm({ btf: types }));
      loaded.programs.get('run')!.run({ data: new Uint8Array(64) });
      expect(BigInt.asIntN(64, BigInt(loaded.global('out') as bigint)), `-O${optimise}`).toBe(result);
      loaded.close();
    }
  });

  const gcc = spawnSync('gcc', ['--version'], { stdio: 'ignore' }).status === 0;
  it.skipIf(!gcc)(`mean the same to gcc${gcc ? '' : ' (skipped: needs gcc)'}`, { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'skep-features-'));
    try {
      for (const { name, source, result } of features.filter((one) => !one.ours)) {
        const file = join(folder, 'feature.c');
        writeFileSync(file, `${source}\nint main(void) { return f() == ${result}l ? 0 : 77; }\n`);
        const flags = ['-std=gnu2x', '-w', '-O0', '-fwrapv', '-fno-strict-aliasing'];
        const built = spawnSync('gcc', [...flags, file, '-o', join(folder, 'feature')], { encoding: 'utf8' });
        // What only clang has of this: the rest is for the test above.
        if (built.status !== 0) {
          expect(source).toMatch(/enum \w+ : |\basm/);
          continue;
        }
        expect(spawnSync(join(folder, 'feature')).status, name).toBe(0);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
