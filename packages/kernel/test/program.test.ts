import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMap, enableStats, kernel, listMaps, listPrograms, loadProgram, ProgramRefused } from '../src/index.ts';
import { call, code, exit, load, mapFd, mapValue, move, returns, set, store } from './support/code.ts';
import { bytes32, expectNoLeaks, noKernel, number64 } from './support/host.ts';

const SOCKET_FILTER = 1;
const XDP = 6;
const SYSCALL = 31;
const SLEEPABLE = 16;
const ARRAY = 2;

describe.skipIf(noKernel)('programs', () => {
  expectNoLeaks();

  it('run on data of ours', () => {
    const program = loadProgram({ name: 'answer', type: XDP, license: 'GPL', code: returns(42) });
    const data = Uint8Array.from({ length: 64 }, (_, i) => i);
    const result = program.testRun({ data, repeat: 100 });
    expect(result.retval).toBe(42);
    expect(result.data).toEqual(data);
    program.close();
  });

  it('change packets', () => {
    const program = loadProgram({
      name: 'change',
      type: XDP,
      license: 'GPL',
      code: code(
        load(4, 2, 1, 0),
        load(4, 3, 1, 4),
        move(4, 2),
        { kind: 'alu', op: 'add', width: 64, dst: 4, src: { kind: 'imm', imm: 14 } },
        { kind: 'jump', op: 'gt', width: 64, dst: 4, src: { kind: 'reg', reg: 3 }, off: 2 },
        set(5, 0x7f),
        store(1, 2, 3, 5),
        set(0, 2),
        exit,
      ),
    });
    const { data, retval } = program.testRun({ data: new Uint8Array(20) });
    expect(retval).toBe(2);
    expect([...data.subarray(0, 5)]).toEqual([0, 0, 0, 0x7f, 0]);
    program.close();
  });

  it('change contexts of system call programs in place', () => {
    const program = loadProgram({
      name: 'syscall',
      type: SYSCALL,
      license: 'GPL',
      flags: SLEEPABLE,
      code: code(load(8, 2, 1, 0), store(8, 1, 8, 2), set(0, 0), exit),
    });
    const context = new Uint8Array(16);
    context[0] = 9;
    const result = program.testRun({ context });
    expect(result.context[8]).toBe(9);
    expect(context[8]).toBe(0);
    program.close();
  });

  it('are refused with the log and its last word', () => {
    const refused = ((): ProgramRefused => {
      try {
        loadProgram({ name: 'no_exit_value', type: SOCKET_FILTER, license: 'GPL', code: code(exit) });
      } catch (error) {
        return error as ProgramRefused;
      }
      throw new Error('accepted');
    })();
    expect(refused).toBeInstanceOf(ProgramRefused);
    expect(refused).toMatchObject({ code: 'E5030', exitCode: 3, errnoName: 'EACCES', program: 'no_exit_value' });
    expect(refused.diagnostics[0]!.help).toBe('R0 !read_ok');
    expect(refused.log).toMatch(/^0: .*\n/);
    expect(refused.log).toMatch(/processed \d+ insns/);
  });

  it('come with as much of a log as there is', () => {
    // Thousands of branches that all meet again: megabytes of log at level 2.
    const branches = Array.from({ length: 3000 }, () => [
      call(7),
      { kind: 'jump', op: 'gt', width: 64, dst: 0, src: { kind: 'imm', imm: 5 }, off: 0 } as const,
    ]).flat();
    const program = loadProgram({
      name: 'long',
      type: XDP,
      license: 'GPL',
      code: code(...branches, set(0, 0), exit),
      logLevel: 2,
    });
    expect(program.log.length).toBeGreaterThan(1 << 20);
    expect(program.log).toMatch(/processed \d+ insns/);
    program.close();
  });

  it('reach maps', () => {
    const map = createMap({ name: 'values', type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
    const program = loadProgram({
      name: 'writes',
      type: XDP,
      license: 'GPL',
      code: code(mapValue(1, map.fd), set(2, 1234), store(8, 1, 0, 2), set(0, 0), exit),
    });
    program.testRun({ data: new Uint8Array(14) });
    expect(number64(map.lookup(bytes32(0))!)).toBe(1234);
    const info = program.info();
    expect(info).toMatchObject({ name: 'writes', type: XDP });
    // Other processes may have maps of that name.
    const named = listMaps().filter((one) => one.name === 'values');
    expect(named.map((one) => one.id)).toEqual(expect.arrayContaining([...info.mapIds]));
    expect(info.mapIds).toHaveLength(1);
    expect(info.tag).toMatch(/^[0-9a-f]{16}$/);
    expect(listPrograms().map((one) => one.id)).toContain(info.id);
    program.close();
    map.close();
    expect(listPrograms().map((one) => one.id)).not.toContain(info.id);
  });

  it('count their runs while statistics are on', () => {
    const program = loadProgram({ name: 'counted', type: XDP, license: 'GPL', code: returns(1) });
    const stats = enableStats();
    program.testRun({ data: new Uint8Array(64), repeat: 10 });
    stats.close();
    // Test runs go past the counters on some kernels; what matters is that the call works and reads sane numbers.
    const { runs, nanoseconds } = program.info();
    expect(runs === 0n || runs === 10n).toBe(true);
    expect(nanoseconds >= 0n).toBe(true);
    program.close();
  });

  it('with names of any shape', () => {
    const program = loadProgram({ name: 'a-name/that is far too long', type: XDP, license: 'GPL', code: returns(0) });
    expect(program.info().name).toBe('a_name_that_is_');
    program.close();
  });

  it('answer nonsense with an error that has a code', () => {
    const load = (type: number, bytes: Uint8Array) => () =>
      loadProgram({ name: 'bad', type, license: 'GPL', code: bytes });
    expect(load(XDP, new Uint8Array())).toThrow(/E50\d\d/);
    expect(load(XDP, new Uint8Array(8).fill(0xff))).toThrow(/E5030/);
    expect(load(9999, returns(0))).toThrow(/E50\d\d/);
    expect(load(XDP, code(mapFd(1, 12345), exit))).toThrow(/E5030.*bad/);
    expect(load(XDP, new Uint8Array(15))).toThrow(/multiple of 8/);
  });

  it('of the home', (ctx) => {
    if (!existsSync('/sys/kernel/btf/vmlinux')) ctx.skip('this kernel shows no BTF');
    const home = kernel();
    expect(home.btf().count).toBeGreaterThan(1000);
    expect(home.attachTarget(23, 'task_newtask')).toBeGreaterThan(0);
    expect(() => home.attachTarget(23, 'task_newtusk')).toThrow(/E5012.*task_newtusk/);
    expect(() => home.attachTarget(24, 'vfs_raed')).toThrow(/E5015/);
  });
});
