// Programs and pages of the tutorial: what pages say is tried here, without root wherever that is possible.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EXIT, SkepError } from '@skep/base';
import { compileTrace } from '@skep/compiler';
import { machineTarget } from '@skep/tools';
import {
  bundledTypes,
  check,
  checkFile,
  compileProbeFile,
  kernel,
  kernelObject,
  type Loaded,
  open,
  openFile,
  SimulatedWorld,
  vm,
} from 'skep';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../packages/cli/src/commands/all.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}examples/tutorial/`;
const programs = readdirSync(folder).filter((name) => name.endsWith('.bpf.c'));
const pages = readdirSync(`${root}docs/tutorial`).filter((name) => name.endsWith('.md'));
const types = bundledTypes();

/** What lesson 38 is about: a program's structure, with more in it than its probe knows. */
const shop = open(
  'shop.c',
  new TextEncoder().encode('struct order { long id; int pieces; char note[8]; int price; } any;'),
).spec.object.btf!;

describe.each(programs)('%s', (name) => {
  it('is accepted', () => {
    const report = checkFile(folder + name, {
      kernels: ['6.12'],
      types,
      fixes: false,
      compile: { btf: types },
    });
    // The verifier is told of the kernel's types only.
    if (name === 'core_user.bpf.c') {
      expect(report.programs[0]!.verdict.code).toBe('E2133');
      return;
    }
    expect(report.programs.length).toBeGreaterThan(0);
    for (const { diagnostic, verdict } of report.programs)
      expect([diagnostic, verdict.accepted]).toEqual([undefined, true]);
  });

  it.skipIf(process.getuid?.() !== 0)('loads into this kernel, or the kernel lacks what it is for', () => {
    const { spec } = openFile(folder + name);
    const host = kernel();
    try {
      spec.load(host, { types: name === 'core_user.bpf.c' ? shop : undefined }).close();
    } catch (error) {
      if (!(error instanceof SkepError)) throw error;
      const isLocked = name === 'write_user.bpf.c' && error.exitCode === EXIT.refusedByVerifier;
      if (!isLocked) expect([EXIT.notPermitted, EXIT.kernelLacksFeature]).toContain(error.exitCode);
    } finally {
      host.close();
    }
  });
});

describe('in the virtual machine', () => {
  it('lsm_connect refuses one address', () => {
    const { loaded, machine } = start('lsm_connect');
    const ask = (address: number[]) => {
      const s_addr = new DataView(Uint8Array.from(address).buffer).getUint32(0, true);
      const at = kernelObject(machine, types, 'sockaddr_in', { sin_family: 2, sin_addr: { s_addr } });
      return loaded.programs.get('before_connect')!.run({ context: { args: [0, at, 16, 0] } }).retval | 0;
    };
    expect(ask([192, 0, 2, 1])).toBe(-1);
    expect(ask([192, 0, 2, 2])).toBe(0);
    expect(loaded.global('refused')).toBe(1n);
  });

  it('exec_guard refuses one user one directory', () => {
    const { loaded, machine, world } = start('exec_guard');
    world.uid = 65534;
    const ask = (path: string) => {
      const filename = 0xffff_8880_0001_0000n;
      world.memory.length = 0;
      world.memory.push({ address: filename, space: 'kernel', bytes: new TextEncoder().encode(`${path}\0`) });
      const bprm = kernelObject(machine, types, 'linux_binprm', { filename });
      return loaded.programs.get('before_exec')!.run({ context: { args: [bprm, 0] } }).retval | 0;
    };
    expect(ask('/tmp/program')).toBe(-1);
    expect(ask('/usr/bin/true')).toBe(0);
    world.uid = 0;
    expect(ask('/tmp/program')).toBe(0);
  });

  it('cgroup_connect lets a cgroup reach 443 and the machine itself', () => {
    const { loaded } = start('cgroup_connect');
    const ask = (ip: number, port: number) =>
      loaded.programs.get('connects')!.run({ context: { user_ip4: ip, user_port: port } }).retval;
    expect(ask(0x010200c0, 0xbb01)).toBe(1);
    expect(ask(0x0100007f, 0x5000)).toBe(1);
    expect(ask(0x010200c0, 0x5000)).toBe(0);
    expect(loaded.maps.get('refused')!.get(0x010200c0)).toBe(1n);
  });

  it('balance rewrites address and checksums', () => {
    const { loaded } = start('balance');
    const backend = { address: 0x1500000a, mac: [2, 0, 0, 0, 0, 21], pad: [0, 0] };
    for (const key of [0, 1]) loaded.maps.get('backends')!.set(key, backend as never);
    const packet = segment();
    expect(sum(packet.subarray(14, 34))).toBe(0xffff);
    const { retval, dataOut } = loaded.programs.get('balance')!.run({ data: packet });
    expect(retval).toBe(3);
    expect([...dataOut!.subarray(30, 34)]).toEqual([10, 0, 0, 21]);
    expect([...dataOut!.subarray(0, 6)]).toEqual(backend.mac);
    expect(sum(dataOut!.subarray(14, 34))).toBe(0xffff);
    expect(tcpSum(dataOut!)).toBe(0xffff);
  });

  it('write_user follows one process, and has nothing to write to here', () => {
    const { loaded } = start('write_user', { target_tgid: 42 });
    loaded.programs.get('read_begins')!.run({ context: words(0n, 0n, 3n, 0x7fff_0000_0000n) });
    expect(loaded.maps.get('buffers')!.entries()).toHaveLength(1);
    loaded.programs.get('read_ends')!.run({ context: words(0n, 0n, 4n) });
    expect(loaded.global('changed')).toBe(0n);
    expect(loaded.maps.get('buffers')!.entries()).toEqual([]);
  });

  it('kill_tracer asks for a signal', () => {
    const { loaded, machine, world } = start('kill_tracer', { target_ppid: 7 });
    const parent = kernelObject(machine, types, 'task_struct', { pid: 7, tgid: 7 });
    world.taskAddress = kernelObject(machine, types, 'task_struct', { pid: 42, tgid: 42, real_parent: parent });
    const { outcome } = loaded.programs.get('traces')!.run({ context: words(0n) });
    expect(outcome!.signals).toMatchObject([{ signal: 9 }]);
  });

  it('disk_pattern tells rows from jumps', () => {
    const { loaded } = start('disk_pattern');
    const complete = (sector: bigint) => {
      const context = new Uint8Array(64);
      const view = new DataView(context.buffer);
      view.setUint32(8, 8, true);
      view.setBigUint64(16, sector, true);
      view.setUint32(24, 8, true);
      loaded.programs.get('completed')!.run({ context });
    };
    for (const sector of [100n, 108n, 116n, 800n, 808n]) complete(sector);
    expect(loaded.maps.get('patterns')!.get(8)).toMatchObject({ sequential: 3n, random: 1n, bytes: 20_480n });
  });

  it('energy adds up what a task ran', () => {
    const { loaded, world } = start('energy');
    const leave = (pid: number, now: bigint) => {
      const context = new Uint8Array(72);
      new DataView(context.buffer).setInt32(24, pid, true);
      world.now = now;
      loaded.programs.get('switches')!.run({ context });
    };
    leave(5, 1_000n);
    leave(6, 1_001_000n);
    leave(6, 3_001_000n);
    expect(loaded.maps.get('costs')!.get(6)).toMatchObject({ ns: 3_000_000n, microjoules: 45_000n });
  });

  it('later does its work when time goes on', () => {
    const { loaded, host } = start('later');
    loaded.programs.get('later')!.run({ data: segment() });
    host.advance(1_000_000n);
    expect(loaded.global('done')).toBe(1n);
  });

  it('congestion keeps seven tenths', () => {
    const { host } = start('congestion');
    const ops = host.structOps.get('seven_tenths')!;
    expect(ops.call('ssthresh', ops.object('tcp_sock', { snd_cwnd: 100 }))).toBe(70);
    expect(ops.call('ssthresh', ops.object('tcp_sock', { snd_cwnd: 1 }))).toBe(2);
  });

  it('core_user finds members where a program keeps them', () => {
    const { loaded, world } = start('core_user', {}, shop);
    const order = new Uint8Array(24);
    new DataView(order.buffer).setInt32(8, 3, true);
    new DataView(order.buffer).setInt32(20, 250, true);
    world.memory.push({ address: 0x7000n, space: 'user', bytes: order });
    loaded.programs.get('place_order')!.run({ context: registers({ di: 0x7000n }) });
    expect(taken(loaded)).toEqual([{ pid: 42, pieces: 3, price: 250 }]);
  });

  it('kfunc finds the parent of a process', () => {
    const { loaded, machine, world } = start('kfunc', { wanted: 7 });
    const parent = kernelObject(machine, types, 'task_struct', { pid: 3, tgid: 3 });
    const ask = () => loaded.programs.get('parent_of')!.run({}).retval | 0;
    expect(ask()).toBe(-1);
    const address = kernelObject(machine, types, 'task_struct', { pid: 7, tgid: 7, real_parent: parent });
    Object.assign(world, { tasks: [{ pid: 7, tgid: 7, address: BigInt(address) }] });
    expect(ask()).toBe(0);
    expect(loaded.global('parent')).toBe(3);
  });

  it('library_calls tells what was asked for, what came of it, and how long it took', () => {
    const { loaded, world } = start('library_calls');
    loaded.programs.get('malloc_begins')!.run({ context: registers({ di: 0x1000n, si: 4096n }) });
    world.now = 6_000n;
    loaded.programs.get('malloc_ends')!.run({ context: registers({ ax: 2n }) });
    loaded.programs.get('malloc_ends')!.run({ context: registers({ ax: 0n }) });
    expect(taken(loaded)).toEqual([{ pid: 42, comm: 'test', bytes: 4096n, error: 2, ns: 5_000n }]);
  });

  it('arena: one program fills a list, another follows it', () => {
    const { loaded } = start('arena');
    expect(loaded.programs.get('fill')!.run({}).retval).toBe(0);
    expect(loaded.programs.get('add_up')!.run({}).retval).toBe(0);
    expect(loaded.global('sum')).toBe(36n);
  });

  it('http_filter keeps what begins with a method', () => {
    const { loaded } = start('http_filter');
    const run = (text: string) => loaded.programs.get('http')!.run({ data: segment(text) }).retval;
    expect(run('GET / HTTP/1.1')).toBe(0xffff_ffff);
    expect(run('SSH-2.0')).toBe(0);
  });
});

describe.each(pages)('docs/tutorial/%s', (name) => {
  const text = readFileSync(`${root}docs/tutorial/${name}`, 'utf8');

  it('quotes commands that exist, with options and files that exist', () => {
    for (const line of commandsOf(text)) {
      const words = wordsOf(line);
      const command = COMMANDS.find((one) => one.name === words[1]);
      expect(command, line).toBeDefined();
      const flags = new Set(command!.options.flatMap((one) => one.flags.replace(/--no-/, '--').split(', ')));
      for (const option of command!.options) if (option.flags.includes('--no-')) flags.add(option.flags);
      const own = words.slice(2, words.includes('--') ? words.indexOf('--') : undefined);
      for (const word of own) if (/^--?[a-zA-Z]/.test(word)) expect(flags, line).toContain(word.split('=', 1)[0]);
      for (const word of own) if (/^examples\//.test(word)) expect(existsSync(root + word), line).toBe(true);
    }
  });

  it('links to files that exist', () => {
    for (const [, target] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
      expect(existsSync(`${root}docs/tutorial/${target}`), target).toBe(true);
  });

  it('has no hole', () => expect(text).not.toMatch(/^@[A-Z_]+@$/m));
});

describe('probes in TypeScript on the pages', () => {
  // Inside of the repository, so that `skep/probe` is found.
  const written = `${root}.cache/tutorial-pages/`;
  const probes = new Map<string, string>();
  for (const page of pages)
    for (const [, code] of readFileSync(`${root}docs/tutorial/${page}`, 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm))
      if (code!.includes("from 'skep/probe'")) probes.set(`${page.slice(0, -'.md'.length)}-${probes.size}.ts`, code!);
  beforeAll(() => {
    mkdirSync(written, { recursive: true });
    for (const [name, code] of probes) writeFileSync(written + name, code);
  });
  afterAll(() => rmSync(written, { recursive: true }));

  it('are what an editor has nothing to say of', () => {
    const flags =
      '--ignoreConfig --noEmit --strict --noUncheckedIndexedAccess --module nodenext --target es2022 --lib es2023,dom --types node --customConditions skep-source --allowImportingTsExtensions --skipLibCheck';
    const files = [...probes.keys()].map((name) => written + name);
    execFileSync(`${root}node_modules/.bin/tsc`, [...flags.split(' '), ...files], { cwd: root, stdio: 'pipe' });
  });

  it.each([...probes.keys()])('%s is accepted', async (name) => {
    const { compiled } = await compileProbeFile(written + name, { btf: types });
    const { programs } = check(`${name}.o`, compiled!.object, { kernels: ['6.12'], types, fixes: false });
    expect(programs.length).toBeGreaterThan(0);
    for (const { diagnostic, verdict } of programs) expect([diagnostic, verdict.accepted]).toEqual([undefined, true]);
  });
});

describe('scripts on the pages', () => {
  const functions = [...types.ids()].filter((id) => types.kind(id) === 'func').map((id) => types.name(id));
  const target = { ...machineTarget(1, () => types), kernelFunctions: () => functions };
  const scripts = pages.flatMap((page) =>
    [
      ...readFileSync(`${root}docs/tutorial/${page}`, 'utf8').matchAll(/skep trace (--unsafe )?'([^']+)'( --unsafe)?/g),
    ].map((one) => [page, one[2]!] as const),
  );

  it.each(scripts)('%s: %s', (name, text) => {
    try {
      expect(compileTrace({ name, text }, { target, unsafe: true }).c).toContain('SEC(');
    } catch (error) {
      if (!(error instanceof SkepError)) throw error;
      // Tracepoints and programs that this machine does not have.
      expect(['E1541', 'E1546'], error.message).toContain(error.code);
    }
  });
});

/** Lines of code blocks, and code in sentences, that call the command. */
function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```\n([\s\S]*?)^```$/gm)].flatMap((one) => one[1]!.split('\n'));
  const prose = [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`]+)`/g)].map((one) => one[1]!);
  return [...blocks, ...prose].filter((line) => /^skep [a-z]/.test(line));
}

/** A command line as a shell splits it; single quotes are all that the pages need. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((one) => one[1] ?? one[2]!);
}

function start(name: string, globals: Record<string, number> = {}, fitted?: typeof types) {
  const host = vm({ btf: types });
  const world = new SimulatedWorld();
  Object.assign(world, { tgid: 42, pid: 42, name: 'test', now: 1_000n });
  host.machine.world = world;
  const { spec } = openFile(`${folder}${name}.bpf.c`, { btf: types });
  const loaded: Loaded = spec.with(globals).load(host, { types: fitted });
  return { host, loaded, machine: host.machine, world };
}

/** Of a call on x86-64. */
function registers(given: { ax?: bigint; si?: bigint; di?: bigint }): Uint8Array {
  const context = new Uint8Array(168);
  const view = new DataView(context.buffer);
  for (const [name, offset] of [
    ['ax', 80],
    ['si', 104],
    ['di', 112],
  ] as const)
    view.setBigUint64(offset, given[name] ?? 0n, true);
  return context;
}

function taken(loaded: Loaded): unknown[] {
  const found: unknown[] = [];
  loaded.records.get('events')!.drain((one) => found.push(one), 100);
  return found;
}

function words(...values: bigint[]): Uint8Array {
  const context = new Uint8Array(64);
  const view = new DataView(context.buffer);
  for (const [i, value] of values.entries()) view.setBigUint64(8 * i, value, true);
  return context;
}

/** Ethernet, IPv4, TCP from 10.0.0.1:50000 to 10.0.0.10:80, with right checksums. */
function segment(text = 'GET / HTTP/1.1\r\n'): Uint8Array {
  const payload = new TextEncoder().encode(text);
  const packet = new Uint8Array(54 + payload.length);
  const view = new DataView(packet.buffer);
  packet.set([2, 0, 0, 0, 0, 10, 2, 0, 0, 0, 0, 1, 8, 0, 0x45]);
  view.setUint16(16, packet.length - 14);
  packet.set([64, 6], 22);
  packet.set([10, 0, 0, 1, 10, 0, 0, 10], 26);
  view.setUint16(24, 0xffff & ~sum(packet.subarray(14, 34)));
  view.setUint16(34, 50_000);
  view.setUint16(36, 80);
  packet[46] = 0x50;
  packet.set(payload, 54);
  view.setUint16(50, 0xffff & ~tcpSum(packet));
  return packet;
}

/** The sum of the Internet checksum: 0xffff where the checksum is right. */
function sum(bytes: Uint8Array, from = 0): number {
  let total = from;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) + (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

function tcpSum(packet: Uint8Array): number {
  const tcp = packet.subarray(34);
  return sum(tcp, sum(packet.subarray(26, 34)) + 6 + tcp.length);
}
