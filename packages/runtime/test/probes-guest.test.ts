import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleModule } from '../../../scripts/bundle-module.mjs';
import { boot, fetchKernel, whyNotBoot } from '../../../vmtest/index.mjs';
import { openProbe, type ProbeFile, readRecording, run, type Value } from '../src/index.ts';
import { Events } from '../src/probe/events.ts';
import { ipv4, pointerTo, type Simulation, Xdp } from '../src/probe/index.ts';
import { entriesOf, named, ordered, type Probed, WORK } from './guest/probes.ts';
import { told } from './guest/told.ts';

/**
 * Probes of every kind in a kernel, under a workload whose right answer plain JavaScript gives: what the probes show there is
 * what the same files show when they are simulated; and a recording gives the same rows again in the virtual machine.
 */
/** `SKEP_KERNELS=7.3` boots another. */
const SERIES = process.env['SKEP_KERNELS'] ?? '6.12';
const MINUTES = 60_000;
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const OUT = `${REPOSITORY}.cache/kernel-test/probes`;
const PROBES = fileURLToPath(new URL('guest/probes/', import.meta.url));
const why = whyNotBoot();
if (why !== undefined) console.warn(`guests are not booted: ${why}`);

/** What the kernel calls the probes with under the workloads of guest/probes.ts. */
const CALLS: { readonly [name: string]: (simulation: Simulation, there: Probed) => void } = {
  functions(simulation) {
    const facts = { tid: 7, comm: 'rm' };
    for (const name of ['doomed-one', 'doomed-two', 'kept']) {
      const entry = [{}, {}, { d_name: { name: pointerTo(name) } }, undefined];
      simulation.run('kprobe:vfs_unlink', entry.slice(0, 4), facts);
      simulation.run('fentry:vfs_unlink', entry, facts);
      simulation.run('fexit:vfs_unlink', [...entry, 0], facts);
      simulation.run('kretprobe:vfs_unlink', [0], facts);
    }
  },
  lsm(simulation) {
    const open = (name: string, f_flags: number, comm: string) =>
      simulation.run('lsm', [{ f_flags, f_path: { dentry: { d_name: { name: pointerTo(name) } } } }, 0], { comm });
    expect(open('public-of-skep', 1, 'sh')).toBe(0);
    expect(open('public-of-skep', 0, 'cat')).toBe(0);
    expect(open('secret-of-skep', 0, 'cat')).toBe(-13);
    expect(open('secret-of-skep', 1, 'sh')).toBe(-13);
    expect(open('public-of-skep', 0, 'cat')).toBe(0);
  },
  tracepoints(simulation) {
    const filename = '/tmp/skep-probes/tool';
    for (const argc of [3, 1]) {
      simulation.run('tracepoint:sched:sched_process_exec', { filename });
      for (const kind of ['raw_tp', 'tp_btf'])
        simulation.run(`${kind}:sched_process_exec`, [{}, 0, { filename: pointerTo(filename), argc }]);
    }
    for (const ret of [0n, -3n]) {
      simulation.run('syscalls:sys_enter_kill', { sig: 0 }, { tid: 7, comm: 'sh' });
      simulation.run('syscalls:sys_exit_kill', { ret }, { tid: 7, comm: 'sh' });
    }
  },
  'functions-of-programs'(simulation) {
    for (const name of ['HOME', 'SKEP_GIVEN', 'SKEP_MISSING', 'SKEP_GIVEN']) {
      simulation.run('uprobe', { arg: () => pointerTo(name) }, { tid: 7, comm: 'bash' });
      simulation.run('uretprobe', { ret: name === 'SKEP_MISSING' ? 0n : 1n }, { tid: 7, comm: 'bash' });
    }
  },
  packets(simulation) {
    for (const [port, verdict, count] of [
      [4242, Xdp.Pass, 5],
      [4243, Xdp.Drop, 3],
    ] as const)
      for (let i = 0; i < count; i++) {
        const packet = udpPacket(port);
        expect(simulation.run('cgroup_skb', packet.subarray(14))).toBe(true);
        expect(simulation.run('tc', packet)).toBe(0);
        expect(simulation.run('xdp', packet)).toBe(verdict);
      }
    const connect = (addr: string) => simulation.run('connect4', { addr: ipv4(addr), port: 4244 });
    expect([connect('10.9.9.9'), connect('127.0.0.1')]).toEqual([false, true]);
  },
};

function udpPacket(port: number): Uint8Array {
  const bytes = new Uint8Array(14 + 20 + 8 + 100);
  const view = new DataView(bytes.buffer);
  view.setUint16(12, 0x0800);
  bytes[14] = 0x45;
  bytes[23] = 17;
  view.setUint16(36, port);
  view.setUint16(38, 108);
  return bytes;
}

/** As the guest tells it. */
function seenOf(probe: ProbeFile): { [name: string]: string[] } {
  const seen: { [name: string]: string[] } = {};
  for (const [name, one] of Object.entries(probe.exports)) {
    if (one instanceof Events) seen[name] = one.collected.map((row) => told([row as Value]));
    else if (typeof one === 'object' && one !== null) seen[name] = entriesOf(one);
  }
  return seen;
}

const names = Object.keys(WORK);
const pathOf = (name: string) =>
  existsSync(`${PROBES}${name}.ts`) ? `${PROBES}${name}.ts` : `${REPOSITORY}examples/typescript/${name}.ts`;

it('every file of probes has a workload', () => {
  expect(names).toEqual(expect.arrayContaining(readdirSync(PROBES).map((file) => file.slice(0, -'.ts'.length))));
});

describe.skipIf(why !== undefined)(`probes of every kind, in a guest with Linux ${SERIES}`, () => {
  let unavailable: string | undefined;
  const found = new Map<string, Probed>();
  beforeAll(async () => {
    mkdirSync(OUT, { recursive: true });
    await bundleModule(fileURLToPath(new URL('guest/probes.ts', import.meta.url)), `${OUT}/probes.mjs`);
    let kernel: ReturnType<typeof fetchKernel>;
    try {
      kernel = fetchKernel(SERIES);
    } catch (error) {
      unavailable = `kernel ${SERIES} cannot be fetched: ${(error as Error).message.split('\n')[0]}`;
      return;
    }
    const command = [process.execPath, `${OUT}/probes.mjs`, ...names.map(pathOf)];
    const result = await boot(kernel, command, { cwd: REPOSITORY, timeout: 800 });
    expect(result.code, `${result.how}\n${result.console}\n${result.output}`).toBe(0);
    for (const line of result.output.split('\n').filter((one) => one.startsWith('{'))) {
      const one = JSON.parse(line) as Probed;
      found.set(one.name, one);
    }
  }, 15 * MINUTES);

  const there = (name: string, ctx: { skip(reason: string): void }): Probed => {
    if (unavailable !== undefined) ctx.skip(unavailable);
    const one = found.get(name)!;
    expect(one.failed).toBeUndefined();
    return one;
  };

  it.each(Object.keys(CALLS))('%s: as in plain JavaScript', async (name, ctx) => {
    const probed = there(name, ctx as never);
    const probe = await openProbe(pathOf(name));
    CALLS[name]!(probe.simulate(), probed);
    const wanted = seenOf(probe);
    expect(Object.values(wanted).flat().length).toBeGreaterThan(2);
    expect(probed.seen).toEqual(wanted);
  });

  it.each(names.filter((name) => WORK[name]!.recorded && name !== 'readsize'))(
    '%s: again in the virtual machine',
    async (name, ctx) => {
      const probed = there(name, ctx as never);
      const file = `${OUT}/${name}.skep`;
      writeFileSync(file, Buffer.from(probed.recording!, 'base64'));
      const { spec } = await openProbe(pathOf(name));
      const rows: Value[] = [];
      const options = { home: 'vm' as const, recording: () => readRecording(file) };
      await run(spec, options, { records: (batch, ring) => void rows.push(...named(batch, ring)) });
      expect(rows.length).toBeGreaterThan(1);
      expect(ordered(rows)).toBe(probed.rows);
    },
  );

  it('the examples', (ctx) => {
    const started = there('execsnoop', ctx).seen['started']!.join('\n');
    expect(started).toMatch(/"comm":"true","file":"\/bin\/true"/);
    const { asked, got } = there('readsize', ctx).seen;
    for (const seen of [asked!, got!]) expect(seen.join('\n')).toContain('["cat",');
    expect(there('runqlat', ctx).seen['wait']!.length).toBeGreaterThan(2);
  });

  it('timers: samples of what is busy, ticks on the user side', (ctx) => {
    const { seen } = there('timers', ctx);
    const ofShell = seen['samples']!.map((one) => /"sh","(\d+)n"/.exec(one)?.[1]).find((one) => one !== undefined);
    expect(Number(ofShell)).toBeGreaterThan(9);
    expect(Number(/\d+/.exec(seen['ticks']![0]!))).toBeGreaterThan(1);
  });

  it('iterators: all processes, and the file that one holds open', (ctx) => {
    const { seen, own, held } = there('iterators', ctx);
    const tasks = seen['tasks']!.map((one) => (JSON.parse(one) as [{ pid: number; parent: number }])[0]);
    expect(tasks.filter((one) => one.pid === own)).toHaveLength(1);
    expect(tasks.filter((one) => one.pid === 1)).toMatchObject([{ parent: 0 }]);
    const all = new Set(tasks.map((one) => one.pid));
    expect(tasks.filter((one) => one.parent !== 0 && !all.has(one.parent))).toEqual([]);
    expect(seen['files']).toEqual([`[[{"pid":${own},"fd":${held}},"1n"]]`]);
  });
});
