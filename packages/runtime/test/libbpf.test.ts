import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openHandles } from '@skep/kernel';
import { describe, expect, it } from 'vitest';
import { compare } from '../../../conformance/libbpf/compare.mjs';
import { ask, cachedHarness, skepSide } from '../../../conformance/libbpf/sides.mjs';
import { cacheDir } from '../../../scripts/cache.mjs';

const OBJECTS = cacheDir('corpus/objects/clang-19-v3');
/** Of the kernel's selftests every so many; all of them by the script. */
const STEP = 60;

/** Those that take the verifier long are left to the script. */
const SLOW = /pyperf|loop|strobemeta|verif_scale|profiler|verifier_|test_global_func|iters|bpf_flow|xdp_synproxy/;

const harness = cachedHarness();
const absent =
  harness === undefined || !existsSync(join(OBJECTS, 'selftests'))
    ? '`node conformance/libbpf/run.mjs` has not been here'
    : process.getuid?.() !== 0
      ? 'needs root'
      : undefined;

describe.skipIf(absent !== undefined)(`loading as libbpf does (${absent ?? 'a part of the corpus'})`, () => {
  it.each([
    ['libbpf-tools', 14],
    ['selftests', STEP],
  ])('%s: the same programs, the same instructions', { timeout: 120_000 }, async (suite, step) => {
    const names = readdirSync(join(OBJECTS, suite)).filter((name) => name.endsWith('.o') && !SLOW.test(name));
    const objects = names.filter((_, index) => index % step === 0).map((name) => join(OBJECTS, suite, name));
    const result = compare(await ask(harness!, objects), await ask(await skepSide(), objects));
    expect(result.programs).toBeGreaterThan(objects.length);
    expect(result.loaded).toBeGreaterThan(10);
    expect(result.differences.filter((one) => one.reason === undefined)).toEqual([]);
    expect(openHandles()).toEqual([]);
  });
});
