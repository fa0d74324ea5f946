import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Btf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { cachedSuite, knownFailures, type Suite } from '../../../conformance/compiler/index.mjs';
import { compile } from '../src/compile.ts';

const BTF = '/sys/kernel/btf/vmlinux';
/** The whole selftests take minutes: every so many files here, all of them by the script. */
const STEP = 12;

let types: Btf | undefined;
/** The running kernel's, as the script takes them: programs that name types of other kernels are known to fail. */
function runningTypes(): Btf {
  types ??= Btf.parse(new Uint8Array(readFileSync(BTF)));
  return types;
}

/** The code of the first error by file, of those that do not compile. */
function failures(suite: Suite, files: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  const readFile = (path: string) =>
    statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, 'utf8') : undefined;
  for (const file of files) {
    const path = join(suite.root, file);
    const result = compile(
      { name: path, text: readFileSync(path, 'utf8') },
      {
        vmlinux: runningTypes,
        readFile,
        defines: suite.defines,
        includePaths: suite.includes,
        includePathsAfter: suite.skepIncludes,
      },
    );
    if (!result.ok) found[file] = result.diagnostics.find((one) => one.severity === 'error')!.code;
  }
  return found;
}

describe('public eBPF C (skipped unless `node conformance/compiler/run.mjs` has fetched it)', () => {
  for (const [name, step] of [
    ['libbpf-tools', 1],
    ['samples', 2],
    ['selftests', STEP],
  ] as const) {
    it(`${name} fails where it is known to, and nowhere else`, { timeout: 300_000 }, (ctx) => {
      const suite = cachedSuite(name);
      if (suite === undefined) return ctx.skip(`${name} is not in the cache`);
      if (!existsSync(BTF)) return ctx.skip('this kernel has no BTF');
      const { compile: failing } = knownFailures(name);
      // What takes the script longer than its patience is left to the script.
      const files = suite.files.filter((file, index) => index % step === 0 && failing[file] !== 'timeout');
      const known = Object.entries(failing).filter(([file]) => files.includes(file));
      expect(failures(suite, files)).toEqual(Object.fromEntries(known));
    });
  }
});
