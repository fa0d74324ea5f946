import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Btf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import {
  cachedLoader,
  cachedSuite,
  knownFailures,
  loadedOfClang,
  loadFailures,
  type Suite,
} from '../../../conformance/compiler/index.mjs';
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

const readFile = (path: string) =>
  statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, 'utf8') : undefined;

function compileFile(suite: Suite, file: string) {
  const path = join(suite.root, file);
  return compile(
    { name: path, text: readFileSync(path, 'utf8') },
    {
      vmlinux: runningTypes,
      readFile,
      defines: suite.defines,
      includePaths: suite.includes,
      includePathsAfter: suite.skepIncludes,
    },
  );
}

/** The code of the first error by file, of those that do not compile. */
function failures(suite: Suite, files: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const file of files) {
    const result = compileFile(suite, file);
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

  for (const [name, step] of [
    ['libbpf-tools', 2],
    ['selftests', 3 * STEP],
  ] as const) {
    it(`${name} loads where clang's objects do, except what is known not to`, { timeout: 300_000 }, (ctx) => {
      const suite = cachedSuite(name);
      const loader = cachedLoader();
      if (suite === undefined || loader === undefined) return ctx.skip(`${name} or the loader is not in the cache`);
      if (process.getuid?.() !== 0) return ctx.skip('needs root');
      const files = suite.files.filter((_, index) => index % step === 0);
      const scratch = mkdtempSync(join(tmpdir(), 'skep-test-'));
      const found: Record<string, string[]> = {};
      const known: Record<string, string[]> = {};
      let programs = 0;
      try {
        for (const file of files) {
          const wanted = loadedOfClang(name, file) ?? [];
          if (wanted.length === 0) continue;
          const result = compileFile(suite, file);
          if (!result.ok) continue;
          const object = join(scratch, 'program.o');
          writeFileSync(object, result.object);
          const failed = loadFailures(loader, object);
          const refused = wanted.filter((program) => !failed.has(program) || failed.get(program) !== undefined);
          programs += wanted.length;
          if (refused.length > 0) found[file] = refused.sort();
          const expected = Object.keys(knownFailures(name).load[file] ?? {});
          if (expected.length > 0) known[file] = expected.sort();
        }
      } finally {
        rmSync(scratch, { recursive: true });
      }
      if (programs === 0)
        return ctx.skip("no verdicts on clang's objects of this kernel in the cache: run the script with --load");
      expect(found).toEqual(known);
    });
  }
});
