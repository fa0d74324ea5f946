import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { permitted } from '@skep/kernel';
import { SimulatedWorld } from '@skep/vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../../../test/support/random.mjs';
import {
  bundledTypes,
  kernel,
  openProbe,
  type ProbeFile,
  type ProbeSession,
  type VmHost,
  vm,
} from '../../src/index.ts';
import {
  type Counter,
  type Events,
  type HashMap,
  type PrefixMap,
  pointerTo,
  type Simulation,
} from '../../src/probe/index.ts';

const EXAMPLES = fileURLToPath(new URL('../../../../examples/typescript/', import.meta.url));
const why = permitted();

/** The same file twice: one for plain JavaScript, one for programs. */
async function both(path: string): Promise<{ plain: ProbeFile; simulation: Simulation; compiled: ProbeFile }> {
  const plain = await openProbe(path, { btf: bundledTypes() });
  return { plain, simulation: plain.simulate(), compiled: await openProbe(path, { btf: bundledTypes() }) };
}

function machine(): { host: VmHost; world: SimulatedWorld } {
  const host = vm({ btf: bundledTypes() });
  const world = new SimulatedWorld();
  host.machine.world = world;
  return { host, world };
}

function taken<T>(session: ProbeSession, name: string): T[] {
  const found: T[] = [];
  session.loaded.records.get(name)!.drain((one) => found.push(one as T), 1_000_000);
  return found;
}

describe('opensnoop: plain JavaScript and the virtual machine', () => {
  it('give the same events for the same calls', async () => {
    const { plain, simulation, compiled } = await both(`${EXAMPLES}opensnoop.ts`);
    for (const one of [plain, compiled]) one.setParam('failedOnly', false);
    const { host, world } = machine();
    const session = compiled.load(host);
    const random = new Random(3);
    const paths = ['/etc/passwd', '/', 'a', 'x'.repeat(300), ''];
    for (const [i, path] of paths.entries())
      world.memory.push({
        address: BigInt(0x1000 * (i + 1)),
        space: 'user',
        bytes: new TextEncoder().encode(`${path}\0`),
      });
    for (let i = 0; i < 300; i++) {
      const tid = 100 + random.below(4);
      const pid = 100;
      const now = BigInt(i * 1000);
      Object.assign(world, { pid: tid, tgid: pid, now, name: `thread-${tid}` });
      const facts = { pid, tid, now, comm: `thread-${tid}` };
      const bytes = new Uint8Array(48);
      const view = new DataView(bytes.buffer);
      if (random.below(2) === 0) {
        const path = random.below(paths.length);
        const flags = random.below(0x1000) - 0x800;
        view.setBigUint64(24, BigInt(0x1000 * (path + 1)), true);
        view.setInt32(32, flags, true);
        session.loaded.programs.get('sys_enter_openat')!.run({ context: bytes });
        simulation.run('syscalls:sys_enter_openat', { filename: pointerTo(paths[path]!), flags }, facts);
      } else {
        const ret = BigInt(random.below(20) - 10);
        view.setBigInt64(16, ret, true);
        session.loaded.programs.get('sys_exit_openat')!.run({ context: bytes });
        simulation.run('syscalls:sys_exit_openat', { ret }, facts);
      }
    }
    const events = taken<{ ret: bigint | number; ts: bigint | number }>(session, 'opened').map((one) => ({
      ...one,
      ret: BigInt(one.ret),
      ts: BigInt(one.ts),
    }));
    expect(events.length).toBeGreaterThan(50);
    expect(events).toEqual((plain.exports['opened'] as Events<unknown>).collected);
    const [left, here] = [compiled, plain].map((one) =>
      [...(one.exports['inflight'] as HashMap<number, { flags: number }>).entries()]
        .map(([key, { flags }]) => [key, flags])
        .sort(),
    );
    expect(left).toEqual(here);
    session.close();
  });
});

/** Ethernet with something behind it, whole or cut off. */
function packet(random: Random): Uint8Array {
  const bytes = Uint8Array.from({ length: 14 + 60 + 20 }, () => random.below(256));
  const view = new DataView(bytes.buffer);
  view.setUint16(12, [0x0800, 0x0800, 0x0800, 0x86dd, 0x8100][random.below(5)]!);
  const words = [5, 5, 5, 6, 15, 4][random.below(6)]!;
  bytes[14] = 0x40 | words;
  view.setUint16(20, random.below(4) === 0 ? random.below(0x4000) : 0);
  bytes[14 + 9] = [6, 6, 6, 17, 1][random.below(5)]!;
  view.setUint32(26, 0x0a000000 + random.below(1024));
  view.setUint16(14 + words * 4 + 2, [80, 81, 443][random.below(3)]!);
  return bytes.subarray(0, random.below(3) === 0 ? 14 + random.below(70) : bytes.length);
}

describe('xdpdrop: plain JavaScript and compiled', () => {
  const hosts = [['the virtual machine', () => machine().host] as const, ['the kernel', () => kernel()] as const];
  it.each(hosts)('give the same verdicts and counts in %s', async (name, make) => {
    if (name === 'the kernel' && !why.ok) {
      console.warn(`skipped: bpf(2) is not permitted: ${why.message}`);
      return;
    }
    const { plain, simulation, compiled } = await both(`${EXAMPLES}xdpdrop.ts`);
    for (const one of [plain, compiled]) one.setParam('blockPort', 81);
    const session = compiled.load(make());
    for (const one of [plain, compiled]) {
      const list = one.exports['blocked'] as PrefixMap<number>;
      for (const network of ['10.0.0.0/26', '10.0.2.7', '10.0.3.128/25']) list.set(network, 1);
    }
    const random = new Random(11);
    const seen = new Set<number>();
    for (let i = 0; i < 500; i++) {
      const data = packet(random);
      const { retval } = session.loaded.programs.get('xdp')!.run({ data });
      seen.add(retval);
      expect(retval, [...data].join()).toBe(simulation.run('xdp', data));
    }
    expect([...seen].sort()).toEqual([1, 2]);
    const counts = [compiled, plain].map((one) =>
      [...(one.exports['drops'] as Counter<number>).entries()].sort(([a], [b]) => a - b),
    );
    expect(counts[0]).toEqual(counts[1]);
    expect(counts[0]!.length).toBeGreaterThan(2);
    session.close();
  });
});

const ARITHMETIC = `
import { counter, events, xdp, Xdp } from 'skep/probe';
export const out = events({
  sum: 'u64', difference: 'i64', product: 'i64', quotient: 'i32', rest: 'i32', and: 'i32', or: 'i32', xor: 'i32', not: 'i32',
  left: 'i32', right: 'i32', logical: 'u32', min: 'i64', max: 'i64', big: 'u64', bigRest: 'u64', signed: 'i64', cut: 'u8', narrow: 'i16',
  less: 'bool', chosen: 'u32', looped: 'u32', both: 'bool', kind: 'u8',
});
const half = (n: number): number => Math.trunc(n / 2);
const kindOf = (n: number): number => {
  switch (n & 3) {
    case 0: return 10;
    case 1:
    case 2: return 20;
    default: return half(61);
  }
};
xdp((p) => {
  const tcp = p.eth()?.ipv4()?.tcp();
  if (tcp === undefined) return Xdp.Pass;
  const a = tcp.seq;
  const b = tcp.ack;
  const s = tcp.sport - 30000;
  let total = 0;
  for (let i = 0; i < Math.min(tcp.flags, 20); i += 2) {
    if (i === 6) continue;
    total += i;
    if (total > 50) break;
  }
  const x = BigInt(a) << 20n;
  const y = BigInt(b) | 1n;
  const maybe = p.eth()?.ipv4()?.udp()?.dport;
  out.emit({
    sum: BigInt(a + b), difference: BigInt(a - b), product: BigInt(s * (b % 1000)), quotient: Math.trunc(s / 7), rest: s % 7,
    and: a & b, or: a | b, xor: a ^ b, not: ~a, left: a << (b & 7), right: a >> 3, logical: a >>> (b & 31),
    min: BigInt(Math.min(a, b, s)), max: BigInt(Math.max(a, b)), big: x / y, bigRest: x % y,
    signed: BigInt.asIntN(64, x) - BigInt.asIntN(64, y), cut: a & 0xff, narrow: (s * 3) | 0,
    less: a < b, chosen: a < b ? half(a) : b >>> 1, looped: total, both: a > 1000 && (b > 1000 || s < 0), kind: (maybe ?? 1) + kindOf(a),
  });
  return Xdp.Pass;
});
`;

describe('arithmetic', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'skep-probe-'));
    writeFileSync(join(folder, 'arithmetic.ts'), ARITHMETIC);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('gives the same numbers in JavaScript, the virtual machine and the kernel', async () => {
    const { plain, simulation, compiled } = await both(join(folder, 'arithmetic.ts'));
    const random = new Random(5);
    const packets = Array.from({ length: 300 }, () => {
      const bytes = Uint8Array.from({ length: 60 }, () => random.below(256));
      bytes.set([8, 0, 0x45], 12);
      bytes.set([0, 0], 20);
      bytes[23] = 6;
      return bytes;
    });
    for (const data of packets) simulation.run('xdp', data);
    const wanted = (plain.exports['out'] as Events<unknown>).collected;
    expect(wanted.length).toBe(300);
    for (const host of [machine().host, ...(why.ok ? [kernel()] : [])]) {
      const session = compiled.load(host);
      for (const data of packets) session.loaded.programs.get('xdp')!.run({ data });
      const found = taken<{ [name: string]: number | bigint | boolean }>(session, 'out');
      expect(found.map(plainNumbers)).toEqual(
        (wanted as { [name: string]: number | bigint | boolean }[]).map(plainNumbers),
      );
      session.close();
    }
  });
});

/** 64-bit values are numbers or bigints as they are decoded. */
function plainNumbers(record: { readonly [name: string]: number | bigint | boolean }) {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [
      name.replace(/_$/, ''),
      typeof value === 'boolean' ? value : BigInt(value),
    ]),
  );
}
