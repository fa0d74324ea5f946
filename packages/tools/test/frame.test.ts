import { histogramText, linearBuckets, log2Buckets } from '@skep/view';
import { describe, expect, it } from 'vitest';
import { describe as describeCgroup } from '../src/frame/containers.ts';
import { addressBytes, addressText, endText, flowFilter } from '../src/frame/flows.ts';
import { intervalsOf, timingOf } from '../src/frame/intervals.ts';
import { checkRefused, optionName, optionsOf, pidsOf, refusedOptions } from '../src/frame/options.ts';
import { matching } from '../src/frame/pattern.ts';
import { compileProgram, openProgram } from '../src/frame/program.ts';
import { requestFlags } from '../src/frame/requests.ts';
import type { Given } from '../src/frame/tool.ts';
import { TOOLS } from '../src/index.ts';

describe('intervals', () => {
  it('are seconds, and how many', () => {
    expect(intervalsOf([])).toEqual({});
    expect(intervalsOf(['1'])).toEqual({ interval: 1000 });
    expect(intervalsOf(['0.5', '3'])).toEqual({ interval: 500, times: 3 });
  });

  it('as long as nobody waits mean: at the end', () => {
    expect(intervalsOf(['99999999'])).toEqual({});
  });

  it.each([['x'], ['0'], ['-1'], ['1', 'x'], ['1', '2', '3']])('%s %s %s are refused', (...args) => {
    expect(() => intervalsOf(args.filter((one) => one !== undefined))).toThrow(/interval/);
  });
});

it('sslsniff probes the libraries that are not left out', () => {
  const { programs } = TOOLS.find((one) => one.name === 'sslsniff')!.routes[0]!;
  const of = (library: string | undefined, ...flags: string[]) =>
    typeof programs === 'function' &&
    programs({ text: () => library, flag: (name: string) => flags.includes(name) } as unknown as Given);
  const file = process.execPath;
  expect(of(file, 'handshake')).toContain('SSL_do_handshake_exit');
  expect(of(`gnutls:${file}`, 'handshake')).toEqual(
    ['send', 'recv'].flatMap((one) => [`gnutls_record_${one}_enter`, `gnutls_record_${one}_exit`]),
  );
  expect(() => of(undefined, 'withoutOpenssl', 'withoutGnutls', 'withoutNss')).toThrow(/E9036/);
  expect(() => of(`boring:${file}`)).toThrow(/E9037/);
});

describe('a tool prints', () => {
  const given = { args: [] as string[], seconds: undefined, times: undefined, ends: false };

  it('at the end, or at intervals, so many times', () => {
    expect(timingOf({ intervals: true }, given)).toEqual({});
    expect(timingOf({ intervals: true }, { ...given, args: ['2', '3'] })).toEqual({ interval: 2000, times: 3 });
    expect(timingOf({}, { ...given, seconds: 2, times: 3 })).toEqual({ interval: 2000, times: 3 });
    // They are something else then, such as a place.
    expect(timingOf({}, { ...given, args: ['vfs_read'] })).toEqual({});
  });

  it('every second by itself where it is a view, unless something else says when it is over', () => {
    const top = { intervals: true, every: 1 } as const;
    expect(timingOf(top, given)).toEqual({ interval: 1000 });
    expect(timingOf(top, { ...given, ends: true })).toEqual({});
    expect(timingOf(top, { ...given, args: ['99999999'] })).toEqual({});
  });

  it('once, where a number says how long it looks', () => {
    const profile = { intervals: 'once' } as const;
    expect(timingOf(profile, { ...given, args: ['5'] })).toEqual({ interval: 5000, times: 1 });
    expect(timingOf(profile, { ...given, args: ['5', '2'] })).toEqual({ interval: 5000, times: 2 });
    expect(timingOf(profile, given)).toEqual({});
  });
});

describe('options', () => {
  it.each(TOOLS.map((tool) => [tool.name, tool] as const))('of %s are no opposites, which parsers turn', (_, tool) => {
    for (const { flags } of [...optionsOf(tool), ...refusedOptions(tool)]) expect(flags).not.toContain('--no-');
  });

  it('are named as the command line has them', () => {
    expect(optionName('-x, --max-args')).toBe('maxArgs');
    expect(optionName('-C')).toBe('C');
  });

  it.each(TOOLS.map((tool) => [tool.name, tool] as const))('of %s have each letter once', (_, tool) => {
    const flags = optionsOf(tool).flatMap((one) => one.flags.split(', '));
    expect(new Set(flags).size).toBe(flags.length);
    for (const option of optionsOf(tool)) if (option.global && option.value) expect(option.kind).toBeDefined();
  });
});

describe('options that are refused', () => {
  const given = (values: { readonly [name: string]: unknown }) => ({
    text: (name: string) => values[name] as string | undefined,
    number: (name: string) => values[name] as number | undefined,
    flag: (name: string) => values[name] === true,
  });

  it.each(TOOLS.flatMap((tool) => refusedOptions(tool).map((one) => [tool.name, one.flags, tool, one] as const)))(
    '%s %s: what to do instead',
    (_, flags, tool, { value, summary }) => {
      const name = optionName(flags);
      expect(() => checkRefused(tool, given({ [name]: value === undefined ? true : '1' }))).toThrow(/E9030/);
      expect(() => checkRefused(tool, given({}))).not.toThrow();
      expect(summary).not.toMatch(/[.\n]$/);
      const taken = optionsOf(tool).flatMap((one) => one.flags.split(', '));
      for (const flag of flags.split(', ')) expect(taken).not.toContain(flag);
    },
  );

  it('are those by process, where no process is known', () => {
    const softirqs = TOOLS.find((one) => one.name === 'softirqs')!;
    expect(() => checkRefused(softirqs, given({ pid: 1 }))).toThrow(/E9031/);
    expect(() => checkRefused(softirqs, given({ cgroup: '/sys/fs/cgroup' }))).toThrow(/--cgroup/);
    expect(() => checkRefused(softirqs, given({ command: 'ls' }))).not.toThrow();
  });
});

it('processes are numbers, with commas between them', () => {
  const given = (pid: string | undefined) => ({ text: (name: string) => (name === 'pid' ? pid : undefined) });
  expect(pidsOf(given(undefined))).toEqual([]);
  expect(pidsOf(given('1'))).toEqual([1]);
  expect(pidsOf(given('12, 34,4194304'))).toEqual([12, 34, 4194304]);
  expect(pidsOf(given(Array.from({ length: 32 }, (_, i) => i + 1).join()))).toHaveLength(32);
  for (const pids of ['', '0', '-1', 'sshd', '12,', '12;34', '4194305', '1,'.repeat(32).concat('1')]) {
    expect(() => pidsOf(given(pids)), pids).toThrow(/E9038/);
  }
});

it('connections are chosen by family and by lists of ports', () => {
  const given = (values: { readonly [name: string]: string }) => ({
    flag: (name: string) => name === 'ipv6',
    text: (name: string) => values[name],
  });
  expect(flowFilter(given({})).globals).toEqual({ target_family: 10 });
  expect(flowFilter(given({ localport: '80, 443' })).globals).toEqual({ target_family: 10, by_local_port: 1 });
  expect(flowFilter(given({ port: '1' }), { remote: 'port' }).globals).toMatchObject({ by_remote_port: 1 });
  for (const ports of ['', '0', '65536', 'http', '80,', '80;90', '-1']) {
    expect(() => flowFilter(given({ localport: ports })), ports).toThrow(/E9033/);
  }
});

it('expressions match anywhere, and bad ones are told', () => {
  expect(matching('^a.c$')('abc')).toBe(true);
  expect(matching('b')('abc')).toBe(true);
  expect(matching(undefined)('abc')).toBe(true);
  expect(() => matching('a(')).toThrow(/E9032/);
});

it('cgroups tell of containers and pods', () => {
  const id = '0123456789ab'.padEnd(64, 'c');
  expect(describeCgroup('/system.slice/ssh.service')).toEqual({
    path: '/system.slice/ssh.service',
    id: undefined,
    pod: undefined,
  });
  expect(
    describeCgroup(
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b2c3d_0001_0002_0003_0123456789ab.slice/cri-containerd-${id}.scope`,
    ),
  ).toMatchObject({ id: '0123456789ab', pod: '0a1b2c3d-0001-0002-0003-0123456789ab' });
  expect(describeCgroup(`/docker/${id}`)).toMatchObject({ id: '0123456789ab', pod: undefined });
});

it('addresses are written as RFC 5952 wants', () => {
  const v6 = (text: string) => Uint8Array.from(text.split(' ').map((one) => Number.parseInt(one, 16)));
  expect(addressText(Uint8Array.of(192, 0, 2, 1, 0, 0), 4)).toBe('192.0.2.1');
  expect(addressText(v6('20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01'), 6)).toBe('2001:db8::1');
  expect(addressText(v6('00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01'), 6)).toBe('::1');
  expect(addressText(v6('00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00'), 6)).toBe('::');
  expect(addressText(v6('20 01 00 00 00 00 00 01 00 00 00 00 00 00 00 01'), 6)).toBe('2001:0:0:1::1');
  expect(addressText(v6('00 00 00 00 00 00 00 00 00 00 ff ff c0 00 02 01'), 6)).toBe('::ffff:192.0.2.1');
});

it.each(['192.0.2.1', '2001:db8::1', '::', '::1', '1:2:3:4:5:6:7:8', '::ffff:192.0.2.1', 'fe80::'])(
  'the address %s is read as it is written',
  (text) => {
    expect(addressText(addressBytes(text), text.includes(':') ? 6 : 4)).toBe(text);
  },
);

it.each(['', 'localhost', '1.2.3', '1:2', 'fe80::1%eth0x y'])('%j is no address', (text) => {
  expect(() => addressBytes(text)).toThrow(/E9034/);
});

it('ends of connections tell address and port apart', () => {
  expect(endText('192.0.2.1', 80)).toBe('192.0.2.1:80');
  expect(endText('::1', 80)).toBe('[::1]:80');
});

it('requests to disks have names', () => {
  expect(requestFlags(0)).toBe('Read');
  expect(requestFlags(1 | (1 << 11) | (1 << 12))).toBe('Sync-Metadata-Write');
});

describe('programs', () => {
  const routes = TOOLS.flatMap((tool) => tool.routes);
  const names = [...new Set(routes.map((one) => one.program).filter((one) => typeof one === 'string'))].sort();
  it.each(names)('%s compiles, and has what its tools name', (name) => {
    expect(compileProgram(name).length).toBeGreaterThan(0);
    const spec = openProgram(name);
    for (const tool of TOOLS) {
      for (const route of tool.routes.filter((one) => one.program === name)) {
        const programs = typeof route.programs === 'function' ? [] : (route.programs ?? []);
        expect(spec.programs.map((one) => one.name)).toEqual(expect.arrayContaining([...programs]));
        for (const { global } of optionsOf(tool)) if (global) expect(spec.globals).toContain(global);
      }
    }
  });
});

describe('histograms', () => {
  it('have a bar for each power of two', () => {
    const buckets = log2Buckets([0, 0, 3, 1, 0, 0]);
    expect(buckets.map(({ from, to, count }) => [from, to, count])).toEqual([
      [0n, 1n, 0],
      [2n, 3n, 0],
      [4n, 7n, 3],
      [8n, 15n, 1],
    ]);
    const text = histogramText(buckets, 'usecs');
    expect(text.split('\n')[0]).toBe('     usecs               : count     distribution');
    expect(text.split('\n')[3]).toBe(`         4 -> 7          : 3        |${'*'.repeat(40)}|`);
    expect(text.split('\n')[4]).toBe(`         8 -> 15         : 1        |${'*'.repeat(13).padEnd(40)}|`);
  });

  it('are nothing when nothing was counted', () => {
    expect(histogramText(log2Buckets([0, 0]), 'usecs')).toBe('');
    expect(linearBuckets([0, 0])).toEqual([]);
  });

  it('of small numbers have a bar for each', () => {
    expect(linearBuckets([0, 2, 1]).map((one) => Number(one.from))).toEqual([1, 2]);
  });
});
