import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { SYSCALLS } from '@skep/abi';
import { EXIT } from '@skep/base';
import {
  attachTarget,
  type BpfMap,
  createMap,
  doctor,
  dropRights,
  type Hook,
  KernelError,
  kernel,
  type Link,
  listLinks,
  listPrograms,
  loadProgram,
  PerfBuffer,
  type Program,
  RingBuffer,
  releaseAtLeast,
  tracepointFormat,
  tracepointId,
  tracepointNames,
} from '../../src/index.ts';
import { native } from '../../src/sys/native.ts';
import {
  call,
  code,
  countFor,
  exit,
  HELPER,
  jump,
  mapFd,
  mapValue,
  perfWriter,
  returns,
  ringWriter,
  set,
  shiftRight,
  store,
} from '../support/code.ts';
import { until } from '../support/until.ts';
import { work } from './links.ts';
import { network, sendPackets } from './network.ts';
import { rawCall } from './traffic.ts';

/** One thing that must work on a real kernel. It throws when it does not. */
export interface Check {
  readonly name: string;
  /** Only in a guest: it reaches beyond our own process and network namespace, or needs what the host may lack. */
  readonly guestOnly?: boolean;
  /** First Linux that has it; on older ones the check is left out. */
  readonly since?: string;
  readonly run: () => void | Promise<void>;
}

const XDP = 6;
const TRACEPOINT = 5;
const PERF_EVENT = 7;
const RAW_TRACEPOINT = 17;
const TRACING = 26;
const TRACE_RAW_TP = 23;
const ARRAY = 2;
const PERF_EVENT_ARRAY = 4;
const RINGBUF = 27;

/**
 * What attaches to a tracepoint of the host does nothing unless the current process is this one, and takes
 * `task_newtask`, which is hit a few times a second and not a million.
 */
export const CHECKS: readonly Check[] = [
  {
    name: 'a tracepoint counts what this process does',
    guestOnly: true,
    run() {
      using probe = new Probe((counter) => ({ type: TRACEPOINT, code: countFor(process.pid, counter) }));
      using link = probe.attach({ kind: 'tracepoint', category: 'syscalls', name: 'sys_enter_openat' });
      equal(link.via, releaseAtLeast('5.15') ? 'bpf_link' : 'perf_ioctl');
      for (let i = 0; i < 10; i++) readFileSync('/proc/self/stat');
      equal(probe.count(), 10);
      link.close();
      readFileSync('/proc/self/stat');
      equal(probe.count(), 10);
    },
  },
  {
    name: 'a tracepoint hands its fields to the program',
    guestOnly: true,
    run() {
      const offset = Number(
        /int dfd;\s+offset:(\d+)/.exec(tracepointFormat('syscalls', 'sys_enter_openat'))?.[1] ?? 16,
      );
      using probe = new Probe((counter) => ({
        type: TRACEPOINT,
        code: code(
          { kind: 'load', size: 8, signed: false, dst: 6, src: 1, off: offset },
          call(HELPER.get_current_pid_tgid),
          shiftRight(0, 32),
          jump('ne', 0, process.pid, 3),
          mapValue(1, counter),
          store(8, 1, 0, 6),
          set(0, 0),
          exit,
        ),
      }));
      using _link = probe.attach({ kind: 'tracepoint', category: 'syscalls', name: 'sys_enter_openat' });
      readFileSync('/proc/self/stat');
      equal(BigInt.asIntN(32, BigInt(probe.count())), -100n); // AT_FDCWD
    },
  },
  {
    name: 'a cookie reaches the program',
    guestOnly: true,
    since: '5.15',
    run() {
      using probe = new Probe((counter) => ({
        type: TRACEPOINT,
        code: code(call(HELPER.get_attach_cookie), mapValue(1, counter), store(8, 1, 0, 0), set(0, 0), exit),
      }));
      using _link = probe.attach({ kind: 'tracepoint', category: 'syscalls', name: 'sys_enter_openat', cookie: 77n });
      readFileSync('/proc/self/stat');
      equal(probe.count(), 77);
    },
  },
  {
    name: 'an unknown tracepoint is answered with the nearest name',
    guestOnly: true,
    run() {
      using program = loadProgram({ name: 'nothing', type: TRACEPOINT, license: 'GPL', code: returns(0) });
      const error = thrown(() =>
        kernel().attach(program, { kind: 'tracepoint', category: 'syscalls', name: 'sys_enter_opnat' }),
      );
      equal(error.code, 'E5010');
      equal(error.exitCode, EXIT.kernelLacksFeature);
      match(error.message, /no tracepoint syscalls\/sys_enter_opnat/);
      equal(error.diagnostics[0]!.help, 'did you mean syscalls/sys_enter_openat?');
      ok(tracepointNames().length > 500);
      const outside = thrown(() => kernel().attach(program, { kind: 'tracepoint', category: '..', name: 'events' }));
      equal(outside.code, 'E5010');
    },
  },
  {
    name: 'a program that reads beyond the fields of the tracepoint is not attached',
    guestOnly: true,
    run() {
      using program = loadProgram({
        name: 'far',
        type: TRACEPOINT,
        license: 'GPL',
        code: code({ kind: 'load', size: 8, signed: false, dst: 0, src: 1, off: 512 }, set(0, 0), exit),
      });
      const error = thrown(() =>
        kernel().attach(program, { kind: 'tracepoint', category: 'syscalls', name: 'sys_enter_openat' }),
      );
      ok(/^E50/.test(error.code), error.message);
    },
  },
  {
    name: 'a raw tracepoint counts what this process does',
    run() {
      using probe = new Probe((counter) => ({ type: RAW_TRACEPOINT, code: countFor(process.pid, counter) }));
      using link = probe.attach({ kind: 'raw_tracepoint', name: 'task_newtask' });
      equal(link.info()?.programId, probe.program.info().id);
      spawnSync('/bin/true');
      const count = probe.count();
      ok(count >= 1, `${count} tasks`);
      link.close();
      spawnSync('/bin/true');
      equal(probe.count(), count);
    },
  },
  {
    name: 'an unknown raw tracepoint is answered with the nearest name',
    run() {
      using program = loadProgram({ name: 'nothing', type: RAW_TRACEPOINT, license: 'GPL', code: returns(0) });
      const error = thrown(() => kernel().attach(program, { kind: 'raw_tracepoint', name: 'sched_swich' }));
      equal(error.code, 'E5012');
      equal(error.diagnostics[0]!.help, 'did you mean sched_switch?');
    },
  },
  {
    name: 'a typed raw tracepoint (tp_btf) counts what this process does',
    run() {
      using probe = new Probe((counter) => ({
        type: TRACING,
        code: countFor(process.pid, counter),
        expectedAttachType: TRACE_RAW_TP,
        attachBtfId: attachTarget(TRACE_RAW_TP, 'task_newtask'),
      }));
      using link = probe.attach({ kind: 'tracing' });
      spawnSync('/bin/true');
      ok(probe.count() >= 1);
      ok(listLinks().some((one) => one.id === link.info()!.id));
    },
  },
  {
    name: 'a software clock samples this process only',
    run() {
      using probe = new Probe((counter) => ({ type: PERF_EVENT, code: countFor(process.pid, counter) }));
      using link = probe.attach({ kind: 'perf_event', event: 'cpu-clock', frequency: 1000, pid: process.pid });
      work(200);
      const count = probe.count();
      ok(count >= 5 && count < 2000, `${count} samples`);
      link.close();
    },
  },
  {
    name: 'a counter that the machine does not have is named',
    run() {
      using program = loadProgram({ name: 'nothing', type: PERF_EVENT, license: 'GPL', code: returns(0) });
      const error = thrown(() =>
        kernel().attach(program, {
          kind: 'perf_event',
          event: { type: 77777, config: 1 },
          period: 1,
          pid: process.pid,
        }),
      );
      match(error.message, /perf_event_open failed for perf event 77777:1/);
    },
  },
  ...(['native', 'generic'] as const).map((mode) => ({
    name: `XDP on a veth pair, ${mode}: sees packets, drops them, lets go`,
    run: () => xdp((program, device) => kernel().attach(program, { kind: 'xdp', device, mode })),
  })),
  {
    name: 'XDP over netlink, as on kernels without links',
    run: () => xdp((program, device) => kernel().attach(program, { kind: 'xdp', device, via: 'netlink' }), 'netlink'),
  },
  {
    name: 'an interface that is taken or unknown is an error with a remedy',
    run() {
      network();
      using program = loadProgram({ name: 'pass', type: XDP, license: 'GPL', code: returns(2) });
      const unknown = thrown(() => kernel().attach(program, { kind: 'xdp', device: 'skep9' }));
      equal(unknown.code, 'E5013');
      match(unknown.diagnostics[0]!.help!, /did you mean skep[01]\?/);
      throws(() => kernel().attach(program, { kind: 'xdp', device: 'a-name-that-is-too-long' }), /E5013/);
      using _first = kernel().attach(program, { kind: 'xdp', device: 'skep0', mode: 'generic' });
      const busy = thrown(() => kernel().attach(program, { kind: 'xdp', device: 'skep0', mode: 'generic' }));
      match(busy.message, /BPF_LINK_CREATE failed for xdp skep0: EBUSY/);
    },
  },
  {
    name: 'a ring buffer brings records of another program run as they happen',
    async run() {
      using map = createMap({ name: 'events', type: RINGBUF, keySize: 0, valueSize: 0, maxEntries: 1 << 16 });
      using program = loadProgram({
        name: 'forks',
        type: RAW_TRACEPOINT,
        license: 'GPL',
        code: code(
          call(HELPER.get_current_pid_tgid),
          shiftRight(0, 32),
          jump('ne', 0, process.pid, 11),
          mapFd(1, map.fd),
          set(2, 8),
          set(3, 0),
          call(HELPER.ringbuf_reserve),
          jump('eq', 0, 0, 5),
          set(1, 4711),
          store(8, 0, 0, 1),
          { kind: 'alu', op: 'mov', width: 64, dst: 1, src: { kind: 'reg', reg: 0 } },
          set(2, 0),
          call(HELPER.ringbuf_submit),
          set(0, 0),
          exit,
        ),
      });
      using _link = kernel().attach(program, { kind: 'raw_tracepoint', name: 'task_newtask' });
      using ring = new RingBuffer(map);
      let received = 0;
      setTimeout(() => spawnSync('/bin/true'), 100); // long enough for the reader to sleep
      for await (const batch of ring.batches({
        decode: (data, at, length) => [data.getUint32(at, true), length],
        signal: AbortSignal.timeout(30_000),
      })) {
        for (const [value, length] of batch) {
          equal(value, 4711);
          equal(length, 8);
        }
        received += batch.length;
        if (received > 0) break;
      }
      ok(received > 0, 'no record came');
    },
  },
  {
    name: 'a perf buffer brings what fits and counts what it lost',
    guestOnly: true, // which has one CPU, so that all records go through one ring
    run() {
      using map = createMap({ name: 'events', type: PERF_EVENT_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
      using counters = createMap({ name: 'counters', type: ARRAY, keySize: 4, valueSize: 16, maxEntries: 1 });
      const bytes = perfWriter(map.fd, counters.fd);
      using writer = loadProgram({ name: 'writer', type: XDP, license: 'GPL', code: bytes });
      using buffer = new PerfBuffer(map, { pages: 1 });
      const write = (repeat: number) => writer.testRun({ data: new Uint8Array(64), repeat });
      write(1000);
      let received = buffer.drain(() => {});
      // Before 6.0 the kernel tells of losses in front of the next record.
      write(1);
      received += buffer.drain(() => {});
      const counted = new DataView(counters.lookup(new Uint8Array(4))!.buffer);
      equal(received, Number(counted.getBigUint64(0, true)));
      equal(buffer.lost, Number(counted.getBigUint64(8, true)));
      ok(buffer.lost > 500, `${buffer.lost} lost`);
    },
  },
  {
    name: 'a killed process leaves nothing behind',
    async run() {
      const child = spawn(process.execPath, [process.argv[1]!, 'hold'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [programId, linkId] = await new Promise<number[]>((resolve, reject) => {
        child.stdout.once('data', (line) => resolve(JSON.parse(String(line))));
        child.once('exit', () => reject(new Error('the holder did not start')));
      });
      ok(listPrograms().some((one) => one.id === programId));
      ok(listLinks().some((one) => one.id === linkId));
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      // The kernel frees programs after a grace period.
      ok(await until(() => !listPrograms().some((one) => one.id === programId)), 'the program is still there');
      ok(!listLinks().some((one) => one.id === linkId), 'the link is still there');
    },
  },
  {
    name: 'a container uses the rights that its bpffs lends (a token)',
    guestOnly: true,
    since: '6.9',
    async run() {
      const child = spawn(
        'unshare',
        ['--user', '--map-root-user', '--mount', process.execPath, process.argv[1]!, 'contained'],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      const said = async () => JSON.parse(String((await lines.next()).value));
      const { context, refused } = await said();
      equal(refused, 'E5002');
      lend(child.pid!, context);
      child.stdin.end('lent');
      deepEqual(await said(), { map: true, program: true, type: 6 });
    },
  },
  {
    name: 'a process that has attached gives up the rights that it does not need, and goes on',
    run() {
      const { status, stdout, stderr } = spawnSync(process.execPath, [process.argv[1]!, 'drop'], { encoding: 'utf8' });
      equal(status, 0, stderr);
      const { before, after, read, remove, mount, child } = JSON.parse(stdout);
      deepEqual({ read, remove, mount }, { read: true, remove: true, mount: -1 }); // EPERM
      const KEPT = (1n << 2n) | (1n << 12n) | (1n << 19n) | (1n << 34n) | (1n << 38n) | (1n << 39n);
      equal(BigInt(`0x${after}`), BigInt(`0x${before}`) & KEPT);
      equal(child, after); // of a command that it starts, though it is the superuser's
    },
  },
  {
    name: 'memory that the kernel shows read-only cannot be written by way of ours',
    run() {
      using map = createMap({ name: 'events', type: RINGBUF, keySize: 0, valueSize: 0, maxEntries: 1 << 16 });
      using counters = createMap({ name: 'counters', type: ARRAY, keySize: 4, valueSize: 16, maxEntries: 1 });
      const writer = { name: 'writer', type: XDP, license: 'GPL', code: ringWriter(map.fd, counters.fd) };
      using program = loadProgram(writer);
      program.testRun({ data: new Uint8Array(64), repeat: 3 });
      using ring = new RingBuffer(map);
      const seen = ring.drainBatches(({ memory }) => {
        for (const one of [memory, memory.view]) {
          Object.assign(one, { 0: 1 }); // a property of the object, and nothing of the memory
          for (const name of ['buffer', 'set', 'fill', 'setInt8', 'setBigUint64', 'copyWithin'])
            ok(!(name in one), `${name} can be reached`);
        }
      });
      equal(seen, 3);
      program.testRun({ data: new Uint8Array(64) });
      ring.drain((data) => ok(!('setUint8' in data) && !('buffer' in data)));
    },
  },
  {
    name: 'the doctor finds all features that a kernel of this version has',
    run() {
      const report = doctor();
      ok(report.permitted.ok);
      for (const { name, ok: there, since, config, detail } of report.features) {
        if (name === 'tracefs' || name === 'cgroup2') continue;
        // Not before its time, and not in every kernel after it.
        if (config !== undefined && (!there || releaseAtLeast(since!))) continue;
        // A probe that says no on a kernel that has it would hide as a skipped test elsewhere.
        equal(there, since === undefined || releaseAtLeast(since), `${name}: ${detail ?? ''}`);
      }
    },
  },
  {
    name: 'many maps and programs fit, also where they count against RLIMIT_MEMLOCK',
    run() {
      const maps = Array.from({ length: 40 }, (_, i) =>
        createMap({ name: `map${i}`, type: ARRAY, keySize: 4, valueSize: 4096, maxEntries: 16 }),
      );
      for (const map of maps) map.close();
    },
  },
];

/** What must also work where tracefs is not mounted: it is reached by a mount that nobody else sees. */
export const WITHOUT_TRACEFS: readonly Check[] = [
  {
    name: 'tracefs is reached without mounting it for others',
    run() {
      deepEqual(readdirSync('/sys/kernel/tracing'), []);
      ok(tracepointNames().includes('syscalls/sys_enter_openat'));
      deepEqual(readdirSync('/sys/kernel/tracing'), []);
      ok(!/tracefs/.test(readFileSync('/proc/self/mounts', 'utf8')));
      equal(doctor().features.find((one) => one.name === 'tracefs')!.ok, true);
    },
  },
  ...CHECKS.filter((check) => /tracepoint/.test(check.name)),
];

/** Attaches by netlink, drops rights, reads, and takes back what it attached. */
export function drop(): void {
  const capabilities = () => /^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))![1];
  using map = createMap({ name: 'counted', type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
  network();
  using program = loadProgram({ name: 'tc', type: 3, license: 'GPL', code: returns(0) });
  const link = kernel().attach(program, { kind: 'tc', device: 'skep1', direction: 'egress', via: 'netlink' });
  const before = capabilities();
  ok(dropRights());
  const read = map.lookup(new Uint8Array(4)) !== undefined;
  link.close();
  const filters = spawnSync('tc', ['filter', 'show', 'dev', 'skep1', 'egress'], { encoding: 'utf8' }).stdout;
  const path = new TextEncoder().encode('/tmp\0');
  const mount = native().syscall(SYSCALLS.x86_64['chroot']!, native().address(path));
  const status = spawnSync('cat', ['/proc/self/status'], { encoding: 'utf8' }).stdout;
  const child = /^CapEff:\s*(\w+)/m.exec(status)![1];
  const remove = filters === '';
  process.stdout.write(JSON.stringify({ before, after: capabilities(), read, remove, mount, child }));
}

/** Lets the file system that process `pid` is about to make lend all rights: only who has them may say so. */
function lend(pid: number, context: number): void {
  const FSCONFIG_SET_STRING = 1;
  const FSCONFIG_CMD_CREATE = 6;
  const process = rawCall('pidfd_open', pid, 0);
  const fd = rawCall('pidfd_getfd', process, context, 0);
  const text = (value: string) => new TextEncoder().encode(`${value}\0`);
  for (const what of ['cmds', 'maps', 'progs', 'attachs']) {
    equal(rawCall('fsconfig', fd, FSCONFIG_SET_STRING, text(`delegate_${what}`), text('any'), 0), 0);
  }
  equal(rawCall('fsconfig', fd, FSCONFIG_CMD_CREATE, 0, 0, 0), 0);
  for (const one of [process, fd]) rawCall('close', one);
}

/** In a user namespace of its own: refused first, and then by a token. */
export async function contained(): Promise<void> {
  const make = () => createMap({ name: 'mine', type: ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
  process.env['LIBBPF_BPF_TOKEN_PATH'] = '/nonexistent';
  const refused = thrown(make).code;
  const context = native().syscall(SYSCALLS.x86_64['fsopen']!, native().address(new TextEncoder().encode('bpf\0')), 0);
  process.stdout.write(`${JSON.stringify({ context, refused })}\n`);
  await once(process.stdin.resume(), 'end');
  const mount = rawCall('fsmount', context, 0, 0);
  process.env['LIBBPF_BPF_TOKEN_PATH'] = `/proc/self/fd/${mount}`;
  using map = make();
  using program = loadProgram({ name: 'mine', type: XDP, license: 'GPL', code: returns(2) });
  process.stdout.write(`${JSON.stringify({ map: map.fd > 0, program: program.fd > 0, type: program.type })}\n`);
}

/** Attaches, says so, and waits to be killed. */
export function hold(): void {
  const program = loadProgram({ name: 'held', type: RAW_TRACEPOINT, license: 'GPL', code: returns(0) });
  const link = kernel().attach(program, { kind: 'raw_tracepoint', name: 'task_rename' });
  process.stdout.write(`${JSON.stringify([program.info().id, link.info()!.id])}\n`);
  setInterval(() => {}, 1 << 30);
}

/** What somebody without rights is told, as JSON. */
export function unprivileged(): void {
  const errors = [
    thrown(() => createMap({ name: 'mine', type: 1, keySize: 4, valueSize: 4, maxEntries: 1 })),
    thrown(() => loadProgram({ name: 'mine', type: TRACEPOINT, license: 'GPL', code: returns(0) })),
  ];
  const tracepoint = thrown(() => tracepointId('syscalls', 'sys_enter_openat'));
  const told = [...errors, tracepoint].map(({ code, exitCode, errnoName, diagnostics }) => ({
    code,
    exitCode,
    errnoName,
    diagnostics,
  }));
  process.stdout.write(JSON.stringify({ errors: told, permitted: doctor().permitted }));
}

/** A program with one counter. */
class Probe {
  readonly program: Program;
  private readonly counter: BpfMap;

  constructor(
    make: (counter: number) => { type: number; code: Uint8Array; expectedAttachType?: number; attachBtfId?: number },
  ) {
    this.counter = createMap({ name: 'counter', type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
    try {
      this.program = loadProgram({ name: 'probe', license: 'GPL', ...make(this.counter.fd) });
    } catch (error) {
      this.counter.close();
      throw error;
    }
  }

  attach(hook: Hook): Link {
    return kernel().attach(this.program, hook);
  }

  count(): number {
    return Number(new DataView(this.counter.lookup(new Uint8Array(4))!.buffer).getBigInt64(0, true));
  }

  [Symbol.dispose](): void {
    this.program.close();
    this.counter.close();
  }
}

/** Drops and counts frames with our EtherType-independent mark: 14 + 20 + 8 + 333 bytes long. */
async function xdp(attach: (program: Program, device: string) => Link, via: Link['via'] = 'bpf_link'): Promise<void> {
  network();
  const PAYLOAD = 333;
  const FRAME = 14 + 20 + 8 + PAYLOAD;
  using probe = new Probe((counter) => ({
    type: XDP,
    code: code(
      { kind: 'load', size: 4, signed: false, dst: 2, src: 1, off: 0 },
      { kind: 'load', size: 4, signed: false, dst: 3, src: 1, off: 4 },
      { kind: 'alu', op: 'sub', width: 64, dst: 3, src: { kind: 'reg', reg: 2 } },
      jump('ne', 3, FRAME, 6),
      mapValue(1, counter),
      set(2, 1),
      { kind: 'atomic', op: 'add', fetch: false, size: 8, dst: 1, off: 0, src: 2 },
      set(0, 1), // XDP_DROP
      exit,
      set(0, 2), // XDP_PASS
      exit,
    ),
  }));
  const link = attach(probe.program, 'skep0');
  equal(link.via, via);
  await sendPackets(5, PAYLOAD);
  await until(() => probe.count() >= 5);
  equal(probe.count(), 5);
  link.close();
  await sendPackets(3, PAYLOAD);
  equal(probe.count(), 5);
}

function thrown(run: () => unknown): KernelError {
  try {
    run();
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
