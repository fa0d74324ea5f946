import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MAP_TYPES, PROG_TYPES } from '@skep/abi';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { lastMeaningfulLine, nativeUnavailable, programRefused, systemCallFailed } from '../src/diagnostics.ts';
import { doctor, FEATURES, Handle, openHandles, probeFeature } from '../src/index.ts';
import { parseCpuList } from '../src/sys/cpus.ts';
import { errnoName } from '../src/sys/errno.ts';
import { releaseAtLeast } from '../src/sys/release.ts';
import { noKernel } from './support/host.ts';

describe('facts of the machine', () => {
  it('reads lists of CPUs', () => {
    expect(parseCpuList('0\n')).toEqual([0]);
    expect(parseCpuList('0-3,8,10-11\n')).toEqual([0, 1, 2, 3, 8, 10, 11]);
  });

  it.skipIf(process.platform !== 'linux')('compares releases by number', () => {
    expect(releaseAtLeast('2.6')).toBe(true);
    expect(releaseAtLeast('4.9')).toBe(true);
    expect(releaseAtLeast('999.0')).toBe(false);
  });

  it('names errors', () => {
    expect(errnoName(1)).toBe('EPERM');
    expect(errnoName(524)).toBe('ENOTSUPP');
    expect(errnoName(9999)).toBe('errno 9999');
  });
});

describe('errors', () => {
  it('find the line of a verifier log that says why', () => {
    const log =
      '0: R1=ctx() R10=fp0\n0: (95) exit\nR0 !read_ok\nprocessed 1 insns (limit 1000000) max_states_per_insn 0\n';
    expect(lastMeaningfulLine(log)).toBe('R0 !read_ok');
    expect(lastMeaningfulLine('\n\n')).toBeUndefined();
    expect(lastMeaningfulLine('processed 5 insns (limit 1000000)\nstack depth 8+0\n')).toBeUndefined();
  });

  it('have a code, an exit code and advice', () => {
    const refused = programRefused('mine', 13, 'invalid mem access\n');
    expect(refused).toMatchObject({ code: 'E5030', exitCode: 3, log: 'invalid mem access\n' });
    expect(systemCallFailed('BPF_MAP_CREATE', 24, 'map x')).toMatchObject({ code: 'E5004', exitCode: 1 });
    expect(systemCallFailed('BPF_MAP_CREATE', 1, 'map x')).toMatchObject({ code: 'E5002', exitCode: 4 });
    expect(nativeUnavailable('why')).toMatchObject({ code: 'E5001', exitCode: 5 });
    for (const error of [refused, systemCallFailed('close', 24, 'x'), nativeUnavailable('why')]) {
      expect(error.diagnostics[0]!.help).toBeTruthy();
    }
  });
});

describe('features', () => {
  it('each have a name of their own, a title and a remedy', () => {
    expect(new Set(FEATURES.map((one) => one.name)).size).toBe(FEATURES.length);
    for (const { title, remedy } of FEATURES) expect(title && remedy).toBeTruthy();
  });

  it('answer a wrong name with the nearest', () => {
    expect(() => probeFeature('ringbuff' as 'ringbuf')).toThrow(/did you mean ringbuf/);
  });

  it.skipIf(noKernel)('come as a report of plain data', () => {
    const report = doctor();
    expect(JSON.parse(JSON.stringify(report)).kernel).toEqual(report.kernel);
    expect(report.features.map((one) => one.name)).toEqual(FEATURES.map((one) => one.name));
    for (const feature of report.features) expect(feature.ok || feature.remedy).toBeTruthy();
  });

  it.skipIf(noKernel)('count the types of programs and maps and the helpers, by trying each', () => {
    const { programTypes, mapTypes, helpers } = doctor();
    expect(programTypes.map((one) => one.name)).toEqual(PROG_TYPES.map((one) => one.name));
    expect(mapTypes.map((one) => one.name)).toEqual(MAP_TYPES.map((one) => one.name));
    for (const { name, ok, remedy } of [...programTypes, ...mapTypes]) expect(ok || remedy, name).toBeTruthy();
    const absent = [...programTypes, ...mapTypes].filter((one) => !one.ok).map((one) => one.name);
    // In every kernel from 5.10 on, however it was built.
    for (const name of ['BPF_PROG_TYPE_XDP', 'BPF_PROG_TYPE_CGROUP_SKB', 'BPF_MAP_TYPE_HASH', 'BPF_MAP_TYPE_RINGBUF'])
      expect(absent).not.toContain(name);
    // What says that a type is there, and is wrong, shows in kernels that are older than the type.
    for (const { name, since, ok } of mapTypes)
      expect(ok && since !== undefined && !releaseAtLeast(since), name).toBe(false);
    expect(helpers!.present + helpers!.missing.length).toBe(helpers!.known);
    expect(helpers!.present).toBeGreaterThan(150);
    expect(openHandles()).toEqual([]);
  });
});

describe.skipIf(noKernel)('handles', () => {
  it('know where they were opened, and are closed once', () => {
    const handle = new Handle(1 << 20, 'a test'); // no such descriptor: closing it does no harm
    const found = openHandles().find((one) => one.what === 'a test');
    expect(found?.stack).toMatch(/facts\.test\.ts/);
    handle.close();
    handle.close();
    expect(handle.closed).toBe(true);
    expect(() => handle.fd).toThrow('a test is closed');
    expect(openHandles()).toEqual([]);
  });
});

it('works where there is no native code: import, doctor, and an error that says what to do', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        Object.defineProperty(process, 'platform', { value: 'darwin' });
        const { doctor, kernel } = await import(${JSON.stringify(fileURLToPath(new URL('../src/index.ts', import.meta.url)))});
        let code;
        try { kernel(); } catch (error) { code = error.code + ' ' + error.exitCode; }
        console.log(JSON.stringify({ code, permitted: doctor().permitted, features: doctor().features }));`,
      resolveDir: '.',
    },
    bundle: true,
    write: false,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    conditions: ['skep-source'],
    external: ['koffi'],
  });
  const script = outputFiles[0]!.text;
  // From standard input, where no package can be found: koffi would not be there either.
  const told = execFileSync(process.execPath, ['--input-type=module'], { input: script, cwd: '/', encoding: 'utf8' });
  const { code, permitted, features } = JSON.parse(told);
  expect(code).toBe('E5001 5');
  expect(permitted).toMatchObject({ ok: false, message: expect.stringContaining('darwin') });
  expect(permitted.reasons[0].remedy).toMatch(/--home vm/);
  expect(features).toEqual([]);
});
